"""Phase 2b: what a fighter may begin on this frame, in the game's order of priority, by groups of states."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import enter, leave_ground, start_attack, to_fall, to_wait
from exphil_rt.sim.inputs import (
    A_OR_Z,
    AB,
    CROUCH_RELEASE,
    LR,
    NEUTRAL_TILT,
    XY,
    A,
    Z,
    c_flick,
    flick_x,
    wants_jump,
    wants_shield,
)
from exphil_rt.sim.jit import njit

UCF_RAW = 75.0
PASS_DELAY = 3  # frames of Squat before a platform lets go (real replays)


@njit
def steep(x: float, y: float, c: Any) -> bool:
    """The stick's angle is nearer to vertical than the game's threshold (50 degrees)."""
    return math.atan2(abs(y), abs(x)) > c.attack_angle_threshold_rad


@njit
def try_ground_attack(pl: Any, t: Any, c: Any) -> bool:
    """Smashes, tilts and the jab."""
    x, y = pl.stick_x, pl.stick_y
    if c_flick(pl, c):
        if steep(pl.c_x, pl.c_y, c):
            start_attack(pl, t, st.ATTACK_HI_4 if pl.c_y > 0.0 else st.ATTACK_LW_4)
        else:
            pl.facing = 1.0 if pl.c_x > 0.0 else -1.0
            start_attack(pl, t, st.ATTACK_S4_S)
        return True
    if not (pl.pressed & A):
        return False
    if abs(x) >= c.dash_flick and pl.tilt_x < c.smash_flick_frames and not steep(x, y, c):
        pl.facing = 1.0 if x > 0.0 else -1.0
        start_attack(pl, t, st.ATTACK_S4_S)
    elif y >= c.usmash_stick_y and pl.tilt_y < c.usmash_tilt_frames:
        start_attack(pl, t, st.ATTACK_HI_4)
    elif y <= c.dsmash_stick_y and pl.tilt_y < c.usmash_tilt_frames:
        start_attack(pl, t, st.ATTACK_LW_4)
    elif abs(x) >= c.ftilt_stick_x and not steep(x, y, c):
        pl.facing = 1.0 if x > 0.0 else -1.0
        start_attack(pl, t, st.ATTACK_S3_S)
    elif y >= c.utilt_stick_y:
        start_attack(pl, t, st.ATTACK_HI_3)
    elif y <= c.dtilt_stick_y:
        start_attack(pl, t, st.ATTACK_LW_3)
    else:
        start_attack(pl, t, st.ATTACK_11)
    return True


@njit
def to_jump_squat(pl: Any, t: Any) -> None:
    """Begin a jump from the ground."""
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
        enter(pl, t, st.GUARD_ON)
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
    if pl.stick_y <= -c.crouch_stick_y:
        enter(pl, t, st.SQUAT)
        return True
    return False


@njit
def drop_through(pl: Any, t: Any, c: Any) -> None:
    """Leave the platform downward."""
    pl.pass_line = pl.line
    leave_ground(pl)
    pl.vx = pl.gv
    pl.vy = c.pass_vy
    enter(pl, t, st.PASS)


@njit
def ground_options(pl: Any, t: Any, c: Any) -> bool:
    """Everything that a standing fighter can do, walking excepted."""
    if try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return True
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return True
    return try_dash_or_turn(pl, t, c) or try_squat(pl, t, c)


@njit
def try_turn_or_walk(pl: Any, t: Any, c: Any) -> bool:
    """A tilt turns or walks."""
    x = pl.stick_x
    if x * pl.facing <= c.turn_stick:
        to_turn(pl, t, int(t.fighters[pl.character].turn_frames) + 1)
        return True
    return try_walk(pl, t, c)


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
    by_c = c_flick(pl, c)
    if not by_c and not (pl.pressed & A_OR_Z):
        return False
    x = pl.c_x if by_c else pl.stick_x
    y = pl.c_y if by_c else pl.stick_y
    dead = c.aerial_stick_deadzone
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
def air_options(pl: Any, t: Any, c: Any) -> bool:
    """Everything that a free fighter in the air can do."""
    return try_air_dodge(pl, t, c) or try_air_attack(pl, t, c) or try_air_jump(pl, t, c)


@njit
def dash_options(pl: Any, t: Any, c: Any) -> None:
    """Dash and its ways out."""
    early = pl.age <= c.dash_window_frames_0
    if pl.pressed & Z or (pl.pressed & A and pl.buttons & LR):
        enter(pl, t, st.CATCH_DASH)
        return
    if c_flick(pl, c) or (early and pl.pressed & A and abs(pl.stick_x) >= c.dash_flick):
        if try_ground_attack(pl, t, c):
            return
    if pl.pressed & A and pl.age <= c.dash_window_frames_2:
        start_attack(pl, t, st.ATTACK_DASH)
        return
    if try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    if flick_x(pl, c) and pl.stick_x * pl.facing < 0.0 and (pl.age > c.dash_window_frames_0 or pl.flag == 1):
        to_turn(pl, t, 1)
        pl.gv *= 1.0 - c.dash_interrupt_vel_loss
        return
    if pl.age >= t.fighters[pl.character].dash_to_run and pl.stick_x * pl.facing >= c.run_stick_x:
        enter(pl, t, st.RUN)


@njit
def run_options(pl: Any, t: Any, c: Any) -> None:
    """Run, RunBrake and TurnRun."""
    s = pl.state
    if s == st.RUN:
        if pl.pressed & Z or (pl.pressed & A and pl.buttons & LR):
            enter(pl, t, st.CATCH_DASH)
            return
        if c_flick(pl, c) and steep(pl.c_x, pl.c_y, c) and pl.c_y > 0.0:
            start_attack(pl, t, st.ATTACK_HI_4)
            return
        if pl.pressed & A:
            start_attack(pl, t, st.ATTACK_DASH)
            return
        if try_shield(pl, t, c):
            return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    x = pl.stick_x * pl.facing
    if s == st.RUN:
        if x <= c.run_turn_stick:
            enter(pl, t, st.TURN_RUN)
        elif x < c.run_stick_x:
            enter(pl, t, st.RUN_BRAKE)
    elif s == st.RUN_BRAKE:
        if pl.stick_y <= -c.crouch_stick_y:
            enter(pl, t, st.SQUAT)
        elif x <= c.run_turn_stick and pl.age < t.fighters[pl.character].runbrake_turn_end:
            enter(pl, t, st.TURN_RUN)


@njit
def turn_options(pl: Any, t: Any, c: Any) -> None:
    """Turn: after a flick it becomes a dash; UCF makes the second frame of a fast push a flick too."""
    x = pl.stick_x
    if try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    if pl.flag == 0:
        # not turned yet: UCF's dash-back
        if pl.t == 1 and pl.charge == 1 and x * pl.facing <= -c.dash_flick:
            if abs(pl.raw_x - pl.raw_x2) > UCF_RAW:
                pl.facing = -pl.facing
                to_dash(pl, t)
                pl.flag = 1
                return
    elif pl.t == pl.count and x * pl.facing >= c.dash_flick and (pl.count == 1 or pl.tilt_x < c.dash_flick_frames):
        to_dash(pl, t)
        pl.flag = 1
        return
    try_squat(pl, t, c)


@njit
def walk_options(pl: Any, t: Any, c: Any) -> None:
    """Walk: as Wait, and its speed names the state."""
    if ground_options(pl, t, c):
        return
    x = pl.stick_x
    if x * pl.facing < c.stick_tilt_threshold:
        to_wait(pl, t)
    else:
        at = t.fighters[pl.character]
        share = abs(pl.gv) / at.walk_max
        pl.rate = max(share * c.walk_anim_mul, 0.1)
        if share >= c.walk_fast_frac:
            pl.state = st.WALK_FAST
        elif share >= c.walk_mid_frac:
            pl.state = st.WALK_MIDDLE
        else:
            pl.state = st.WALK_SLOW


@njit
def squat_options(pl: Any, t: Any, c: Any) -> None:
    """Squat, SquatWait and SquatRv."""
    if try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    s = pl.state
    if s == st.SQUAT_RV:
        try_walk(pl, t, c)
        return
    if s == st.SQUAT_WAIT and try_dash_or_turn(pl, t, c):
        return
    down = pl.stick_y <= -c.pass_stick_y and pl.tilt_y < c.pass_frames and t.lines[pl.line].drop != 0
    if down and s == st.SQUAT and pl.t >= PASS_DELAY:
        drop_through(pl, t, c)
    elif s == st.SQUAT_WAIT and pl.stick_y > -CROUCH_RELEASE:
        enter(pl, t, st.SQUAT_RV)


@njit
def landing_options(pl: Any, t: Any, c: Any) -> None:
    """Landing after its lag; a stick held down crouches on the first free frame only."""
    lag = t.fighters[pl.character].landing_lag
    if pl.t < lag or try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
    elif pl.t == lag and pl.stick_y <= -c.crouch_stick_y:
        enter(pl, t, st.SQUAT_WAIT)
    elif not try_dash_or_turn(pl, t, c):
        try_turn_or_walk(pl, t, c)


@njit
def guard_options(pl: Any, t: Any, c: Any) -> None:
    """GuardOn and Guard: out of shield, or let go."""
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
    elif pl.pressed & A_OR_Z:
        enter(pl, t, st.CATCH)
    elif abs(pl.stick_x) >= c.escape_stick_x and pl.tilt_x < c.escape_flick_frames:
        enter(pl, t, st.ESCAPE_F if pl.stick_x * pl.facing > 0.0 else st.ESCAPE_B)
    elif pl.stick_y <= c.spotdodge_stick_y and pl.tilt_y < c.escape_flick_frames:
        enter(pl, t, st.ESCAPE_N)
    elif pl.stick_y <= -c.pass_stick_y and pl.tilt_y < c.pass_frames and t.lines[pl.line].drop:
        drop_through(pl, t, c)
    elif not wants_shield(pl, c) and (pl.state == st.GUARD or pl.t >= t.fighters[pl.character].guardon_len):
        enter(pl, t, st.GUARD_OFF)


@njit
def down_options(pl: Any, t: Any, c: Any) -> None:
    """Lying: get up, attack, or roll."""
    up = pl.state == st.DOWN_WAIT_U
    if pl.pressed & AB:
        start_attack(pl, t, st.DOWN_ATTACK_U if up else st.DOWN_ATTACK_D)
    elif abs(pl.stick_x) >= c.escape_stick_x:
        ahead = pl.stick_x * pl.facing > 0.0
        if up:
            enter(pl, t, st.DOWN_FORWARD_U if ahead else st.DOWN_BACK_U)
        else:
            enter(pl, t, st.DOWN_FORWARD_D if ahead else st.DOWN_BACK_D)
        pl.intangible = 18
    elif pl.stick_y >= c.usmash_stick_y or pl.pressed & LR:
        enter(pl, t, st.DOWN_STAND_U if up else st.DOWN_STAND_D)
        pl.intangible = 20


@njit
def cliff_options(pl: Any, t: Any, c: Any) -> None:
    """Hanging from a ledge."""
    slow = pl.percent >= c.cliff_percent_threshold
    x, y = pl.stick_x, pl.stick_y
    into = x * pl.facing
    if wants_jump(pl, c):
        enter(pl, t, st.CLIFF_JUMP_SLOW_1 if slow else st.CLIFF_JUMP_QUICK_1)
    elif pl.pressed & AB or (c_flick(pl, c) and pl.c_y > 0.0):
        start_attack(pl, t, st.CLIFF_ATTACK_SLOW if slow else st.CLIFF_ATTACK_QUICK)
        pl.invincible = 20
    elif pl.pressed & LR or (c_flick(pl, c) and pl.c_x * pl.facing > 0.0):
        enter(pl, t, st.CLIFF_ESCAPE_SLOW if slow else st.CLIFF_ESCAPE_QUICK)
        pl.invincible = 25
    elif pl.tilt_x > 0 and pl.tilt_y > 0 and pl.t < 2:
        return  # a stick still held from the catch does nothing yet
    elif y <= -c.cliff_option_stick or into <= -c.cliff_option_stick:
        pl.ledge = 0
        pl.ledge_wait = int(c.ledge_cooldown)
        pl.vx = 0.0
        pl.vy = 0.0
        to_fall(pl, t)
        pl.fastfall = 1 if y <= -c.fastfall_stick and pl.tilt_y < c.fastfall_frames else 0
    elif y >= c.cliff_option_stick or into >= c.cliff_option_stick:
        enter(pl, t, st.CLIFF_CLIMB_SLOW if slow else st.CLIFF_CLIMB_QUICK)
        pl.invincible = 25


@njit
def jab_options(pl: Any, t: Any) -> None:
    """Jab to jab, or to the rapid jabs."""
    if not (pl.pressed & A):
        return
    s = pl.state
    an = t.anim[pl.character, s]
    if s == st.ATTACK_100_LOOP or s == st.ATTACK_100_START:
        pl.count = 1
        return
    if s == st.ATTACK_100_END or pl.age <= an.hit_first + an.hit_frames:
        return
    if s < st.ATTACK_13 and t.anim[pl.character, s + 1].exists:
        start_attack(pl, t, s + 1)
    elif t.anim[pl.character, st.ATTACK_100_LOOP].exists:
        start_attack(pl, t, st.ATTACK_100_START)


@njit
def interrupt(pl: Any, t: Any) -> None:
    """Phase 2b of one fighter."""
    c = t.common[0]
    s = pl.state
    if s <= st.SLEEP or pl.hitlag > 0.0 or pl.held:
        return
    if pl.airborne:
        an = t.anim[pl.character, s]
        if (
            st.JUMP_F <= s <= st.FALL_AERIAL
            or s == st.PASS
            or s == st.CLIFF_JUMP_QUICK_2
            or s == st.CLIFF_JUMP_SLOW_2
            or (st.ATTACK_AIR_N <= s <= st.ATTACK_AIR_LW and an.iasa > 0.0 and pl.age >= an.iasa)
        ):
            air_options(pl, t, c)
        elif s == st.DAMAGE_FALL:
            if not try_air_attack(pl, t, c) and not try_air_jump(pl, t, c) and flick_x(pl, c):
                pl.tumble = 0
                to_fall(pl, t)
        elif s == st.REBIRTH_WAIT:
            if pl.t > 1 and (pl.pressed or abs(pl.stick_x) > 0.5 or abs(pl.stick_y) > 0.5 or c_flick(pl, c)):
                pl.vx = 0.0
                pl.vy = 0.0
                pl.intangible = 120
                to_fall(pl, t)
                air_options(pl, t, c)
        elif s == st.CLIFF_WAIT:
            cliff_options(pl, t, c)
        return
    if s == st.WAIT or s == st.OTTOTTO or s == st.OTTOTTO_WAIT:
        if not ground_options(pl, t, c):
            try_turn_or_walk(pl, t, c)
    elif st.WALK_SLOW <= s <= st.WALK_FAST:
        walk_options(pl, t, c)
    elif s == st.DASH:
        dash_options(pl, t, c)
    elif s == st.RUN or s == st.RUN_BRAKE or s == st.TURN_RUN:
        run_options(pl, t, c)
    elif s == st.TURN:
        turn_options(pl, t, c)
    elif s == st.KNEE_BEND:
        if (pl.pressed & A and pl.stick_y >= c.usmash_stick_y) or (c_flick(pl, c) and pl.c_y > 0.0):
            start_attack(pl, t, st.ATTACK_HI_4)
        else:
            try_grab(pl, t)
    elif st.SQUAT <= s <= st.SQUAT_RV:
        squat_options(pl, t, c)
    elif s == st.LANDING:
        landing_options(pl, t, c)
    elif s == st.GUARD_ON or s == st.GUARD:
        guard_options(pl, t, c)
    elif s == st.GUARD_OFF:
        if wants_jump(pl, c):
            to_jump_squat(pl, t)
    elif s == st.DOWN_WAIT_U or s == st.DOWN_WAIT_D:
        down_options(pl, t, c)
    elif st.ATTACK_11 <= s <= st.ATTACK_LW_4:
        if s <= st.ATTACK_100_END:
            jab_options(pl, t)
            if pl.state != s:
                return
        an = t.anim[pl.character, s]
        if an.iasa > 0.0 and pl.age >= an.iasa:
            if not ground_options(pl, t, c):
                try_turn_or_walk(pl, t, c)
    elif s == st.FURAFURA:
        if pl.pressed:
            pl.count -= 8
