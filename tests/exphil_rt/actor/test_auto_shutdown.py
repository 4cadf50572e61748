"""The section auto_shutdown of OTP's supervisor_SUITE, by the cases' own names."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from exphil_rt.actor import (
    ChildSpec,
    Crash,
    DynamicFlags,
    ExitReason,
    Killed,
    Normal,
    Pid,
    Shutdown,
    SupFlags,
    start_child,
    terminate_child,
)
from exphil_rt.testing.actors import End, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, StaticSupervisor, Tree, start_tree

MODES = ("any_significant", "all_significant")
CLEAN: tuple[ExitReason, ...] = (Normal(), Shutdown(), Shutdown("term"))
ODD: tuple[ExitReason, ...] = (Killed(), Crash("odd", "odd"))


def flags(mode: Any, strategy: Any = "one_for_one") -> SupFlags:
    return SupFlags(strategy, 10, 3600.0, mode)


async def end(tree: StartedTree, target: str | Pid, reason: ExitReason) -> None:
    if isinstance(reason, Killed):
        tree.runtime.exit(target, reason)
    else:
        tree.runtime.cast(target, End(reason))
    await anyio.sleep(0.001)


@both_backends
@pytest.mark.parametrize("mode", ["never", *MODES])
async def test_nonsignificant_temporary(mode: str) -> None:
    for reason in (*CLEAN, *ODD):
        async with start_tree(probe("a", restart="temporary"), flags=flags(mode)) as tree:
            await end(tree, "a", reason)
            assert tree.supervisor.alive
            assert tree.runtime.whereis("a") is None
    async with start_tree(probe("a", restart="temporary"), flags=flags(mode)) as tree:
        await terminate_child("sup", "a")
        await anyio.sleep(1.0)
        assert tree.supervisor.alive


@both_backends
@pytest.mark.parametrize("mode", ["never", *MODES])
async def test_nonsignificant_transient(mode: str) -> None:
    for reason in (*CLEAN, *ODD):
        async with start_tree(probe("a", restart="transient"), flags=flags(mode)) as tree:
            await end(tree, "a", reason)
            assert tree.supervisor.alive
            assert (tree.runtime.whereis("a") is not None) == (reason in ODD)
    async with start_tree(probe("a", restart="transient"), flags=flags(mode)) as tree:
        await terminate_child("sup", "a")
        await anyio.sleep(1.0)
        assert tree.supervisor.alive


@both_backends
async def test_significant_temporary() -> None:
    for reason in (*CLEAN, *ODD):
        child = probe("a", restart="temporary", significant=True)
        async with start_tree(child, probe("b"), flags=flags("any_significant")) as tree:
            await end(tree, "a", reason)
            assert tree.supervisor.cell.reason == Shutdown()
            assert tree.runtime.whereis("b") is None
        both = [probe(name, restart="temporary", significant=True) for name in "ab"]
        async with start_tree(*both, probe("c"), flags=flags("all_significant")) as tree:
            await end(tree, "a", reason)
            assert tree.supervisor.alive
            await end(tree, "b", reason)
            assert tree.supervisor.cell.reason == Shutdown()
    for mode in MODES:
        child = probe("a", restart="temporary", significant=True)
        async with start_tree(child, flags=flags(mode)) as tree:
            await terminate_child("sup", "a")
            await anyio.sleep(0.001)
            assert tree.supervisor.alive


@both_backends
@pytest.mark.parametrize("mode", MODES)
async def test_significant_transient(mode: str) -> None:
    async with start_tree(probe("a", restart="transient", significant=True), probe("b"), flags=flags(mode)) as tree:
        await terminate_child("sup", "a")
        await anyio.sleep(1.0)
        assert tree.supervisor.alive
        assert tree.pid("b").alive
    for reason in ODD:
        async with start_tree(probe("a", restart="transient", significant=True), flags=flags(mode)) as tree:
            await end(tree, "a", reason)
            assert tree.pid("a").alive
    for reason in CLEAN:
        children = [probe(name, restart="transient", significant=True) for name in "ab"]
        async with start_tree(*children, flags=flags(mode)) as tree:
            await end(tree, "a", reason)
            assert tree.supervisor.alive == (mode == "all_significant")
            if tree.supervisor.alive:
                await end(tree, "b", reason)
            assert tree.supervisor.cell.reason == Shutdown()


@both_backends
@pytest.mark.parametrize("mode", MODES)
async def test_significant_simple(mode: Any) -> None:
    pool = dynamic("pool", DynamicFlags(intensity=10, auto_shutdown=mode), restart="temporary")
    async with start_tree(pool) as tree:
        sup = tree.pid("pool")
        for name in "ab":
            await start_child("pool", probe(name, restart="transient", significant=True))
        await end(tree, "a", Killed())
        await end(tree, "a", Normal())
        assert sup.alive == (mode == "all_significant")
        if sup.alive:
            await end(tree, "b", Shutdown())
        assert sup.cell.reason == Shutdown()


@both_backends
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_significant_bystander(strategy: str, mode: str) -> None:
    children = [
        probe("a"),
        probe("transient", restart="transient", significant=True),
        probe("temporary", restart="temporary", significant=True),
    ]
    async with start_tree(*children, flags=flags(mode, strategy)) as tree:
        await end(tree, "a", Killed())
        assert tree.supervisor.alive
        assert tree.pid("transient").alive
        assert (tree.runtime.whereis("temporary") is not None) == (strategy == "one_for_one")


@both_backends
@pytest.mark.parametrize("significant", [True, False])
async def test_significant_escalation(significant: bool) -> None:
    """The end of a match: its significant child ends, so its supervisor does, and with it the next one up or not."""
    match = ChildSpec(
        id="match",
        start=StaticSupervisor,
        restart="transient",
        significant=significant,
        args=Tree([probe("runner", restart="transient", significant=True), probe("recorder")], flags(MODES[0])),
    )
    async with start_tree(match, probe("other"), flags=flags("any_significant")) as tree:
        await end(tree, "runner", Normal())
        assert tree.runtime.whereis("recorder") is None
        assert tree.supervisor.alive == (not significant)
