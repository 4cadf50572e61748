"""Crew: threads that do a share each of what the caller's thread does too.

For work of less than a millisecond, where a pool of futures costs as much as it gains. What the shares are, and that a
late thread finds nothing left of an old one, is the work's own affair.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from exphil_rt.errors import ExphilError

DEADLINE_S: Final = 60.0
"""A share takes milliseconds; a thread that needs longer than this is stuck."""

Work = Callable[[int], bool]


class CrewStuck(ExphilError):
    """A thread did not end its share of the work."""


class Crew:
    """Helping threads, numbered from 1; the caller is 0.

    Args:
        helpers: how many.
    """

    def __init__(self, helpers: int) -> None:
        self._queues: list[SimpleQueue[Work | None]] = [SimpleQueue() for _ in range(helpers)]
        threads = [
            threading.Thread(target=_help, args=(number, queue), name=f"crew-{number}", daemon=True)
            for number, queue in enumerate(self._queues, 1)
        ]
        for thread in threads:
            thread.start()
        self.close = weakref.finalize(self, _end, self._queues, threads)
        """End the threads, at the latest with the crew itself. Safe to call twice."""

    def work(self, work: Work) -> None:
        """Call ``work(number)`` in every thread, until the caller's own call says that all is done.

        Args:
            work: does a share of the work or what is left of others; says whether no share is left undone.

        Raises:
            CrewStuck: when a thread began a share and does not end it.
        """
        for queue in self._queues:
            queue.put(work)
        if work(0):
            return
        deadline = time.monotonic() + DEADLINE_S
        while not work(0):
            if time.monotonic() > deadline:
                raise CrewStuck(f"A thread has not ended its share in {DEADLINE_S:.0f} s.", hint="Start again.")
            time.sleep(0.0001)


def _help(number: int, queue: SimpleQueue[Work | None]) -> None:
    while True:
        work = queue.get()
        if work is None:
            return
        work(number)
        del work  # keeps nothing alive while it waits


def _end(queues: list[SimpleQueue[Work | None]], threads: list[threading.Thread]) -> None:
    for queue in queues:
        queue.put(None)
    for thread in threads:
        if thread is not threading.current_thread():  # which may have held the last share of a crew nobody holds
            thread.join(DEADLINE_S)
