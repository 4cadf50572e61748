"""A person's controller: gamepad axes and buttons, or held keys, as the game's controllers.

Reading the device is ``read_gamepad``'s matter, which needs the extra ``gamepad``; the rest is arithmetic.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import Button, Controllers

RADIUS: Final = 80
DEAD_ZONE: Final = 23


class GamepadMissing(ExphilError):
    """No gamepad, or nothing to read one with."""

    exit_code = 5


class PadState(NamedTuple):
    """What a gamepad shows: sticks -1..1 (up is positive), triggers 0..1, and the names of pressed buttons."""

    main: tuple[float, float] = (0.0, 0.0)
    c: tuple[float, float] = (0.0, 0.0)
    triggers: tuple[float, float] = (0.0, 0.0)
    buttons: frozenset[str] = frozenset()


BITS: Final = {
    "a": Button.A, "b": Button.B, "x": Button.X, "y": Button.Y, "z": Button.Z, "l": Button.L, "r": Button.R,
    "up": Button.D_UP, "down": Button.D_DOWN, "left": Button.D_LEFT, "right": Button.D_RIGHT,
}  # fmt: skip
FULL_TRIGGER: Final = 0.95
"""From here on an analog trigger counts as pressed through."""

KEYS: Final = {
    "left": "stick left", "right": "stick right", "up": "stick up", "down": "stick down", "a": "a", "s": "b", "d": "x",
    "f": "l", "g": "z", "h": "c left", "k": "c right", "u": "c up", "j": "c down",
}  # fmt: skip
"""What the keyboard's keys do for a person who has no gamepad."""


def controllers_of(state: PadState) -> Controllers:
    """Controllers ``[]`` as the game would show them for this gamepad: circle, lattice and dead zone."""
    out = Controllers.allocate((1,))
    for stick, name in ((state.main, "joystick"), (state.c, "cstick")):
        x, y = (_finite(axis) for axis in stick)
        length = max(math.hypot(x, y), 1.0)
        raw = [math.trunc(axis / length * RADIUS) for axis in (x, y)]
        for axis, value in zip("xy", raw, strict=True):
            getattr(out, f"{name}_{axis}")[0] = 0.0 if abs(value) < DEAD_ZONE else value / RADIUS
        if name == "joystick":
            out.raw_x[0], out.raw_y[0] = raw
    bits = sum(bit for name, bit in BITS.items() if name in state.buttons)
    left, right = (_finite(value) for value in state.triggers)
    bits |= Button.L if left >= FULL_TRIGGER else 0
    bits |= Button.R if right >= FULL_TRIGGER else 0
    depth = max(left, right, 49 / 140 if bits & Button.Z else 0.0)
    out.buttons[0] = bits
    out.trigger[0] = 1.0 if bits & (Button.L | Button.R) else (depth if depth >= 43 / 140 else 0.0)
    return out[0]


def keyboard_state(held: Collection[str]) -> PadState:
    """A gamepad of held keys (see ``KEYS``)."""
    doing = {KEYS[key] for key in held if key in KEYS}

    def stick(name: str) -> tuple[float, float]:
        return (
            float(f"{name} right" in doing) - float(f"{name} left" in doing),
            float(f"{name} up" in doing) - float(f"{name} down" in doing),
        )

    return PadState(stick("stick"), stick("c"), (0.0, 0.0), frozenset(doing & BITS.keys()))


# Axes and buttons of the pads that Melee is played with on a computer, by SDL's numbers: the GameCube adapter
# (Wii U, in its native mode), and what SDL calls an Xbox-like layout for everything else.
_GAMECUBE: Final = {
    0: "a",
    1: "x",
    2: "b",
    3: "y",
    4: "l",
    5: "r",
    7: "z",
    12: "up",
    13: "right",
    14: "down",
    15: "left",
}
_COMMON: Final = {0: "a", 1: "x", 2: "b", 3: "y", 4: "z", 5: "z"}


def state_of(name: str, axes: Sequence[float], pressed: Sequence[bool]) -> PadState:
    """A gamepad's axes and buttons, by SDL's numbers, as a PadState."""

    def axis(number: int) -> float:
        return float(axes[number]) if number < len(axes) else 0.0

    gamecube = "gamecube" in name.lower() or "mayflash" in name.lower()
    table = _GAMECUBE if gamecube else _COMMON
    buttons = frozenset(word for number, word in table.items() if number < len(pressed) and pressed[number])
    c, triggers = ((3, 4), (2, 5)) if not gamecube else ((5, 2), (3, 4))
    depth = tuple((axis(number) + 1.0) / 2.0 for number in triggers)
    return PadState((axis(0), -axis(1)), (axis(c[0]), -axis(c[1])), (depth[0], depth[1]), buttons)


def read_gamepad(number: int = 0) -> Callable[[], PadState]:
    """A function that reads gamepad ``number`` now.

    Raises:
        GamepadMissing: the extra is not installed, or there is no such gamepad.
    """
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    os.environ.setdefault("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError:
        raise GamepadMissing("Reading a gamepad needs pygame-ce.", hint="pip install 'exphil-rt[gamepad]'") from None
    pygame.display.init()
    pygame.joystick.init()
    count = pygame.joystick.get_count()
    if not 0 <= number < count:
        found = f"{count} are connected" if count else "none is connected"
        raise GamepadMissing(f"There is no gamepad {number}: {found}.", hint="Play with --keyboard, or connect one.")
    return reader_of(pygame.joystick.Joystick(number), pygame.event.pump)


def reader_of(stick: Any, pump: Callable[[], object]) -> Callable[[], PadState]:
    """A function that reads this joystick (pygame's, or anything with its methods) now."""

    def read() -> PadState:
        pump()
        axes = [stick.get_axis(number) for number in range(stick.get_numaxes())]
        pressed = [bool(stick.get_button(number)) for number in range(stick.get_numbuttons())]
        if stick.get_numhats():
            across, up = stick.get_hat(0)
            hat = {"up": up > 0, "down": up < 0, "right": across > 0, "left": across < 0}
        else:
            hat = {}
        found = state_of(stick.get_name(), axes, pressed)
        return found._replace(buttons=found.buttons | {word for word, held in hat.items() if held})

    return read


def _finite(value: float) -> float:
    return float(np.clip(value, -1.0, 1.0)) if math.isfinite(value) else 0.0
