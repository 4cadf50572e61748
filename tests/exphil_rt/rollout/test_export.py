"""Recordings become .slp files of the very game."""

from __future__ import annotations

import numpy as np
import pytest
from rollout_parts import game
from slp_parts import differing

from exphil_rt.messages.rollout import PlayerSpec
from exphil_rt.replays import read_replay
from exphil_rt.rollout.export import export_recording, read_recording
from exphil_rt.rollout.recording import RecordingInvalid, pack, replay, unpack
from exphil_rt.sim import EmbeddedLane


def test_an_exported_recording_is_the_game(tmp_path):
    actions = np.random.default_rng(4).integers(0, 2, (200, 2, 13)).astype(np.uint8)
    players = PlayerSpec(policy="a", label="mine@v3"), PlayerSpec(policy="random")
    lane = EmbeddedLane(1)
    (tmp_path / "7.rec").write_bytes(pack(game(7, players, max_frames=150), lane.physics, actions))
    recording = read_recording(tmp_path / "7.rec")
    assert export_recording(recording, tmp_path / "7.slp", lane, "2026-01-02T03:04:05Z") == 150
    frames, end = replay(recording, lane)
    lane.close()
    read = read_replay(tmp_path / "7.slp", rollback="last")
    assert end is not None
    unknown = ("players.flags", "nanas.last_hit_by", "items.owner")
    assert [name for name in differing(frames, read.frames) if name not in unknown] == []
    assert [player.name for player in read.meta.players] == ["mine@v3", "random"]
    assert read.meta.started_at == "2026-01-02T03:04:05Z"


def test_what_is_no_recording_is_refused_by_name(tmp_path):
    with pytest.raises(RecordingInvalid, match=r"7\.rec cannot be read: No such file"):
        read_recording(tmp_path / "7.rec")
    (tmp_path / "8.rec").write_bytes(b"garbage")
    with pytest.raises(RecordingInvalid, match=r"8\.rec: "):
        read_recording(tmp_path / "8.rec")


def test_another_physics_writes_nothing(tmp_path):
    recording = unpack(pack(game(7), "sim-0", np.zeros((5, 2, 13), np.uint8)))
    lane = EmbeddedLane(1)
    with pytest.raises(RecordingInvalid, match="physics"):
        export_recording(recording, tmp_path / "x.slp", lane)
    lane.close()
    assert not list(tmp_path.iterdir())
