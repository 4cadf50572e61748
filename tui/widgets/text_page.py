"""Plain lines of text that scroll: an actor's state, an event's report, the list of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType

from tui.table import Line
from tui.widgets.rows import Rows


class TextPage(Rows):
    """Lines without a marked row; the keys scroll."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def show_text(self, title: str, text: str | Sequence[Line], empty: str) -> None:
        """Show ``text`` (a string, or styled lines)."""
        lines: list[Line] = (
            [[(line.expandtabs(4), "text")] for line in text.splitlines()] if isinstance(text, str) else list(text)
        )
        self.set_rows(None, [(str(number), line) for number, line in enumerate(lines)], empty)
        self.entitle(f" {title} ", self.position)

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        line, _ = super().line_at(y, width)
        return line, None

    def moved(self) -> None:
        self.entitle(self._shown_title, self.position)

    def action_move(self, by: int) -> None:
        """Scroll."""
        last = max(0, len(self._keys) - self.room)
        self._top = min(max(0, self._top + by), last)
        self._cursor = self._top
        self.moved()
        self.refresh()

    def action_choose(self) -> None:
        """Nothing is chosen in a text."""

    def _settle(self) -> None:
        self._top = min(self._top, max(0, len(self._keys) - self.room))
        self._cursor = self._top
