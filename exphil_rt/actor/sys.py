"""OTP's ``sys``: look into and hold any actor. Served before every other message, also by a suspended actor.

An actor in the middle of a handler answers when that is through; the caller's deadline bounds the wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from exphil_rt.actor.calls import From
from exphil_rt.actor.context import running_runtime
from exphil_rt.actor.pid import Target

if TYPE_CHECKING:
    from exphil_rt.actor.genserver import GenServer


class SystemRequest:
    """A system message: an operation on the actor, whose result is the reply."""

    __slots__ = ("operation", "sender")

    def __init__(self, sender: From, operation: Callable[[GenServer[Any]], Any]) -> None:
        self.sender = sender
        self.operation = operation

    def serve(self, actor: GenServer[Any]) -> None:
        """Do it; an exception is the caller's, not the actor's."""
        if self.sender.done:
            return
        try:
            self.sender.resolve(self.operation(actor))
        except Exception as error:
            self.sender.fail(error)


class ActorStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one incarnation; ``uptime_s`` in seconds, the rest in messages."""

    uptime_s: float
    handled: int
    waiting: int
    dropped: int
    unknown: int
    suspended: bool
    os_pid: int


def statistics_of(actor: GenServer[Any]) -> ActorStatistics:
    """The counts of an actor, without asking it."""
    cell = actor._cell
    return ActorStatistics(
        uptime_s=cell.runtime.loop.now() - cell.started_at,
        handled=cell.handled,
        waiting=len(cell.mailbox),
        dropped=cell.mailbox.dropped,
        unknown=cell.unknown,
        suspended=cell.suspended,
        os_pid=actor.os_pid,
    )


async def get_state(target: Target, timeout: float = 5.0) -> Any:
    """The actor's state: the object itself, so do not change it."""
    return await _ask(target, lambda actor: actor.state, timeout)


async def replace_state(target: Target, function: Callable[[Any], Any], timeout: float = 5.0) -> Any:
    """Set the state to ``function(state)`` and return it; what the function raises is raised here."""

    def operation(actor: GenServer[Any]) -> Any:
        actor.state = function(actor.state)
        return actor.state

    return await _ask(target, operation, timeout)


async def suspend(target: Target, timeout: float = 5.0) -> None:
    """Have the actor serve nothing but system messages."""
    await _ask(target, lambda actor: setattr(actor._cell, "suspended", True), timeout)


async def resume(target: Target, timeout: float = 5.0) -> None:
    """Undo ``suspend``."""
    await _ask(target, lambda actor: setattr(actor._cell, "suspended", False), timeout)


async def statistics(target: Target, timeout: float = 5.0) -> ActorStatistics:
    """The actor's counts."""
    return await _ask(target, statistics_of, timeout)  # type: ignore[no-any-return]


async def trace(target: Target, timeout: float = 5.0) -> tuple[Any, ...]:
    """The last messages that the actor handled, newest last."""
    return await _ask(target, lambda actor: tuple(actor._cell.recent or ()), timeout)  # type: ignore[no-any-return]


async def _ask(target: Target, operation: Callable[[GenServer[Any]], Any], timeout: float) -> Any:
    return await running_runtime().request(target, operation, timeout)
