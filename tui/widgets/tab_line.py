"""The names of the panels in one line, for terminals that have room for one panel only."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.look import look_of
from tui.table import Line


class TabLine(Widget):
    """A click on a name chooses it."""

    DEFAULT_CSS = """
    TabLine { height: 1; background: $background; }
    """

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, index: int) -> None:
            self.index = index
            super().__init__()

    def __init__(self, tabs: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._titles = [title for _, title in tabs]
        self._current = 0

    def show_tabs(self, tabs: Sequence[tuple[str, str]]) -> None:
        """Show other names."""
        self._titles = [title for _, title in tabs]
        self.refresh()

    def show_current(self, index: int) -> None:
        """Mark one name."""
        self._current = index
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        look = look_of(self)
        line: Line = [(" ", "text")]
        for index, title in enumerate(self._titles):
            here = index == self._current
            line.append((f"[{title}]" if here else f" {title} ", "bold" if here else "dim"))
        line.append(("  [ ] turn", "faint"))
        return look.strip(line, self.size.width)

    def on_click(self, event: events.Click) -> None:
        start = 1
        for index, title in enumerate(self._titles):
            if start <= event.x < start + len(title) + 2:
                self.post_message(self.Chosen(index))
            start += len(title) + 2
