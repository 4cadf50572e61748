"""Phase 3: velocities, then positions. The laws of ground and air; they hold in real replays to the last float."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import leave_ground, touch_ground
from exphil_rt.sim.jit import njit

# A fall leans by its drift beyond this share of the fighter's drift speed, this much of the way a frame: read off Fox's
# diamond in github.com/blasphemetheus/exphil, priv/checkmate/fox_ecb.csv.
LEAN_FROM = 0.1
LEAN_RATE = 0.5
FEET_LOCKED = 10  # frames from leaving the ground to the first on which the lowest point is not the fighter's own place


@njit
def toward_zero(value: float, step: float) -> float:
    """``value`` moved to 0 by ``step``, never past it."""
    if value > step:
        return value - step
    if value < -step:
        return value + step
    return value * 0.0


@njit
def accelerate(speed: float, a: float, target: float, friction: float) -> float:
    """Speed after ``a`` toward ``target``: friction without a target, and back to it when above it."""
    if target == 0.0:
        return float(toward_zero(speed, friction))
    if target > 0.0:
        if speed + a > target:
            return max(speed - friction, target)
        return speed + a
    if speed + a < target:
        return min(speed + friction, target)
    return speed + a


@njit
def sign(value: float) -> float:
    """-1, 0 or 1."""
    return 1.0 if value > 0.0 else (-1.0 if value < 0.0 else 0.0)


@njit
def tapered(a: float, gv: float, target: float, share: float) -> float:
    """Acceleration of Walk and Run: less of it the nearer the speed is to its target."""
    ratio = gv / target
    if 0.0 < ratio < 1.0:
        return a * (1.0 - ratio) * share
    return a


@njit
def ground_friction(pl: Any, at: Any, c: Any) -> None:
    """Friction, doubled above the walking speed but in grabs (real replays: 16 of 16 frames of three fighters)."""
    f = at.friction
    if abs(pl.gv) > at.walk_max and pl.state != st.CATCH and pl.state != st.CATCH_DASH:
        f *= c.high_speed_friction_mul
    pl.gv = toward_zero(pl.gv, f)


@njit
def gravity(pl: Any, at: Any) -> None:
    """Fall, fast or slow."""
    if pl.fastfall:
        pl.vy = -at.fastfall_vel
    else:
        pl.vy = max(pl.vy - at.gravity, -at.terminal_vel)


@njit
def drift(pl: Any, at: Any, share: float) -> None:
    """Horizontal control in the air; ``share`` below 1 in FallSpecial."""
    x = pl.stick_x
    if x == 0.0:
        pl.vx = toward_zero(pl.vx, at.air_friction)
    else:
        a = (x * at.drift_stick_mul + sign(x) * at.drift_base) * share
        pl.vx = accelerate(pl.vx, a, x * at.drift_max * share, at.air_friction)
    pl.vx = min(max(pl.vx, -at.air_h_cap), at.air_h_cap)


@njit
def drift_up_to(pl: Any, at: Any, share: float) -> None:
    """Full control up to ``share`` of the drift speed: the fall after a special."""
    x = pl.stick_x
    if x == 0.0:
        pl.vx = toward_zero(pl.vx, at.air_friction)
    else:
        limit = at.drift_max * share
        a = x * at.drift_stick_mul + sign(x) * at.drift_base
        pl.vx = accelerate(pl.vx, a, min(max(x * at.drift_max, -limit), limit), at.air_friction)


@njit
def try_fastfall(pl: Any, c: Any) -> None:
    """Start a fast fall on a flick down while falling."""
    if pl.vy < 0.0 and pl.fastfall == 0 and pl.stick_y <= -c.fastfall_stick and pl.tilt_y < c.fastfall_frames:
        pl.fastfall = 1


@njit
def air(pl: Any, t: Any, at: Any, c: Any) -> None:
    """Velocity of an airborne fighter."""
    s = pl.state
    if s >= st.FIRST_SPECIAL:
        return  # specials.run set it
    if s == st.JUMP_F or s == st.JUMP_B or s == st.CLIFF_JUMP_QUICK_2 or s == st.CLIFF_JUMP_SLOW_2:
        if pl.t > 0:  # no gravity on the frame of the take-off
            try_fastfall(pl, c)
            gravity(pl, at)
            drift(pl, at, 1.0)
        return
    if s == st.JUMP_AERIAL_F or s == st.JUMP_AERIAL_B:
        if at.animated_jump and pl.t < t.air_jump.shape[1] and not math.isnan(t.air_jump[pl.character, pl.t]):
            if pl.fastfall == 0:
                pl.vy = t.air_jump[pl.character, pl.t]
            try_fastfall(pl, c)
            if pl.fastfall:
                gravity(pl, at)
        else:
            try_fastfall(pl, c)
            gravity(pl, at)
        drift(pl, at, 1.0)
        return
    if s == st.ESCAPE_AIR:
        if pl.age < t.anim[pl.character, s].safe_to:
            pl.vx *= c.escapeair_decay
            pl.vy *= c.escapeair_decay
        else:
            try_fastfall(pl, c)
            gravity(pl, at)
            drift(pl, at, 1.0)
        return
    if s == st.FALL_SPECIAL:
        try_fastfall(pl, c)
        gravity(pl, at)
        if pl.fall_lag > 0.0:
            drift_up_to(pl, at, pl.fall_drift)
        else:
            drift(pl, at, pl.fall_drift)
        return
    if s == st.REBIRTH or s == st.REBIRTH_WAIT or s == st.ENTRY or s == st.ENTRY_START or s == st.ENTRY_END:
        return
    if st.CLIFF_CATCH <= s <= st.CLIFF_JUMP_QUICK_1:
        return
    if s == st.DOWN_BOUND_U or s == st.DOWN_BOUND_D:
        pl.vx = 0.0  # the bounce of a fall only slides
        pl.vy = 0.0
        return
    if st.DAMAGE_HI_1 <= s <= st.DAMAGE_FLY_ROLL or s == st.DOWN_DAMAGE_D:
        if pl.hitstun > 0.0:
            pl.vx = toward_zero(pl.vx, at.air_friction)
            gravity(pl, at)
            return
        try_fastfall(pl, c)
    elif s == st.SHIELD_BREAK_FLY or s == st.SHIELD_BREAK_FALL:
        gravity(pl, at)
        return
    else:
        try_fastfall(pl, c)
    gravity(pl, at)
    drift(pl, at, 1.0)


@njit
def ground(pl: Any, t: Any, at: Any, c: Any) -> None:
    """Velocity of a grounded fighter."""
    s = pl.state
    if s >= st.FIRST_SPECIAL:
        return
    x = pl.stick_x
    an = t.anim[pl.character, s]
    if st.WALK_SLOW <= s <= st.WALK_FAST:
        if x == 0.0:
            ground_friction(pl, at, c)
        else:
            target = x * at.walk_max
            a = tapered(x * at.walk_accel_mul + sign(x) * at.walk_accel_base, pl.gv, target, c.walk_accel_taper)
            pl.gv = accelerate(pl.gv, a, target, at.friction)
    elif s == st.DASH:
        if pl.t > 0:
            a = x * at.dash_accel_mul + sign(x) * at.dash_accel_base
            pl.gv = accelerate(pl.gv, a, x * at.dash_max, at.friction)
    elif s == st.RUN or s == st.TURN_RUN or s == st.RUN_BRAKE:
        turned = pl.flag == 1
        if x == 0.0 or s == st.RUN_BRAKE or (s == st.TURN_RUN and (x * pl.facing > 0.0) != turned):
            pl.gv = toward_zero(pl.gv, at.friction)
        else:
            target = x * at.dash_max
            if s == st.TURN_RUN:
                # the turn pushes on past the target, against friction
                pl.gv += x * at.dash_accel_mul + sign(x) * at.dash_accel_base
                if (pl.gv - target) * sign(x) > 0.0 and pl.gv * x > 0.0:
                    pl.gv -= sign(x) * at.friction
                return
            a = tapered(x * at.dash_accel_mul + sign(x) * at.dash_accel_base, pl.gv, target, c.run_accel_taper)
            pl.gv = accelerate(pl.gv, a, target, at.friction)
    elif an.motion_frames > 0 and pl.age <= an.motion_frames:
        frame = int(pl.age)
        if pl.charge == 0 or pl.t < 1 or pl.count == 0:
            pl.gv = 0.0
        if 1 <= frame <= an.motion_frames:
            pl.gv = pl.facing * t.motion[an.motion_offset + frame - 1]
            if an.flip > 0 and frame >= an.flip:
                pl.gv = -pl.gv  # motion is along the facing of the start
    else:
        ground_friction(pl, at, c)


@njit
def decay_knockback(pl: Any, at: Any, c: Any) -> None:
    """Knockback fades along its own direction in the air, by friction on the ground."""
    if pl.kx == 0.0 and pl.ky == 0.0:
        return
    if pl.airborne:
        size = math.sqrt(pl.kx * pl.kx + pl.ky * pl.ky)
        if size <= c.kb_decay:
            pl.kx = 0.0
            pl.ky = 0.0
        else:
            share = (size - c.kb_decay) / size
            pl.kx *= share
            pl.ky *= share
    else:
        pl.kx = toward_zero(pl.kx, at.friction)
        pl.ky = 0.0


@njit
def lean(pl: Any, at: Any) -> None:
    """A fall leans the way it drifts, forward positive: its animation is mixed with that of a fall to that side."""
    share = min(max(pl.vx * pl.facing / at.drift_max, -1.0), 1.0)
    goal = max(abs(share) - LEAN_FROM, 0.0) / (1.0 - LEAN_FROM) * sign(share)
    pl.lean += LEAN_RATE * (goal - pl.lean)


@njit
def shown(pl: Any) -> tuple[int, float, float]:
    """State, age and lean that the body shows: a state entered at age 0 moves it from its next frame on."""
    if pl.t == 0 and pl.age == 0.0 and pl.state != st.FALL_SPECIAL and pl.was_state != 0:
        return pl.was_state, pl.was_age, pl.was_lean
    return pl.state, pl.age, pl.lean


@njit
def feet(pl: Any, at: Any, t: Any) -> float:
    """Height of the lowest point that lands: legs tuck in from the tenth frame in the air on."""
    if pl.air_frames < FEET_LOCKED:
        bounces = pl.state == st.DOWN_BOUND_U or pl.state == st.DOWN_BOUND_D
        return float(pl.ecb) if bounces else 0.0
    s, age, leant = shown(pl)
    return float(tucked(at, t, pl.character, s, age, leant))


@njit
def tucked(at: Any, t: Any, character: int, s: int, age: float, lean: float) -> float:
    """Height of the lowest point in a state at an age."""
    an = t.anim[character, s]
    if an.ecb_frames > 0:
        height = t.ecb[an.ecb_offset + min(max(int(age), 0), an.ecb_frames - 1)]
        if lean != 0.0:
            height = max(height + abs(lean) * (an.lean_forward if lean > 0.0 else an.lean_back), 0.0)
        return float(height)
    if s == st.JUMP_F or s == st.JUMP_B:
        return float(at.ecb_jump)
    if s == st.JUMP_AERIAL_F or s == st.JUMP_AERIAL_B or s == st.FALL_AERIAL:
        return float(at.ecb_air_jump)
    if st.ATTACK_AIR_N <= s <= st.ATTACK_AIR_LW:
        return float(at.ecb_attack)
    return float(at.ecb_fall)


@njit
def bounce(pl: Any, t: Any, low: float) -> None:
    """A body that fell down leaves the ground and comes back, by its animation; ``low``: its feet while it fell."""
    an = t.anim[pl.character, pl.state]
    if pl.airborne == 0 and pl.age == an.rise:
        leave_ground(pl)
        if pl.age <= 1.0:
            pl.ecb = low  # so soon they are still where they were in the air
            pl.y -= low
        pl.jumps = max(int(t.fighters[pl.character].max_jumps) - 1, 0)
        pl.vx = 0.0
        pl.gv = 0.0
    elif pl.airborne and pl.age == an.settle and pl.last_line >= 0:
        touch_ground(pl, t, pl.last_line)


@njit
def move(pl: Any, t: Any) -> None:
    """Phase 3 of one fighter."""
    at = t.fighters[pl.character]
    c = t.common[0]
    pl.prev_x = pl.x
    pl.prev_y = pl.y
    low = pl.prev_ecb
    pl.prev_ecb = pl.ecb
    s = pl.state
    pl.x += pl.shift_x
    if pl.airborne:
        pl.y += pl.shift_y
    pl.shift_x = 0.0
    pl.shift_y = 0.0
    if pl.recoil != 0.0 and pl.hitlag <= 0.0:
        slow = c.attacker_shield_push_decay if pl.airborne else at.friction * c.attacker_shield_push_ground_fric_mul
        pl.recoil = toward_zero(pl.recoil, slow)
        pl.x += pl.recoil
    if s <= st.SLEEP or pl.hitlag > 0.0 or pl.held:
        pl.air_frames += 1
        return
    if s == st.DOWN_BOUND_U or s == st.DOWN_BOUND_D:
        bounce(pl, t, low)
    if pl.airborne:
        air(pl, t, at, c)
        pl.gv = 0.0
        decay_knockback(pl, at, c)
        pl.x += pl.vx + pl.kx
        pl.y += pl.vy + pl.ky
        pl.air_frames += 1
        pl.ecb = feet(pl, at, t)
    else:
        before = pl.gv
        ground(pl, t, at, c)
        decay_knockback(pl, at, c)
        pl.vx = pl.gv
        pl.vy = 0.0
        pl.ecb = 0.0
        if s == st.DASH and pl.t == 0:
            # the position of the frame of entry still uses the old speed
            pl.x += before + pl.kx + pl.push_x
            if pl.gv * pl.facing > 0.0:
                pl.gv = max(abs(pl.gv), at.dash_init) * pl.facing
            else:
                pl.gv += at.dash_init * pl.facing
            pl.vx = before
        else:
            pl.x += pl.gv + pl.kx + pl.push_x


SOFT_LANDING = -1.0  # slower than this lands without impact (real replays: at -0.57 without, at -1.17 with)


@njit
def flat_landing(vy: float) -> bool:
    """Landing this softly goes straight to Wait."""
    return bool(vy > SOFT_LANDING)
