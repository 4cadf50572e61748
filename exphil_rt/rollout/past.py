"""Past: the last frames of slots that step together, and what their players did next.

A ring, so that a policy that is swapped in can be shown what its agent has just lived through.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import PLAYERS, U8, Frames
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.rollout.experience import ACTION_PARTS

LENGTH: Final = 256
"""Frames kept."""


class Past:
    """The past of ``slots`` slots."""

    def __init__(self, slots: int) -> None:
        self._frames = Frames.allocate((LENGTH, slots))
        self._applied = np.zeros((LENGTH, slots, PLAYERS, ACTION_PARTS), np.uint8)
        self._written = 0

    def write(self, frames: Frames, applied: U8) -> None:
        """Keep the frames ``[slots]`` and the actions (``[slots, 2, ACTION_PARTS]``) that are due one frame later."""
        place = self._written % LENGTH
        self._frames.assign(place, frames)
        self._applied[place] = applied
        self._written += 1

    def of(self, slot: int, row: int, queue: DelayQueue) -> tuple[Frames, U8, U8]:
        """The newest run of consecutive frames ``[T]`` of a slot, as the player in ``row`` of ``queue`` saw them.

        Returns:
            Frames ``[T]`` and what was committed at each, ``[T, dmax, P]``, with its mask ``[T, dmax]``.
        """
        count = min(self._written, LENGTH)
        order: NDArray[np.intp] = np.arange(self._written - count, self._written) % LENGTH
        frame = self._frames.frame[order, slot]
        breaks = np.flatnonzero(np.diff(frame) != 1)
        order = order[breaks[-1] + 1 :] if breaks.size else order
        frames = self._frames[order, slot]  # a copy: the ring goes on
        length, delay = len(order), int(queue.delay[row])
        committed = np.tile(queue.neutral, (length, queue.dmax, 1))
        mask = np.zeros((length, queue.dmax), np.uint8)
        if length and delay:
            ahead, _ = queue.committed([row], int(frames.frame[-1]))  # due after the newest frame shown
            done = self._applied[order[:-1], slot, row % PLAYERS, : queue.neutral.shape[-1]]
            series = np.concatenate([done, ahead[0, :delay]])
            for k in range(delay):
                committed[:, k] = series[k : k + length]
            mask[:, :delay] = 1
        return frames, committed, mask
