"""Loops over lanes of the real embedded game."""

from __future__ import annotations

import pytest
import torch
from rollout_parts import small_policy

from exphil_rt.inference import Engine
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.sim import EmbeddedLane


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
