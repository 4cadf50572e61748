"""Phase 2b: what a fighter may begin on this frame, by groups of states."""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.begin import (
    air_options,
    angled,
    drop_through,
    ground_options,
    steep,
    to_dash,
    to_jump_squat,
    to_turn,
    try_air_attack,
    try_air_jump,
    try_dash_or_turn,
    try_grab,
    try_ground_attack,
    try_shield,
    try_turn_or_walk,
    try_walk,
)
from exphil_rt.sim.enter import OVER_EDGE, enter, start_attack, to_fall, to_wait
from exphil_rt.sim.inputs import (
    A_OR_Z,
    AB,
    CROUCH_RELEASE,
    LR,
    A,
    Z,
    c_flick,
    c_side,
    c_up,
    flick_x,
    wants_jump,
    wants_jump_running,
    wants_shield,
)
from exphil_rt.sim.jit import njit
from exphil_rt.sim.ko import REBIRTH_SAFE
from exphil_rt.sim.specials.begin import try_side_special, try_special, try_up_special

BOOST_GRAB = 3.0  # so long a dash attack becomes a dash grab (all 5 of real replays, on the second and third frame)
UCF_RAW = 75.0
FLICKED = 2  # bit of ``charge`` in a turn: a flick on the way, for a dash as soon as it is turned
ROLL_STICK = 0.6  # that rolls out of lying (real replays: 0.61 did)
PASS_DELAY = 3  # frames of Squat before a platform lets go (real replays)


@njit
def dash_options(pl: Any, t: Any, c: Any) -> None:
    """Dash and its ways out."""
    early = pl.age <= c.dash_window_frames_0
    if try_side_special(pl, t, c):
        return
    if pl.pressed & Z or (pl.pressed & A and pl.buttons & LR):
        enter(pl, t, st.CATCH_DASH)
        return
    # the c-stick was never seen to smash later (real replays)
    if pl.age <= c.dash_window_frames_1 and c_side(pl, c) and try_ground_attack(pl, t, c):
        return
    # early in a dash that no turn began (real replays: 2 of 2; 4 of 4 out of a turn were dash attacks)
    if early and pl.flag == 0 and pl.pressed & A and pl.stick_x * pl.facing >= c.dash_flick:
        start_attack(pl, t, angled(pl, t, st.ATTACK_S4_S, pl.stick_x, pl.stick_y))
        return
    if pl.pressed & A and pl.age <= c.dash_window_frames_2:
        start_attack(pl, t, st.ATTACK_DASH)
        return
    if try_shield(pl, t, c):
        pl.gv *= 1.0 - c.dash_interrupt_vel_loss
        return
    if flick_x(pl, c) and pl.stick_x * pl.facing < 0.0 and (pl.age > c.dash_window_frames_0 or pl.flag == 1):
        to_turn(pl, t, 1)
        pl.gv *= 1.0 - c.dash_interrupt_vel_loss
        return
    if wants_jump_running(pl, c):
        to_jump_squat(pl, t)
        return
    if pl.age >= t.fighters[pl.character].dash_to_run and pl.stick_x * pl.facing >= c.run_stick_x:
        enter(pl, t, st.RUN)


@njit
def run_options(pl: Any, t: Any, c: Any) -> None:
    """Run, RunBrake and TurnRun."""
    s = pl.state
    if s == st.RUN:
        if try_side_special(pl, t, c):
            return
        if pl.pressed & Z or (pl.pressed & A and pl.buttons & LR):
            enter(pl, t, st.CATCH_DASH)
            return
        if c_up(pl, c):
            start_attack(pl, t, st.ATTACK_HI_4)
            return
        if pl.pressed & A:
            start_attack(pl, t, st.ATTACK_DASH)
            return
        if try_shield(pl, t, c):
            return
    if wants_jump_running(pl, c) if s == st.RUN else wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    x = pl.stick_x * pl.facing
    if s == st.RUN:
        if x <= c.run_turn_stick:
            enter(pl, t, st.TURN_RUN)
        elif x < c.run_stick_x and pl.t >= pl.count:
            enter(pl, t, st.RUN_BRAKE)
    elif s == st.RUN_BRAKE:
        if pl.stick_y < -c.crouch_stick_y:
            enter(pl, t, st.SQUAT)
        elif x <= c.run_turn_stick and pl.age < t.fighters[pl.character].runbrake_turn_end:
            age = pl.age
            enter(pl, t, st.TURN_RUN)
            pl.age = age  # the turn's animation begins as late as the brake's was


