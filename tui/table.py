"""Columns of a text table: which of them fit a width, and one row laid out in them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len, set_cell_size

from tui.glyphs import Glyphs
from tui.words import fit, fit_name

Span = tuple[str, str]
"""Text and the name of its style in the palette."""

Line = list[Span]


class Column(msgspec.Struct, frozen=True):
    """One column of a table."""

    title: str
    width: int
    """Cells; for the flexible column the least that makes sense."""
    right: bool = False
    priority: int = 0
    """Columns of the highest number go first where space is short; 0 always stays."""
    flex: bool = False
    """Takes the space that is left."""
    name: bool = False
    """Cells hold policy names, which keep their version when cut."""


Fitted = list[tuple[int, Column, int]]
"""Index of the column, the column, its width."""


def fit_columns(columns: Sequence[Column], width: int) -> Fitted:
    """The columns that fit ``width`` with one space between them, and their widths."""
    kept = list(enumerate(columns))
    while True:
        need = sum(column.width for _, column in kept) + len(kept) - 1
        droppable = [column.priority for _, column in kept if column.priority > 0]
        if need <= width or not droppable:
            break
        worst = max(droppable)
        last = max(index for index, column in kept if column.priority == worst)
        kept = [(index, column) for index, column in kept if index != last]
    spare = width - need
    flexible = [index for index, column in kept if column.flex]
    fitted: Fitted = []
    for index, column in kept:
        grown = column.width
        if column.flex:
            grown += spare // len(flexible) + (spare % len(flexible) if index == flexible[0] else 0)
        fitted.append((index, column, max(1, grown)))
    return fitted


def header_line(fitted: Fitted, glyphs: Glyphs) -> Line:
    """The titles as one row."""
    return row_line([(column.title, "head") for column in _all_columns(fitted)], fitted, glyphs)


def _all_columns(fitted: Fitted) -> list[Column]:
    most = max((index for index, _, _ in fitted), default=-1)
    blank = Column("", 0)
    by_index = {index: column for index, column, _ in fitted}
    return [by_index.get(index, blank) for index in range(most + 1)]


def row_line(cells: Sequence[Span], fitted: Fitted, glyphs: Glyphs) -> Line:
    """One row: each cell cut or padded to its column's width."""
    line: Line = []
    for position, (index, column, width) in enumerate(fitted):
        text, style = cells[index]
        text = fit_name(text, width, glyphs) if column.name else fit(text, width, glyphs)
        pad = " " * (width - cell_len(text))
        if position:
            line.append((" ", "text"))
        line.append((pad + text if column.right else text + pad, style))
    return line


def line_width(line: Line) -> int:
    """Cells that ``line`` takes."""
    return sum(cell_len(text) for text, _ in line)


def crop(line: Line, width: int) -> Line:
    """The first ``width`` cells of ``line``."""
    kept: Line = []
    left = width
    for text, style in line:
        if left <= 0:
            break
        size = cell_len(text)
        kept.append((text if size <= left else set_cell_size(text, left), style))
        left -= size
    return kept
