"""An actor's mailbox: what waits for it, in which order it is served, and what happens when it is full.

``system`` (sys requests, the parent's exit) is served first, even by a suspended actor; ``info`` (Down, Exit, timers,
ends of children) is never dropped; ``user`` (casts and calls) is bounded. Deques, and a berth for the owner: a memory
channel pays a scheduler pass per message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from typing import Any, Literal

import msgspec

from exphil_rt.actor.loop import Berth, Event, Loop

Overflow = Literal["block", "drop_oldest", "drop_new", "error"]


class MailboxSpec(msgspec.Struct, frozen=True):
    """Room for casts and calls, and what happens to one too many.

    ``block``: ``cast_wait`` and ``call`` wait for room, a plain ``cast`` becomes a dead letter. ``drop_oldest``: the
    oldest waiting one goes (capacity 1 is "the latest"). ``drop_new``: the new one goes. ``error``: MailboxFull.
    """

    capacity: int = 1024
    overflow: Overflow = "block"


class Mailbox:
    """The queues of one incarnation."""

    __slots__ = ("_loop", "_owner", "_senders", "capacity", "closed", "dropped", "info", "overflow", "system", "user")

    def __init__(self, spec: MailboxSpec, loop: Loop) -> None:
        # Most actors never get a system or info message, and an empty deque is 600 bytes.
        self.system: deque[Any] | None = None
        self.info: deque[Any] | None = None
        self.user: deque[Any] = deque()
        self.capacity = spec.capacity
        self.overflow = spec.overflow
        self.closed = False
        self.dropped = 0
        self._loop = loop
        self._owner: Berth = loop.berth()
        self._senders: deque[Event] | None = None

    def __len__(self) -> int:
        return len(self.system or ()) + len(self.info or ()) + len(self.user)

    @property
    def parked(self) -> bool:
        """Whether the owner waits for something to arrive."""
        return self._owner.asleep

    def put(self, message: Any) -> None:
        """Append to the bounded queue without asking for room, and wake the owner."""
        self.user.append(message)
        if self._owner.asleep:
            self._owner.wake()

    def put_info(self, message: Any) -> None:
        """Append what is never dropped."""
        if self.info is None:
            self.info = deque()
        self.info.append(message)
        self.wake()

    def put_system(self, message: Any, *, first: bool = False) -> None:
        """Append what is served before all else; ``first``: before other such messages too."""
        if self.system is None:
            self.system = deque()
        if first:
            self.system.appendleft(message)
        else:
            self.system.append(message)
        self.wake()

    def wake(self) -> None:
        """Wake the owner if it is parked."""
        if self._owner.asleep:
            self._owner.wake()

    def wait(self) -> Awaitable[Any]:
        """Park the owner, who calls this, until something arrives."""
        return self._owner.sleep()

    def take(self) -> Any:
        """The oldest user message; lets one blocked sender in."""
        message = self.user.popleft()
        if self._senders:
            self._senders.popleft().set()
        return message

    async def room(self) -> None:
        """Park a sender until the owner takes a message or the mailbox closes."""
        if self._senders is None:
            self._senders = deque()
        event = self._loop.event()
        self._senders.append(event)
        try:
            await event.wait()
        except BaseException:
            if event in self._senders:
                self._senders.remove(event)
            elif self._senders:
                self._senders.popleft().set()  # the turn that this sender was given goes to the next
            raise

    def close(self) -> list[Any]:
        """Refuse everything from now on; returns the user messages that were left."""
        self.closed = True
        left = list(self.user)
        self.system = self.info = None
        self.user.clear()
        while self._senders:
            self._senders.popleft().set()
        return left