@njit
def turn_options(pl: Any, t: Any, c: Any) -> None:
    """Turn: after a flick it becomes a dash; UCF makes the second frame of a fast push a flick too."""
    x = pl.stick_x
    dashes = False
    if pl.flag == 0:
        # not turned yet: UCF's dash-back turns at once, whatever then begins
        if pl.t > 0 and x * pl.facing <= -c.dash_flick and pl.tilt_x < c.dash_flick_frames:
            pl.charge |= FLICKED
        pushed = pl.t == 1 and (pl.charge & 1) != 0 and x * pl.facing <= -c.dash_flick
        dashes = bool(pushed and abs(pl.raw_x - pl.raw_x2) > UCF_RAW)
        if dashes:
            pl.facing = -pl.facing
            pl.flag = 1
    # what is begun on the way goes where the turn ends: each of 31 attacks, grabs and specials of real replays
    begins = pl.facing
    if pl.flag == 0:
        pl.facing = -pl.facing
    if try_special(pl, t, c) or try_grab(pl, t) or try_ground_attack(pl, t, c):
        return
    pl.facing = begins
    if try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    if not dashes and pl.flag == 1 and pl.t == pl.count and x * pl.facing >= c.dash_flick:
        dashes = pl.count == 1 or pl.tilt_x < c.dash_flick_frames or (pl.charge & FLICKED) != 0
    if dashes:
        to_dash(pl, t)
        pl.flag = 1


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
    if try_special(pl, t, c):
        return
    if try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
        return
    s = pl.state
    if s == st.SQUAT_RV:
        if pl.t > 0:  # a stick that was pushed before waits a frame (real replays)
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
    if pl.age < lag or try_special(pl, t, c) or try_grab(pl, t) or try_ground_attack(pl, t, c) or try_shield(pl, t, c):
        return
    if wants_jump(pl, c):
        to_jump_squat(pl, t)
    elif pl.age - pl.rate < lag and pl.stick_y <= -c.crouch_stick_y:
        enter(pl, t, st.SQUAT_WAIT)
    elif not try_dash_or_turn(pl, t, c):
        try_turn_or_walk(pl, t, c)


@njit
def c_jumps(pl: Any, c: Any) -> bool:
    """The c-stick is held up, which jumps out of a shield: there no way of it need be new (real replays)."""
    return bool(pl.c_y >= c.tap_jump and steep(pl.c_x, pl.c_y, c))


@njit
def guard_options(pl: Any, t: Any, c: Any) -> None:
    """GuardOn and Guard: let go, or out of shield, by the stick or a c-stick that is held."""
    flat = not steep(pl.c_x, pl.c_y, c)
    if pl.state == st.GUARD and not wants_shield(pl, c):
        enter(pl, t, st.GUARD_OFF)
    elif wants_jump(pl, c) or c_jumps(pl, c):
        to_jump_squat(pl, t)
    elif pl.pressed & A_OR_Z:
        enter(pl, t, st.CATCH)
    elif flat and abs(pl.c_x) >= c.escape_stick_x:
        enter(pl, t, st.ESCAPE_F if pl.c_x * pl.facing > 0.0 else st.ESCAPE_B)
    elif abs(pl.stick_x) >= c.escape_stick_x and pl.tilt_x < c.escape_flick_frames:
        enter(pl, t, st.ESCAPE_F if pl.stick_x * pl.facing > 0.0 else st.ESCAPE_B)
    elif (pl.c_y <= c.spotdodge_stick_y and not flat) or (
        pl.stick_y <= c.spotdodge_stick_y and pl.tilt_y < c.escape_flick_frames
    ):
        enter(pl, t, st.ESCAPE_N)
    elif pl.stick_y <= -c.pass_stick_y and pl.tilt_y < c.pass_frames and t.lines[pl.line].drop:
        drop_through(pl, t, c)
    elif not wants_shield(pl, c) and pl.t >= t.fighters[pl.character].guardon_len:
        enter(pl, t, st.GUARD_OFF)


