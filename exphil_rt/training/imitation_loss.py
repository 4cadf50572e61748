"""What a clone is trained on: the loss of each head, the value of the game as it went, the action state that came next.

Every term but the heads' plain NLL is an option (``ImitationConfig``). Tensors in, tensors out.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from exphil_rt.policy.codec import NUM_BUTTONS, STICK_RADIUS, ActionCodec
from exphil_rt.policy.heads import Heads
from exphil_rt.training.dataset import Dataset, Side
from exphil_rt.training.imitation_config import ImitationConfig

EDGE: Final = 0.9
"""Share of full deflection from which a stick counts as held to the edge."""
_DAMAGE: Final = 0.01
_SPREAD_SIDES: Final = 64
"""Sides of which the spread of the returns is measured."""


def head_losses(
    heads: Heads, logits: Tensor, targets: Tensor, edges: Tensor, config: ImitationConfig
) -> tuple[Tensor, Tensor]:
    """The loss and the log-probability of every target.

    Focal loss is ``(1 - p)^gamma`` times the cross-entropy (Lin et al. 2017); label smoothing gives a share of the
    target to all choices alike (Szegedy et al. 2016).

    Args:
        heads: whose logits these are.
        logits: ``[N, L]``, teacher forced.
        targets: ``[N, K]``, integers.
        edges: of :func:`edge_choices`.
        config: which terms.

    Returns:
        Loss ``[N, K]`` and log-probability ``[N, K]`` (no gradient).
    """
    smooth = config.smoothing
    pressed = targets[:, :NUM_BUTTONS].to(logits.dtype)
    buttons = logits[:, :NUM_BUTTONS]
    unlikely = F.softplus(buttons)
    logps = [pressed * buttons - unlikely]
    losses = [unlikely - (pressed * (1 - smooth) + 0.5 * smooth) * buttons if smooth else -logps[0]]
    if config.positive != 1.0:
        losses[0] = losses[0] * (1.0 + (config.positive - 1.0) * pressed)
    head, column = NUM_BUTTONS, NUM_BUTTONS
    for run in heads.runs:
        width = run.heads * run.size
        logs = logits[:, column : column + width].reshape(-1, run.heads, run.size).log_softmax(-1)
        logp = logs.gather(-1, targets[:, head : head + run.heads, None])[..., 0]
        logps.append(logp)
        losses.append(-(1 - smooth) * logp - smooth * logs.mean(-1) if smooth else -logp)
        head, column = head + run.heads, column + width
    logp, loss = torch.cat(logps, 1), torch.cat(losses, 1)
    if config.focal:
        loss = loss * (1.0 - logp.exp()).clamp_min(1e-6) ** config.focal
    if config.stick_edge != 1.0:
        held = edges.expand(targets.shape[0], -1, -1).gather(-1, targets[..., None])[..., 0]
        loss = loss * (1.0 + (config.stick_edge - 1.0) * held)
    return loss, logp.detach()


def edge_choices(codec: ActionCodec) -> Tensor:
    """1 where a choice of a stick's head holds it at the edge, ``[K, largest size]``."""
    found = torch.zeros(codec.num_heads, max(codec.sizes))
    for head, name in enumerate(codec.heads):
        if name in ("main", "c"):
            pairs = np.asarray(codec.main if name == "main" else codec.c_stick, np.float64)
            reach = np.hypot(pairs[:, 0], pairs[:, 1])
        elif name.startswith(("main", "c_")):
            reach = np.abs(np.asarray(codec.stick, np.float64))
        else:
            continue
        found[head, : len(reach)] = torch.from_numpy(reach >= EDGE * STICK_RADIUS).float()
    return found


class Returns:
    """The discounted reward that followed each frame of a side: +-1 a stock, 0.01 a percent, +-1 the game.

    These are the terms of the ``standard`` reward, so that the value is worth something to whoever goes on by PPO.
    """

    def __init__(self, dataset: Dataset, sides: tuple[Side, ...], gamma: float) -> None:
        self._dataset, self._sides, self._gamma = dataset, sides, gamma
        self.of = functools.lru_cache(maxsize=4096)(self._of)
        seen = [self.of(number) for number in range(0, len(sides), max(1, len(sides) // _SPREAD_SIDES))]
        self.spread = max(float(np.concatenate(seen).var()), 1e-4) if seen else 1.0
        """Variance of the returns, in which the value's loss is measured."""

    def _of(self, number: int) -> NDArray[np.float32]:
        side = self._sides[number]
        segment = self._dataset.segment(side.game)
        stocks, percent = segment.stocks.astype(np.float64), segment.percent.astype(np.float64)
        lost = np.maximum(stocks[:-1] - stocks[1:], 0) + _DAMAGE * np.maximum(percent[1:] - percent[:-1], 0)
        reward = lost[:, 1 - side.player] - lost[:, side.player]  # [T - 1]
        if len(reward) and (stocks[-1] == 0).any():
            reward[-1] += np.sign(stocks[-1, side.player] - stocks[-1, 1 - side.player])
        found, after, gamma = np.zeros(len(stocks), np.float32), 0.0, self._gamma
        for t, gain in zip(range(len(reward) - 1, -1, -1), reward[::-1].tolist(), strict=True):
            after = gain + gamma * after
            found[t] = after
        return found

    def batch(self, side: NDArray[np.int64], start: NDArray[np.int64], steps: int) -> NDArray[np.float32]:
        """Returns ``[B, steps]`` of rows that begin at ``start`` of a side (-1: none); 0 behind the end."""
        found = np.zeros((len(side), steps), np.float32)
        for row, (number, begin) in enumerate(zip(side.tolist(), start.tolist(), strict=True)):
            if number >= 0:
                part = self.of(number)[begin : begin + steps]
                found[row, : len(part)] = part
        return found
