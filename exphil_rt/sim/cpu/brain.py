"""The bot's decisions: from what one fighter sees to its pad for the next frame, one function a situation.

Plain scalar code, compiled. Every draw is keyed by (seed, question; game, frame, port): no generator has a state.
"""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.sim.cpu.knowledge import (
    B_AIR,
    D_SMASH,
    D_TILT,
    F_AIR,
    GRAB,
    JAB,
    N_AIR,
    NUM_GROUND,
    NUM_MOVES,
    S_SMASH,
    S_TILT,
    U_AIR,
    U_SMASH,
    U_TILT,
)
from exphil_rt.sim.cpu.memory import RING
from exphil_rt.sim.jit import njit
from exphil_rt.sim.random import uniform

A = Button.A
B = Button.B
X = Button.X
Z = Button.Z
L = Button.L

# Plans on the ground.
WAITING = 0
COMING = 1
LEAVING = 2

# Domains of the random draws: one a question.
_AIM_X = 901
_AIM_Y = 902
_ATTACK = 903
_APPROACH = 904
_GUARD = 905
_STRONG = 906
_RECOVER = 907
_DI = 908
_TECH = 909
_FINESSE = 910
_HOP = 911
_THROW = 912
_LEDGE = 913
_UP = 914
_DODGE = 915
_PICK = 916

FAR = 45.0
NEAR = 14.0


@njit
def draw(key: Any, question: int, moment: int) -> float:
    """A number in 0..1 for this question at this moment (a frame, or a count of occasions)."""
    return float(uniform(int(key.seed), question, int(key.game), int(moment), int(key.port)))


@njit
def normal(key: Any, question: int, moment: int) -> float:
    """A draw with mean 0 and deviation 1, of three uniform ones."""
    total = draw(key, question, moment) + draw(key, question + 50, moment) + draw(key, question + 100, moment)
    return float((total - 1.5) * 2.0)


@njit
def sign(x: float) -> float:
    """-1 or 1."""
    return 1.0 if x >= 0.0 else -1.0


@njit
def floor_under(k: Any, stage: Any, x: float, y: float) -> float:
    """Height of the highest ground below a point; -1000 for none."""
    best = -1000.0
    for row in range(stage.first, stage.first + stage.lines):
        line = k.lines[row]
        if line.x0 <= x <= line.x1:
            share = (x - line.x0) / max(line.x1 - line.x0, 0.01)
            height = line.y0 + share * (line.y1 - line.y0)
            if height <= y + 1.5 and height > best:
                best = height
    return best


@njit
def can_act(me: Any) -> bool:
    """Standing, walking, running, crouching or landed."""
    s = me.state
    return bool(
        st.WAIT <= s <= st.RUN_BRAKE
        or st.SQUAT <= s <= st.SQUAT_RV
        or s == st.OTTOTTO
        or s == st.OTTOTTO_WAIT
        or (s == st.LANDING and me.state_age >= 3.0)
    )


@njit
def free_in_air(me: Any) -> bool:
    """Jumping or falling without lag."""
    s = me.state
    return bool(
        st.JUMP_F <= s <= st.FALL_AERIAL + 2 or s == st.PASS or s == st.CLIFF_JUMP_QUICK_2 or s == st.CLIFF_JUMP_SLOW_2
    )


@njit
def attacking(foe: Any) -> bool:
    """In an attack, a grab or a special."""
    s = foe.state
    return bool(st.ATTACK_11 <= s <= st.ATTACK_AIR_LW or s == st.CATCH or s == st.CATCH_DASH or s >= st.FIRST_SPECIAL)


@njit
def push(pad: Any, memory: Any, button: int) -> bool:
    """Press a button that was not held on the last frame, else let it go first."""
    if memory.buttons & button:
        return False
    pad.buttons |= button
    return True


@njit
def influence(pad: Any, me: Any, key: Any, level: Any, trip: int) -> None:
    """DI: across the launch, upward when launched sidewise, else toward the middle of the stage."""
    if draw(key, _DI, trip) >= level.di:
        return
    kx, ky = me.knockback_x, me.knockback_y
    speed = math.sqrt(kx * kx + ky * ky)
    if speed < 0.01:
        pad.x = -sign(me.position_x)
        return
    x, y = -ky / speed, kx / speed
    if abs(kx) > 0.5 * abs(ky):
        if y < 0.0:
            x, y = -x, -y
    elif x * me.position_x > 0.0:
        x, y = -x, -y
    pad.x, pad.y = x, y


