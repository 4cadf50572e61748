"""B: which special a press begins, and which way the fighter faces."""

from __future__ import annotations

from typing import Any

from exphil_rt.game.frames import Button
from exphil_rt.sim.enter import enter, start_attack
from exphil_rt.sim.inputs import XY
from exphil_rt.sim.jit import njit

B = Button.B
FLOAT_USED = 64  # of ``used``
TURN_MEMORY = 8  # a stick pushed back up to this many frames ago turns a neutral special (real replays: 7 did, 11 not)


@njit
def begin_special(pl: Any, t: Any, state: int) -> bool:
    """Enter a special's first state; ``run`` does the rest of its entry in the same frame."""
    if state == 0:
        return False
    start_attack(pl, t, state)
    pl.special = 1
    pl.landed_hit = 0
    return True


@njit
def try_special(pl: Any, t: Any, c: Any) -> bool:
    """Any special: upward and downward before the sides, without a direction last."""
    if not (pl.pressed & B):
        return False
    starts = t.special_start[pl.character]
    x, y = pl.stick_x, pl.stick_y
    air = 1 if pl.airborne else 0
    if y >= c.special_updown_stick_y:
        return bool(begin_special(pl, t, starts.up[air]))
    if y <= -c.special_updown_stick_y:
        return bool(begin_special(pl, t, starts.down[air]))
    if abs(x) >= c.special_side_stick_x:
        pl.facing = 1.0 if x > 0.0 else -1.0
        return bool(begin_special(pl, t, starts.side[air]))
    if pl.since_side <= TURN_MEMORY and pl.side * pl.facing < 0.0:
        pl.facing = -pl.facing
    return bool(begin_special(pl, t, starts.neutral[air]))


@njit
def try_float(pl: Any, t: Any) -> bool:
    """Peach's float: the jump button held at the top of a jump, once a flight."""
    state = t.special_start[pl.character].floating
    if state == 0 or pl.used & FLOAT_USED or not (pl.buttons & XY) or pl.vy > 0.0 or pl.fastfall:
        return False
    pl.used |= FLOAT_USED
    pl.vy = 0.0
    pl.sv = 0.0
    enter(pl, t, state)
    return True


@njit
def try_up_special(pl: Any, t: Any, c: Any) -> bool:
    """Only the special upward: what the jump squat allows."""
    if not (pl.pressed & B) or pl.stick_y < c.special_updown_stick_y:
        return False
    return bool(begin_special(pl, t, t.special_start[pl.character].up[0]))


@njit
def try_side_special(pl: Any, t: Any, c: Any) -> bool:
    """Only the special to a side: what dashes and runs allow."""
    if not (pl.pressed & B) or abs(pl.stick_x) < c.special_side_stick_x or abs(pl.stick_y) >= c.special_updown_stick_y:
        return False
    pl.facing = 1.0 if pl.stick_x > 0.0 else -1.0
    return bool(begin_special(pl, t, t.special_start[pl.character].side[0]))
