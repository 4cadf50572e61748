"""The app driven by keys, at several sizes, with realistic snapshots and no socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fake_feed
import pytest
from screen_text import Opened, screen_lines

from exphil_rt.control.wire import ExhibitionUpdate, OverviewReply
from tui.scene import project
from tui.screens.actor import ActorScreen
from tui.screens.dialogs import ConfirmScreen, KeysScreen
from tui.screens.game import GameScreen
from tui.screens.report import ReportScreen
from tui.widgets.exhibition import Exhibition
from tui.widgets.panel import Panel
from tui.widgets.tree_table import TreeTable

pytestmark = pytest.mark.anyio

SIZES = [(80, 24), (110, 28), (160, 45), (200, 50)]


def text_of(app: Any) -> str:
    return "\n".join(screen_lines(app))


def assert_laid_out(app: Any, width: int, height: int) -> None:
    """Nothing overflows: panels lie side by side inside the screen, nothing scrolls."""
    screen = app.screen
    assert screen.max_scroll_x == screen.max_scroll_y == 0
    regions = [panel.region for panel in screen.query(Panel) if panel.display and panel.region.area]
    assert regions
    for index, region in enumerate(regions):
        assert screen.region.contains_region(region)
        assert not any(region.overlaps(other) for other in regions[index + 1 :])
        assert region.height >= 3
    for container in screen.query(".page"):
        assert container.virtual_size.width <= width
        assert container.virtual_size.height <= height
    foot = screen_lines(app)[-1]
    for word in ("1-6", "?", "^q") if width >= 60 else ():
        assert word in foot


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_no_screen_overflows(opened: Opened, size: tuple[int, int]) -> None:
    async with opened(size) as (app, pilot):
        for key, title in (
            ("1", "Exhibition"), ("2", "Games"), ("3", "Supervision tree"), ("4", "Training"), ("5", "Elo"),
            ("6", "Events"),
        ):  # fmt: skip
            await pilot.press(key)
            await pilot.pause()
            assert_laid_out(app, *size)
            lines = screen_lines(app)
            assert title in "\n".join(lines)
            assert "mewtwo-zero-01" in lines[0]
            assert "running" in lines[0]


async def test_the_overview_shows_all_of_the_run(opened: Opened) -> None:
    async with opened((160, 45)) as (app, _):
        text = text_of(app)
        for word in (
            "learning from zero", "vs first", "ETA", "Mewtwo", "Fox", "mewtwo-zero@v13", "15 BF", "random", "runner-2",
            "36/64", "29/32", "loss", "entropy", "frames/s", "Checkpoint 41 written. (tui)",
        ):  # fmt: skip
            assert word in text, word


async def test_below_80_columns_there_is_one_panel_at_a_time(opened: Opened) -> None:
    async with opened((60, 20)) as (app, pilot):
        assert_laid_out(app, 60, 20)
        seen = []
        for _ in range(6):
            seen.append(next(panel.id for panel in app.screen.query(Panel) if panel.display))
            assert sum(panel.display for panel in app.screen.query(Panel)) == 1
            await pilot.press("right_square_bracket")
            await pilot.pause()
        assert seen == ["game", "games", "elo", "tree", "training", "events"]
        await pilot.press("left_square_bracket")
        await pilot.click("TabLine", offset=(10, 0))
        await pilot.pause()
        assert "[Games]" in text_of(app)


async def test_growing_and_shrinking_the_terminal(opened: Opened) -> None:
    async with opened((60, 20)) as (app, pilot):
        for size in ((200, 50), (80, 24), (110, 28), (40, 10), (160, 45)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            if size[1] >= 20:
                assert_laid_out(app, *size)


@pytest.mark.parametrize("keys", [[], ["2"], ["3"], ["3", "enter"], ["4"], ["5"], ["6"], ["6", "enter"],
                                  ["question_mark"], ["3", "R"], ["ctrl+q"], ["enter"]], ids=str)  # fmt: skip
async def test_ascii_mode_draws_ascii_only(opened: Opened, keys: list[str]) -> None:
    async with opened((110, 28), ascii_only=True, owns_daemon=True) as (app, pilot):
        if keys:
            await pilot.press(*keys)
            await pilot.pause()
        text = text_of(app)
        assert text.isascii(), sorted({char for char in text if not char.isascii()})
        assert text.strip()


async def test_no_color_shows_no_color(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    async with opened((110, 28)) as (app, _):
        strips = app.screen._compositor.render_strips()
        filtered = [strip.apply_filter(app._filters[-1], app.screen.background_colors[1]) for strip in strips]
        for strip in filtered:
            for _, style, _ in strip:
                for color in (style.color, style.bgcolor) if style else ():
                    if color is not None and color.triplet is not None:
                        assert max(color.triplet) - min(color.triplet) <= 2


async def test_the_exhibition_draws_fighters_at_their_cells(opened: Opened) -> None:
    async with opened((160, 45)) as (app, pilot):
        panel = app.screen.query_one(Exhibition)
        for t in (10.0, 12.0, 14.0):
            game = fake_feed.exhibition(t)
            for _ in range(120):  # until the camera rests
                app.link_update(ExhibitionUpdate(game))
            await pilot.pause()
            lines = screen_lines(app)
            camera = panel.camera
            assert camera is not None
            canvas = panel.content_region

            class Grid:
                width, height = canvas.width * 2, (canvas.height - panel.hud_rows) * 4

            for index, player in enumerate(game.players):
                x, y = project(camera, Grid, player.x, player.y)  # type: ignore[arg-type]
                column, row = canvas.x + int(x) // 2, canvas.y + int(y) // 4
                near = [line[max(0, column - 3) : column + 4] for line in lines[row - 6 : row + 1]]
                tag = f"{index + 1}▸" if player.facing > 0 else f"◂{index + 1}"
                assert any(tag in part for part in near), (t, index, near)
                assert any("\u2800" < char <= "\u28ff" for part in near for char in part)


async def test_a_frame_draws_only_rows_that_changed(opened: Opened) -> None:
    async with opened((160, 45)) as (app, pilot):
        panel = app.screen.query_one(Exhibition)
        game = fake_feed.exhibition(20.0)
        for _ in range(120):
            app.link_update(ExhibitionUpdate(game))
        await pilot.pause()
        asked: list[tuple[Any, ...]] = []
        panel.refresh = lambda *regions, **_: asked.append(regions)  # type: ignore[assignment, method-assign]
        panel.show_game(game)
        assert asked == []
        panel.show_game(fake_feed.exhibition(20.02))
        assert len(asked) == 1
        assert 0 < len(asked[0]) < panel.size.height


async def test_the_large_game_can_be_zoomed_out(opened: Opened) -> None:
    async with opened((160, 45)) as (app, pilot):
        panel = app.screen.query_one(Exhibition)
        near = panel.camera
        await pilot.press("z")
        await pilot.pause()
        assert near is not None
        assert panel.camera is not None
        assert panel.camera.scale > near.scale


async def test_games_open_on_their_page(opened: Opened) -> None:
    async with opened((160, 45)) as (app, pilot):
        await pilot.press("2", "right", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, GameScreen)
        columns = 4
        assert app.screen.slot in (columns + 1, 6, 5, 7)
        assert f"Game {app.screen.slot}" in text_of(app)
        await pilot.press("escape")
        assert "Games" in text_of(app)
        await pilot.press("1", "enter")
        await pilot.pause()
        assert isinstance(app.screen, GameScreen)
        assert app.screen.live
        app.link_update(ExhibitionUpdate(None))
        await pilot.pause()
        assert "No game runs in slot" in text_of(app)


async def test_the_tree_is_filtered_sorted_and_folded(opened: Opened) -> None:
    async with opened((120, 32)) as (app, pilot):
        await pilot.press("3", "slash", *"runner")
        await pilot.pause()
        table = app.screen.query_one(TreeTable)
        assert table.wanted == "runner"
        assert "root/games/runner-2" in text_of(app)
        assert "matchmaker" not in "\n".join(screen_lines(app)[2:20])
        await pilot.press("enter", "down")
        assert app.screen.selected_actor() == "root/games/runner-2"
        await pilot.press("escape")
        await pilot.pause()
        assert table.wanted == ""
        await pilot.press("s")
        assert table.sort == "mailbox"
        await pilot.press("s", "s", "s", "s", "home", "space")
        await pilot.pause()
        assert "runner-1" not in "\n".join(screen_lines(app)[2:20])


async def test_the_cursor_stays_on_its_actor(opened: Opened) -> None:
    async with opened((120, 32)) as (app, pilot):
        await pilot.press("3", *["down"] * 9)
        assert app.screen.selected_actor() == "root/games/runner-1"
        shorter = tuple(node for node in fake_feed.tree() if "league" not in node.path)
        app.link_update(OverviewReply(fake_feed.overview(755.0, tree=shorter)))
        await pilot.pause()
        assert app.screen.selected_actor() == "root/games/runner-1"


async def test_events_open_whole_and_follow_a_selection(opened: Opened) -> None:
    async with opened((120, 32)) as (app, pilot):
        await pilot.press("6", "down", "down", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ReportScreen)
        assert "SIGKILL" in text_of(app)
        await pilot.press("escape", "3", *["down"] * 10, "l")
        await pilot.pause()
        text = text_of(app)
        assert "'runner-2'" in text
        assert "Checkpoint 41" not in text


async def test_copying_gives_a_report(opened: Opened) -> None:
    async with opened((120, 32)) as (app, pilot):
        await pilot.press("y")
        assert "mewtwo-zero-01" in app.clipboard
        await pilot.press("5", "down", "y")
        assert app.clipboard.startswith("mewtwo-zero@v12: elo")
        await pilot.press("6", "y")
        assert "Checkpoint 41 written." in app.clipboard


async def test_pausing_the_view_holds_it_still(opened: Opened) -> None:
    async with opened((160, 45)) as (app, pilot):
        await pilot.press("p")
        app.link_update(OverviewReply(fake_feed.overview(3000.0)))
        app.link_update(ExhibitionUpdate(None))
        await pilot.pause()
        text = text_of(app)
        assert "view paused" in text
        assert "1.34M" in text
        await pilot.press("p")
        await pilot.pause()
        assert "5.34M" in text_of(app)


async def test_a_start_says_what_it_does(opened: Opened) -> None:
    async with opened((110, 28), fake_feed.starting()) as (app, _):
        text = text_of(app)
        assert "starting" in text
        assert "compiling the game, 3 of 12" in text
        assert "No games yet" in text
        assert "No ratings yet" in text


async def test_an_ended_run_says_why(opened: Opened) -> None:
    ended = fake_feed.overview(status=fake_feed.status(state="ended", message="3,200,000 frames are done."))
    async with opened((110, 28), ended) as (app, pilot):
        app.link_down("The daemon ended the connection.", 3.0)
        await pilot.pause()
        text = text_of(app)
        assert "The run ended: 3,200,000 frames are done." in text
        assert "reconnecting" not in text


async def test_the_keys_page_and_readonly(opened: Opened) -> None:
    async with opened((110, 40), readonly=True) as (app, pilot):
        assert "read-only" in text_of(app)
        await pilot.press("3", "R", "C", "P")
        await pilot.pause()
        assert not isinstance(app.screen, ConfirmScreen)
        footer = screen_lines(app)[-1]
        assert "Restart" not in footer
        assert "Save" not in footer
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, KeysScreen)
        assert "restart the selected actor" not in text_of(app)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert not any(title.startswith(("Restart", "Checkpoint", "Pause the run")) for title in titles)


async def test_the_palette_has_every_verb(opened: Opened) -> None:
    async with opened((110, 28)) as (app, pilot):
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {
            "Go to tree", "Pause the run", "Checkpoint now", "Restart runner-1", "Inspect trainer", "Go to game 15",
            "Detach", "Quit", "Theme", "Screenshot", "Keys",
        } <= titles  # fmt: skip
        await pilot.press("ctrl+p", *"go to game 7")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, GameScreen)
        assert app.screen.slot == 7


async def test_themes_recolour_what_is_drawn(opened: Opened) -> None:
    async with opened((110, 28)) as (app, pilot):
        before = app.look.palette["good"].color
        app.theme = "gruvbox"
        await pilot.pause()
        assert app.look.palette["good"].color != before
        for theme in app.available_themes:
            app.theme = theme
            await pilot.pause()
        assert "running" in text_of(app)


async def test_a_picture_is_saved_in_the_current_folder(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with opened((80, 24)) as (_, pilot):
        await pilot.press("f12")
        await pilot.pause()
        assert [name.rpartition(".")[2] for name in os.listdir(tmp_path)] == ["svg"]


async def test_strange_text_cannot_break_the_screen(opened: Opened) -> None:
    odd = "\x1b[31m[bold]x[/] 漢字漢字漢字\n漢字 " * 4
    status = fake_feed.status(run=odd, policy=odd, message=odd)
    node = fake_feed.tree()[1]
    weird = [type(node)(path=f"root/{odd}", name=odd, depth=1, kind="worker", detail=odd, mailbox=5, mailbox_cap=2)]
    snapshot = fake_feed.overview(status=status, tree=tuple(weird))
    async with opened((80, 24), snapshot) as (app, pilot):
        for key in "123456":
            await pilot.press(key)
            await pilot.pause()
            assert_laid_out(app, 80, 24)
            assert "\x1b" not in text_of(app)


async def test_quitting_without_owning_the_daemon_leaves_at_once(opened: Opened) -> None:
    async with opened((80, 24)) as (app, pilot):
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert app.return_value == "detached"


async def test_quitting_can_keep_the_daemon(opened: Opened) -> None:
    async with opened((80, 24), owns_daemon=True) as (app, pilot):
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert "Checkpoint and stop" in text_of(app)
        await pilot.press("escape")
        await pilot.pause()
        assert app.return_value is None
        await pilot.press("ctrl+q", "k")
        await pilot.pause()
    assert app.return_value == "kept"


async def test_the_actor_page_without_an_answer_says_so(opened: Opened) -> None:
    async with opened((80, 24)) as (app, pilot):
        await pilot.press("3", "down", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ActorScreen)
        assert_laid_out(app, 80, 24)
        assert "root ▸ store" in text_of(app)
