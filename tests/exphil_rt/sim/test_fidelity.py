from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from exphil_rt.cli.app import run
from exphil_rt.game.frames import Button, Controllers, Frames
from exphil_rt.game.ids import Character, Stage
from exphil_rt.game.lane import GameSetup
from exphil_rt.sim import EmbeddedLane
from exphil_rt.sim.fidelity import by_cause, by_move, measure, plot, refusal, table
from exphil_rt.sim.fidelity.recording import Recording
from exphil_rt.sim.fidelity.track import Tracked, leaks, track
from exphil_rt.sim.fidelity.windows import CLASSES, STRIDE, choose, classes

FRAMES = 900


@pytest.fixture(scope="module")
def game() -> Frames:
    """A game of the embedded game itself: Marth and Fox run, jump and hit about."""
    lane = EmbeddedLane(1)
    lane.start(0, GameSetup(game_id=3, stage=Stage.BATTLEFIELD, characters=(Character.MARTH, Character.FOX)))
    frames, pads, slot = Frames.allocate((FRAMES,)), Controllers.allocate((1, 2)), np.zeros(1, np.int32)
    random = np.random.default_rng(5)
    for row in range(FRAMES):
        frames.assign(row, lane.frames(slot)[0])
        if row % 7 == 0:
            pads.joystick_x[:] = random.choice([-1.0, -0.5, 0.0, 0.5, 1.0], (1, 2))
            pads.joystick_y[:] = random.choice([-1.0, 0.0, 0.0, 1.0], (1, 2))
            pads.buttons[:] = random.choice([0, 0, Button.A, Button.X, Button.L], (1, 2))
        lane.commit(slot, pads, lane.frames(slot).frame + 1)
    lane.close()
    return frames


def test_the_game_follows_itself(game: Frames) -> None:
    measured = measure([game])
    moving, idle = table(measured)[:2]
    assert moving.figures.windows > 20
    assert moving.figures.windows + idle.figures.windows == len(measured.windows)
    assert moving.figures.survive is not None
    assert moving.figures.survive > 0.95
    assert moving.figures.exact is not None
    assert moving.figures.exact > 0.99
    assert min(moving.figures.same_state) > 0.95


def test_a_wrong_recording_is_seen(game: Frames) -> None:
    wrong = game.copy()
    wrong.players.position_x[400:, 0] += 3.0
    before, after = (table(measure([frames]))[0].figures for frames in (game, wrong))
    assert after.survive is not None
    assert before.survive is not None
    assert after.survive < before.survive
    assert by_cause(measure([wrong]))[0].lost > 0
    assert by_move(measure([wrong]))


def test_records_come_from_earlier_frames_only(game: Frames) -> None:
    wanted = np.array([[200, 0], [333, 0], [640, 0]], np.int32)
    assert leaks(track, [game], wanted) == []


def test_a_window_made_from_its_own_future_is_caught(game: Frames) -> None:
    def peeking(recording: Recording, wanted: np.ndarray) -> Tracked:
        tracked = track(recording, wanted)
        later = np.minimum(wanted[:, 0] + 4, recording.length[wanted[:, 1]] - 1)
        tracked.records["players"]["tilt_x"] = recording.body["state_age"][later, wanted[:, 1], :2]
        return tracked

    assert leaks(peeking, [game], np.array([[200, 0], [333, 0]], np.int32)) == ["tilt_x"]


def test_windows_are_every_eleventh_frame_and_named_by_the_rarest_thing(game: Frames) -> None:
    recording = Recording.of([game])
    rows = choose(recording, 341)[:, 0]
    assert (np.diff(rows) % STRIDE == 0).all()
    every = classes(recording)[:, 0]
    assert set(np.unique(every)) <= set(range(len(CLASSES)))
    in_air = recording.body["state"][:, 0] == 65
    assert (every[in_air] == CLASSES.index("attack")).all()


def test_what_cannot_be_counted_is_refused_with_a_reason(game: Frames) -> None:
    assert refusal(game, (3, 8, 0)) == ""
    assert "3.7.2" in refusal(game, (3, 7, 2))
    still = game.copy()
    still.players.self_y[:] = 0
    assert refusal(still, (3, 9, 0)) == "holds no velocities"
    odd = game.copy()
    odd.players.character[:, 1] = 30
    assert "fighter" in refusal(odd, (3, 9, 0))


def test_a_window_is_drawn(game: Frames, tmp_path: Path) -> None:
    assert "Marth - Fox, Battlefield" in plot.plot_window([game], measure([game]), tmp_path / "window.png")
    assert (tmp_path / "window.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(plot.PlotRefused, match="cannot be written"):
        plot.plot_window([game], measure([game]), tmp_path / "none" / "window.png")


def test_without_matplotlib_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(plot.PlotRefused, match=r"not installed.*exphil-rt\[plots\]"):
        plot.require()


def test_the_command_prints_figures_and_what_it_left_out(replays_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = [str(replays_dir / "matches" / name) for name in ("fox_multishine.slp", "items.slp")]
    assert run(["sim", "fidelity", *real, "--json", "--by", "cause"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(name).name for name in report["counted"]] == ["fox_multishine.slp"]
    assert "3.7.0" in report["left_out"][0]["reason"]
    fox = next(line for line in report["lines"] if line["name"] == "Fox")
    assert fox["figures"]["frames"] > 1000
    assert run(["sim", "fidelity", real[0], "--fighter", "pichu"]) == 0
    assert "unmeasured" in capsys.readouterr().out


def test_nothing_to_measure_is_one_sentence(replays_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sim", "fidelity", str(replays_dir / "matches" / "items.slp")]) == 1
    assert "None of the 1 replays can be counted" in capsys.readouterr().err
