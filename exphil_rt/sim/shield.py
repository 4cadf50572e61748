"""The shield: its place and size, its drain, and what a blocked hit does."""

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
def tilt(pl: Any) -> None:
    """The bubble follows the stick: each frame its angle and its tilt make up half of what they lack."""
    if not guards(pl):
        pl.guard_angle = 0.0
        pl.guard_tilt = 0.0
    elif pl.state != st.GUARD_SET_OFF and pl.hitlag <= 0.0:
        x, y = pl.stick_x * pl.facing, pl.stick_y
        turn = math.degrees(math.atan2(y, x)) - pl.guard_angle
        turn -= 360.0 * math.floor(turn / 360.0 + 0.5)
        pl.guard_angle = (pl.guard_angle + 0.5 * turn) % 360.0
        pl.guard_tilt += 0.5 * (min(math.sqrt(x * x + y * y), 1.0) - pl.guard_tilt)


@njit
def shield_place(pl: Any, t: Any) -> tuple[float, float]:
    """Middle of the bubble."""
    places = t.shields[pl.character]
    k = int(pl.guard_angle / 45.0) % 8
    share = pl.guard_angle / 45.0 - k
    after = (k + 1) % 8
    x = mix(places[1 + k, 0], places[1 + after, 0], share)
    y = mix(places[1 + k, 1], places[1 + after, 1], share)
    x = mix(places[0, 0], x, pl.guard_tilt)
    return float(pl.x + pl.facing * x), float(pl.y + mix(places[0, 1], y, pl.guard_tilt))


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
def whole(damage: float) -> float:
    """Damage as shields count it: whole percents, and at least one (real replays: a blow of 0.9 costs 0.7)."""
    return float(max(math.floor(damage), 1.0))


@njit
def block(pl: Any, t: Any, box: Any, damage: float, lag: float, direction: float) -> None:
    """The shield takes a hit of ``damage``: health, stun and push, or it breaks.

    Amounts as measured on the game's code (github.com/tompassarelli/smashcraft, retail-analog-shield.json and
    retail-powershield-contact.json) and on real replays: whole percents count.
    """
    c = t.common[0]
    pl.hitlag = lag
    pl.di_pending = 1
    dealt = whole(damage)
    hard = strength(pl, c)
    perfect = pl.state == GUARD_REFLECT and pl.t < c.powershield_window
    if not perfect:
        pl.shield -= (dealt + box.shield_damage) * (
            1.0 - mix(c.shield_lightshield_dmg_0, c.shield_lightshield_dmg_1, hard)
        )
        if pl.shield <= 0.0:
            pl.hitlag = 0.0
            pl.di_pending = 0
            break_shield(pl, t)
            return
    stun = dealt * c.shieldstun_mul * (1.0 - mix(c.shieldstun_lightshield_0, c.shieldstun_lightshield_1, hard))
    stun += c.shieldstun_base
    push = stun * c.shield_push_mul * (1.0 if perfect else c.shield_push_mul_normal)
    enter(pl, t, st.GUARD_SET_OFF)
    pl.rate = SET_OFF_LENGTH / stun
    pl.gv = direction * min(push, c.shield_push_max)


@njit
def recoil(pl: Any, damage: float, direction: float, hard: float, c: Any) -> None:
    """An attacker on the ground is pushed back from a shield pressed so ``hard``, 0..1 (real replays: exact).

    By how hard it is pressed: https://www.ssbwiki.com/Shield, on the pushback of attackers in Melee.
    """
    if not pl.airborne:
        pl.recoil = -direction * (whole(damage) * c.attacker_shield_push_0 * hard + c.attacker_shield_push_1)
