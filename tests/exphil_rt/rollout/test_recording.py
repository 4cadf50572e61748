"""Recordings: packed, read back, and every kind of damage refused in a sentence."""

from __future__ import annotations

import zlib

import msgspec
import numpy as np
import pytest
from rollout_parts import game

from exphil_rt.rollout.recording import Recording, RecordingInvalid, actions_of, digest_of, pack, replay, unpack
from exphil_rt.sim import EmbeddedLane

ACTIONS = np.random.default_rng(1).integers(0, 2, (50, 2, 13)).astype(np.uint8)


def test_what_was_packed_is_read_back():
    recording = unpack(pack(game(7, kind="rated"), "sim-1", ACTIONS))
    assert recording.game == game(7, kind="rated")
    assert np.array_equal(actions_of(recording), ACTIONS)
    assert recording.digest == digest_of(ACTIONS)
    assert digest_of(ACTIONS) != digest_of(ACTIONS[::-1])


def test_damage_is_named():
    packed = pack(game(7), "sim-1", ACTIONS)
    raw = msgspec.msgpack.decode(zlib.decompress(packed), type=Recording)

    def again(**changes):
        return zlib.compress(msgspec.msgpack.encode(msgspec.structs.replace(raw, **changes)))

    with pytest.raises(RecordingInvalid, match="cut off"):
        unpack(packed[:-5])
    with pytest.raises(RecordingInvalid, match="cannot be read"):
        unpack(b"garbage")
    with pytest.raises(RecordingInvalid, match="count of frames"):
        unpack(again(frames=51))
    with pytest.raises(RecordingInvalid, match="digest"):
        unpack(again(digest="0" * 32))
    with pytest.raises(RecordingInvalid, match="format 2, this version reads 1"):
        unpack(again(format=2))
    with pytest.raises(RecordingInvalid, match="larger than any game"):
        unpack(zlib.compress(b"\0" * 4_000_000))


def test_inputs_that_no_codec_has_are_refused():
    wild = ACTIONS.copy()
    wild[3, 0, 8] = 17
    with pytest.raises(RecordingInvalid, match="no controller"):
        unpack(pack(game(7), "sim-1", wild))


def test_another_physics_is_refused():
    lane = EmbeddedLane(1)
    with pytest.raises(RecordingInvalid, match="physics sim-0"):
        replay(unpack(pack(game(7), "sim-0", ACTIONS)), lane)
    lane.close()


def test_noise_that_does_not_compress_has_no_recording():
    noise = np.random.default_rng(2).integers(0, 255, (45_000, 2, 13)).astype(np.uint8)
    assert pack(game(7), "sim-1", noise) == b""
