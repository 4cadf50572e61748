"""OTP's ``sys``: look into, hold and change any actor. Served before every other message, also by a suspended actor.

An actor in the middle of a handler answers when that is through; the caller's deadline bounds the wait.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from exphil_rt.actor.calls import From
from exphil_rt.actor.cell import Cell, ParentExit
from exphil_rt.actor.context import running_runtime
from exphil_rt.actor.errors import CodeChangeFailed, NotSuspended
from exphil_rt.actor.pid import Pid, Target
from exphil_rt.actor.reasons import ExitReason, Normal
from exphil_rt.actor.specs import Kind

if TYPE_CHECKING:
    from exphil_rt.actor.genserver import GenServer


class SystemRequest:
    """A system message: an operation on the actor, whose result is the reply."""

    __slots__ = ("operation", "sender")

    def __init__(self, sender: From, operation: Callable[[GenServer[Any]], Any]) -> None:
        self.sender = sender
        self.operation = operation

    async def serve(self, actor: GenServer[Any]) -> None:
        """Do it; an exception is the caller's, not the actor's."""
        if self.sender.done:
            return
        try:
            value = self.operation(actor)
            self.sender.resolve(await value if inspect.isawaitable(value) else value)
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


class ActorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of one incarnation (OTP's ``get_status``)."""

    pid: Pid
    name: str
    path: str
    """Slash-joined ids from the root: its own and its supervisors'."""
    start: type
    """The actor's class."""
    vsn: Any
    kind: Kind
    suspended: bool
    trap_exit: bool
    state: Any
    """As ``format_status`` shows it."""
    links: tuple[Pid, ...]
    monitors: tuple[Pid, ...]
    """Whom it monitors."""
    trace: tuple[Any, ...]
    """The last messages that it handled, newest last."""
    statistics: ActorStatistics


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


def status_of(actor: GenServer[Any]) -> ActorStatus:
    """The status of an actor, without asking it."""
    cell = actor._cell
    return ActorStatus(
        pid=cell.pid,
        name=cell.label,
        path=cell.path,
        start=type(actor),
        vsn=actor.vsn,
        kind=actor.kind,
        suspended=cell.suspended,
        trap_exit=actor.trap_exit,
        state=actor.format_status(actor.state),
        links=tuple(peer.pid for peer in cell.links or ()),
        monitors=tuple(watched.pid for watched in (cell.watching or {}).values()),
        trace=tuple(cell.recent or ()),
        statistics=statistics_of(actor),
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


async def get_status(target: Target, timeout: float = 5.0) -> ActorStatus:
    """The actor's class, state, links, monitors, last messages and counts."""
    return await _ask(target, status_of, timeout)  # type: ignore[no-any-return]


async def suspend(target: Target, timeout: float = 5.0) -> None:
    """Have the actor serve nothing but system messages."""
    await _ask(target, lambda actor: setattr(actor._cell, "suspended", True), timeout)


async def resume(target: Target, timeout: float = 5.0) -> None:
    """Undo ``suspend``."""
    await _ask(target, lambda actor: setattr(actor._cell, "suspended", False), timeout)


async def terminate(target: Target, reason: ExitReason | None = None, timeout: float = 5.0) -> None:
    """Have the actor end with ``reason`` (Normal by default), as if it had raised Stop; returns when it begins to.

    Its supervisor restarts it by its restart type; ``terminate_child`` is what keeps a child stopped.
    """
    stop = ParentExit(Normal() if reason is None else reason)
    await _ask(target, lambda actor: actor._cell.mailbox.put_system(stop, first=True), timeout)


async def statistics(target: Target, timeout: float = 5.0) -> ActorStatistics:
    """The actor's counts."""
    return await _ask(target, statistics_of, timeout)  # type: ignore[no-any-return]


async def trace(target: Target, keep: int | None = None, timeout: float = 5.0) -> tuple[Any, ...]:
    """The last messages that the actor handled, newest last; of a supervisor one line each.

    Args:
        keep: how many are kept from now on (16 where it was never said, 0 for none).
    """

    def operation(actor: GenServer[Any]) -> tuple[Any, ...]:
        cell = actor._cell
        if keep is not None:
            cell.recent = deque(cell.recent or (), keep)
        return tuple(cell.recent or ())

    return await _ask(target, operation, timeout)  # type: ignore[no-any-return]


async def change_code(target: Target, new: type[GenServer[Any]], extra: Any = None, timeout: float = 5.0) -> None:
    """Make a suspended actor one of class ``new``, with the state that ``new.code_change`` makes of a copy of its own.

    All or nothing: on an error the actor is as before. A restart starts the new class. A supervisor runs its ``init``
    again: flags and specifications are replaced, running children kept, new ones not started, missing ones not
    stopped; Ignore() changes no more than the class.

    Raises:
        NotSuspended. CodeChangeFailed: ``code_change`` raised or took longer than ``timeout``, or ``new`` cannot follow
            the actor's class.
    """

    async def operation(actor: GenServer[Any]) -> None:
        cell = actor._cell
        if not cell.suspended:
            raise NotSuspended(cell.label)
        with anyio.CancelScope(deadline=cell.runtime.loop.now() + timeout) as scope:
            await _become(actor, new, extra)
        if scope.cancelled_caught:  # and so will not happen behind the back of a caller that gave up
            raise CodeChangeFailed(cell.label, f"it took longer than {timeout:g} s")
        cell.mailbox.capacity, cell.mailbox.overflow = new.mailbox.capacity, new.mailbox.overflow
        _restart_with(cell, new)

    await _ask(target, operation, timeout)


async def _become(actor: GenServer[Any], new: type[GenServer[Any]], extra: Any) -> None:
    old, attributes = type(actor), dict(vars(actor))
    try:
        family = getattr(new, "_family", lambda: None)()
        if family is not old._family():
            raise TypeError(f"{getattr(new, '__name__', new)} is not a kind of {old._family().__name__}")
        actor.__class__ = new
        actor.state = await actor._change_code(old.vsn, extra)
    except BaseException as error:
        actor.__class__ = old
        vars(actor).clear()
        vars(actor).update(attributes)
        if isinstance(error, Exception):
            raise CodeChangeFailed(actor._cell.label, f"{type(error).__name__}: {error}") from error
        raise


def _restart_with(cell: Cell, new: type[GenServer[Any]]) -> None:
    """Have the supervisor start the new class when it restarts this child."""
    if cell.parent is not None:
        cell.parent.actor._child_changed(cell, new)


async def _ask(target: Target, operation: Callable[[GenServer[Any]], Any | Awaitable[Any]], timeout: float) -> Any:
    return await running_runtime().request(target, operation, timeout)
