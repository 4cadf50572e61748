"""Coroutines that refuse to be cancelled: a bounded wait, an alarm with their stack, no hang and no busy loop."""

from __future__ import annotations

from typing import Any, ClassVar

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
    ChildSpec,
    Crash,
    GenServer,
    Killed,
    Report,
    Runtime,
    SupervisorReport,
    SupFlags,
    handle_cast,
    start_child,
    terminate_child,
)
from exphil_rt.testing.actors import SleepFor, probe
from exphil_rt.testing.clocks import both_backends, both_backends_real_time
from exphil_rt.testing.trees import start_tree


class Cling(msgspec.Struct, frozen=True):
    """Catch every cancellation and wait again; ``grouped`` in a task group, ``aside`` in a task of its own."""

    grouped: bool = False
    aside: bool = False


class Limpet(GenServer[None]):
    turns: ClassVar[int] = 0

    async def init(self, args: Any) -> None:
        return None

    @handle_cast
    async def cling(self, message: Cling) -> None:
        if message.aside:
            self.start_task(self.hold_on)
        elif message.grouped:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep_forever)
                await self.hold_on()
        else:
            await self.hold_on()

    async def hold_on(self) -> None:
        while True:
            Limpet.turns += 1
            try:
                await anyio.sleep(3600.0)
            except BaseException:  # what no actor may do
                continue


def alarms(reports: list[Report]) -> list[SupervisorReport]:
    return [one for one in reports if isinstance(one, SupervisorReport) and one.context == "zombie"]


def limpet(**fields: Any) -> ChildSpec:
    return ChildSpec(**{"id": "limpet", "name": "limpet", "start": Limpet, "shutdown": 1.0, **fields})


@pytest.mark.parametrize("message", [Cling(), Cling(grouped=True), Cling(aside=True)], ids=["plain", "grouped", "task"])
@both_backends_real_time
async def test_one_that_catches_its_cancellation_is_named_abandoned_and_turns_no_more(message: Cling) -> None:
    async with start_tree(limpet()) as tree:
        tree.runtime.cast("limpet", message)
        await anyio.sleep(0.01)
        pid = tree.pid("limpet")
        await terminate_child("sup", "limpet", timeout=20.0)
        assert not pid.alive
        (alarm,) = alarms(tree.reports)
        assert alarm.name == "limpet"
        assert isinstance(alarm.reason, Crash)
        assert "limpet refuses to be cancelled" in alarm.reason.text
        assert "in Limpet.hold_on" in alarm.reason.trace
        await anyio.sleep(0.05)
        turns = Limpet.turns
        await anyio.sleep(0.1)
        assert Limpet.turns == turns
        assert not pid.cell.coroutines() or message.grouped


class Ticker(GenServer[None]):
    async def init(self, args: Any) -> None:
        self.start_task(self.tick)

    @handle_cast
    async def nap(self, message: SleepFor) -> None:
        await self.tick()

    async def tick(self) -> None:
        while True:  # on trio every sleep ends so
            with anyio.move_on_after(0.01):
                await anyio.sleep_forever()


@both_backends
async def test_one_that_slept_thousands_of_times_did_not_refuse_to_end() -> None:
    async with start_tree(limpet(start=Ticker)) as tree:
        tree.runtime.cast("limpet", SleepFor(1.0))
        await anyio.sleep(30.0)
        await terminate_child("sup", "limpet")
        assert alarms(tree.reports) == []
        assert tree.runtime.statistics().zombies == 0


@both_backends
async def test_the_specification_runs_on_beside_its_zombie_which_goes_when_it_ends_after_all() -> None:
    async with start_tree(probe("a"), flags=SupFlags(intensity=3)) as tree:
        old = tree.pid("a")
        tree.runtime.cast("a", SleepFor(50.0, shielded=True))
        await anyio.sleep(0.1)
        tree.runtime.exit("a", Killed())
        await anyio.sleep(2.0)
        assert not old.alive
        assert tree.pid("a").alive
        assert tree.runtime.statistics().zombies == 1
        assert [alarm.pid for alarm in alarms(tree.reports)] == [old.number]
        await anyio.sleep(60.0)
        assert tree.runtime.statistics().zombies == 0


@both_backends
async def test_an_actor_that_clings_in_its_start_or_its_end_is_bounded_too() -> None:
    class Sticky(Limpet):
        init_timeout = 1.0

        async def init(self, args: Any) -> None:
            if args == "start":
                await self.hold_on()

        async def terminate(self, reason: Any) -> None:
            await self.hold_on()

    async with start_tree() as tree:
        with anyio.fail_after(30.0):
            with pytest.raises(Exception, match="init took longer than 1 s"):
                await start_child("sup", limpet(id="s", start=Sticky, args="start"))
            await start_child("sup", limpet(id="e", name="e", start=Sticky))
            await terminate_child("sup", "e")
        assert len(alarms(tree.reports)) == 2
        assert tree.runtime.statistics().actors == 1


@both_backends
async def test_a_runtime_is_left_in_bounded_time_under_actors_that_cling() -> None:
    with anyio.fail_after(60.0):
        async with Runtime.open(stop_deadline=1.0) as runtime:
            for number, grouped in enumerate((False, True)):
                await runtime.start_root(limpet(id=f"l{number}", name=f"l{number}", shutdown=5.0))
                runtime.cast(f"l{number}", Cling(grouped))
            await anyio.sleep(0.01)
            await runtime.stop(1.0)
            assert runtime.statistics().actors == 0
