"""What Zelda and Sheik share, being one: to vanish along the stick, and to become the other.

Their states of it lie alike: begun, gone and back on the ground, then the three in the air.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import ANIMATE, END, MOVE

GONE_FRAMES: Final = 20


@njit
def vanish(phase: int, pl: Any, t: Any, begun: int, speed: float, age: float, kept: float) -> bool:
    """Vanish (Sheik) and Farore's Wind (Zelda): gone for twenty frames along the stick.

    Args:
        begun: the first of the six states, in which it begins on the ground.
        speed: while gone, units a frame.
        age: that the animation shows while gone.
        kept: share of the speed that is left at the end.
    """
    gone, back, air_begun, air_gone, air_back = begun + 1, begun + 2, begun + 3, begun + 4, begun + 5
    s = pl.state
    if phase == END and s in (begun, air_begun):
        x, y = pl.stick_x, pl.stick_y
        angle = math.atan2(y, x) if math.sqrt(x * x + y * y) > 0.25 else math.pi * 0.5
        if x * pl.facing < -0.25:
            pl.facing = -pl.facing
        pl.vx = speed * math.cos(angle)
        pl.vy = speed * math.sin(angle)
        if pl.airborne or pl.vy > 0.01:
            leave_ground(pl)
            enter(pl, t, air_gone)
        else:
            pl.gv = pl.vx
            enter(pl, t, gone)
        return True
    if s in (gone, air_gone):
        if phase == ANIMATE:
            pl.age = age
            if pl.t >= GONE_FRAMES:
                pl.vx *= kept
                pl.vy *= kept
                pl.gv *= kept
                enter(pl, t, air_back if pl.airborne else back)
            return True
        return phase == MOVE
    return False


@njit
def transform(phase: int, pl: Any, t: Any, to: int, arrives: int, arrives_air: int) -> bool:
    """Another fighter stands there: its tables are used from now on."""
    if phase != END:
        return False
    pl.character = to
    pl.store = 0.0
    pl.used = 0
    enter(pl, t, arrives_air if pl.airborne else arrives)
    return True