@njit
def down_options(pl: Any, t: Any, c: Any) -> None:
    """Lying: get up, attack, or roll."""
    up = pl.state == st.DOWN_WAIT_U
    if pl.pressed & AB:
        start_attack(pl, t, st.DOWN_ATTACK_U if up else st.DOWN_ATTACK_D)
    elif abs(pl.stick_x) >= ROLL_STICK or (c_flick(pl, c) and not steep(pl.c_x, pl.c_y, c)):
        ahead = (pl.stick_x if abs(pl.stick_x) >= ROLL_STICK else pl.c_x) * pl.facing > 0.0
        if up and pl.t > 0:  # right out of the fall, one on the back rolls like one on the belly (real replays)
            enter(pl, t, st.DOWN_FORWARD_U if ahead else st.DOWN_BACK_U)
        else:
            enter(pl, t, st.DOWN_FORWARD_D if ahead else st.DOWN_BACK_D)
    elif pl.stick_y >= c.usmash_stick_y or pl.pressed & LR:
        enter(pl, t, st.DOWN_STAND_U if up else st.DOWN_STAND_D)


@njit
def cliff_options(pl: Any, t: Any, c: Any) -> None:
    """Hanging from a ledge."""
    slow = pl.percent >= c.cliff_percent_threshold
    x, y = pl.stick_x, pl.stick_y
    into = x * pl.facing
    if abs(x) < c.cliff_option_stick and abs(y) < c.cliff_option_stick:
        pl.charge = 1  # a stick that was not in its middle since the catch does nothing (real replays)
    if wants_jump(pl, c):
        enter(pl, t, st.CLIFF_JUMP_SLOW_1 if slow else st.CLIFF_JUMP_QUICK_1)
    elif pl.pressed & AB or (c_flick(pl, c) and pl.c_y > 0.0):
        start_attack(pl, t, st.CLIFF_ATTACK_SLOW if slow else st.CLIFF_ATTACK_QUICK)
    elif pl.pressed & LR or (c_flick(pl, c) and pl.c_x * pl.facing > 0.0):
        enter(pl, t, st.CLIFF_ESCAPE_SLOW if slow else st.CLIFF_ESCAPE_QUICK)
    elif pl.charge and (y <= -c.cliff_option_stick or into <= -c.cliff_option_stick):
        pl.ledge = 0
        pl.ledge_wait = int(c.ledge_cooldown)
        pl.vx = 0.0
        pl.vy = 0.0
        to_fall(pl, t)
        pl.fastfall = 1 if y <= -c.fastfall_stick and pl.tilt_y < c.fastfall_frames else 0
    elif pl.charge and (y >= c.cliff_option_stick or into >= c.cliff_option_stick):
        enter(pl, t, st.CLIFF_CLIMB_SLOW if slow else st.CLIFF_CLIMB_QUICK)


