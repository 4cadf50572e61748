"""LagMonitor: names who blocked the loop, and tells that from a want of CPU. In real time, since it measures that."""

from __future__ import annotations

import time
from typing import Any

import anyio
import msgspec

from exphil_rt.actor import BlockedLoop, ChildSpec, From, GenServer, LagMonitor, LagSettings, handle_call, sys
from exphil_rt.actor.lag import RunQueueDelay
from exphil_rt.testing.clocks import both_backends_real_time
from exphil_rt.testing.trees import StartedTree, start_tree


class Block(msgspec.Struct, frozen=True):
    """Call: hold the loop for so many seconds, in a handler or in a task."""

    seconds: float
    aside: bool = False


class Blocking(GenServer[None]):
    async def init(self, args: Any) -> None:
        if args is not None:
            time.sleep(args)  # noqa: ASYNC251

    @handle_call
    async def block(self, message: Block, sender: From) -> None:
        if message.aside:
            self.start_task(self.hold, message.seconds)
        else:
            await self.hold(message.seconds)

    async def hold(self, seconds: float) -> None:
        until = time.thread_time() + seconds  # of this thread's own CPU time, however busy the machine is
        while time.thread_time() < until:
            pass


def monitor(**settings: float) -> ChildSpec:
    return ChildSpec(id="lag", name="lag", start=LagMonitor, args=LagSettings(**settings))


def blocking(args: Any = None) -> ChildSpec:
    return ChildSpec(id="b", name="b", start=Blocking, args=args)


async def blocked(tree: StartedTree) -> BlockedLoop:
    with anyio.fail_after(20.0):
        while True:
            for report in tree.reports:
                if isinstance(report, BlockedLoop) and report.cause == "blocked" and report.actor:
                    return report
            await anyio.sleep(0.01)


@both_backends_real_time
async def test_a_blocked_loop_is_told_with_actor_message_and_stack() -> None:
    async with start_tree(monitor(), blocking()) as tree:
        await anyio.sleep(0.05)
        await tree.runtime.call("b", Block(0.3), timeout=20.0)
        report = await blocked(tree)
        assert (report.actor, report.message) == ("sup/b", "Block")
        assert report.lag_ms > 200.0
        assert "Blocking.hold" in report.stack
        assert (await sys.get_state("lag")).blocked >= 1


@both_backends_real_time
async def test_tasks_and_starts_are_named_as_well() -> None:
    async with start_tree(monitor(), blocking()) as tree:
        await anyio.sleep(0.05)
        await tree.runtime.call("b", Block(0.3, aside=True), timeout=20.0)
        report = await blocked(tree)
        assert (report.actor, report.message) == ("sup/b", "Blocking.hold")
    async with start_tree(monitor()) as tree:
        from exphil_rt.actor import start_child

        await anyio.sleep(0.05)
        await start_child("sup", blocking(0.3))
        report = await blocked(tree)
        assert (report.actor, report.message) == ("sup/b", "init")


@both_backends_real_time
async def test_a_window_is_summed_up() -> None:
    async with start_tree(monitor(window_s=0.2, tick_s=0.005)) as tree:
        with anyio.fail_after(20.0):
            while (await sys.get_state("lag")).last is None:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        last = (await sys.get_state("lag")).last
        assert last in tree.reports
        assert last.ticks > 5
        assert 0.0 <= last.net_p50_ms <= last.net_p99_ms <= last.net_max_ms <= last.gross_max_ms
        assert "p99" in next(row.detail for row in tree.runtime.tree() if row.name == "lag")


def test_the_wait_for_a_cpu_is_read_where_it_is_counted() -> None:
    delay = RunQueueDelay()
    first = delay.read()
    assert 0.0 <= first <= delay.read()
    delay.close()
    assert delay.read() == 0.0
