"""Imitation: a policy learns to give the actions that people gave (behaviour cloning), and is held against tables.

Sequences of T frames with truncated backpropagation: the recurrent state is carried from a sequence to the next one
of the same piece, without its gradient, and begins at zero with each piece. It is measured on whole held-out games
from their first frame, as in play. Data and batches are in ``dataset``, the tables in ``baselines``.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import torch
from torch import Tensor

from exphil_rt.errors import ExphilError
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.codec import transition_counts
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.policy import Policy
from exphil_rt.training.baselines import Meter, Score, Tables
from exphil_rt.training.dataset import Batch, Dataset, Loader, PlanConfig, Side, Split
from exphil_rt.training.dataset.dataset import actions_of
from exphil_rt.training.dataset.loader import whole_batches

_EVAL_BATCH = 32
_EVAL_STEPS = 128


class ImitationDiverged(ExphilError):
    """The loss became infinite or not a number before anything was learned."""


class ImitationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to learn."""

    epochs: int = 10
    batch: int = 16
    steps: int = 64
    """T: frames of a sequence, through which gradients flow."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    hide_state: float = 0.5
    """Share of the pieces that are learned from actions alone. What is on screen names the players of few games, and a
    network that always sees it learns those (17 games, 6 epochs, one split: best held-out NLL 1.71 with 0, 1.63 with
    0.5)."""
    warmup: float = 0.02
    """Share of all frames over which the learning rate rises; then it falls along a cosine to a twentieth."""
    patience: int = 3
    """Epochs without a better held-out NLL after which to stop."""
    seed: int = 0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where training is."""

    epoch: int
    epochs: int
    frames: int
    total_frames: int
    nll: float
    """Training NLL, a mean over about the last hundred batches."""
    frames_per_second: float
    """While training: time spent measuring does not count."""
    eta_s: float
    learning_rate: float


class EpochReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an epoch came to."""

    epoch: int
    train_nll: float
    held_out: Score
    best: bool
    seconds: float


class ImitationResult(msgspec.Struct, frozen=True, kw_only=True):
    """What training came to; the policy holds the weights of ``best_epoch``."""

    score: Score
    marginal: Score
    """Baseline: smoothed P(a), counted on the training games."""
    previous: Score
    """Baseline: smoothed P(a | previous a)."""
    best_epoch: int
    epochs: tuple[EpochReport, ...]
    steps: int
    frames: int
    """Frames learned from, over all epochs."""
    seconds: float
    frames_per_second: float
    ended: str
    """``epochs``, ``patience``, ``interrupted`` or ``diverged``."""


def fit(
    policy: Policy,
    data: Split,
    config: ImitationConfig,
    *,
    fresh: bool = True,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
) -> ImitationResult:
    """Train ``policy`` in place; it ends with the weights of the epoch that was best on the held-out games.

    Ctrl-C ends it early, with the best so far, once an epoch is whole.

    Args:
        fresh: begin the heads as the table of the training games' P(a | previous a), and the embeddings at zero.
        on_progress: called after every batch.
        on_epoch: called after every epoch's measurement.

    Raises:
        ImitationDiverged: the loss is not finite before the first epoch is over.
    """
    delay, codec = policy.config.delay, policy.config.codec
    # A side's first target is that of its first frame, delay + 1 later.
    train, held_out = (
        [actions_of(data.dataset, side, codec)[delay:] for side in part] for part in (data.train, data.held_out)
    )
    tables = Tables.fit(train, codec.sizes)
    marginal, previous = tables.scores(held_out)
    if fresh:
        counts = [transition_counts(actions[:-1], actions[1:], codec.sizes) for actions in train]
        policy.heads.init_previous_tables([np.sum(head, axis=0) for head in zip(*counts, strict=True)])
        with torch.no_grad():  # a character or state that no training game shows then means nothing, not noise
            for table in policy.embed.tables.parameters():
                table.zero_()
    run = _Run(policy, data, config)
    started = time.monotonic()
    reports: list[EpochReport] = []
    best: dict[str, Tensor] = {}
    best_epoch, ended = 0, "epochs"
    try:
        for epoch in range(1, config.epochs + 1):
            began = time.monotonic()
            train_nll = run.epoch(epoch, on_progress)
            score = evaluate(policy, data.dataset, data.held_out)
            is_best = not reports or score.nll < reports[best_epoch - 1].held_out.nll
            if is_best:
                best, best_epoch = copy.deepcopy(policy.state_dict()), epoch
            report = EpochReport(
                epoch=epoch, train_nll=train_nll, held_out=score, best=is_best, seconds=time.monotonic() - began
            )
            reports.append(report)
            on_epoch(report)
            if epoch - best_epoch >= config.patience:
                ended = "patience"
                break
    except KeyboardInterrupt:
        if not reports:
            raise
        ended = "interrupted"
    except ImitationDiverged:
        if not reports:
            raise
        ended = "diverged"
    policy.load_state_dict(best)
    policy.eval()
    return ImitationResult(
        score=reports[best_epoch - 1].held_out,
        marginal=marginal,
        previous=previous,
        best_epoch=best_epoch,
        epochs=tuple(reports),
        steps=run.steps,
        frames=run.frames,
        seconds=time.monotonic() - started,
        frames_per_second=run.frames / max(run.seconds, 1e-9),
        ended=ended,
    )


class _Run:
    """The optimizer and where it is."""

    def __init__(self, policy: Policy, data: Split, config: ImitationConfig) -> None:
        self.policy = policy
        self.config = config
        self.device = next(policy.parameters()).device
        self.optimizer = torch.optim.AdamW(_parameter_groups(policy, config), lr=config.learning_rate)
        plan = PlanConfig(
            batch=config.batch,
            steps=config.steps,
            seed=config.seed,
            delays=(policy.config.delay,),
            hide_state=config.hide_state,
        )
        self.loader = Loader(data.dataset, data.train, policy.config.codec, plan, dmax=policy.config.dmax)
        self.total = self.loader.frames * config.epochs
        self.frames = self.steps = 0
        self.seconds = 0.0
        self._recent = math.nan

    def epoch(self, number: int, on_progress: Callable[[Progress], None]) -> float:
        """Learn from every training frame once; the mean NLL."""
        config, policy = self.config, self.policy
        policy.train()
        state: State = ()
        summed = seen = 0.0
        began = time.monotonic()
        for batch in self.loader.epoch(number - 1):
            if not state:
                state = policy.init_state(len(batch.reset))
            nll, state = self._step(batch, state)
            frames = int(batch.weight.sum())
            self.frames += frames
            self.steps += 1
            self.seconds += time.monotonic() - began
            summed += nll * frames
            seen += frames
            self._recent = nll if math.isnan(self._recent) else 0.98 * self._recent + 0.02 * nll
            rate = self.frames / self.seconds
            on_progress(
                Progress(
                    epoch=number,
                    epochs=config.epochs,
                    frames=self.frames,
                    total_frames=self.total,
                    nll=self._recent,
                    frames_per_second=rate,
                    eta_s=(self.total - self.frames) / rate,
                    learning_rate=self._rate(),
                )
            )
            began = time.monotonic()
        return summed / max(seen, 1.0)

    def _step(self, batch: Batch, state: State) -> tuple[float, State]:
        rate = self._rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        per_head, state = _forward(self.policy, batch, state, self.device)
        weight = torch.from_numpy(batch.weight).to(self.device)
        loss = -(per_head.sum(-1) * weight).sum() / weight.sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.clip)
        nll = loss.item()
        if not (math.isfinite(nll) and math.isfinite(norm.item())):
            raise ImitationDiverged(
                f"Training diverged at batch {self.steps + 1}: the loss is {nll} and its gradient {norm.item()}.",
                hint="Try again with a smaller --learning-rate.",
            )
        self.optimizer.step()
        return nll, tuple(part.detach() for part in state)

    def _rate(self) -> float:
        done = self.frames / max(self.total, 1)
        warmup = self.config.warmup
        if done < warmup:
            return self.config.learning_rate * (0.05 + 0.95 * done / warmup)
        along = (done - warmup) / (1 - warmup)
        return self.config.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(along, 1.0))))


def _parameter_groups(policy: Policy, config: ImitationConfig) -> list[dict[str, object]]:
    """Weights of layers decay; biases, embeddings and the heads' tables do not."""
    decayed: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in policy.named_parameters():
        plain = parameter.ndim < 2 or "embedding" in name or "table" in name or name == "embed.actions"
        (others if plain else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _forward(policy: Policy, batch: Batch, state: State, device: torch.device) -> tuple[Tensor, State]:
    """Log-probability of the targets, ``[B, T, K]``, and the state behind the batch."""
    inputs = to_tensors(batch.inputs, device)
    reset = torch.zeros(batch.weight.shape, dtype=torch.uint8, device=device)
    reset[:, 0] = torch.from_numpy(batch.reset).to(device)
    hidden, _, state = policy(inputs, state, reset)
    targets = torch.from_numpy(batch.targets).to(device)
    _, _, per_head = policy.heads.log_prob(hidden, inputs.previous, targets)
    return per_head, state


@torch.no_grad()
def evaluate(policy: Policy, dataset: Dataset, sides: Sequence[Side]) -> Score:
    """Score on whole sides, each from its first frame with zero state. Accuracy is that of the likeliest choices."""
    device = next(policy.parameters()).device
    training = policy.training
    policy.eval()
    meter = Meter(policy.config.codec.num_heads)
    state: State = ()
    config = policy.config
    for batch in whole_batches(
        dataset, sides, config.codec, delay=config.delay, dmax=config.dmax, batch=_EVAL_BATCH, steps=_EVAL_STEPS
    ):
        if not state:
            state = policy.init_state(len(batch.reset))
        inputs = to_tensors(batch.inputs, device)
        reset = torch.zeros(batch.weight.shape, dtype=torch.uint8, device=device)
        reset[:, 0] = torch.from_numpy(batch.reset).to(device)
        hidden, _, state = policy(inputs, state, reset)
        chosen = torch.from_numpy(batch.weight > 0).to(device)
        hidden, before = hidden[chosen], inputs.previous[chosen]
        targets = torch.from_numpy(batch.targets).to(device)[chosen]
        _, _, per_head = policy.heads.log_prob(hidden, before, targets)
        best = policy.heads.likeliest(policy.heads.logits(hidden, before, targets))
        meter.add(
            per_head.cpu().numpy(),
            (best == targets).cpu().numpy(),
            (before != targets).any(-1).cpu().numpy(),
        )
    policy.train(training)
    return meter.score()


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
