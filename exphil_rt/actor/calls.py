"""A call in flight: the reply slot that travels with the message, and the walk that finds calling cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from exphil_rt.actor.errors import CallingCycle, CallTimeout
from exphil_rt.errors import ExphilError

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.loop import Event
    from exphil_rt.actor.timers import Timer


class Waiter(Protocol):
    """What may wait in a call: a cell, or an answering task."""

    @property
    def label(self) -> str:
        """A name for people."""

    @property
    def waiting_on(self) -> list[Any]:
        """The waiters that it waits for now."""


class AnsweringTask:
    """The task that was left to answer a call: who waits for the reply waits for this, not for the actor's loop."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.waiting_on: list[Any] = []


class NoReply:
    """Type of NO_REPLY."""


NO_REPLY = NoReply()
"""What a handle_call returns that will ``reply`` later."""


class Refused(msgspec.Struct, frozen=True):
    """What a handle_call returns to have ``error`` raised in the caller, without ending the callee."""

    error: ExphilError


class From:
    """Who waits for a reply, and where the reply goes. Handlers pass it on; only the kernel looks inside."""

    __slots__ = ("_error", "_event", "_value", "callee", "caller", "done", "holder", "message", "timer")

    def __init__(self, message: Any, callee: Cell) -> None:
        self.message = message
        self.callee = callee
        self.caller: Waiter | None = None
        self.holder: Waiter = callee
        """Who owes the reply now."""
        self.done = False
        self.timer: Timer | None = None
        self._event: Event | None = None
        self._value: Any = None
        self._error: Exception | None = None

    def __deepcopy__(self, memo: Any) -> From:
        return self  # a copy of a state holds the same handle

    def hand_to(self, holder: Waiter) -> None:
        """Somebody else owes the reply from here on; fails the call if that one waits for its caller."""
        if self.done:
            return
        caller = self.caller
        if caller is not None:
            caller.waiting_on.remove(self.holder)
            caller.waiting_on.append(holder)
        self.holder = holder
        if caller is not None:
            try:
                check_cycle(caller, holder)
            except CallingCycle as cycle:
                self.fail(cycle)

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
        self.callee.owe_no_more(self)
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


def check_cycle(caller: Waiter, callee: Waiter) -> None:
    """Raise CallingCycle if ``callee`` is, or waits (through others) for, ``caller``."""
    if callee is caller:
        raise CallingCycle((caller.label, caller.label))
    if callee.waiting_on:
        path = _path_to(callee, caller, [caller.label], set())
        if path is not None:
            raise CallingCycle(path)


def _path_to(waiter: Waiter, goal: Waiter, path: list[str], seen: set[int]) -> list[str] | None:
    path = [*path, waiter.label]
    for waited in waiter.waiting_on:
        if waited is goal:
            return [*path, goal.label]
        if id(waited) not in seen:
            seen.add(id(waited))
            found = _path_to(waited, goal, path, seen)
            if found is not None:
                return found
    return None
