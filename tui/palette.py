"""Styles by meaning, computed from the app's theme, so that drawing code never names a colour.

A stale palette (the daemon is lost) has the same names and only grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.style import Style
from textual.color import Color, ColorParseError

P1, P2 = "p1", "p2"

HEAT: Final = ("heat0", "heat1", "heat2", "heat3", "heat4")
"""From calm to alarming: percent of damage."""

GRADIENT: Final = ("grade0", "grade1", "grade2", "grade3", "grade4")
"""From the foot of a graph to its top."""


class Palette:
    """Rich styles by name: ``text dim faint bold head good warn bad accent p1 p2 stage ...``.

    Args:
        variables: the theme's variables (``app.theme_variables``).
        stale: all grey.
    """

    def __init__(self, variables: Mapping[str, str], *, stale: bool = False) -> None:
        def color(name: str, fallback: str) -> Color:
            try:
                return Color.parse(variables.get(name, fallback))
            except ColorParseError:  # a theme may hold "auto 87%" and the like
                return Color.parse(fallback)

        back = color("background", "#0b0e14")
        fore = color("foreground", "#d8dee9")
        grey = back.blend(fore, 0.42)

        def shade(base: Color, strength: float = 1.0) -> Color:
            return back.blend(grey if stale else base, strength)

        success, warning = color("success", "#7fd962"), color("warning", "#ffb454")
        error, primary = color("error", "#f26d78"), color("primary", "#59c2ff")
        accent = color("accent", "#d2a6ff")
        p1, p2 = color("player-1", "#ff6ac1"), color("player-2", "#57c7ff")
        heat = (fore, fore.blend(warning, 0.55), warning, warning.blend(error, 0.55), error)
        grade = (0.45, 0.6, 0.75, 0.9, 1.0)
        colors = {
            "text": shade(fore, 0.9), "bold": shade(fore), "dim": shade(fore, 0.55), "faint": shade(fore, 0.3),
            "ghost": shade(fore, 0.14), "head": shade(primary, 0.75), "good": shade(success), "warn": shade(warning),
            "bad": shade(error), "accent": shade(accent), "primary": shade(primary), P1: shade(p1), P2: shade(p2),
            "p1dim": shade(p1, 0.45), "p2dim": shade(p2, 0.45), "p1ghost": shade(p1, 0.25),
            "p2ghost": shade(p2, 0.25), "stage": shade(fore, 0.62), "body": shade(fore, 0.26),
            "platform": shade(accent, 0.8), "blast": shade(error, 0.35), "spark": shade(warning),
            "game": shade(primary), "inference": shade(accent), "learning": shade(success), "waiting": shade(fore, 0.3),
        }  # fmt: skip
        colors |= {"alarm": error, "notice": warning}  # these speak of the link itself and never grow pale
        colors |= {name: shade(value) for name, value in zip(HEAT, heat, strict=True)}
        colors |= {name: shade(primary.blend(accent, k / 4), grade[k]) for k, name in enumerate(GRADIENT)}
        bold = {"bold", "alarm", "notice", "good", "warn", "bad", P1, P2, "accent", *HEAT[2:]}
        self._styles = {name: Style(color=c.rich_color, bold=name in bold) for name, c in colors.items()}
        self.ground: Style = Style(bgcolor=back.rich_color)
        """What everything stands on."""
        self.bar: Style = Style(bgcolor=back.blend(fore, 0.055).rich_color)
        """The ground of the head lines."""
        self.cursor: Style = Style(bgcolor=back.blend(grey if stale else primary, 0.28).rich_color)
        """Background of the selected row."""
        self.cursor_blurred: Style = Style(bgcolor=back.blend(fore, 0.1).rich_color)

    def __getitem__(self, name: str) -> Style:
        return self._styles[name]


def heat_name(percent: float) -> str:
    """Style of a damage percentage, as Melee colours it: white, yellow, orange, red."""
    for limit, name in ((30, HEAT[0]), (60, HEAT[1]), (90, HEAT[2]), (130, HEAT[3])):
        if percent < limit:
            return name
    return HEAT[4]


def load_name(length: int, capacity: int) -> str:
    """Style of a mailbox: yellow above half of its bound, red above 85 %."""
    if capacity <= 0 or length <= 0:
        return "dim"
    filled = length / capacity
    return "bad" if filled > 0.85 else "warn" if filled > 0.5 else "text"
