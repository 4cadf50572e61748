"""Names of living actors: unique, and gone with the actor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exphil_rt.actor.errors import AlreadyStarted

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell


class Names:
    """The names of one runtime; resolved at every send, so a restart is not noticed by senders."""

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}

    def register(self, name: str, cell: Cell) -> None:
        """Give ``name`` to ``cell``.

        Raises:
            AlreadyStarted: a living actor has it.
        """
        holder = self.cells.get(name)
        if holder is not None:
            raise AlreadyStarted(name, holder.pid)
        self.cells[name] = cell

    def unregister(self, cell: Cell) -> None:
        """Free the name of ``cell``."""
        if cell.name is not None and self.cells.get(cell.name) is cell:
            del self.cells[cell.name]
