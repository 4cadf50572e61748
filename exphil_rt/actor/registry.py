"""Names of living actors: unique, and gone with the actor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exphil_rt.actor.errors import AlreadyStarted

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell


class Registry:
    """Unique names of one runtime; resolved at every send, so a restart is not noticed by senders."""

    def __init__(self) -> None:
        self.names: dict[str, Cell] = {}

    def register(self, name: str, cell: Cell) -> None:
        """Give ``name`` to ``cell``.

        Raises:
            AlreadyStarted: a living actor has it.
        """
        holder = self.names.get(name)
        if holder is not None:
            raise AlreadyStarted(name, holder.pid)
        self.names[name] = cell

    def unregister(self, cell: Cell) -> None:
        """Free the name of ``cell``."""
        if cell.name is not None and self.names.get(cell.name) is cell:
            del self.names[cell.name]
