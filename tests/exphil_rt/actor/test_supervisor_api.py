"""The section API of OTP's supervisor_SUITE and the misc cases that need no code change, by their own names."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import msgspec
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
    Crash,
    DynamicFlags,
    DynamicSupervisor,
    Extra,
    Killed,
    NoProc,
    Normal,
    NotSupported,
    Runtime,
    Shutdown,
    StartError,
    SupFlags,
    check_childspecs,
    count_children,
    delete_child,
    get_callback_module,
    get_childspec,
    handle_cast,
    restart_child,
    start_child,
    terminate_child,
    which_children,
)
from exphil_rt.actor.specs import check_flags
from exphil_rt.testing.actors import RESTARTS, Break, End, Probe, ProbeArgs, Start, WhoAreYou, dynamic, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, StaticSupervisor, Tree, start_tree

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


async def _refused(names: str, *children: Any, flags: Any = None) -> None:
    """Neither starts a supervisor, nor is taken by one that runs."""
    async with Runtime.open() as runtime:
        tree = Tree(children, flags or SupFlags())
        with pytest.raises(StartError, match="BadSpec") as refused:
            await runtime.start_root(ChildSpec(id="s", start=StaticSupervisor, args=tree))
        assert names in str(refused.value)


@both_backends
async def test_child_specs() -> None:
    faulty: list[tuple[dict[str, Any], str]] = [
        ({"id": None}, "None"),
        ({"start": print}, "print"),
        ({"restart": "never"}, "never"),
        ({"shutdown": "brutal"}, "brutal"),
        ({"shutdown": -1}, "-1"),
        ({"significant": 1}, "1"),
    ]
    async with start_tree() as tree:
        for fields, names in faulty:
            with pytest.raises(BadSpec, match=names):
                await start_child("sup", probe("a", **{"name": None, **fields}) if "id" not in fields else _nameless())
        assert await which_children("sup") == ()
        assert tree.supervisor.alive
    await _refused("Two children have the id a", probe("a"), probe("b"), probe("a"))
    check_childspecs([probe("a"), probe("b"), dynamic("pool")])
    async with Runtime.open() as runtime:  # a dynamic supervisor has its flags and no specifications
        for answer in ([], [probe("a")], (DynamicFlags(), [probe("a")]), SupFlags()):
            with pytest.raises(StartError, match="must answer DynamicFlags"):
                await runtime.start_root(dynamic("pool", answer))  # type: ignore[arg-type]


def _nameless() -> ChildSpec:
    return ChildSpec(id=None, start=Probe)  # type: ignore[arg-type]


@both_backends
async def test_child_specs_map() -> None:
    modes: tuple[Any, ...] = ("never", "any_significant", "all_significant")
    shutdowns: tuple[Any, ...] = (None, 0, 1.5, "brutal_kill", "infinity")
    for restart, mode, significant, shutdown in itertools.product(RESTARTS, modes, (False, True), shutdowns):
        spec = probe("a", restart=restart, significant=significant, shutdown=shutdown)
        if significant and (restart == "permanent" or mode == "never"):
            with pytest.raises(BadSpec, match="significant"):
                check_childspecs([spec], mode)
        else:
            check_childspecs([spec], mode)
    bad = probe("a", restart="permanent", significant=True)
    await _refused("significant", bad, flags=SupFlags(auto_shutdown="any_significant"))
    good = probe("a", restart="transient", significant=True)
    await _refused("significant", good)
    async with start_tree(good, flags=SupFlags(auto_shutdown="any_significant")) as tree:
        with pytest.raises(BadSpec, match="significant"):
            await start_child("sup", probe("b", significant=True))
        await start_child("sup", probe("b", restart="temporary", significant=True))
        assert await count_children("sup") == ChildCounts(2, 2, 0, 2)
        assert tree.supervisor.alive


@both_backends
async def test_sup_flags() -> None:
    with pytest.raises(TypeError, match="unknown"):
        SupFlags(unknown=True)  # type: ignore[call-arg]
    faulty: list[tuple[Any, str]] = [
        (SupFlags("one_for_some"), "one_for_some"),  # type: ignore[arg-type]
        (SupFlags(intensity=-1), "-1"),
        (SupFlags(intensity=1.5), "1.5"),  # type: ignore[arg-type]
        (SupFlags(intensity=True), "True"),
        (SupFlags(period=0), "0"),
        (SupFlags(period=-1.0), "-1.0"),
        (SupFlags(period="soon"), "soon"),  # type: ignore[arg-type]
        (SupFlags(period=float("inf")), "inf"),
        (SupFlags(auto_shutdown="sometimes"), "sometimes"),  # type: ignore[arg-type]
    ]
    for flags, names in faulty:
        with pytest.raises(BadSpec, match=names):
            check_flags(flags)
        await _refused(names, probe("a"), flags=flags)
    with pytest.raises(BadSpec, match="-1"):
        check_flags(DynamicFlags(max_children=-1))
    for flags in (SupFlags(intensity=0), SupFlags(period=0.1), SupFlags("rest_for_one", 1, 5, "all_significant")):
        async with start_tree(probe("a"), flags=flags) as tree:
            assert tree.pid("a").alive


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
    """A child that severs its links and refuses to be cancelled hangs neither terminate_child nor the supervisor."""

    class Naughty(Probe):
        @handle_cast
        async def misbehave(self, message: Break) -> None:
            self.unlink("sup")
            with anyio.CancelScope(shield=True):
                await anyio.sleep(100.0)

    async with start_tree(probe("naughty", start=Naughty, shutdown=1.0), probe("other")) as tree:
        naughty, other = tree.pid("naughty"), tree.pid("other")
        tree.runtime.cast("naughty", Break())
        await settle()
        started = tree.runtime.loop.now()
        await terminate_child("sup", "naughty", timeout=10.0)
        assert tree.runtime.loop.now() - started == pytest.approx(2.0, abs=0.05)  # its time, then a second's grace
        assert not naughty.alive
        assert await count_children("sup") == ChildCounts(2, 1, 0, 2)
        assert tree.supervisor.cell.mailbox.user == tree.supervisor.cell.mailbox.info == deque()
        assert tree.pid("other") == other
        assert await restart_child("sup", "naughty") is not None
        await anyio.sleep(100.0)  # the zombie's end is nobody's business any more
        assert tree.pid("naughty").alive


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
        assert tree.pid("y") == old["y"]
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


async def _counts_of(child: ChildSpec, supervisors: bool) -> None:
    def counts(n: int) -> ChildCounts:
        return ChildCounts(n, n, n if supervisors else 0, 0 if supervisors else n)

    async with start_tree(dynamic("pool", DynamicFlags(intensity=2, period=3600.0)), stop_deadline=60.0) as tree:
        pool = tree.pid("pool")
        for total in (1000, 2000):
            for _ in range(1000):
                await start_child("pool", child)
            infos = await which_children("pool")
            assert len(infos) == total
            assert await count_children("pool") == counts(total)
        assert await which_children("pool") == infos
        assert await count_children("pool") == counts(2000)
        for info in infos:
            assert info.pid is not None
            tree.runtime.exit(info.pid, Killed())
        await anyio.sleep(1.0)
        assert tree.pid("pool") == pool
        assert await count_children("pool") == ChildCounts(0, 0, 0, 0)
        assert tree.runtime.statistics().actors == 2


@both_backends
async def test_count_children() -> None:
    await _counts_of(probe("a", name=None, restart="temporary"), supervisors=False)


@both_backends
async def test_count_children_supervisor() -> None:
    await _counts_of(dynamic("inner", name=None, restart="temporary"), supervisors=True)


class Gate:
    """Children that refuse to start while it is shut."""

    def __init__(self) -> None:
        self.shut = False

    def start(self) -> Start:
        return "crash" if self.shut else "ok"


@both_backends
async def test_count_restarting_children() -> None:
    gate = Gate()
    flags = DynamicFlags(intensity=1_000_000_000, period=3600.0)
    async with start_tree(dynamic("pool", flags)) as tree:
        assert await count_children("pool") == ChildCounts(0, 0, 0, 0)
        for n, name in enumerate("abc", 1):
            await start_child("pool", probe(name, ProbeArgs(gate.start)))
            assert await count_children("pool") == ChildCounts(n, n, 0, n)
        for name in "abc":
            tree.runtime.cast(name, Break())
        await settle()
        assert await count_children("pool") == ChildCounts(3, 3, 0, 3)
        gate.shut = True
        for name in "ab":
            tree.runtime.cast(name, Break())
        while (await count_children("pool")).active > 1:
            pass
        for _ in range(20):
            assert await count_children("pool") == ChildCounts(3, 1, 0, 3)
        gate.shut = False
        await settle()
        assert await count_children("pool") == ChildCounts(3, 3, 0, 3)
        for n, name in enumerate("abc", 1):
            await terminate_child("pool", tree.pid(name))
            assert await count_children("pool") == ChildCounts(3 - n, 3 - n, 0, 3 - n)


@both_backends
async def test_get_callback_module() -> None:
    class Pool(DynamicSupervisor):
        pass

    async with start_tree(dynamic("pool", start=Pool)) as tree:
        assert await get_callback_module("pool") is Pool
        assert await get_callback_module(tree.supervisor) is StaticSupervisor
        with pytest.raises(NoProc):
            await get_callback_module("nobody")


async def _hang(tree: StartedTree, name: str, child: str) -> None:
    """Crash a child that will not start again, and wait until the supervisor tries."""
    tree.runtime.cast(child, Break("why"))
    while not any(info.restarting for info in await which_children(name)):
        pass


@both_backends
async def test_hanging_restart_loop() -> None:
    gate = Gate()
    async with start_tree(flags=ENDLESS) as tree:
        first = await start_child("sup", probe("a", ProbeArgs(gate.start), shutdown="brutal_kill"))
        assert first is not None
        gate.shut = True
        await _hang(tree, "sup", "a")
        with pytest.raises(AlreadyPresent):
            await start_child("sup", probe("a"))
        with pytest.raises(ChildRestarting):
            await restart_child("sup", "a")
        with pytest.raises(ChildRestarting):
            await delete_child("sup", "a")
        assert await count_children("sup") == ChildCounts(1, 0, 0, 1)
        await terminate_child("sup", "a")
        assert isinstance(first.cell.reason, Crash)
        (info,) = await which_children("sup")
        assert (info.id, info.pid, info.restarting) == ("a", None, False)
        with pytest.raises(StartError):
            await restart_child("sup", "a")
        gate.shut = False
        second = await restart_child("sup", "a")
        assert second is not None
        gate.shut = True
        await _hang(tree, "sup", "a")
        assert await tree.runtime.stop(1.0)
        assert isinstance(second.cell.reason, Crash)
        assert tree.runtime.whereis("sup") is None


@both_backends
async def test_hanging_restart_loop_rest_for_one() -> None:
    gate = Gate()
    flags = SupFlags("rest_for_one", 1_000_000_000, 3600.0)
    async with start_tree(flags=flags) as tree:
        kill: Any = {"shutdown": "brutal_kill"}
        a = await start_child("sup", probe("a", **kill))
        b = await start_child("sup", probe("b", ProbeArgs(gate.start), **kill))
        await start_child("sup", probe("c", **kill))
        assert a is not None
        assert b is not None
        gate.shut = True
        await _hang(tree, "sup", "b")
        with pytest.raises(AlreadyPresent):
            await start_child("sup", probe("b"))
        with pytest.raises(ChildRestarting):
            await restart_child("sup", "b")
        with pytest.raises(ChildRestarting):
            await delete_child("sup", "b")
        assert [(info.id, info.pid, info.restarting) for info in await which_children("sup")] == [
            ("c", None, False),
            ("b", None, True),
            ("a", a, False),
        ]
        assert await count_children("sup") == ChildCounts(3, 1, 0, 3)
        await terminate_child("sup", "b")
        await settle()
        assert [(info.pid, info.restarting) for info in await which_children("sup")] == [
            (None, False),
            (None, False),
            (a, False),
        ]
        gate.shut = False
        again = await restart_child("sup", "b")
        assert again is not None
        gate.shut = True
        await _hang(tree, "sup", "b")
        assert await tree.runtime.stop(1.0)
        assert isinstance(again.cell.reason, Crash)
        assert a.cell.reason == Killed()


@both_backends
async def test_hanging_restart_loop_simple() -> None:
    gate = Gate()
    async with start_tree(dynamic("pool", DynamicFlags(intensity=1_000_000_000, period=3600.0))) as tree:
        first = await start_child("pool", probe("a", ProbeArgs(gate.start)))
        assert first is not None
        gate.shut = True
        await _hang(tree, "pool", "a")
        with pytest.raises(NotSupported):
            await restart_child("pool", "a")
        with pytest.raises(NotSupported):
            await delete_child("pool", "a")
        (info,) = await which_children("pool")
        assert (info.pid, info.restarting) == (None, True)
        assert await count_children("pool") == ChildCounts(1, 0, 0, 1)
        await terminate_child("pool", first)  # by the pid that it had
        assert isinstance(first.cell.reason, Crash)
        assert await which_children("pool") == ()
        gate.shut = False
        second = await start_child("pool", probe("a", ProbeArgs(gate.start)))
        assert second is not None
        gate.shut = True
        await _hang(tree, "pool", "a")
        assert await tree.runtime.stop(1.0)
        assert isinstance(second.cell.reason, Crash)


@both_backends
async def test_simple_global_supervisor() -> None:
    """Names of supervisors and workers are resolved anew after every kind of end."""
    worker = probe("server", shutdown=2.0)
    flags = SupFlags("one_for_all", 3, 60.0)
    middle = ChildSpec(id="middle", name="sup2", start=StaticSupervisor, args=Tree([worker], flags), shutdown=2.0)

    async def moved(act: Callable[[StartedTree], Awaitable[object]], *, with_supervisor: bool = False) -> None:
        async with start_tree(middle, flags=flags) as tree:
            sup2, server = tree.pid("sup2"), tree.pid("server")
            assert await tree.runtime.call("server", WhoAreYou()) == server
            await act(tree)
            await anyio.sleep(0.2)
            assert tree.pid("server") != server
            assert (tree.pid("sup2") != sup2) == with_supervisor
            assert await tree.runtime.call("server", WhoAreYou()) == tree.pid("server")
            assert await which_children("sup2") != ()
            tree.runtime.exit("sup", Killed())
            await anyio.sleep(0.2)
            assert tree.runtime.whereis("sup2") is None
            assert tree.runtime.whereis("server") is None

    async def kill_supervisor(tree: StartedTree) -> None:
        tree.runtime.exit("sup2", Killed())

    async def kill_worker(tree: StartedTree) -> None:
        tree.runtime.exit("server", Killed())

    async def exit_worker(tree: StartedTree) -> None:
        tree.runtime.cast("server", End(Normal()))

    async def restart_worker(tree: StartedTree) -> None:
        await terminate_child("sup2", "server")
        await restart_child("sup2", "server")

    await moved(kill_supervisor, with_supervisor=True)
    for act in (kill_worker, exit_worker, restart_worker):
        await moved(act)


@both_backends
async def test_do_not_save_start_parameters_for_temporary_children() -> None:
    """What a supervisor keeps of a hundred temporary children is less than of others, whatever its strategy."""
    large = ["Potentially large"] * 10

    class Taker(Probe):
        async def init(self, args: Any) -> Any:
            return await super().init(None)

    async def kept(supervisor: str, restart: str) -> int:
        for n in range(100):
            await start_child(supervisor, probe(f"c{n}", large, start=Taker, name=None, restart=restart))
        specs = [await get_childspec(supervisor, info.pid or info.id) for info in await which_children(supervisor)]
        assert len(specs) == 100
        return len(msgspec.json.encode([spec.args for spec in specs]))

    for strategy in ("one_for_all", "one_for_one", "rest_for_one", "simple_one_for_one"):
        sizes = []
        for restart in RESTARTS:
            if strategy == "simple_one_for_one":
                async with start_tree(dynamic("pool")):
                    sizes.append(await kept("pool", restart))
            else:
                async with start_tree(flags=SupFlags(strategy)):  # type: ignore[arg-type]
                    sizes.append(await kept("sup", restart))
        permanent, transient, temporary = sizes
        assert temporary < permanent == transient


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
    async with start_tree(dynamic("pool")) as tree:
        for restart in ("transient", "temporary"):
            await start_child("pool", probe(restart, restart=restart))
            tree.runtime.cast(restart, End(Normal()))
        await settle()
        assert await which_children("pool") == ()


@both_backends
async def test_a_thousand_static_children_start_and_stop() -> None:
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
