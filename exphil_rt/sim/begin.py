"""What a free fighter may begin, on the ground and in the air: attacks, jumps, dashes, turns, shields, dodges.

Each function tries one thing, in the game's order of priority, and says whether it began.
"""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import enter, leave_ground, start_attack
from exphil_rt.sim.inputs import (
    A_OR_Z,
    LR,
    NEUTRAL_TILT,
    XY,
    A,
    Z,
    c_down,
    c_side,
    c_up,
    flick_x,
    wants_jump,
    wants_shield,
)
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.begin import try_float, try_special

WALL_JUMP_FRAMES = 4  # between the touch and the flick, own estimate
GUARD_REFLECT = st.GUARD_SET_OFF + 1
# Angles of the stick (radians) from which forward tilts and smashes are angled by half and fully, where there are such.
HALF_ANGLE = 0.1745
FULL_ANGLE = 0.3491


@njit
def angled(pl: Any, t: Any, middle: int, x: float, y: float) -> int:
    """The state of a forward tilt or smash for the stick's angle; ``middle`` is the straight one."""
    angle = math.atan2(y, abs(x))
    step = -1 if angle > 0.0 else 1
    moves = t.anim[pl.character]
    if abs(angle) > FULL_ANGLE and moves[middle + 2 * step].exists:
        return middle + 2 * step
    if abs(angle) > HALF_ANGLE:
        if moves[middle + step].exists:
            return middle + step
        if moves[middle + 2 * step].exists:
            return middle + 2 * step
    return middle


@njit
def steep(x: float, y: float, c: Any) -> bool:
    """The stick's angle is nearer to vertical than the game's threshold (50 degrees)."""
    return bool(math.atan2(abs(y), abs(x)) > c.attack_angle_threshold_rad)


@njit
def try_ground_attack(pl: Any, t: Any, c: Any) -> bool:
    """Smashes, tilts and the jab; a stick flat behind the back does no tilt (real replays)."""
    x, y = pl.stick_x, pl.stick_y
    if c_side(pl, c):
        pl.facing = 1.0 if pl.c_x > 0.0 else -1.0
        start_attack(pl, t, angled(pl, t, st.ATTACK_S4_S, pl.c_x, pl.c_y))
        return True
    up = c_up(pl, c)
    if up or c_down(pl, c):
        start_attack(pl, t, st.ATTACK_HI_4 if up else st.ATTACK_LW_4)
        return True
    if not (pl.pressed & A):
        return False
    if abs(x) >= c.dash_flick and pl.tilt_x < c.smash_flick_frames and not steep(x, y, c):
        pl.facing = 1.0 if x > 0.0 else -1.0
        start_attack(pl, t, angled(pl, t, st.ATTACK_S4_S, x, y))
    elif y >= c.usmash_stick_y and pl.tilt_y < c.usmash_tilt_frames:
        start_attack(pl, t, st.ATTACK_HI_4)
    elif y <= c.dsmash_stick_y and pl.tilt_y < c.usmash_tilt_frames:
        start_attack(pl, t, st.ATTACK_LW_4)
    elif x * pl.facing >= c.ftilt_stick_x and not steep(x, y, c):
        start_attack(pl, t, angled(pl, t, st.ATTACK_S3_S, x, y))
    elif y >= c.utilt_stick_y and steep(x, y, c):
        start_attack(pl, t, st.ATTACK_HI_3)
    elif y <= c.dtilt_stick_y and steep(x, y, c):
        start_attack(pl, t, st.ATTACK_LW_3)
    else:
        start_attack(pl, t, st.ATTACK_11)
    return True


@njit
def to_jump_squat(pl: Any, t: Any) -> None:
    """Begin a jump from the ground."""
    fastest = t.fighters[pl.character].dash_max  # a dash may begin faster than that (Falco's does)
    pl.gv = min(max(pl.gv, -fastest), fastest)
    enter(pl, t, st.KNEE_BEND)
    pl.short_hop = 0
    pl.stick_jump = 0 if pl.pressed & XY else 1


@njit
def to_turn(pl: Any, t: Any, frames: int) -> None:
    """Turn around after ``frames`` frames; the stick's strength now decides what UCF makes of it."""
    weak = abs(pl.stick_x) < t.common[0].dash_flick
    enter(pl, t, st.TURN)
    pl.count = frames
    pl.charge = 1 if weak else 0


@njit
def to_dash(pl: Any, t: Any) -> None:
    """Dash toward the facing."""
    pl.tilt_x = NEUTRAL_TILT
    enter(pl, t, st.DASH)


@njit
def try_grab(pl: Any, t: Any) -> bool:
    """Z, or A with a trigger held."""
    if pl.pressed & Z or (pl.pressed & A and pl.buttons & LR):
        enter(pl, t, st.CATCH)
        return True
    return False


@njit
def try_shield(pl: Any, t: Any, c: Any) -> bool:
    """Raise the shield."""
    if wants_shield(pl, c) and pl.shield > 0.0:
        # a press of L or R (not a held or light one) reflects at first
        enter(pl, t, GUARD_REFLECT if pl.pressed & LR else st.GUARD_ON)
        return True
    return False


@njit
def try_dash_or_turn(pl: Any, t: Any, c: Any) -> bool:
    """A flick dashes; against the facing it turns first."""
    if flick_x(pl, c):
        if pl.stick_x * pl.facing > 0.0:
            to_dash(pl, t)
        else:
            to_turn(pl, t, 1)
        return True
    return False


