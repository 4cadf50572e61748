"""The console's own input delay: what is held at a frame is played ``delay`` frames later."""

from __future__ import annotations

from collections import deque

from exphil_rt.testing.stand_in_dolphin.pads import Held

Pads = dict[int, Held]
"""What each port holds."""


class InputDelay:
    """Inputs on their way.

    Args:
        delay: frames between an input and its effect.
    """

    def __init__(self, delay: int) -> None:
        self._delay = delay
        self.reset()

    def reset(self) -> None:
        """A new game: nobody has held anything yet."""
        self._waiting: deque[Pads] = deque({} for _ in range(self._delay))

    def lengthen(self, frames: int) -> None:
        """From now on inputs come later, as where a surplus FLUSH had slipped in; until the next game."""
        oldest = self._waiting[0] if self._waiting else {}
        self._waiting.extendleft(oldest for _ in range(frames))

    def play(self, held: Pads) -> Pads:
        """Take what is held now; what has its effect now."""
        self._waiting.append(held)
        return self._waiting.popleft()
