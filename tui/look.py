"""How things look in one app: its glyphs and its palette, reachable from every widget without importing the app."""

from __future__ import annotations

from typing import Protocol, cast

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.glyphs import Glyphs, plain
from tui.palette import Palette
from tui.table import Line


class Look:
    """Glyphs and palette of the moment."""

    def __init__(self, glyphs: Glyphs, palette: Palette) -> None:
        self.glyphs = glyphs
        self.palette = palette

    def strip(self, line: Line, width: int, over: Style | None = None) -> Strip:
        """``line`` as a strip of ``width`` cells, every cell on the palette's ground, or on ``over``."""
        base = over or self.palette.ground
        segments, used = [], 0
        for text, name in line:
            shown = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
            if not self.glyphs.braille:
                shown = plain(shown)
            segments.append(Segment(shown, base + self.palette[name]))
            used += cell_len(shown)
        if used < width:
            segments.append(Segment(" " * (width - used), base))
        strip = Strip(segments, max(used, width))
        return strip if used <= width else strip.crop(0, width)


class _HasLook(Protocol):
    look: Look


def look_of(widget: Widget) -> Look:
    """The look of the app that ``widget`` lives in."""
    return cast("_HasLook", widget.app).look
