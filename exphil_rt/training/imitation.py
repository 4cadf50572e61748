"""Imitation: a policy learns to give the actions that people gave (behaviour cloning), and is held against tables.

Sequences of T frames with truncated backpropagation: the recurrent state is carried from a sequence to the next one
of the same piece, without its gradient, and begins at zero with each piece. Epochs, stopping and keeping the best are
here, turn by turn, so that whoever drives it may pause, save or stop between two turns (``imitation_worker`` does);
the step is in ``imitation_run``, its loss in ``imitation_loss``, the measuring in ``scoring``.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
import torch
from torch import Tensor

from exphil_rt.policy.codec import transition_counts
from exphil_rt.policy.policy import Policy
from exphil_rt.training.baselines import Score, Tables
from exphil_rt.training.dataset import Side, Split
from exphil_rt.training.dataset.dataset import actions_of
from exphil_rt.training.imitation_config import ImitationConfig
from exphil_rt.training.imitation_result import Ended, EpochReport, ImitationResult
from exphil_rt.training.imitation_run import ImitationDiverged, ImitationRun, Progress
from exphil_rt.training.imitation_state import StateWriter, copied, newest
from exphil_rt.training.scoring import evaluate, evaluation

__all__ = (
    "EpochReport",
    "Imitation",
    "ImitationConfig",
    "ImitationDiverged",
    "ImitationResult",
    "Measuring",
    "Progress",
    "Turn",
    "evaluate",
    "fit",
)

SAVE_EVERY_S: Final = 60.0
FIRST_SAVE_S: Final = 5.0
"""The first state comes sooner: who is killed in the first minute goes on, too."""


class Measuring(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that does not learn: tables are counted, or a policy is measured."""

    what: Literal["tables", "held-out games"]
    done: int
    total: int
    """Frames."""


Turn = Progress | Measuring | EpochReport


