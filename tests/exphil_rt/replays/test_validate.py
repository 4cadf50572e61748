"""Validation: each file good, or bad with its reason; and values that no game shows are such a reason."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from exphil_rt.game.frames import Frames
from exphil_rt.replays import BadReplay, ReplayError, read_replay
from exphil_rt.replays.bounds import BOUNDS, impossible
from exphil_rt.replays.validate import validate


def test_good_and_bad_files_in_their_order(replays_dir, tmp_path):
    paths = [
        replays_dir / "short" / "v3.16.slp",
        replays_dir / "broken" / "corrupt.slp",
        tmp_path / "missing.slp",
        replays_dir / "short" / "ics.slp",
    ]
    rows = list(validate(paths, workers=2))
    assert [isinstance(row, BadReplay) for row in rows] == [False, True, True, False]
    assert rows[0].meta == read_replay(paths[0], rollback="first").meta
    assert rows[0].quality[0].score <= 1.0
    assert "No such file" in rows[2].reason


def test_every_column_has_bounds_and_real_games_are_within_them(replays_dir):
    assert set(BOUNDS) == {name for name, _, _ in Frames.leaves()}
    for name in ("items", "ics2", "transform"):
        assert impossible(read_replay(replays_dir / "matches" / f"{name}.slp", rollback="last").frames) == ""


@pytest.mark.parametrize("name", [name for name, dtype, _ in Frames.leaves() if dtype.kind == "f"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, -1e30])
def test_a_wild_value_in_any_column_is_found(name, value):
    frames = Frames.allocate((50,))
    frames.arrays()[name][17] = value
    assert name in impossible(frames)


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [
        (0x16, struct.pack(">f", float("nan")), "players.percent that are not finite"),
        (0x16, struct.pack(">f", 1500.0), "1500 in players.percent"),
        (0x7, b"\x40", "64 in players.character"),
        (0xA, struct.pack(">f", 1e9), "players.position_x"),
        (0x21, b"\xff", "255 in players.stocks"),
    ],
)
def test_an_impossible_value_in_a_file_is_its_reason(replays_dir, tmp_path, offset, value, reason):
    data = bytearray((replays_dir / "short" / "v3.16.slp").read_bytes())
    event = data.index(b"\x38" + (-100).to_bytes(4, "big", signed=True))
    data[event + offset : event + offset + len(value)] = value
    path = tmp_path / "game.slp"
    path.write_bytes(data)
    with pytest.raises(ReplayError) as raised:
        read_replay(path, rollback="first")
    assert reason in raised.value.reason


def test_a_stick_beyond_its_gate_is_refused_not_clipped(replays_dir, tmp_path):
    data = bytearray((replays_dir / "short" / "v3.16.slp").read_bytes())
    event = data.index(b"\x37" + (-100).to_bytes(4, "big", signed=True))
    data[event + 0x19 : event + 0x1D] = struct.pack(">f", 40.0)
    (tmp_path / "game.slp").write_bytes(data)
    with pytest.raises(ReplayError, match=r"40 in controllers\.joystick_x"):
        read_replay(tmp_path / "game.slp", rollback="first")
