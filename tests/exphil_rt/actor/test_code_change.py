"""The cases of OTP's supervisor_SUITE that change a supervisor's code while it runs, by their own names, on both loops.

Adapted: OTP's suite fakes an upgrade by exchanging what ``init`` will answer; here the next class answers it.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from exphil_rt.actor import (
    BadSpec,
    ChildCounts,
    CodeChangeFailed,
    DynamicFlags,
    DynamicSupervisor,
    Ignore,
    Killed,
    Normal,
    Pid,
    Shutdown,
    Supervisor,
    SupFlags,
    count_children,
    get_childspec,
    restart_child,
    start_child,
    sys,
    which_children,
)
from exphil_rt.testing.actors import End, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, StaticSupervisor, start_tree

NEVER, ANY, ALL = (SupFlags(auto_shutdown=mode) for mode in ("never", "any_significant", "all_significant"))


async def upgrade(name: str, answer: Any, base: type[Supervisor] = StaticSupervisor) -> None:
    """Suspend, change the code to a class whose ``init`` answers this, resume."""
    new = type("Upgraded", (base,), {"init": lambda self, args: answer})
    await sys.suspend(name)
    try:
        await sys.change_code(name, new)
    finally:
        await sys.resume(name)


async def end(tree: StartedTree, name: str) -> None:
    tree.runtime.cast(name, End(Normal()))
    await anyio.sleep(0.001)


def significant(name: str) -> Any:
    return probe(name, restart="transient", significant=True)


async def _upgraded(tree: StartedTree, flags: SupFlags) -> None:
    """Change the flags and check that the state differs and nothing ended."""
    pids = [info.pid for info in await which_children("sup")]
    before = await sys.get_state("sup")
    await upgrade("sup", (flags, []))
    assert await sys.get_state("sup") != before
    await anyio.sleep(1.0)
    assert [info.pid for info in await which_children("sup")] == pids
    assert all(pid is not None and pid.alive for pid in pids)
    assert tree.supervisor.alive


@both_backends
async def test_significant_upgrade_never_any() -> None:
    async with start_tree(flags=NEVER) as tree:
        with pytest.raises(BadSpec, match="significant"):
            await start_child("sup", significant("a"))
        await _upgraded(tree, ANY)
        await start_child("sup", significant("a"))
        await start_child("sup", significant("b"))
        await end(tree, "a")
        assert tree.supervisor.cell.reason == Shutdown()
        assert tree.runtime.whereis("b") is None


async def _upgrade_to_never(old: SupFlags) -> None:
    async with start_tree(flags=old) as tree:
        await start_child("sup", significant("a"))
        await _upgraded(tree, NEVER)
        with pytest.raises(BadSpec, match="significant"):
            await start_child("sup", significant("b"))
        await end(tree, "a")
        assert tree.supervisor.alive
        again = await restart_child("sup", "a")
        assert again is not None
        assert await tree.runtime.stop()
        assert again.cell.reason == Shutdown()


@both_backends
async def test_significant_upgrade_any_never() -> None:
    await _upgrade_to_never(ANY)


@both_backends
async def test_significant_upgrade_never_all() -> None:
    async with start_tree(flags=NEVER) as tree:
        with pytest.raises(BadSpec, match="significant"):
            await start_child("sup", significant("a"))
        await _upgraded(tree, ALL)
        await start_child("sup", significant("a"))
        await start_child("sup", significant("b"))
        await end(tree, "a")
        assert tree.supervisor.alive
        assert tree.pid("b").alive
        await end(tree, "b")
        assert tree.supervisor.cell.reason == Shutdown()


@both_backends
async def test_significant_upgrade_all_never() -> None:
    await _upgrade_to_never(ALL)


@both_backends
async def test_significant_upgrade_any_all() -> None:
    async with start_tree(significant("a"), significant("b"), flags=ANY) as tree:
        await _upgraded(tree, ALL)
        await end(tree, "a")
        assert tree.supervisor.alive
        assert tree.pid("b").alive
        await end(tree, "b")
        assert tree.supervisor.cell.reason == Shutdown()


@both_backends
async def test_significant_upgrade_all_any() -> None:
    async with start_tree(significant("a"), significant("b"), flags=ALL) as tree:
        await _upgraded(tree, ANY)
        await end(tree, "a")
        assert tree.supervisor.cell.reason == Shutdown()
        assert tree.runtime.whereis("b") is None


@both_backends
async def test_significant_upgrade_child() -> None:
    plain = probe("a", restart="transient")
    async with start_tree(plain, flags=NEVER) as tree:
        a = tree.pid("a")
        with pytest.raises(CodeChangeFailed, match="significant"):
            await upgrade("sup", (NEVER, [significant("a")]))
        await anyio.sleep(1.0)
        assert tree.pid("a") == a
        assert not (await get_childspec("sup", "a")).significant
    async with start_tree(plain, flags=ANY) as tree:
        await upgrade("sup", (ANY, [significant("a")]))
        assert (await get_childspec("sup", "a")).significant
        assert tree.pid("a").alive
        await end(tree, "a")
        assert tree.supervisor.cell.reason == Shutdown()
    async with start_tree(significant("a"), flags=ANY) as tree:
        await upgrade("sup", (ANY, [plain]))
        assert not (await get_childspec("sup", "a")).significant
        await end(tree, "a")
        assert tree.supervisor.alive


async def _children() -> list[tuple[str, Pid | None]]:
    return [(info.id, info.pid) for info in await which_children("sup")]


@both_backends
async def test_code_change() -> None:
    flags = SupFlags("one_for_one", 0, 1.0)
    async with start_tree(flags=flags) as tree:
        before = await sys.get_state("sup")
        await upgrade("sup", (SupFlags("one_for_one", 1, 3.0), []))
        assert await sys.get_state("sup") != before
        with pytest.raises(CodeChangeFailed, match="no GenServer class"):
            await upgrade("sup", (flags, [probe("a", start="missing")]))

        # Children that are added are not started.
        await upgrade("sup", (flags, [probe("a", shutdown=2.0), probe("b", shutdown="brutal_kill")]))
        assert await _children() == [("b", None), ("a", None)]
        a, b = await restart_child("sup", "a"), await restart_child("sup", "b")
        assert await _children() == [("b", b), ("a", a)]

        # One is changed, one is missing and so neither stopped nor forgotten, one is new.
        await upgrade("sup", (flags, [probe("a", shutdown=1.0), probe("c", shutdown="brutal_kill")]))
        assert await _children() == [("b", b), ("c", None), ("a", a)]
        assert (await get_childspec("sup", "a")).shutdown == 1.0
        assert tree.pid("a").cell.shutdown_s == 1.0

        left = await sys.get_state("sup"), await _children()
        await upgrade("sup", Ignore())
        assert (await sys.get_state("sup"), await _children()) == left
        for faulty in (
            "faulty_return",
            (SupFlags(intensity="faulty"), []),  # type: ignore[arg-type]
            ("faulty_flags", []),
            (flags, [probe("a"), probe("a")]),
        ):
            with pytest.raises(CodeChangeFailed, match="BadSpec"):
                await upgrade("sup", faulty)
            assert (await sys.get_state("sup"), await _children()) == left


@both_backends
async def test_code_change_map() -> None:
    """Here the defaults that were not named, and that what was merged is what counts from then on."""
    async with start_tree() as tree:
        before = await sys.get_state("sup")
        await upgrade("sup", (SupFlags(strategy="one_for_all", intensity=5, period=3.0), []))
        assert await sys.get_state("sup") != before
        children = [probe("a", restart="temporary", shutdown=2.0), probe("b")]
        await upgrade("sup", (SupFlags("one_for_all", 5), children))
        a, b = await restart_child("sup", "a"), await restart_child("sup", "b")
        assert (await get_childspec("sup", "a")).shutdown == 2.0
        assert (await get_childspec("sup", "b")).shutdown_s == 5.0
        await upgrade("sup", (SupFlags("rest_for_one", 5), [probe("b", shutdown=1.0), probe("a"), probe("c")]))
        assert await _children() == [("c", None), ("a", a), ("b", b)]
        tree.runtime.exit("a", Killed())  # permanent by now, and c is behind it by now
        await anyio.sleep(0.001)
        assert tree.pid("a") != a
        assert tree.pid("c").alive
        assert tree.pid("b") == b
        assert await count_children("sup") == ChildCounts(3, 3, 0, 3)


@both_backends
async def test_code_change_simple() -> None:
    """The specifications of a DynamicSupervisor's children are their callers'; its ``init`` answers flags."""
    async with start_tree(dynamic("pool", DynamicFlags(max_children=1))) as tree:
        a = await start_child("pool", probe("a"))
        await upgrade("pool", DynamicFlags(max_children=2), DynamicSupervisor)
        assert (await sys.get_state("pool")).flags == DynamicFlags(max_children=2)
        await start_child("pool", probe("b"))
        assert tree.pid("a") == a
        left = await sys.get_state("pool"), await which_children("pool")
        specs = [probe("a"), probe("b")]
        for faulty in ((DynamicFlags(), specs), (DynamicFlags(), []), (SupFlags(), specs), DynamicFlags(-1)):
            with pytest.raises(CodeChangeFailed, match="BadSpec"):
                await upgrade("pool", faulty, DynamicSupervisor)
            assert (await sys.get_state("pool"), await which_children("pool")) == left


@both_backends
async def test_code_change_simple_map() -> None:
    class Pool(DynamicSupervisor):
        def init(self, args: Any) -> DynamicFlags:
            return DynamicFlags(intensity=args)

    async with start_tree(dynamic("pool", 1, start=Pool)) as tree:
        a = await start_child("pool", probe("a"))
        before = await sys.get_state("pool")
        await upgrade("pool", Ignore(), Pool)
        assert await sys.get_state("pool") == before
        await upgrade("pool", DynamicFlags(intensity=0), Pool)
        assert tree.pid("a") == a
        old = tree.pid("pool")
        tree.runtime.exit("a", Killed())  # the first restart is one too many by now
        await anyio.sleep(0.001)
        assert old.cell.reason == Shutdown()
        assert (await sys.get_state("pool")).flags.intensity == 0  # restarted as the class that it had become
        assert await which_children("pool") == ()


@both_backends
async def test_restarts_before_a_code_change_count_after_it() -> None:
    async with start_tree(probe("a"), flags=SupFlags("one_for_one", 2, 3600.0)) as tree:
        tree.runtime.exit("a", Killed())
        await anyio.sleep(0.001)
        await upgrade("sup", (SupFlags("one_for_one", 1, 3600.0), [probe("a")]))
        tree.runtime.exit("a", Killed())
        await anyio.sleep(0.001)
        assert tree.supervisor.cell.reason == Shutdown()


@both_backends
async def test_a_child_that_restarts_takes_its_new_specification() -> None:
    starts = "crash"
    from exphil_rt.testing.actors import ProbeArgs

    old = probe("a", ProbeArgs(lambda: starts))  # type: ignore[arg-type, return-value]
    async with start_tree(flags=SupFlags("one_for_one", 1_000_000, 3600.0)) as tree:
        starts = "ok"
        await start_child("sup", old)
        starts = "crash"
        tree.runtime.exit("a", Killed())
        while not (await which_children("sup"))[0].restarting:
            pass
        await upgrade("sup", (SupFlags("one_for_one", 1_000_000, 3600.0), [probe("a")]))
        await anyio.sleep(0.001)
        assert tree.pid("a").alive
