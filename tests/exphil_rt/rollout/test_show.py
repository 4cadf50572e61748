"""The process behind ``sim watch``: files and games, asked for frame by frame."""

from __future__ import annotations

import io
import struct

import msgspec
import numpy as np
import pytest
from rollout_parts import game
from slp_parts import simulated

from exphil_rt.game.ids import Character, Stage
from exphil_rt.game.lane import GameSetup
from exphil_rt.messages.watch import Answer, Failed, NewGame, Next, Shown, WatchSetup
from exphil_rt.replays.slp import start_of_setup, write_slp
from exphil_rt.rollout.pad import PadState
from exphil_rt.rollout.recording import pack
from exphil_rt.rollout.show import GAME, LiveGame, serve
from exphil_rt.sim.lane import PHYSICS


def answers_to(*asks):
    body = b"".join(struct.pack(">I", len(raw)) + raw for raw in map(msgspec.msgpack.encode, asks))
    out = io.BytesIO()
    serve(io.BytesIO(body), out)
    out.seek(0)
    found = []
    while header := out.read(4):
        found.append(msgspec.msgpack.decode(out.read(struct.unpack(">I", header)[0]), type=Answer))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    setup = GameSetup(game_id=1, stage=int(Stage.BATTLEFIELD), characters=(1, 18), max_frames=150)
    frames, end = simulated(setup, frames=300)
    write_slp(folder / "game.slp", start_of_setup(setup, ("mine@v1", "random")), frames, end)
    packed = pack(game(3, max_frames=90), PHYSICS, np.zeros((120, 2, 13), np.uint8))
    (folder / "3.rec").write_bytes(packed)
    return folder


def test_a_replay_is_shown_frame_by_frame_and_again(files):
    setup = WatchSetup(path=str(files / "game.slp"))
    first, second, last, again = answers_to(setup, Next(), Next(frames=1000), NewGame())
    assert [shown.game.frame for shown in (first, second, again)] == [-123, -122, -123]
    assert (first.over, last.over, again.over) == (False, True, False)
    assert "the replay ends" in last.end
    assert [player.policy for player in first.game.players] == ["mine@v1", "random"]
    assert first.title.startswith(f"{GAME}, fidelity Fox ")


def test_a_recording_says_who_won(files):
    *_, last = answers_to(WatchSetup(path=str(files / "3.rec")), Next(frames=3000))
    assert last.over
    assert last.end == "a draw at the frame limit"


def test_a_game_of_two_players_goes_on_by_itself():
    setup = WatchSetup(players=("cpu9", "random"), characters=(1, 18), stage=31, stocks=1, seed=3)
    first, later, other = answers_to(setup, Next(frames=400), NewGame())
    assert (first.game.frame, later.game.frame, other.game.frame) == (-123, 277, -123)
    assert other.game.game_id > later.game.game_id
    assert [player.policy for player in later.game.players] == ["cpu9", "random"]


def test_a_person_plays_with_a_pad_or_with_keys():
    setup = WatchSetup(players=("human", "cpu1"), characters=(int(Character.FOX), int(Character.MARTH)))
    live = LiveGame(setup, read_pad=lambda: PadState(main=(-1.0, 0.0)))
    for _ in range(150):
        live.step()
    shown = live.shown()
    assert isinstance(shown, Shown)
    assert shown.game.players[0].x < -60
    assert shown.game.players[0].policy == "human"
    *_, keys = answers_to(setup, Next(frames=90), Next(frames=60, keys=("left",)))
    assert keys.game.players[0].x < -60


def test_what_cannot_be_shown_is_said_in_a_sentence(files, tmp_path):
    (tmp_path / "bad.slp").write_bytes(b"no")
    nothing, bad, missing = answers_to(
        Next(), WatchSetup(path=str(tmp_path / "bad.slp")), WatchSetup(players=("nobody-has-this-name", "cpu1"))
    )
    assert isinstance(nothing, Failed)
    assert "bad.slp" in bad.text
    assert "nobody-has-this-name" in missing.text


def test_an_ask_that_is_too_large_ends_it():
    out = io.BytesIO()
    serve(io.BytesIO(struct.pack(">I", 1 << 30)), out)
    assert out.getvalue() == b""
