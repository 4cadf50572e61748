"""Bounded mailboxes and their policies; what is served first; sys."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
    CallTimeout,
    ChildSpec,
    From,
    GenServer,
    Killed,
    MailboxFull,
    MailboxSpec,
    NoProc,
    handle_call,
    handle_cast,
    sys,
)
from exphil_rt.testing.actors import SleepFor, WhoAreYou, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree


class Item(msgspec.Struct, frozen=True):
    number: int


class Take(msgspec.Struct, frozen=True):
    """Call: answer with what arrived so far."""


class Got(msgspec.Struct):
    numbers: list[int] = []


class Blocking(GenServer[Got]):
    mailbox = MailboxSpec(3, "block")

    async def init(self, args: Any) -> Got:
        return Got()

    @handle_cast
    async def item(self, message: Item) -> None:
        self.state.numbers.append(message.number)

    @handle_cast
    async def busy(self, message: SleepFor) -> None:
        assert message.seconds is not None
        await anyio.sleep(message.seconds)

    @handle_call
    async def take(self, message: Take, sender: From) -> list[int]:
        return self.state.numbers


class Latest(Blocking):
    mailbox = MailboxSpec(1, "drop_oldest")


class DropNew(Blocking):
    mailbox = MailboxSpec(3, "drop_new")


class Refusing(Blocking):
    mailbox = MailboxSpec(3, "error")


def named(start: type[GenServer[Any]]) -> ChildSpec:
    return ChildSpec(id="m", name="m", start=start)


@both_backends
async def test_block_makes_cast_wait_wait_for_room() -> None:
    async with start_tree(named(Blocking)) as tree:
        await sys.suspend("m")
        done: list[int] = []

        async def send(number: int) -> None:
            await tree.runtime.cast_wait("m", Item(number))
            done.append(number)

        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(send, number)
                await anyio.sleep(0.01)
            assert done == [0, 1, 2]
            await sys.resume("m")
        numbers = await tree.runtime.call("m", Take())
        assert numbers[:3] == [0, 1, 2]
        assert sorted(numbers) == [0, 1, 2, 3, 4, 5]  # several senders have no order among them
        assert tree.runtime.statistics().dead_letters == 0


@both_backends
async def test_block_turns_a_plain_cast_too_many_into_a_dead_letter() -> None:
    async with start_tree(named(Blocking)) as tree:
        for number in range(5):
            tree.runtime.cast("m", Item(number))
        assert [(letter.message, letter.reason) for letter in tree.runtime.dead_letters] == [
            (Item(3), "full"),
            (Item(4), "full"),
        ]
        assert await tree.runtime.call("m", Take()) == [0, 1, 2]


@both_backends
async def test_waiting_for_room_ends_at_the_deadline_and_with_the_actor() -> None:
    async with start_tree(named(Blocking)) as tree:
        await sys.suspend("m")
        for number in range(3):
            tree.runtime.cast("m", Item(number))
        with pytest.raises(MailboxFull):
            await tree.runtime.cast_wait("m", Item(3), timeout=2.0)
        with pytest.raises(MailboxFull):
            await tree.runtime.call("m", Take(), timeout=2.0)
        tree.runtime.timers.after(1.0, lambda: tree.runtime.exit("m", Killed()))
        pid = tree.pid("m")
        with pytest.raises(NoProc):
            await tree.runtime.call(pid, Take(), timeout=50.0)


@both_backends
async def test_a_cancelled_sender_gives_its_turn_to_the_next() -> None:
    async with start_tree(named(Blocking)) as tree:
        await sys.suspend("m")
        for number in range(3):
            tree.runtime.cast("m", Item(number))
        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as first:
                group.start_soon(tree.runtime.cast_wait, "m", Item(7))
                tree.runtime.timers.after(1.0, first.cancel)
                await tree.runtime.cast_wait("m", Item(6))
            await sys.resume("m")
        assert await tree.runtime.call("m", Take()) == [0, 1, 2, 7]


@both_backends
async def test_drop_oldest_keeps_the_latest() -> None:
    async with start_tree(named(Latest)) as tree:
        for number in range(5):
            tree.runtime.cast("m", Item(number))
        await anyio.sleep(0.01)
        assert await tree.runtime.call("m", Take()) == [4]
        assert (await sys.statistics("m")).dropped == 4
        assert tree.runtime.statistics().dropped == 4


@both_backends
async def test_a_call_that_is_dropped_fails_at_once() -> None:
    async with start_tree(named(Latest)) as tree:
        await sys.suspend("m")
        tree.runtime.timers.after(1.0, lambda: tree.runtime.cast("m", Item(1)))
        with pytest.raises(MailboxFull):
            await tree.runtime.call("m", Take(), timeout=50.0)


@both_backends
async def test_drop_new_keeps_what_waits() -> None:
    async with start_tree(named(DropNew)) as tree:
        for number in range(5):
            tree.runtime.cast("m", Item(number))
        with pytest.raises(MailboxFull):
            await tree.runtime.call("m", Take())
        await anyio.sleep(0.01)
        assert await tree.runtime.call("m", Take()) == [0, 1, 2]


@both_backends
async def test_error_raises_in_the_sender() -> None:
    async with start_tree(named(Refusing)) as tree:
        for number in range(3):
            tree.runtime.cast("m", Item(number))
        with pytest.raises(MailboxFull, match="The mailbox of m is full"):
            tree.runtime.cast("m", Item(3))


@both_backends
async def test_a_suspended_actor_serves_sys_and_nothing_else() -> None:
    async with start_tree(named(Blocking)) as tree:
        await sys.suspend("m")
        tree.runtime.cast("m", Item(1))
        with pytest.raises(CallTimeout):
            await tree.runtime.call("m", Take(), timeout=1.0)
        assert [row.state for row in tree.runtime.tree()] == ["running", "suspended"]
        assert await sys.get_state("m") == Got([])
        assert (await sys.replace_state("m", lambda state: Got([*state.numbers, 9]))).numbers == [9]
        with pytest.raises(ZeroDivisionError):
            await sys.replace_state("m", lambda state: 1 // 0)
        await sys.resume("m")
        assert await tree.runtime.call("m", Take()) == [9, 1]
        assert await sys.trace("m") == (Item(1), Take())


@both_backends
async def test_a_suspended_actor_can_be_stopped() -> None:
    async with start_tree(probe("m", trap_exit=True)) as tree:
        await sys.suspend("m")
        assert await tree.runtime.stop(1.0)


@both_backends
async def test_sys_on_a_busy_actor_ends_at_its_deadline_and_on_a_dead_one_at_once() -> None:
    async with start_tree(named(Blocking)) as tree:
        tree.runtime.cast("m", SleepFor(10.0))
        await anyio.sleep(0.01)
        with pytest.raises(CallTimeout):
            await sys.get_state("m", timeout=1.0)
        with pytest.raises(NoProc):
            await sys.get_state("nobody")


@both_backends
async def test_statistics_and_tree_say_what_goes_on() -> None:
    async with start_tree(probe("a"), probe("b")) as tree:
        for _ in range(3):
            await tree.runtime.call("a", WhoAreYou())
        await anyio.sleep(10.0)
        statistics = await sys.statistics("a")
        assert (statistics.handled, statistics.waiting, statistics.suspended) == (3, 0, False)
        assert statistics.uptime_s == pytest.approx(10.0, abs=0.01)
        top, a, b = tree.runtime.tree()
        assert (top.path, top.kind, top.strategy, top.depth) == ("sup", "supervisor", "one_for_one", 0)
        assert (a.path, a.name, a.kind, a.depth, a.handled, a.mailbox_cap) == ("sup/a", "a", "worker", 1, 3, 1024)
        assert b.handled == 0


@both_backends
async def test_actor_report_shows_state_messages_and_past_ends() -> None:
    async with start_tree(named(Blocking), probe("p")) as tree:
        tree.runtime.cast("m", Item(5))
        await anyio.sleep(1.0)
        report = tree.runtime.actor_report("sup/m")
        assert msgspec.json.decode(report.state) == {"numbers": [5]}
        assert report.recent == ("Item(number=5)",)
        assert report.exits == ()
        tree.runtime.exit("m", Killed())
        await anyio.sleep(30.0)
        assert tree.runtime.actor_report("sup/m").exits == ("30 s ago it was killed",)
        with pytest.raises(NoProc):
            tree.runtime.actor_report("sup/nobody")
