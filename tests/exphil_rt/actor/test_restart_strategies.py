"""The section restart strategies of OTP's supervisor_SUITE, by the cases' own names, on both loops."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

import anyio
import pytest

from exphil_rt.actor import (
    Backoff,
    ChildCounts,
    Crash,
    DynamicFlags,
    Extra,
    Killed,
    Pid,
    Shutdown,
    SupervisorReport,
    SupFlags,
    count_children,
    start_child,
    which_children,
)
from exphil_rt.testing.actors import Break, Probe, ProbeArgs, Start, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, start_tree


async def settle() -> None:
    """Let everything run until nobody has anything to do: virtual time moves only then."""
    await anyio.sleep(0.001)


async def crash(tree: StartedTree, name: str) -> None:
    tree.runtime.cast(name, Break())
    await settle()


class Switch:
    """Children that refuse to start while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.attempts = 0

    def start(self) -> Start:
        self.attempts += 1
        return "crash" if self.on else "ok"


@both_backends
async def test_multiple_restarts() -> None:
    async with start_tree(probe("a"), flags=SupFlags("one_for_one", 1, 1.0)) as tree:
        for _ in range(5):
            await crash(tree, "a")
            await anyio.sleep(1.1)
        assert tree.runtime.whereis("a") is not None
        await crash(tree, "a")
        await anyio.sleep(0.5)
        await crash(tree, "a")
        assert not tree.supervisor.alive


@both_backends
async def test_one_for_one() -> None:
    async with start_tree(probe("a"), probe("b"), flags=SupFlags("one_for_one", 2, 3600.0)) as tree:
        a, b = tree.pid("a"), tree.pid("b")
        await crash(tree, "a")
        assert tree.pid("a") != a
        assert tree.pid("b") == b
        await crash(tree, "a")
        assert tree.supervisor.alive
        await crash(tree, "a")
        assert await tree.runtime.wait_root(1.0) == Shutdown()
        assert not b.alive
        last = tree.reports[-1]
        assert isinstance(last, SupervisorReport)
        assert (last.context, last.child) == ("shutdown", "a")


@both_backends
async def test_one_for_one_escalation() -> None:
    switch = Switch()
    children = probe("a", ProbeArgs(switch.start)), probe("b")
    async with start_tree(*children, flags=SupFlags("one_for_one", 4, 3600.0)) as tree:
        b = tree.pid("b")
        switch.on = True
        await crash(tree, "a")
        assert await tree.runtime.wait_root(1.0) == Shutdown()
        assert not b.alive
        assert switch.attempts == 1 + 4


@both_backends
async def test_one_for_all() -> None:
    async with start_tree(probe("a"), probe("b"), flags=SupFlags("one_for_all", 2, 3600.0)) as tree:
        for _ in range(2):
            old = tree.pid("a"), tree.pid("b")
            await crash(tree, "a")
            assert not any(pid.alive for pid in old)
            assert {tree.pid("a").alive, tree.pid("b").alive} == {True}
        await crash(tree, "b")
        assert await tree.runtime.wait_root(1.0) == Shutdown()
        assert tree.runtime.statistics().actors == 0


@both_backends
async def test_one_for_all_escalation() -> None:
    switch = Switch()
    children = probe("a"), probe("b", ProbeArgs(switch.start))
    async with start_tree(*children, flags=SupFlags("one_for_all", 4, 3600.0)) as tree:
        switch.on = True
        await crash(tree, "a")
        assert await tree.runtime.wait_root(1.0) == Shutdown()
        assert tree.runtime.statistics().actors == 0


@both_backends
async def test_one_for_all_other_child_fails_restart() -> None:
    diary: list[str] = []
    refusals = 0

    def start() -> Start:
        nonlocal refusals
        refusals -= 1
        return "crash" if refusals >= 0 else "ok"

    children = probe("a", ProbeArgs(diary=diary)), probe("b", ProbeArgs(start, diary=diary))
    async with start_tree(*children, flags=SupFlags("one_for_all", 3, 3600.0)) as tree:
        diary.clear()
        refusals = 1
        tree.runtime.exit("a", Killed())
        await settle()
        assert diary == ["-b", "+a", "-a", "+a", "+b"]  # a, restarted, was stopped again when b did not start
        assert [info.pid is not None for info in await which_children("sup")] == [True, True]


@both_backends
async def test_simple_one_for_one() -> None:
    async with start_tree(dynamic("pool", DynamicFlags(intensity=2, period=3600.0), restart="temporary")) as tree:
        pool = tree.pid("pool")
        for name in "ab":
            await start_child("pool", probe(name))
        a, b = tree.pid("a"), tree.pid("b")
        await crash(tree, "a")
        assert tree.pid("a") != a
        assert tree.pid("b") == b
        await crash(tree, "a")
        await crash(tree, "a")
        assert await tree.runtime.wait_ended(pool, 1.0) == Shutdown()
        assert not b.alive


