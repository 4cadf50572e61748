"""PartitionSupervisor: several copies of one child, and messages routed to them by key (after Elixir's).

``(name, key)`` is a target: an integer goes to copy ``abs(key) % count``, everything else to the copy of its checksum,
which is the same in every run and process.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from exphil_rt.actor.admin import ADMIN_S
from exphil_rt.actor.calls import From, Refused
from exphil_rt.actor.cell import Cell
from exphil_rt.actor.children import Child
from exphil_rt.actor.context import running_runtime
from exphil_rt.actor.errors import ActorError, BadSpec, StartError
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.handlers import handle_call
from exphil_rt.actor.pid import Target
from exphil_rt.actor.specs import ChildSpec, Strategy, SupFlags
from exphil_rt.actor.supervisor import Supervisor


class Partitions(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of a PartitionSupervisor: ``count`` copies of ``child``, with the ids 0, 1, ...; None is one a core."""

    child: ChildSpec
    count: int | None = None
    arguments: Callable[[Any, int], Any] | None = None
    """The arguments of a copy, from the child's and its number; the same for all where there is none."""
    strategy: Strategy = "one_for_one"
    intensity: int = 3
    period: float = 5.0


class Resize(msgspec.Struct, frozen=True):
    """Call: run this many copies."""

    count: int


class PartitionSupervisor(Supervisor):
    """Started with ``args=Partitions(...)`` under a name of its own."""

    @classmethod
    def _family(cls) -> type[GenServer[Any]]:
        return PartitionSupervisor

    def init(self, args: Any) -> tuple[SupFlags, list[ChildSpec]]:
        """One specification a copy."""
        if not isinstance(args, Partitions):
            raise BadSpec(f"A partition supervisor is started with Partitions, not {type(args).__name__}.")
        count = args.count if args.count is not None else os.cpu_count() or 1
        name, routes = self._cell.name, self.runtime.routes
        if count < 1:
            raise BadSpec(f"A partition supervisor cannot have {count} copies.")
        if name is None or args.child.name is not None:
            raise BadSpec("A partition supervisor is registered by name, its copies are not: they share the name.")
        if name in routes and routes[name] != self._route:
            raise BadSpec(f"A registry is named {name} already.")
        self._count = self._most = count
        if name not in routes:
            routes[name] = self._route
            self.defer(lambda: routes.pop(name))
        flags = SupFlags(args.strategy, args.intensity, args.period)
        return flags, [
            msgspec.structs.replace(
                args.child,
                id=str(number),
                args=args.child.args if args.arguments is None else args.arguments(args.child.args, number),
            )
            for number in range(count)
        ]

    def _route(self, key: Any) -> Cell | None:
        child = self._children.get(str(partition_of(key, self._count)))
        return None if child is None else child.cell

    @handle_call
    async def resize(self, message: Resize, sender: From) -> int | Refused:
        """Stop the last copies, or start them again; never more than at the start."""
        if not 1 <= message.count <= self._most:
            return Refused(BadSpec(f"A partition supervisor of {self._most} cannot run {message.count} copies."))
        before, copies = self._count, tuple(self._children.values())
        self._count = min(before, message.count)
        for child in reversed(copies[message.count :]):
            await self._stop_child(child)
        for child in copies[self._count : message.count]:
            if child.cell is None and not child.restarting:
                try:
                    await self._resume(child)
                except StartError as error:
                    return Refused(error)
            self._count += 1
        return before

    async def _resume(self, child: Child) -> None:
        try:
            if await self._start_child(child) is not None:
                self._progress(child, again=True)
        except StartError as error:
            self._report("start_error", child, error.reason)
            raise


def partition_of(key: Any, count: int) -> int:
    """Which of ``count`` copies serves ``key``.

    Raises:
        ActorError: the key is nothing that msgpack can write.
    """
    if isinstance(key, int):
        return abs(key) % count
    try:
        return zlib.crc32(msgspec.msgpack.encode(key)) % count
    except (TypeError, ValueError) as error:
        raise ActorError(f"The key {key!r} cannot be routed: {error}.", hint="Use text, numbers or tuples.") from None


async def resize(supervisor: Target, count: int, timeout: float = ADMIN_S) -> int:
    """Run ``count`` of the copies; keys are routed among those at once. Returns how many there were.

    Raises:
        BadSpec: none, or more than at the start. StartError: a copy did not start again.
    """
    before: int = await running_runtime().call(supervisor, Resize(count), timeout)
    return before
