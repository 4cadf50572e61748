"""Fresh policies: how a policy without data begins, so that what it tries at first is worth learning from."""

from __future__ import annotations

import math
from typing import Final

import torch

from exphil_rt.policy.codec import AXIS_BUCKETS, NUM_BUTTONS
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.policy import Policy

KEEP_STICK: Final = 0.9
"""Probability that a fresh policy leaves an axis of the control stick where it is, a frame.

Redrawn 60 times a second, a stick trembles about its middle and no fighter ever walks; kept for 10 frames on average,
it dashes, jumps and falls.
"""


def fresh_policy(config: PolicyConfig, seed: int) -> Policy:
    """A policy of this shape with weights drawn by ``seed``, and a control stick that tends to stay where it is.

    Raises:
        ConfigInvalid, SchemaInvalid, CodecInvalid: for a config that cannot be built.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = Policy(config)
    heads = policy.heads
    redraw = (1.0 - KEEP_STICK) / AXIS_BUCKETS
    with torch.no_grad():
        for axis in range(2):
            rows = int(heads.previous_offsets[NUM_BUTTONS + axis])
            columns = NUM_BUTTONS + axis * AXIS_BUCKETS
            for bucket in range(AXIS_BUCKETS):
                heads.previous_table[rows + bucket, columns + bucket] = math.log((KEEP_STICK + redraw) / redraw)
    return policy
