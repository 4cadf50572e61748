"""Replays that a killed Dolphin left are finished: every whole frame is kept, and both readers take them."""

from __future__ import annotations

import shutil
import struct
import time

import numpy as np
import pytest

from exphil_rt.dolphin.finalise import finalise, finalise_folder
from exphil_rt.replays import read_replay

HEAD = 15


@pytest.fixture
def unfinished(replays_dir, tmp_path):
    """A real game as Dolphin has it while it is played: (path, its events, its frames)."""
    source = replays_dir / "short" / "v3.18.slp"
    data = source.read_bytes()
    (length,) = struct.unpack_from(">I", data, 11)
    frames = read_replay(source, rollback="last").frames.frame
    path = tmp_path / "Game_1.slp"

    def write(count: int):
        path.write_bytes(data[:11] + bytes(4) + data[HEAD : HEAD + count])
        return path

    return write, length, frames


@pytest.mark.parametrize("part", [0.3, 0.5, 0.77, 0.999])
def test_the_whole_frames_of_a_cut_file_are_kept(unfinished, part):
    write, length, frames = unfinished
    path = write(int(length * part))
    assert finalise(path)
    again = read_replay(path, rollback="last")
    kept = len(again.frames.frame)
    assert abs(kept - part * len(frames)) < 0.2 * len(frames)
    np.testing.assert_array_equal(again.frames.frame, frames[:kept])
    assert again.meta.end_method == "no_contest"
    assert not finalise(path)  # nothing to do twice


def test_a_file_that_only_lacks_its_length_is_whole_again(unfinished):
    write, length, frames = unfinished
    path = write(length)
    assert finalise(path)
    again = read_replay(path, rollback="last")
    np.testing.assert_array_equal(again.frames.frame, frames)


def test_a_file_without_a_frame_is_removed(unfinished):
    write, _, _ = unfinished
    for count in (0, 20, 800):
        path = write(count)
        assert finalise(path)
        assert not path.exists()


def test_a_finished_file_without_a_frame_is_removed_too(unfinished):
    """Dolphin was ended just as a game began, and finished what it had."""
    write, _, _ = unfinished
    path = write(900)
    data = path.read_bytes()
    path.write_bytes(data[:11] + struct.pack(">I", 900) + data[HEAD:] + b"U\x08metadata{}}")
    assert finalise(path)
    assert not path.exists()


def test_finished_files_and_strangers_are_left_alone(replays_dir, tmp_path):
    finished = tmp_path / "a.slp"
    shutil.copy(replays_dir / "short" / "v3.18.slp", finished)
    other = tmp_path / "b.slp"
    other.write_bytes(b"no replay at all")
    before = finished.read_bytes()
    assert finalise_folder(tmp_path, 0.0) == []
    assert finished.read_bytes() == before
    assert other.read_bytes() == b"no replay at all"


def test_only_what_was_written_since_is_touched(unfinished, tmp_path):
    write, length, _ = unfinished
    path = write(length // 2)
    assert finalise_folder(tmp_path, time.time() + 60.0) == []
    assert finalise_folder(tmp_path, path.stat().st_mtime) == [path]
    assert finalise_folder(tmp_path / "missing", 0.0) == []
