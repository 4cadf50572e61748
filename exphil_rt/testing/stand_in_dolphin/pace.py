"""When the next frame is due: a fixed rate, kept in the long run, without a rush after a long stop."""

from __future__ import annotations

import time
from typing import Final

_MOST_BEHIND: Final = 3
"""Frames that are caught up after a delay; what is lost beyond them stays lost."""


class Pace:
    """A clock of frames.

    Args:
        fps: frames a second; 0 for no waiting at all.
    """

    def __init__(self, fps: float) -> None:
        self._period = 1.0 / fps if fps else 0.0
        self._due = time.monotonic()
        self._odd: tuple[float, int] = (0.0, 0)

    def change(self, seconds: float, frames: int) -> None:
        """Let the next ``frames`` frames take ``seconds`` each."""
        self._odd = (seconds, frames)

    def restart(self) -> None:
        """What was slow is over (a game was loaded): nothing of it is caught up."""
        self._due = time.monotonic()

    def next(self) -> float:
        """The monotonic time at which the next frame is due."""
        seconds, left = self._odd
        period = self._period
        if left:
            period, self._odd = seconds, (seconds, left - 1)
        now = time.monotonic()
        self._due = max(self._due + period, now - _MOST_BEHIND * self._period)
        return self._due
