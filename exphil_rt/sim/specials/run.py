"""The phases of a special that every fighter shares: its rows are the data, the fighter's ``act`` the exceptions."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.begin import air_options, ground_options, try_turn_or_walk
from exphil_rt.sim.enter import enter, leave_ground, to_fall, to_wait
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import drift, ground_friction, toward_zero, try_fastfall
from exphil_rt.sim.specials.registry import act
from exphil_rt.sim.specials.rows import (
    AIR_MOTION,
    AIR_MOTION_X,
    ANIMATE,
    END,
    GROUND_MOTION,
    HIT,
    INTERRUPT,
    LANDED,
    MOVE,
    START,
    TAKEN,
)

SPECIAL = st.FIRST_SPECIAL


@njit
def acting(pl: Any) -> bool:
    """In a special and not frozen."""
    return bool(pl.state >= SPECIAL and pl.hitlag <= 0.0 and not pl.held)


@njit
def go_on(pl: Any, t: Any, state: int, row: Any) -> None:
    """What follows a special's state."""
    if state == st.FALL_SPECIAL:
        leave_ground(pl)
        pl.fall_lag = row.lag
        pl.fall_drift = row.mobility
        enter(pl, t, st.FALL_SPECIAL)
    elif state == st.FALL:
        to_fall(pl, t)
    elif state == st.WAIT:
        to_wait(pl, t)
    else:
        enter(pl, t, state)


@njit
def animate_special(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """Phase 1: after the age moved on."""
    if not acting(pl) or act(ANIMATE, pl, foe, t, game, port):
        return
    s = pl.state
    an = t.anim[pl.character, s]
    if s < SPECIAL or an.length <= 0.0 or pl.age < an.length:
        return
    if act(END, pl, foe, t, game, port):
        return
    row = t.special[pl.character, s - SPECIAL]
    go_on(pl, t, row.then_air if pl.airborne else row.then, row)


@njit
def interrupt_special(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """Phase 2b: the entry of a special that began on this frame, turning, and ways out."""
    if not acting(pl):
        return
    row = t.special[pl.character, pl.state - SPECIAL]
    if pl.special == 1:
        pl.special = 0
        if pl.airborne:
            pl.vx *= row.vx_mul
            pl.vy *= row.vy_mul
            if not math.isnan(row.vx_set):
                pl.vx = row.vx_set * pl.facing
            if not math.isnan(row.vy_set):
                pl.vy = row.vy_set
            pl.fastfall = 0
        act(START, pl, foe, t, game, port)
        return
    if pl.flag == 0 and row.turn_from <= pl.age <= row.turn_to:
        if pl.stick_x * pl.facing <= -t.common[0].special_turn_stick:
            pl.facing = -pl.facing
            pl.flag = 1
    if act(INTERRUPT, pl, foe, t, game, port):
        return
    iasa = t.anim[pl.character, pl.state].iasa
    if iasa > 0.0 and pl.age >= iasa:
        if pl.airborne:
            air_options(pl, t, t.common[0])
        elif not ground_options(pl, t, t.common[0]):
            try_turn_or_walk(pl, t, t.common[0])
        interrupt_begun(pl, foe, t, game, port)


@njit
def interrupt_begun(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """A special that began out of another one: its entry."""
    if pl.special == 1 and pl.state >= SPECIAL:
        row = t.special[pl.character, pl.state - SPECIAL]
        pl.special = 0
        if pl.airborne:
            pl.vx *= row.vx_mul
            pl.vy *= row.vy_mul
        act(START, pl, foe, t, game, port)


@njit
def move_special(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """Phase 3: the velocity of a special; ``physics`` then moves the body."""
    if not acting(pl) or act(MOVE, pl, foe, t, game, port):
        return
    at = t.fighters[pl.character]
    row = t.special[pl.character, pl.state - SPECIAL]
    frame = int(pl.age)
    moving = row.motion != 0 and 0 <= frame <= row.motion_frames
    if pl.airborne == 0:
        if row.motion & GROUND_MOTION:
            pl.gv = pl.facing * t.special_motion[row.motion_offset + frame, 0] if moving else 0.0
        else:
            ground_friction(pl, at, t.common[0])
        return
    if row.motion & AIR_MOTION:
        pl.vx = pl.facing * t.special_motion[row.motion_offset + frame, 0] if moving else 0.0
        pl.vy = t.special_motion[row.motion_offset + frame, 1] if moving else 0.0
        return
    if row.fastfall:
        try_fastfall(pl, t.common[0])
    if pl.fastfall:
        pl.vy = -at.fastfall_vel
    elif pl.age >= row.float_until:
        pl.vy = max(pl.vy - row.gravity, -row.terminal)
    if row.motion & AIR_MOTION_X:
        pl.vx = pl.facing * t.special_motion[row.motion_offset + frame, 0] if moving else 0.0
    elif row.drift > 0.0:
        drift(pl, at, row.drift)
    else:
        pl.vx = toward_zero(pl.vx, row.friction)


@njit
def after_collisions(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """Phase 4, later: the fighter's own word about a landing."""
    if pl.special == 2:
        pl.special = 0
        act(LANDED, pl, foe, t, game, port)


@njit
def after_hits(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """Phase 7, later: what a hit does to the special that dealt it, and to one that took it."""
    if pl.state >= SPECIAL and pl.landed_hit != 0:
        act(HIT, pl, foe, t, game, port)
        pl.landed_hit = 0
    if pl.special_state != 0 and pl.state < SPECIAL:
        act(TAKEN, pl, foe, t, game, port)
    pl.special_state = pl.state if pl.state >= SPECIAL else 0
