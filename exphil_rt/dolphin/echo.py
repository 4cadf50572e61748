"""The echo check: what a bot sent must come back as the game's record of its inputs, a known number of frames later.

It finds what nothing else shows: a pipe that nobody reads, a wrong port, a controller that is not plugged in, and an
input that is one frame late for a whole game, as a single FLUSH too many makes it in Dolphin's blocking pipes.
"""

from __future__ import annotations

from typing import Final

from exphil_rt.game.frames import Button, Controllers

_BUTTONS: Final = 0x1F7F
_NO_DEAD_TRIGGER: Final = 43 / 140
"""The game shows a trigger above this as it is, below as 0."""
_CLOSE: Final = 0.5 / 140
_LONGEST: Final = 64
"""Lags looked for."""
Pad = tuple[int, float, float, float, float, float]


def pad_of(controllers: Controllers) -> Pad:
    """What of one controller ``[]`` (or ``[1]``) is compared."""
    trigger = float(controllers.trigger.item())
    return (
        int(controllers.buttons.item()) & _BUTTONS & ~Button.START,
        float(controllers.joystick_x.item()),
        float(controllers.joystick_y.item()),
        float(controllers.cstick_x.item()),
        float(controllers.cstick_y.item()),
        trigger if trigger >= _NO_DEAD_TRIGGER - _CLOSE else 0.0,
    )


def same_pad(a: Pad, b: Pad) -> bool:
    """Whether two pads are one and the same, but for what a pipe's numbers are rounded to."""
    return a[0] == b[0] and all(abs(x - y) <= _CLOSE for x, y in zip(a[1:], b[1:], strict=True))


class EchoCheck:
    """The check of one bot.

    Args:
        console_delay: frames that the console holds inputs back.
    """

    def __init__(self, console_delay: int) -> None:
        self.expected = 1 + console_delay
        """The lag at which inputs are to come back."""
        self.begin()

    def begin(self) -> None:
        """A game begins."""
        self.wrong = 0
        """Frames in a row on which another input came back."""
        self.lag = -1
        """The lag that was seen; -1 before any input showed it."""
        self._sent: dict[int, Pad] = {}
        self._found = -1

    def sent(self, frame: int, pad: Pad) -> None:
        """At ``frame``, ``pad`` was sent."""
        self._sent[frame] = pad
        self._sent.pop(frame - _LONGEST, None)

    def seen(self, frame: int, pad: Pad) -> bool:
        """``frame`` shows ``pad``; whether it is what was expected (or nothing can be expected yet)."""
        expected = self._sent.get(frame - self.expected)
        if expected is None:
            return True
        if same_pad(expected, pad):
            self.wrong = 0
            neighbour = self._sent.get(frame - self.expected - 1)
            if neighbour is not None and not same_pad(neighbour, pad):
                self.lag = self.expected
            return True
        self.wrong += 1
        found = -1
        for lag in range(1, _LONGEST):
            other = self._sent.get(frame - lag)
            if other is not None and same_pad(other, pad):
                found = lag
                break
        self.lag = found if found == self._found else -1  # an input that stays for ever has another lag each frame
        self._found = found
        return False