@njit
def try_squat(pl: Any, t: Any, c: Any) -> bool:
    """Crouch."""
    if pl.stick_y < -c.crouch_stick_y and pl.state != st.ATTACK_LW_3:
        enter(pl, t, st.SQUAT)
        return True
    return False


@njit
def drop_through(pl: Any, t: Any, c: Any) -> None:
    """Leave the platform downward."""
    pl.pass_line = pl.line
    pl.tilt_y = NEUTRAL_TILT  # the tap is used: no fast fall with it
    leave_ground(pl)
    pl.vx = pl.gv
    pl.vy = c.pass_vy
    enter(pl, t, st.PASS)


@njit
def ground_options(pl: Any, t: Any, c: Any) -> bool:
    """Everything that a standing fighter can do, walking excepted."""
    if try_special(pl, t, c) or try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return True
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return True
    return bool(try_dash_or_turn(pl, t, c) or try_squat(pl, t, c))


@njit
def try_turn_or_walk(pl: Any, t: Any, c: Any) -> bool:
    """A tilt turns or walks."""
    x = pl.stick_x
    if x * pl.facing <= c.turn_stick:
        to_turn(pl, t, int(t.fighters[pl.character].turn_frames) + 1)
        return True
    return bool(try_walk(pl, t, c))


@njit
def try_walk(pl: Any, t: Any, c: Any) -> bool:
    """Walk ahead."""
    if pl.stick_x * pl.facing >= c.stick_tilt_threshold:
        enter(pl, t, st.WALK_SLOW)
        return True
    return False


@njit
def try_air_attack(pl: Any, t: Any, c: Any) -> bool:
    """Aerials from A, Z or the c-stick."""
    dead = c.aerial_stick_deadzone
    # out of the middle of either axis (real replays: sideways after 0.44 upward, upward after 0.96 sideways)
    by_c = (abs(pl.c_x) >= dead and abs(pl.last_cx) < dead) or (abs(pl.c_y) >= dead and abs(pl.last_cy) < dead)
    if not by_c and not (pl.pressed & A_OR_Z):
        return False
    x = pl.c_x if by_c else pl.stick_x
    y = pl.c_y if by_c else pl.stick_y
    if abs(x) < dead and abs(y) < dead:
        start_attack(pl, t, st.ATTACK_AIR_N)
    elif steep(x, y, c):
        start_attack(pl, t, st.ATTACK_AIR_HI if y > 0.0 else st.ATTACK_AIR_LW)
    else:
        start_attack(pl, t, st.ATTACK_AIR_F if x * pl.facing > 0.0 else st.ATTACK_AIR_B)
    return True


@njit
def try_air_jump(pl: Any, t: Any, c: Any) -> bool:
    """A jump in the air."""
    if pl.jumps <= 0 or not wants_jump(pl, c):
        return False
    at = t.fighters[pl.character]
    pl.vx = pl.stick_x * at.air_jump_h_mul
    if at.multi_jump_0 > 0.0:
        left = pl.jumps
        pl.vx = pl.stick_x * at.drift_max
        if left >= 5:
            pl.vy = at.multi_jump_0
        elif left == 4:
            pl.vy = at.multi_jump_1
        elif left == 3:
            pl.vy = at.multi_jump_2
        elif left == 2:
            pl.vy = at.multi_jump_3
        else:
            pl.vy = at.multi_jump_4
        if pl.stick_x * pl.facing < 0.0:
            pl.facing = -pl.facing
    else:
        pl.vy = at.jump_v_full * at.air_jump_v_mul
    pl.jumps -= 1
    pl.fastfall = 0
    pl.tilt_y = NEUTRAL_TILT  # the same tap is not used twice
    back = pl.stick_x * pl.facing <= -c.jump_back_x
    enter(pl, t, st.JUMP_AERIAL_B if back else st.JUMP_AERIAL_F)
    return True


@njit
def try_air_dodge(pl: Any, t: Any, c: Any) -> bool:
    """L or R pressed in the air."""
    if not (pl.pressed & LR):
        return False
    x, y = pl.stick_x, pl.stick_y
    if abs(x) < c.escapeair_deadzone and abs(y) < c.escapeair_deadzone:
        pl.vx = 0.0
        pl.vy = 0.0
    else:
        angle = math.atan2(y, x)
        pl.vx = c.escapeair_force * math.cos(angle)
        pl.vy = c.escapeair_force * math.sin(angle)
    pl.fastfall = 0
    enter(pl, t, st.ESCAPE_AIR)
    return True


@njit
def try_wall_jump(pl: Any, t: Any, c: Any) -> bool:
    """A flick away from a wall that was touched just now, by those fighters who can."""
    at = t.fighters[pl.character]
    if at.wall_jumps == 0.0 or pl.wall_side == 0 or pl.wall_frames > WALL_JUMP_FRAMES:
        return False
    if pl.stick_x * pl.wall_side < c.dash_flick or pl.tilt_x >= WALL_JUMP_FRAMES:
        return False
    pl.facing = float(pl.wall_side)
    pl.vx = at.walljump_h * pl.wall_side
    pl.vy = at.walljump_v
    pl.fastfall = 0
    pl.wall_side = 0
    enter(pl, t, st.PASSIVE_WALL_JUMP)
    return True


@njit
def air_options(pl: Any, t: Any, c: Any) -> bool:
    """Everything that a free fighter in the air can do."""
    return bool(
        try_special(pl, t, c)
        or try_air_dodge(pl, t, c)
        or try_air_attack(pl, t, c)
        or try_wall_jump(pl, t, c)
        or try_air_jump(pl, t, c)
        or try_float(pl, t)
    )
