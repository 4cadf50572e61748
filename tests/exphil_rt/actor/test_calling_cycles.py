"""Calls that would wait for themselves: through hands that a call passes, tasks that answer, and full mailboxes."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
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
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree


class Pass(msgspec.Struct, frozen=True):
    """Call: hand it on along ``path``, by ``how``; the last answers with its name."""

    path: tuple[str, ...]
    how: str = "call"


class Keep(msgspec.Struct, frozen=True):
    """Call: never answer."""


class Note(msgspec.Struct, frozen=True):
    """Cast: nothing."""


class Hand(GenServer[list[From]]):
    mailbox = MailboxSpec(2)

    async def init(self, args: Any) -> list[From]:
        return []

    @handle_call
    async def hand_on(self, message: Pass, sender: From) -> Any:
        if not message.path:
            return self.name
        target, rest = message.path[0], Pass(message.path[1:], message.how)
        match message.how:
            case "forward":
                return self.forward(sender, target)
            case "answer_later":
                return self.answer_later(sender, self.call, target, rest)
            case "wait_ended":
                return await self.runtime.wait_ended(target)
        return await self.call(target, rest)

    @handle_call
    async def keep(self, message: Keep, sender: From) -> Any:
        self.state.append(sender)
        return self.forward(sender, "keeper") if self.name != "keeper" else await anyio.sleep_forever()

    @handle_cast
    async def note(self, message: Note) -> None:
        return None


def hands(*names: str) -> list[ChildSpec]:
    return [ChildSpec(id=name, name=name, start=Hand, restart="temporary", shutdown=1.0) for name in names]


@both_backends
async def test_a_cycle_is_named_in_full() -> None:
    async with start_tree(*hands("a", "b", "c")) as tree:
        assert await tree.runtime.call("a", Pass(("b", "c"))) == "c"
        with pytest.raises(NoProc, match="c -> b -> c"):
            await tree.runtime.call("a", Pass(("b", "c", "b")), timeout=1.0)


@both_backends
async def test_tasks_that_answer_leave_their_actors_free_so_no_cycle_is_seen_where_none_is() -> None:
    async with start_tree(*hands("a", "b")) as tree:
        assert await tree.runtime.call("a", Pass(("b", "a", "b"), "answer_later")) == "b"


@both_backends
async def test_a_cycle_through_a_task_that_answers_is_found() -> None:
    class Mixed(Hand):
        @handle_call
        async def hand_on(self, message: Pass, sender: From) -> Any:
            if self.name == "b":
                return self.answer_later(sender, self.call, "a", Pass(()))
            return await self.call("b", Pass(()), timeout=3.0) if message.path else self.name

    specs = [ChildSpec(id=name, name=name, start=Mixed, restart="temporary") for name in "ab"]
    async with start_tree(*specs) as tree:
        started = tree.runtime.loop.now()
        with pytest.raises(NoProc, match=r"b \(answering Pass\) -> a -> b \(answering Pass\)"):
            await tree.runtime.call("a", Pass(("b",)))
        assert tree.runtime.loop.now() == started


@both_backends
async def test_a_forwarded_call_is_answered_by_who_has_it_and_its_caller_hears_of_that_ones_end() -> None:
    async with start_tree(*hands("a", "b", "keeper")) as tree:
        with anyio.fail_after(5.0):
            tree.runtime.timers.after(1.0, lambda: tree.runtime.exit("keeper", Killed()))
            with pytest.raises(NoProc, match="keeper was killed"):
                await tree.runtime.call("a", Keep(), timeout=50.0)
        with pytest.raises(NoProc, match="No such actor: keeper"):
            await tree.runtime.call("a", Keep())
        await sys.suspend("b")
        for _ in range(2):
            tree.runtime.cast("b", Note())
        with pytest.raises(MailboxFull):
            await tree.runtime.call("a", Pass(("b",), "forward"))


@both_backends
async def test_a_call_that_is_forwarded_to_its_caller_is_a_cycle() -> None:
    class Boomerang(Hand):
        @handle_call
        async def hand_on(self, message: Pass, sender: From) -> Any:
            return self.forward(sender, "a") if self.name == "b" else await self.call("b", Pass(()))

    specs = [ChildSpec(id=name, name=name, start=Boomerang, restart="temporary") for name in "ab"]
    async with start_tree(*specs) as tree:
        with pytest.raises(NoProc, match="A call would wait for itself: a -> a"):
            await tree.runtime.call("a", Pass(()))
        assert tree.pid("b").alive


@both_backends
async def test_waiting_for_ones_own_end_or_room_is_a_cycle() -> None:
    async with start_tree(*hands("a", "b")) as tree:
        with pytest.raises(NoProc, match=r"CallingCycle.*a -> a"):
            await tree.runtime.call("a", Pass(("a",), "wait_ended"))

    class Stuffer(Hand):
        @handle_cast
        async def note(self, message: Note) -> None:
            for _ in range(3):
                await self.cast_wait(self.pid, Note())

    async with start_tree(ChildSpec(id="s", name="s", start=Stuffer, restart="temporary")) as tree:
        pid = tree.pid("s")
        tree.runtime.cast(pid, Note())
        reason = await tree.runtime.wait_ended(pid, 1.0)
        assert getattr(reason, "type", "") == "CallingCycle"
