"""Pausing a game and leaving it, as the players of an offline game can: START pauses, L, R, A and START together leave.

Only who paused goes on or leaves. Nobody can pause before the game has begun. A person who pauses (a fault ``pause`` or
``leave``) needs no pad for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from exphil_rt.game.frames import FIRST_PLAYABLE_FRAME, Button
from exphil_rt.testing.stand_in_dolphin.pads import Held

_KEYS: Final = Button.L | Button.R | Button.A | Button.START


class Pause:
    """Whether one game is paused, and who has left it."""

    def __init__(self) -> None:
        self.by = 0
        """Port of who paused; 0 while the game goes on."""
        self.left = 0
        """Port of who left the game."""
        self._starts: dict[int, bool] = {}
        self._person: tuple[float, bool] | None = None

    def person(self, port: int, seconds: float, leaves: bool) -> None:
        """A person at ``port`` pauses for so long (0: for ever), then goes on or leaves."""
        self.by = port
        self._person = (time.monotonic() + seconds if seconds or leaves else float("inf"), leaves)

    def look(self, held: Mapping[int, Held], frame: int) -> None:
        """Take what is held now that ``frame`` was the newest one."""
        if self._person is not None:
            until, leaves = self._person
            if time.monotonic() < until:
                return
            self._person = None
            self.by, self.left = 0, self.by if leaves else 0
        for port, pad in held.items():
            start = bool(pad.buttons & Button.START)
            pressed = start and not self._starts.get(port, False)
            self._starts[port] = start
            if self.by == port and pad.buttons & _KEYS == _KEYS:
                self.left = port
            elif pressed and not self.by and frame >= FIRST_PLAYABLE_FRAME:
                self.by = port
            elif pressed and self.by == port:
                self.by = 0
