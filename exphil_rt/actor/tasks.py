"""Tasks: functions that run once as children of a TaskSupervisor, and whose results are awaited (after Elixir's Task).

A linked task (``async_``, ``stream``) shares its owner's fate; one without a link tells how it ended, and no more.
The owner is the running actor; outside of actors a task has none.
"""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from exphil_rt.actor.admin import start_child as start_actor
from exphil_rt.actor.cell import Cell
from exphil_rt.actor.context import current_cell, running_runtime
from exphil_rt.actor.dynamic import DynamicSupervisor
from exphil_rt.actor.errors import ActorError, CallTimeout, NoProc
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.outcomes import Continue, Stop
from exphil_rt.actor.pid import Pid, Target
from exphil_rt.actor.reasons import ExitReason, Killed, Normal, Shutdown
from exphil_rt.actor.specs import ChildSpec, Restart

T = TypeVar("T")
Function = Callable[..., Awaitable[T]]


class TaskSupervisor(DynamicSupervisor):
    """A DynamicSupervisor of tasks; ``args=DynamicFlags(...)`` bounds them."""


class Done(msgspec.Struct, Generic[T], frozen=True):
    """A task returned ``value``."""

    value: T


class Exited(msgspec.Struct, frozen=True):
    """A task ended for ``reason`` before it returned."""

    reason: ExitReason


class _Work(msgspec.Struct, frozen=True):
    function: Callable[..., Awaitable[Any]]
    args: tuple[Any, ...]
    owner: Cell | None


class _Worker(GenServer[None]):
    outcome: Done[Any] | None = None

    async def init(self, args: _Work) -> Continue[None]:
        if args.owner is not None:
            self.link(args.owner.pid)
        return Continue(None, args)

    async def handle_continue(self, then: _Work) -> None:
        self.outcome = Done(await then.function(*then.args))
        raise Stop(Normal())


class Task(Generic[T]):
    """A task that was started; its result is kept as long as this."""

    def __init__(self, pid: Pid, *, linked: bool) -> None:
        self.pid = pid
        self._linked = linked

    @property
    def outcome(self) -> Done[T] | Exited | None:
        """How it ended; None while it runs."""
        cell = self.pid.cell
        if not cell.dead:
            return None
        assert cell.reason is not None
        worker = cell.actor
        assert isinstance(worker, _Worker)
        return worker.outcome if worker.outcome is not None else Exited(cell.reason)

    async def wait(self, timeout: float = 5.0) -> T:
        """What the function returns.

        Raises:
            NoProc: it ended before it returned. CallTimeout: it runs on; one that is linked is ended, as its owner
                would be in OTP. CallingCycle: it waits for the actor that waits here.
        """
        outcome = await self.poll(timeout)
        if outcome is None:
            if self._linked:
                self.pid.cell.exit_signal(None, Shutdown("nobody waits for it any more"))
            raise CallTimeout(self.pid.label, "Task.wait", timeout)
        if isinstance(outcome, Exited):
            raise NoProc(self.pid.label, outcome.reason)
        return outcome.value

    async def poll(self, timeout: float = 0.0) -> Done[T] | Exited | None:
        """How it ended, waiting at most ``timeout`` seconds; None while it runs (Elixir's ``yield``)."""
        runtime = running_runtime()
        if not self.pid.cell.dead and timeout > 0:
            with runtime.waiting(self.pid.cell):
                await self.pid.cell.wait_dead(runtime.loop.now() + timeout)
        return self.outcome

    async def shutdown(self, timeout: float = 5.0) -> Done[T] | Exited:
        """End it, and kill it after ``timeout`` seconds; returns how it ended."""
        cell, runtime = self.pid.cell, running_runtime()
        cell.exit_signal(None, Shutdown())
        with runtime.waiting(cell):
            if not await cell.wait_dead(runtime.loop.now() + timeout):
                cell.exit_signal(None, Killed())
                await cell.wait_dead(math.inf)  # bounded: a killed cell is buried within its grace
        outcome = self.outcome
        assert outcome is not None
        return outcome


async def async_(supervisor: Target, function: Function[T], *args: Any) -> Task[T]:
    """Run ``function(*args)``, linked to the running actor: the crash of either ends the other.

    Raises:
        MaxChildren, NoProc.
    """
    return await _start(supervisor, function, args, linked=True)


