"""Demand between stages: no more than was asked for, nothing lost on the way, bounded buffers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.actor import (
    ActorError,
    ChildSpec,
    Consumer,
    Crash,
    GenServer,
    Killed,
    NoProc,
    Producer,
    ProducerConsumer,
    StartError,
    SupFlags,
    handle_cast,
    start_child,
    sys,
    terminate_child,
)
from exphil_rt.testing.clocks import BACKENDS, Backend, both_backends, run
from exphil_rt.testing.trees import start_tree


class Push(msgspec.Struct, frozen=True):
    """Cast: emit these, asked for or not."""

    events: tuple[int, ...]


class Counting(Producer[list[int]]):
    """Makes 0, 1, 2, ... on demand; its state is what it was asked for."""

    async def init(self, args: Any) -> list[int]:
        self.next = 0
        return []

    async def handle_demand(self, count: int) -> Iterable[int]:
        self.state.append(count)
        made = range(self.next, self.next + count)
        self.next += count
        return made


class Pushed(Producer[None]):
    buffer_size = 5

    async def init(self, args: Any) -> None:
        return None

    @handle_cast
    async def push(self, message: Push) -> None:
        self.emit(message.events)


class PushedFirst(Pushed):
    buffer_keep = "first"


class Sink(Consumer[list[int]]):
    """``args`` are keyword arguments of ``subscribe``, and ``pause`` between portions."""

    async def init(self, args: Any) -> list[int]:
        options = dict(args or {})
        self.pause = options.pop("pause", 0.0)
        self.portions: list[int] = []
        await self.subscribe(options.pop("producer", "p"), **options)
        return []

    async def handle_events(self, events: Sequence[int]) -> None:
        self.portions.append(len(events))
        await anyio.sleep(self.pause)
        self.state.extend(events)


class Doubling(ProducerConsumer[None]):
    async def init(self, args: Any) -> None:
        await self.subscribe("p", **(args or {}))

    async def transform(self, events: Sequence[int]) -> Iterable[int]:
        return [copy for event in events for copy in (event, event)]


def stage(id: str, start: type[GenServer[Any]], args: Any = None, **fields: Any) -> ChildSpec:  # noqa: A002
    return ChildSpec(**{"id": id, "name": id, "start": start, "args": args, **fields})


@both_backends
async def test_a_producer_sends_what_was_asked_for_and_is_asked_again_at_the_minimum() -> None:
    sink = stage("c", Sink, {"max_demand": 10, "min_demand": 6, "pause": 1.0})
    async with start_tree(stage("p", Counting), sink) as tree:
        await anyio.sleep(3.5)
        asked = await sys.get_state("p")
        assert asked[:4] == [10, 4, 4, 4][: len(asked)]
        actor: Any = tree.pid("c").cell.actor
        assert set(actor.portions) <= {2, 4}
        assert await sys.get_state("c", timeout=10.0) == list(range(len(await sys.get_state("c", timeout=10.0))))
        assert sum(asked) - sum(actor.portions) <= 10


@both_backends
async def test_a_suspended_consumer_stops_its_producer() -> None:
    async with start_tree(stage("p", Counting), stage("c", Sink, {"max_demand": 8, "pause": 0.1})) as tree:
        await anyio.sleep(1.0)
        await sys.suspend("c")
        made: int = tree.pid("p").cell.actor.next  # type: ignore[attr-defined]
        await anyio.sleep(10.0)
        assert tree.pid("p").cell.actor.next - made <= 8  # type: ignore[attr-defined]
        assert len(tree.pid("c").cell.mailbox) <= 8
        await sys.resume("c")
        await anyio.sleep(1.0)
        assert tree.pid("p").cell.actor.next > made + 8  # type: ignore[attr-defined]


@both_backends
async def test_what_nobody_asked_for_waits_in_a_bounded_buffer() -> None:
    for start, kept in ((Pushed, [4, 5, 6, 7, 8]), (PushedFirst, [0, 1, 2, 3, 4])):
        async with start_tree(stage("p", start)) as tree:
            tree.runtime.cast("p", Push(tuple(range(9))))
            await anyio.sleep(0.1)
            await start_child("sup", stage("c", Sink, {"max_demand": 3, "min_demand": 0}))
            await anyio.sleep(0.1)
            assert await sys.get_state("c") == kept
            assert tree.pid("p").cell.actor.dropped == 4  # type: ignore[attr-defined]


@both_backends
async def test_the_consumer_that_wants_most_is_served_first_and_one_that_ends_is_forgotten() -> None:
    async with start_tree(stage("p", Pushed)) as tree:
        await start_child("sup", stage("a", Sink, {"max_demand": 2}))
        await start_child("sup", stage("b", Sink, {"max_demand": 9, "min_demand": 0}, restart="temporary"))
        tree.runtime.cast("p", Push(tuple(range(8))))
        await anyio.sleep(0.1)
        assert await sys.get_state("b") == list(range(8))
        producer: Any = tree.pid("p").cell.actor
        assert producer.demand == 3
        tree.runtime.exit("b", Killed())
        await anyio.sleep(0.1)
        assert producer.demand == 2
        tree.runtime.cast("p", Push((8,)))
        await anyio.sleep(0.1)
        assert await sys.get_state("a") == [8]


@both_backends
async def test_a_consumer_ends_with_its_producer_as_it_said() -> None:
    flags = SupFlags(intensity=10)
    for cancel, reason, survives in (
        ("permanent", None, False),
        ("transient", None, True),
        ("transient", Killed(), False),
        ("temporary", Killed(), True),
    ):
        sink = stage("c", Sink, {"cancel": cancel}, restart="temporary")
        async with start_tree(stage("p", Pushed, restart="temporary"), sink, flags=flags) as tree:
            pid = tree.pid("c")
            if reason is None:
                await terminate_child("sup", "p")
            else:
                tree.runtime.exit("p", reason)
            await anyio.sleep(0.1)
            assert pid.alive == survives


@both_backends
async def test_a_restarted_producer_is_found_again_by_its_restarted_consumer() -> None:
    async with start_tree(
        stage("p", Counting), stage("c", Sink, {"max_demand": 4, "pause": 1.0}), flags=SupFlags("rest_for_one", 9)
    ) as tree:
        await anyio.sleep(3.0)
        tree.runtime.exit("p", Killed())
        await anyio.sleep(5.0)
        assert (await sys.get_state("c", timeout=10.0))[:4] == [0, 1, 2, 3]


@both_backends
async def test_subscriptions_that_make_no_sense_are_refused() -> None:
    async with start_tree(stage("p", Counting)) as tree:
        for args in ({"max_demand": 0}, {"max_demand": 4, "min_demand": 4}, {"min_demand": -1}):
            with pytest.raises(StartError, match="cannot ask for"):
                await start_child("sup", stage("c", Sink, args))
        with pytest.raises(StartError, match="No such actor: gone"):
            await start_child("sup", stage("c", Sink, {"producer": "gone"}))
        assert tree.runtime.statistics().actors == 2
        assert issubclass(NoProc, ActorError)
        assert isinstance(Crash("a", "b"), Crash)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=20)
@given(
    first=st.integers(1, 40),
    second=st.integers(1, 40),
    pause=st.sampled_from((0.0, 0.5)),
)
def test_a_pipeline_loses_nothing_and_holds_little(backend: Backend, first: int, second: int, pause: float) -> None:
    async def main() -> None:
        async with start_tree(
            stage("p", Counting),
            stage("m", Doubling, {"max_demand": first}),
            stage("c", Sink, {"producer": "m", "max_demand": second, "pause": pause}, shutdown=1.0),
        ) as tree:
            await anyio.sleep(5.0 if pause else 0.0)
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            sink: Any = tree.pid("c").cell.actor
            got = list(sink.state)
            assert got == [n // 2 for n in range(len(got))]
            made: int = tree.pid("p").cell.actor.next  # type: ignore[attr-defined]
            buffered = len(tree.pid("m").cell.actor._buffer)  # type: ignore[attr-defined]
            assert 2 * made - len(got) <= 2 * first + second + buffered
            assert buffered <= 2 * first

    run(main, backend=backend)
