"""How well a policy predicts recorded play: whole held-out games from their first frame, as in play, teacher forced."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from exphil_rt.game.frames import U8
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.embed import InputTensors, to_tensors
from exphil_rt.policy.policy import Policy
from exphil_rt.training.baselines import Meter, Score
from exphil_rt.training.dataset import Batch, Dataset, Side
from exphil_rt.training.dataset.loader import whole_batches

_BATCH: Final = 32
_STEPS: Final = 128


class Predicted(NamedTuple):
    """Predictions of some frames, as numpy columns ``[N, ...]``."""

    side: NDArray[np.int64]
    """Place of the side in what was given."""
    frame: NDArray[np.int64]
    """Frame of the game (from 0) that was seen."""
    previous: U8
    """``[N, K]``, the action before."""
    targets: U8
    """``[N, K]``, what the player did."""
    likeliest: U8
    """``[N, K]``, what the policy would have done, each head given the player's earlier ones."""
    logp: NDArray[np.float32]
    """``[N, K]``, of the targets."""
    value: NDArray[np.float32]
    """``[N]``."""


def inputs_of(batch: Batch, device: torch.device) -> tuple[InputTensors, Tensor]:
    """What a policy takes of a batch: its inputs, and ``[B, T]`` where its state begins anew."""
    reset = torch.zeros(batch.weight.shape, dtype=torch.uint8, device=device)
    reset[:, 0] = torch.from_numpy(batch.reset).to(device)
    return to_tensors(batch.inputs, device), reset


def predictions(
    policy: Policy, dataset: Dataset, sides: Sequence[Side], *, delay: int | None = None
) -> Generator[Predicted, None, None]:
    """Predict whole sides, each from its first frame with zero state.

    Args:
        policy: what predicts; left in the mode that it is in.
        dataset: where the frames lie.
        sides: which are predicted.
        delay: with which the policy acts; its own by default.
    """
    device = next(policy.parameters()).device
    training = policy.training
    policy.eval()
    state: State = ()
    config = policy.config
    delay = config.delay if delay is None else delay
    try:
        with torch.no_grad():
            for batch in whole_batches(
                dataset, sides, config.codec, delay=delay, dmax=config.dmax, batch=_BATCH, steps=_STEPS
            ):
                if not state:
                    state = policy.init_state(len(batch.reset))
                inputs, reset = inputs_of(batch, device)
                hidden, value, state = policy(inputs, state, reset)
                there = batch.weight > 0
                chosen = torch.from_numpy(there).to(device)
                hidden, before = hidden[chosen], inputs.previous[chosen]
                targets = torch.from_numpy(batch.targets).to(device)[chosen]
                _, _, per_head = policy.heads.log_prob(hidden, before, targets)
                best = policy.heads.likeliest(policy.heads.logits(hidden, before, targets))
                rows, steps = np.nonzero(there)
                yield Predicted(
                    batch.side[rows],
                    batch.start[rows] + steps,
                    before.cpu().numpy(),
                    batch.targets[there],
                    best.cpu().numpy(),
                    per_head.cpu().numpy(),
                    value[chosen].cpu().numpy(),
                )
    finally:
        policy.train(training)


def evaluation(
    policy: Policy, dataset: Dataset, sides: Sequence[Side], *, delay: int | None = None
) -> Generator[int, None, Score]:
    """As ``evaluate``, batch by batch: yields the frames measured so far, and returns the score."""
    meter, frames = Meter(policy.config.codec.num_heads), 0
    with contextlib.closing(predictions(policy, dataset, sides, delay=delay)) as found_ones:
        for found in found_ones:
            meter.add(found.logp, found.likeliest == found.targets, (found.previous != found.targets).any(-1))
            frames += len(found.frame)
            yield frames
    return meter.score()


def evaluate(policy: Policy, dataset: Dataset, sides: Sequence[Side], *, delay: int | None = None) -> Score:
    """Score on whole sides, each from its first frame with zero state. Accuracy is that of the likeliest choices."""
    turns = evaluation(policy, dataset, sides, delay=delay)
    while True:
        try:
            next(turns)
        except StopIteration as end:
            score: Score = end.value
            return score
