"""The section API of OTP's supervisor_SUITE and the misc cases that need no code change, by their own names."""

from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from exphil_rt.actor import (
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildCounts,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    ChildSpec,
    DynamicFlags,
    Extra,
    Killed,
    NoProc,
    NotSupported,
    Pid,
    Runtime,
    Shutdown,
    StartError,
    SupFlags,
    check_childspecs,
    count_children,
    delete_child,
    get_childspec,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from exphil_rt.actor.specs import check_flags
from exphil_rt.testing.actors import RESTARTS, Break, End, Probe, ProbeArgs, Start, WhoAreYou, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StaticSupervisor, Tree, start_tree

ENDLESS = SupFlags("one_for_one", 1_000_000_000, 3600.0)


async def settle() -> None:
    await anyio.sleep(0.001)


@both_backends
async def test_child_adm() -> None:
    async with start_tree(probe("a")) as tree:
        a = tree.pid("a")
        (info,) = await which_children("sup")
        assert (info.id, info.pid, info.restarting, info.kind, info.start) == ("a", a, False, "worker", Probe)
        assert await count_children("sup") == ChildCounts(1, 1, 0, 1)

        with pytest.raises(AlreadyStarted) as already:
            await start_child("sup", probe("a"))
        assert already.value.pid == a
        with pytest.raises(ChildRunning):
            await restart_child("sup", "a")
        with pytest.raises(ChildRunning):
            await delete_child("sup", "a")

        await terminate_child("sup", "a")
        assert not a.alive
        await terminate_child("sup", "a")  # once more is no error
        assert await count_children("sup") == ChildCounts(1, 0, 0, 1)
        with pytest.raises(AlreadyPresent):
            await start_child("sup", probe("a"))

        b = await restart_child("sup", "a")
        assert b is not None
        assert b != a
        assert [info.pid for info in await which_children("sup")] == [b]
        await terminate_child("sup", "a")
        await delete_child("sup", "a")
        assert await which_children("sup") == ()
        for operation in (restart_child, delete_child, terminate_child, get_childspec):
            with pytest.raises(ChildNotFound):
                await operation("sup", "a")
        assert await start_child("sup", probe("a")) is not None
        for operation in (restart_child, delete_child, terminate_child, get_childspec):
            with pytest.raises(NoProc):
                await operation("nobody", "a")
        with pytest.raises(NoProc):
            await which_children("nobody")


@both_backends
async def test_child_adm_simple() -> None:
    async with start_tree(dynamic("pool"), probe("other")) as tree:
        assert await which_children("pool") == ()
        a = await start_child("pool", probe("a"))
        b = await start_child("pool", probe("b"))
        assert a is not None
        assert b is not None
        assert [info.pid for info in await which_children("pool")] == [b, a]
        for operation in (restart_child, delete_child, terminate_child):
            with pytest.raises(NotSupported):
                await operation("pool", "a")
        await terminate_child("pool", a)
        assert not a.alive
        await terminate_child("pool", a)  # a dead one is no error
        with pytest.raises(ChildNotFound):
            await terminate_child("pool", tree.pid("other"))
        assert await count_children("pool") == ChildCounts(1, 1, 0, 1)


def test_child_specs() -> None:
    with pytest.raises(BadSpec, match="Two children have the id a"):
        check_childspecs([probe("a"), probe("b"), probe("a")])
    check_childspecs([probe("a"), probe("b"), dynamic("pool")])
    for restart in RESTARTS:
        for mode in ("never", "any_significant", "all_significant"):
            significant = probe("a", restart=restart, significant=True)
            if restart == "permanent" or mode == "never":
                with pytest.raises(BadSpec, match="significant"):
                    check_childspecs([significant], mode)
            else:
                check_childspecs([significant], mode)


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (SupFlags("one_for_some"), "one_for_some"),  # type: ignore[arg-type]
        (SupFlags(intensity=-1), "-1"),
        (SupFlags(intensity=1.5), "1.5"),  # type: ignore[arg-type]
        (SupFlags(period=0), "0"),
        (SupFlags(period=float("inf")), "inf"),
        (SupFlags(auto_shutdown="sometimes"), "sometimes"),  # type: ignore[arg-type]
        (DynamicFlags(max_children=-1), "-1"),
    ],
)
def test_sup_flags(flags: Any, names: str) -> None:
    with pytest.raises(BadSpec, match=names):
        check_flags(flags)