class Imitation:
    """One training, from a policy and data to a result.

    ``for turn in imitation.turns(): ...`` is the training; between two turns nothing runs. With a ``folder`` its state
    lies there, and a training begun on the same folder goes on from it: the result is then that of a training that was
    never interrupted, bit for bit (on one thread; after a divergence, up to which state was the last good one).

    Args:
        policy: trained in place, on its device.
        data: what is learned from, and what is measured on.
        config: how.
        fresh: begin the heads as the table of the training games' P(a | previous a), and the embeddings at zero.
        folder: of its state; None keeps none.
        save_every_s: seconds between two states, besides those of every epoch's end; the first comes after five.
        on_event: told what went wrong and was put right.
        clock: seconds, by which speed and ``max_seconds`` are measured (``time.process_time`` where others use the
            machine, too).
    """

    def __init__(
        self,
        policy: Policy,
        data: Split,
        config: ImitationConfig,
        *,
        fresh: bool = True,
        folder: Path | None = None,
        save_every_s: float = SAVE_EVERY_S,
        on_event: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.policy, self.data, self.config = policy, data, config
        self.reports: list[EpochReport] = []
        """One an epoch that is whole; also of those before an interruption."""
        self.best_epoch = 0
        """From 1; 0 while none is whole."""
        self.marginal: Score | None = None
        self.previous: Score | None = None
        """Baselines, once they are counted: smoothed P(a) and P(a | previous a)."""
        self.ended: Ended = "interrupted"
        """Why the turns ended; ``interrupted`` while they have not."""
        delays = config.delays or (policy.config.delay,)
        self.delay = policy.config.delay if policy.config.delay in delays else max(delays)
        """With which it is measured."""
        self._fresh, self._folder, self._save_every_s, self._on_event = fresh, folder, save_every_s, on_event
        self._run: ImitationRun | None = None
        self._best: dict[str, Tensor] = {}
        self._lately: deque[dict[str, Tensor]] = deque(maxlen=config.average)
        self._writer = StateWriter(folder) if folder is not None else None
        self._saved = self._started = time.monotonic()
        self._save_s = min(save_every_s, FIRST_SAVE_S)  # until the next state
        self._mean: Score | None = None
        """Of the mean of the last epochs."""

    # Learning ---------------------------------------------------------------------------------------------------

    def turns(self) -> Generator[Turn, None, None]:
        """The training: yields after every batch, and an EpochReport after each epoch. Closed early, it is interrupted.

        Raises:
            ImitationDiverged: the loss is not finite before the first epoch is over, and going back did not help.
            LearnerStateInvalid: what lies in the folder is of another network or other data, or damaged.
        """
        yield from self._count_tables()
        run = self._run = ImitationRun(self.policy, self.data, self.config, self._on_event, self._clock)
        self._take_up(run)
        self._saved = time.monotonic()
        try:
            yield from self._epochs(run)
        except ImitationDiverged:
            if not self.reports:
                raise
            self.ended = "diverged"
        if len(self._lately) > 1:
            yield from self._average(run)

    def _count_tables(self) -> Generator[Measuring, None, None]:
        """Both baselines; a fresh policy begins as the second one. One side after the other is in memory."""
        codec, data = self.policy.config.codec, self.data
        total = sum(side.frames for side in (*data.train, *data.held_out))
        counts = [np.zeros((size, size), np.int64) for size in codec.sizes]
        done = 0
        for side in data.train:
            actions = self._actions(side)
            for head, found in enumerate(transition_counts(actions[:-1], actions[1:], codec.sizes)):
                counts[head] += found
            done += side.frames
            yield Measuring(what="tables", done=done, total=total)
        meters = Tables.of_counts(counts).meters()
        for side in data.held_out:
            meters.add(self._actions(side))
            done += side.frames
            yield Measuring(what="tables", done=done, total=total)
        self.marginal, self.previous = meters.scores()
        if self._fresh:
            self.policy.heads.init_previous_tables(counts)
            with torch.no_grad():  # a character or state that no training game shows then means nothing, not noise
                for table in self.policy.embed.tables.parameters():
                    table.zero_()

    def _actions(self, side: Side) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        # A side's first target is that of its first frame, delay + 1 later.
        return actions_of(self.data.dataset, side, self.policy.config.codec)[self.delay :]

    def _take_up(self, run: ImitationRun) -> None:
        """Go on from the newest state, where there is one."""
        if self._folder is None or (found := newest(self._folder)) is None:
            return
        state, files = found
        run.restore(state, files)
        self.reports, self.best_epoch = list(state.reports), state.best_epoch
        self._best, self._save_s = files.get("best", {}), self._save_every_s
        self._lately.extend(files[name] for name in sorted(name for name in files if name.startswith("lately-")))

    def _epochs(self, run: ImitationRun) -> Generator[Turn, None, None]:
        for number in range(run.loader.position.epoch, self.config.epochs):
            if self.reports and (self._out_of_patience or run.out_of_time):
                break
            began = time.monotonic()
            for progress in run.epoch(number):
                if progress.steady and time.monotonic() - self._saved >= self._save_s:
                    self.save()
                yield progress
            with run.measured() as shown:
                score = yield from self._measured(shown)
                weights = copied(shown.state_dict())
            self._lately.append(weights)
            is_best = not self._best or score.nll < self.reports[self.best_epoch - 1].held_out.nll
            if is_best:
                self._best, self.best_epoch = weights, number + 1
            report = EpochReport(
                epoch=number + 1,
                train_nll=run.epoch_nll,
                held_out=score,
                best=is_best,
                seconds=time.monotonic() - began,
            )
            self.reports.append(report)
            self.save()
            yield report
        self.ended = "patience" if self._out_of_patience else "seconds" if run.out_of_time else "epochs"

    @property
    def _out_of_patience(self) -> bool:
        return len(self.reports) - self.best_epoch >= self.config.patience

    def _measured(self, policy: Policy) -> Generator[Measuring, None, Score]:
        """The score on the held-out games."""
        total = sum(max(side.frames - self.delay - 1, 0) for side in self.data.held_out)
        turns = evaluation(policy, self.data.dataset, self.data.held_out, delay=self.delay)
        with contextlib.closing(turns):
            while True:
                try:
                    yield Measuring(what="held-out games", done=next(turns), total=total)
                except StopIteration as end:
                    score: Score = end.value
                    return score

    def _average(self, run: ImitationRun) -> Generator[Measuring, None, None]:
        """Measure the mean of the last epochs; kept by ``result`` where it is better."""
        raw = copied(self.policy.state_dict())
        self.policy.load_state_dict(mean_of(self._lately))
        try:
            score = yield from self._measured(self.policy)
        finally:
            self.policy.load_state_dict(raw)
        self._mean = score

    # State and result -------------------------------------------------------------------------------------------

    @property
    def frames(self) -> int:
        """Frames learned from, over all epochs."""
        return self._run.frames if self._run is not None else 0

    @property
    def generation(self) -> int:
        """Number of the newest state on disk; 0 for none."""
        return self._writer.number if self._writer is not None else 0

    def save(self) -> None:
        """Have the state written beside the learning. Between turns, where these are steady."""
        self._saved, self._save_s = time.monotonic(), self._save_every_s
        if self._writer is None or self._run is None:
            return
        weights = {f"lately-{number:03d}": tensors for number, tensors in enumerate(self._lately)}
        best = {"best": self._best} if self._best else {}
        try:
            self._writer.put(*self._run.export(tuple(self.reports), self.best_epoch, weights | best))
        except OSError as error:
            self._on_event(f"The training's state could not be written ({error.strerror}); it goes on.")

    def settle(self) -> bool:
        """Wait until what was saved is on disk; whether it is."""
        if self._writer is None:
            return True
        try:
            self._writer.close()
        except OSError as error:
            self._on_event(f"The training's state could not be written ({error.strerror}).")
            return False
        return True

    def summary(self) -> ImitationResult:
        """What it has come to so far.

        Raises:
            ValueError: no epoch is whole.
        """
        run = self._run
        if run is None or not self.reports or self.marginal is None or self.previous is None:
            raise ValueError("no epoch is whole yet")
        score, averaged = self.reports[self.best_epoch - 1].held_out, 0
        if self._mean is not None and self._mean.nll < score.nll:
            score, averaged = self._mean, len(self._lately)
        return ImitationResult(
            score=score,
            marginal=self.marginal,
            previous=self.previous,
            best_epoch=self.best_epoch,
            averaged=averaged,
            epochs=tuple(self.reports),
            steps=run.steps,
            frames=run.frames,
            seconds=time.monotonic() - self._started,
            frames_per_second=run.frames / max(run.seconds, 1e-9),
            waited=run.waited,
            ended=self.ended,
        )

    def result(self) -> ImitationResult:
        """What it came to; the policy holds the best weights from now on, so that the turns must be over.

        Raises:
            ValueError: no epoch is whole.
        """
        found = self.summary()
        self.policy.load_state_dict(mean_of(self._lately) if found.averaged else self._best)
        self.policy.eval()
        return found

    @contextlib.contextmanager
    def best_so_far(self) -> Generator[Policy, None, None]:
        """Between two turns: the policy with the best weights so far.

        Raises:
            ValueError: no epoch is whole.
        """
        if not self._best:
            raise ValueError("no epoch is whole yet")
        raw, training = copied(self.policy.state_dict()), self.policy.training
        self.policy.load_state_dict(self._best)
        self.policy.eval()
        try:
            yield self.policy
        finally:
            self.policy.load_state_dict(raw)
            self.policy.train(training)


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
    clock: Callable[[], float] = time.monotonic,
) -> ImitationResult:
    """An :class:`Imitation` from beginning to end; its arguments, and whom to tell. Ctrl-C ends it early.

    The policy ends with the weights of the epoch that was best on the held-out games.

    Args:
        on_progress: called after every batch.
        on_epoch: called after every epoch's measurement.

    Raises:
        ImitationDiverged: the loss is not finite before the first epoch is over, and going back did not help.
        LearnerStateInvalid: what lies in ``folder`` is of another network or other data, or damaged.
    """
    imitation = Imitation(
        policy, data, config, fresh=fresh, folder=folder, save_every_s=save_every_s, on_event=on_event, clock=clock
    )
    turns = imitation.turns()
    try:
        for turn in turns:
            if isinstance(turn, Progress):
                on_progress(turn)
            elif isinstance(turn, EpochReport):
                on_epoch(turn)
    except KeyboardInterrupt:
        turns.close()
        if not imitation.reports:
            raise
    finally:
        imitation.settle()
    return imitation.result()


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
