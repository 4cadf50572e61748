"""Which columns fit, and rows that are exactly as wide as they should be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.glyphs import UNICODE
from tui.table import Column, crop, fit_columns, header_line, line_width, row_line
from tui.widgets import elo_table, events, tree_table

COLUMNS = (Column("name", 6, flex=True), Column("a", 4, right=True, priority=1), Column("b", 4, priority=2))


def test_the_least_important_column_goes_first() -> None:
    assert [column.title for _, column, _ in fit_columns(COLUMNS, 16)] == ["name", "a", "b"]
    assert [column.title for _, column, _ in fit_columns(COLUMNS, 15)] == ["name", "a"]
    assert [column.title for _, column, _ in fit_columns(COLUMNS, 8)] == ["name"]


def test_the_flexible_column_takes_the_rest() -> None:
    assert [width for _, _, width in fit_columns(COLUMNS, 40)] == [30, 4, 4]


def test_cells_are_cut_padded_and_aligned() -> None:
    line = row_line([("a long name", "text"), ("7", "text"), ("x", "text")], fit_columns(COLUMNS, 16), UNICODE)
    assert "".join(text for text, _ in line) == "a lon…    7 x   "


@given(st.integers(min_value=30, max_value=240))
def test_every_table_of_the_client_fills_its_width(width: int) -> None:
    for columns in (elo_table.COLUMNS, events.COLUMNS, tree_table.COLUMNS):
        fitted = fit_columns(columns, width)
        assert line_width(header_line(fitted, UNICODE)) == width
        cells = [("some text that is too long for any column of it" * 3, "text")] * len(columns)
        assert line_width(row_line(cells, fitted, UNICODE)) == width


def test_crop() -> None:
    assert crop([("abc", "text"), ("def", "dim")], 4) == [("abc", "text"), ("d", "dim")]
