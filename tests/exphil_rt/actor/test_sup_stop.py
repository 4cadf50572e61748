"""The section sup_stop of OTP's supervisor_SUITE, order_of_children, and what holds when an actor refuses to end."""

from __future__ import annotations

import itertools

import anyio
import pytest
from msgspec.structs import replace

from exphil_rt.actor import (
    Crash,
    Down,
    ExitReason,
    Killed,
    Normal,
    Shutdown,
    SupervisorReport,
    SupFlags,
    start_child,
    terminate_child,
    which_children,
)
from exphil_rt.testing.actors import RESTARTS, End, Probe, ProbeArgs, SleepFor, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, start_tree


def watch(tree: StartedTree, *names: str) -> list[Down]:
    """The Downs of these actors, in the order of their ends."""
    downs: list[Down] = []
    for name in names:
        tree.runtime.monitor(tree.pid(name), downs.append)
    return downs


def reasons(downs: list[Down]) -> dict[str, ExitReason]:
    return {down.name: down.reason for down in downs}


def shutdown_errors(tree: StartedTree) -> set[str]:
    """Children of which it was reported that they ended otherwise than told."""
    reports = [report for report in tree.reports if isinstance(report, SupervisorReport)]
    return {report.child for report in reports if report.context == "shutdown_error"}


@both_backends
async def test_sup_stop_infinity() -> None:
    worker = probe("worker", ProbeArgs(terminate_s=3600.0), shutdown="infinity", trap_exit=True)
    async with start_tree(worker, dynamic("supervisor", shutdown="infinity")) as tree:
        downs = watch(tree, "worker", "supervisor")
        stopping_at = tree.runtime.loop.now()
        assert await tree.runtime.stop(deadline=4000.0)
        assert tree.runtime.loop.now() - stopping_at == pytest.approx(3600.0, abs=1.0)
        assert reasons(downs) == {"worker": Shutdown(), "supervisor": Shutdown()}


@both_backends
async def test_sup_stop_timeout() -> None:
    async with start_tree(probe("good", trap_exit=True), probe("busy", shutdown=1.0, trap_exit=True)) as tree:
        downs = watch(tree, "good", "busy")
        tree.runtime.cast("busy", SleepFor(5.0))
        await anyio.sleep(0.01)
        started = tree.runtime.loop.now()
        assert await tree.runtime.stop()
        assert tree.runtime.loop.now() - started == pytest.approx(1.0, abs=0.05)
        assert reasons(downs) == {"good": Shutdown(), "busy": Killed()}
        assert shutdown_errors(tree) == {"busy"}


@both_backends
async def test_sup_stop_timeout_dynamic() -> None:
    async with start_tree(dynamic("pool")) as tree:
        names = ["a", "b", "c", "d"]
        for name in names:
            await start_child("pool", probe(name, shutdown=1.0, trap_exit=True))
        downs = watch(tree, *names)
        tree.runtime.cast("b", SleepFor(5.0))
        tree.runtime.cast("d", SleepFor(5.0))
        await anyio.sleep(0.01)
        assert await tree.runtime.stop()
        assert reasons(downs) == {"a": Shutdown(), "b": Killed(), "c": Shutdown(), "d": Killed()}
        assert shutdown_errors(tree) == {"b", "d"}


@both_backends
async def test_sup_stop_brutal_kill() -> None:
    diary: list[str] = []
    args = ProbeArgs(diary=diary)
    async with start_tree(probe("killed", args, shutdown="brutal_kill"), probe("asked", args)) as tree:
        downs = watch(tree, "killed", "asked")
        assert await tree.runtime.stop()
        assert reasons(downs) == {"killed": Killed(), "asked": Shutdown()}
        assert diary == ["+killed", "+asked", "-asked"]
        assert not [report for report in tree.reports if isinstance(report, SupervisorReport)]


@both_backends
async def test_sup_stop_brutal_kill_dynamic() -> None:
    async with start_tree(dynamic("pool")) as tree:
        names = [f"p{n}" for n in range(10)]
        for name in names:
            await start_child("pool", probe(name, shutdown="brutal_kill"))
        downs = watch(tree, *names)
        assert await tree.runtime.stop()
        assert reasons(downs) == dict.fromkeys(names, Killed())


