"""PartitionSupervisor: copies of a child, routing by key, and changes of their number."""

from __future__ import annotations

import zlib
from typing import Any

import anyio
import pytest

from exphil_rt.actor import (
    BadSpec,
    ChildSpec,
    Killed,
    NoProc,
    Partitions,
    PartitionSupervisor,
    StartError,
    SupFlags,
    resize,
    start_child,
    sys,
    terminate_child,
    which_children,
)
from exphil_rt.actor.errors import ActorError
from exphil_rt.actor.partition import partition_of
from exphil_rt.testing.actors import ProbeArgs, Seen, WhoAreYou, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree


def partitions(count: int | None = 4, name: str | None = "parts", **fields: Any) -> ChildSpec:
    child = probe("copy", ProbeArgs(), name=None)
    args = Partitions(**{"child": child, "count": count, **fields})
    return ChildSpec(id="parts", name=name, start=PartitionSupervisor, args=args)


def test_keys_have_a_fixed_place() -> None:
    assert [partition_of(key, 4) for key in (0, 5, -5, 7, True)] == [0, 1, 1, 3, 1]
    written = (b"\xa3fox", b"\xc4\x03fox", b"\x92\xa3fox\x01", b"\xcb\x3f\xf8" + bytes(6), b"\xc0")  # in msgpack
    keys = ("fox", b"fox", ("fox", 1), 1.5, None)
    assert [partition_of(key, 1000) for key in keys] == [zlib.crc32(bytes_) % 1000 for bytes_ in written]
    with pytest.raises(ActorError, match="cannot be routed"):
        partition_of(object(), 4)


@both_backends
async def test_integers_go_by_remainder_and_other_keys_spread_over_all() -> None:
    async with start_tree(partitions()) as tree:
        pids = [await tree.runtime.call(("parts", number), WhoAreYou()) for number in range(8)]
        assert pids[:4] == pids[4:]
        assert len(set(pids)) == 4
        assert [pid.cell.id for pid in pids[:4]] == ["0", "1", "2", "3"]
        named = {await tree.runtime.call(("parts", f"game {n}"), WhoAreYou()) for n in range(100)}
        assert named == set(pids)
        assert await tree.runtime.call(("parts", "game 1"), WhoAreYou()) is tree.runtime.whereis(("parts", "game 1"))


@both_backends
async def test_a_key_follows_the_restarted_copy_and_has_nobody_meanwhile() -> None:
    async with start_tree(partitions(child=probe("copy", ProbeArgs(terminate_s=1.0), name=None))) as tree:
        old = tree.runtime.whereis(("parts", 2))
        assert old is not None
        tree.runtime.exit(("parts", 2), Killed())
        await anyio.sleep(0.1)
        new = tree.runtime.whereis(("parts", 2))
        assert new is not None
        assert new is not old
        tree.runtime.cast(("parts", 2), "hello")
        assert await tree.runtime.call(new, Seen()) == ["hello"]
        await terminate_child("parts", "2")
        with pytest.raises(NoProc, match=r"parts\[2\]"):
            await tree.runtime.call(("parts", 2), WhoAreYou())
        assert await sys.get_state(("parts", 3)) is not None


@both_backends
async def test_each_copy_may_have_arguments_of_its_own() -> None:
    diary: list[str] = []

    def arguments(args: ProbeArgs, number: int) -> ProbeArgs:
        diary.append(f"args {number}")
        return ProbeArgs(diary=diary)

    async with start_tree(partitions(3, arguments=arguments)):
        assert diary == ["args 0", "args 1", "args 2", "+0", "+1", "+2"]
    assert diary[6:] == ["-2", "-1", "-0"]


@both_backends
async def test_resize_stops_the_last_and_starts_them_again() -> None:
    async with start_tree(partitions(), flags=SupFlags(intensity=5)) as tree:
        last = tree.runtime.whereis(("parts", 3))
        assert last is not None
        assert await resize("parts", 2) == 4
        assert not last.alive
        assert tree.runtime.whereis(("parts", 3)) is tree.runtime.whereis(("parts", 1))
        assert await resize("parts", 4) == 2
        running = {info.id for info in await which_children("parts") if info.pid is not None}
        assert running == {"0", "1", "2", "3"}
        fresh = tree.runtime.whereis(("parts", 3))
        assert fresh is not None
        assert fresh.cell.id == "3"
        for count in (0, 5):
            with pytest.raises(BadSpec):
                await resize("parts", count)


@both_backends
async def test_what_cannot_be_partitioned_is_refused_and_its_name_is_free_again() -> None:
    async with start_tree() as tree:
        for spec in (partitions(0), partitions(name=None), partitions(child=probe("named"))):
            with pytest.raises(StartError, match="partition supervisor"):
                await start_child("sup", spec)
        tree.runtime.registry("taken")
        with pytest.raises(StartError, match="A registry is named taken"):
            await start_child("sup", partitions(name="taken"))
        await start_child("sup", partitions())
        await terminate_child("sup", "parts")
        assert tree.runtime.whereis(("parts", 1)) is None
        assert tree.runtime.registry("parts") is not None
