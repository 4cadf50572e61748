"""The one test that needs a real Dolphin and a real copy of Melee: a game against a CPU, from start to replay."""

from __future__ import annotations

import os

import pytest
from dolphin_parts import manifest_of
from rollout_parts import small_policy

from exphil_rt.policy.bundle import save_bundle
from exphil_rt.replays import read_replay
from exphil_rt.store.run import Run

NEEDED = ("DOLPHIN_PATH", "ISO_PATH")
PLAYED = 1800
"""Frames: half a minute."""


@pytest.mark.dolphin
@pytest.mark.skipif(
    not all(os.environ.get(name) for name in NEEDED),
    reason="needs a real Dolphin and ISO: set DOLPHIN_PATH and ISO_PATH",
)
def test_a_policy_plays_in_the_real_dolphin(place):
    policy = small_policy(delay=6)
    save_bundle(place.home.policies / "smoke@v1", policy, manifest_of(policy, "smoke"))
    place.start("play", "dolphin", "smoke", "--opponent", "cpu1", "--headless", "--run", "real")
    live = place.live("real")
    try:
        place.until(lambda: (match := live.status.match) and match.frames > PLAYED, "half a minute is played", 180.0)
        match = live.status.match
        assert match.starts == 1, live.events("console_fault")
        assert match.echo_lag == (match.echo_wanted,)
        assert 58.0 < match.fps < 62.0
        assert match.late < PLAYED / 100
        family = live.processes()
    finally:
        done = place.do("daemon", "stop", "--run", "real")
        live.client.close()
    assert done.returncode == 0
    place.until(lambda: not place.living(family), "nothing is left")
    (replay,) = (Run(place.home, "real").replays / "console").glob("**/*.slp")
    assert len(read_replay(replay, rollback="last").frames.frame) >= PLAYED
