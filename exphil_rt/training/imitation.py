"""Imitation: a policy learns to give the actions that people gave (behaviour cloning), and is held against tables.

Sequences of T frames with truncated backpropagation: the recurrent state is carried from a sequence to the next one
of the same piece, without its gradient, and begins at zero with each piece. Epochs, stopping and keeping the best are
here; the step is in ``imitation_run``, its loss in ``imitation_loss``, the measuring in ``scoring``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
from torch import Tensor

from exphil_rt.policy.codec import transition_counts
from exphil_rt.policy.policy import Policy
from exphil_rt.training.baselines import Score, Tables
from exphil_rt.training.dataset import Split
from exphil_rt.training.dataset.dataset import actions_of
from exphil_rt.training.imitation_config import ImitationConfig
from exphil_rt.training.imitation_run import ImitationDiverged, ImitationRun, Progress
from exphil_rt.training.imitation_state import EpochReport, StateWriter, copied, newest
from exphil_rt.training.scoring import evaluate

__all__ = ("EpochReport", "ImitationConfig", "ImitationDiverged", "ImitationResult", "Progress", "evaluate", "fit")

SAVE_EVERY_S: Final = 60.0


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
    ended: str
    """``epochs``, ``seconds``, ``patience``, ``interrupted`` or ``diverged``."""


def fit(
    policy: Policy,
    data: Split,
    config: ImitationConfig,
    *,
    fresh: bool = True,
    folder: Path | None = None,
    save_every_s: float = SAVE_EVERY_S,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    on_event: Callable[[str], None] = lambda text: None,
) -> ImitationResult:
    """Train ``policy`` in place; it ends with the weights of the epoch that was best on the held-out games.

    Ctrl-C ends it early, with the best so far, once an epoch is whole. With a ``folder`` it is saved there as it goes,
    and goes on from what lies there: the result is then that of a training that was never interrupted, bit for bit
    (on one thread; after a divergence, up to which state was the last good one).

    Args:
        fresh: begin the heads as the table of the training games' P(a | previous a), and the embeddings at zero.
        folder: of its state; None keeps none.
        save_every_s: seconds between two states, besides those of every epoch's end.
        on_progress: called after every batch.
        on_epoch: called after every epoch's measurement.
        on_event: told what went wrong and was put right.

    Raises:
        ImitationDiverged: the loss is not finite before the first epoch is over, and going back did not help.
        LearnerStateInvalid: what lies in ``folder`` is of another network or other data, or damaged.
    """
    codec, delays = policy.config.codec, config.delays or (policy.config.delay,)
    delay = policy.config.delay if policy.config.delay in delays else max(delays)
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
    run = ImitationRun(policy, data, config, on_event)
    started = time.monotonic()
    reports: list[EpochReport] = []
    best: dict[str, Tensor] = {}
    lately: deque[dict[str, Tensor]] = deque(maxlen=config.average)
    best_epoch, ended = 0, "epochs"
    writer = StateWriter(folder) if folder is not None else None
    if folder is not None and (found := newest(folder)) is not None:
        state, files = found
        run.restore(state, files)
        reports, best_epoch = list(state.reports), state.best_epoch
        best = files.get("best", {})
        lately.extend(files[name] for name in sorted(name for name in files if name.startswith("lately-")))

    saved = time.monotonic()

    def save() -> None:
        nonlocal saved
        saved = time.monotonic()
        if writer is None:
            return
        weights = {f"lately-{number:03d}": tensors for number, tensors in enumerate(lately)}
        try:
            writer.put(*run.export(tuple(reports), best_epoch, weights | ({"best": best} if best else {})))
        except OSError as error:
            on_event(f"The training's state could not be written ({error.strerror}); it goes on.")

    try:
        for number in range(run.loader.position.epoch, config.epochs):
            if reports and (len(reports) - best_epoch >= config.patience or run.out_of_time):
                ended = "seconds" if run.out_of_time else "patience"
                break
            began = time.monotonic()
            train_nll = run.epoch(
                number, on_progress, lambda: save() if time.monotonic() - saved >= save_every_s else None
            )
            with run.measured() as shown:
                score = evaluate(shown, data.dataset, data.held_out, delay=delay)
                weights = copied(shown.state_dict())
            lately.append(weights)
            is_best = not best or score.nll < reports[best_epoch - 1].held_out.nll
            if is_best:
                best, best_epoch = weights, number + 1
            report = EpochReport(
                epoch=number + 1, train_nll=train_nll, held_out=score, best=is_best, seconds=time.monotonic() - began
            )
            reports.append(report)
            save()
            on_epoch(report)
        else:
            if len(reports) - best_epoch >= config.patience:
                ended = "patience"
            elif run.out_of_time:
                ended = "seconds"
    except KeyboardInterrupt:
        if not reports:
            raise
        ended = "interrupted"
    except ImitationDiverged:
        if not reports:
            raise
        ended = "diverged"
    finally:
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                on_event(f"The training's state could not be written ({error.strerror}).")
    policy.load_state_dict(best)
    result_score, averaged = reports[best_epoch - 1].held_out, 0
    if len(lately) > 1 and ended != "interrupted":
        policy.load_state_dict(mean_of(lately))
        score = evaluate(policy, data.dataset, data.held_out, delay=delay)
        if score.nll < result_score.nll:
            result_score, averaged = score, len(lately)
        else:
            policy.load_state_dict(best)
    policy.eval()
    return ImitationResult(
        score=result_score,
        marginal=marginal,
        previous=previous,
        best_epoch=best_epoch,
        averaged=averaged,
        epochs=tuple(reports),
        steps=run.steps,
        frames=run.frames,
        seconds=time.monotonic() - started,
        frames_per_second=run.frames / max(run.seconds, 1e-9),
        waited=run.loader.waited_s / max(run.seconds, 1e-9),
        ended=ended,
    )


def mean_of(many: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several networks' weights, tensor by tensor (Izmailov et al. 2018); others than floats of the last.

    Raises:
        ValueError: they are not of one architecture.
    """
    last = many[-1]
    if any({n: t.shape for n, t in one.items()} != {n: t.shape for n, t in last.items()} for one in many):
        raise ValueError("the networks are not of one architecture")
    return {
        name: torch.stack([one[name].double() for one in many]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in last.items()
    }


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
