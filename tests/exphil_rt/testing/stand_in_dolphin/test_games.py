"""Games of the stand-in: the embedded game played through libmelee to its end, and the replays that are left."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from stand_in_parts import drive, stand_in

from exphil_rt.game.frames import FIRST_FRAME
from exphil_rt.replays import read_replay

PLAIN = {"EXPHIL_RT_SIM_JIT": "0"}
"""The embedded game as plain Python: a few hundred frames need no compiler."""
LEFT = {"1": [0.0, 0.5]}


def replays_in(folder):
    """The replays of a folder in the order in which they were begun."""
    return [
        read_replay(path, rollback="last") for path in sorted(folder.glob("*.slp"), key=lambda p: p.stat().st_ctime)
    ]


def saved(tmp_path, **more):
    return {"console": {"save_replays": True, "replay_dir": str(tmp_path / "replays")}, **more}


def test_who_runs_off_the_stage_loses_and_the_next_game_begins(tmp_path):
    exe = stand_in(tmp_path, source="game", stocks=1, fighters=("fox", "marth"), stage="fd", seed=5)
    (report,) = drive(
        {"exe": exe, "hold": LEFT, "games": 2, "last": -120, "watch": True} | saved(tmp_path, terminate=True), **PLAIN
    )
    assert report["outcome"] == "played"
    assert [game["stage"] for game in report["started"]] == ["FINAL_DESTINATION"] * 2
    first, second = replays_in(tmp_path / "replays")
    assert first.meta.end_method == "game"
    assert first.frames.players.stocks[-1].tolist() == [0, 1]
    assert (second.meta.frames, second.meta.end_method) == (report["frames"][-1] - FIRST_FRAME + 1, "missing")
    # Every frame that libmelee saw of the first game is the frame in the replay, and the other way round.
    count = report["frames"].index(FIRST_FRAME, 1)
    assert count == first.meta.frames
    seen = np.array(report["seen"][:count])
    np.testing.assert_array_equal(seen[:, :, 0], first.frames.players.position_x)
    np.testing.assert_array_equal(seen[:, :, 2], first.frames.players.stocks)
    assert first.frames.controllers.joystick_x[-60:, 0].tolist() == [-1.0] * 60


@pytest.mark.slow
def test_the_clock_ends_a_game_and_cpus_play_by_themselves(tmp_path):
    exe = stand_in(tmp_path, source="game", time_limit_frames=120, cpu_levels=(9, 3), games=1)
    (report,) = drive({"exe": exe, "frames": 10_000, "steps": 260, "watch": True} | saved(tmp_path), **PLAIN)
    (replay,) = replays_in(tmp_path / "replays")
    assert (replay.meta.end_method, replay.meta.frames) == ("time", len(report["frames"]))
    assert [(player.cpu, player.cpu_level) for player in replay.meta.players] == [(True, 9), (True, 3)]
    moved = np.ptp(replay.frames.players.position_x[-120:], axis=0)
    assert (moved > 1.0).all()
    assert report["menus"] == 3 + 1, "and menus follow, since one game was all"


@pytest.mark.slow
def test_a_person_at_an_adapter_plays_like_a_scripted_opponent(tmp_path):
    exe = stand_in(tmp_path, source="game", ports=(1, 2), person_level=9, fighters=("fox", "falco"))
    (report,) = drive({"exe": exe, "frames": 300, "ports": [1], "people": [2], "watch": True}, **PLAIN)
    assert report["started"][0]["players"]["2"] == ["FALCO", 0]
    x = np.array(report["seen"])[:, :, 0]
    assert np.ptp(x[:, 1]) > 5.0
    assert np.ptp(x[130:, 0]) < 5.0 or np.array(report["seen"])[-1, 0, 3] > 0, "who is not hit stands still"


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["fd", "bf", "ys", "dl", "ps", "fod"])
def test_every_stage_of_the_embedded_game_can_be_played(tmp_path, stage):
    exe = stand_in(tmp_path, source="game", stage=stage, cpu_levels=(5, 5), fighters=("sheik", "popo"))
    (report,) = drive({"exe": exe, "frames": 200} | saved(tmp_path, terminate=True), **PLAIN)
    assert report["outcome"] == "played"
    (replay,) = replays_in(tmp_path / "replays")
    assert replay.meta.frames >= 200


def test_a_request_to_end_leaves_a_whole_replay_of_all_frames(tmp_path):
    (report,) = drive({"exe": stand_in(tmp_path), "frames": 100} | saved(tmp_path, terminate=True))
    assert report["rc"] == 0
    (replay,) = replays_in(tmp_path / "replays")
    assert replay.frames.frame[:100].tolist() == report["frames"]
    assert replay.meta.end_method == "missing", "as where real Dolphin is closed"
    (path,) = (tmp_path / "replays").glob("*.slp")
    data = path.read_bytes()
    assert int.from_bytes(data[11:15], "big") > 0
    assert data.endswith(b"}")


@pytest.mark.slow
def test_a_kill_leaves_the_frames_but_no_end_as_in_dolphin(tmp_path):
    script = {"exe": stand_in(tmp_path, chaos=({"do": "crash", "at": -60},)), "frames": 200, "limit_s": 0.5}
    drive(script | saved(tmp_path, until_exit=True))
    (path,) = (tmp_path / "replays").glob("*.slp")
    assert int.from_bytes(path.read_bytes()[11:15], "big") == 0


@pytest.mark.slow
def test_monthly_folders_and_no_replays_are_obeyed(tmp_path):
    exe = stand_in(tmp_path, time_limit_frames=1)
    console = {"save_replays": True, "replay_dir": str(tmp_path / "replays"), "replay_monthly_folders": True}
    none = {"save_replays": False, "replay_dir": str(tmp_path / "none")}
    drive({"exe": exe, "frames": 10, "console": console}, {"exe": exe, "frames": 10, "console": none})
    (folder,) = (tmp_path / "replays").iterdir()
    year, month = folder.name.split("-")
    assert (len(year), 1 <= int(month) <= 12) == (4, True)
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["mainline", "ishiiruka", "exiai"])
def test_every_flavour_is_known_by_libmelee_and_played_with(tmp_path, flavour):
    exe = stand_in(tmp_path, flavour=flavour, version="3.4.9")
    (report,) = drive({"exe": exe, "frames": 20, "console": {"online_delay": 1}})
    assert report["outcome"] == "played"
    assert "3.4.9" in report["version"]


def test_a_start_block_of_an_old_version_is_refused_by_libmelee(tmp_path):
    (report,) = drive({"exe": stand_in(tmp_path, slippi_version="2.0.1"), "frames": 20})
    assert (report["outcome"], report["frames"]) == ("SlippiVersionTooLow", [])


def test_a_recording_that_cannot_be_streamed_ends_the_stand_in_with_a_sentence(tmp_path):
    (tmp_path / "no.slp").write_bytes(b"no replay")
    exe = stand_in(tmp_path, source=str(tmp_path / "no.slp"))
    done = subprocess.run([exe, "-u", str(tmp_path)], timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no.slp is no .slp file" in done.stderr


@pytest.mark.slow
def test_instant_matches_follow_one_another_without_menus_and_an_infinite_game_has_no_clock(tmp_path):
    exe = stand_in(tmp_path, time_limit_frames=1, menu_frames=5, seed=2)
    instant = {"exe": exe, "games": 6, "last": -120, "console": {"instant_match_restart": True}}
    infinite = {"exe": exe, "frames": 300, "console": {"infinite_time": True}}
    first, second = drive(instant, infinite)
    assert (first["menus"], len(first["started"])) == (5, 6)
    assert len({game["stage"] for game in first["started"]}) > 2
    assert len({str(game["players"]) for game in first["started"]}) == 1
    assert len(second["frames"]) == 300
