"""Recent: the last frames that one player of a console saw, with what was committed at each.

A ring, so that a policy that is swapped in can be shown what its agent has just lived through.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import U8, Frames
from exphil_rt.policy.delay import MAX_DELAY

LENGTH: Final = 256
"""Frames kept."""


class Recent:
    """The past of one player.

    Args:
        parts: numbers of an action, K.
    """

    def __init__(self, parts: int) -> None:
        self._frames = Frames.allocate((LENGTH,))
        self._committed = np.zeros((LENGTH, MAX_DELAY, parts), np.uint8)
        self._mask = np.zeros((LENGTH, MAX_DELAY), np.uint8)
        self._written = 0

    def clear(self) -> None:
        """Another game begins."""
        self._written = 0

    @property
    def full(self) -> bool:
        """Whether the game has filled it."""
        return self._written >= LENGTH

    def write(self, frames: Frames, committed: U8, mask: U8) -> None:
        """Keep frames ``[T]`` with what was committed at each (``[T, MAX_DELAY, K]`` and ``[T, MAX_DELAY]``)."""
        count = len(mask)
        places = (self._written + np.arange(count)) % LENGTH
        self._frames.assign(places, frames)
        self._committed[places], self._mask[places] = committed, mask
        self._written += count

    def newest(self) -> tuple[Frames, U8, U8]:
        """A copy of the newest run of consecutive frames ``[T]``, and what was committed at each."""
        count = min(self._written, LENGTH)
        order: NDArray[np.intp] = np.arange(self._written - count, self._written) % LENGTH
        breaks = np.flatnonzero(np.diff(self._frames.frame[order]) != 1)
        order = order[breaks[-1] + 1 :] if breaks.size else order
        return self._frames[order], self._committed[order], self._mask[order]
