"""Stages of a pipeline that send events as they are asked for (after Elixir's GenStage).

A consumer sends its producer demand; a producer never sends more than was asked for, so a slow stage slows those
before it, and no mailbox between them grows. What a producer makes unasked waits in a bounded buffer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Literal, TypeVar

import msgspec
import structlog

from exphil_rt.actor.calls import From
from exphil_rt.actor.errors import ActorError
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.handlers import handle_call, handle_cast
from exphil_rt.actor.outcomes import Stop
from exphil_rt.actor.pid import Down, Pid, Ref, Target
from exphil_rt.actor.reasons import is_clean

_log = structlog.get_logger(__name__)
S = TypeVar("S")
MAX_DEMAND: Final = 1000


class Subscribe(msgspec.Struct, frozen=True):
    """Call to a producer: the sender wants its events."""

    consumer: Pid


class Ask(msgspec.Struct, frozen=True):
    """To a producer: ``count`` more events for ``consumer``."""

    consumer: Pid
    count: int


class Events(msgspec.Struct, frozen=True):
    """To a consumer: what it asked ``producer`` for."""

    producer: Pid
    events: Sequence[Any]


class Producer(GenServer[S]):
    """Subclasses write ``handle_demand``, or call ``emit`` in their handlers, or both."""

    buffer_size: ClassVar[int] = 10_000
    """Events that wait where nobody asked."""
    buffer_keep: ClassVar[Literal["first", "last"]] = "last"
    """Which of them stay when there are more; the others are dropped and counted."""

    dropped: int = 0
    _demand: dict[Pid, int]
    _buffer: deque[Any]

    async def handle_demand(self, count: int) -> Iterable[Any]:
        """Make at most ``count`` events; what is missing is made later, with ``emit``."""
        return ()

    def emit(self, events: Iterable[Any]) -> None:
        """Send events to those who asked, the one that wants most first; keep the rest."""
        buffer = self._waiting()
        buffer.extend(events)
        while buffer and self._demand:
            consumer = max(self._demand, key=self._demand.__getitem__)
            wanted = self._demand[consumer]
            if not wanted:
                break
            batch = [buffer.popleft() for _ in range(min(wanted, len(buffer)))]
            self._demand[consumer] -= len(batch)
            self._send(consumer, Events(self.pid, batch))
        lost = max(0, len(buffer) - self.buffer_size)
        for _ in range(lost):
            if self.buffer_keep == "last":
                buffer.popleft()
            else:
                buffer.pop()
        if lost:
            self.dropped += lost
            _log.warning("producer_buffer_full", actor=self.path, dropped=lost, keeps=self.buffer_keep)

    def detail(self) -> str:
        """What is asked for and what waits."""
        return f"{sum(self._demand.values())} asked for, {len(self._buffer)} wait" if hasattr(self, "_demand") else ""

    @property
    def demand(self) -> int:
        """Events that were asked for and not yet sent."""
        self._waiting()
        return sum(self._demand.values())

    @handle_call
    async def on_subscribe(self, message: Subscribe, sender: From) -> Pid:
        """A consumer comes; its end is noticed."""
        self._waiting()
        if message.consumer not in self._demand:
            self._demand[message.consumer] = 0
            self.runtime.monitor(message.consumer, self._consumer_ended)
        return self.pid

    @handle_cast
    async def on_ask(self, message: Ask) -> None:
        """Serve demand from the buffer first."""
        self._waiting()
        if message.consumer not in self._demand:
            return
        self._demand[message.consumer] += message.count
        self.emit(())
        await self._produce()

    def _consumer_ended(self, down: Down) -> None:
        if down.pid is not None:
            self._demand.pop(down.pid, None)

    async def _produce(self) -> None:
        if wanted := self.demand:
            self.emit(await self.handle_demand(wanted))

    def _waiting(self) -> deque[Any]:
        if not hasattr(self, "_demand"):
            self._demand, self._buffer = {}, deque()
        return self._buffer

    def _send(self, to: Pid, message: Any) -> None:
        """Outside of the bounded queue: demand is the bound."""
        if not to.cell.mailbox.closed:
            to.cell.mailbox.put_info(message)


class Consumer(GenServer[S]):
    """Subclasses write ``handle_events`` and call ``subscribe`` in ``init``, or later."""

    _subscriptions: dict[Pid, _Subscription]

    async def handle_events(self, events: Sequence[Any]) -> None:
        """Do something with them; more is asked for as this returns."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_events")

    async def subscribe(
        self,
        producer: Target,
        *,
        max_demand: int = MAX_DEMAND,
        min_demand: int | None = None,
        cancel: Literal["permanent", "transient", "temporary"] = "permanent",
    ) -> None:
        """Ask ``producer`` for events: never more than ``max_demand`` at once, again at ``min_demand`` (half of it).

        Its end is this actor's as well where ``cancel`` is permanent, where it is transient only after a crash.

        Raises:
            NoProc, CallTimeout: it does not answer. ActorError: the demands make no sense.
        """
        least = max_demand // 2 if min_demand is None else min_demand
        if not 0 <= least < max_demand:
            raise ActorError(f"A consumer cannot ask for {max_demand} events, and again when {least} are left.")
        pid = await self.call(producer, Subscribe(self.pid))
        if not hasattr(self, "_subscriptions"):
            self._subscriptions = {}
        if pid in self._subscriptions:
            raise ActorError(f"{self.name} has subscribed to {pid.label} already.")
        self._subscriptions[pid] = _Subscription(max_demand - least, cancel, self.monitor(pid))
        self._ask(pid, max_demand)

    @handle_cast
    async def on_events(self, message: Events) -> None:
        """Handle them in portions, and ask for as many after each."""
        known = getattr(self, "_subscriptions", {}).get(message.producer)
        if known is None:
            return
        size = known.portion
        for start in range(0, len(message.events), size):
            portion = message.events[start : start + size]
            await self.handle_events(portion)
            known.handled += len(portion)
            if known.handled >= size:
                self._ask(message.producer, known.handled)
                known.handled = 0

    @handle_cast
    async def on_down(self, message: Down) -> None:
        """A producer ended."""
        known = None if message.pid is None else getattr(self, "_subscriptions", {}).pop(message.pid, None)
        if known is None or known.ref != message.ref:
            await self.handle_info(message)
        elif known.cancel == "permanent" or (known.cancel == "transient" and not is_clean(message.reason)):
            raise Stop(message.reason)

    def _ask(self, producer: Pid, count: int) -> None:
        if not producer.cell.mailbox.closed:
            producer.cell.mailbox.put_info(Ask(self.pid, count))


