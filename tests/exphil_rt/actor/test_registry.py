"""Registry: unique and duplicate keys, values, publish/subscribe, removal at death, keys as targets."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
    ActorError,
    AlreadyRegistered,
    Entry,
    From,
    GenServer,
    Killed,
    MailboxSpec,
    NoProc,
    Pid,
    Registry,
    SupFlags,
    handle_call,
    handle_cast,
    sys,
    terminate_child,
)
from exphil_rt.testing.actors import Seen, WhoAreYou, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StartedTree, start_tree


class Join(msgspec.Struct, frozen=True):
    """Call: register this key with this value in ``topics``."""

    key: Any
    value: Any = None


class News(msgspec.Struct, frozen=True):
    text: str


class Member(GenServer[list[str]]):
    mailbox = MailboxSpec(2, "error")

    async def init(self, args: Any) -> list[str]:
        return []

    @handle_call
    async def join(self, message: Join, sender: From) -> tuple[Any, ...]:
        topics = self.runtime.registry("topics", "duplicate")
        topics.register(message.key, message.value)
        return topics.keys()

    @handle_cast
    async def news(self, message: News) -> None:
        self.state.append(message.text)


def member(name: str) -> Any:
    return probe(name, start=Member)


def owners(registry: Registry, key: Any) -> list[str]:
    return [entry.pid.label for entry in registry.lookup(key)]


def two(tree: StartedTree) -> tuple[Pid, Pid]:
    return tree.pid("a"), tree.pid("b")


@both_backends
async def test_a_unique_key_has_one_holder_until_it_ends() -> None:
    async with start_tree(probe("a"), probe("b"), flags=SupFlags(intensity=5)) as tree:
        games = tree.runtime.registry("games")
        a, b = two(tree)
        games.register(7, "first", owner=a)
        with pytest.raises(AlreadyRegistered, match="key 7 of the registry games is held by a") as refused:
            games.register(7, "second", owner=b)
        assert refused.value.pid is a
        assert games.lookup(7) == (Entry(7, a, "first"),)
        assert games.whereis(7) is a
        downs: list[tuple[Entry, ...]] = []
        tree.runtime.monitor(a, lambda down: downs.append(games.lookup(7)))
        tree.runtime.exit(a, Killed())
        await anyio.sleep(0.1)
        assert downs == [()]  # gone before anybody hears of the end
        games.register(7, owner=b)
        assert games.whereis(7) is b
        with pytest.raises(NoProc):
            games.register(8, owner=a)
        assert len(games) == 1


@both_backends
async def test_a_unique_key_is_a_target_that_follows_its_holder() -> None:
    async with start_tree(probe("a"), probe("b")) as tree:
        games = tree.runtime.registry("games")
        a, b = two(tree)
        games.register(("final", 1), owner=a)
        target = ("games", ("final", 1))
        assert await tree.runtime.call(target, WhoAreYou()) is a
        assert tree.runtime.whereis(target) is a
        tree.runtime.cast(target, "hello")
        assert await tree.runtime.call("a", Seen()) == ["hello"]
        assert await sys.get_state(target) is not None
        await terminate_child("sup", "a")
        with pytest.raises(NoProc, match=r"games\[\('final', 1\)\]"):
            await tree.runtime.call(target, WhoAreYou())
        tree.runtime.cast(target, "lost")
        assert [letter.target for letter in tree.runtime.dead_letters] == ["games[('final', 1)]"]
        games.register(("final", 1), owner=b)
        assert await tree.runtime.call(target, WhoAreYou()) is b


@both_backends
async def test_duplicate_keys_publish_and_dispatch() -> None:
    async with start_tree(member("a"), member("b"), member("c")) as tree:
        for name, value in (("a", 1), ("b", 2), ("a", 3)):
            await tree.runtime.call(name, Join("goals", value))
        assert await tree.runtime.call("c", Join("other")) == ("other",)
        topics = tree.runtime.registry("topics", "duplicate")
        assert owners(topics, "goals") == ["a", "b", "a"]
        assert topics.values("goals", owner=tree.pid("a")) == (1, 3)
        assert topics.publish("goals", News("1:0")) == 3
        assert topics.publish("nothing", News("?")) == 0
        await anyio.sleep(0.01)
        assert await sys.get_state("a") == ["1:0", "1:0"]
        assert await sys.get_state("b") == ["1:0"]
        assert await sys.get_state("c") == []
        seen: list[tuple[Entry, ...]] = []
        topics.dispatch("goals", seen.append)
        topics.dispatch("nothing", seen.append)
        assert [[entry.value for entry in entries] for entries in seen] == [[1, 2, 3]]
        assert topics.unregister("goals", owner=tree.pid("a")) == 2
        assert owners(topics, "goals") == ["b"]
        assert topics.select(lambda entry: entry.value is None) == (Entry("other", tree.pid("c"), None),)
        with pytest.raises(ActorError, match="has duplicate keys"):
            topics.whereis("goals")
        with pytest.raises(ActorError, match="has duplicate keys"):
            tree.runtime.registry("topics")


@both_backends
async def test_a_full_subscriber_is_a_dead_letter_and_harms_no_other() -> None:
    async with start_tree(member("a"), member("b")) as tree:
        for name in "ab":
            await tree.runtime.call(name, Join("x"))
        await sys.suspend("a")
        for number in range(2):
            tree.runtime.cast("a", News(str(number)))
        assert tree.runtime.registry("topics", "duplicate").publish("x", News("!")) == 2
        await anyio.sleep(0.01)
        assert await sys.get_state("b") == ["!"]
        assert tree.runtime.dead_letters.by_reason == {"full": 1}


@both_backends
async def test_values_are_updated_by_their_holder_and_everything_goes_at_its_end() -> None:
    async with start_tree(probe("a"), probe("b")) as tree:
        games = tree.runtime.registry("games")
        a, b = two(tree)
        for number in range(100):
            games.register(number, number, owner=a)
        games.register("b", owner=b)
        assert games.update_value(5, lambda value: value + 1, owner=a) == (6, 5)
        assert games.values(5, owner=a) == (6,)
        with pytest.raises(NoProc):
            games.update_value(5, lambda value: value, owner=b)
        assert games.unregister(5, owner=b) == 0
        assert len(games) == 101
        await terminate_child("sup", "a")
        assert len(games) == 1
        assert games.keys(owner=b) == ("b",)
        assert games.keys(owner=a) == ()
        with pytest.raises(ActorError, match="Only an actor can hold a key"):
            games.register("x")
