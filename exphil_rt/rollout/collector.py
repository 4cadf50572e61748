"""Collector: writes the training games' rows into experience slots, one after the other.

It owns no memory: free slots are given to it, filled ones are taken from it. What is in a row is decided by the loop.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import F32, U8, Frames
from exphil_rt.rollout.experience import IDLE, IN_PLAY, Rollout, RolloutShape, Steps, seal, unseal


class Slot(NamedTuple):
    """An experience slot under a generation."""

    slot: int
    generation: int
    buffer: memoryview


class Filled(NamedTuple):
    """A whole rollout."""

    slot: Slot
    rollout: Rollout
    frames: int
    """Game frames played in it."""
    learnable: int
    """Player frames that may be learned from."""
    update: int
    """Oldest version that acted on a learnable frame (0 where there is none)."""


class Collector:
    """Fills experience slots row by row; the last row of one is the first of the next."""

    def __init__(self, shape: RolloutShape) -> None:
        self.shape = shape
        self.row = 0
        self.filled: deque[Filled] = deque()
        self._free: deque[Slot] = deque()
        self._slot: Slot | None = None
        self._rollout: Rollout | None = None

    def give(self, slot: int, generation: int, buffer: memoryview) -> None:
        """Add a slot that may be filled.

        Raises:
            RolloutInvalid: where it is too small.
        """
        Rollout.over(buffer, self.shape)
        self._free.append(Slot(slot, generation, buffer))

    @property
    def opens(self) -> bool:
        """Whether the next row begins a slot: its recurrent state is then asked for."""
        return self._rollout is None or self.row == self.shape.steps

    @property
    def ready(self) -> bool:
        """Whether the next row has a place."""
        return bool(self._free) or not self.opens

    @property
    def at_boundary(self) -> bool:
        """Whether the last row written began a slot (or none was written yet)."""
        return self._rollout is None or self.row == 1

    def write(
        self,
        frames: Frames,
        game_id: NDArray[np.int64],
        ended: U8,
        reset: U8,
        learn: U8,
        version: NDArray[np.int32],
        actions: U8,
        logp: F32,
        value: F32,
        committed: U8,
        mask: U8,
        state: F32 | None,
    ) -> None:
        """Write the next row of all N games; ``state`` ``[N, 2, S]`` where :attr:`opens`."""
        last = self._rollout
        if last is None:
            last = self._open(state)
            self.row = 0
        row = self.row
        steps = last.steps
        steps.frames.assign(row, frames)
        steps.game_id[row] = game_id
        steps.ended[row] = ended
        steps.reset[row] = reset
        steps.learn[row] = learn
        steps.version[row] = version
        steps.actions[row] = actions
        steps.logp[row] = logp
        steps.value[row] = value
        last.committed[row] = committed
        last.mask[row] = mask
        self.row = row + 1
        if row == self.shape.steps:
            slot = self._slot
            assert slot is not None
            first = self._open(state)
            first.steps.assign(0, steps[row])
            first.committed[0] = committed
            first.mask[0] = mask
            self.row = 1
            seal(slot.buffer, self.shape, slot.generation)
            self.filled.append(_count(slot, last))

    def _open(self, state: F32 | None) -> Rollout:
        assert state is not None
        self._slot = self._free.popleft()
        unseal(self._slot.buffer)
        self._rollout = Rollout.over(self._slot.buffer, self.shape)
        self._rollout.state[...] = state
        return self._rollout

    # The state of a deterministic run ---------------------------------------------------------------------------

    def first_row(self) -> tuple[Steps, F32, U8, U8]:
        """Row 0 of the slot being filled, its recurrent state, committed actions and mask (at a boundary only)."""
        assert self._rollout is not None
        assert self.row == 1
        rollout = self._rollout
        return rollout.steps[0], rollout.state, rollout.committed[0], rollout.mask[0]

    def resume(self, row: Steps, state: F32, committed: U8, mask: U8) -> None:
        """Begin with a row 0 that an earlier process wrote."""
        rollout = self._open(state)
        rollout.steps.assign(0, row)
        rollout.committed[0] = committed
        rollout.mask[0] = mask
        self.row = 1


def _count(slot: Slot, rollout: Rollout) -> Filled:
    steps = rollout.steps
    learn = steps.learn[:-1].astype(bool)
    playing = (steps.ended[:-1] == IN_PLAY).sum()
    oldest = int(steps.version[:-1][learn].min()) if learn.any() else 0
    return Filled(slot, rollout, int(playing), int(learn.sum()), oldest)


__all__ = ("IDLE", "Collector", "Filled", "Slot")
