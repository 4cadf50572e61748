"""The sections sup_start and sup_start_map of OTP's supervisor_SUITE, by their own names, on both loops."""

from __future__ import annotations

from typing import Any

import pytest

from exphil_rt.actor import (
    BadSpec,
    ChildCounts,
    ChildNotFound,
    ChildSpec,
    Crash,
    FailedToStartChild,
    Ignore,
    Normal,
    Pid,
    Runtime,
    Shutdown,
    StartError,
    Supervisor,
    SupFlags,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from exphil_rt.actor.specs import check_spec
from exphil_rt.testing.actors import Probe, ProbeArgs, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StaticSupervisor, Tree, start_tree


class Odd(Supervisor):
    """A supervisor whose init does what its argument says."""

    born: list[Pid] = []  # noqa: RUF012

    async def init(self, args: str) -> Any:
        self.born.append(self.pid)
        match args:
            case "ignore":
                return Ignore()
            case "garbage":
                return "garbage"
            case "flags":
                return SupFlags(intensity=-1), []
            case "specs":
                return SupFlags(), ["no spec"]
        raise ValueError("init fails")


@both_backends
async def test_sup_start_normal() -> None:
    async with start_tree() as tree:
        assert await which_children("sup") == ()
        assert await tree.runtime.stop()
        assert await tree.runtime.wait_root() == Shutdown()


@both_backends
async def test_sup_start_ignore_init() -> None:
    async with Runtime.open() as runtime:
        with pytest.raises(StartError) as refused:
            await runtime.start_root(ChildSpec(id="odd", start=Odd, args="ignore", name="odd"))
        assert refused.value.reason == Normal()
        assert Odd.born[-1].cell.reason == Normal()
        assert runtime.whereis("odd") is None
    async with start_tree(ChildSpec(id="odd", start=Odd, args="ignore")):
        (child,) = await which_children("sup")
        assert child.pid is None
        assert child.kind == "supervisor"
        assert Odd.born[-1].cell.reason == Normal()


@both_backends
async def test_sup_start_ignore_child() -> None:
    async with start_tree(probe("a", ProbeArgs("ignore")), probe("b")) as tree:
        assert await start_child("sup", probe("c", ProbeArgs("ignore"))) is None
        infos = await which_children("sup")
        assert [(info.id, info.pid) for info in infos] == [("c", None), ("b", tree.pid("b")), ("a", None)]
        assert await count_children("sup") == ChildCounts(3, 1, 0, 3)


@both_backends
async def test_sup_start_ignore_temporary_child() -> None:
    async with start_tree(probe("a", ProbeArgs("ignore"), restart="temporary"), probe("b", restart="temporary")):
        assert [info.id for info in await which_children("sup")] == ["b"]
        assert await count_children("sup") == ChildCounts(1, 1, 0, 1)


@both_backends
async def test_sup_start_ignore_temporary_child_start_child() -> None:
    async with start_tree():
        assert await start_child("sup", probe("a", ProbeArgs("ignore"), restart="temporary")) is None
        pid = await start_child("sup", probe("b", restart="temporary"))
        assert [(info.id, info.pid) for info in await which_children("sup")] == [("b", pid)]
        assert await count_children("sup") == ChildCounts(1, 1, 0, 1)


@both_backends
async def test_sup_start_ignore_temporary_child_start_child_simple() -> None:
    async with start_tree(dynamic("pool")):
        assert await start_child("pool", probe("a", ProbeArgs("ignore"), restart="temporary")) is None
        assert await which_children("pool") == ()


@both_backends
async def test_sup_start_ignore_permanent_child_start_child_simple() -> None:
    async with start_tree(dynamic("pool")) as tree:
        assert await start_child("pool", probe("a", ProbeArgs("ignore"))) is None
        assert await count_children("pool") == ChildCounts(0, 0, 0, 0)
        pool = tree.pid("pool")
        assert await tree.runtime.stop()
        assert await tree.runtime.wait_ended(pool) == Shutdown()


@both_backends
@pytest.mark.parametrize("answer", ["garbage", "flags", "specs"])
async def test_sup_start_error_return(answer: str) -> None:
    async with Runtime.open() as runtime:
        with pytest.raises(StartError) as refused:
            await runtime.start_root(ChildSpec(id="odd", start=Odd, args=answer))
        assert isinstance(refused.value.reason, Crash)
        assert refused.value.reason.type == "BadSpec"


@both_backends
async def test_sup_start_fail() -> None:
    async with Runtime.open() as runtime:
        with pytest.raises(StartError) as refused:
            await runtime.start_root(ChildSpec(id="odd", start=Odd, args="raise"))
        assert isinstance(refused.value.reason, Crash)
        assert (refused.value.reason.type, refused.value.reason.text) == ("ValueError", "init fails")
        assert "init fails" in refused.value.reason.trace


@both_backends
async def test_a_child_that_fails_to_start_stops_those_before_it_in_reverse() -> None:
    diary: list[str] = []
    children = [probe(name, ProbeArgs(diary=diary, terminate_s=1.0)) for name in ("c", "a", "b")]
    bad = probe("bad", ProbeArgs("crash"))
    async with Runtime.open() as runtime:
        began = runtime.loop.now()
        with pytest.raises(StartError) as refused:
            await runtime.start_root(
                ChildSpec(id="sup", start=StaticSupervisor, args=Tree([*children, bad, probe("never")], SupFlags()))
            )
        assert diary == ["+c", "+a", "+b", "-b", "-a", "-c"]
        assert runtime.loop.now() - began == pytest.approx(3.0, abs=0.05)  # each whole before the next
        reason = refused.value.reason
        assert isinstance(reason, Shutdown)
        assert isinstance(reason.info, FailedToStartChild)
        assert reason.info.id == "bad"
        assert isinstance(reason.info.reason, Crash)
        assert reason.info.reason.text == "refuses to start"
        assert runtime.whereis("never") is None


@both_backends
@pytest.mark.parametrize("how", ["crash", "stop"])
async def test_sup_start_child_returns_error(how: Any) -> None:
    async with start_tree():
        with pytest.raises(StartError) as refused:
            await start_child("sup", probe("a", ProbeArgs(how)))
        assert isinstance(refused.value.reason, Crash if how == "crash" else Shutdown)
        assert await which_children("sup") == ()


@both_backends
async def test_sup_start_restart_child_returns_error() -> None:
    fails = False
    async with start_tree(probe("a", ProbeArgs(lambda: "crash" if fails else "ok"))):
        await terminate_child("sup", "a")
        fails = True
        with pytest.raises(StartError):
            await restart_child("sup", "a")
        (info,) = await which_children("sup")
        assert (info.id, info.pid, info.restarting) == ("a", None, False)


@both_backends
async def test_sup_start_child_returns_error_simple() -> None:
    async with start_tree(dynamic("pool")):
        with pytest.raises(StartError) as refused:
            await start_child("pool", probe("a", ProbeArgs("crash")))
        assert isinstance(refused.value.reason, Crash)
        assert await which_children("pool") == ()


@both_backends
async def test_sup_start_map() -> None:
    async with start_tree(ChildSpec(id="a", start=Probe), dynamic("pool")):
        spec = await get_childspec("sup", "a")
        assert (spec.restart, spec.shutdown_s, spec.significant, spec.start.kind) == ("permanent", 5.0, False, "worker")
        pool = await get_childspec("sup", "pool")
        assert (pool.shutdown_s, pool.start.kind) == (float("inf"), "supervisor")
        assert SupFlags() == SupFlags("one_for_one", 1, 5.0, "never")
        with pytest.raises(ChildNotFound):
            await get_childspec("sup", "b")
        await terminate_child("sup", "a")
        await delete_child("sup", "a")
        with pytest.raises(ChildNotFound):
            await get_childspec("sup", "a")


@both_backends
async def test_sup_start_map_simple() -> None:
    async with start_tree(dynamic("pool"), probe("other")) as tree:
        pid = await start_child("pool", probe("a", shutdown=3.0))
        assert pid is not None
        assert (await get_childspec("pool", pid)).shutdown == 3.0
        with pytest.raises(ChildNotFound):
            await get_childspec("pool", tree.pid("other"))


FAULTY: list[tuple[object, str]] = [
    ("no spec", "ChildSpec"),
    (ChildSpec(id="", start=Probe), "id"),
    (ChildSpec(id=7, start=Probe), "7"),  # type: ignore[arg-type]
    (ChildSpec(id="a/b", start=Probe), "a/b"),
    (ChildSpec(id="a", start=str), "str"),  # type: ignore[arg-type]
    (ChildSpec(id="a", start="Probe"), "Probe"),  # type: ignore[arg-type]
    (ChildSpec(id="a", start=Probe, restart="sometimes"), "sometimes"),  # type: ignore[arg-type]
    (ChildSpec(id="a", start=Probe, shutdown=-1.0), "-1.0"),
    (ChildSpec(id="a", start=Probe, shutdown=True), "True"),
    (ChildSpec(id="a", start=Probe, shutdown="soon"), "soon"),  # type: ignore[arg-type]
    (ChildSpec(id="a", start=Probe, shutdown=float("inf")), "inf"),
    (ChildSpec(id="a", start=Probe, significant=True, restart="transient"), "significant"),
    (ChildSpec(id="a", start=Probe, significant="yes"), "yes"),  # type: ignore[arg-type]
]


@both_backends
async def test_sup_start_map_faulty_specs() -> None:
    with pytest.raises(TypeError, match="id"):
        ChildSpec(start=Probe)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="start"):
        ChildSpec(id="a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unknown"):
        ChildSpec(id="a", start=Probe, unknown=True)  # type: ignore[call-arg]
    for spec, names in FAULTY:
        with pytest.raises(BadSpec, match=names):
            check_spec(spec)
        async with Runtime.open() as runtime:
            children: Any = [probe("before"), spec]
            with pytest.raises(StartError, match="BadSpec") as refused:
                await runtime.start_root(ChildSpec(id="sup", start=StaticSupervisor, args=Tree(children)))
            assert names in str(refused.value)
            assert runtime.statistics().started == 1  # the supervisor alone: no child was


@both_backends
async def test_a_child_that_never_ends_its_init_is_killed_at_its_deadline() -> None:
    class Sleeper(Probe):
        init_timeout = 7.0

        async def init(self, args: Any) -> Any:
            import anyio

            await anyio.sleep_forever()

    async with start_tree() as tree:
        started = tree.runtime.loop.now()
        with pytest.raises(StartError) as refused:
            await start_child("sup", ChildSpec(id="s", start=Sleeper))
        assert tree.runtime.loop.now() - started == pytest.approx(7.0, abs=0.1)
        assert isinstance(refused.value.reason, Crash)
        assert refused.value.reason.type == "InitTimeout"
