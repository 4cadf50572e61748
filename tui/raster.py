"""A grid of dots drawn into terminal cells: braille (2 x 4 dots a cell), or in ASCII 1 x 2 marks a cell.

Dots are square either way, as a terminal cell is about twice as high as wide. A cell has one ink; of all that is
drawn into it the highest ink wins. Pure data: nothing here knows Textual.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

Run = tuple[str, int]
"""Text and its ink; ink 0 is empty ground."""

_BRAILLE: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE_TEXT: Final = [" "] + [chr(0x2800 + mask) for mask in range(1, 256)]


class Raster:
    """Dots and short texts on ``columns`` x ``rows`` cells; dot (0, 0) is the upper left one.

    Args:
        columns: cells across.
        rows: cells down.
        braille: 2 x 4 dots a cell when true, else 1 x 2.
        ascii_marks: with ``braille`` false, the character that stands for each ink.
    """

    def __init__(self, columns: int, rows: int, *, braille: bool = True, ascii_marks: Sequence[str] = ()) -> None:
        self.columns = max(1, columns)
        self.rows = max(1, rows)
        self.braille = braille
        self.width = self.columns * (2 if braille else 1)
        self.height = self.rows * (4 if braille else 2)
        self._marks = ascii_marks
        self._mask = bytearray(self.columns * self.rows)
        self._ink = bytearray(self.columns * self.rows)
        self._texts: dict[int, dict[int, tuple[str, int]]] = {}

    def clear(self) -> None:
        """Empty every cell."""
        self._mask = bytearray(len(self._mask))
        self._ink = bytearray(len(self._ink))
        self._texts.clear()

    def dot(self, x: int, y: int, ink: int) -> None:
        """Set one dot; outside the grid nothing happens."""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        if self.braille:
            cell = (y >> 2) * self.columns + (x >> 1)
            self._mask[cell] |= _BRAILLE[y & 3][x & 1]
        else:
            cell = (y >> 1) * self.columns + x
            self._mask[cell] |= 1 << (y & 1)
        if ink > self._ink[cell]:
            self._ink[cell] = ink

    def line(self, x0: float, y0: float, x1: float, y1: float, ink: int, every: int = 1) -> None:
        """A straight line of dots (of every ``every``-th dot, for a dotted one)."""
        reach = 2 * (self.width + self.height)
        if max(abs(x0), abs(y0), abs(x1), abs(y1)) > 100 * reach:
            return
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0))))
        dx, dy = (x1 - x0) / steps, (y1 - y0) / steps
        for step in range(0, steps + 1, every):
            self.dot(round(x0 + dx * step), round(y0 + dy * step), ink)

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Column and row of the cell that dot (x, y) lies in."""
        return (int(x) >> 1, int(y) >> 2) if self.braille else (int(x), int(y) >> 1)

    def text(self, column: int, row: int, text: str, ink: int) -> None:
        """Write ``text`` over the dots of its cells, cut at the edges."""
        if not 0 <= row < self.rows:
            return
        line = self._texts.setdefault(row, {})
        for offset, char in enumerate(text):
            if 0 <= column + offset < self.columns:
                line[column + offset] = (char, ink)

    def runs(self, row: int) -> list[Run]:
        """The cells of one row, neighbours of equal ink joined; together exactly ``columns`` wide."""
        start = row * self.columns
        masks = self._mask[start : start + self.columns]
        inks = self._ink[start : start + self.columns]
        texts = self._texts.get(row)
        if texts is None and not any(masks):
            return [(" " * self.columns, 0)]
        runs: list[Run] = []
        chars: list[str] = []
        current = -1
        for column in range(self.columns):
            if texts is not None and column in texts:
                char, ink = texts[column]
            else:
                ink = inks[column]
                char = _BRAILLE_TEXT[masks[column]] if self.braille else self._mark(masks[column], ink)
            if ink != current:
                if chars:
                    runs.append(("".join(chars), current))
                    chars = []
                current = ink
            chars.append(char)
        runs.append(("".join(chars), current))
        return runs

    def _mark(self, mask: int, ink: int) -> str:
        if not mask:
            return " "
        return self._marks[ink] if ink < len(self._marks) else "#"