@both_backends
async def test_sup_stop_race() -> None:
    ends: list[ExitReason] = [Normal(), Shutdown(), Shutdown("term"), Crash("odd", "odd")]
    kinds = list(itertools.product(RESTARTS, ends))
    children = [probe(f"p{n}", restart=restart) for n, (restart, _) in enumerate(kinds)]
    slow = probe("slow", ProbeArgs(terminate_s=1.0))
    async with start_tree(*children, slow) as tree:
        downs = watch(tree, *[child.id for child in children])
        stopping_at = tree.runtime.loop.now()

        def end_all() -> None:  # while the supervisor waits for its last child
            for n, (_, end) in enumerate(kinds):
                tree.runtime.cast(f"p{n}", End(end))

        tree.runtime.timers.after(0.5, end_all)
        assert await tree.runtime.stop()
        assert tree.runtime.loop.now() - stopping_at == pytest.approx(1.0, abs=0.05)
        assert reasons(downs) == {f"p{n}": end for n, (_, end) in enumerate(kinds)}
        assert tree.runtime.statistics().started == len(kinds) + 2  # nobody was started again
        odd = [
            isinstance(end, Crash) or (restart == "permanent" and end in (Normal(), Shutdown("term")))
            for restart, end in kinds
        ]
        assert shutdown_errors(tree) == {f"p{n}" for n, wrong in enumerate(odd) if wrong}


class BreaksAtTheEnd(Probe):
    """Ends otherwise than it was told to."""

    async def terminate(self, reason: ExitReason) -> None:
        raise RuntimeError("not like that")


@both_backends
async def test_sup_stop_non_shutdown_exit_dynamic() -> None:
    async with start_tree(dynamic("pool")) as tree:
        for n, restart in enumerate(RESTARTS):
            await start_child("pool", replace(probe(f"p{n}", restart=restart), start=BreaksAtTheEnd))
        downs = watch(tree, "p0", "p1", "p2", "pool")
        assert await tree.runtime.stop()
        ends = reasons(downs)
        assert ends["pool"] == Shutdown()
        assert all(isinstance(ends[f"p{n}"], Crash) for n in range(3))
        assert len(downs) == 4
        assert shutdown_errors(tree) == {"p0", "p1", "p2"}


@both_backends
async def test_order_of_children() -> None:
    diary: list[str] = []
    ids = ["d", "a", "e", "c", "b"]
    flags = SupFlags("rest_for_one", 2, 3600.0)
    async with start_tree(*[probe(name, ProbeArgs(diary=diary)) for name in ids], flags=flags) as tree:
        assert [info.id for info in await which_children("sup")] == ids[::-1]
        numbers = [tree.pid(name).number for name in ids]
        assert numbers == sorted(numbers)
        assert diary == [f"+{name}" for name in ids]
        diary.clear()
        tree.runtime.exit("e", Killed())
        await anyio.sleep(0.001)
        assert diary == ["-b", "-c", "+e", "+c", "+b"]
        again = [tree.pid(name).number for name in ids]
        assert again[:2] == numbers[:2]
        assert again == sorted(again)
        diary.clear()
        await tree.runtime.stop()
        assert diary == [f"-{name}" for name in reversed(ids)]


@both_backends
async def test_a_child_that_ends_otherwise_than_told_is_reported() -> None:
    async with start_tree(probe("a", trap_exit=True)) as tree:
        tree.runtime.cast("a", SleepFor(0.5))
        tree.runtime.cast("a", End(Normal()))
        await anyio.sleep(0.01)
        # The exit signal is a system message, so it is served before the End that waits; a kill is what makes a
        # permanent child end otherwise than by shutdown here.
        tree.runtime.timers.after(0.1, tree.pid("a").cell.kill)
        await terminate_child("sup", "a")
        (report,) = [report for report in tree.reports if isinstance(report, SupervisorReport)]
        assert (report.context, report.child, report.reason) == ("shutdown_error", "a", Killed())