class ProducerConsumer(Consumer[S], Producer[S]):
    """A stage in the middle: ``transform`` turns events into events, while those behind it ask for some."""

    _held: deque[tuple[Pid, Sequence[Any]]]

    async def transform(self, events: Sequence[Any]) -> Iterable[Any]:
        """What follows from ``events``."""
        raise NotImplementedError(f"{type(self).__name__} has no transform")

    async def handle_events(self, events: Sequence[Any]) -> None:
        """Pass them on, transformed."""
        self.emit(await self.transform(events))

    @handle_cast
    async def on_events(self, message: Events) -> None:
        """Hold them until somebody asks."""
        self._holding().append((message.producer, message.events))
        await self._produce()

    async def _produce(self) -> None:
        held = self._holding()
        while held and self.demand > 0:
            producer, events = held.popleft()
            known = getattr(self, "_subscriptions", {}).get(producer)
            size = len(events) if known is None else known.portion
            if len(events) > size:
                held.appendleft((producer, events[size:]))
            await self.handle_events(events[:size])
            if known is not None:
                known.handled += min(size, len(events))
                if known.handled >= size:
                    self._ask(producer, known.handled)
                    known.handled = 0

    def _holding(self) -> deque[tuple[Pid, Sequence[Any]]]:
        if not hasattr(self, "_held"):
            self._held = deque()
        return self._held


class _Subscription:
    def __init__(self, portion: int, cancel: str, ref: Ref) -> None:
        self.portion = portion
        """Events after which as many are asked for again."""
        self.cancel = cancel
        self.ref = ref
        self.handled = 0
