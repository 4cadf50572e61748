"""The section termination types of OTP's supervisor_SUITE, and which specifications survive an end."""

from __future__ import annotations

import itertools

import anyio
import pytest

from exphil_rt.actor import (
    AlreadyPresent,
    AlreadyStarted,
    ChildCounts,
    Crash,
    ExitReason,
    Killed,
    Normal,
    Restart,
    Runtime,
    Shutdown,
    StartError,
    Strategy,
    SupFlags,
    count_children,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from exphil_rt.testing.actors import RESTARTS, Break, End, ProbeArgs, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree


async def _after(restart: Restart, reason: ExitReason) -> str:
    """What becomes of a child of this restart type that ends so."""
    async with start_tree(probe("a", restart=restart), probe("b")) as tree:
        a, b = tree.pid("a"), tree.pid("b")
        if isinstance(reason, Killed):
            tree.runtime.exit(a, reason)
        else:
            tree.runtime.cast(a, Break() if isinstance(reason, Crash) else End(reason))
        await anyio.sleep(0.001)
        assert not a.alive
        assert tree.pid("b") == b
        infos = {info.id: info for info in await which_children("sup")}
        if "a" not in infos:
            assert await count_children("sup") == ChildCounts(1, 1, 0, 1)
            return "gone"
        pid = infos["a"].pid
        if pid is None:
            assert await count_children("sup") == ChildCounts(2, 1, 0, 2)
            return "undefined"
        assert pid == tree.pid("a")
        return "restarted"


@both_backends
async def test_permanent_normal() -> None:
    assert await _after("permanent", Normal()) == "restarted"


@both_backends
async def test_transient_normal() -> None:
    assert await _after("transient", Normal()) == "undefined"


@both_backends
async def test_temporary_normal() -> None:
    assert await _after("temporary", Normal()) == "gone"


@both_backends
@pytest.mark.parametrize("info", [None, "term"])
async def test_permanent_shutdown(info: str | None) -> None:
    assert await _after("permanent", Shutdown(info)) == "restarted"


@both_backends
@pytest.mark.parametrize("info", [None, "term"])
async def test_transient_shutdown(info: str | None) -> None:
    assert await _after("transient", Shutdown(info)) == "undefined"


@both_backends
@pytest.mark.parametrize("info", [None, "term"])
async def test_temporary_shutdown(info: str | None) -> None:
    assert await _after("temporary", Shutdown(info)) == "gone"


@both_backends
@pytest.mark.parametrize("reason", [Crash("x", "y"), Killed()])
async def test_permanent_abnormal(reason: ExitReason) -> None:
    assert await _after("permanent", reason) == "restarted"


@both_backends
@pytest.mark.parametrize("reason", [Crash("x", "y"), Killed()])
async def test_transient_abnormal(reason: ExitReason) -> None:
    assert await _after("transient", reason) == "restarted"


@both_backends
@pytest.mark.parametrize("reason", [Crash("x", "y"), Killed()])
async def test_temporary_abnormal(reason: ExitReason) -> None:
    assert await _after("temporary", reason) == "gone"


@both_backends
async def test_faulty_application_shutdown() -> None:
    """A grandchild's failing init comes out of start_root with its cause and its stack."""
    from exphil_rt.actor import ChildSpec, FailedToStartChild
    from exphil_rt.testing.trees import StaticSupervisor, Tree

    inner = ChildSpec(id="inner", start=StaticSupervisor, args=Tree([probe("bad", ProbeArgs("crash"))]))
    outer = ChildSpec(id="outer", start=StaticSupervisor, args=Tree([inner]))
    async with Runtime.open() as runtime:
        with pytest.raises(StartError, match="refuses to start") as refused:
            await runtime.start_root(outer)
        reason = refused.value.reason
        for name in ("inner", "bad"):
            assert isinstance(reason, Shutdown)
            assert isinstance(reason.info, FailedToStartChild)
            assert reason.info.id == name
            reason = reason.info.reason
        assert isinstance(reason, Crash)
        assert "Probe.init" in reason.trace
        assert 'raise RuntimeError("refuses to start")' in reason.trace


@both_backends
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_temporary_bystander(strategy: Strategy) -> None:
    children = probe("a"), probe("t", restart="temporary")
    async with start_tree(*children, flags=SupFlags(strategy, 3, 3600.0)) as tree:
        t = tree.pid("t")
        tree.runtime.cast("a", Break())
        await anyio.sleep(0.001)
        assert not t.alive
        assert [info.id for info in await which_children("sup")] == ["a"]
        assert tree.supervisor.alive


@both_backends
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_do_not_save_child_specs_for_temporary_children(strategy: Strategy) -> None:
    for restart, how in itertools.product(RESTARTS, ("kill", "normal", "abnormal", "supervisor")):
        async with start_tree(flags=SupFlags(strategy, 2, 3600.0)) as tree:
            child = probe("a", restart=restart)
            pid = await start_child("sup", child)
            assert pid is not None
            match how:
                case "kill":
                    tree.runtime.exit(pid, Killed())
                case "normal":
                    tree.runtime.cast(pid, End(Normal()))
                case "abnormal":
                    tree.runtime.cast(pid, Break())
                case _:
                    await terminate_child("sup", "a")
            await anyio.sleep(0.001)
            if restart == "temporary":
                assert await start_child("sup", child) is not None
            elif how == "supervisor" or (restart == "transient" and how == "normal"):
                with pytest.raises(AlreadyPresent):
                    await start_child("sup", child)
                assert await restart_child("sup", "a") is not None
            else:
                with pytest.raises(AlreadyStarted):
                    await start_child("sup", child)
