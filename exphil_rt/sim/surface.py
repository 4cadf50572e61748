"""A launched fighter meets a wall or a ceiling: it techs on it or is thrown back.

What the ground does to it is in ``collide``. The bounce keeps the state that flew (the game has one of its own).
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import enter
from exphil_rt.sim.inputs import XY
from exphil_rt.sim.jit import njit

PASSIVE_WALL = st.PASSIVE_STAND_B + 1
PASSIVE_WALL_JUMP = PASSIVE_WALL + 1
PASSIVE_CEIL = PASSIVE_WALL + 2
BOUNCE = 0.8  # share of the speed kept
SAFE = 14  # frames intangible in a wall or ceiling tech (community)


@njit
def techs(pl: Any, c: Any) -> bool:
    """L or R was pressed in time, and not too early before."""
    return bool(pl.since_lr < c.tech_window and pl.since_lr_before >= c.tech_lr_lockout)


@njit
def flies(pl: Any) -> bool:
    """Launched into a tumble and still in hitstun."""
    return bool(st.DAMAGE_FLY_HI <= pl.state <= st.DAMAGE_FLY_ROLL and pl.hitstun > 0.0 and pl.hitlag <= 0.0)


@njit
def stop(pl: Any) -> None:
    """A tech takes all speed."""
    pl.kx = 0.0
    pl.ky = 0.0
    pl.vx = 0.0
    pl.vy = 0.0
    pl.hitstun = 0.0
    pl.tumble = 0
    pl.intangible = SAFE


@njit
def meet_wall(pl: Any, t: Any, side: int) -> None:
    """Against a wall whose open side is ``side``."""
    if not flies(pl) or pl.kx * side >= 0.0:
        return
    c = t.common[0]
    if not techs(pl, c):
        pl.kx *= -BOUNCE
        return
    at = t.fighters[pl.character]
    stop(pl)
    pl.facing = 1.0 if side > 0 else -1.0
    if pl.buttons & XY or pl.stick_y >= c.tap_jump:
        pl.vx = at.walljump_h * side
        pl.vy = at.walljump_v
        enter(pl, t, PASSIVE_WALL_JUMP)
    else:
        pl.vx = at.wall_tech_vx * side
        enter(pl, t, PASSIVE_WALL)


@njit
def meet_ceiling(pl: Any, t: Any) -> None:
    """Against a ceiling."""
    if not flies(pl) or pl.ky <= 0.0:
        return
    if techs(pl, t.common[0]):
        stop(pl)
        enter(pl, t, PASSIVE_CEIL)
    else:
        pl.ky *= -BOUNCE
