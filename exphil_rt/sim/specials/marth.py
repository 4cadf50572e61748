"""Marth and Roy: Shield Breaker, Dancing Blade, Dolphin Slash, Counter.

Marth's speeds in the air are measured on real replays; Roy's, and the lengths of the inputs' windows, follow the
community's frame data.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import (
    AIR_RISE,
    ANIMATE,
    COUNTER,
    END,
    GROUND_MOTION,
    HIT,
    INTERRUPT,
    MOVE,
    START,
    Row,
    Specials,
)

B = Button.B
MARTH_ID = int(Character.MARTH)
SPECIAL = st.FIRST_SPECIAL

N_START, N_LOOP, N_END, N_FULL, N_AIR_START, N_AIR_LOOP, N_AIR_END, N_AIR_FULL = range(341, 349)
S1, S2_HI, S2_LW, S3_HI, S3_S, S3_LW, S4_HI, S4_S, S4_LW = range(349, 358)
S1_AIR = 358
AIR = S1_AIR - S1
HI, HI_AIR = 367, 368
LW, LW_HIT, LW_AIR, LW_AIR_HIT = range(369, 373)

LOOPS = 4  # of Shield Breaker until it is full
CHAIN_FROM, CHAIN_TO, CHAIN_AT = 6.0, 26.0, 18.0  # a press within these ages goes on to the next blade at the third
BLADE_USED, COUNTER_USED = 1, 2
TILT = math.radians(27.5)  # of Dolphin Slash for a stick fully out, beyond a quarter (real replays)
FORWARD = (2.648, 2.758, 1.797, 0.75, 0.70, 0.64, 0.58, 0.52, 0.46, 0.40, 0.34, 0.28, 0.24, 0.2, 0.18, 0.16)
"""Dolphin Slash's way forward from age 6 on."""


def _set(*, marth: bool) -> Specials:
    breaker: dict[str, Any] = {"friction": 0.01}
    blade: dict[str, Any] = {"friction": 0.005, "gravity": 0.06, "terminal": 1.5}
    slash: dict[str, Any] = {"lag": 34 if marth else 20, "mobility": 0.4, "lands": st.LANDING_FALL_SPECIAL,
                             "ledge_from": 10.0, "ledge_back": True, "motion": AIR_RISE, "gravity": 0.06,
                             "then": st.FALL_SPECIAL, "then_air": st.FALL_SPECIAL}  # fmt: skip
    counter: dict[str, Any] = {"guard": COUNTER, "guard_ages": (5.0, 30.0) if marth else (8.0, 21.0)}
    slow: dict[str, Any] = {"gravity": 0.05, "terminal": 1.0}
    ground = [Row(state=s, falls=s + AIR, motion=GROUND_MOTION, attack=19) for s in range(S1, S4_LW + 1)]
    air = [
        Row(state=s + AIR, lands=s, attack=19, vx_mul=0.8 if s == S1 else 1.0, **blade) for s in range(S1, S4_LW + 1)
    ]
    return Specials(
        neutral=(N_START, N_AIR_START), side=(S1, S1_AIR), up=(HI, HI_AIR), down=(LW, LW_AIR),
        rows=(
            Row(state=N_START, then=N_LOOP, falls=N_AIR_START), Row(state=N_LOOP, then=N_LOOP, falls=N_AIR_LOOP),
            Row(state=N_END, falls=N_AIR_END), Row(state=N_FULL, falls=N_AIR_FULL),
            Row(state=N_AIR_START, then_air=N_AIR_LOOP, lands=N_START, **breaker),
            Row(state=N_AIR_LOOP, then_air=N_AIR_LOOP, lands=N_LOOP, **breaker),
            Row(state=N_AIR_END, lands=N_END, **breaker), Row(state=N_AIR_FULL, lands=N_FULL, **breaker),
            *ground, *air,
            Row(state=HI, safe=(4.0, 6.0) if marth else (0.0, 0.0), **slash),
            Row(state=HI_AIR, vx_mul=2 / 3, vy_set=0.0, safe=(5.0, 6.0) if marth else (0.0, 0.0), **slash),
            Row(state=LW, falls=LW_AIR, **counter), Row(state=LW_HIT, falls=LW_AIR_HIT),
            Row(state=LW_AIR, lands=LW, vx_mul=0.5, vy_set=0.0, **slow, **counter),
            Row(state=LW_AIR_HIT, lands=LW_HIT, **slow),
        ),
    )  # fmt: skip


