"""Self-play on consoles, through the command line: what flows, what a fault costs, and what is left at each end.

The stand-in's fighters only walk, so that nothing has to be compiled.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from exphil_rt.control.wire import Pause, Resume
from exphil_rt.replays import read_replay
from exphil_rt.store.run import Run

pytestmark = pytest.mark.slow
ON_CONSOLES = (
    *("--game-type", "stand-in", "--set", "play.source=still", "--headless", "--games", "2"),
    *("--max-episode-frames", "300", "--frame-delay", "0", "--character", "fox", "--character", "zelda"),
    *("--set", "rollout.rated_games=1"),
    *("--set", "rollout.length=16", "--set", "policy.hidden=16", "--set", "train.minibatches=1"),
    *("--set", "train.epochs=1", "--set", "train.publish_every_frames=1000", "--set", "league.calibration_games=2"),
)
NAMES = ("console-1", "console-2", "console-3")


def dolphin_of(live, name):
    """Pid of the stand-in that a console plays with."""
    folder = str(live.run.folder / "console" / name)
    for pid in live.processes():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "--config" in command and any(part.startswith(folder) for part in command):
            return pid
    return 0


def plays_in(live, slot):
    """Newest game and frame of a slot."""
    shown = [game for game in live.overview.games if game.slot == slot]
    return (shown[0].game_id, shown[0].frame) if shown else (0, 0)


def goes_on(place, live, slot, what):
    before = plays_in(live, slot)
    place.until(lambda: plays_in(live, slot) > before, what)


@pytest.fixture(scope="module")
def live(place):
    place.start("self-play", *ON_CONSOLES, "--run", "one")
    found = place.live("one")
    found.plays_on()
    found.family = found.processes()
    yield found
    found.client.close()


def test_games_are_played_learned_from_rated_and_published(place, live):
    place.until(lambda: live.status.frames > 1200 and live.status.matches > 1, "it learns and rates", 120.0)
    place.until(lambda: live.status.policy == "one@v2", "a version is published", 60.0)
    assert {node.name for node in live.overview.tree} >= set(NAMES)
    for slot in (0, 1):
        goes_on(place, live, slot, f"game {slot} goes on")
    with live.run.reader() as database:
        assert database.last_physics() == "stand-in-still"
        assert {rating.physics for rating in database.ratings()} == {"stand-in-still"}
    assert set(live.run.matches()["reason"]) == {"frame_limit"}
    assert live.status.restarts == 0


def test_consoles_wait_out_a_pause(place, live):
    assert live.client.do(Pause()) == "the run is paused"
    time.sleep(1.0)  # what was under way is learned
    before = live.status.frames
    time.sleep(4.0)  # longer than a game may stand still
    assert live.status.frames <= before + 32
    live.client.do(Resume())
    live.plays_on(64)
    assert not live.events("console_fault")


def test_rated_games_alone_are_kept_as_replays(place, live):
    replays = place.until(lambda: list((live.run.replays / "console").glob("*.slp")), "a replay")
    whole = min(replays)
    place.until(lambda: len(list((live.run.replays / "console").glob("*.slp"))) > 1, "the next one")
    frames = read_replay(whole, rollback="last").frames.frame
    assert (frames[0], len(frames)) == (-123, 300)


@pytest.mark.parametrize("what", ["console", "dolphin"])
def test_a_killed_console_comes_back_and_the_others_go_on(place, live, what):
    before = live.node("console-1").os_pid
    os.kill(before if what == "console" else dolphin_of(live, "console-1"), signal.SIGKILL)
    began = time.monotonic()
    goes_on(place, live, 1, "the other game goes on")
    assert time.monotonic() - began < 5.0
    place.until(lambda: live.node("console-1").os_pid not in (0, before), "it is started again")
    goes_on(place, live, 0, "its game goes on")
    live.plays_on(64)
    if what == "dolphin":
        (fault,) = [event for event in live.events("console_fault") if event.actor == "console-1"]
        assert fault.report["kind"] in ("exited", "broken_pipe", "disconnected")


def test_a_killed_worker_takes_no_console_with_it_for_long(place, live):
    before = live.node("game_runner-1").os_pid
    os.kill(before, signal.SIGKILL)
    place.until(lambda: live.node("game_runner-1").os_pid not in (0, before), "it is started again")
    for slot in (0, 1):
        goes_on(place, live, slot, f"game {slot} goes on")
    live.plays_on(64)


def test_nothing_is_left_of_a_run_that_is_stopped(place, live):
    family = live.processes()
    assert place.do("daemon", "stop", "--run", "one").returncode == 0
    place.until(lambda: not place.living(family), "all processes end", 20.0)
    assert list((live.run.folder / "console").glob("*")) == []
    for path in (live.run.replays / "console").glob("*.slp"):
        assert read_replay(path, rollback="last").frames.frame[0] == -123


def test_it_is_resumed_on_consoles_and_nothing_is_left_of_a_killed_daemon(place, live):
    run = Run(place.home, "one")
    place.start("self-play", "--resume", "one", "--headless")
    again = place.live("one")
    again.plays_on(64)
    family = again.processes()
    again.client.close()
    os.kill(again.pid, signal.SIGKILL)
    place.until(lambda: not place.living(family), "all processes end", 20.0)
    assert list((run.folder / "console").glob("*/*")) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--deterministic",), "cannot be deterministic"),
        (("--set", "rollout.rated_games=64"), "66 consoles are asked for"),
        (("--set", "run.game_type=dolphin"), "no Slippi Dolphin"),
        (("--set", "run.game_type=melee"), "game_type"),
    ],
)
def test_what_consoles_cannot_do_is_refused_in_a_sentence(place, options, said):
    usual = ON_CONSOLES[2:] if "game_type" in str(options) else ON_CONSOLES
    done = place.do("self-play", *usual, "--run", "none", *options)
    assert done.returncode in (2, 5)
    assert "Traceback" not in done.stderr
    assert said in done.stderr.splitlines()[-1], done.stderr
    assert not (place.home.runs / "none").exists()


def test_consoles_that_never_come_to_play_end_the_run_with_the_reason(place):
    started = place.start("self-play", *ON_CONSOLES, "--run", "bad", "--set", "rollout.rated_games=0")
    script = place.home.runs / "bad" / "stand-in" / "stand-in"
    place.until(script.exists, "the stand-in is written")
    script.write_text("#!/bin/sh\nexit 3\n")
    assert started.wait(120.0) != 0
    assert "The consoles do not come to play" in started.output
    assert "no Slippi Dolphin" in started.output
