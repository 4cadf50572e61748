"""Rewards: terms over a rollout's frames, mixed by weights. Built-in terms in ``standard`` and ``shaped``."""

from __future__ import annotations

from exphil_rt.training.rewards.mix import RewardInvalid, RewardMix, Term

__all__ = ("RewardInvalid", "RewardMix", "Term")