@both_backends
async def test_terminate_is_cut_off_after_the_shutdown_time() -> None:
    diary: list[str] = []
    async with start_tree(probe("slow", ProbeArgs(terminate_s=100.0, diary=diary), shutdown=2.0)) as tree:
        downs = watch(tree, "slow")
        started = tree.runtime.loop.now()
        await terminate_child("sup", "slow")
        assert tree.runtime.loop.now() - started == pytest.approx(2.0, abs=0.05)
        assert diary == ["+slow"]
        assert len(downs) == 1


@both_backends
async def test_terminate_of_one_that_ends_by_itself_is_cut_off_too() -> None:
    diary: list[str] = []
    slow = probe("slow", ProbeArgs(terminate_s=100.0, diary=diary), shutdown=2.0, restart="temporary")
    async with start_tree(slow) as tree:
        pid = tree.pid("slow")
        started = tree.runtime.loop.now()
        tree.runtime.cast("slow", End(Shutdown("done")))
        assert await tree.runtime.wait_ended(pid, 50.0) == Shutdown("done")
        assert tree.runtime.loop.now() - started == pytest.approx(2.0, abs=0.05)
        assert diary == ["+slow"]


@both_backends
async def test_an_actor_that_refuses_cancellation_holds_nobody_up() -> None:
    async with start_tree(probe("a"), probe("zombie", shutdown=1.0), probe("z"), stop_deadline=10.0) as tree:
        tree.runtime.cast("zombie", SleepFor(500.0, shielded=True))
        await anyio.sleep(0.01)
        downs = watch(tree, "zombie")
        started = tree.runtime.loop.now()
        await terminate_child("sup", "zombie")
        assert tree.runtime.loop.now() - started == pytest.approx(2.0, abs=0.05)  # shutdown time, then the grace
        assert reasons(downs) == {"zombie": Killed()}
        assert tree.runtime.statistics().zombies == 1
        assert tree.runtime.whereis("zombie") is None
        fresh = await start_child("sup", probe("zombie2"))
        assert fresh is not None
        assert not await tree.runtime.stop()  # it says that not everything ended
        await anyio.sleep(600.0)
        assert tree.runtime.statistics().zombies == 0


@both_backends
async def test_the_stop_deadline_bounds_infinite_patience() -> None:
    worker = probe("worker", ProbeArgs(terminate_s=3600.0), shutdown="infinity")
    async with start_tree(worker) as tree:
        downs = watch(tree, "worker", "sup")
        started = tree.runtime.loop.now()
        assert not await tree.runtime.stop(deadline=3.0)
        assert tree.runtime.loop.now() - started == pytest.approx(3.0, abs=0.1)
        assert reasons(downs) == {"worker": Killed(), "sup": Killed()}


@both_backends
async def test_children_of_a_killed_supervisor_end_in_order_before_it() -> None:
    diary: list[str] = []
    async with start_tree(dynamic("pool", restart="temporary"), probe("other")) as tree:
        await start_child("pool", probe("a", ProbeArgs(terminate_s=1.0, diary=diary)))
        await start_child("pool", probe("b", ProbeArgs(terminate_s=100.0, diary=diary), shutdown=100.0))
        downs = watch(tree, "a", "b", "pool")
        tree.runtime.exit("pool", Killed())
        await anyio.sleep(30.0)
        assert [down.name for down in downs] == ["a", "b", "pool"]
        assert reasons(downs) == {"a": Shutdown(), "b": Killed(), "pool": Killed()}
        assert diary == ["+a", "+b", "-a"]
        assert tree.runtime.whereis("other") is not None


@both_backends
async def test_cancelling_the_body_stops_the_tree_in_order() -> None:
    diary: list[str] = []
    with anyio.CancelScope() as scope:
        async with start_tree(*[probe(name, ProbeArgs(terminate_s=0.5, diary=diary)) for name in "ab"]):
            scope.cancel()
            await anyio.sleep_forever()
    assert diary == ["+a", "+b", "-b", "-a"]


@both_backends
async def test_an_exception_in_the_body_comes_out_as_itself() -> None:
    diary: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with start_tree(probe("a", ProbeArgs(diary=diary))):
            raise ZeroDivisionError
    assert diary == ["+a", "-a"]
