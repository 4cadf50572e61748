"""A list of lines with a cursor: the base of the tree, the ratings, the events and every page of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tui.table import Line
from tui.widgets.panel import Panel


class Rows(Panel):
    """Lines under an optional header; the cursor stays on its row's key when the rows change."""

    MOVES: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-100000)", "First", show=False),
        Binding("end", "move(100000)", "Last", show=False),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [*MOVES, Binding("enter", "choose", "Open", key_display="enter")]

    class Chosen(Message):
        """Enter or a second click on a row."""

        def __init__(self, rows: Rows, key: str) -> None:
            self.rows = rows
            self.key = key
            super().__init__()

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._head: Line | None = None
        self._lines: list[Line] = []
        self._keys: list[str] = []
        self._empty = ""
        self._cursor = 0
        self._top = 0

    @property
    def key(self) -> str | None:
        """Key of the row under the cursor."""
        return self._keys[self._cursor] if self._keys else None

    @property
    def room(self) -> int:
        """Rows that fit below the header."""
        return max(1, self.size.height - (1 if self._head else 0))

    @property
    def position(self) -> str:
        """``12-20/31`` when not all rows are seen, else empty."""
        total = len(self._keys)
        if total <= self.room:
            return ""
        return f"{self._top + 1}-{min(total, self._top + self.room)}/{total}"

    def set_rows(self, head: Line | None, rows: Sequence[tuple[str, Line]], empty: str = "") -> None:
        """Replace what is shown.

        Args:
            rows: key and line of each row.
            empty: what to say when there is none.
        """
        key = self.key
        lines = [line for _, line in rows]
        keys = [name for name, _ in rows]
        if head == self._head and lines == self._lines and keys == self._keys and empty == self._empty:
            return
        self._head, self._lines, self._keys, self._empty = head, lines, keys, empty
        if self._cursor and key in keys:  # a cursor on the first row stays on the first row
            self._cursor = keys.index(key)
        self._settle()
        self.refresh()

    def select(self, key: str) -> None:
        """Put the cursor on the row with this key, if there is one."""
        if key in self._keys:
            self._cursor = self._keys.index(key)
            self._settle()
            self.refresh()

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        if not self._lines:
            return self.centered(y, self._empty), None
        if self._head is not None:
            if y == 0:
                return self._head, None
            y -= 1
        index = self._top + y
        if index >= len(self._lines):
            return [], None
        over: Style | None = None
        if index == self._cursor and self.can_focus:
            over = self.look.palette.cursor if self.has_focus else None
        return self._lines[index], over

    def _settle(self) -> None:
        self._cursor = min(max(0, self._cursor), max(0, len(self._keys) - 1))
        self._top = min(self._top, self._cursor, max(0, len(self._keys) - self.room))
        self._top = max(self._top, self._cursor - self.room + 1)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._cursor += by
        self._settle()
        self.moved()
        self.refresh()

    def action_page(self, by: int) -> None:
        """Move the cursor by a page."""
        self.action_move(by * max(1, self.room - 1))

    def action_choose(self) -> None:
        """Tell the screen which row is meant."""
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def moved(self) -> None:
        """The cursor or the view moved."""
        self.entitle(self._shown_title, self.position)

    def on_resize(self) -> None:
        self._settle()

    def on_click(self, event: events.Click) -> None:
        if isinstance(event.widget, Input):
            return
        index = self._top + event.y - self.gutter.top - (1 if self._head else 0)
        if 0 <= index < len(self._keys):
            again = index == self._cursor and self.has_focus and event.chain > 1
            self._cursor = index
            self.refresh()
            if again:
                self.action_choose()

    def on_mouse_scroll_down(self) -> None:
        self.action_move(3)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-3)
