"""A call in flight: the reply slot that travels with the message, and the walk that finds calling cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from exphil_rt.actor.errors import CallingCycle, CallTimeout
from exphil_rt.errors import ExphilError

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.loop import Event
    from exphil_rt.actor.timers import Timer


class NoReply:
    """Type of NO_REPLY."""


NO_REPLY = NoReply()
"""What a handle_call returns that will ``reply`` later."""


class Refused(msgspec.Struct, frozen=True):
    """What a handle_call returns to have ``error`` raised in the caller, without ending the callee."""

    error: ExphilError


class From:
    """Who waits for a reply, and where the reply goes. Handlers pass it on; only the kernel looks inside."""

    __slots__ = ("_error", "_event", "_value", "callee", "done", "message", "timer")

    def __init__(self, message: Any, callee: Cell) -> None:
        self.message = message
        self.callee = callee
        self.done = False
        self.timer: Timer | None = None
        self._event: Event | None = None
        self._value: Any = None
        self._error: Exception | None = None

    def __deepcopy__(self, memo: Any) -> From:
        return self  # a copy of a state holds the same handle

    def resolve(self, value: Any) -> bool:
        """Give the reply; False where nobody waits any more."""
        if self.done:
            return False
        if type(value) is Refused:
            return self.fail(value.error)
        self._value = value
        self.settle()
        return True

    def fail(self, error: Exception) -> bool:
        """Raise ``error`` in the caller; False where nobody waits any more."""
        if self.done:
            return False
        self._error = error
        self.settle()
        return True

    def expire(self, timeout: float) -> None:
        """The deadline passed."""
        self.fail(CallTimeout(self.callee.label, type(self.message).__name__, timeout))

    def settle(self) -> None:
        """From here on a reply is late; wakes the caller."""
        self.done = True
        self.callee.open_calls.discard(self)
        if self.timer is not None:
            self.timer.cancel()
        if self._event is not None:
            self._event.set()

    async def outcome(self) -> Any:
        """Wait for the reply and return or raise it."""
        if not self.done:
            self._event = self.callee.runtime.loop.event()
            await self._event.wait()
        if self._error is not None:
            raise self._error
        return self._value


def check_cycle(caller: Cell, callee: Cell) -> None:
    """Raise CallingCycle if ``callee`` is, or waits (through others) for, ``caller``."""
    if callee is caller:
        raise CallingCycle((caller.label, caller.label))
    if callee.waiting_on:
        path = _path_to(callee, caller, [caller.label], set())
        if path is not None:
            raise CallingCycle(path)


def _path_to(cell: Cell, goal: Cell, path: list[str], seen: set[int]) -> list[str] | None:
    path = [*path, cell.label]
    for waited in cell.waiting_on:
        if waited is goal:
            return [*path, goal.label]
        if waited.number not in seen:
            seen.add(waited.number)
            found = _path_to(waited, goal, path, seen)
            if found is not None:
                return found
    return None
