"""The shield: its size, its drain, and what a blocked hit does."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.inputs import LR
from exphil_rt.sim.jit import njit

# Share of the table's size that the bubble really covers: own estimate, so that a full shield just covers the body.
BUBBLE = 0.62


@njit
def depth(pl: Any, c: Any) -> float:
    """How hard the shield is pressed: 1 for a digital press, else by the trigger."""
    if pl.buttons & LR:
        return 1.0
    return float(min(1.0, max(0.0, (pl.trigger - c.trigger_deadzone) / (1.0 - c.trigger_deadzone))))


@njit
def shield_radius(pl: Any, at: Any, c: Any) -> float:
    """Radius of the bubble: shrinks with its health; a light press makes it larger."""
    share = c.shield_size_min + (1.0 - c.shield_size_min) * pl.shield / c.shield_hp
    return float(BUBBLE * at.shield_size * at.model_scale * share * (1.0 + 0.15 * (1.0 - depth(pl, c))))


@njit
def break_shield(pl: Any, t: Any) -> None:
    """Fly up, then fall and stand dizzy."""
    c = t.common[0]
    pl.shield = c.shield_break_respawn_hp
    leave_ground(pl)
    pl.vx = 0.0
    pl.vy = t.fighters[pl.character].shield_break_vy
    pl.gv = 0.0
    enter(pl, t, st.SHIELD_BREAK_FLY)
    pl.invincible = 30


@njit
def drain(pl: Any, t: Any) -> None:
    """A held shield loses health every frame."""
    if pl.state != st.GUARD and pl.state != st.GUARD_ON:
        return
    c = t.common[0]
    low, high = c.shield_hold_drain_range_1, c.shield_hold_drain_range_0
    pl.shield -= c.shield_hold_drain * (low + (high - low) * depth(pl, c))
    if pl.shield <= 0.0:
        break_shield(pl, t)


@njit
def block(pl: Any, t: Any, box: Any, damage: float, lag: float, direction: float) -> None:
    """The shield takes a hit: health, stun and push, or it breaks."""
    c = t.common[0]
    pl.hitlag = lag
    pl.di_pending = 0
    if pl.state == st.GUARD_ON and pl.t < c.powershield_window:
        return  # power shield: no damage, no stun
    d = depth(pl, c)
    pl.shield -= (damage + box.shield_damage) * (0.7 if d >= 1.0 else 0.7 - 0.5 * (1.0 - d))
    if pl.shield <= 0.0:
        pl.hitlag = 0.0
        break_shield(pl, t)
        return
    pl.shield_stun = math.floor(damage * (0.45 + 0.975 * (1.0 - d)) + c.shieldstun_base)
    enter(pl, t, st.GUARD_SET_OFF)
    pl.gv = direction * min(pl.shield_stun * c.shield_push_mul * c.shield_push_mul_normal, c.shield_push_max)
