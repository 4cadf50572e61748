"""The client over a real socket, served by the real control server: commands, loss, return, leaving."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_feed
import pytest
from fake_feed import FakeDaemon, served
from screen_text import screen_lines
from textual.pilot import Pilot

from exphil_rt.control.wire import Checkpoint, HotSwap, Pause, RestartActor, Resume, Stop
from tui.app import ExphilApp
from tui.capture import capture
from tui.screens.actor import ActorScreen
from tui.screens.base import RunScreen
from tui.screens.dialogs import ConfirmScreen
from tui.screens.swap import SwapScreen

pytestmark = pytest.mark.anyio

BACKOFF = (0.05,)


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tui") as folder:  # short: a socket's path has 104 bytes at most
        yield Path(folder) / "s"


async def until(pilot: Pilot, condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():
            await pilot.pause(0.02)


def text_of(app: ExphilApp) -> str:
    return "\n".join(screen_lines(app))


async def test_keys_become_commands(path: Path) -> None:
    daemon = FakeDaemon(fake_feed.overview())
    app = ExphilApp(path, backoff=BACKOFF)
    async with served(path, daemon), app.run_test(size=(120, 32), notifications=True) as pilot:
        await until(pilot, lambda: app.view.link == "connected" and app.view.overview is not None)
        await pilot.press("P", "C")
        await until(pilot, lambda: len(daemon.said) == 2)
        daemon.snapshot = fake_feed.overview(status=fake_feed.status(state="paused"))
        await until(pilot, lambda: "The run is paused; P lets it go on." in text_of(app))
        await pilot.press("P", "3", "down", "down", "R")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "Restart the worker root/telemetry?" in text_of(app))
        await pilot.press("escape", "R")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: len(daemon.said) == 4)
        assert {author for _, author in daemon.said} == {"tui"}
        said = [command for command, _ in daemon.said]
        assert sorted(map(repr, said[:2])) == sorted(map(repr, (Pause(), Checkpoint())))
        assert said[2:] == [Resume(), RestartActor("root/telemetry")]
        await until(pilot, lambda: "RestartActor done." in text_of(app))


async def test_a_swap_is_asked_for_with_the_game_that_is_shown(path: Path) -> None:
    daemon = FakeDaemon(fake_feed.overview())
    app = ExphilApp(path, backoff=BACKOFF)
    async with served(path, daemon), app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.view.link == "connected" and app.view.overview is not None)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, SwapScreen))
        await pilot.press(*"ganon@v3", "enter")
        await until(pilot, lambda: len(daemon.said) == 1)
        app.inspect_game(15)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, SwapScreen))
        await pilot.press("enter")  # no policy is named yet: it goes on asking
        await pilot.press(*"zelda", "enter")
        await until(pilot, lambda: len(daemon.said) == 2)
        await pilot.press("W")
        await until(pilot, lambda: isinstance(app.screen, SwapScreen))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, SwapScreen))
        said = [command for command, _ in daemon.said]
        assert said == [HotSwap("exhibition:1", "ganon@v3"), HotSwap("15:1", "zelda")]


async def test_a_refusal_is_told(path: Path) -> None:
    daemon = FakeDaemon(fake_feed.overview())
    daemon.refuse = "Below 1 GB is free, so no checkpoint was written."
    app = ExphilApp(path, backoff=BACKOFF)
    async with served(path, daemon), app.run_test(size=(120, 32), notifications=True) as pilot:
        await until(pilot, lambda: app.view.overview is not None)
        await pilot.press("C")
        await until(pilot, lambda: "Below 1 GB is free" in text_of(app))


async def test_the_actor_page_shows_what_the_daemon_says(path: Path) -> None:
    app = ExphilApp(path, backoff=BACKOFF)
    async with (
        served(path, FakeDaemon(fake_feed.overview())),
        app.run_test(size=(120, 32), notifications=True) as pilot,
    ):
        await until(pilot, lambda: app.view.overview is not None)
        await pilot.press("3", *["down"] * 8, "enter")
        await until(pilot, lambda: "Crash(ProcessExit" in text_of(app))
        text = text_of(app)
        assert isinstance(app.screen, ActorScreen)
        for word in ("root ▸ games", "one_for_one", '"games": 8', "LoopStats", "runner-2", "Children 4"):
            assert word in text, word
        await pilot.press("y")
        assert app.clipboard.startswith("## root/games")


async def test_a_page_that_was_left_is_shown_nothing(path: Path) -> None:
    app = ExphilApp(path, backoff=BACKOFF)
    async with served(path, FakeDaemon(fake_feed.overview())), app.run_test(size=(120, 32)) as pilot:
        await until(pilot, lambda: app.view.overview is not None)
        await pilot.press("3", *["down"] * 8, "enter")
        await until(pilot, lambda: isinstance(app.screen, ActorScreen))
        left = app.screen
        assert isinstance(left, ActorScreen)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not left and not left.query("*"))
        app.show_on(left)
        seen = app.screen
        await pilot.pause()
    assert isinstance(seen, RunScreen)
    app.show_on(seen)  # the daemon may speak while the client takes its pages down


async def test_a_lost_daemon_greys_the_screen_and_comes_back(path: Path) -> None:
    app = ExphilApp(path, backoff=BACKOFF)
    async with app.run_test(size=(120, 32), notifications=True) as pilot:
        await until(pilot, lambda: "No daemon answers" in text_of(app))
        async with served(path, FakeDaemon(fake_feed.overview())):
            await until(pilot, lambda: app.view.overview is not None)
            fresh = app.look.palette["good"].color
        await until(pilot, lambda: app.view.link == "lost")
        text = text_of(app)
        assert "reconnecting 1 s" in text
        assert "Last values are shown." in text
        assert "mewtwo-zero@v13" in text
        assert app.look.palette["good"].color != fresh
        await pilot.press("P")
        await until(pilot, lambda: "There is no connection to the daemon now." in text_of(app))
        async with served(path, FakeDaemon(fake_feed.overview(900.0))):
            await until(pilot, lambda: app.view.link == "connected" and "1.60M" in text_of(app))
            assert app.look.palette["good"].color == fresh
            assert "reconnecting" not in text_of(app)


async def test_stopping_ends_the_client_with_the_daemon(path: Path) -> None:
    daemon = FakeDaemon(fake_feed.overview())
    app = ExphilApp(path, owns_daemon=True, backoff=BACKOFF)
    async with app.run_test(size=(80, 24)) as pilot:
        async with served(path, daemon):
            await until(pilot, lambda: app.view.overview is not None)
            await pilot.press("ctrl+q", "enter")  # the first answer is the default: checkpoint and stop
            await until(pilot, lambda: bool(daemon.said))
            assert daemon.said == [(Stop(), "tui")]
            assert app.return_value is None
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == "stopped"


async def test_detaching_tells_the_daemon_nothing(path: Path) -> None:
    daemon = FakeDaemon(fake_feed.overview())
    app = ExphilApp(path, owns_daemon=True, backoff=BACKOFF)
    async with served(path, daemon), app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.view.overview is not None)
        await pilot.press("d")
        await pilot.pause()
    assert app.return_value == "detached"
    assert daemon.said == []


async def test_a_picture_of_a_live_run(path: Path) -> None:
    async with served(path, FakeDaemon(fake_feed.overview())):
        picture = await capture(path, size=(110, 28))
    assert picture.startswith("<svg")
    assert "mewtwo-zero-01" in picture
