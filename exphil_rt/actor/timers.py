"""One task that runs every deadline of a runtime: call timeouts, ``send_after``, kill escalation.

A cancel scope a call was measured to cost more than the call; a push on a heap does not.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Any, Final

import anyio
import structlog

from exphil_rt.actor.loop import Event, Loop

_log = structlog.get_logger(__name__)
_COMPACT_FROM: Final = 1024
"""Cancelled timers that are kept before the heap is built anew: rarely, so that few calls pay for it."""


class Timer:
    """A callback that is due; ``cancel`` forgets it."""

    __slots__ = ("_callback", "_queue", "when")

    def __init__(self, when: float, callback: Callable[[], None], queue: TimerQueue) -> None:
        self.when = when
        self._callback: Callable[[], None] | None = callback
        self._queue = queue

    def __deepcopy__(self, memo: Any) -> Timer:
        return self  # a copy of a state holds the same handle

    @property
    def pending(self) -> bool:
        """Whether it has neither fired nor been cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """Forget the callback; harmless after it fired."""
        if self._callback is not None:
            self._callback = None
            self._queue.forget(self)

    def fire(self) -> None:
        """Run the callback once."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class TimerQueue:
    """Deadlines of one runtime in a heap, served by ``run``."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._cancelled = 0
        self._wake: Event | None = None
        self._closed = False

    def at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Have ``callback`` called at loop time ``when``; it must not block and may not raise."""
        timer = Timer(when, callback, self)
        if when == math.inf:
            return timer
        heap = self._heap
        self._count += 1
        heapq.heappush(heap, (when, self._count, timer))
        if self._wake is not None and heap[0][2] is timer:
            self._wake.set()
        return timer

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Have ``callback`` called in ``seconds``."""
        return self.at(self._loop.now() + seconds, callback)

    def forget(self, timer: Timer) -> None:
        """Count a cancelled timer, and drop the cancelled ones when they are the larger half."""
        if timer.when == math.inf:  # never was in the heap
            return
        self._cancelled += 1
        if self._cancelled > _COMPACT_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].pending]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def close(self) -> None:
        """Let ``run`` return; what is pending never fires."""
        self._closed = True
        if self._wake is not None:
            self._wake.set()

    async def run(self) -> None:
        """Serve deadlines until ``close``; shielded, since an orderly stop after a cancellation needs them."""
        with anyio.CancelScope(shield=True):
            while not self._closed:
                self._fire_due()
                self._wake = self._loop.event()
                when = self._heap[0][0] if self._heap else math.inf
                with anyio.CancelScope(deadline=when):
                    await self._wake.wait()
                self._wake = None

    def _fire_due(self) -> None:
        now = self._loop.now()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            if not timer.pending:
                self._cancelled = max(0, self._cancelled - 1)
                continue
            try:
                timer.fire()
            except Exception:
                _log.exception("timer_failed")
