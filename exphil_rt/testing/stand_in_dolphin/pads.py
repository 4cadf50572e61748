"""A controller as Dolphin's pipes move it, and what Melee makes of it.

Raw values follow Pipes.cpp of https://github.com/project-slippi/Ishiiruka (stick = floor((v - 0.5) * 254), trigger =
floor(255 v)); Melee clamps sticks to a circle of 80 and triggers to 140 and has dead zones of 23 and 43 raw units.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from exphil_rt.game.frames import Button

RADIUS: Final = 80
DEAD: Final = 23
TRIGGER_MAX: Final = 140
TRIGGER_DEAD: Final = 43
Z_TRIGGER: Final = 49 / TRIGGER_MAX
"""How far Z presses the trigger."""

BUTTONS: Final = {
    "A": Button.A, "B": Button.B, "X": Button.X, "Y": Button.Y, "Z": Button.Z, "L": Button.L, "R": Button.R,
    "START": Button.START, "D_UP": Button.D_UP, "D_DOWN": Button.D_DOWN, "D_LEFT": Button.D_LEFT,
    "D_RIGHT": Button.D_RIGHT,
}  # fmt: skip


class Held(NamedTuple):
    """One controller of one frame, as Slippi's pre-frame has it."""

    buttons: int = 0
    x: float = 0.0
    y: float = 0.0
    cx: float = 0.0
    cy: float = 0.0
    left: float = 0.0
    right: float = 0.0
    trigger: float = 0.0
    """The deeper one; a digital press counts as 1."""
    raw_x: int = 0
    raw_y: int = 0
    raw_cx: int = 0
    raw_cy: int = 0


NEUTRAL: Final = Held()


class Pad:
    """The state that a pipe's commands change; commands that Dolphin does not know change nothing."""

    def __init__(self) -> None:
        self._buttons = 0
        self._sticks = {"MAIN": (0, 0), "C": (0, 0)}
        self._triggers = {"L": 0, "R": 0}
        self._held: Held | None = NEUTRAL

    def command(self, line: str) -> None:
        """Take one line, such as ``PRESS A`` or ``SET MAIN 0.5 1``."""
        words = line.split(" ")
        verb = words[0]
        if verb in ("PRESS", "RELEASE") and len(words) >= 2:
            bit = BUTTONS.get(words[1], 0)
            self._buttons = self._buttons | bit if verb == "PRESS" else self._buttons & ~bit
        elif verb == "SET" and len(words) == 3 and words[1] in self._triggers:
            self._triggers[words[1]] = math.floor(_number(words[2]) * 255)
        elif verb == "SET" and len(words) == 4 and words[1] in self._sticks:
            self._sticks[words[1]] = (_raw(words[2]), _raw(words[3]))
        else:
            return
        self._held = None

    def held(self) -> Held:
        """What the game sees now."""
        if self._held is None:
            x, y = _stick(*self._sticks["MAIN"])
            cx, cy = _stick(*self._sticks["C"])
            left, right = (
                1.0 if self._buttons & bit else _trigger(self._triggers[name])
                for name, bit in (("L", Button.L), ("R", Button.R))
            )
            trigger = max(left, right, Z_TRIGGER if self._buttons & Button.Z else 0.0)
            self._held = Held(
                self._buttons, x, y, cx, cy, left, right, trigger, *self._sticks["MAIN"], *self._sticks["C"]
            )
        return self._held


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(1.0, max(0.0, value)) if value == value else 0.0


def _raw(text: str) -> int:
    return math.floor((_number(text) - 0.5) * 254)


def _stick(x: int, y: int) -> tuple[float, float]:
    length = math.hypot(x, y)
    if length > RADIUS:
        x, y = math.trunc(x * RADIUS / length), math.trunc(y * RADIUS / length)
    return (x / RADIUS if abs(x) >= DEAD else 0.0), (y / RADIUS if abs(y) >= DEAD else 0.0)


def _trigger(raw: int) -> float:
    return min(raw, TRIGGER_MAX) / TRIGGER_MAX if raw >= TRIGGER_DEAD else 0.0
