"""Jigglypuff: Rollout, Pound, Sing, Rest.

Pound, Rest and the air jumps are measured on real replays. Rollout is simplified (no turning, one speed by its charge);
whom Sing reaches is dazed, not asleep, for a while by its percent.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.sim.enter import enter
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import drift, gravity
from exphil_rt.sim.specials.rows import ANIMATE, HIT, MOVE, START, STAY, Row, Specials

B = Button.B

N_START_R, N_START_L, N_LOOP, N_FULL, N_ROLL, N_TURN, N_END_R, N_END_L = range(346, 354)
N_AIR_START_R, N_AIR_START_L, N_AIR_LOOP, N_AIR_FULL, N_AIR_ROLL, N_AIR_TURN, N_AIR_END_R, N_AIR_END_L = range(354, 362)
N_HIT = 362
S, S_AIR = 363, 364
HI_L, HI_AIR_L, HI_R, HI_AIR_R = range(365, 369)
LW_L, LW_AIR_L, LW_R, LW_AIR_R = range(369, 373)

POUND_FROM, POUND_TO = 12.0, 39.0
POUND_SPEED, POUND_DECAY = 2.02, 0.92
POUND_TILT = math.radians(20.0)
ROLL_FRAMES = 60
SING_DAZE = 90

JIGGLYPUFF: Final = Specials(
    neutral=(N_START_R, N_AIR_START_R), side=(S, S_AIR), up=(HI_R, HI_AIR_R), down=(LW_R, LW_AIR_R),
    rows=(
        *(Row(state=s, then=N_LOOP, falls=s + 8, attack=18) for s in (N_START_R, N_START_L)),
        Row(state=N_LOOP, start=0, length=0, falls=N_AIR_LOOP, attack=18),
        Row(state=N_FULL, start=0, length=0, falls=N_AIR_FULL, attack=18),
        Row(state=N_ROLL, start=0, length=0, falls=N_AIR_ROLL, attack=18),
        Row(state=N_TURN, start=0, then=N_ROLL, falls=N_AIR_TURN, attack=18),
        *(Row(state=s, start=0, falls=s + 8, attack=18) for s in (N_END_R, N_END_L)),
        *(Row(state=s, then_air=N_AIR_LOOP, lands=s - 8, attack=18) for s in (N_AIR_START_R, N_AIR_START_L)),
        Row(state=N_AIR_LOOP, start=0, length=0, lands=N_LOOP, attack=18),
        Row(state=N_AIR_FULL, start=0, length=0, lands=N_FULL, attack=18),
        Row(state=N_AIR_ROLL, start=0, length=0, lands=N_ROLL, attack=18),
        Row(state=N_AIR_TURN, start=0, then_air=N_AIR_ROLL, lands=N_TURN, attack=18),
        *(Row(state=s, start=0, lands=s - 8, then_air=st.FALL_SPECIAL, lag=20, attack=18)
          for s in (N_AIR_END_R, N_AIR_END_L)),
        Row(state=N_HIT, start=0, length=30, lands=STAY, attack=18),
        Row(state=S, falls=S_AIR), Row(state=S_AIR, lands=S),
        *(Row(state=s, falls=s + 1, attack=20) for s in (HI_L, HI_R)),
        *(Row(state=s, lands=s - 1, attack=20) for s in (HI_AIR_L, HI_AIR_R)),
        *(Row(state=s, falls=s + 1, safe=(1.0, 27.0), attack=21) for s in (LW_L, LW_R)),
        *(Row(state=s, lands=s - 1, safe=(1.0, 27.0), attack=21) for s in (LW_AIR_L, LW_AIR_R)),
    ),
)  # fmt: skip


@njit
def rollout(phase: int, pl: Any, t: Any) -> bool:
    """Charge while B is held, then roll; a hit bounces back."""
    s = pl.state
    air = N_AIR_LOOP - N_LOOP if pl.airborne else 0
    charging = s in (N_LOOP, N_AIR_LOOP, N_FULL, N_AIR_FULL)
    rolling = s in (N_ROLL, N_AIR_ROLL)
    if phase == START:
        pl.sv = 0.0
    elif phase == ANIMATE and charging:
        pl.sv = min(pl.sv + 1.0, 60.0)
        if not (pl.buttons & B):
            speed = (1.0 + 2.2 * pl.sv / 60.0) * pl.facing
            pl.gv = speed
            pl.vx = speed
            enter(pl, t, N_ROLL + air)
            return True
        if pl.age >= 60.0:
            pl.age = 0.0
    elif phase == ANIMATE and rolling:
        pl.count += 1
        pl.age = 1.0
        if pl.count > ROLL_FRAMES:
            enter(pl, t, N_END_R + air)
            return True
    elif phase == MOVE and rolling:
        if pl.airborne:
            at = t.fighters[pl.character]
            pl.vy = max(pl.vy - at.gravity, -at.terminal_vel)
        return True
    elif phase == HIT and rolling and pl.landed_hit != 0:
        pl.vx = -0.5 * pl.facing
        pl.gv = pl.vx
        enter(pl, t, N_HIT)
        return True
    return False


@njit
def pound(phase: int, pl: Any, t: Any) -> bool:
    """A push forward at the blow, tilted by the stick."""
    if phase != MOVE or pl.airborne == 0:
        return False
    if pl.age < POUND_FROM:
        return False
    if pl.age == POUND_FROM:
        tilt = 0.0
        if abs(pl.stick_y) > 0.25:
            tilt = POUND_TILT if pl.stick_y > 0.0 else -POUND_TILT
        pl.vx = POUND_SPEED * math.cos(tilt) * pl.facing
        pl.vy = POUND_SPEED * math.sin(tilt)
    elif pl.age <= POUND_TO:
        pl.vx *= POUND_DECAY
        pl.vy *= POUND_DECAY
    else:
        at = t.fighters[pl.character]
        gravity(pl, at)
        drift(pl, at, 1.0)
    return True


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Jigglypuff's own part of a phase."""
    s = pl.state
    if s <= N_HIT:
        return bool(rollout(phase, pl, t))
    if s <= S_AIR:
        return bool(pound(phase, pl, t))
    if phase == START and pl.facing < 0.0:
        pl.state = s - 2  # the same, facing left
    elif phase == HIT and s <= HI_AIR_R and pl.landed_hit == 1 and foe.airborne == 0:
        enter(foe, t, st.FURAFURA)
        foe.count = SING_DAZE + int(foe.percent)
        foe.hitlag = 0.0
        foe.gv = 0.0
        foe.kx = 0.0
    return False
