"""Dots into cells."""

from __future__ import annotations

from tui.raster import Raster


def rows(raster: Raster) -> list[str]:
    return ["".join(text for text, _ in raster.runs(row)) for row in range(raster.rows)]


def test_dots_become_braille() -> None:
    raster = Raster(3, 1)
    raster.dot(0, 0, 1)
    raster.dot(3, 3, 1)
    raster.dot(4, 0, 1)
    raster.dot(5, 0, 1)
    assert rows(raster) == ["⠁⢀⠉"]


def test_the_highest_ink_of_a_cell_wins() -> None:
    raster = Raster(2, 1)
    raster.dot(0, 0, 5)
    raster.dot(1, 0, 2)
    assert raster.runs(0) == [("⠉", 5), (" ", 0)]


def test_outside_is_ignored_and_rows_keep_their_width() -> None:
    raster = Raster(5, 2)
    raster.line(-40, -40, 200, 90, 1)
    raster.dot(-1, 0, 1)
    raster.text(3, 0, "long text", 2)
    raster.text(0, 7, "nowhere", 2)
    assert [len(row) for row in rows(raster)] == [5, 5]
    assert rows(raster)[0].endswith("lo")


def test_a_line_has_no_gaps() -> None:
    raster = Raster(10, 5)
    raster.line(0, 0, 19, 19, 1)
    lit = "".join(rows(raster))
    assert sum((ord(char) - 0x2800).bit_count() for char in lit if char != " ") == 20


def test_a_line_of_absurd_length_is_not_walked() -> None:
    raster = Raster(4, 2)
    raster.line(0, 0, 1e12, 1e12, 1)
    assert rows(raster) == ["    ", "    "]


def test_ascii_has_a_mark_for_each_ink() -> None:
    raster = Raster(4, 1, braille=False, ascii_marks=" =#")
    assert (raster.width, raster.height) == (4, 2)
    raster.line(0, 1, 3, 1, 1)
    raster.dot(2, 0, 2)
    assert rows(raster) == ["==#="]


def test_clear() -> None:
    raster = Raster(2, 1)
    raster.line(0, 0, 3, 3, 1)
    raster.text(0, 0, "x", 1)
    raster.clear()
    assert raster.runs(0) == [("  ", 0)]