class Numbered(Probe):
    """Says beside its state which start it is."""

    starts = 0

    async def init(self, args: Any) -> Any:
        state = await super().init(None)
        type(self).starts += 1
        return Extra(state, f"start {type(self).starts}")


@both_backends
async def test_simple_one_for_one_extra() -> None:
    class Child(Numbered):
        pass

    async with start_tree(dynamic("pool", restart="temporary")) as tree:
        started = await start_child("pool", probe("a", start=Child))
        assert started is not None
        assert started.info == "start 1"
        await crash(tree, "a")
        assert tree.pid("a").info == "start 2"
        assert not started.alive
        plain = await start_child("pool", probe("b"))
        assert plain is not None
        assert plain.info is None


@both_backends
async def test_simple_one_for_one_shutdown() -> None:
    async with start_tree(dynamic("pool")) as tree:
        for n in range(5):
            await start_child("pool", probe(f"p{n}", ProbeArgs(terminate_s=1.0)))
        started = tree.runtime.loop.now()
        assert await tree.runtime.stop()
        assert tree.runtime.loop.now() - started == pytest.approx(1.0, abs=0.1)  # all at once


@both_backends
async def test_simple_one_for_one_escalation() -> None:
    switch = Switch()
    flags = DynamicFlags(intensity=4, period=3600.0)
    async with start_tree(dynamic("pool", flags, restart="temporary")) as tree:
        pool = tree.pid("pool")
        await start_child("pool", probe("a", ProbeArgs(switch.start)))
        await start_child("pool", probe("b"))
        b = tree.pid("b")
        switch.on = True
        await crash(tree, "a")
        assert await tree.runtime.wait_ended(pool, 1.0) == Shutdown()
        assert not b.alive


@both_backends
async def test_simple_one_for_one_corruption() -> None:
    class Args:
        """Something that can be referred to weakly."""

    class Taker(Probe):
        async def init(self, args: Any) -> Any:
            return await super().init(None)

    async with start_tree(dynamic("pool")):
        kept: list[weakref.ref[Args]] = []
        for restart in ("permanent", "temporary"):
            args = Args()
            kept.append(weakref.ref(args))
            pid = await start_child("pool", probe(f"of_{restart}", start=Taker, restart=restart, args=args))
            assert pid is not None
            del args
        gc.collect()
        assert kept[0]() is not None
        (temporary,) = [info for info in await which_children("pool") if info.id == "of_temporary"]
        assert temporary.pid is not None
        assert kept[1]() is None  # nobody will start it again, so nobody keeps what it was started with


@both_backends
async def test_rest_for_one() -> None:
    async with start_tree(probe("a"), probe("b"), probe("c"), flags=SupFlags("rest_for_one", 2, 3600.0)) as tree:
        a, b, c = (tree.pid(name) for name in "abc")
        await crash(tree, "b")
        assert tree.pid("a") == a
        assert tree.pid("b") != b
        assert tree.pid("c") != c
        assert not c.alive
        b = tree.pid("b")
        await crash(tree, "c")
        assert tree.pid("b") == b
        await crash(tree, "b")
        assert await tree.runtime.wait_root(1.0) == Shutdown()
        assert not a.alive


@both_backends
async def test_rest_for_one_stops_in_reverse_and_starts_in_order() -> None:
    diary: list[str] = []
    children = [probe(name, ProbeArgs(diary=diary)) for name in ("d", "a", "c", "b")]
    async with start_tree(*children, flags=SupFlags("rest_for_one")) as tree:
        diary.clear()
        tree.runtime.exit("a", Killed())
        await settle()
        assert diary == ["-b", "-c", "+a", "+c", "+b"]


@both_backends
async def test_rest_for_one_escalation() -> None:
    switch = Switch()
    children = probe("a"), probe("b", ProbeArgs(switch.start))
    async with start_tree(*children, flags=SupFlags("rest_for_one", 4, 3600.0)) as tree:
        switch.on = True
        await crash(tree, "a")
        assert await tree.runtime.wait_root(1.0) == Shutdown()
        assert tree.runtime.statistics().actors == 0


