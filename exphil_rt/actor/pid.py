"""Handles that others hold: Pid (one incarnation of an actor) and Ref (one monitor), and the messages about ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from exphil_rt.actor.reasons import ExitReason

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell


class Pid:
    """One incarnation of an actor. Names are stable, pids are not; a pid of a dead actor stays valid and dead."""

    __slots__ = ("cell", "label", "number")

    def __init__(self, number: int, label: str, cell: Cell) -> None:
        self.number = number
        self.label = label
        """Registered name, else the path in the tree."""
        self.cell = cell

    @property
    def info(self) -> Any:
        """What its ``init`` gave beside the state (``Extra``), None for nothing."""
        return self.cell.info

    @property
    def alive(self) -> bool:
        """Whether the actor has not ended."""
        return not self.cell.dead

    def __deepcopy__(self, memo: Any) -> Pid:
        return self  # a copy of a state holds the same handle

    def __repr__(self) -> str:
        return f"<{self.number} {self.label}>"


class Ref(msgspec.Struct, frozen=True):
    """One monitor; its Down carries it."""

    number: int


class Down(msgspec.Struct, frozen=True):
    """A monitored actor ended: sent once a monitor. ``pid`` is None where the target did not exist."""

    ref: Ref
    pid: Pid | None
    name: str
    reason: ExitReason


class Exit(msgspec.Struct, frozen=True):
    """A signal to an actor with ``trap_exit``: a linked peer ended, or somebody else than its supervisor sent it."""

    sender: Pid | None
    """None where the sender is no actor, or a linked name had none."""
    reason: ExitReason


class Timeout(msgspec.Struct, frozen=True):
    """Nothing arrived for an actor's ``idle_timeout``."""


Target = str | Pid | tuple[str, Any]
"""Whom a message is for: a registered name, one incarnation, or a key below a name: ``(partition supervisor, key)`` or
``(registry, unique key)``."""


def label_of(target: Target) -> str:
    """A target in words."""
    return f"{target[0]}[{target[1]!r}]" if isinstance(target, tuple) else str(target)
