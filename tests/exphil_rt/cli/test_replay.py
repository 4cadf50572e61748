"""``exphil-rt replay export``, with the embedded game itself."""

from __future__ import annotations

import numpy as np
import pytest
from rollout_parts import game

from exphil_rt.config import load_config
from exphil_rt.replays import read_replay
from exphil_rt.rollout.recording import pack
from exphil_rt.sim.jit import cache_root
from exphil_rt.sim.lane import PHYSICS
from exphil_rt.store.run import Run

COMPILED = cache_root()
"""Where the compiled game lies, whatever home the tests have."""


@pytest.fixture
def run(home):
    """A run with two recorded games, in a home that knows the compiled game."""
    home.create()
    (home.cache / "sim").symlink_to(COMPILED, target_is_directory=True)
    run = Run.create(home, load_config(env={}), "my-run")
    for kind, number in (("rated", 3), ("exhibition", 4)):
        (run.replays / kind).mkdir(parents=True, exist_ok=True)
        packed = pack(game(number, kind=kind, max_frames=20), PHYSICS, np.zeros((30, 2, 13), np.uint8))
        (run.replays / kind / f"{number}.rec").write_bytes(packed)
    return run


def test_a_runs_recordings_become_files_of_their_kind_and_number(cli, run, tmp_path):
    done = cli("replay", "export", "--run", "my-run", "-o", str(tmp_path / "out"))
    assert done.code == 0
    names = ["exhibition-4.slp", "rated-3.slp"]
    assert done.out.split() == [str(tmp_path / "out" / name) for name in names]
    assert "embedded game (approximate)" in done.err
    for name in names:
        replay = read_replay(tmp_path / "out" / name, rollback="last")
        assert replay.meta.frames == 20
        assert replay.meta.played_on == "exphil_rt"


def test_one_recording_into_one_file(cli, run, tmp_path):
    by_number = cli("replay", "export", "3", "--run", "my-run", "-o", str(tmp_path / "a.slp"))
    by_path = cli("replay", "export", str(run.replays / "rated" / "3.rec"), "-o", str(tmp_path / "b.slp"))
    assert (by_number.code, by_path.code) == (0, 0)
    assert (tmp_path / "a.slp").read_bytes() == (tmp_path / "b.slp").read_bytes()


def test_what_cannot_be_exported_is_one_sentence(cli, run, tmp_path):
    assert "Which recordings?" in cli("replay", "export").sentence()
    assert "no recording of game 99" in cli("replay", "export", "99", "--run", "my-run").sentence()
    assert "do not go into one file" in cli("replay", "export", "--run", "my-run", "-o", "x.slp").sentence()
    (tmp_path / "empty").mkdir()
    assert "no recordings (.rec)" in cli("replay", "export", str(tmp_path / "empty")).sentence()
    (tmp_path / "bad.rec").write_bytes(b"garbage")
    failed = cli("replay", "export", str(tmp_path / "bad.rec"), "-o", str(tmp_path / "c.slp"))
    assert failed.code == 1
    assert "bad.rec" in failed.sentence()
    assert not (tmp_path / "c.slp").exists()
    (tmp_path / "file").write_text("")
    assert "cannot be made" in cli("replay", "export", "--run", "my-run", "-o", str(tmp_path / "file")).sentence()
