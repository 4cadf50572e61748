"""Registry: keys that living actors hold, each with a value; unique or duplicate, and publish/subscribe on them.

The rules are those of Elixir's Registry. A table of the runtime, not an actor: it is read without a message, outlives
restarts, and what an actor registered goes in the same step in which the actor ends. Plain names live in ``names``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from exphil_rt.actor.context import current_cell
from exphil_rt.actor.errors import ActorError, AlreadyRegistered, MailboxFull, NoProc
from exphil_rt.actor.pid import Pid

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.runtime import Runtime

Keys = Literal["unique", "duplicate"]


class Entry(NamedTuple):
    """One registration."""

    key: Hashable
    pid: Pid
    value: Any


class Registry:
    """Made by ``runtime.registry(name, keys)``; ``(name, key)`` is a target where keys are unique."""

    def __init__(self, runtime: Runtime, name: str, keys: Keys) -> None:
        self.name = name
        self.kind = keys
        self._runtime = runtime
        self._serial = 0
        self._by_key: dict[Hashable, dict[int, Entry]] = {}
        self._by_owner: dict[int, dict[int, Hashable]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))

    def register(self, key: Hashable, value: Any = None, owner: Pid | None = None) -> None:
        """Give ``key`` to ``owner``, else to the running actor, until that ends.

        Raises:
            AlreadyRegistered: keys are unique and a living actor has it. NoProc: the owner ended.
        """
        pid = self._owner(owner)
        if self.kind == "unique":
            for entry in self._by_key.get(key, {}).values():
                raise AlreadyRegistered(self.name, key, entry.pid)
        mine = self._by_owner.get(pid.number)
        if mine is None:
            if pid.cell.dead:
                raise NoProc(pid.label, pid.cell.reason)
            mine = self._by_owner[pid.number] = {}
            pid.cell.defer(lambda: self._forget(pid.number))
        self._serial += 1
        mine[self._serial] = key
        self._by_key.setdefault(key, {})[self._serial] = Entry(key, pid, value)

    def unregister(self, key: Hashable, owner: Pid | None = None) -> int:
        """Take back every registration of ``key`` by ``owner``, else by the running actor; returns how many."""
        mine = self._by_owner.get(self._owner(owner).number, {})
        serials = [serial for serial, held in mine.items() if held == key]
        for serial in serials:
            self._remove(key, serial)
            del mine[serial]
        return len(serials)

    def lookup(self, key: Hashable) -> tuple[Entry, ...]:
        """Who has ``key``, oldest first."""
        return tuple(self._by_key.get(key, {}).values())

    def whereis(self, key: Hashable) -> Pid | None:
        """The one that has a unique ``key``.

        Raises:
            ActorError: keys are not unique here.
        """
        if self.kind != "unique":
            raise ActorError(f"The registry {self.name} has duplicate keys.", hint="Use lookup, dispatch or publish.")
        return next((entry.pid for entry in self._by_key.get(key, {}).values()), None)

    def keys(self, owner: Pid | None = None) -> tuple[Hashable, ...]:
        """The keys of ``owner``, else of the running actor, oldest first; one for each registration."""
        return tuple(self._by_owner.get(self._owner(owner).number, {}).values())

    def values(self, key: Hashable, owner: Pid | None = None) -> tuple[Any, ...]:
        """The values that ``owner``, else the running actor, holds under ``key``."""
        pid = self._owner(owner)
        return tuple(entry.value for entry in self.lookup(key) if entry.pid is pid)

    def update_value(self, key: Hashable, function: Callable[[Any], Any], owner: Pid | None = None) -> tuple[Any, Any]:
        """Set the value of a unique key of ``owner``, else of the running actor; returns the new and the old value.

        Raises:
            NoProc: the owner does not hold the key.
        """
        pid = self._owner(owner)
        held = self._by_key.get(key, {})
        for serial, entry in held.items():
            if self.kind == "unique" and entry.pid is pid:
                held[serial] = entry._replace(value=function(entry.value))
                return held[serial].value, entry.value
        raise NoProc(f"({self.name}, {key!r}) of {pid.label}")

    def select(self, wanted: Callable[[Entry], bool]) -> tuple[Entry, ...]:
        """Every registration that ``wanted`` accepts; ``len(registry)`` counts all."""
        return tuple(entry for held in self._by_key.values() for entry in held.values() if wanted(entry))

    def dispatch(self, key: Hashable, function: Callable[[tuple[Entry, ...]], None]) -> None:
        """Call ``function`` with those who have ``key``, unless nobody does."""
        entries = self.lookup(key)
        if entries:
            function(entries)

    def publish(self, key: Hashable, message: Any) -> int:
        """Cast ``message`` to all who have ``key``; returns how many. A full mailbox is nobody else's trouble."""
        entries = self.lookup(key)
        for entry in entries:
            try:
                self._runtime.cast(entry.pid, message)
            except MailboxFull:
                self._runtime.dead_letter(entry.pid.label, message, "full")
        return len(entries)

    def route(self, key: Hashable) -> Cell | None:
        """For the kernel: where a message to ``(name, key)`` goes."""
        pid = self.whereis(key)
        return None if pid is None else pid.cell

    def _owner(self, owner: Pid | None) -> Pid:
        cell = current_cell.get()
        if owner is None and cell is None:
            raise ActorError("Only an actor can hold a key.", hint="Outside of its handlers, name it: owner=pid.")
        return owner if owner is not None else cell.pid  # type: ignore[union-attr]

    def _forget(self, number: int) -> None:
        for serial, key in self._by_owner.pop(number, {}).items():
            self._remove(key, serial)

    def _remove(self, key: Hashable, serial: int) -> None:
        held = self._by_key[key]
        del held[serial]
        if not held:
            del self._by_key[key]
