"""What an actor's task does from start to end. The only place where a child's fate is decided.

Nothing raised in an actor leaves its task: the outcome becomes an ExitReason and the cell is buried with it. Scopes
are shielded, so a cancellation from outside reaches the runtime's body first, which then stops the tree in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import anyio
import structlog
from anyio.lowlevel import checkpoint

from exphil_rt.actor.calls import NO_REPLY, AnsweringTask, From
from exphil_rt.actor.cell import KILL_GRACE_S, ParentExit
from exphil_rt.actor.context import current_cell, current_waiter, set_runtime
from exphil_rt.actor.errors import NoHandler
from exphil_rt.actor.outcomes import Continue, Extra, Ignore, Stop
from exphil_rt.actor.pid import Timeout
from exphil_rt.actor.reasons import Crash, ExitReason, Killed, Normal, Shutdown, crash_of
from exphil_rt.actor.reports import CrashReport
from exphil_rt.actor.specs import DEFAULT_SHUTDOWN_S
from exphil_rt.actor.sys import SystemRequest
from exphil_rt.actor.zombies import abandonable, outlast_task_groups

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.genserver import GenServer

_log = structlog.get_logger(__name__)
_BATCH: Final = 64
"""Messages handled between two checkpoints."""
ORPHAN_GRACE_S: Final = 5.0
"""Most that the children of a killed supervisor get to end in order."""


async def run_actor(cell: Cell) -> None:
    """The task of one incarnation."""
    cell.coroutine = life = _life(cell)
    try:
        if not await abandonable(life, cell):
            await _lay_to_rest(cell)
    finally:
        cell.coroutine = None
        cell.runtime.remove_zombie(cell)


async def _lay_to_rest(cell: Cell) -> None:
    """Its coroutine was abandoned in the middle of something."""
    with anyio.CancelScope(shield=True):
        cell.runtime.add_zombie(cell)
        cell.killed = True
        await cell.end_tasks()
        await _end_orphans(cell)
        cell.bury(Killed())
        await outlast_task_groups(cell.runtime.closing)


async def _life(cell: Cell) -> None:
    current_cell.set(cell)
    current_waiter.set(cell)
    set_runtime(cell.runtime)
    reason: ExitReason = Killed()
    try:
        reason = await _live(cell)
        if cell.had_started:
            cell.begin_end(reason)
        await cell.end_tasks()
        if cell.had_started and not cell.killed and cell.actor._has_finish():
            reason = await _terminate(cell, reason)
        if cell.busy_ending:
            with anyio.CancelScope(shield=True):
                await _end_orphans(cell)
                await cell.end_tasks()
    finally:
        cell.bury(reason)


async def _live(cell: Cell) -> ExitReason:
    actor = cell.actor
    try:
        with cell.scope:
            args, cell.args = cell.args, None
            outcome = await actor._start(args)
            del args  # a temporary child's arguments are kept by nobody
            if isinstance(outcome, Ignore):
                cell.ignored = True
                return Normal()
            if isinstance(outcome, Continue):
                actor.state = outcome.state
                cell.mark_running()
                await actor.handle_continue(outcome.then)
            else:
                if isinstance(outcome, Extra):
                    cell.info, outcome = outcome.info, outcome.state
                actor.state = outcome
                cell.mark_running()
            await _serve(cell, actor)
    except Exception as error:
        reason = _reason_of(error)
        if cell.killed:
            return Killed()
        if isinstance(reason, Crash):
            _report_crash(cell, actor, reason)
        return reason
    return Killed() if cell.killed else cell.want or Killed()


def _report_crash(cell: Cell, actor: GenServer[Any], reason: Crash) -> None:
    try:
        state = actor.format_status(actor.state) if cell.had_started else None
    except Exception as error:
        state = f"format_status failed: {type(error).__name__}"
    report = CrashReport(
        actor=cell.path,
        name=cell.name or "",
        pid=cell.number,
        start=type(actor).__qualname__,
        reason=reason,
        message=cell.recent[-1] if cell.recent else None,
        state=state,
        waiting=len(cell.mailbox),
        links=tuple(peer.number for peer in cell.links or ()),
        uptime_s=cell.runtime.loop.now() - cell.started_at,
    )
    cell.runtime.report(report)


def _reason_of(error: BaseException) -> ExitReason:
    """The reason an exception stands for; Stop may arrive inside groups of an actor's own task groups."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error.reason if isinstance(error, Stop) else crash_of(error)