@both_backends
async def test_start_child_refuses_a_bad_specification_and_lives_on() -> None:
    async with start_tree() as tree:
        with pytest.raises(BadSpec):
            await start_child("sup", probe("a", restart="sometimes"))
        with pytest.raises(BadSpec):
            await start_child("sup", "a")  # type: ignore[arg-type]
        assert tree.supervisor.alive


@both_backends
async def test_child_unlink() -> None:
    """A child that pays no attention cannot hang terminate_child, and the supervisor serves on afterwards."""
    from exphil_rt.testing.actors import SleepFor

    async with start_tree(probe("naughty", shutdown=1.0)) as tree:
        tree.runtime.cast("naughty", SleepFor(None, shielded=False))
        await settle()
        await terminate_child("sup", "naughty")
        assert await count_children("sup") == ChildCounts(1, 0, 0, 1)


@both_backends
async def test_tree() -> None:
    """Three levels: an inner supervisor that gives up has the top one_for_all restart everything."""
    inner = ChildSpec(
        id="inner",
        name="inner",
        start=StaticSupervisor,
        args=Tree([probe("x"), probe("y")], SupFlags("one_for_one", 1, 3600.0)),
    )
    async with start_tree(inner, dynamic("pool"), probe("z"), flags=SupFlags("one_for_all", 1, 3600.0)) as tree:
        await start_child("pool", probe("d"))
        assert [(row.path, row.depth) for row in tree.runtime.tree()] == [
            ("sup", 0),
            ("sup/inner", 1),
            ("sup/inner/x", 2),
            ("sup/inner/y", 2),
            ("sup/pool", 1),
            ("sup/pool/d", 2),
            ("sup/z", 1),
        ]
        assert await count_children("sup") == ChildCounts(3, 3, 2, 1)
        old = {name: tree.pid(name) for name in ("inner", "x", "y", "pool", "z", "d")}
        tree.runtime.exit("x", Killed())
        await settle()
        assert tree.pid("inner") == old["inner"]
        assert tree.pid("x") != old["x"]
        tree.runtime.exit("x", Killed())
        await settle()
        assert not any(pid.alive for pid in old.values())
        assert tree.supervisor.alive
        assert [row.path for row in tree.runtime.tree()] == [
            "sup",
            "sup/inner",
            "sup/inner/x",
            "sup/inner/y",
            "sup/pool",
            "sup/z",
        ]  # dynamic children are not made again
        assert await count_children("pool") == ChildCounts(0, 0, 0, 0)


@both_backends
async def test_count_children() -> None:
    async with start_tree(dynamic("pool")) as tree:
        pids: list[Pid | None] = [await start_child("pool", probe("a", name=None)) for _ in range(200)]
        assert await count_children("pool") == ChildCounts(200, 200, 0, 200)
        assert len(await which_children("pool")) == 200
        for pid in pids:
            assert pid is not None
            await terminate_child("pool", pid)
        assert await count_children("pool") == ChildCounts(0, 0, 0, 0)
        assert tree.runtime.statistics().actors == 2


@both_backends
async def test_count_children_supervisor() -> None:
    async with start_tree(dynamic("pool")):
        for _ in range(5):
            await start_child("pool", dynamic("inner", name=None))
        assert await count_children("pool") == ChildCounts(5, 5, 5, 0)


