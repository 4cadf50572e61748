"""The bot's decisions: from what one fighter sees to its pad for the next frame, one function a situation.

Plain scalar code, compiled. Every draw is keyed by (seed, question; game, frame, port): no generator has a state.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.sim.cpu.attack import best_move, strike
from exphil_rt.sim.cpu.knowledge import N_AIR, NUM_GROUND, NUM_MOVES
from exphil_rt.sim.cpu.memory import RING
from exphil_rt.sim.cpu.questions import (
    ASK_APPROACH,
    ASK_ATTACK,
    ASK_DODGE,
    ASK_FINESSE,
    ASK_GUARD,
    ASK_HOP,
    ASK_PICK,
    ASK_UP,
)
from exphil_rt.sim.cpu.senses import attacking, can_act, draw, floor_under, free_in_air, push, sign
from exphil_rt.sim.cpu.survive import come_back, get_up, hang, hold, influence, tumble
from exphil_rt.sim.jit import njit

A = Button.A
X = Button.X
L = Button.L

# Plans on the ground.
WAITING = 0
COMING = 1
LEAVING = 2
NEAR = 14.0


@njit
def defend(pad: Any, memory: Any, me: Any, foe: Any, key: Any, level: Any, frame: int) -> bool:
    """Shield or dodge what it sees coming; whether it does so now."""
    dx, dy = foe.position_x - me.position_x, foe.position_y - me.position_y
    close = abs(dx) < 26.0 and -18.0 < dy < 30.0
    if attacking(foe) and close:
        if memory.threat == 0:
            memory.threat = 1
            memory.threats += 1
            if draw(key, ASK_GUARD, memory.threats) < level.guard:
                memory.guard_until = frame + 12 + int(6.0 * draw(key, ASK_GUARD + 1, memory.threats))
    else:
        memory.threat = 0
    if frame >= memory.guard_until:
        return False
    grabbed = foe.state == st.CATCH or foe.state == st.CATCH_DASH
    if grabbed and draw(key, ASK_DODGE, memory.threats) < level.guard:
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
    if -2.0 < dx < 17.0 and foe.airborne == 0.0 and draw(key, ASK_GUARD + 2, memory.threats) < level.punish:
        pad.buttons |= L
        if me.state == st.GUARD:
            push(pad, memory, A)
    elif draw(key, ASK_GUARD + 3, memory.threats) < 0.3 * level.punish:
        push(pad, memory, X)
        memory.hop = 1


@njit
def on_ground(pad: Any, memory: Any, k: Any, me: Any, foe: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Free on the ground: defend, attack, come nearer or keep away."""
    if defend(pad, memory, me, foe, key, level, frame):
        return
    dx, dy = foe.position_x - me.position_x, foe.position_y - me.position_y
    gone = abs(foe.position_x) > stage.edge + 2.0 or foe.position_y < stage.hang_y - 8.0
    safe = foe.hurtbox_state != 0.0 or foe.exists == 0.0 or foe.state <= st.REBIRTH_WAIT
    if frame >= memory.until:
        memory.until = frame + 1 + int(level.pause * (0.5 + draw(key, ASK_APPROACH + 50, frame)))
        coming = draw(key, ASK_APPROACH, frame) < level.approach
        memory.plan = COMING if coming else WAITING
        if safe and abs(dx) < 30.0 and draw(key, ASK_APPROACH + 51, frame) < level.punish:
            memory.plan = LEAVING
        if not safe and draw(key, ASK_ATTACK, frame) < level.aggression:
            tired = memory.misses > 2 and draw(key, ASK_PICK, frame) < 0.6
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
        if below and draw(key, ASK_FINESSE, frame // 20) < level.finesse:
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
    if me.state == st.OTTOTTO or me.state == st.OTTOTTO_WAIT:
        pad.x = way if abs(memory.x) < 0.25 else 0.0  # nobody walks over an edge: only a flick leaves it
    elif me.state == st.TURN:
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
        if draw(key, ASK_HOP, frame) < 0.5 and push(pad, memory, X):
            memory.hop = 2
            pad.x = 0.0 if abs(dx) < 6.0 else sign(dx)
            return True
        return False
    moved = abs(dx + foe.vx * 14.0)
    if 14.0 < moved < 34.0 and dy > -8.0 and draw(key, ASK_HOP, frame) < 0.35 and push(pad, memory, X):
        memory.hop = 1 if draw(key, ASK_HOP + 1, frame) < 0.3 + 0.7 * level.finesse else 2
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
        if me.vy < 0.0 and height < -5.0 * me.vy and locked and draw(key, ASK_FINESSE + 1, frame // 32) < level.finesse:
            push(pad, memory, L)
        falling = me.vy < -0.2 and 6.0 < height < 500.0
        if falling and over and not outward and draw(key, ASK_FINESSE + 2, frame // 32) < level.finesse:
            pad.y = -1.0 if memory.y > -0.5 else 0.0
        return
    if not free_in_air(me):
        return
    safe = foe.hurtbox_state != 0.0 or foe.exists == 0.0 or foe.state <= st.REBIRTH_WAIT
    if safe:
        pad.x = -sign(dx) if abs(me.position_x) < 0.6 * stage.edge else 0.0
        return
    if not outward and draw(key, ASK_ATTACK + 1, frame // 2) < level.aggression:
        place = best_move(k, me, foe, NUM_GROUND, NUM_MOVES, key, level, frame, level.reaction)
        if place >= 0:
            strike(pad, memory, me, foe, place)
            if place == N_AIR:
                pad.x = 0.0
            return
    if dy > 22.0 and me.vy < 0.3 and me.jumps > 0.0 and abs(dx) < 25.0:
        if draw(key, ASK_HOP + 2, frame) < 0.25 * level.aggression:
            push(pad, memory, X)
        return
    if (
        me.vy < -0.2
        and 8.0 < height < 500.0
        and dy < -6.0
        and not outward
        and draw(key, ASK_FINESSE + 3, frame // 32) < level.finesse
    ):
        pad.y = -1.0 if memory.y > -0.5 else 0.0


@njit
def think(pad: Any, memory: Any, k: Any, me: Any, foe: Any, stage: Any, key: Any, level: Any, frame: int) -> None:
    """Decide the pad for the next frame."""
    s = int(me.state)
    if s != memory.state:
        memory.state = s
        memory.waited = 0
        if s == st.ATTACK_11:
            memory.aimed = foe.percent
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
        if draw(key, ASK_UP + 2, frame // 2) < 0.2 + 0.8 * level.tech:
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
    elif st.ATTACK_11 <= s <= st.ATTACK_13 and memory.waited > 4:
        ahead = (foe.position_x - me.position_x) * me.facing
        if 0.0 < ahead < 18.0 and foe.percent != memory.aimed:
            push(pad, memory, A)  # goes on while it meets


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