async def async_nolink(supervisor: Target, function: Function[T], *args: Any) -> Task[T]:
    """Run ``function(*args)``; its crash is only what ``wait`` raises.

    Raises:
        MaxChildren, NoProc.
    """
    return await _start(supervisor, function, args, linked=False)


async def start_child(supervisor: Target, function: Function[Any], *args: Any, restart: Restart = "temporary") -> Pid:
    """Run ``function(*args)`` for its own sake; with ``restart`` it is run again after a crash.

    Raises:
        MaxChildren, NoProc.
    """
    work = _Work(function, args, None)
    pid = await start_actor(supervisor, ChildSpec(id="task", start=_Worker, args=work, restart=restart))
    assert pid is not None
    return pid


async def await_many(tasks: Iterable[Task[Any]], timeout: float = 5.0) -> list[Any]:
    """What all of them return, in their order; ``timeout`` is for all together.

    Raises:
        NoProc, CallTimeout: as ``Task.wait``.
    """
    now = running_runtime().loop.now
    deadline = now() + timeout
    return [await task.wait(max(0.0, deadline - now())) for task in tasks]


async def stream(
    supervisor: Target,
    function: Callable[[Any], Awaitable[T]],
    items: Iterable[Any],
    *,
    max_concurrency: int | None = None,
    ordered: bool = True,
    timeout: float = 5.0,
    on_timeout: Literal["exit", "kill_task"] = "exit",
    linked: bool = True,
) -> AsyncIterator[Done[T] | Exited]:
    """Run ``function(item)`` for each item in a task of its own and yield how each ended.

    Items are taken as results are: at most ``max_concurrency`` (None is one a core) are begun and not yet yielded.
    Results come in the order of the items, else as they are there. What is left when the loop is left is ended.

    Raises:
        CallTimeout: one took longer than ``timeout`` seconds and ``on_timeout`` is ``exit``; else it is killed, and
            yielded as ``Exited(Killed())``. NoProc: a linked one ended before it returned.
    """
    most = max_concurrency if max_concurrency is not None else os.cpu_count() or 1
    if most < 1:
        raise ActorError(f"A stream of tasks cannot run {most} at once.")
    now = running_runtime().loop.now
    source = iter(items)
    pending: deque[tuple[Task[T], float]] = deque()
    more = True
    try:
        while True:
            while more and len(pending) < most:
                try:
                    item = next(source)
                except StopIteration:
                    more = False
                    break
                task = await _start(supervisor, function, (item,), linked=linked)
                pending.append((task, now() + timeout))
            if not pending:
                return
            task, deadline = await _next(pending, ordered=ordered)
            outcome = task.outcome
            if outcome is None:
                if on_timeout == "exit":
                    raise CallTimeout(task.pid.label, "tasks.stream", timeout)
                outcome = await _kill(task)
            pending.remove((task, deadline))
            if linked and on_timeout == "exit" and isinstance(outcome, Exited):
                raise NoProc(task.pid.label, outcome.reason)
            yield outcome
    finally:
        for task, _ in pending:
            task.pid.cell.exit_signal(None, Shutdown())


async def _start(supervisor: Target, function: Function[T], args: tuple[Any, ...], *, linked: bool) -> Task[T]:
    work = _Work(function, args, current_cell.get() if linked else None)
    pid = await start_actor(supervisor, ChildSpec(id="task", start=_Worker, args=work, restart="temporary"))
    assert pid is not None
    return Task(pid, linked=linked)


async def _kill(task: Task[T]) -> Done[T] | Exited:
    cell = task.pid.cell
    for peer in tuple(cell.links or ()):
        cell.unlink(peer)
    cell.kill()
    await cell.wait_dead(math.inf)  # bounded: a killed cell is buried within its grace
    outcome = task.outcome
    assert outcome is not None
    return outcome


async def _next(pending: deque[tuple[Task[T], float]], *, ordered: bool) -> tuple[Task[T], float]:
    """The first that ended or is overdue; where ``ordered``, of the first one alone."""
    runtime = running_runtime()
    watched = [pending[0]] if ordered else list(pending)
    while True:
        for entry in watched:
            if entry[0].pid.cell.dead or entry[1] <= runtime.loop.now():
                return entry
        event = runtime.loop.event()
        for task, _ in watched:
            task.pid.cell.watch(event)
        timer = runtime.timers.at(min(deadline for _, deadline in watched), event.set)
        try:
            await event.wait()
        finally:
            timer.cancel()
            for task, _ in watched:
                task.pid.cell.unwatch(event)