class Gate:
    """Children that refuse to start while it is shut."""

    def __init__(self) -> None:
        self.shut = False

    def start(self) -> Start:
        return "crash" if self.shut else "ok"


@both_backends
async def test_count_restarting_children() -> None:
    gate = Gate()
    async with start_tree(dynamic("pool", DynamicFlags(intensity=1_000_000_000, period=3600.0))) as tree:
        for name in "abc":
            await start_child("pool", probe(name, ProbeArgs(gate.start)))
        gate.shut = True
        for name in "abc":
            tree.runtime.exit(name, Killed())
        for _ in range(20):
            counts = await count_children("pool")
        assert counts == ChildCounts(3, 0, 0, 3)
        gate.shut = False
        await settle()
        assert await count_children("pool") == ChildCounts(3, 3, 0, 3)
        await terminate_child("pool", tree.pid("a"))
        assert await count_children("pool") == ChildCounts(2, 2, 0, 2)


@both_backends
async def test_hanging_restart_loop() -> None:
    gate = Gate()
    async with start_tree(probe("a", ProbeArgs(gate.start)), flags=ENDLESS) as tree:
        gate.shut = True
        tree.runtime.cast("a", Break())
        while not (await which_children("sup"))[0].restarting:
            pass
        with pytest.raises(AlreadyPresent):
            await start_child("sup", probe("a"))
        with pytest.raises(ChildRestarting):
            await restart_child("sup", "a")
        with pytest.raises(ChildRestarting):
            await delete_child("sup", "a")
        await terminate_child("sup", "a")
        (info,) = await which_children("sup")
        assert (info.pid, info.restarting) == (None, False)
        with pytest.raises(StartError):
            await restart_child("sup", "a")
        gate.shut = False
        assert await restart_child("sup", "a") is not None
        gate.shut = True
        tree.runtime.cast("a", Break())
        while not (await which_children("sup"))[0].restarting:
            pass
        assert await tree.runtime.stop(1.0)


@both_backends
async def test_hanging_restart_loop_rest_for_one() -> None:
    gate = Gate()
    flags = SupFlags("rest_for_one", 1_000_000_000, 3600.0)
    async with start_tree(probe("a"), probe("b", ProbeArgs(gate.start)), probe("c"), flags=flags) as tree:
        a = tree.pid("a")
        gate.shut = True
        tree.runtime.cast("b", Break())
        while not (await which_children("sup"))[1].restarting:
            pass
        c, b, first = await which_children("sup")
        assert (c.pid, c.restarting) == (None, False)
        assert (b.pid, b.restarting) == (None, True)
        assert first.pid == a
        await terminate_child("sup", "b")
        await settle()
        assert [info.pid for info in await which_children("sup")] == [None, None, a]
        assert await tree.runtime.stop(1.0)


@both_backends
async def test_hanging_restart_loop_simple() -> None:
    gate = Gate()
    async with start_tree(dynamic("pool", DynamicFlags(intensity=1_000_000_000, period=3600.0))) as tree:
        pid = await start_child("pool", probe("a", ProbeArgs(gate.start)))
        assert pid is not None
        gate.shut = True
        tree.runtime.cast("a", Break())
        while not (await which_children("pool"))[0].restarting:
            pass
        with pytest.raises(NotSupported):
            await restart_child("pool", "a")
        await terminate_child("pool", pid)  # by the pid that it had
        assert await which_children("pool") == ()


@both_backends
async def test_simple_global_supervisor() -> None:
    """Names of supervisors and workers are resolved anew after each end."""
    async with start_tree(dynamic("pool"), flags=ENDLESS) as tree:
        for reason in (Killed(), Killed()):
            old = tree.pid("pool")
            await start_child("pool", probe("w"))
            assert await tree.runtime.call("w", WhoAreYou()) == tree.pid("w")
            tree.runtime.exit("pool", reason)
            await settle()
            assert tree.pid("pool") != old
            assert tree.runtime.whereis("w") is None


