"""Advantages and returns from rewards and values, across the ends and starts of games inside a rollout.

Only numpy, no policy and no loss. Rows are those of ``exphil_rt.rollout.experience``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import F32, U8
from exphil_rt.rollout.experience import CUT, IN_PLAY, OVER


class Edges(NamedTuple):
    """Which rows ``[T, N]`` have a next row of the same game, and what it is."""

    valid: NDArray[np.bool_]
    """Row t and row t + 1 belong to one game: the step has a reward."""
    bootstrap: NDArray[np.bool_]
    """The value of row t + 1 counts (the game was not over there)."""
    carry: NDArray[np.bool_]
    """The game is still in play at row t + 1."""


def edges(ended: U8, reset: U8) -> Edges:
    """Read the steps' kinds from ``ended`` and ``reset`` ``[T + 1, N]``.

    A game that vanished without a last frame (void) has its last step invalid.
    """
    now, then = ended[:-1], ended[1:]
    follows = ((then == IN_PLAY) & (reset[1:] == 0)) | (then == OVER) | (then == CUT)
    valid = (now == IN_PLAY) & follows
    return Edges(valid, valid & (then != OVER), valid & (then == IN_PLAY))


def gae(rewards: F32, values: F32, steps: Edges, gamma: float, lam: float) -> tuple[F32, F32]:
    """Generalised advantage estimation (Schulman et al. 2016, equation 16), for every port.

    Args:
        rewards: ``[T, N, 2]`` of the step from row t to t + 1.
        values: ``[T + 1, N, 2]``; row T bootstraps what is still in play.
        steps: from :func:`edges`.
        gamma: discount a frame.
        lam: lambda.

    Returns:
        Advantages and returns (advantage + value), ``[T, N, 2]``; 0 and the value where the step is invalid.
    """
    discount = np.float32(gamma)
    decay = np.float32(gamma * lam)
    advantages = np.zeros_like(rewards)
    last = np.zeros_like(rewards[0])
    for t in range(rewards.shape[0] - 1, -1, -1):
        ahead = np.where(steps.bootstrap[t, :, None], values[t + 1], np.float32(0))
        delta = rewards[t] + discount * ahead - values[t]
        chained = delta + decay * np.where(steps.carry[t, :, None], last, np.float32(0))
        last = np.where(steps.valid[t, :, None], chained, np.float32(0))
        advantages[t] = last
    return advantages, advantages + values[:-1]