@both_backends
async def test_rest_for_one_other_child_fails_restart() -> None:
    diary: list[str] = []
    refusals = 0

    def start() -> Start:
        nonlocal refusals
        refusals -= 1
        return "crash" if refusals >= 0 else "ok"

    children = probe("a", ProbeArgs(diary=diary)), probe("b", ProbeArgs(start, diary=diary))
    async with start_tree(*children, flags=SupFlags("rest_for_one", 3, 3600.0)) as tree:
        diary.clear()
        refusals = 1
        tree.runtime.exit("a", Killed())
        await settle()
        assert diary == ["-b", "+a", "+b"]  # a was restarted once; b alone was tried again
        assert tree.pid("a").alive
        assert tree.pid("b").alive


@both_backends
async def test_the_mailbox_is_served_between_restart_attempts() -> None:
    switch = Switch()
    flags = SupFlags("one_for_one", 1_000_000, 3600.0)
    async with start_tree(probe("a", ProbeArgs(switch.start)), flags=flags) as tree:
        switch.on = True
        tree.runtime.cast("a", Break())
        for _ in range(50):
            counts = await count_children("sup")
        assert counts == ChildCounts(1, 0, 0, 1)
        assert switch.attempts > 10
        (info,) = await which_children("sup")
        assert info.restarting
        switch.on = False
        await settle()
        assert tree.pid("a").alive


@both_backends
async def test_backoff_waits_longer_after_each_failure_and_starts_over_after_a_long_life() -> None:
    switch = Switch()
    starts: list[float] = []

    def start() -> Start:
        starts.append(tree.runtime.loop.now())
        return switch.start()

    backoff = Backoff(first=1.0, factor=2.0, max=10.0, jitter=0.0)
    args = ProbeArgs(lambda: start())
    async with start_tree(flags=SupFlags("one_for_one", 100, 3600.0)) as tree:
        await start_child("sup", probe("a", args, backoff=backoff))
        switch.on = True
        tree.runtime.cast("a", Break())
        await anyio.sleep(30.0)
        switch.on = False
        await anyio.sleep(20.0)
        waits = [b - a for a, b in itertools.pairwise(starts)]
        assert waits == pytest.approx([1.0, 2.0, 4.0, 8.0, 10.0, 10.0], abs=0.01)
        assert tree.pid("a").alive
        crashed_at = tree.runtime.loop.now()
        await crash(tree, "a")
        assert [row.state for row in tree.runtime.tree()] == ["running", "restarting"]
        await anyio.sleep(1.5)
        assert starts[-1] - crashed_at == pytest.approx(1.0 if crashed_at - starts[-2] > 10 else 10.0, abs=0.01)


@both_backends
async def test_backoff_counts_towards_intensity() -> None:
    switch = Switch()
    child = probe("a", ProbeArgs(switch.start), backoff=Backoff(0.1, 1.0, 0.1, 0.0))
    async with start_tree(child, probe("b"), flags=SupFlags("one_for_one", 3, 3600.0)) as tree:
        switch.on = True
        tree.runtime.cast("a", Break())
        assert await tree.runtime.wait_root(10.0) == Shutdown()
        assert switch.attempts == 1 + 3


@both_backends
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_siblings_wait_for_a_put_off_restart(strategy: Any) -> None:
    children = probe("a", backoff=Backoff(5.0, 1.0, 5.0, 0.0)), probe("b")
    async with start_tree(*children, flags=SupFlags(strategy, 3, 3600.0)) as tree:
        b = tree.pid("b")
        await crash(tree, "a")
        assert not b.alive
        assert [(row.name, row.state) for row in tree.runtime.tree()[1:]] == [("a", "restarting"), ("b", "down")]
        await anyio.sleep(5.1)
        assert tree.pid("a").alive
        assert tree.pid("b").alive


@both_backends
async def test_max_children() -> None:
    from exphil_rt.actor import MaxChildren

    async with start_tree(dynamic("pool", DynamicFlags(max_children=2))):
        await start_child("pool", probe("a", name=None))
        await start_child("pool", probe("a", name=None))
        with pytest.raises(MaxChildren):
            await start_child("pool", probe("a", name=None))
        assert [info.id for info in await which_children("pool")] == ["a#1", "a"]


@both_backends
async def test_a_killed_child_is_restarted_under_its_name() -> None:
    async with start_tree(probe("a")) as tree:
        old = tree.pid("a")
        tree.runtime.exit(old, Killed())
        assert await tree.runtime.wait_ended(old, 1.0) == Killed()
        await settle()
        new: Pid = tree.pid("a")
        assert new.number > old.number
        first = next(report for report in tree.reports if isinstance(report, SupervisorReport))
        assert (first.context, first.reason, first.restart) == ("child_terminated", Killed(), "permanent")
        tree.runtime.cast("a", Break("again"))
        await settle()
        assert isinstance(new.cell.reason, Crash)
