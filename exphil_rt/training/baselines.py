"""What any imitator must beat: tables counted on the training games, and the score that they share with a policy.

Two tables for each head of the action codec: smoothed P(a), and smoothed P(a | the previous action's same head).
numpy only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import U8
from exphil_rt.policy.codec import transition_counts

SMOOTHING: Final = 1.0
"""Count added to every cell (Laplace)."""

F64 = NDArray[np.float64]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How well actions were predicted. NLL in nats a frame, summed over heads; accuracy 0..1."""

    frames: int
    changed_frames: int
    """Frames whose action differs from the one before in at least one head."""
    nll: float
    nll_changed: float
    accuracy: float
    """Share of frames on which every head is right."""
    accuracy_changed: float
    head_nll: tuple[float, ...]
    head_nll_changed: tuple[float, ...]
    head_accuracy: tuple[float, ...]
    head_accuracy_changed: tuple[float, ...]


class Meter:
    """Sums what a Score is made of, batch by batch."""

    def __init__(self, heads: int) -> None:
        self._count = np.zeros(2, np.int64)
        self._whole = np.zeros(2)
        self._nll = np.zeros((2, heads))
        self._right = np.zeros((2, heads))

    def add(self, logp: NDArray[Any], right: NDArray[np.bool_], changed: NDArray[np.bool_]) -> None:
        """Add frames: log-probability of the label ``[N, heads]``, hits ``[N, heads]``, changed ``[N]``."""
        for row, chosen in enumerate((np.ones_like(changed), changed)):
            hits = right[chosen]
            self._count[row] += len(hits)
            self._whole[row] += hits.all(axis=1).sum()
            self._nll[row] -= logp[chosen].sum(axis=0, dtype=np.float64)
            self._right[row] += hits.sum(axis=0)

    def score(self) -> Score:
        """The score of all that was added; 0 where there was nothing."""
        count = np.maximum(self._count, 1)
        nll, right = self._nll / count[:, None], self._right / count[:, None]
        return Score(
            frames=int(self._count[0]),
            changed_frames=int(self._count[1]),
            nll=float(nll[0].sum()),
            nll_changed=float(nll[1].sum()),
            accuracy=float(self._whole[0] / count[0]),
            accuracy_changed=float(self._whole[1] / count[1]),
            head_nll=tuple(nll[0].tolist()),
            head_nll_changed=tuple(nll[1].tolist()),
            head_accuracy=tuple(right[0].tolist()),
            head_accuracy_changed=tuple(right[1].tolist()),
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """Log-probabilities of each head, counted over pairs of consecutive actions."""

    marginal: tuple[F64, ...]
    """``[size]`` for each head."""
    previous: tuple[F64, ...]
    """``[size of the previous, size]`` for each head."""

    @classmethod
    def of_counts(cls, counts: Sequence[NDArray[np.int64]], smoothing: float = SMOOTHING) -> Tables:
        """Of how often each choice followed each choice (``codec.transition_counts``): ``[size, size]`` a head."""
        marginal, previous = [], []
        for table in counts:
            alone = table.sum(axis=0, dtype=np.float64) + smoothing
            given = table + smoothing
            marginal.append(np.log(alone / alone.sum()))
            previous.append(np.log(given / given.sum(axis=1, keepdims=True)))
        return cls(tuple(marginal), tuple(previous))

    @classmethod
    def fit(cls, sides: Iterable[U8], sizes: Sequence[int], smoothing: float = SMOOTHING) -> Tables:
        """Count over sides of games, one after the other.

        Args:
            sides: actions ``[T, heads]`` of each side, frame by frame.
            sizes: choices of each head.
            smoothing: count added to every cell.
        """
        counts = [np.zeros((size, size), np.int64) for size in sizes]
        for actions in sides:
            for head, found in enumerate(transition_counts(actions[:-1], actions[1:], tuple(sizes))):
                counts[head] += found
        return cls.of_counts(counts, smoothing)

    def meters(self) -> TableMeters:
        """Meters of both tables, to which sides are added one by one."""
        return TableMeters(self)

    def scores(self, sides: Iterable[U8]) -> tuple[Score, Score]:
        """Scores of P(a) and of P(a | previous a) on other sides."""
        meters = self.meters()
        for actions in sides:
            meters.add(actions)
        return meters.scores()


class TableMeters:
    """What both tables score on sides that are added one by one."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._alone, self._given = Meter(len(tables.marginal)), Meter(len(tables.marginal))

    def add(self, actions: U8) -> None:
        """A side, frame by frame: ``[T, heads]``."""
        before, label = actions[:-1], actions[1:]
        changed = (before != label).any(axis=1)
        for meter, rows in (
            (self._alone, [np.broadcast_to(table, (len(label), len(table))) for table in self._tables.marginal]),
            (self._given, [table[before[:, head]] for head, table in enumerate(self._tables.previous)]),
        ):
            at = np.arange(len(label))
            logp = np.stack([row[at, label[:, head]] for head, row in enumerate(rows)], axis=1)
            best = np.stack([row.argmax(axis=1) for row in rows], axis=1)
            meter.add(logp, best == label, changed)

    def scores(self) -> tuple[Score, Score]:
        """Of P(a) and of P(a | previous a)."""
        return self._alone.score(), self._given.score()
