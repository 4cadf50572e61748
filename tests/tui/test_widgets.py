"""What the widgets compute before they draw: tiles, graphs, the order of the tree, the head lines."""

from __future__ import annotations

import fake_feed
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding

from exphil_rt.messages.telemetry import Shares
from tui.glyphs import ASCII, UNICODE
from tui.palette import HEAT, Palette, heat_name, load_name
from tui.table import line_width
from tui.view import View
from tui.widgets.header import banner_line, first_line, second_line
from tui.widgets.key_line import key_parts
from tui.widgets.sparkline import graph, resample, share_bar
from tui.widgets.text_page import wrapped
from tui.widgets.tiles import grid
from tui.widgets.tree_table import arrange, fit_tail

TREE = fake_feed.tree()


@given(st.integers(1, 64), st.integers(1, 220), st.integers(1, 60))
def test_tiles_lie_inside_their_panel(count: int, width: int, height: int) -> None:
    columns, rows, tile_width, tile_height = grid(count, width, height)
    assert columns * (tile_width + 1) - 1 <= max(width, tile_width)
    assert tile_height >= 1
    if height >= 2:
        assert min(rows, -(-count // columns)) * tile_height <= height


def test_sixteen_tiles_fit_the_overview_at_110_columns() -> None:
    columns, rows, tile_width, tile_height = grid(16, 47, 11)
    assert columns * rows >= 16
    assert tile_width >= 11
    assert tile_height >= 2


def test_a_graph_rises_from_its_foot() -> None:
    assert graph([0, 1, 2, 3, 4], 5, 1, UNICODE, low=0, high=4) == ["▁▂▄▆█"]
    assert graph([0, 4], 4, 2, ASCII, low=0, high=4) == ["   #", "  .#"]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=300), st.integers(1, 80), st.integers(1, 6))
def test_a_graph_always_has_its_size(values: list[float], width: int, height: int) -> None:
    rows = graph(values, width, height, UNICODE)
    assert [len(row) for row in rows] == [width] * height


def test_resample_keeps_the_mean() -> None:
    assert resample([1, 3, 5, 7], 2) == [2, 6]
    assert resample([1, 2], 5) == [1, 2]
    assert resample([], 5) == []


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(0, 60))
def test_the_share_bar_fills_its_width(parts: list[float], width: int) -> None:
    shares = Shares(game=parts[0], inference=parts[1], learning=parts[2], waiting=parts[3])
    assert line_width(share_bar(shares, width, UNICODE)) == width


def test_mailboxes_grow_yellow_and_red() -> None:
    assert load_name(32, 64) == "text"
    assert load_name(33, 64) == "warn"
    assert load_name(55, 64) == "bad"
    assert load_name(0, 0) == "dim"


def test_damage_grows_hot() -> None:
    assert [heat_name(p) for p in (0, 30, 60, 90, 130, 999)] == [*HEAT, HEAT[4]]


def test_a_stale_palette_is_grey() -> None:
    grey = Palette({}, stale=True)["good"].color
    assert grey is not None
    assert grey.triplet is not None
    assert max(grey.triplet) - min(grey.triplet) < 30
    colorful = Palette({})["good"].color
    assert colorful != grey


def test_the_tree_is_filtered_folded_and_sorted() -> None:
    rates = {node.path: float(len(node.path)) for node in TREE}
    assert [node.path for node in arrange(TREE, rates, "tree", "", ())] == [node.path for node in TREE]
    folded = arrange(TREE, rates, "tree", "", {"root/games"})
    assert [node.path for node in folded if node.path.startswith("root/games")] == ["root/games"]
    assert {node.name for node in arrange(TREE, rates, "tree", "RUNNER", ())} == {"runner-1", "runner-2"}
    assert arrange(TREE, rates, "mailbox", "", ())[0].name == "trainer"
    assert arrange(TREE, rates, "restarts", "", ())[0].name == "runner-2"
    assert arrange(TREE, rates, "uptime", "", ())[0].name == "runner-2"
    assert arrange(TREE, rates, "rate", "", ())[0].path == max(rates, key=lambda path: rates[path])


def test_a_long_path_keeps_its_end() -> None:
    assert fit_tail("root/games/runner-1", 10, UNICODE) == "…/runner-1"
    assert fit_tail("root", 10, UNICODE) == "root"


@pytest.mark.parametrize("width", [40, 60, 80, 110, 160, 200])
def test_the_head_fits_and_says_what_matters(width: int) -> None:
    view = View()
    view.link = "connected"
    status = fake_feed.status()
    one, two = first_line(status, view, UNICODE, width), second_line(status, UNICODE, width)
    assert line_width(one) <= width
    assert line_width(two) <= width
    assert "running" in "".join(text for text, _ in one)
    assert "1.34M" in "".join(text for text, _ in two)
    if width >= 80:
        assert "learning from zero" in "".join(text for text, _ in one)
        assert "vs first" in "".join(text for text, _ in two)


def test_the_banner_says_why_it_ended() -> None:
    view = View()
    view.take(fake_feed.overview(status=fake_feed.status(state="ended", message="3,200,000 frames are done.")), 0.0)
    view.link = "ended"
    assert "The run ended: 3,200,000 frames are done." in "".join(text for text, _ in banner_line(view))
    view.link = "connected"
    view.take(fake_feed.overview(), 1.0)
    assert banner_line(view) == []


@given(st.text(max_size=200), st.integers(8, 60))
def test_text_pages_wrap_to_their_width(text: str, width: int) -> None:
    for line in text.splitlines():
        parts = wrapped(line, width)
        assert all(len(part) <= width for part in parts)
        assert all(part.isprintable() for part in parts)


def test_the_key_line_keeps_what_matters() -> None:
    bindings = [
        Binding("ctrl+q", "quit", "Quit"), Binding("1", "go('overview')", "Screens"),
        Binding("P", "toggle_run", "Pause"), Binding("C", "checkpoint", "Save"), Binding("s", "sort", "Sort"),
        Binding("x", "hidden", "Hidden", show=False),
    ]  # fmt: skip
    display = {binding.key: binding.key for binding in bindings}
    assert [words for _, _, words in key_parts(bindings, 80, display)] == ["Sort", "Screens", "Pause", "Save", "Quit"]
    assert [words for _, _, words in key_parts(bindings, 28, display)] == ["Screens", "Quit"]
    assert key_parts(bindings, 3, display) == []
