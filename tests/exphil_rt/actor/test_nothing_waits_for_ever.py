"""Every public await of the kernel, with a target that is dead, dying, suspended, busy, or waits for the caller.

The list of awaits is read from the package, so that a new one without a row here fails. Virtual time: a wait that has
no end would end the test at its limit, at once.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, Literal

import anyio
import anyio.lowlevel
import msgspec
import pytest

import exphil_rt.actor as kernel
from exphil_rt.actor import (
    ActorError,
    CallingCycle,
    ChildSpec,
    Consumer,
    DynamicFlags,
    From,
    GenServer,
    Partitions,
    PartitionSupervisor,
    Runtime,
    Shutdown,
    Supervisor,
    Task,
    TaskSupervisor,
    handle_call,
    handle_cast,
    start_child,
    sys,
    tasks,
)
from exphil_rt.testing.actors import SleepFor, WhoAreYou, probe
from exphil_rt.testing.clocks import BACKENDS, Backend, run
from exphil_rt.testing.trees import StaticSupervisor, Tree, start_tree

Mode = Literal["dead", "dying", "suspended", "busy", "waiting"]
Kind = Literal["worker", "static", "tasks", "partitions", "task"]
TIMEOUT_S = 2.0
SLOW_S = 50.0


class Do(msgspec.Struct, frozen=True):
    """Call to the asker: run this with the asker."""

    function: Any


class Ask(msgspec.Struct, frozen=True):
    """Cast to a worker: call the asker."""


class Worker(Consumer[None]):
    """Both the asker and its target."""

    async def init(self, args: Any) -> None:
        if args == "ask":
            await self.call("asker", WhoAreYou(), SLOW_S)
        elif args == "sleep":
            await anyio.sleep(SLOW_S)

    @handle_call
    async def do(self, message: Do, sender: From) -> Any:
        return await message.function(self)

    @handle_call
    async def who(self, message: WhoAreYou, sender: From) -> Any:
        return self.pid

    @handle_cast
    async def ask(self, message: Ask) -> None:
        await self.call("asker", WhoAreYou(), SLOW_S)

    @handle_cast
    async def sleep(self, message: SleepFor) -> None:
        await anyio.sleep(message.seconds or 0.0)

    async def terminate(self, reason: Any) -> None:
        if self.name in ("target", "slow"):
            await anyio.sleep(SLOW_S)


def worker(id: str, args: Any = None, **fields: Any) -> ChildSpec:  # noqa: A002
    return ChildSpec(**{"id": id, "name": id, "start": Worker, "args": args, "restart": "temporary", **fields})


class Row:
    """One await: what is done to which kind of target, and whether its time is bounded by TIMEOUT_S."""

    def __init__(
        self, kind: Kind, function: Callable[[Worker, Any], Awaitable[Any]], *, by_timeout: bool = True
    ) -> None:
        self.kind = kind
        self.function = function
        self.by_timeout = by_timeout


async def no_tasks() -> None:
    """What a task does that is done at once."""


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


def root_that_calls(worker: Worker, target: Any) -> Any:
    class Caller(GenServer[None]):
        async def init(self, args: Any) -> None:
            await self.call(target, WhoAreYou(), SLOW_S)

    return worker.runtime.start_root(ChildSpec(id="other", start=Caller))


ROWS: dict[str, Row] = {
    "Runtime.call": Row("worker", lambda me, it: me.runtime.call(it, WhoAreYou(), TIMEOUT_S)),
    "Runtime.cast_wait": Row("worker", lambda me, it: me.runtime.cast_wait(it, Ask(), TIMEOUT_S)),
    "Runtime.request": Row("worker", lambda me, it: me.runtime.request(it, lambda actor: None, TIMEOUT_S)),
    "Runtime.start_root": Row("worker", root_that_calls, by_timeout=False),
    "Runtime.stop": Row("worker", lambda me, it: me.runtime.stop(TIMEOUT_S)),
    "Runtime.wait_ended": Row("worker", lambda me, it: me.runtime.wait_ended(it, TIMEOUT_S)),
    "Runtime.wait_root": Row("worker", lambda me, it: me.runtime.wait_root(TIMEOUT_S)),
    "GenServer.call": Row("worker", lambda me, it: me.call(it, WhoAreYou(), TIMEOUT_S)),
    "GenServer.cast_wait": Row("worker", lambda me, it: me.cast_wait(it, Ask(), TIMEOUT_S)),
    "Consumer.subscribe": Row("worker", lambda me, it: me.subscribe(it), by_timeout=False),
    "start_child": Row("static", lambda me, it: start_child(it, probe("new"), TIMEOUT_S)),
    "terminate_child": Row("static", lambda me, it: kernel.terminate_child(it, "slow", TIMEOUT_S)),
    "restart_child": Row("static", lambda me, it: kernel.restart_child(it, "slow", TIMEOUT_S)),
    "delete_child": Row("static", lambda me, it: kernel.delete_child(it, "slow", TIMEOUT_S)),
    "get_childspec": Row("static", lambda me, it: kernel.get_childspec(it, "slow", TIMEOUT_S)),
    "which_children": Row("static", lambda me, it: kernel.which_children(it, TIMEOUT_S)),
    "get_callback_module": Row("static", lambda me, it: kernel.get_callback_module(it, TIMEOUT_S)),
    "count_children": Row("static", lambda me, it: kernel.count_children(it, TIMEOUT_S)),
    "resize": Row("partitions", lambda me, it: kernel.resize(it, 1, TIMEOUT_S)),
    "sys.get_state": Row("worker", lambda me, it: sys.get_state(it, TIMEOUT_S)),
    "sys.replace_state": Row("worker", lambda me, it: sys.replace_state(it, lambda state: state, TIMEOUT_S)),
    "sys.suspend": Row("worker", lambda me, it: sys.suspend(it, TIMEOUT_S)),
    "sys.resume": Row("worker", lambda me, it: sys.resume(it, TIMEOUT_S)),
    "sys.terminate": Row("worker", lambda me, it: sys.terminate(it, timeout=TIMEOUT_S)),
    "sys.statistics": Row("worker", lambda me, it: sys.statistics(it, TIMEOUT_S)),
    "sys.trace": Row("worker", lambda me, it: sys.trace(it, timeout=TIMEOUT_S)),
    "sys.get_status": Row("worker", lambda me, it: sys.get_status(it, timeout=TIMEOUT_S)),
    "sys.change_code": Row("worker", lambda me, it: sys.change_code(it, Worker, timeout=TIMEOUT_S)),
    "tasks.async_": Row("tasks", lambda me, it: tasks.async_(it, no_tasks), by_timeout=False),
    "tasks.async_nolink": Row("tasks", lambda me, it: tasks.async_nolink(it, no_tasks), by_timeout=False),
    "tasks.start_child": Row("tasks", lambda me, it: tasks.start_child(it, no_tasks), by_timeout=False),
    "tasks.stream": Row("tasks", lambda me, it: drain(tasks.stream(it, anyio.sleep, [0.0])), by_timeout=False),
    "tasks.await_many": Row("task", lambda me, it: tasks.await_many([it], TIMEOUT_S)),
    "Task.wait": Row("task", lambda me, it: it.wait(TIMEOUT_S)),
    "Task.poll": Row("task", lambda me, it: it.poll(TIMEOUT_S)),
    "Task.shutdown": Row("task", lambda me, it: it.shutdown(TIMEOUT_S)),
}
ELSEWHERE = {
    "From.outcome": "the kernel's own half of Runtime.call",
    "ProcessChild.start_process": "waits for a real process: test_process has its deadlines",
}
UNBOUNDED = {"Runtime.wait_ended", "Runtime.wait_root"}
"""Whose default is to wait for an end, however late that is."""


def public_awaits() -> dict[str, Callable[..., Any]]:
    """Every coroutine function that users of the package call, by its name below the package."""
    found: dict[str, Callable[..., Any]] = {}
    for name in kernel.__all__:
        thing: Any = getattr(kernel, name)
        if isinstance(thing, ModuleType):
            members = {f"{name}.{key}": value for key, value in vars(thing).items() if not key.startswith("_")}
            own = {key: value for key, value in members.items() if getattr(value, "__module__", "") == thing.__name__}
            found |= {key: value for key, value in own.items() if _awaited(value)}
        elif inspect.isclass(thing):
            found |= {
                f"{name}.{key}": value
                for key, value in vars(thing).items()
                if not key.startswith("_") and _awaited(value) and not _called_by_the_kernel(thing, key, value)
            }
        elif _awaited(thing):
            found[name] = thing
    return found


def _awaited(thing: Any) -> bool:
    return inspect.iscoroutinefunction(thing) or inspect.isasyncgenfunction(thing)


CALLBACKS = {"init", "terminate", "transform", "code_change"}


def _called_by_the_kernel(owner: type, name: str, function: Any) -> bool:
    """Handlers, and what subclasses override."""
    return hasattr(function, "__exphil_handles__") or name in CALLBACKS or name.startswith("handle_")


def test_every_public_await_has_a_row() -> None:
    assert set(public_awaits()) == set(ROWS) | set(ELSEWHERE)


def test_every_public_await_has_a_finite_time_by_itself() -> None:
    for name, function in public_awaits().items():
        timeout = inspect.signature(function).parameters.get("timeout")
        if timeout is not None and name not in UNBOUNDED:
            assert timeout.default is inspect.Parameter.empty or timeout.default < math.inf, name


SUPERVISORS: dict[Kind, ChildSpec] = {
    "static": ChildSpec(
        id="target",
        name="target",
        start=StaticSupervisor,
        args=Tree([worker("slow", shutdown=SLOW_S, restart="permanent")]),
        restart="temporary",
    ),
    "tasks": ChildSpec(
        id="target", name="target", start=TaskSupervisor, args=DynamicFlags(), restart="temporary", shutdown=SLOW_S
    ),
    "partitions": ChildSpec(
        id="target",
        name="target",
        start=PartitionSupervisor,
        args=Partitions(child=worker("copy", restart="permanent", name=None, shutdown=SLOW_S), count=2),
        restart="temporary",
    ),
}


async def prepare(me: Worker, kind: Kind, mode: Mode) -> Any:
    """The target in its plight. ``waiting`` begins when the asker is busy already."""
    runtime = me.runtime
    if kind == "task":
        return await prepare_task(runtime, mode)
    await start_child("sup", SUPERVISORS[kind] if kind != "worker" else worker("target", shutdown=SLOW_S))
    target = runtime.whereis("target")
    assert target is not None
    supervisor = isinstance(target.cell.actor, Supervisor)
    if mode == "busy":
        if supervisor:
            await begin(me, start_child, target, worker("late", "sleep"))
        else:
            runtime.cast(target, SleepFor(SLOW_S))
    elif mode == "suspended":
        await sys.suspend(target)
    elif mode == "dying":
        if kind == "tasks":  # it takes its time only while a child does
            await start_child(target, worker("slow", shutdown=SLOW_S))
        target.cell.exit_from_parent(Shutdown())
    elif mode == "dead":
        target.cell.kill()
        await runtime.wait_ended(target, 60.0)
    elif supervisor:
        await begin(me, start_child, target, worker("late", "ask"))
    else:
        runtime.cast(target, Ask())
    await anyio.sleep(0.01)
    return target


async def begin(me: Worker, function: Any, *args: Any) -> None:
    """Have something asked of the target, by nobody who waits."""

    async def ask() -> None:
        with contextlib.suppress(ActorError):
            await function(*args)

    me.start_task(ask)
    await anyio.lowlevel.checkpoint()


async def prepare_task(runtime: Runtime, mode: Mode) -> Task[Any]:
    async def work() -> None:
        if mode == "waiting":
            await runtime.call("asker", WhoAreYou(), SLOW_S)
        elif mode == "dying":
            with anyio.CancelScope(shield=True):
                await anyio.sleep(SLOW_S)
        elif mode != "dead":
            await anyio.sleep(SLOW_S)

    await start_child("sup", SUPERVISORS["tasks"])
    task = await tasks.async_nolink("target", work)
    if mode == "dying":
        await anyio.sleep(0.01)
        task.pid.cell.exit_signal(None, Shutdown())
    elif mode == "suspended":
        task.pid.cell.suspended = True
    await anyio.sleep(0.01)
    return task


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["dead", "dying", "suspended", "busy", "waiting"])
def test_it_ends(mode: Mode, backend: Backend) -> None:
    """A row at a time, in a fresh tree."""

    async def one(name: str, row: Row) -> None:
        async with start_tree(worker("asker", shutdown=SLOW_S), stop_deadline=5.0) as tree:
            took: float = math.nan
            error: Exception | None = None

            async def ask(me: Worker) -> None:
                nonlocal took, error
                target = await prepare(me, row.kind, mode)
                started = tree.runtime.loop.now()
                try:
                    await row.function(me, target)
                except (ActorError, TimeoutError) as raised:
                    error = raised
                took = tree.runtime.loop.now() - started

            with anyio.fail_after(10_000.0):
                await tree.runtime.call("asker", Do(ask), timeout=5_000.0)
            limit = TIMEOUT_S + 1.1 if row.by_timeout else 301.0  # a kill has a second of grace
            assert took <= limit, (name, mode, took)
            named = name not in ("Runtime.stop", "Runtime.wait_root", "Runtime.wait_ended")
            if mode == "dead" and named and row.kind != "task" and "cast_wait" not in name:
                assert isinstance(error, ActorError), (name, error)
                assert took == 0.0, (name, took)
            if mode == "waiting" and named and "cast_wait" not in name and name != "Runtime.start_root":
                assert isinstance(error, CallingCycle), (name, error)
                assert "asker" in str(error)
                assert took == 0.0, (name, took)

    async def main() -> None:
        for name, row in ROWS.items():
            await one(name, row)

    run(main, backend=backend)