@njit
def jab_options(pl: Any, t: Any) -> None:
    """Jab to jab, or to the rapid jabs."""
    if pl.pressed & A:
        pl.count = 1
    s = pl.state
    an = t.anim[pl.character, s]
    if pl.count == 0 or s >= st.ATTACK_100_START:
        return
    # a press is kept until the next blow may begin
    if pl.age < (an.follow if an.follow > 0.0 else an.hit_first + an.hit_frames + 1):
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
            or (s == st.PASSIVE_WALL_JUMP and pl.t > 4)
        ):
            air_options(pl, t, c)
        elif st.ATTACK_AIR_N <= s <= st.ATTACK_AIR_LW:
            # neither specials nor air dodges were seen to cut an aerial short (real replays)
            if an.iasa > 0.0 and pl.age >= an.iasa and not try_air_attack(pl, t, c):
                try_air_jump(pl, t, c)
        elif st.DAMAGE_HI_1 <= s <= st.DAMAGE_AIR_3:
            if pl.hitstun == 0.0:
                air_options(pl, t, c)
        elif s == st.DAMAGE_FALL or (st.DAMAGE_FLY_HI <= s <= st.DAMAGE_FLY_ROLL and pl.hitstun == 0.0):
            if (
                not try_special(pl, t, c)
                and not try_air_attack(pl, t, c)
                and not try_air_jump(pl, t, c)
                and flick_x(pl, c)
            ):
                pl.tumble = 0
                to_fall(pl, t)
        elif s == st.REBIRTH_WAIT:
            moved = pl.stick_x != 0.0 or pl.stick_y < -c.crouch_stick_y or pl.stick_y >= c.tap_jump
            if pl.pressed or moved or c_flick(pl, c):
                pl.vx = 0.0
                pl.vy = 0.0
                pl.invincible = REBIRTH_SAFE
                to_fall(pl, t)
                air_options(pl, t, c)
        elif s == st.CLIFF_WAIT:
            cliff_options(pl, t, c)
        return
    if s == st.WAIT:
        if not ground_options(pl, t, c):
            try_turn_or_walk(pl, t, c)
    elif s == st.OTTOTTO or s == st.OTTOTTO_WAIT:
        out = pl.stick_x * pl.facing
        if not ground_options(pl, t, c) and (out < 0.0 or out >= OVER_EDGE):
            try_turn_or_walk(pl, t, c)
    elif st.WALK_SLOW <= s <= st.WALK_FAST:
        walk_options(pl, t, c)
    elif s == st.DASH:
        dash_options(pl, t, c)
    elif s == st.RUN or s == st.RUN_BRAKE or s == st.TURN_RUN:
        run_options(pl, t, c)
    elif s == st.ATTACK_DASH and pl.age <= BOOST_GRAB:
        if pl.pressed & Z or (pl.buttons & A and wants_shield(pl, c)):
            enter(pl, t, st.CATCH_DASH)
    elif s == st.TURN:
        turn_options(pl, t, c)
    elif s == st.KNEE_BEND:
        if try_up_special(pl, t, c):
            return
        if (pl.pressed & A and pl.stick_y >= c.usmash_stick_y) or c_up(pl, c):
            start_attack(pl, t, st.ATTACK_HI_4)
        else:
            try_grab(pl, t)
    elif st.SQUAT <= s <= st.SQUAT_RV:
        squat_options(pl, t, c)
    elif st.DAMAGE_HI_1 <= s <= st.DAMAGE_AIR_3:
        if pl.hitstun == 0.0 and not ground_options(pl, t, c):
            try_turn_or_walk(pl, t, c)
    elif s == st.LANDING or (s == st.LANDING_FALL_SPECIAL and pl.charge == 1):
        landing_options(pl, t, c)
    elif s == st.GUARD_ON or s == st.GUARD or s == st.GUARD_SET_OFF + 1:
        guard_options(pl, t, c)
    elif s == st.GUARD_OFF:
        if wants_jump(pl, c) or c_jumps(pl, c):
            to_jump_squat(pl, t)
    elif s == st.DOWN_WAIT_U or s == st.DOWN_WAIT_D:
        down_options(pl, t, c)
    elif st.ATTACK_11 <= s <= st.ATTACK_LW_4:
        if s <= st.ATTACK_100_END:
            jab_options(pl, t)
            if pl.state != s:
                return
        an = t.anim[pl.character, s]
        crouches = s == st.ATTACK_LW_3 and pl.stick_y <= -c.crouch_stick_y  # stays so (real replays)
        if an.iasa > 0.0 and pl.age >= an.iasa and not ground_options(pl, t, c) and not crouches:
            try_turn_or_walk(pl, t, c)
    elif s == st.FURAFURA and pl.pressed:
        pl.count -= 4
