"""What an imitation comes to: its epochs, its scores beside the tables, what was published. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from exphil_rt.training.baselines import Score

Ended = Literal["epochs", "seconds", "patience", "interrupted", "diverged"]


class EpochReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an epoch came to."""

    epoch: int
    train_nll: float
    held_out: Score
    best: bool
    """Better than all before it."""
    seconds: float

    @property
    def line(self) -> str:
        """For people."""
        minutes, seconds = divmod(round(self.seconds), 60)
        return (
            f"epoch {self.epoch}  train NLL {self.train_nll:.3f}  held-out NLL {self.held_out.nll:.3f}  "
            f"changed frames {self.held_out.nll_changed:.3f}  {minutes}:{seconds:02d}{'  best' if self.best else ''}"
        )


class ImitationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What training came to; the policy holds the weights of ``best_epoch``, or the mean of the last ones."""

    score: Score
    marginal: Score
    """Baseline: smoothed P(a), counted on the training games."""
    previous: Score
    """Baseline: smoothed P(a | previous a)."""
    best_epoch: int
    averaged: int = 0
    """Epochs whose mean it is; 0: it is one epoch's."""
    epochs: tuple[EpochReport, ...]
    steps: int
    frames: int
    """Frames learned from, over all epochs."""
    seconds: float
    frames_per_second: float
    waited: float = 0.0
    """Share of the learning that went by waiting for data."""
    ended: Ended


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``outcome.json`` of a run: what was published last."""

    policy: str
    """``NAME@vN``."""
    path: str
    data: str
    """What it learned from, for people."""
    heads: tuple[str, ...]
    """Names of the action's parts, in the order of the scores."""
    result: ImitationResult
    """Where it says that it ended ``interrupted``, the run is not over."""
    report_card: dict[str, Any] | None = None
    """A ``rollout.closed_loop.ReportCard``, once it was played for."""


def metrics(result: ImitationResult, heads: Sequence[str]) -> dict[str, float]:
    """What a bundle's manifest keeps of a result: scores of the policy and of both tables, and each head's."""
    found: dict[str, float] = {}
    for name, score in (("", result.score), ("marginal_", result.marginal), ("previous_", result.previous)):
        found |= {
            f"{name}nll": score.nll,
            f"{name}nll_changed": score.nll_changed,
            f"{name}accuracy": score.accuracy,
            f"{name}accuracy_changed": score.accuracy_changed,
        }
    for number, head in enumerate(heads):
        found[f"nll.{head}"] = result.score.head_nll[number]
        found[f"accuracy.{head}"] = result.score.head_accuracy[number]
        found[f"nll_changed.{head}"] = result.score.head_nll_changed[number]
        found[f"accuracy_changed.{head}"] = result.score.head_accuracy_changed[number]
    found["held_out_frames"] = float(result.score.frames)
    found["held_out_changed_frames"] = float(result.score.changed_frames)
    found["best_epoch"] = float(result.best_epoch)
    return found
