"""PPO's loss over sequences (Schulman et al. 2017): clipped policy objective, value loss, entropy.

Tensors in, tensors out; which sequences, epochs and optimizers there are is said in ``learner``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from exphil_rt.messages.learner import LearnerConfig


class Targets(NamedTuple):
    """What a minibatch of sequences ``[B, T]`` is held against."""

    logp: Tensor
    """Log-probability when the action was chosen."""
    advantage: Tensor
    returns: Tensor
    policy_mask: Tensor
    """1 where the decision counts in the policy's loss."""
    value_mask: Tensor
    """1 where the row counts in the value's loss."""


class Loss(NamedTuple):
    """The loss and its parts, means over the masks."""

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor
    kl: Tensor
    """KL(old, new), Schulman's k3: mean of (r - 1) - log r."""
    clipped: Tensor
    """Share of decisions outside the clip range."""
    teacher: Tensor
    """KL(policy, teacher) in nats a frame; 0 without a teacher."""


def ppo_loss(
    logp: Tensor,
    entropy: Tensor,
    value: Tensor,
    targets: Targets,
    config: LearnerConfig,
    spread: float = 1.0,
    away: Tensor | None = None,
) -> Loss:
    """The loss of a minibatch.

    Args:
        logp: ``[B, T]`` of the taken actions under the policy as it is now.
        entropy: ``[B, T]``.
        value: ``[B, T]``.
        targets: ``[B, T]`` each.
        config: clip range and weights.
        spread: variance of the returns. The value's loss is measured in it: a stock is lost once in a thousand frames,
            and in its own units the loss would be too small for the shared trunk to hear beside the policy's.
        away: KL of the policy to its teacher ``[B, T]``, where it has one.
    """
    decisions = targets.policy_mask.sum().clamp(min=1.0)
    rows = targets.value_mask.sum().clamp(min=1.0)
    move = (logp - targets.logp) * targets.policy_mask
    ratio = torch.exp(move.clamp(-20.0, 20.0))
    bounded = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
    gain = torch.minimum(ratio * targets.advantage, bounded * targets.advantage)
    policy = -(gain * targets.policy_mask).sum() / decisions
    miss = (value - targets.returns).square() * targets.value_mask
    value_loss = 0.5 * miss.sum() / (rows * spread)
    unrest = (entropy * targets.policy_mask).sum() / decisions
    total = policy + config.value * value_loss - config.entropy * unrest
    teacher = torch.zeros_like(policy) if away is None else (away * targets.policy_mask).sum() / decisions
    if away is not None:
        total = total + config.teacher_kl * teacher
    with torch.no_grad():
        kl = ((ratio - 1.0 - move) * targets.policy_mask).sum() / decisions
        clipped = (((ratio - 1.0).abs() > config.clip) * targets.policy_mask).sum() / decisions
    return Loss(total, policy, value_loss, unrest, kl, clipped, teacher)
