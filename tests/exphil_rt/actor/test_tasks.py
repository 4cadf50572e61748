"""TaskSupervisor: linked tasks, tasks without a link, streams with bounded concurrency."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
    ActorError,
    CallingCycle,
    CallTimeout,
    ChildSpec,
    Crash,
    Done,
    DynamicFlags,
    Exited,
    From,
    GenServer,
    Killed,
    MaxChildren,
    NoProc,
    Normal,
    Shutdown,
    Task,
    TaskSupervisor,
    count_children,
    handle_call,
    tasks,
)
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, start_tree


class Run(msgspec.Struct, frozen=True):
    """Call: run this coroutine function in the actor, with the actor; answer what it returns."""

    function: Any


class Owner(GenServer[None]):
    async def init(self, args: Any) -> None:
        return None

    @handle_call
    async def run(self, message: Run, sender: From) -> Any:
        return await message.function(self)


class TrappingOwner(Owner):
    trap_exit = True

    async def handle_info(self, message: object) -> None:
        self.got = message


def workers(**flags: Any) -> ChildSpec:
    return ChildSpec(id="tasks", name="tasks", start=TaskSupervisor, args=DynamicFlags(**flags))


def owner(start: type[GenServer[Any]] = Owner) -> ChildSpec:
    return ChildSpec(id="owner", name="owner", start=start, restart="temporary")


async def after(seconds: float, value: Any = None) -> Any:
    await anyio.sleep(seconds)
    if isinstance(value, Exception):
        raise value
    return value


async def running(tree: StartedTree) -> int:
    return (await count_children("tasks")).active


@both_backends
async def test_a_task_gives_what_its_function_returns_and_is_forgotten() -> None:
    async with start_tree(workers()) as tree:
        task = await tasks.async_("tasks", after, 1.0, 42)
        assert await task.poll() is None
        assert await running(tree) == 1
        assert await task.wait() == 42
        assert await task.wait() == 42
        assert task.outcome == Done(42)
        assert await running(tree) == 0
        several = [await tasks.async_nolink("tasks", after, 3.0 - n, n) for n in range(3)]
        assert await tasks.await_many(several) == [0, 1, 2]


@both_backends
async def test_a_linked_task_and_its_owner_share_their_fate() -> None:
    async def start(self: Owner) -> Task[Any]:
        return await tasks.async_("tasks", after, 100.0)

    async def fail(self: Owner) -> Any:
        return await (await tasks.async_("tasks", after, 1.0, RuntimeError("no"))).wait()

    async with start_tree(workers(), owner()) as tree:
        task = await tree.runtime.call("owner", Run(start))
        tree.runtime.exit("owner", Shutdown("enough"))
        await anyio.sleep(0.1)
        assert task.outcome == Exited(Shutdown("enough"))
    async with start_tree(workers(), owner()) as tree:
        pid = tree.pid("owner")
        with pytest.raises(NoProc, match="RuntimeError: no"):
            await tree.runtime.call("owner", Run(fail))
        assert isinstance(await tree.runtime.wait_ended(pid, 5.0), Crash)


@both_backends
async def test_an_owner_that_traps_exits_hears_of_the_crash() -> None:
    async def start(self: Owner) -> Task[Any]:
        return await tasks.async_("tasks", after, 1.0, RuntimeError("no"))

    async with start_tree(workers(), owner(TrappingOwner)) as tree:
        task = await tree.runtime.call("owner", Run(start))
        with pytest.raises(NoProc):
            await task.wait()
        await anyio.sleep(0.1)
        actor: Any = tree.pid("owner").cell.actor
        assert actor.got.sender is task.pid


@both_backends
async def test_a_task_without_a_link_tells_how_it_ended_and_no_more() -> None:
    async def fail(self: Owner) -> Any:
        task = await tasks.async_nolink("tasks", after, 1.0, RuntimeError("no"))
        return await task.poll(5.0)

    async with start_tree(workers(), owner()) as tree:
        outcome = await tree.runtime.call("owner", Run(fail))
        assert outcome.reason.type == "RuntimeError"
        assert tree.pid("owner").alive
        task = await tasks.async_nolink("tasks", after, 50.0, 1)
        with pytest.raises(CallTimeout):
            await task.wait(1.0)
        assert task.outcome is None
        assert await task.wait(60.0) == 1
        assert await (await tasks.async_nolink("tasks", after, 50.0)).shutdown() == Exited(Shutdown())
        linked = await tasks.async_("tasks", after, 50.0)
        with pytest.raises(CallTimeout):
            await linked.wait(1.0)
        await anyio.sleep(0.1)
        assert isinstance(linked.outcome, Exited)


@both_backends
async def test_a_task_that_calls_who_waits_for_it_is_a_cycle() -> None:
    async def call_back(runtime: Any) -> Any:
        return await runtime.call("owner", Run(None))

    async def start(self: Owner) -> Any:
        task = await tasks.async_nolink("tasks", call_back, self.runtime)
        with pytest.raises(CallingCycle, match="owner -> sup/tasks/task -> owner"):
            await task.poll(5.0)
        return "found"

    async with start_tree(workers(), owner()) as tree:
        assert await tree.runtime.call("owner", Run(start)) == "found"


@both_backends
async def test_start_child_runs_again_where_it_is_told_to_and_max_children_holds() -> None:
    runs: list[int] = []

    async def once_more() -> None:
        runs.append(1)
        if len(runs) < 3:
            raise RuntimeError("again")

    async with start_tree(workers(max_children=1, intensity=5)) as tree:
        pid = await tasks.start_child("tasks", once_more, restart="transient")
        await tree.runtime.wait_ended(pid, 5.0)
        await anyio.sleep(0.1)
        assert len(runs) == 3
        await tasks.async_nolink("tasks", after, 5.0)
        with pytest.raises(MaxChildren):
            await tasks.async_nolink("tasks", after, 5.0)


@both_backends
async def test_a_stream_runs_a_bounded_number_at_once_and_keeps_the_order() -> None:
    now_running = most = 0
    taken: list[int] = []

    def items() -> Any:
        for number in range(10):
            taken.append(number)
            yield number

    async def work(number: int) -> int:
        nonlocal now_running, most
        now_running += 1
        most = max(most, now_running)
        await anyio.sleep(10.0 - number)
        now_running -= 1
        return number

    async with start_tree(workers()) as tree:
        got = []
        async for one in tasks.stream("tasks", work, items(), max_concurrency=3, timeout=20.0):
            assert isinstance(one, Done)
            got.append(one.value)
            assert len(taken) - len(got) <= 3
        assert got == list(range(10))
        assert most == 3
        free = tasks.stream("tasks", work, items(), max_concurrency=10, ordered=False, timeout=20.0)
        assert [one.value async for one in free if isinstance(one, Done)] == list(reversed(range(10)))
        assert await running(tree) == 0


@both_backends
async def test_a_stream_says_what_failed_and_what_took_too_long() -> None:
    async def work(number: int) -> int:
        return await after(100.0 if number == 1 else 0.5, RuntimeError("odd") if number == 2 else number)

    async with start_tree(workers()) as tree:
        options: dict[str, Any] = {"max_concurrency": 2, "timeout": 2.0}
        got = [
            one async for one in tasks.stream("tasks", work, range(4), linked=False, on_timeout="kill_task", **options)
        ]
        assert got[0] == Done(0)
        assert got[1] == Exited(Killed())
        assert isinstance(got[2], Exited)
        assert isinstance(got[2].reason, Crash)
        assert got[3] == Done(3)
        with pytest.raises(CallTimeout):
            async for _ in tasks.stream("tasks", work, [1], **options):
                pass
        with pytest.raises(NoProc, match="odd"):
            async for _ in tasks.stream("tasks", work, [2], **options):
                pass
        with pytest.raises(ActorError):
            async for _ in tasks.stream("tasks", work, [2], max_concurrency=0):
                pass
        await anyio.sleep(0.1)
        assert await running(tree) == 0


@both_backends
async def test_leaving_a_stream_ends_what_runs() -> None:
    async with start_tree(workers()) as tree:
        async with aclosing(tasks.stream("tasks", after, [1.0, 50.0, 50.0], max_concurrency=3, timeout=90.0)) as stream:
            async for one in stream:
                assert one == Done(None)
                break
        await anyio.sleep(0.1)
        assert await running(tree) == 0
        assert isinstance(Normal(), Normal)


@both_backends
async def test_a_task_may_call_its_owner_at_once_while_the_supervisor_still_answers() -> None:
    async def ask(runtime: Any) -> str:
        answer: str = await runtime.call("owner", Run(answer_ok))
        return answer

    async def answer_ok(self: Owner) -> str:
        return "ok"

    async def start(self: Owner) -> Task[Any]:
        return await tasks.async_nolink("tasks", ask, self.runtime)

    async with start_tree(workers(), owner()) as tree:
        task = await tree.runtime.call("owner", Run(start))
        assert await task.wait() == "ok"
