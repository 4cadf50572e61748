"""LagMonitor: names who blocked the loop, and tells that from a want of CPU; by a clock that only handlers move."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import msgspec

from exphil_rt.actor import (
    BlockedLoop,
    ChildSpec,
    From,
    GenServer,
    LagMonitor,
    LagReport,
    LagSettings,
    handle_call,
    start_child,
    sys,
)
from exphil_rt.actor.lag import ThreadClock
from exphil_rt.testing.clocks import both_backends, both_backends_real_time
from exphil_rt.testing.trees import StartedTree, start_tree

DEADLINE_S = 60.0
"""For a thread to run at all."""


class HandClock:
    """The loop's virtual time, which stands still in handlers, and what handlers add to it."""

    known = True

    def __init__(self) -> None:
        self.added = self.waits = 0.0
        self.loop_thread = threading.get_ident()
        self.looks = threading.Semaphore(0)
        self.on_loop = anyio.current_time()
        HandClock.last = self

    last: HandClock

    def now(self) -> float:
        if threading.get_ident() == self.loop_thread:
            self.on_loop = anyio.current_time()
        else:
            self.looks.release()
        return self.on_loop + self.added

    def waited(self) -> float:
        return self.waits

    def close(self) -> None:
        pass

    def block(self, seconds: float, waited: float = 0.0) -> None:
        """Hold the loop for so long, ``waited`` of it for a CPU, until the thread has looked at it."""
        self.added += seconds
        self.waits += waited
        while self.looks.acquire(blocking=False):
            pass
        for _ in range(2):  # the first sees how late it is, and the second comes after that was dealt with
            assert self.looks.acquire(timeout=DEADLINE_S)


class HandMonitor(LagMonitor):
    clock = HandClock


class Block(msgspec.Struct, frozen=True):
    """Call: hold the loop, in a handler or in a task."""

    seconds: float
    waited: float = 0.0
    aside: bool = False


class Blocking(GenServer[None]):
    async def init(self, args: Any) -> None:
        if args is not None:
            HandClock.last.block(args)

    @handle_call
    async def block(self, message: Block, sender: From) -> None:
        if message.aside:
            self.start_task(self.hold, message)
        else:
            await self.hold(message)

    async def hold(self, message: Block) -> None:
        HandClock.last.block(message.seconds, message.waited)


def monitor(**settings: float) -> ChildSpec:
    return ChildSpec(id="lag", name="lag", start=HandMonitor, args=LagSettings(**settings))


def blocking(args: Any = None) -> ChildSpec:
    return ChildSpec(id="b", name="b", start=Blocking, args=args)


def told(tree: StartedTree) -> list[BlockedLoop]:
    return [report for report in tree.reports if isinstance(report, BlockedLoop)]


@both_backends
async def test_a_blocked_loop_is_told_with_actor_message_and_stack() -> None:
    async with start_tree(monitor(), blocking()) as tree:
        await anyio.sleep(0.05)
        assert told(tree) == []
        await tree.runtime.call("b", Block(0.3, waited=0.1))
        await anyio.sleep(0.05)
        (report,) = told(tree)
        assert (report.cause, report.actor, report.message) == ("blocked", "sup/b", "Block")
        assert 290.0 <= report.lag_ms <= 300.0
        assert round(report.run_queue_ms) == 100
        assert "Blocking.hold" in report.stack
        state = await sys.get_state("lag")
        assert (state.blocked, state.contended) == (1, 0)


@both_backends
async def test_a_want_of_cpu_is_nobodys_fault() -> None:
    async with start_tree(monitor(), blocking()) as tree:
        await anyio.sleep(0.05)
        await tree.runtime.call("b", Block(0.3, waited=0.26))
        await anyio.sleep(0.05)
        (report,) = told(tree)
        assert (report.cause, report.actor, report.message, report.stack) == ("contention", "", "", "")
        state = await sys.get_state("lag")
        assert (state.blocked, state.contended) == (0, 1)


@both_backends
async def test_tasks_and_starts_are_named_as_well() -> None:
    async with start_tree(monitor(), blocking()) as tree:
        await anyio.sleep(0.05)
        await tree.runtime.call("b", Block(0.3, aside=True))
        await anyio.sleep(0.05)
        assert [(report.actor, report.message) for report in told(tree)] == [("sup/b", "Blocking.hold")]
    async with start_tree(monitor()) as tree:
        await anyio.sleep(0.05)
        await start_child("sup", blocking(0.3))
        await anyio.sleep(0.05)
        assert [(report.actor, report.message) for report in told(tree)] == [("sup/b", "init")]


@both_backends
async def test_a_window_is_summed_up() -> None:
    async with start_tree(monitor(window_s=1.0, tick_s=0.01), blocking()) as tree:
        await anyio.sleep(0.5)
        await tree.runtime.call("b", Block(0.2, waited=0.15))
        await anyio.sleep(0.5)
        (last,) = (report for report in tree.reports if isinstance(report, LagReport))
        assert (await sys.get_state("lag")).last == last
        assert 75 <= last.ticks <= 82  # a second in ticks of 10 ms, without those that the block swallowed
        assert 1.0 <= last.seconds < 1.1
        assert (round(last.gross_p50_ms), round(last.net_p50_ms)) == (0, 0)
        assert 190.0 <= last.gross_max_ms <= 200.0
        assert round(last.gross_max_ms - last.net_max_ms) == round(last.run_queue_ms) == 150
        assert last.run_queue_known
        detail = next(row.detail for row in tree.runtime.tree() if row.name == "lag")
        assert detail == f"p99 {last.gross_p99_ms:.1f} ms, net {last.net_p99_ms:.1f} ms"


@both_backends_real_time
async def test_real_time_is_measured_where_nobody_sets_a_clock() -> None:
    spec = ChildSpec(id="lag", name="lag", start=LagMonitor, args=LagSettings(tick_s=0.001, window_s=0.02))
    async with start_tree(spec) as tree:
        with anyio.fail_after(DEADLINE_S):
            while not any(isinstance(report, LagReport) for report in tree.reports):  # noqa: ASYNC110
                await anyio.sleep(0.001)
        last = next(report for report in tree.reports if isinstance(report, LagReport))
        assert last.seconds >= 0.02
        assert last.ticks >= 1
        assert 0.0 <= last.net_p50_ms <= last.net_p99_ms <= last.net_max_ms <= last.gross_max_ms


def test_the_wait_for_a_cpu_is_read_where_it_is_counted() -> None:
    clock = ThreadClock()
    assert clock.now() <= clock.now()
    first = clock.waited()
    assert 0.0 <= first <= clock.waited()
    clock.close()
    assert clock.waited() == 0.0
