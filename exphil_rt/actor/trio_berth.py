"""How an actor's task sleeps on trio: without an event, whose waiting costs seven objects an actor more.

Only imported where trio runs; the like for asyncio is in ``loop``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from trio.lowlevel import Abort, RaiseCancelT, Task, current_task, reschedule, wait_task_rescheduled


class TrioBerth:
    """See ``loop.Berth``."""

    __slots__ = ("_task", "asleep")

    def __init__(self) -> None:
        self.asleep = False
        self._task: Task | None = None

    def sleep(self) -> Awaitable[Any]:
        """Sleep until ``wake``, or until cancelled."""
        self.asleep = True
        self._task = current_task()
        return wait_task_rescheduled(self._abort)  # noqa: ASYNC105 - the mailbox's owner awaits it

    def wake(self) -> None:
        """Wake the task; only while it is asleep."""
        assert self._task is not None
        self.asleep = False
        reschedule(self._task)

    def _abort(self, raise_cancel: RaiseCancelT) -> Abort:
        self.asleep = False  # who is being cancelled must not be woken besides
        return Abort.SUCCEEDED