@both_backends
async def test_do_not_save_start_parameters_for_temporary_children() -> None:
    async with start_tree(*[probe(restart, ProbeArgs(diary=[]), restart=restart) for restart in RESTARTS]):
        assert [(await get_childspec("sup", restart)).args is None for restart in RESTARTS] == [False, False, True]


@both_backends
async def test_a_supervisor_told_to_end_does_not_wait_for_a_child_that_is_starting() -> None:
    class Sleeper(Probe):
        init_timeout = 1000.0

        async def init(self, args: Any) -> Any:
            if not first:
                await anyio.sleep_forever()
            first.clear()
            return await super().init(None)

    first = [1]
    async with start_tree(probe("a"), probe("s", start=Sleeper)) as tree:
        tree.runtime.exit("s", Killed())
        await anyio.sleep(10.0)
        started = tree.runtime.loop.now()
        assert await tree.runtime.stop(50.0)
        assert tree.runtime.loop.now() - started < 0.1
        assert tree.supervisor.cell.reason == Shutdown()


@both_backends
async def test_a_runtime_is_left_while_its_root_is_starting() -> None:
    class Sleeper(Probe):
        async def init(self, args: Any) -> Any:
            await anyio.sleep_forever()

    diary: list[str] = []
    children = [probe("a", ProbeArgs(diary=diary)), probe("s", start=Sleeper)]
    with anyio.move_on_after(5.0):
        async with Runtime.open() as runtime:
            await runtime.start_root(ChildSpec(id="sup", start=StaticSupervisor, args=Tree(children)))
    assert diary == ["+a", "-a"]


@both_backends
async def test_ends_of_transient_and_temporary_dynamic_children_are_forgotten() -> None:
    from exphil_rt.actor import Normal

    async with start_tree(dynamic("pool")) as tree:
        for restart in ("transient", "temporary"):
            await start_child("pool", probe(restart, restart=restart))
            tree.runtime.cast(restart, End(Normal()))
        await settle()
        assert await which_children("pool") == ()


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_simple_one_for_one_scale_many_temporary_children(backend: Any) -> None:
    """Ends of many temporary children take time in proportion to their number (OTP allows 50 times for 10 times)."""
    from exphil_rt.testing.clocks import run

    async def ends(count: int) -> float:
        async with start_tree(dynamic("pool")) as tree:
            for _ in range(count):
                await start_child("pool", probe("a", name=None, restart="temporary"))
            infos = await which_children("pool")
            started = time.process_time()
            for info in infos:
                assert info.pid is not None
                tree.runtime.exit(info.pid, Killed())
            await settle()
            assert await count_children("pool") == ChildCounts(0, 0, 0, 0)
            return time.process_time() - started

    small = max(run(ends, 100, backend=backend), 1e-3)
    assert run(ends, 1000, backend=backend) < 50 * small


@both_backends
async def test_scale_start_stop_many_children() -> None:
    async with start_tree(*[probe(f"p{n}", name=None) for n in range(1000)]) as tree:
        assert await count_children("sup") == ChildCounts(1000, 1000, 0, 1000)
        assert await tree.runtime.stop()
        assert tree.runtime.statistics().actors == 0


@both_backends
async def test_extra_return() -> None:
    class Child(Probe):
        async def init(self, args: Any) -> Any:
            return Extra(await super().init(None), "extra")

    async with start_tree(probe("a", start=Child), flags=ENDLESS) as tree:
        assert tree.pid("a").info == "extra"
        await terminate_child("sup", "a")
        again = await restart_child("sup", "a")
        assert again is not None
        assert again.info == "extra"
        added = await start_child("sup", probe("b", start=Child))
        assert added is not None
        assert added.info == "extra"
        tree.runtime.exit("b", Killed())
        await settle()
        assert tree.pid("b") != added
        assert tree.pid("b").info == "extra"
