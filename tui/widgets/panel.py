"""The frame that every part of a screen stands in: a border with a title, drawn line by line."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import plain
from tui.look import Look, look_of
from tui.table import Line


class Panel(Widget, can_focus=True):
    """A bordered widget whose content is lines of styled text.

    Children implement ``line_at``; ``shown`` is called when the size changes.
    """

    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    Panel {
        background: $background;
        border: round $panel-edge;
        border-title-color: $foreground 85%;
        border-title-style: bold;
        border-subtitle-color: $foreground 45%;
        border-title-background: $background;
        border-subtitle-background: $background;
        min-height: 3;
        &:focus { border: round $primary; border-title-color: $primary; }
        &.-ascii { border: ascii $panel-edge; }
        &.-ascii:focus { border: ascii $primary; }
        &.-stale { border-title-color: $foreground 45%; }
        &.-stale:focus { border: round $foreground 45%; border-title-color: $foreground 45%; }
        &.-ascii.-stale:focus { border: ascii $foreground 45%; }
    }
    """

    @property
    def look(self) -> Look:
        """Glyphs and palette of the app."""
        return look_of(self)

    def on_mount(self) -> None:
        self.set_class(not self.look.glyphs.braille, "-ascii")

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Set what stands in the upper and lower border."""
        clean = str if self.look.glyphs.braille else plain
        room = max(0, self.size.width - 2)
        title, subtitle = clean(title)[:room], clean(subtitle)[:room]
        if title != self._shown_title or subtitle != self._shown_subtitle:
            self._shown_title, self._shown_subtitle = title, subtitle
            self.border_title = title.replace("[", "\\[")
            self.border_subtitle = subtitle.replace("[", "\\[")

    _shown_title = ""
    _shown_subtitle = ""

    def line_at(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The content of row ``y``, and a style over all of it."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """One row for Textual."""
        width = self.size.width
        line, over = self.line_at(y, width)
        return self.look.strip(line, width, over)

    def centered(self, y: int, text: str, style: str = "dim") -> Line:
        """A sentence in the middle of the panel, wrapped to its width: how empty panels speak."""
        words, rows = text.split(), [""]
        width = max(1, self.size.width - 2)
        for word in words:
            if rows[-1] and len(rows[-1]) + 1 + len(word) > width:
                rows.append("")
            rows[-1] = f"{rows[-1]} {word}".strip()
        first = max(0, (self.size.height - len(rows)) // 2)
        if not first <= y < first + len(rows):
            return []
        row = rows[y - first]
        return [(" " * max(0, (self.size.width - len(row)) // 2) + row, style)]
