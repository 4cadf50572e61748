"""Leaving a game in its middle as a player does: START pauses it, then L, R, A and START together end it.

A paused game shows no frames, so what is pressed then goes out by the clock, whenever nothing has come for a slice.
Pauses are not polled with a wait, also where inputs are waited for (Pipes.cpp of
https://github.com/project-slippi/Ishiiruka): a FLUSH more or less does no harm there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exphil_rt.game.frames import Button

_HELD: Final = 2
_AGAIN: Final = 20
"""START is held for two frames, and pressed again where the game still goes on after so many."""
_KEYS: Final = Button.L | Button.R | Button.A | Button.START
_RETRY: Final = 10
"""Slices without a word after which the keys are pressed anew."""


class Leave:
    """One order to leave.

    Args:
        press: holds these buttons (bits of ``Button``) and nothing else, from now on.
    """

    def __init__(self, press: Callable[[int], None]) -> None:
        self._press = press
        self._frames = 0
        self._slices = 0

    def frame(self) -> None:
        """A frame came: the game is not paused yet."""
        self._slices = 0
        self._press(Button.START if self._frames % _AGAIN < _HELD else 0)
        self._frames += 1

    def quiet(self) -> None:
        """Nothing came for a slice: it is paused."""
        turn = self._slices % _RETRY
        self._slices += 1
        if turn < 2:
            self._press(_KEYS if turn else 0)
