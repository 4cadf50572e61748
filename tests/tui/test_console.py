"""A match on a console in the client: its figures on the first screen and the game's page, its words elsewhere."""

from __future__ import annotations

import fake_feed
import pytest
from screen_text import Opened, screen_lines

from exphil_rt.messages.telemetry import Latency, MatchStatus
from tui.screens.game import GameScreen
from tui.screens.swap import SwapScreen

MATCH = MatchStatus(
    console="stand-in", phase="in a game", players=("fox@v3", "cpu5"), bots=(0,), engine="onnx", starts=2, games=3,
    plan=("delay 18 = 2 console + 16 headroom",), score=(2, 0, 1), frames=7203, fps=59.94, late=4, skipped=1,
    echo_lag=(3,), echo_wanted=3, ages={16: 999, 17: 1}, headroom=15, fault="Dolphin ended (signal SIGKILL).",
    latency=(Latency(phase="decide", p50_us=410.0, p99_us=18_200.0),),
)  # fmt: skip


def snapshot():
    return fake_feed.overview(status=fake_feed.status(match=MATCH, origin="fox@v3 against cpu5"))


@pytest.mark.anyio
@pytest.mark.parametrize("size", [(160, 45), (120, 40), (90, 30)])
async def test_the_first_screen_shows_how_a_match_goes(opened: Opened, size: tuple[int, int]) -> None:
    async with opened(size, snapshot()) as (app, _):
        text = "\n".join(screen_lines(app))
    for words in ("fox@v3 against cpu5", "59.9 fps", "stand-in  in a game", "2:1", "4 late", "18.20"):
        assert words in text
    assert "Elo" not in text


@pytest.mark.anyio
async def test_the_games_page_has_the_figures_below_it(opened: Opened) -> None:
    async with opened((120, 40), snapshot()) as (app, pilot):
        app.inspect_game(0, live=True)
        await pilot.pause()
        assert isinstance(app.screen, GameScreen)
        text = "\n".join(screen_lines(app))
    for words in ("delay 18 = 2 console + 16 headroom", "back after 3 of 3 frames", "16: 99.9 %", "SIGKILL", "start 2"):
        assert words in text


@pytest.mark.anyio
async def test_a_swap_is_proposed_for_the_policy_that_plays(opened: Opened) -> None:
    async with opened((120, 40), snapshot()) as (app, pilot):
        await pilot.press("W")
        assert isinstance(app.screen, SwapScreen)
        assert app.screen.query_one("#target").value == "console:1"
