"""The phases of a special that every fighter shares: its rows are the data, the fighter's ``act`` the exceptions.

``registry.special_phase`` runs them: it asks ``prepare``, then the fighter, then ``conclude``.
"""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.begin import air_options, ground_options, try_turn_or_walk
from exphil_rt.sim.enter import enter, leave_ground, to_fall, to_wait
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import drift, ground_friction, toward_zero, try_fastfall
from exphil_rt.sim.specials.rows import (
    AIR_FORWARD,
    AIR_RISE,
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
def over(pl: Any, t: Any) -> bool:
    """The special's animation has come to its end."""
    if pl.state < SPECIAL:
        return False
    length = t.anim[pl.character, pl.state].length
    return bool(length > 0.0 and pl.age >= length)


@njit
def entry(pl: Any, row: Any) -> None:
    """What the row says about the speed with which a special begins."""
    pl.special = 0
    if pl.airborne == 0:
        pl.gv *= row.gv_mul
        return
    pl.vx *= row.vx_mul
    pl.vy *= row.vy_mul
    if not math.isnan(row.vx_set):
        pl.vx = row.vx_set * pl.facing
    if not math.isnan(row.vy_set):
        pl.vy = row.vy_set
    pl.fastfall = 0


@njit
def turn(pl: Any, row: Any, c: Any) -> None:
    """The stick back turns the fighter while the row lets it."""
    back = pl.stick_x * pl.facing <= -c.special_turn_stick
    if back and pl.flag == 0 and row.turn_to > 0.0 and row.turn_from <= pl.age <= row.turn_to:
        pl.facing = -pl.facing
        pl.flag = 1


@njit
def leave_early(pl: Any, t: Any) -> None:
    """A special that its fighter may leave before its end."""
    iasa = t.anim[pl.character, pl.state].iasa
    if iasa <= 0.0 or pl.age < iasa:
        return
    if pl.airborne:
        air_options(pl, t, t.common[0])
    elif not ground_options(pl, t, t.common[0]):
        try_turn_or_walk(pl, t, t.common[0])


@njit
def velocity(pl: Any, t: Any) -> None:
    """The velocity that the row gives; ``physics`` then moves the body."""
    at = t.fighters[pl.character]
    row = t.special[pl.character, pl.state - SPECIAL]
    frame = int(pl.age)
    moving = row.motion != 0 and 0 <= frame <= row.motion_frames
    rising = row.motion & AIR_RISE and frame <= row.rise_frames
    if pl.airborne == 0 and rising and t.special_motion[row.motion_offset + frame, 1] > 0.0:
        leave_ground(pl)
        pl.vx = pl.gv
    if pl.airborne == 0:
        if row.motion & GROUND_MOTION:
            pl.gv = pl.facing * t.special_motion[row.motion_offset + frame, 0] if moving else 0.0
        else:
            ground_friction(pl, at, t.common[0])
        return
    if row.fastfall:
        try_fastfall(pl, t.common[0])
    if rising:
        pl.vy = t.special_motion[row.motion_offset + frame, 1]
    elif pl.fastfall:
        pl.vy = -at.fastfall_vel
    elif pl.age >= row.float_until:
        pl.vy = max(pl.vy - row.gravity, -row.terminal)
    if row.motion & AIR_FORWARD and moving:
        pl.vx = pl.facing * t.special_motion[row.motion_offset + frame, 0]
    elif row.drift > 0.0:
        drift(pl, at, row.drift)
    else:
        pl.vx = toward_zero(pl.vx, row.friction)


@njit
def prepare(phase: int, pl: Any, t: Any) -> int:
    """What the fighter's ``act`` is to be asked in a phase of the frame, -1 for nothing.

    ``phase`` is ANIMATE, after the age moved on; INTERRUPT, after the pad was read; MOVE, before the body moves;
    LANDED, after the collisions; HIT, after the hits.
    """
    if phase == HIT:
        if pl.state >= SPECIAL and pl.landed_hit != 0:
            return HIT
        if pl.special_state != 0 and pl.state < SPECIAL:
            return TAKEN
        note(pl)
        return -1
    if phase == LANDED:
        if pl.special != 2:
            return -1
        pl.special = 0
        return LANDED
    if not acting(pl):
        return -1
    if phase != INTERRUPT:
        return phase
    row = t.special[pl.character, pl.state - SPECIAL]
    if pl.special == 1:
        entry(pl, row)
        return START
    turn(pl, row, t.common[0])
    return INTERRUPT


@njit
def note(pl: Any) -> None:
    """Remember the special of this frame for the next one."""
    pl.landed_hit = 0
    pl.special_state = pl.state if pl.state >= SPECIAL else 0


@njit
def conclude(asked: int, done: bool, pl: Any, t: Any) -> int:
    """Do what the row says after ``act`` was asked and did or did not do it; what to ask next, -1 for nothing."""
    if asked in (HIT, TAKEN):
        note(pl)
    elif done or asked in (START, LANDED):
        return -1
    elif asked == ANIMATE:
        if over(pl, t):
            return END
    elif asked == END:
        row = t.special[pl.character, pl.state - SPECIAL]
        go_on(pl, t, row.then_air if pl.airborne else row.then, row)
    elif asked == MOVE:
        velocity(pl, t)
    elif pl.state >= SPECIAL:
        leave_early(pl, t)
    return -1
