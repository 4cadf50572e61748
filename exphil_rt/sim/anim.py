"""Phase 1: timers, hitlag, and the animation: natural ends of states (they see the previous frame's stick)."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.damage import leave_hitlag
from exphil_rt.sim.enter import enter, leave_ground, to_fall, to_wait
from exphil_rt.sim.inputs import CROUCH_RELEASE, LONG_AGO, NEUTRAL_TILT, XY
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import lean
from exphil_rt.sim.shield import guards

DIZZY = 490.0  # frames dizzy at 0 %, one less a percent, without mashing (community)
JUMP_EARLY = 8  # a button pressed that late in hitstun jumps at its end (real replays: 8 frames before, not at 9)
JAB_SHOWN = 2  # frames from a rapid blow to the question whether there is a next one (real replays: three fighters)
RUN_BRAKE_FRAMES = 30  # real replays: 9 brakes of four fighters ended so
GUARD_SET_OFF_END = 20.0  # age at which the shield's stun is over


@njit
def timers(pl: Any, t: Any) -> None:
    """Count down what runs in every state."""
    if pl.intangible > 0:
        pl.intangible -= 1
    if pl.invincible > 0:
        pl.invincible -= 1
    pl.wall_frames = min(pl.wall_frames + 1, LONG_AGO)
    if pl.ledge_wait > 0:
        pl.ledge_wait -= 1
    if pl.merge_frames > 0:
        pl.merge_frames -= 1
    guarding = guards(pl)
    if not guarding and pl.shield < t.common[0].shield_hp:
        pl.shield = min(pl.shield + t.common[0].shield_regen, t.common[0].shield_hp)


@njit
def take_off(pl: Any, t: Any) -> None:
    """From the jump squat into the air: no gravity on this frame."""
    at = t.fighters[pl.character]
    speed = pl.gv * at.ground_to_air_mul + pl.stick_x * at.jump_h_init
    leave_ground(pl)
    pl.vx = min(max(speed, -at.jump_h_max), at.jump_h_max)
    pl.vy = at.jump_v_short if pl.short_hop else at.jump_v_full
    back = pl.stick_x * pl.facing <= -t.common[0].jump_back_x
    pl.tilt_y = NEUTRAL_TILT  # the tap that jumped does not jump again in the air
    enter(pl, t, st.JUMP_B if back else st.JUMP_F)


@njit
def ended(pl: Any, t: Any) -> None:
    """What follows a state whose animation is over."""
    s = pl.state
    c = t.common[0]
    if st.FALL <= s <= st.DAMAGE_FALL:
        pl.age = 0.0  # falls go round
    elif s == st.JUMP_F or s == st.JUMP_B or s == st.PASS:
        to_fall(pl, t)
    elif s == st.JUMP_AERIAL_F or s == st.JUMP_AERIAL_B:
        enter(pl, t, st.FALL_AERIAL)
    elif s == st.ESCAPE_AIR:
        pl.fall_lag = 0.0
        pl.fall_drift = c.fall_special_mobility
        enter(pl, t, st.FALL_SPECIAL)
    elif s == st.SQUAT:
        enter(pl, t, st.SQUAT_WAIT if pl.stick_y <= -CROUCH_RELEASE else st.SQUAT_RV)
    elif s == st.TURN_RUN:
        if pl.stick_x * pl.facing >= c.run_stick_x:
            at = t.fighters[pl.character]
            pl.gv = min(max(pl.gv, -at.dash_max), at.dash_max)
            enter(pl, t, st.RUN)
            pl.count = int(c.run_direction_lock)  # so long it does not brake (real replays)
        else:
            to_wait(pl, t)
    elif s == st.OTTOTTO:
        enter(pl, t, st.OTTOTTO_WAIT)
    elif s == st.REBIRTH:
        enter(pl, t, st.REBIRTH_WAIT)
    elif s == st.DOWN_BOUND_U:
        enter(pl, t, st.DOWN_WAIT_U)
    elif s == st.DOWN_BOUND_D:
        enter(pl, t, st.DOWN_WAIT_D)
    elif s == st.DOWN_DAMAGE_D and not pl.airborne:
        enter(pl, t, st.DOWN_WAIT_D if pl.hitstun > 0.0 else st.DOWN_STAND_D)
    elif s == st.CLIFF_CATCH:
        enter(pl, t, st.CLIFF_WAIT)
    elif s == st.CLIFF_JUMP_QUICK_1 or s == st.CLIFF_JUMP_SLOW_1:
        enter(pl, t, s + 1)
        at = t.fighters[pl.character]
        pl.vx = at.ledge_jump_h * pl.facing
        pl.vy = at.ledge_jump_v
        pl.ledge = 0
    elif s == st.ATTACK_100_START or s == st.ATTACK_100_LOOP:
        enter(pl, t, st.ATTACK_100_LOOP)
        pl.flag = 1 if s == st.ATTACK_100_LOOP else 0
        pl.attack_serial += 1
    elif s == st.SHIELD_BREAK_DOWN_U or s == st.SHIELD_BREAK_DOWN_D:
        enter(pl, t, s + 2)
    elif s == st.SHIELD_BREAK_STAND_U or s == st.SHIELD_BREAK_STAND_D:
        enter(pl, t, st.FURAFURA)
        pl.count = int(max(DIZZY - pl.percent, 60.0))
    elif s == st.SHIELD_BREAK_FLY:
        enter(pl, t, st.SHIELD_BREAK_FALL)
    elif s == st.CATCH_ATTACK:
        enter(pl, t, st.CATCH_WAIT)
    elif s == st.MISS_FOOT:
        pl.tumble = 1
        enter(pl, t, st.DAMAGE_FALL)
    elif s == st.ATTACK_LW_3:
        enter(pl, t, st.SQUAT_WAIT if pl.stick_y <= -c.crouch_stick_y else st.SQUAT_RV)
    elif pl.airborne:
        to_fall(pl, t)
    else:
        to_wait(pl, t)


@njit
def keep_jabbing(pl: Any, t: Any, an: Any) -> None:
    """Rapid jabs: from the second round on, each blow is the last one if A was not pressed since the one before.

    The first round is always played (7 rapid jabs of four fighters in real replays, 6 of them without a press).
    """
    k = int(pl.age) - JAB_SHOWN - an.hit_first
    if pl.flag == 0 or k < 0 or k >= an.hit_frames or t.hit_frames[an.hit_offset + k].count == 0:
        return
    if k > 0 and t.hit_frames[an.hit_offset + k - 1].count != 0:
        return
    if pl.count == 0:
        enter(pl, t, st.ATTACK_100_END)
    pl.count = 0


@njit
def brake(pl: Any, t: Any, at: Any) -> None:
    """RunBrake: its animation waits from an age on until the run is spent, and 30 frames of it are enough."""
    if pl.t >= RUN_BRAKE_FRAMES:
        to_wait(pl, t)
        return
    if at.runbrake_flag1 <= 0.0:
        return
    if pl.flag == 0 and pl.age >= at.runbrake_flag1:
        pl.age = at.runbrake_flag1
        pl.flag = 1
    if pl.flag == 1:
        pl.rate = 0.0
        if pl.gv == 0.0:
            pl.rate = 1.0
            pl.flag = 2


@njit
def animate(pl: Any, t: Any) -> None:
    """Phase 1 of one fighter."""
    timers(pl, t)
    c = t.common[0]
    if pl.hitlag > 0.0:
        pl.hitlag -= 1.0
        if pl.hitlag > 0.0:
            return
        pl.hitlag = 0.0
        leave_hitlag(pl, t)
    s = pl.state
    if s <= st.SLEEP or pl.held:
        return
    an = t.anim[pl.character, s]
    pl.t += 1
    charging = an.charge > 0.0 and pl.age == an.charge and pl.charge < 60 and (pl.buttons & 0x0100) != 0
    if charging:
        pl.charge += 1
        return
    if an.start >= 0.0:
        pl.age += pl.rate
    if st.FALL <= s <= st.FALL_SPECIAL:
        lean(pl, t.fighters[pl.character])
    if s >= st.FIRST_SPECIAL:
        return  # specials.run goes on
    if pl.hitstun > 0.0:
        pl.hitstun = max(pl.hitstun - 1.0, 0.0)
        if pl.hitstun == 0.0 and pl.since_xy < JUMP_EARLY:
            pl.jump_early = 1
    if st.DAMAGE_HI_1 <= s <= st.DAMAGE_FLY_ROLL:
        if pl.hitstun == 0.0 and pl.age >= an.length:  # the animation is played to its end
            if not pl.airborne:
                to_wait(pl, t)
            elif pl.tumble:
                enter(pl, t, st.DAMAGE_FALL)
            else:
                to_fall(pl, t)
        return
    if s == st.KNEE_BEND:
        if not (pl.buttons & XY) and (pl.stick_jump == 0 or pl.stick_y < c.tap_jump_release):
            pl.short_hop = 1
        if pl.age >= t.fighters[pl.character].jump_squat:
            take_off(pl, t)
        return
    if s == st.TURN:
        if pl.flag == 0 and pl.t >= pl.count:
            pl.facing = -pl.facing
            pl.flag = 1
    elif s == st.TURN_RUN:
        at = t.fighters[pl.character]
        if pl.flag == 0 and pl.age > at.turnrun_flip:
            pl.age = at.turnrun_flip  # the animation waits until the old run is spent, and a frame for the turn
            if pl.gv * pl.facing <= 0.0:
                pl.facing = -pl.facing
                pl.flag = 1
    elif s == st.RUN_BRAKE:
        at = t.fighters[pl.character]
        brake(pl, t, at)
        if pl.state != st.RUN_BRAKE:
            return
    elif an.flip > 0 and pl.flag == 0 and pl.age >= an.flip:
        pl.facing = -pl.facing
        pl.flag = 1
    elif s == st.ENTRY or s == st.ENTRY_START or s == st.ENTRY_END or s == st.REBIRTH_WAIT:
        return  # ko.py runs these
    elif s == st.GUARD_ON or s == st.GUARD_SET_OFF + 1:
        if pl.t >= t.fighters[pl.character].guardon_len:
            enter(pl, t, st.GUARD)
        return
    elif s == st.GUARD_SET_OFF:
        if pl.age >= GUARD_SET_OFF_END:
            enter(pl, t, st.GUARD)
        return
    elif s == st.FURAFURA:
        pl.count -= 1
        if pl.count <= 0:
            to_wait(pl, t)
        return
    elif (s == st.DOWN_WAIT_U or s == st.DOWN_WAIT_D) and pl.t >= c.down_wait_frames:
        enter(pl, t, st.DOWN_STAND_U if s == st.DOWN_WAIT_U else st.DOWN_STAND_D)
        return
    elif s == st.ATTACK_100_LOOP:
        keep_jabbing(pl, t, an)
        if pl.state != s:
            return
    elif s == st.CLIFF_WAIT:
        limit = c.cliff_wait_frames_lt100 if pl.percent < c.cliff_percent_threshold else c.cliff_wait_frames_ge100
        if pl.t >= limit:
            pl.ledge = 0
            pl.tumble = 1
            enter(pl, t, st.DAMAGE_FALL)
            pl.ledge_wait = int(c.ledge_cooldown)
        return
    elif st.WALK_SLOW <= s <= st.WALK_FAST or s == st.RUN:
        return
    if an.length > 0.0 and pl.age >= an.length and not math.isnan(pl.age):
        ended(pl, t)