async def _serve(cell: Cell, actor: GenServer[Any]) -> None:
    """Serve the mailbox for ever: system messages, then info, then casts and calls."""
    box = cell.mailbox
    user = box.user
    casts = actor._casts
    plain = actor.kind == "worker"  # a supervisor's messages hold specifications and dead cells
    budget = _BATCH
    message: Any
    while True:
        if box.system:
            request = box.system.popleft()
            if type(request) is ParentExit:
                raise Stop(request.reason)
            assert isinstance(request, SystemRequest)
            await request.serve(actor)
            casts = actor._casts  # the class may have changed
        elif cell.suspended:
            await box.wait()
            continue
        elif box.info or user:
            message = box.info.popleft() if box.info else box.take()
            cell.handled += 1
            if type(message) is From:
                if not message.done:  # else the caller gave up before its turn came
                    cell.remember(message.message if plain else actor._traced(message.message))
                    await _answer(cell, actor, message)
            else:
                cell.remember(message if plain else actor._traced(message))
                handler = casts.get(type(message))
                if handler is None:
                    await actor.handle_info(message)
                else:
                    await handler(actor, message)
        else:
            if actor.idle_timeout is None:
                await box.wait()
            else:
                await _idle(cell, actor.idle_timeout)
            budget = _BATCH
            continue
        budget -= 1
        if not budget:
            budget = _BATCH
            await checkpoint()


async def _idle(cell: Cell, seconds: float) -> None:
    """Wait for a message; where none comes, Timeout does."""
    box = cell.mailbox
    timer = cell.runtime.timers.after(seconds, lambda: box.put_info(Timeout()) if box.parked else None)
    try:
        await box.wait()
    finally:
        timer.cancel()


async def _answer(cell: Cell, actor: GenServer[Any], pending: From) -> None:
    handler = actor._calls.get(type(pending.message))
    if handler is None:
        cell.unknown += 1
        pending.fail(NoHandler(cell.label, type(pending.message).__name__))
        return
    try:
        value = await handler(actor, pending.message, pending)
    except Stop as stop:
        if stop.reply is not NO_REPLY:
            pending.resolve(stop.reply)
        raise
    if value is not NO_REPLY:
        pending.resolve(value)


async def _terminate(cell: Cell, reason: ExitReason) -> ExitReason:
    """Run the actor's ``terminate`` within its shutdown time; an exception there replaces the reason, as in OTP."""
    timers, now = cell.runtime.timers, cell.runtime.loop.now
    patience = cell.shutdown_s or DEFAULT_SHUTDOWN_S
    zombie = timers.after(patience + KILL_GRACE_S, cell.kill)
    try:
        with anyio.CancelScope(shield=True, deadline=now() + patience) as scope:
            cell.end_scope = scope
            await cell.actor._finish(reason)
        if scope.cancelled_caught and not cell.killed:
            _log.warning("terminate_timed_out", actor=cell.path, seconds=patience)
    except Exception as error:
        stopped = _reason_of(error)
        _log.warning("terminate_failed", actor=cell.path, error=f"{type(error).__name__}: {error}")
        reason = stopped
    finally:
        cell.end_scope = None
        zombie.cancel()
    return Killed() if cell.killed else reason


async def _end_orphans(cell: Cell) -> None:
    """End the children that a killed supervisor left, all at once; they never outlive it."""
    now = cell.runtime.loop.now
    orphans = tuple(cell.children or ())
    if not orphans:
        return
    grace = min(ORPHAN_GRACE_S, max(orphan.shutdown_s for orphan in orphans))
    if grace and not cell.runtime.hurried:
        for orphan in orphans:
            orphan.exit_from_parent(Shutdown())
        deadline = now() + grace
        for orphan in orphans:
            await orphan.wait_dead(deadline)
    for orphan in orphans:
        orphan.kill()
    for orphan in orphans:
        await orphan.wait_dead(now() + 2 * (KILL_GRACE_S + ORPHAN_GRACE_S))


class _TaskOwner:
    """The owner of a start_task task: the cell, but told through the task's own scope."""

    def __init__(self, cell: Cell, scope: anyio.CancelScope) -> None:
        self._cell = cell
        self._scope = scope

    @property
    def told(self) -> bool:
        return self._scope.cancel_called

    @property
    def dead(self) -> bool:
        return self._cell.tasks_given_up


async def run_task(cell: Cell, scope: anyio.CancelScope, task: Coroutine[Any, Any, None]) -> None:
    """The task behind ``start_task``: its crash is the actor's."""
    runtime = cell.runtime
    try:
        if not await abandonable(task, _TaskOwner(cell, scope)):
            runtime.add_zombie(cell)
            cell.remove_task(scope)
            runtime.remove_zombie(cell)
            await outlast_task_groups(runtime.closing)
    finally:
        cell.remove_task(scope)
        runtime.remove_zombie(cell)


async def own_task(
    cell: Cell,
    scope: anyio.CancelScope,
    answers: AnsweringTask | None,
    function: Callable[..., Awaitable[object]],
    args: Any,
) -> None:
    """What ``run_task`` runs: ``function(*args)`` in ``scope``."""
    current_cell.set(None)
    current_waiter.set(answers)
    try:
        with scope:
            await function(*args)
    except Exception as error:
        reason = _reason_of(error)
        if isinstance(reason, Crash):
            _report_crash(cell, cell.actor, reason)
        cell.request_stop(reason)
