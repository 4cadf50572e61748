"""Fresh policies: how a policy without data begins, so that what it tries at first is worth learning from.

Uniform choices 60 times a second make a stick that trembles about its middle and a fighter that is always somewhere
within a grab or a smash that hits nothing: it neither walks nor falls. So the sticks move in strokes, towards where
they mean something, and buttons are rare.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.policy import Policy

PRESS: Final = {"a": 0.05, "b": 0.03, "x": 0.02, "y": 0.01, "z": 0.01, "l": 0.01, "r": 0.01, "d_up": 0.002}
"""Probability of each button, a frame."""
KEEP: Final = 0.9
"""Probability that an axis of the control stick stays where it is, a frame: strokes of 10 frames on average."""
C_STICK: Final = 0.01
"""Probability that an axis of the C-stick leaves its middle, a frame (each time is an attack)."""
TRIGGER: Final = 0.02
"""Probability that the trigger is touched, a frame."""


def fresh_policy(config: PolicyConfig, seed: int) -> Policy:
    """A policy of this shape, its weights drawn by ``seed``, that plays as said above whatever it sees.

    Raises:
        ConfigInvalid, SchemaInvalid, CodecInvalid: for a config that cannot be built.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = Policy(config)
    heads = policy.heads
    weight = heads.weight.detach().clone()
    heads.init_previous_tables(_transitions(config.codec), 1e-9)
    with torch.no_grad():
        heads.weight.copy_(weight)
    return policy


def _transitions(codec: ActionCodec) -> list[NDArray[np.float64]]:
    """P(choice | previous choice) ``[size, size]`` of each head."""
    return [_transition(*head) for head in zip(codec.heads, codec.sizes, codec.neutral().tolist(), strict=True)]


def _transition(name: str, size: int, middle: int) -> NDArray[np.float64]:
    likely = np.ones(size)
    keep = 0.0
    if name in PRESS:
        likely[:] = (1.0 - PRESS[name], PRESS[name])
    elif name == "shoulder":
        likely[:] = TRIGGER / (size - 1)
        likely[0] = 1.0 - TRIGGER
    elif name.startswith("c"):
        likely[:] = C_STICK / (size - 1)
        likely[middle] = 1.0 - C_STICK
    else:
        keep = KEEP
        # Left and right: full strokes, else anywhere. Up and down: mostly level, so that it stays on its feet.
        if name != "main":
            likely[[0, -1]] = 4.0 if name == "main_x" else 2.0
        likely[middle] = 4.0 if name == "main_x" else 12.0
    likely /= likely.sum()
    table: NDArray[np.float64] = keep * np.eye(size) + (1.0 - keep) * likely
    return table
