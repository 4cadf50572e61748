"""The shield: its size, its drain, and what a blocked hit does."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.inputs import LR
from exphil_rt.sim.jit import njit

SET_OFF_LENGTH = 20.1  # frames of the stun's animation, stretched to the stun (real replays)
GUARD_REFLECT = st.GUARD_SET_OFF + 1


@njit
def mix(low: float, high: float, share: float) -> float:
    """Between ``low`` (0) and ``high`` (1)."""
    return float(low + (high - low) * share)


@njit
def strength(pl: Any, c: Any) -> float:
    """How hard the shield is pressed: 1 for a digital press, else by the trigger."""
    if (
        pl.buttons & LR or pl.trigger < c.trigger_deadzone
    ):  # let go, a bubble that is still up stays hard (real replays)
        return 1.0
    return float(min(1.0, max(0.0, (pl.trigger - c.trigger_deadzone) / (1.0 - c.trigger_deadzone))))


@njit
def guards(pl: Any) -> bool:
    """States in which the bubble is up."""
    s = pl.state
    return bool(s == st.GUARD_ON or s == st.GUARD or s == st.GUARD_SET_OFF or s == GUARD_REFLECT)


@njit
def shield_radius(pl: Any, at: Any, c: Any) -> float:
    """Radius of the bubble: shrinks with its health; a light press makes it larger."""
    share = (1.0 - c.shield_size_min) * pl.shield / c.shield_hp
    share *= mix(c.shield_size_lightshield_0, c.shield_size_lightshield_1, strength(pl, c))
    return float(at.shield_size * at.model_scale * (c.shield_size_min + share))


@njit
def shield_x(pl: Any) -> float:
    """Middle of the bubble."""
    return float(pl.x)


@njit
def shield_y(pl: Any, at: Any) -> float:
    """Middle of the bubble, own estimate: half of the body."""
    return float(pl.y + at.height * 0.5)


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
    if pl.state == st.GUARD_SET_OFF or not guards(pl):
        return
    c = t.common[0]
    pl.shield -= c.shield_hold_drain * mix(c.shield_hold_drain_range_1, c.shield_hold_drain_range_0, strength(pl, c))
    if pl.shield <= 0.0:
        break_shield(pl, t)


@njit
def block(pl: Any, t: Any, box: Any, damage: float, lag: float, direction: float) -> None:
    """The shield takes a hit of ``damage``: health, stun and push, or it breaks.

    Amounts as measured on the game's code (github.com/tompassarelli/smashcraft, retail-analog-shield.json and
    retail-powershield-contact.json) and on real replays: whole percents count.
    """
    c = t.common[0]
    pl.hitlag = lag
    pl.di_pending = 1
    whole = math.floor(damage)
    hard = strength(pl, c)
    perfect = pl.state == GUARD_REFLECT and pl.t < c.powershield_window
    if not perfect:
        pl.shield -= (whole + box.shield_damage) * (
            1.0 - mix(c.shield_lightshield_dmg_0, c.shield_lightshield_dmg_1, hard)
        )
        if pl.shield <= 0.0:
            pl.hitlag = 0.0
            pl.di_pending = 0
            break_shield(pl, t)
            return
    stun = whole * c.shieldstun_mul * (1.0 - mix(c.shieldstun_lightshield_0, c.shieldstun_lightshield_1, hard))
    stun += c.shieldstun_base
    push = stun * c.shield_push_mul * (1.0 if perfect else c.shield_push_mul_normal)
    enter(pl, t, st.GUARD_SET_OFF)
    pl.rate = SET_OFF_LENGTH / stun
    pl.gv = direction * min(push, c.shield_push_max)


@njit
def recoil(pl: Any, damage: float, direction: float, hard: float, c: Any) -> None:
    """The attacker is pushed back from a shield pressed so ``hard``, 0..1 (real replays: exact).

    By how hard it is pressed: https://www.ssbwiki.com/Shield, on the pushback of attackers in Melee.
    """
    pl.recoil = -direction * (math.floor(damage) * c.attacker_shield_push_0 * hard + c.attacker_shield_push_1)
