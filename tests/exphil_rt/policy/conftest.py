"""Fixtures for the policy tests: frames full of plausible numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from exphil_rt.game.frames import FIRST_FRAME, Frames, PlayerColumns
from exphil_rt.policy.codec import ActionCodec

SIZES = ActionCodec().sizes
NUM_HEADS = ActionCodec().num_heads


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads only wait for one another on tensors this small."""
    torch.set_num_threads(1)


MakeFrames = Callable[..., Frames]


def _fill_fighter(columns: PlayerColumns, rng: np.random.Generator, present: float) -> None:
    shape = columns.exists.shape
    columns.exists[...] = rng.random(shape) < present
    columns.character[...] = rng.integers(0, 27, shape)
    columns.state[...] = rng.integers(0, 390, shape)
    columns.position_x[...] = rng.normal(0, 60, shape)
    columns.position_y[...] = rng.normal(20, 30, shape)
    columns.facing[...] = rng.choice([-1.0, 1.0], shape)
    columns.percent[...] = rng.uniform(0, 200, shape)
    columns.state_age[...] = rng.uniform(0, 60, shape)
    columns.stocks[...] = rng.integers(1, 5, shape)
    columns.jumps[...] = rng.integers(0, 3, shape)
    columns.airborne[...] = rng.integers(0, 2, shape)
    columns.shield[...] = rng.uniform(0, 60, shape)
    columns.self_y[...] = rng.normal(0, 2, shape)
    columns.knockback_x[...] = rng.normal(0, 2, shape)


@pytest.fixture(scope="session")
def make_frames() -> MakeFrames:
    """``make_frames(lead, seed, items=True)``: frames with that leading shape and controllers a codec can give."""

    def make(lead: tuple[int, ...], seed: int = 0, items: bool = True) -> Frames:
        rng = np.random.default_rng(seed)
        frames = Frames.allocate(lead)
        if lead:
            steps = np.arange(lead[0]).reshape(-1, *([1] * (len(lead) - 1)))
            frames.frame[...] = FIRST_FRAME + steps
        else:
            frames.frame[...] = FIRST_FRAME
        frames.stage[...] = rng.choice([2, 3, 8, 28, 31, 32], lead)
        frames.platforms[...] = rng.uniform(0, 30, (*lead, 2))
        _fill_fighter(frames.players, rng, 0.95)
        _fill_fighter(frames.nanas, rng, 0.3)
        actions = np.stack([rng.integers(0, size, (*lead, 2)) for size in SIZES], -1).astype(np.uint8)
        assert actions.shape[-1] == NUM_HEADS
        frames.controllers.assign(..., ActionCodec().decode(actions))
        if items:
            shape = (*lead, 15)
            frames.items.exists[...] = rng.random(shape) < 0.3
            frames.items.kind[...] = rng.integers(0, 240, shape)
            frames.items.owner[...] = rng.integers(-1, 2, shape)
            frames.items.position_x[...] = rng.normal(0, 60, shape)
            frames.items.position_y[...] = rng.normal(0, 60, shape)
            frames.items.velocity_x[...] = rng.normal(0, 2, shape)
        return frames

    return make


@pytest.fixture(scope="session")
def random_actions() -> Callable[..., np.ndarray]:
    """``random_actions(lead, seed)``: any legal actions ``[*lead, 13]``."""

    def make(lead: tuple[int, ...], seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.stack([rng.integers(0, size, lead) for size in SIZES], -1).astype(np.uint8)

    return make