@njit
def tumble(pad: Any, memory: Any, k: Any, me: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Launched: tech near the ground, leave the tumble with a jump once free."""
    floor = floor_under(k, stage, me.position_x, me.position_y)
    if me.airborne == 0.0:
        return
    soon = me.vy < 0.0 and me.position_y + 7.0 * me.vy <= floor
    if soon and draw(key, _TECH, memory.trip * 4096 + frame // 20) < level.tech:
        push(pad, memory, L)
        way = draw(key, _TECH + 50, frame // 20)
        pad.x = -1.0 if way < 0.33 else (1.0 if way < 0.66 else 0.0)
        return
    if me.hitstun <= 0.0 and me.state == st.DAMAGE_FALL:
        pad.x = -sign(me.position_x)
        if memory.x * pad.x > 0.5 and frame % 4 < 2:
            pad.x = 0.0  # a flick, not a push, leaves the tumble


@njit
def get_up(pad: Any, memory: Any, me: Any, key: Any, level: Any, frame: int) -> None:
    """Lying: roll, attack or stand."""
    if me.state != st.DOWN_WAIT_U and me.state != st.DOWN_WAIT_D:
        return
    if memory.waited < 4.0 + 20.0 * (1.0 - level.tech) * (1.0 + draw(key, _UP, frame // 30)):
        return
    way = draw(key, _UP + 1, frame // 16)
    if way > level.tech:
        pad.y = 1.0
    elif way < 0.3:
        push(pad, memory, A)
    elif way < 0.5:
        pad.x = 1.0
    elif way < 0.7:
        pad.x = -1.0
    else:
        pad.y = 1.0


@njit
def hang(pad: Any, memory: Any, me: Any, foe: Any, key: Any, level: Any, frame: int) -> None:
    """On the ledge: jump, roll, attack or climb, after a moment."""
    if me.state != st.CLIFF_WAIT:
        return
    if memory.waited < 3.0 + 50.0 * (1.0 - level.recovery) * draw(key, _LEDGE, frame // 64):
        return
    way = draw(key, _LEDGE + 1, frame // 16)
    close = abs(foe.position_x - me.position_x) < 25.0
    if way >= 0.4 + 0.6 * level.recovery:
        pad.y = 1.0
    elif close and way < 0.35:
        push(pad, memory, L)
    elif close and way < 0.6:
        push(pad, memory, A)
    elif way < 0.8:
        push(pad, memory, X)
    else:
        pad.y = 1.0


@njit
def hold(pad: Any, memory: Any, me: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Holding the other one: a hit or two, then the throw that leads off the stage, or up."""
    if me.state != st.CATCH_WAIT or memory.waited < 4:
        return
    if memory.waited < 18 and draw(key, _THROW, frame // 32) < 0.5:
        if memory.waited % 6 == 0:
            push(pad, memory, A)
        return
    out = sign(me.position_x)
    if draw(key, _THROW + 1, frame // 16) < level.punish:
        if abs(me.position_x) > 0.45 * stage.edge:
            pad.x = out
        else:
            pad.y = 1.0 if draw(key, _THROW + 2, frame // 16) < 0.6 else -1.0
    else:
        pad.x = me.facing


@njit
def come_back(pad: Any, memory: Any, k: Any, me: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Off the stage: drift, jump, then the up special toward the ledge."""
    home = -sign(me.position_x)
    body = k.fighters[int(me.character)]
    away = max(abs(me.position_x) - stage.edge, 0.0)
    below = stage.hang_y - me.position_y
    pad.x = home
    able = draw(key, _RECOVER, memory.trip) < level.recovery
    s = me.state
    if s >= st.FIRST_SPECIAL:
        # steer the special at a point just above the ledge
        goal = below + 12.0
        length = math.sqrt(away * away + goal * goal)
        if length > 1.0:
            pad.x, pad.y = home * max(away + 4.0, 6.0) / (length + 6.0), goal / (length + 6.0)
        return
    if not free_in_air(me) or me.vy > 0.6:
        return
    # how far it falls while it drifts home
    drift = max(body.drift, 0.3)
    frames = away / drift
    fall = min(body.fall * frames, 0.5 * body.gravity * frames * frames)
    short = me.position_y - fall < stage.hang_y - 16.0
    if not able and below < 25.0 and away > 0.0:
        return
    if not (short or below > 6.0):
        return
    if me.jumps > 0.0:
        many = body.hop > 0.0
        if below > 8.0 or away > 30.0 or many:
            push(pad, memory, X)
        return
    # no jump is left: as late as it still reaches the ledge
    if able and (below > 18.0 or (below > 2.0 and away < 12.0) or (short and away > 25.0)) and push(pad, memory, B):
        pad.x, pad.y = 0.3125 * home, 0.95


@njit
def defend(pad: Any, memory: Any, me: Any, foe: Any, key: Any, level: Any, frame: int) -> bool:
    """Shield or dodge what it sees coming; whether it does so now."""
    dx, dy = foe.position_x - me.position_x, foe.position_y - me.position_y
    close = abs(dx) < 26.0 and -18.0 < dy < 30.0
    if attacking(foe) and close:
        if memory.threat == 0:
            memory.threat = 1
            memory.threats += 1
            if draw(key, _GUARD, memory.threats) < level.guard:
                memory.guard_until = frame + 12 + int(6.0 * draw(key, _GUARD + 1, memory.threats))
    else:
        memory.threat = 0
    if frame >= memory.guard_until:
        return False
    grabbed = foe.state == st.CATCH or foe.state == st.CATCH_DASH
    if grabbed and draw(key, _DODGE, memory.threats) < level.guard:
        push(pad, memory, X)
        memory.hop = 1
        return True
    pad.buttons |= L
    if me.shield < 18.0 or (grabbed and me.state == st.GUARD):
        pad.y = -1.0  # spot dodge out of it
    return True


@njit
def out_of_shield(pad: Any, memory: Any, me: Any, foe: Any, key: Any, level: Any, frame: int) -> None:
    """Shielding: go on while the attack does, then grab what is near, or jump, or let go."""
    dx = (foe.position_x - me.position_x) * me.facing
    if frame < memory.guard_until and me.shield > 12.0 and attacking(foe):
        pad.buttons |= L
        return
    if -2.0 < dx < 17.0 and foe.airborne == 0.0 and draw(key, _GUARD + 2, memory.threats) < level.punish:
        pad.buttons |= L
        if me.state == st.GUARD:
            push(pad, memory, A)
    elif draw(key, _GUARD + 3, memory.threats) < 0.3 * level.punish:
        push(pad, memory, X)
        memory.hop = 1


@njit
def best_move(k: Any, me: Any, foe: Any, first: int, last: int, key: Any, level: Any, frame: int, lead: float) -> int:
    """The attack of ``first`` .. ``last`` that will meet the other one where it is thought to be; -1 for none."""
    body = k.fighters[int(foe.character)]
    mine = k.fighters[int(me.character)]
    wrong_x = level.aim * normal(key, _AIM_X, frame // 6)
    wrong_y = 0.6 * level.aim * normal(key, _AIM_Y, frame // 6)
    strong = draw(key, _STRONG, frame // 8) < level.punish
    high = foe.percent > 80.0
    guarded = st.GUARD_ON <= foe.state <= st.GUARD_SET_OFF
    best, best_score = -1, 0.0
    for place in range(first, last):
        move = k.moves[int(me.character), place]
        if move.first <= 0.0:
            continue
        if place == GRAB and foe.airborne != 0.0:
            continue
        ahead = min(move.first + lead, 24.0)
        fy = foe.position_y
        my = me.position_y
        if foe.airborne != 0.0:
            fy += foe.vy * ahead - 0.5 * k.fighters[int(foe.character)].gravity * ahead * ahead
            fy = max(fy, floor_now(foe, fy))
        if me.airborne != 0.0:
            my += max(me.vy * move.first - 0.5 * mine.gravity * move.first * move.first, -mine.fall * move.first)
        fx = foe.position_x + foe.vx * min(ahead, 14.0) + wrong_x
        mx = me.position_x + (me.vx * move.first if me.airborne != 0.0 else 0.0)
        dx, dy = fx - mx, fy - my + wrong_y
        turned = place in (S_TILT, S_SMASH)
        rel = abs(dx) if turned else dx * me.facing
        wide = 0.6 * body.width
        if not (move.x0 - wide <= rel <= move.x1 + wide and move.y0 + 1.0 - body.height <= dy <= move.y1 - 1.0):
            continue
        score = (1.0 + move.damage) / (6.0 + move.first + 0.35 * move.length)
        if strong:
            if high and (place in (S_SMASH, U_SMASH, D_SMASH, F_AIR, B_AIR)):
                score *= 1.8
            if not high and (place in (U_TILT, D_TILT, N_AIR, U_AIR, GRAB)):
                score *= 1.3
            if guarded:
                score *= 4.0 if place == GRAB else 0.5
        else:
            score = 0.05 + draw(key, _PICK + place, frame // 12)
        if score > best_score:
            best, best_score = place, score
    return best


@njit
def floor_now(foe: Any, y: float) -> float:
    """A fighter in the air above the stage is not thought to fall through it."""
    return min(foe.position_y, 0.0) if foe.position_y > -2.0 else y


@njit
def strike(pad: Any, memory: Any, me: Any, foe: Any, place: int) -> None:
    """The inputs of an attack."""
    dx = foe.position_x - me.position_x
    memory.misses = memory.misses + 1 if foe.percent == memory.aimed else 0
    memory.aimed = foe.percent
    if place == JAB:
        push(pad, memory, A)
    elif place == GRAB:
        push(pad, memory, Z)
    elif place == S_TILT:
        if push(pad, memory, A):
            pad.x = 0.5 * sign(dx)
    elif place == U_TILT:
        if push(pad, memory, A):
            pad.y = 0.5
    elif place == D_TILT:
        if push(pad, memory, A):
            pad.y = -0.5
    elif place == S_SMASH:
        pad.cx = sign(dx)
    elif place in (U_SMASH, U_AIR):
        pad.cy = 1.0
    elif place == D_SMASH:
        pad.cy = -1.0
    elif place == N_AIR:
        push(pad, memory, A)
    elif place == F_AIR:
        pad.cx = me.facing
    elif place == B_AIR:
        pad.cx = -me.facing
    else:
        pad.cy = -1.0


@njit
def on_ground(pad: Any, memory: Any, k: Any, me: Any, foe: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Free on the ground: defend, attack, come nearer or keep away."""
    if defend(pad, memory, me, foe, key, level, frame):
        return
    dx, dy = foe.position_x - me.position_x, foe.position_y - me.position_y
    gone = abs(foe.position_x) > stage.edge + 2.0 or foe.position_y < stage.hang_y - 8.0
    safe = foe.hurtbox_state != 0.0 or foe.exists == 0.0 or foe.state <= st.REBIRTH_WAIT
    if frame >= memory.until:
        memory.until = frame + 1 + int(level.pause * (0.5 + draw(key, _APPROACH + 50, frame)))
        coming = draw(key, _APPROACH, frame) < level.approach
        memory.plan = COMING if coming else WAITING
        if safe and abs(dx) < 30.0 and draw(key, _APPROACH + 51, frame) < level.punish:
            memory.plan = LEAVING
        if not safe and draw(key, _ATTACK, frame) < level.aggression:
            tired = memory.misses > 2 and draw(key, _PICK, frame) < 0.6
            place = -1 if tired else best_move(k, me, foe, 0, NUM_GROUND, key, level, frame, level.reaction)
            if place >= 0:
                strike(pad, memory, me, foe, place)
                return
            if not gone and leap(pad, memory, k, me, foe, key, level, frame):
                return
    if memory.plan == WAITING:
        if me.facing * dx < 0.0 and abs(dx) > 6.0:
            pad.x = 0.4 * sign(dx)
        return
    way = sign(dx) if memory.plan == COMING else (-sign(dx) if abs(me.position_x) < 0.7 * stage.edge else 0.0)
    goal = foe.position_x
    if gone:
        # wait for it near the ledge
        goal = sign(foe.position_x) * (stage.edge - 12.0)
        way = sign(goal - me.position_x)
        if abs(goal - me.position_x) < 8.0:
            if me.facing * goal < 0.0:
                pad.x = 0.4 * sign(goal)
            return
    elif memory.plan == COMING and abs(dx) < 9.0:
        below = dy < -12.0 and foe.airborne == 0.0
        if below and draw(key, _FINESSE, frame // 20) < level.finesse:
            pad.y = -1.0  # through the platform
        elif me.facing * dx < 0.0 and abs(dx) > 3.0:
            pad.x = 0.4 * sign(dx)
        return
    step(pad, memory, k, me, stage, way, abs(goal - me.position_x), frame)


@njit
def step(pad: Any, memory: Any, k: Any, me: Any, stage: Any, way: float, distance: float, frame: int) -> None:
    """Walk or dash, and never over the edge of the ground."""
    if way == 0.0:
        return
    ahead = me.position_x + way * min(3.0 + 9.0 * abs(me.vx), distance + 3.0)
    if abs(ahead) > stage.edge and ahead * me.position_x > 0.0:
        return
    if me.state == st.TURN:
        pad.x = way
    elif distance < NEAR + 6.0:
        pad.x = 0.6 * way
    elif me.state == st.DASH or me.state == st.RUN:
        pad.x = way
    elif abs(memory.x) > 0.25 and memory.x * way > 0.0 and abs(memory.x) < 0.8:
        pad.x = 0.0  # back to the middle, to flick
    else:
        pad.x = way


@njit
def leap(pad: Any, memory: Any, k: Any, me: Any, foe: Any, key: Any, level: Any, frame: int) -> bool:
    """A jump toward a fighter above, or a hop with an aerial at one in front."""
    dx, dy = foe.position_x - me.position_x, foe.position_y - me.position_y
    if (dy > 16.0 and abs(dx) < 30.0) or (memory.misses > 2 and dy > 8.0):
        if draw(key, _HOP, frame) < 0.5 and push(pad, memory, X):
            memory.hop = 2
            pad.x = 0.0 if abs(dx) < 6.0 else sign(dx)
            return True
        return False
    moved = abs(dx + foe.vx * 14.0)
    if 14.0 < moved < 34.0 and dy > -8.0 and draw(key, _HOP, frame) < 0.35 and push(pad, memory, X):
        memory.hop = 1 if draw(key, _HOP + 1, frame) < 0.3 + 0.7 * level.finesse else 2
        pad.x = sign(dx)
        return True
    return False


@njit
def in_air(pad: Any, memory: Any, k: Any, me: Any, foe: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """In the air over the stage: an aerial that meets, a drift toward it, a fast fall, an L-cancel."""
    floor = floor_under(k, stage, me.position_x, me.position_y)
    height = me.position_y - floor
    dx, dy = foe.position_x - me.position_x, foe.position_y - me.position_y
    s = me.state
    drift = sign(dx) if abs(dx) > 4.0 else 0.0
    soon = me.position_x + 14.0 * me.vx
    outward = (abs(soon) > stage.edge - 6.0 and soon * me.position_x > 0.0) or floor < -500.0
    pad.x = -sign(me.position_x) if outward else drift
    if st.ATTACK_AIR_N <= s <= st.ATTACK_AIR_LW:
        move = k.moves[int(me.character), NUM_GROUND + int(s) - st.ATTACK_AIR_N]
        over = me.state_age > move.last
        locked = me.state_age + 6.0 < move.length  # after that the same press would be an air dodge
        if me.vy < 0.0 and height < -5.0 * me.vy and locked and draw(key, _FINESSE + 1, frame // 32) < level.finesse:
            push(pad, memory, L)
        falling = me.vy < -0.2 and 6.0 < height < 500.0
        if falling and over and not outward and draw(key, _FINESSE + 2, frame // 32) < level.finesse:
            pad.y = -1.0 if memory.y > -0.5 else 0.0
        return
    if not free_in_air(me):
        return
    safe = foe.hurtbox_state != 0.0 or foe.exists == 0.0 or foe.state <= st.REBIRTH_WAIT
    if safe:
        pad.x = -sign(dx) if abs(me.position_x) < 0.6 * stage.edge else 0.0
        return
    if not outward and draw(key, _ATTACK + 1, frame // 2) < level.aggression:
        place = best_move(k, me, foe, NUM_GROUND, NUM_MOVES, key, level, frame, level.reaction)
        if place >= 0:
            strike(pad, memory, me, foe, place)
            if place == N_AIR:
                pad.x = 0.0
            return
    if dy > 22.0 and me.vy < 0.3 and me.jumps > 0.0 and abs(dx) < 25.0:
        if draw(key, _HOP + 2, frame) < 0.25 * level.aggression:
            push(pad, memory, X)
        return
    if (
        me.vy < -0.2
        and 8.0 < height < 500.0
        and dy < -6.0
        and not outward
        and draw(key, _FINESSE + 3, frame // 32) < level.finesse
    ):
        pad.y = -1.0 if memory.y > -0.5 else 0.0


@njit
def think(pad: Any, memory: Any, k: Any, me: Any, foe: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Decide the pad for the next frame."""
    s = int(me.state)
    if s != memory.state:
        memory.state = s
        memory.waited = 0
    else:
        memory.waited += 1
    if me.exists == 0.0 or s <= st.SLEEP or (s >= st.ENTRY and s <= st.ENTRY_END):
        memory.off = 0
        return
    if s == st.REBIRTH or s == st.REBIRTH_WAIT:
        if memory.waited > 10:
            pad.y = -1.0
        return
    if st.DAMAGE_HI_1 <= s <= st.DAMAGE_FLY_ROLL or s == st.DAMAGE_FALL or st.THROWN_F <= s <= st.THROWN_LW:
        if memory.off == 0:
            memory.trip += 1
        memory.off = 2
        if me.hitlag > 0.0 or s >= st.THROWN_F:
            influence(pad, me, key, level, memory.trip)
        else:
            tumble(pad, memory, k, me, stage, key, level, frame)
            if me.hitstun <= 0.0 and abs(me.position_x) > stage.edge:
                come_back(pad, memory, k, me, stage, key, level, frame)
        return
    if st.CAPTURE_PULLED_HI <= s <= st.CAPTURE_JUMP or s == st.FURAFURA:
        if draw(key, _UP + 2, frame // 2) < 0.2 + 0.8 * level.tech:
            push(pad, memory, A)
            pad.x = 1.0 if frame % 4 < 2 else -1.0
        return
    if st.DOWN_BOUND_U <= s <= st.DOWN_BACK_D:
        get_up(pad, memory, me, key, level, frame)
        return
    if st.CLIFF_CATCH <= s <= st.CLIFF_JUMP_QUICK_1 and s != st.CLIFF_JUMP_SLOW_2:
        memory.off = 0
        hang(pad, memory, me, foe, key, level, frame)
        return
    if st.CATCH <= s <= st.THROW_LW:
        hold(pad, memory, me, stage, key, level, frame)
        return
    if me.airborne != 0.0:
        outside = abs(me.position_x) > stage.edge or me.position_y < stage.hang_y - 4.0
        if outside or (memory.off == 1 and s >= st.FIRST_SPECIAL):
            if memory.off == 0:
                memory.trip += 1
            memory.off = 1
            come_back(pad, memory, k, me, stage, key, level, frame)
        else:
            in_air(pad, memory, k, me, foe, stage, key, level, frame)
        return
    memory.off = 0
    if s == st.KNEE_BEND:
        if memory.hop == 2:
            pad.buttons |= X
        pad.x = sign(foe.position_x - me.position_x)
    elif st.GUARD_ON <= s <= st.GUARD_SET_OFF:
        out_of_shield(pad, memory, me, foe, key, level, frame)
    elif can_act(me):
        on_ground(pad, memory, k, me, foe, stage, key, level, frame)
    elif st.ATTACK_11 <= s <= st.ATTACK_13 and memory.waited > 4 and abs(foe.position_x - me.position_x) < 18.0:
        push(pad, memory, A)


@njit
def think_rows(
    pads: Any, memories: Any, looks: Any, k: Any, levels: Any, keys: Any, rows: Any, level: Any, stage: Any, frame: Any
) -> None:
    """One decision for each of R rows: ``rows`` are their places in ``memories``; the rest is ``[R]``."""
    know = k[0]
    for n in range(len(rows)):
        memory = memories[rows[n]]
        settings = levels[level[n]]
        me = looks[n, 0]
        memory.at = (memory.at + 1) % RING
        memory.count = min(memory.count + 1, RING)
        memory.seen[memory.at] = looks[n, 1]
        late = min(int(settings.reaction), memory.count - 1)
        foe = memory.seen[(memory.at - late) % RING]
        pad = pads[n]
        think(pad, memory, know, me, foe, know.stages[stage[n]], keys[n], settings, int(frame[n]))
        memory.buttons = pad.buttons
        memory.x = pad.x
        memory.y = pad.y
