"""A deterministic run that is killed and resumed equals an uninterrupted one, bit for bit."""

from __future__ import annotations

import hashlib
import os
import signal

import pytest

from exphil_rt.store.run import Run

FRAMES = 3200
SETTINGS = ("--headless", "--deterministic", "--timesteps", str(FRAMES), "--seed", "3")


def weights(place, run: str) -> list[str]:
    """Digests of all versions that a run published, oldest first."""
    with Run(place.home, run).reader() as database:
        refs = [row.ref for row in database.policies()]
    files = [place.home.policies / ref / "policy.safetensors" for ref in refs]
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.mark.slow
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(place):
    whole = place.start("self-play", "--run", "whole", *SETTINGS, *place.small)
    assert whole.wait(400.0) == 0, whole.output
    expected = weights(place, "whole")
    assert len(expected) >= 4  # the first one, one every 1000 frames, the last one

    cut = place.start("self-play", "--run", "cut", *SETTINGS, *place.small)
    live = place.live("cut")
    place.until(lambda: live.status.frames >= FRAMES // 2, "half of the frames", 300.0)
    live.client.close()
    os.kill(live.pid, signal.SIGKILL)
    assert cut.wait() == 1
    assert list(live.run.learner.glob("gen-*/loop.safetensors"))  # it goes on from a boundary, not from the start
    resumed = place.start("self-play", "--headless", "--resume", "cut")
    assert resumed.wait(400.0) == 0, resumed.output
    assert weights(place, "cut") == expected
