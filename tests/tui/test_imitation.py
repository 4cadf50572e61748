"""What the client shows of a run that learns from replays."""

from __future__ import annotations

import fake_feed
import pytest
from screen_text import Opened, screen_lines

from exphil_rt.control.wire import OverviewReply
from exphil_rt.messages.telemetry import EpochFigures, Figures, ImitationStatus, Overview, Series
from tui.widgets.panel import Panel

pytestmark = pytest.mark.anyio


def figures(nll: float) -> Figures:
    return Figures(nll=nll, nll_changed=3 * nll, accuracy=0.7, accuracy_changed=0.1)


def imitation(doing: str = "") -> Overview:
    done = tuple(
        EpochFigures(epoch=n, train_nll=1.8 - n / 10, held_out=figures(1.7 - n / 10), best=True, seconds=61.0)
        for n in (1, 2, 3)
    )
    now = ImitationStatus(
        doing=doing, data="17 games, 40 min of Fox", held_out_games=3, epoch=4, epochs=10, nll=1.31, waited=0.02,
        marginal=figures(5.2), previous=figures(1.58), best_epoch=3, done=done,
    )  # fmt: skip
    status = fake_feed.status(imitation=now, games=0, origin="learning from replays", message=doing)
    series = (
        Series(name="held_out", frames=(1, 2, 3), values=(1.6, 1.5, 1.4)),
        Series(name="learning_rate", frames=(1, 2), values=(1e-3, 9e-4)),
        Series(name="waited", frames=(1, 2), values=(0.05, 0.02)),
    )
    return fake_feed.overview(status=status, exhibition=None, games=(), ratings=(), series=series)


@pytest.mark.parametrize("size", [(70, 24), (80, 24), (120, 34), (200, 50)], ids=str)
async def test_epochs_stand_where_games_would(opened: Opened, size: tuple[int, int]) -> None:
    async with opened(size, imitation()) as (app, pilot):
        app.link_update(OverviewReply(imitation()))  # four come a second; the first one lays the page out
        await pilot.pause()
        shown = {panel.id for panel in app.screen.query(Panel) if panel.display and panel.region.area}
        assert "epochs" in shown
        assert not shown & {"game", "games", "elo"}
        for panel in app.screen.query(Panel):
            assert not panel.display or app.screen.region.contains_region(panel.region)
        text = "\n".join(screen_lines(app))
        for word in ("Epochs  3 games held out", "P(a | previous a)", "1.580", "3  best", "1.400"):
            assert word in text
        assert "vs first" not in text
        assert "epoch 4/10" in text


async def test_what_it_does_besides_learning_is_said_and_the_training_page_has_it_all(opened: Opened) -> None:
    async with opened((160, 40), imitation("playing for the report card: game 3 of 16, part 1")) as (app, pilot):
        assert "playing for the report card: game 3 of 16" in "\n".join(screen_lines(app))
        await pilot.press("4")
        await pilot.pause()
        app.link_update(OverviewReply(imitation("playing for the report card: game 4 of 16, part 1")))
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        for word in ("held out", "9.0e-4", "2%", "P(a | previous a)", "00:01:01"):
            assert word in text
        for key, word in (("2", "this run learns from replays"), ("5", "eval play NAME")):
            await pilot.press(key)
            await pilot.pause()
            assert word in "\n".join(screen_lines(app))
        assert app.check_action("hot_swap", ()) is False
