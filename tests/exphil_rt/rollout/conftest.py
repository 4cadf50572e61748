"""Loops over lanes of the real embedded game."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from exphil_rt.inference import Engine
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.sim import EmbeddedLane

sys.path.insert(0, str(Path(__file__).parent))  # rollout_parts is a helper of these tests, no package

from rollout_parts import small_policy


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def make_loop():
    """Make loops over lanes of their own, closed at the end."""
    lanes = []

    def make(policy=None, games=2, rated=0, exhibition=False, **more):
        slots = games + rated + int(exhibition)
        lane = EmbeddedLane(slots)
        lanes.append(lane)
        return RolloutLoop(
            lane,
            Engine(2 * slots),
            policy or small_policy(),
            games=games,
            rated=rated,
            exhibition=exhibition,
            **({"seed": 5, "sample_hz": 0.0} | more),
        )

    yield make
    for lane in lanes:
        lane.close()