MARTH: Final = _set(marth=True)
ROY: Final = _set(marth=False)


@njit
def shield_breaker(phase: int, pl: Any, t: Any) -> bool:
    """Held while B is, let go at the latest when full."""
    s = pl.state
    loop = s in (N_LOOP, N_AIR_LOOP)
    air = N_AIR_START - N_START if pl.airborne else 0
    if phase == START:
        pl.sv = 0.0
    elif phase == END and s in (N_START, N_AIR_START):
        enter(pl, t, (N_LOOP if pl.buttons & B else N_END) + air)
        return True
    elif phase == END and loop:
        pl.sv += 1.0
        enter(pl, t, (N_FULL if pl.sv >= LOOPS else N_LOOP) + air)
        return True
    elif phase == ANIMATE and loop and not (pl.buttons & B):
        enter(pl, t, N_END + air)
        return True
    return False


@njit
def blade(phase: int, pl: Any, t: Any) -> bool:
    """Up to four blows; the stick's height chooses each but the first."""
    air = AIR if pl.state >= S1_AIR else 0
    s = pl.state - air
    if phase == START:
        pl.count = 0
        if air and not (pl.used & BLADE_USED):
            pl.used |= BLADE_USED
            pl.vy = 1.0
        return False
    if s >= S4_HI:
        return False
    if phase == INTERRUPT and pl.pressed & B and CHAIN_FROM <= pl.age <= CHAIN_TO:
        pl.count = 1
    if phase != INTERRUPT or pl.count == 0 or pl.age < CHAIN_AT:
        return False
    up = pl.stick_y > 0.5
    down = pl.stick_y < -0.5
    if s == S1:
        after = S2_HI if up else S2_LW
    elif s <= S2_LW:
        after = S3_HI if up else (S3_LW if down else S3_S)
    else:
        after = S4_HI if up else (S4_LW if down else S4_S)
    serial = pl.attack_serial
    enter(pl, t, after + air)
    pl.age = 0.0
    pl.attack_serial = serial + 1
    return True


@njit
def dolphin_slash(phase: int, pl: Any, t: Any) -> bool:
    """Up at once, tilted by the stick; turned around by it on the way."""
    if phase == INTERRUPT and pl.age == 5.0:
        x = pl.stick_x
        if x * pl.facing < 0.0 and abs(x) >= 0.25:
            pl.facing = -pl.facing
        pl.sv = -math.copysign(max(abs(x) - 0.25, 0.0), x) * TILT
    elif phase == START:
        pl.jumps = 0
        pl.sv = 0.0
    if phase != MOVE:
        return False
    age = int(pl.age)
    row = t.special[pl.character, pl.state - SPECIAL]
    if age <= 5 or age > row.rise_frames:
        if pl.airborne == 0:
            return False
        at = t.fighters[pl.character]
        if age <= 5:
            pl.vy = max(pl.vy - at.gravity, -at.terminal_vel)
            pl.vx -= math.copysign(min(abs(pl.vx), at.air_friction), pl.vx)
        else:
            limit = at.drift_max * row.mobility
            pl.vy = max(pl.vy - row.gravity, -at.terminal_vel)
            pl.vx = min(max(pl.vx + 0.012 * pl.stick_x, -limit), limit)
        return True
    leave_ground(pl)
    up = t.special_motion[row.motion_offset + age, 1]
    ahead = FORWARD[min(age - 6, 15)] * pl.facing if pl.character == MARTH_ID else 0.35 * up * pl.facing
    pl.vx = ahead * math.cos(pl.sv) - up * math.sin(pl.sv)
    pl.vy = ahead * math.sin(pl.sv) + up * math.cos(pl.sv)
    return True


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Marth's and Roy's own part of a phase."""
    s = pl.state
    if s <= N_AIR_FULL:
        return bool(shield_breaker(phase, pl, t))
    if s < HI:
        return bool(blade(phase, pl, t))
    if s <= HI_AIR:
        return bool(dolphin_slash(phase, pl, t))
    if phase == HIT and pl.landed_hit == 5:
        pl.facing = 1.0 if foe.x > pl.x else -1.0
        serial = pl.attack_serial
        enter(pl, t, LW_AIR_HIT if pl.airborne else LW_HIT)
        pl.attack_serial = serial + 1
        return True
    return False
