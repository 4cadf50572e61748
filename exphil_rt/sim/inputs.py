"""Phase 2a: the pad. Shifts the stick, runs the tilt timers, finds button edges.

Sticks come processed as in Slippi's pre-frame; what is out of range is brought into it. UCF's dash-back looks at
the raw stick, taken from ``raw_x`` or, where that is 0, from the processed one.
"""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game.frames import Button
from exphil_rt.sim.jit import njit

LR = Button.L | Button.R
XY = Button.X | Button.Y
X = int(Button.X)
A = Button.A
Z = Button.Z
AB = Button.A | Button.B
A_OR_Z = Button.A | Button.Z
_KNOWN = LR | Z | XY | Button.A | Button.B | Button.START | 0x000F
NEUTRAL_TILT = 254
LONG_AGO = 10_000
TAP_JUMP_RUNNING = 0.5625  # lowest taps seen to jump out of a dash or run: 0.5625, 0.575, 0.6; out of all else 0.6625
CROUCH_RELEASE = 0.6  # a crouch is held down to here (real replays: held at 0.64, left at 0.57)


@njit
def axis(value: float, dead: float) -> float:
    """A stick axis inside -1..1, 0 in the dead zone and for nan."""
    if not (abs(value) >= dead):
        return 0.0
    return min(1.0, max(-1.0, value))


@njit
def tilt(timer: int, now: float, before: float, threshold: float) -> int:
    """Frames since the stick left neutral on this side; 254 in neutral."""
    if abs(now) < threshold:
        return NEUTRAL_TILT
    if abs(before) < threshold or (now > 0.0) != (before > 0.0):
        return 0
    return min(timer + 1, NEUTRAL_TILT)


@njit
def read_pad(pl: Any, c: Any, buttons: int, x: float, y: float, cx: float, cy: float, trigger: float, raw: int) -> None:
    """Take one player's inputs of this frame.

    A trigger pressed lightly cancels a landing's lag too, and one pressed in hitlag counts from its last frame on (of
    413 landings of attacks in real replays that tells 410; buttons alone, 395). Techs take a full press.
    """
    shielded = wants_shield(pl, c) or (pl.buttons & Z) != 0
    pl.last_x = pl.stick_x
    pl.last_y = pl.stick_y
    pl.last_cx = pl.c_x
    pl.last_cy = pl.c_y
    pl.stick_x = axis(x, c.stick_deadzone)
    pl.stick_y = axis(y, c.stick_deadzone)
    pl.c_x = axis(cx, c.stick_deadzone)
    pl.c_y = axis(cy, c.stick_deadzone)
    if not (trigger > 0.0):
        trigger = 0.0
    pl.trigger = min(1.0, trigger)
    pl.raw_x2 = pl.raw_x1
    pl.raw_x1 = pl.raw_x
    if raw != 0:
        pl.raw_x = raw
    else:
        pl.raw_x = math.floor(pl.stick_x * 80.0 + 0.5)
    pl.tilt_x = tilt(pl.tilt_x, pl.stick_x, pl.last_x, c.stick_tilt_threshold)
    pl.tilt_y = tilt(pl.tilt_y, pl.stick_y, pl.last_y, c.stick_tilt_threshold)
    pl.since_side = min(pl.since_side + 1, LONG_AGO)
    if abs(pl.stick_x) >= c.stick_tilt_threshold:
        pl.side = 1 if pl.stick_x > 0.0 else -1
        pl.since_side = 0
    held = buttons & _KNOWN
    pl.pressed = held & ~pl.buttons
    pl.buttons = held
    if pl.hitlag == 0.0 or pl.since_lrz > 0:
        pl.since_lrz = min(pl.since_lrz + 1, LONG_AGO)
    pl.since_lr = min(pl.since_lr + 1, LONG_AGO)
    pl.since_xy = min(pl.since_xy + 1, LONG_AGO)
    if not shielded and (wants_shield(pl, c) or (held & Z) != 0):
        pl.since_lrz = 0
    if pl.pressed & XY:
        pl.since_xy = 0
    if pl.jump_early:
        pl.jump_early = 0
        pl.pressed = pl.pressed | X
    if pl.pressed & LR:
        pl.since_lr_before = pl.since_lr
        pl.since_lr = 0


@njit
def wants_jump(pl: Any, c: Any) -> bool:
    """X, Y or a tap of the stick."""
    return bool((pl.pressed & XY) != 0 or (pl.stick_y >= c.tap_jump and pl.tilt_y < c.tap_jump_frames))


@njit
def wants_jump_running(pl: Any, c: Any) -> bool:
    """As ``wants_jump``; a dash or run takes a lower push for a tap."""
    return bool((pl.pressed & XY) != 0 or (pl.stick_y >= TAP_JUMP_RUNNING and pl.tilt_y < c.tap_jump_frames))


@njit
def wants_shield(pl: Any, c: Any) -> bool:
    """A trigger held, lightly or fully."""
    return bool((pl.buttons & LR) != 0 or pl.trigger >= c.trigger_deadzone)


@njit
def flick_x(pl: Any, c: Any) -> bool:
    """The stick was dashed to a side."""
    return bool(abs(pl.stick_x) >= c.dash_flick and pl.tilt_x < c.dash_flick_frames)


@njit
def c_side(pl: Any, c: Any) -> bool:
    """The c-stick was pushed to a side, as far as a smash takes (real replays: not at 0.75, but at 0.80)."""
    return bool(abs(pl.c_x) >= c.dash_flick and abs(pl.last_cx) < c.dash_flick)


@njit
def c_up(pl: Any, c: Any) -> bool:
    """The c-stick was pushed up, as far as a smash takes."""
    return bool(pl.c_y >= c.usmash_stick_y and pl.last_cy < c.usmash_stick_y)


@njit
def c_down(pl: Any, c: Any) -> bool:
    """The c-stick was pushed down, as far as a smash takes (real replays: not at 0.64, but at 0.82)."""
    return bool(pl.c_y <= c.dsmash_stick_y and pl.last_cy > c.dsmash_stick_y)


@njit
def c_flick(pl: Any, c: Any) -> bool:
    """The c-stick was pushed out of its middle on this frame."""
    now = max(abs(pl.c_x), abs(pl.c_y)) >= c.cstick_smash
    before = max(abs(pl.last_cx), abs(pl.last_cy)) >= c.cstick_smash
    return now and not before
