"""``sim watch``: a replay in the app, with the real process behind it."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest

from exphil_rt.game.frames import Frames
from exphil_rt.messages.watch import WatchSetup
from exphil_rt.replays.slp import GameStart, PlayerStart, write_slp
from tui.watch import SPEEDS, Feed, WatchApp

DEADLINE = 60.0


@pytest.fixture
def replay(tmp_path):
    """A made-up replay with a laser in it."""
    rows = Frames.allocate((400,))
    rows.frame[:] = np.arange(-123, 277)
    rows.stage[:] = 31
    rows.players.exists[:] = 1
    rows.players.state[:] = 14
    rows.players.stocks[:] = 4
    rows.players.character[:] = (1, 18)
    rows.players.facing[:] = (1, -1)
    rows.players.position_x[:] = (-30, 30)
    rows.items.owner[:] = -1
    rows.items.exists[:, 0], rows.items.kind[:, 0], rows.items.position_y[:, 0] = 1, 54, 20
    path = tmp_path / "game.slp"
    players = PlayerStart(character=1, port=0, name="mine@v3"), PlayerStart(character=18, port=1, name="cpu9")
    write_slp(path, GameStart(stage=31, players=players), rows)
    return path


async def until(pilot, what):
    async with asyncio.timeout(DEADLINE):
        while not what():
            await pilot.pause(0.02)


def frame_of(app):
    return None if app.shown is None else app.shown.game.frame


def drive(app, steps):
    async def main():
        async with app.run_test(size=(110, 32)) as pilot:
            await until(pilot, lambda: app.shown is not None or app.problem)
            await steps(pilot)

    asyncio.run(main())


def test_it_plays_pauses_steps_and_changes_speed(replay, tmp_path):
    app = WatchApp(WatchSetup(path=str(replay)))

    async def steps(pilot):
        await until(pilot, lambda: frame_of(app) > -120)
        await pilot.press("space")
        assert app.paused
        await app.action_step()  # answers come in turn: nothing is under way behind this one
        held = frame_of(app)
        await pilot.press("full_stop")
        await until(pilot, lambda: frame_of(app) == held + 1)
        await pilot.pause(0.1)
        assert frame_of(app) == held + 1
        assert "paused" in app.line()
        assert "embedded game (approximate), fidelity Fox" in app.line()
        assert app.shown.game.items[0].y == 20
        await pilot.press("plus", "plus", "space")
        assert SPEEDS[app.speed] == 4.0
        await until(pilot, lambda: app.shown.over)
        assert "the replay ends" in app.line()
        await pilot.press("space", "n")  # held, or the short game may be over again before anybody looks
        await until(pilot, lambda: not app.shown.over)
        picture = app.export_screenshot()
        (tmp_path / "watch.svg").write_text(picture)
        assert picture.startswith("<svg")
        assert "mine@v3" in picture
        assert "Battlefield" in picture.replace("&#160;", " ")

    drive(app, steps)


def test_a_process_that_ends_is_said_and_left(replay):
    app = WatchApp(WatchSetup(path=str(replay)), feed=Feed((sys.executable, "-c", "import sys; sys.stdin.read(1)")))

    async def steps(pilot):
        assert "ended" in app.line()
        await pilot.press("q")

    drive(app, steps)
    assert app.return_value == "left"


def test_a_replay_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad.slp").write_bytes(b"no")
    app = WatchApp(WatchSetup(path=str(tmp_path / "bad.slp")))

    async def steps(pilot):
        assert "bad.slp" in app.line()

    drive(app, steps)


def test_a_person_with_a_keyboard_holds_keys_for_a_moment():
    app = WatchApp(WatchSetup(players=("human", "cpu1")), feed=Feed((sys.executable, "-c", "")))

    async def steps(pilot):
        await pilot.press("left", "d")
        assert {"left", "d"} == set(app._held)
        assert app._keys(app._held["d"] + 1.0) == ()

    drive(app, steps)
