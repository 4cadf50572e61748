"""Numbers and names as short text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui import words
from tui.glyphs import ASCII, UNICODE, plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (8077.9, "02:14:37"), (90061, "1d 01:01"), (-3, "00:00:00"), (None, UNICODE.dash)],
)
def test_clock(seconds: float | None, text: str) -> None:
    assert words.clock(seconds, UNICODE) == text


def test_game_clock_counts_from_the_start() -> None:
    assert words.game_clock(-123) == "0:00"
    assert words.game_clock(60 * 252) == "4:12"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (842, "842"), (999.96, "1.0k"), (1780, "1.8k"), (61_300, "61.3k"), (312_000, "312k"),
     (1_213_000, "1.21M"), (999_999, "1.00M"), (3.2e9, "3.20G"), (-4200, "-4.2k")],
)  # fmt: skip
def test_count(number: float, text: str) -> None:
    assert words.count(number) == text


@given(st.floats(min_value=-1e12, max_value=1e12))
def test_counts_and_metrics_stay_narrow(number: float) -> None:
    assert len(words.count(number)) <= 7
    assert len(words.metric(number)) <= 7


def test_stocks() -> None:
    assert words.stocks(3, UNICODE) == "●●●·"
    assert words.stocks(0, ASCII) == "...."
    assert words.stocks(99, UNICODE) == "●x99"


@pytest.mark.parametrize(
    ("state", "name"),
    [(0, "dead"), (14, "wait"), (20, "dash"), (66, "forward air"), (88, "launched"), (179, "shield"),
     (253, "ledge hang"), (341, "special"), (380, "special"), (-1, "unknown")],
)  # fmt: skip
def test_state_name(state: int, name: str) -> None:
    assert words.state_name(state) == name


@given(st.text(max_size=40), st.integers(min_value=0, max_value=30))
def test_fit_never_exceeds_its_width(text: str, width: int) -> None:
    for glyphs in (UNICODE, ASCII):
        fitted = words.fit(text, width, glyphs)
        assert cell_len(fitted) <= width
        assert fitted.isprintable()


def test_a_cut_name_keeps_its_version() -> None:
    assert words.fit_name("mewtwo-zero@v13", 11, UNICODE) == "mewtwo…@v13"
    assert words.fit_name("mewtwo-zero@v13", 15, UNICODE) == "mewtwo-zero@v13"
    assert words.fit_name("a-path/without-version", 8, UNICODE) == "a-path/…"


def test_plain_replaces_what_ascii_has_not() -> None:
    assert plain("Pokémon ●") == "Pok?mon ?"
    assert plain("fox@v1") == "fox@v1"
