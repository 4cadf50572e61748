"""Damaged replays: every one is a row with its reason or a game that Melee could show; nothing hangs, nothing grows.

``EXPHIL_RT_FUZZ_FILES=10000 pytest -m slow tests/exphil_rt/replays/test_fuzz.py`` sets how many.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
import time
from collections import Counter

import numpy as np
import pytest
from mutations import write_mutant

from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.observation import default_schema
from exphil_rt.replays import BadReplay, ReplayFolder, find_replays, read_many

SOURCES = ("short/v3.18.slp", "short/v3.16.slp", "short/ics.slp", "short/netplay.slp", "short/v3.12.slp",
           "short/short_game_tbh10.slp", "short/v3.13.slp", "short/buttons_abxy.slp")  # fmt: skip
MANY = int(os.environ.get("EXPHIL_RT_FUZZ_FILES", "1000"))
CHUNK = 250
MAX_RSS = 2 << 30


def _kind(reason: str) -> str:
    """A reason without its numbers."""
    return re.sub(r"-?[0-9][0-9a-fx.e+]*", "N", reason)[:60]


def possible(frames) -> None:
    """Bounds of our own, apart from those of the code."""
    for name, values in frames.arrays().items():
        assert np.isfinite(values).all(), name
    for fighters in (frames.players, frames.nanas):
        assert (fighters.percent < 1000).all()
        assert (fighters.percent >= 0).all()
        assert (fighters.stocks < 100).all()
        assert (np.abs(fighters.position_x) <= 10_000).all()
        assert (np.abs(fighters.position_y) <= 10_000).all()
        assert (fighters.character < 33).all()
        assert set(np.unique(fighters.facing)) <= {-1.0, 0.0, 1.0}
        assert (fighters.shield <= 60).all()
        assert (np.abs(fighters.self_y) <= 1000).all()
    held = frames.controllers
    for stick in (held.joystick_x, held.joystick_y, held.cstick_x, held.cstick_y):
        assert (np.abs(stick) <= 1).all()
    assert ((held.trigger >= 0) & (held.trigger <= 1)).all()
    assert np.array_equal(frames.frame, np.arange(-123, -123 + len(frames.frame)))
    assert (np.abs(frames.items.position_x) <= 10_000).all()


def fuzz(replays_dir, tmp_path, first: int, count: int) -> Counter[str]:
    sources = [(replays_dir / name).read_bytes() for name in SOURCES]
    encoder = Encoder(default_schema())
    seen: Counter[str] = Counter()
    for begin in range(first, first + count, CHUNK):
        folder = tmp_path / str(begin)
        folder.mkdir()
        for number in range(begin, min(begin + CHUNK, first + count)):
            write_mutant(folder, number, sources)
        paths = find_replays(ReplayFolder(folder, "a test"))
        for result in read_many(paths, rollback="first", workers=2, deadline_s=20):
            if isinstance(result, BadReplay):
                assert result.reason, result.path
                assert "\n" not in result.reason
                assert len(result.reason) <= 300
                seen[_kind(result.reason)] += 1
            else:
                possible(result.frames)
                encoded = encoder.encode(result.frames, None)
                assert np.isfinite(encoded.floats).all()
                seen["good"] += 1
        shutil.rmtree(folder)
    return seen


def test_some_damaged_replays(replays_dir, tmp_path):
    seen = fuzz(replays_dir, tmp_path, 0, 120)
    assert seen.total() >= 115, "archives that cannot be listed are rows, too"
    assert seen["good"] > 5
    assert len(seen) > 5


@pytest.mark.slow
def test_many_damaged_replays(replays_dir, tmp_path):
    began = time.monotonic()
    seen = fuzz(replays_dir, tmp_path, 0, MANY)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1024 if sys.platform == "linux" else 1)
    lines = [f"{number:7} {reason}" for reason, number in seen.most_common()]
    sys.stderr.write("\n".join([f"\n{MANY} files, {seconds:.0f} s, largest process {peak / 1e6:.0f} MB", *lines, ""]))
    assert seen["good"]
    assert peak < MAX_RSS
