"""The characters that the screens draw with: one set for capable terminals, one of plain ASCII for ``--ascii``."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

BorderType = Literal["round", "ascii"]


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """One character (or short string) by what it means."""

    dot: str
    """State of a thing that lives."""
    restarting: str
    stock: str
    stock_gone: str
    right: str
    left: str
    up: str
    down: str
    expanded: str
    collapsed: str
    dash: str
    """Stands for a value that is not there."""
    ellipsis: str
    plus_minus: str
    bar_full: str
    bar_empty: str
    levels: str
    """Rising fill of one cell, lowest first; index 0 is empty."""
    rule: str
    bar: str
    """A vertical line between parts of one row."""
    border: BorderType
    braille: bool
    """Whether the raster may use braille cells of 2 x 4 dots."""


UNICODE: Final = Glyphs(
    dot="●", restarting="↻", stock="●", stock_gone="·", right="▸", left="◂", up="▲", down="▼", expanded="▾",
    collapsed="▸", dash="–", ellipsis="…", plus_minus="±", bar_full="█", bar_empty="░", levels=" ▁▂▃▄▅▆▇█",  # noqa: RUF001 - the en dash is meant
    rule="─", bar="│", border="round", braille=True,
)  # fmt: skip

ASCII: Final = Glyphs(
    dot="*", restarting="@", stock="o", stock_gone=".", right=">", left="<", up="^", down="v", expanded="-",
    collapsed="+", dash="-", ellipsis="~", plus_minus="+-", bar_full="#", bar_empty=".", levels=" ._-=+*%#",
    rule="-", bar="|", border="ascii", braille=False,
)  # fmt: skip


def plain(text: str) -> str:
    """``text`` with every character outside ASCII replaced by ``?``: names and messages may hold any."""
    return text if text.isascii() else text.encode("ascii", "replace").decode("ascii")
