"""Supervisor: starts children in order, restarts them by OTP's rules, stops them in reverse.

The rules are those of erlang/otp lib/stdlib/src/supervisor.erl. What is asked from outside is in ``admin``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec

from exphil_rt.actor.admin import (
    ChildCounts,
    ChildInfo,
    CountChildren,
    DeleteChild,
    GetCallbackModule,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from exphil_rt.actor.calls import From, Refused
from exphil_rt.actor.cell import Cell, ChildExit, ParentExit
from exphil_rt.actor.children import Child, FailedToStartChild, SupState, TryAgain
from exphil_rt.actor.errors import (
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    StartError,
)
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.handlers import handle_call, handle_cast
from exphil_rt.actor.outcomes import Ignore, Stop
from exphil_rt.actor.pid import Pid
from exphil_rt.actor.reasons import Crash, ExitReason, Killed, Normal, Shutdown, crash_of, is_clean
from exphil_rt.actor.reports import Context, ProgressReport, SupervisorReport
from exphil_rt.actor.specs import ChildSpec, Kind, SupFlags, check_childspecs, check_flags, check_spec


class Supervisor(GenServer[SupState]):
    """Subclasses write ``init(args) -> (SupFlags, [ChildSpec, ...])``, or Ignore(); it may be async."""

    kind: ClassVar[Kind] = "supervisor"
    trap_exit: ClassVar[bool] = True
    init_timeout: ClassVar[float] = math.inf  # each child's own init is bounded

    _args: Any
    _children: dict[str, Child]
    _by_cell: dict[Cell, Child]

    @property
    def children(self) -> Iterable[Child]:
        """The records of the children, in the order of their start."""
        return self._children.values()

    def detail(self) -> str:
        """How many restarts count towards intensity now."""
        recent = len(self.state.restarts)
        return f"{recent} of {self.state.flags.intensity} restarts" if recent else ""

    # Start and end

    async def _start(self, args: Any) -> SupState | Ignore:
        self._args = args  # for code_change
        self._children, self._by_cell = {}, {}
        outcome = await super()._start(args)
        if isinstance(outcome, Ignore):
            return outcome
        self.state, specs = self._checked(outcome)
        children = [Child(spec) for spec in specs]
        self._children = {child.spec.id: child for child in children}
        try:
            await self._start_all(children)
        except _StartFailed as failed:
            await self._stop_all()
            raise Stop(Shutdown(FailedToStartChild(failed.child.spec.id, failed.reason))) from None
        except Stop:  # told to end while a child was starting
            await self._stop_all()
            raise
        return self.state

    def _checked(self, outcome: Any) -> tuple[SupState, list[ChildSpec]]:
        if not (isinstance(outcome, tuple) and len(outcome) == 2 and isinstance(outcome[0], SupFlags)):
            raise BadSpec(f"{type(self).__name__}.init must answer (SupFlags, [ChildSpec, ...]) or Ignore().")
        flags, specs = outcome
        check_flags(flags)
        check_childspecs(specs, flags.auto_shutdown)
        self.strategy = flags.strategy
        return SupState(flags), list(specs)

    async def _finish(self, reason: ExitReason) -> None:
        await self._stop_all()
        await self.terminate(reason)

    async def _stop_all(self) -> None:
        for child in reversed(tuple(self._children.values())):
            await self._stop_child(child)

    async def _start_all(self, children: list[Child], *, again: bool = False) -> None:
        for child in children:
            try:
                started = await self._start_child(child)
            except StartError as error:
                self._report("start_error", child, error.reason)
                raise _StartFailed(child, error.reason) from None
            if started is None:
                self._drop(child)
            else:
                self._progress(child, again=again)

    async def _start_child(self, child: Child) -> Cell | None:
        """Start one incarnation; None where it answered Ignore. Raises StartError, or Stop if told to end meanwhile."""
        child.stop_waiting()
        name = child.spec.name or child.spec.id
        own, loop = self._cell, self.runtime.loop
        self._check_parent()
        try:
            born = self.runtime.spawn(child.spec, own)
        except Exception as error:
            raise StartError(name, crash_of(error)) from None
        event = loop.event()
        born.watch(event)
        own.interrupt = event
        own.waiting_on.append(born)
        timer = self.runtime.timers.after(child.spec.start.init_timeout, event.set)
        try:
            await event.wait()
        finally:
            timer.cancel()
            own.interrupt = None
            if born in own.waiting_on:
                own.waiting_on.remove(born)
        if born.phase == "starting":
            born.kill()
            await born.wait_dead(math.inf)  # bounded: a killed cell is buried within its grace
            self._check_parent()
            seconds = child.spec.start.init_timeout
            raise StartError(name, Crash("InitTimeout", f"init took longer than {seconds:g} s"))
        if born.ignored:
            return None
        if not born.had_started:
            assert born.reason is not None
            raise StartError(name, born.reason)
        child.cell = born
        if child.spec.restart == "temporary":  # nobody starts it again, so nobody keeps its arguments
            child.spec = msgspec.structs.replace(child.spec, args=None)
        self._by_cell[born] = child
        return born

    def _check_parent(self) -> None:
        """Raise Stop if the supervisor above wants this one to end."""
        for message in self._cell.mailbox.system or ():
            if type(message) is ParentExit:
                raise Stop(message.reason)

    async def _stop_child(self, child: Child) -> None:
        child.stop_waiting()
        cell = self._release(child)
        if cell is not None:
            self._signal_end(child, cell)
            self._cell.waiting_on.append(cell)
            try:
                if not await cell.wait_dead(self.runtime.loop.now() + child.spec.shutdown_s):
                    cell.kill()
                    await cell.wait_dead(math.inf)  # bounded: a killed cell is buried within its grace
            finally:
                self._cell.waiting_on.remove(cell)
            self._note_stopped(child, cell)

    def _release(self, child: Child) -> Cell | None:
        """The child's cell, whose end is from here on no surprise."""
        cell = child.cell
        if cell is not None:
            self._by_cell.pop(cell, None)
        return cell

    def _signal_end(self, child: Child, cell: Cell) -> None:
        if child.spec.shutdown == "brutal_kill":
            cell.kill()
        else:
            cell.exit_from_parent(Shutdown())

    def _note_stopped(self, child: Child, cell: Cell) -> None:
        reason = cell.reason
        assert reason is not None
        child.note_exit(self.runtime.loop.now(), reason)
        match reason:
            case Killed():
                expected = child.spec.shutdown == "brutal_kill"
            case Shutdown(info=None):
                expected = True
            case Shutdown() | Normal():
                expected = child.spec.restart != "permanent"
            case _:
                expected = False
        if not expected:
            self._report("shutdown_error", child, reason)

    # Code change

    @classmethod
    def _family(cls) -> type[GenServer[Any]]:
        return Supervisor

    async def _change_code(self, old_vsn: Any, extra: Any) -> SupState:
        """Run ``init`` again with the old arguments and merge what it answers; children neither start nor stop."""
        outcome = await super()._start(self._args)
        if isinstance(outcome, Ignore):
            return self.state
        state, specs = self._checked(outcome)
        self._merge(specs)
        return SupState(state.flags, self.state.restarts)

    def _merge(self, specs: list[ChildSpec]) -> None:
        """Take over specifications by id, in their order; those that are not among them stay, behind."""
        merged: dict[str, Child] = {}
        for spec in specs:
            child = self._children.get(spec.id)
            if child is None:
                child = Child(spec)
            else:
                child.respecify(spec)
            merged[spec.id] = child
        self._children = {**merged, **{id: child for id, child in self._children.items() if id not in merged}}  # noqa: A001

    def _child_changed(self, cell: Cell, new: type[GenServer[Any]]) -> None:
        child = self._by_cell.get(cell)
        if child is not None:
            child.spec = msgspec.structs.replace(child.spec, start=new)

    def _traced(self, message: Any) -> str:
        of = getattr(message, "cell", None) or getattr(message, "spec", None) or getattr(message, "child", "")
        return f"{type(message).__name__} {getattr(of, 'id', of)}".rstrip()

    # Restarts

    @handle_cast
    async def child_exit(self, message: ChildExit) -> None:
        """A child ended by itself."""
        child = self._by_cell.pop(message.cell, None)
        if child is None:
            return
        reason: ExitReason = message.reason
        child.note_exit(self.runtime.loop.now(), reason)
        if not child.wants_restart(reason):
            if not is_clean(reason):
                self._report("child_terminated", child, reason)
            self._drop(child)
            self._auto_shutdown(child)
            return
        delay = child.next_delay()
        self._report("child_terminated", child, reason, delay)
        self._count_restart(child)
        if delay:
            await self._sweep(child, self._affected(child))
            self._try_again(child, delay, counted=True)
        else:
            await self._restart(child)

    @handle_cast
    async def try_again(self, message: TryAgain) -> None:
        """A restart that failed, or was put off, is due."""
        child = message.child
        if child.restarting and self._children.get(child.spec.id) is child:
            if not message.counted:
                self._count_restart(child)
            await self._restart(child)

    def _count_restart(self, child: Child) -> None:
        if not self.state.add_restart(self.runtime.loop.now()):
            self._report("shutdown", child, Shutdown("reached_max_restart_intensity"))
            child.stop_waiting()
            raise Stop(Shutdown())

    async def _restart(self, child: Child) -> None:
        affected = self._affected(child)
        await self._sweep(child, affected)
        try:
            await self._start_all([one for one in affected if self._children.get(one.spec.id) is one], again=True)
        except _StartFailed as failed:
            self._try_again(failed.child, failed.child.next_delay(), counted=False)

    def _affected(self, child: Child) -> list[Child]:
        """Those who are stopped and started with ``child``, in the order of their start."""
        match self.strategy:
            case "one_for_all":
                return list(self._children.values())
            case "rest_for_one":
                children = list(self._children.values())
                return children[children.index(child) :]
            case _:
                return [child]

    async def _sweep(self, child: Child, affected: list[Child]) -> None:
        """Stop the siblings of a child that ended, last first; a temporary one is not coming back."""
        for sibling in reversed(affected):
            if sibling is not child:
                await self._stop_child(sibling)
                self._drop(sibling)

    def _try_again(self, child: Child, delay: float, *, counted: bool) -> None:
        child.restarting = True
        message = TryAgain(child, counted)
        box = self._cell.mailbox
        if delay:
            child.timer = self.runtime.timers.after(delay, lambda: box.put(message))
        else:
            box.put(message)  # a cast to itself, so that what waits in the mailbox is served in between

    def _forget(self, child: Child) -> None:
        self._children.pop(child.spec.id, None)

    def _drop(self, child: Child) -> None:
        """Its incarnation is gone and none follows by itself: is its specification kept?"""
        if child.spec.restart == "temporary":
            self._forget(child)

    def _auto_shutdown(self, child: Child) -> None:
        mode = self.state.flags.auto_shutdown
        if mode == "never" or not child.spec.significant:
            return
        if mode == "all_significant" and any(
            other.spec.significant and (other.cell is not None or other.restarting) for other in self.children
        ):
            return
        raise Stop(Shutdown())

    # What is asked from outside

    @handle_call
    async def start_child(self, message: StartChild, sender: From) -> Pid | Refused | None:
        """Add a child at the end."""
        try:
            check_spec(message.spec, self.state.flags.auto_shutdown)
        except BadSpec as error:
            return Refused(error)
        known = self._children.get(message.spec.id)
        if known is not None:
            return Refused(AlreadyPresent(known.spec.id) if known.cell is None else _already(known))
        return await self._add(Child(message.spec))

    async def _add(self, child: Child) -> Pid | Refused | None:
        self._children[child.spec.id] = child
        try:
            cell = await self._start_child(child)
        except StartError as error:
            self._forget(child)
            self._report("start_error", child, error.reason)
            return Refused(error)
        except Stop:
            self._forget(child)
            raise
        if cell is None:
            self._drop(child)
            return None
        self._progress(child, again=False)
        return cell.pid

    @handle_call
    async def terminate_child(self, message: TerminateChild, sender: From) -> Refused | None:
        """Stop one child."""
        child = self._find(message.child)
        if child is None:
            return Refused(ChildNotFound(str(message.child)))
        await self._stop_child(child)
        self._drop(child)
        return None

    @handle_call
    async def restart_child(self, message: RestartChild, sender: From) -> Pid | Refused | None:
        """Start a stopped child."""
        child = self._find(message.child)
        refused = self._must_be_stopped(child, message.child)
        if refused is not None or child is None:
            return refused
        try:
            cell = await self._start_child(child)
        except StartError as error:
            self._report("start_error", child, error.reason)
            return Refused(error)
        if cell is None:
            return None
        self._progress(child, again=True)
        return cell.pid

    @handle_call
    async def delete_child(self, message: DeleteChild, sender: From) -> Refused | None:
        """Forget a stopped child."""
        child = self._find(message.child)
        refused = self._must_be_stopped(child, message.child)
        if refused is None and child is not None:
            self._forget(child)
        return refused

    @handle_call
    async def get_childspec(self, message: GetChildSpec, sender: From) -> ChildSpec | Refused:
        """One specification."""
        child = self._find(message.child)
        return Refused(ChildNotFound(str(message.child))) if child is None else child.spec

    @handle_call
    async def which_children(self, message: WhichChildren, sender: From) -> tuple[ChildInfo, ...]:
        """All children, newest first."""
        return tuple(
            ChildInfo(
                id=child.spec.id,
                pid=None if child.cell is None else child.cell.pid,
                restarting=child.restarting,
                kind=child.spec.start.kind,
                start=child.spec.start,
            )
            for child in reversed(tuple(self.children))
        )

    @handle_call
    async def count_children(self, message: CountChildren, sender: From) -> ChildCounts:
        """Counts."""
        children = tuple(self.children)
        supervisors = sum(child.spec.start.kind == "supervisor" for child in children)
        active = sum(child.cell is not None for child in children)
        return ChildCounts(len(children), active, supervisors, len(children) - supervisors)

    @handle_call
    async def get_callback_module(self, message: GetCallbackModule, sender: From) -> type:
        """This supervisor's class."""
        return type(self)

    def _find(self, child: str | Pid) -> Child | None:
        if isinstance(child, str):
            return self._children.get(child)
        found = self._by_cell.get(child.cell)
        if found is None and child.cell.parent is self._cell:
            found = next((one for one in self.children if one.restarting and one.former == child.number), None)
        return found

    def _must_be_stopped(self, child: Child | None, wanted: str | Pid) -> Refused | None:
        if child is None:
            return Refused(ChildNotFound(str(wanted)))
        if child.cell is not None:
            return Refused(ChildRunning(child.spec.id))
        return Refused(ChildRestarting(child.spec.id)) if child.restarting else None

    # Reports

    def _report(self, context: Context, child: Child, reason: ExitReason, delay: float | None = None) -> None:
        self.runtime.report(
            SupervisorReport(
                supervisor=self.path,
                context=context,
                child=child.spec.id,
                name=child.spec.name or "",
                reason=reason,
                restart=child.spec.restart,
                pid=child.former if child.cell is None else child.cell.number,
                start=child.spec.start.__qualname__,
                shutdown=child.spec.shutdown,
                significant=child.spec.significant,
                kind=child.spec.start.kind,
                restarts=child.restarts,
                restart_in_s=delay,
            )
        )

    def _progress(self, child: Child, *, again: bool) -> None:
        child.restarts += again
        self.runtime.report(
            ProgressReport(
                supervisor=self.path,
                child=child.spec.id,
                name=child.spec.name or "",
                pid=0 if child.cell is None else child.cell.number,
                restart=child.spec.restart,
                start=child.spec.start.__qualname__,
                shutdown=child.spec.shutdown,
                significant=child.spec.significant,
                kind=child.spec.start.kind,
                restarts=child.restarts,
            )
        )


class _StartFailed(Exception):
    def __init__(self, child: Child, reason: ExitReason) -> None:
        self.child = child
        self.reason = reason


def _already(child: Child) -> AlreadyStarted:
    return AlreadyStarted(child.spec.id, None if child.cell is None else child.cell.pid)
