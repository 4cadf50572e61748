"""The bot's attacks: which one will meet, and the inputs that begin it."""

from __future__ import annotations

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
    S_SMASH,
    S_TILT,
    U_AIR,
    U_SMASH,
    U_TILT,
)
from exphil_rt.sim.cpu.questions import ASK_AIM_X, ASK_AIM_Y, ASK_PICK, ASK_STRONG
from exphil_rt.sim.cpu.senses import draw, normal, push, sign
from exphil_rt.sim.jit import njit

A = Button.A
Z = Button.Z


@njit
def best_move(k: Any, me: Any, foe: Any, first: int, last: int, key: Any, level: Any, frame: int, lead: float) -> int:
    """The attack of ``first`` .. ``last`` that will meet the other one where it is thought to be; -1 for none."""
    body = k.fighters[int(foe.character)]
    mine = k.fighters[int(me.character)]
    wrong_x = level.aim * normal(key, ASK_AIM_X, frame // 6)
    wrong_y = 0.6 * level.aim * normal(key, ASK_AIM_Y, frame // 6)
    strong = draw(key, ASK_STRONG, frame // 8) < level.punish
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
        turned = place == S_SMASH
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
            score = 0.05 + draw(key, ASK_PICK + place, frame // 12)
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
