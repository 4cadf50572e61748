"""The delay queue: which action is due on which frame, for any number of rows (one row is one slot and port).

At frame t a policy of delay D sees state t and what is committed for t+1..t+D, and decides the action of t+D+1.
A console may itself hold inputs back for c of the D frames: what it is given at t, it plays at t+1+c.
numpy only; the same object serves the simulator, Dolphin and a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.game.frames import FIRST_FRAME, U8
from exphil_rt.policy.codec import ActionCodec

MAX_DELAY: Final = 64
"""Largest delay that a queue or a bundle may have, in frames."""
_NEVER: Final = np.iinfo(np.int64).min


@dataclass(slots=True)
class QueueCounts:
    """What went wrong, a row, since the queue was made. int64 ``[num_rows]`` each."""

    missing: NDArray[np.int64]
    """Frames whose action had not come: the last one was held, or neutral taken."""
    late: NDArray[np.int64]
    """Actions that came when their frame had already been served: dropped."""
    skipped: NDArray[np.int64]
    """Frames that the game jumped over."""
    repeated: NDArray[np.int64]
    """Frames that were asked for a second time, or after a later one."""
    stale: NDArray[np.int64]
    """Actions decided in an earlier epoch (the game before a reset): dropped."""

    def total(self) -> dict[str, int]:
        """Sums over the rows, by cause."""
        return {field.name: int(getattr(self, field.name).sum()) for field in fields(self)}


class DelayQueue:
    """Committed actions by due frame.

    Args:
        num_rows: rows held.
        delay: frames of delay, one for all rows or ``[num_rows]``.
        dmax: slots that :meth:`committed` shows; at least the largest delay (its default).
        neutral: what a fresh row holds, ``[K]``; by default the default codec's.
        console_delay: frames of the delay that the game's console adds, so that at t the action of
            t+1+console_delay is asked for; at most the smallest delay.
        missing: what is given for a frame whose action has not come: the last one, or neutral.
    """

    def __init__(
        self,
        num_rows: int,
        delay: int | ArrayLike = 0,
        dmax: int | None = None,
        neutral: U8 | None = None,
        console_delay: int = 0,
        missing: Literal["hold", "neutral"] = "hold",
    ) -> None:
        self.num_rows = num_rows
        self.console_delay = console_delay
        self._hold = missing == "hold"
        self.delay = np.broadcast_to(np.asarray(delay, np.int64), (num_rows,)).copy()
        largest = int(self.delay.max(initial=0))
        self.dmax = largest if dmax is None else dmax
        if self.delay.min(initial=0) < 0 or largest > self.dmax or self.dmax > MAX_DELAY:
            raise ValueError(f"delay {largest} does not fit dmax {self.dmax} (0..{MAX_DELAY})")
        if not 0 <= console_delay <= self.delay.min(initial=MAX_DELAY):
            raise ValueError(f"console delay {console_delay} does not fit delay {self.delay.min(initial=MAX_DELAY)}")
        self.neutral = ActionCodec().neutral() if neutral is None else np.asarray(neutral, np.uint8)
        self.epoch = np.zeros(num_rows, np.int64)
        self.counts = QueueCounts(*(np.zeros(num_rows, np.int64) for _ in fields(QueueCounts)))
        self._capacity = self.dmax + 2  # t+1 .. t+D+1, and the frame just served
        parts = self.neutral.shape[0]
        self._actions = np.zeros((num_rows, self._capacity, parts), np.uint8)
        self._due = np.full((num_rows, self._capacity), _NEVER, np.int64)
        self._held = np.zeros((num_rows, parts), np.uint8)
        self.served = np.full(num_rows, FIRST_FRAME, np.int64)
        """Latest frame whose action was given, by row."""
        self.reset(np.arange(num_rows))

    def reset(
        self, rows: ArrayLike, frame: int | ArrayLike = FIRST_FRAME, delay: int | ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Begin a new game on ``rows`` at ``frame`` (the first one shown): its next D frames are neutral.

        Args:
            delay: new delay of these rows, where another policy takes them.

        Returns:
            The rows' new epochs.
        """
        rows = np.asarray(rows, np.intp)
        if delay is not None:
            delays = np.broadcast_to(np.asarray(delay, np.int64), rows.shape)
            if rows.size and (delays.min() < self.console_delay or delays.max() > self.dmax):
                raise ValueError(f"delay {delays.max()} does not fit dmax {self.dmax}")
            self.delay[rows] = delays
        frames = np.broadcast_to(np.asarray(frame, np.int64), rows.shape)
        self.epoch[rows] += 1
        self.served[rows] = frames + self.console_delay
        self._held[rows] = self.neutral
        self._due[rows] = _NEVER
        self._actions[rows] = self.neutral
        for ahead in range(1, int(self.delay[rows].max(initial=0)) + 1):
            some = self.delay[rows] >= ahead
            due = frames[some] + ahead
            self._due[rows[some], due % self._capacity] = due
        epochs: NDArray[np.int64] = self.epoch[rows]
        return epochs

    def push(self, rows: ArrayLike, due_frame: int | ArrayLike, actions: U8, epoch: ArrayLike | None = None) -> None:
        """Commit ``actions [R, K]`` for ``due_frame`` (t+D+1 when decided on frame t). ``rows`` are distinct.

        Args:
            epoch: epochs in which the actions were decided, where the decision may be older than a reset.
        """
        at: NDArray[np.intp] = np.asarray(rows, np.intp)
        due = np.broadcast_to(np.asarray(due_frame, np.int64), at.shape)
        late = due <= self.served[at]
        keep = ~late
        if epoch is not None:
            stale = np.asarray(epoch) != self.epoch[at]
            self.counts.stale[at] += stale
            late &= ~stale
            keep &= ~stale
        if not keep.all():
            self.counts.late[at] += late
            at, due, actions = at[keep], due[keep], actions[keep]
        place = due % self._capacity
        self._actions[at, place] = actions
        self._due[at, place] = due

    def pop(self, rows: ArrayLike, frame: int | ArrayLike) -> U8:
        """The actions ``[R, K]`` due on ``frame``; where none has come, the row's last one is held and counted.

        What is given is committed from then on, also where it was not what a policy decided.
        """
        rows = np.asarray(rows, np.intp)
        due = np.broadcast_to(np.asarray(frame, np.int64), rows.shape)
        place = due % self._capacity
        there = self._due[rows, place] == due
        actions: Any = self._actions[rows, place]
        if not there.all():
            actions[~there] = self._held[rows[~there]] if self._hold else self.neutral
        ahead = due - self.served[rows]
        if (ahead != 1).any():
            self.counts.repeated[rows] += ahead <= 0
            self.counts.skipped[rows] += np.maximum(ahead - 1, 0)
        if not there.all():
            absent = ~there & (ahead > 0)
            self.counts.missing[rows] += absent
            self._actions[rows[absent], place[absent]] = actions[absent]
            self._due[rows[absent], place[absent]] = due[absent]
        self._held[rows] = actions
        self.served[rows] = np.maximum(self.served[rows], due)
        return np.asarray(actions, np.uint8)

    def has(self, rows: ArrayLike, frame: int | ArrayLike) -> NDArray[np.bool_]:
        """Whether the action due on ``frame`` has come, ``[R]``."""
        rows = np.asarray(rows, np.intp)
        due = np.broadcast_to(np.asarray(frame, np.int64), rows.shape)
        there: NDArray[np.bool_] = self._due[rows, due % self._capacity] == due
        return there

    def committed(self, rows: ArrayLike, frame: int | ArrayLike) -> tuple[U8, U8]:
        """What is already decided at ``frame``: actions ``[R, dmax, K]`` due at frame+1..frame+dmax, and their mask.

        The mask is 1 for the first D slots whose action is known; other slots are neutral.
        """
        rows = np.asarray(rows, np.intp)
        now = np.broadcast_to(np.asarray(frame, np.int64), rows.shape)
        due = now[:, None] + np.arange(1, self.dmax + 1)  # [R, dmax]
        place = due % self._capacity
        known = (self._due[rows[:, None], place] == due) & (np.arange(self.dmax) < self.delay[rows, None])
        actions = np.where(known[..., None], self._actions[rows[:, None], place], self.neutral)
        return actions, known.astype(np.uint8)
