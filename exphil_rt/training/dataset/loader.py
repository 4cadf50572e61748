"""Batches in order, made ahead of the learner by a thread, from any position.

numpy copies without the interpreter's lock, so one thread keeps a learner fed. A position is the epoch and the number
of the next batch: two numbers that a checkpoint keeps, and from which the same batches come again.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from exphil_rt.training.dataset.batches import Batch, Codec, Gatherer
from exphil_rt.training.dataset.dataset import Dataset, Side
from exphil_rt.training.dataset.plan import PlanConfig, batches, epoch_pieces, side_weights, whole_pieces

_POLL_S: Final = 0.1


class LoaderPosition(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next."""

    epoch: int = 0
    batch: int = 0
    """Batches of this epoch that were given out."""


class Loader:
    """Training batches of a data set's sides.

    Args:
        dataset: where the frames lie.
        sides: to learn from.
        codec: makes actions of controllers.
        plan: how an epoch is made.
        dmax: slots for committed actions.
        prefetch: batches made ahead; 0 makes them when they are asked for.
    """

    def __init__(
        self,
        dataset: Dataset,
        sides: Sequence[Side],
        codec: Codec,
        plan: PlanConfig,
        *,
        dmax: int = 0,
        prefetch: int = 3,
    ) -> None:
        if not sides:
            raise ValueError("there is nothing to learn from")
        if max(plan.delays) > dmax:
            raise ValueError(f"delay {max(plan.delays)} does not fit dmax {dmax}")
        self.dataset, self.sides, self.plan, self.prefetch = dataset, tuple(sides), plan, prefetch
        self.position = LoaderPosition()
        """Behind the batch that was given out last."""
        self.waited_s = 0.0
        """Seconds that the learner waited for batches."""
        self._gatherer = Gatherer(dataset, self.sides, codec, plan.steps, dmax)
        self._weights = side_weights(dataset, self.sides, plan)

    @property
    def frames(self) -> int:
        """Frames of an epoch that shows every frame once."""
        longest = max(self.plan.delays)
        return sum(max(side.frames - longest - 1, 0) for side in self.sides)

    def epoch(self, number: int | None = None, start: int | None = None) -> Iterator[Batch]:
        """The batches of an epoch.

        Args:
            number: of the epoch, from 0; by default the one of ``position``.
            start: number of its first batch that is wanted; by default that of ``position``.
        """
        number = self.position.epoch if number is None else number
        start = (self.position.batch if number == self.position.epoch else 0) if start is None else start
        pieces = epoch_pieces(self.sides, self.plan, number, self._weights)
        plans = itertools.islice(batches(pieces, self.plan.batch, self.plan.steps), start, None)
        made = (self._gatherer.batch(plan) for plan in plans)
        for at, batch in enumerate(self._timed(made), start=start + 1):
            self.position = LoaderPosition(epoch=number, batch=at)
            yield batch
        self.position = LoaderPosition(epoch=number + 1)

    def _timed(self, made: Iterator[Batch]) -> Iterator[Batch]:
        ahead = prefetched(made, self.prefetch) if self.prefetch else made
        while True:
            began = time.monotonic()
            batch = next(ahead, None)
            self.waited_s += time.monotonic() - began
            if batch is None:
                return
            yield batch


def whole_batches(
    dataset: Dataset, sides: Sequence[Side], codec: Codec, *, delay: int, dmax: int, batch: int = 32, steps: int = 128
) -> Iterator[Batch]:
    """Every side from its first frame to its last: what a policy meets in play. Longest first."""
    gatherer = Gatherer(dataset, sides, codec, steps, dmax)
    yield from prefetched((gatherer.batch(plan) for plan in batches(whole_pieces(sides, delay), batch, steps)), 2)


def prefetched(made: Iterator[Batch], ahead: int) -> Iterator[Batch]:
    """The same batches, up to ``ahead`` of them made by a thread beforehand. The thread ends with the iterator."""
    waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def put(item: Batch | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for batch in made:
                if not put(batch):
                    return
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()  # the thread always puts an end or an error
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(10.0)
