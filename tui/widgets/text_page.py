"""Plain lines of text that scroll: an actor's state, an event's report, the list of keys."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType

from tui.table import Line
from tui.widgets.rows import Rows


def wrapped(text: str, width: int) -> list[str]:
    """One line of text as lines of at most ``width`` cells, broken at spaces where there are some."""
    plain_text = "".join(char if char.isprintable() else " " for char in text.expandtabs(4))
    indent = " " * min(len(plain_text) - len(plain_text.lstrip()) + 2, max(0, width // 2))
    lines = textwrap.wrap(
        plain_text, max(8, width), subsequent_indent=indent, drop_whitespace=False, break_on_hyphens=False
    )
    return lines or [""]


class TextPage(Rows, inherit_bindings=False):
    """Lines without a marked row; the keys scroll."""

    BINDINGS: ClassVar[list[BindingType]] = Rows.MOVES

    def show_text(self, title: str, text: str | Sequence[Line], empty: str) -> None:
        """Show ``text`` (a string, or styled lines)."""
        self._source = (title, text, empty)
        lines: list[Line] = []
        if isinstance(text, str):
            for whole in text.splitlines():
                lines += [[(part, "text")] for part in wrapped(whole, self.size.width)]
        else:
            lines = list(text)
        self.set_rows(None, [(str(number), line) for number, line in enumerate(lines)], empty)
        self.entitle(f"{title}", self.position)

    _source: tuple[str, str | Sequence[Line], str] | None = None

    def on_resize(self) -> None:
        if self._source is not None:
            self.show_text(*self._source)
        super().on_resize()

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        line, _ = super().line_at(y, width)
        return line, None

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
