"""Links between peers, on both loops: who ends with whom, who hears of it, and what an unlink takes back."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest

from exphil_rt.actor import (
    Crash,
    Exit,
    ExitReason,
    From,
    Killed,
    Normal,
    Pid,
    Shutdown,
    StartError,
    SupFlags,
    handle_call,
    start_child,
    sys,
    terminate_child,
)
from exphil_rt.testing.actors import Break, End, Probe, Seen, SleepFor, WhoAreYou, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree

ENDLESS = SupFlags("one_for_one", 1_000_000, 3600.0)


class Link(msgspec.Struct, frozen=True):
    """Call: link to each of these, by name or pid."""

    targets: tuple[Any, ...]


class Unlink(msgspec.Struct, frozen=True):
    """Call: unlink it, after so many seconds."""

    target: Any
    after_s: float = 0.0


class Peer(Probe):
    """A Probe that links on request."""

    @handle_call
    async def link_to(self, message: Link, sender: From) -> None:
        for target in message.targets:
            self.link(target)

    @handle_call
    async def unlink_from(self, message: Unlink, sender: From) -> None:
        await anyio.sleep(message.after_s)
        self.unlink(message.target)


class TrappingPeer(Peer):
    trap_exit = True


def peer(id: str, *, trap_exit: bool = False) -> Any:  # noqa: A002
    return probe(id, start=TrappingPeer if trap_exit else Peer, restart="temporary")


async def settle() -> None:
    await anyio.sleep(0.001)


@both_backends
@pytest.mark.parametrize("reason", [Shutdown("enough"), Crash("odd", "odd"), Killed()])
@pytest.mark.parametrize("first", ["a", "b"])
async def test_an_abnormal_end_ends_the_peer_from_either_side(first: str, reason: ExitReason) -> None:
    async with start_tree(peer("a"), peer("b"), peer("c")) as tree:
        await tree.runtime.call("a", Link(("b",)))
        a, b = tree.pid("a"), tree.pid("b")
        if isinstance(reason, Killed):
            tree.runtime.exit(first, reason)
        else:
            tree.runtime.cast(first, End(reason))
        await settle()
        assert (a.cell.reason, b.cell.reason) == (reason, reason)
        assert tree.pid("c").alive


@both_backends
async def test_ends_pass_along_a_chain_of_links() -> None:
    async with start_tree(*[peer(name) for name in "abcd"]) as tree:
        for one, other in ("ab", "bc", "cd"):
            await tree.runtime.call(one, Link((other,)))
        d = tree.pid("d")
        tree.runtime.cast("a", Break("why"))
        await settle()
        assert isinstance(d.cell.reason, Crash)
        assert d.cell.reason.text == "why"


@both_backends
async def test_a_normal_end_leaves_the_peer_alone() -> None:
    async with start_tree(peer("a"), peer("b")) as tree:
        await tree.runtime.call("a", Link(("b",)))
        tree.runtime.cast("a", End(Normal()))
        await settle()
        assert tree.runtime.whereis("a") is None
        assert tree.pid("b").alive
        assert (await sys.get_status("b")).links == ()


@both_backends
@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Crash("odd", "odd"), Killed()])
async def test_one_that_traps_exits_gets_one_message_and_lives(reason: ExitReason) -> None:
    async with start_tree(peer("a"), peer("trap", trap_exit=True)) as tree:
        a = tree.pid("a")
        await tree.runtime.call("trap", Link(("a", "a", a)))  # as often as you like: one link
        assert (await sys.get_status("a")).links == (tree.pid("trap"),)
        if isinstance(reason, Killed):
            tree.runtime.exit(a, reason)
        else:
            tree.runtime.cast(a, End(reason))
        await settle()
        assert await tree.runtime.call("trap", Seen()) == [Exit(a, reason)]


@both_backends
async def test_a_killed_peer_is_survivable_but_a_kill_is_not() -> None:
    async with start_tree(peer("a"), peer("trap", trap_exit=True)) as tree:
        trap = tree.pid("trap")
        await tree.runtime.call("trap", Link(("a",)))
        tree.runtime.exit("a", Killed())
        await settle()
        assert trap.alive
        tree.runtime.exit(trap, Killed())
        await settle()
        assert trap.cell.reason == Killed()


@both_backends
async def test_a_link_to_nobody_gives_its_signal_at_once() -> None:
    async with start_tree(peer("trap", trap_exit=True), peer("plain"), peer("gone")) as tree:
        gone, plain = tree.pid("gone"), tree.pid("plain")
        await terminate_child("sup", "gone")
        await tree.runtime.call("trap", Link(("nobody", gone)))
        assert await tree.runtime.call("trap", Seen()) == [
            Exit(None, Crash("NoProc", "no such actor: nobody")),
            Exit(gone, Crash("NoProc", "no such actor: gone")),
        ]
        await tree.runtime.call("plain", Link(("nobody",)))
        await settle()
        assert plain.cell.reason == Crash("NoProc", "no such actor: nobody")


@both_backends
async def test_a_link_to_oneself_is_no_link() -> None:
    async with start_tree(peer("a")) as tree:
        await tree.runtime.call("a", Link(("a",)))
        assert (await sys.get_status("a")).links == ()
        assert tree.pid("a").alive


@both_backends
@pytest.mark.parametrize("who", ["a", "b"])
async def test_an_unlink_from_either_side_frees_both(who: str) -> None:
    async with start_tree(peer("a"), peer("b")) as tree:
        await tree.runtime.call("a", Link(("b",)))
        await tree.runtime.call(who, Unlink("b" if who == "a" else "a"))
        tree.runtime.cast("a", Break())
        await settle()
        assert tree.pid("b").alive


@both_backends
async def test_an_unlink_takes_back_an_exit_that_waits() -> None:
    async with start_tree(peer("a"), peer("trap", trap_exit=True)) as tree:
        a = tree.pid("a")
        await tree.runtime.call("trap", Link(("a",)))
        tree.runtime.timers.after(0.5, lambda: tree.runtime.cast("a", Break()))
        await tree.runtime.call("trap", Unlink(a, after_s=1.0))
        assert not a.alive
        assert await tree.runtime.call("trap", Seen()) == []


@both_backends
async def test_a_peer_is_ended_in_the_middle_of_an_await_and_its_callers_learn_why() -> None:
    from exphil_rt.actor import NoProc

    async with start_tree(peer("a"), peer("b")) as tree:
        await tree.runtime.call("a", Link(("b",)))
        tree.runtime.timers.after(1.0, lambda: tree.runtime.cast("a", End(Shutdown("over"))))
        with pytest.raises(NoProc) as ended:
            await tree.runtime.call("b", SleepFor(100.0), timeout=200.0)
        assert ended.value.reason == Shutdown("over")
        assert tree.runtime.loop.now() < 50.0


@both_backends
async def test_a_link_made_in_init_fails_the_start() -> None:
    class Linking(Peer):
        async def init(self, args: Any) -> Any:
            self.link("nobody")
            await anyio.lowlevel.checkpoint()
            return await super().init(None)

    async with start_tree() as tree:
        with pytest.raises(StartError, match="no such actor: nobody"):
            await start_child("sup", probe("l", start=Linking))
        assert tree.supervisor.alive


@both_backends
async def test_linked_siblings_are_restarted_each_by_its_own_rule() -> None:
    children = [probe(name, start=Peer) for name in "ab"]
    async with start_tree(*children, flags=ENDLESS) as tree:
        await tree.runtime.call("a", Link(("b",)))
        old: list[Pid] = [tree.pid(name) for name in "ab"]
        tree.runtime.cast("a", Break())
        await settle()
        assert not any(pid.alive for pid in old)
        assert await tree.runtime.call("a", WhoAreYou()) == tree.pid("a")
        tree.runtime.cast("a", Break())  # the new incarnations are not linked
        await settle()
        assert (await sys.get_status("b")).links == ()
        assert tree.pid("b").number == (await tree.runtime.call("b", WhoAreYou())).number


@both_backends
async def test_a_zombie_s_links_are_told_when_it_is_given_up() -> None:
    async with start_tree(peer("zombie"), peer("trap", trap_exit=True)) as tree:
        zombie = tree.pid("zombie")
        await tree.runtime.call("trap", Link((zombie,)))
        tree.runtime.cast(zombie, SleepFor(500.0, shielded=True))
        await settle()
        tree.runtime.exit(zombie, Killed())
        await anyio.sleep(2.0)
        assert await tree.runtime.call("trap", Seen()) == [Exit(zombie, Killed())]
        await anyio.sleep(600.0)
