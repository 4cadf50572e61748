"""The bot in trouble or out of it: launched, lying, hanging, holding, off the stage."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.sim.cpu.questions import ASK_DI, ASK_LEDGE, ASK_RECOVER, ASK_TECH, ASK_THROW, ASK_UP
from exphil_rt.sim.cpu.senses import draw, floor_under, free_in_air, push, sign
from exphil_rt.sim.jit import njit

A = Button.A
B = Button.B
X = Button.X
L = Button.L


@njit
def influence(pad: Any, me: Any, key: Any, level: Any, trip: int) -> None:
    """DI: across the launch, upward when launched sidewise, else toward the middle of the stage."""
    if draw(key, ASK_DI, trip) >= level.di:
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
    if soon and draw(key, ASK_TECH, memory.trip * 4096 + frame // 20) < level.tech:
        push(pad, memory, L)
        way = draw(key, ASK_TECH + 50, frame // 20)
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
    if memory.waited < 4.0 + 20.0 * (1.0 - level.tech) * (1.0 + draw(key, ASK_UP, frame // 30)):
        return
    way = draw(key, ASK_UP + 1, frame // 16)
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
    if memory.waited < 3.0 + 50.0 * (1.0 - level.recovery) * draw(key, ASK_LEDGE, frame // 64):
        return
    way = draw(key, ASK_LEDGE + 1, frame // 16)
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
    if memory.waited < 18 and draw(key, ASK_THROW, frame // 32) < 0.5:
        if memory.waited % 6 == 0:
            push(pad, memory, A)
        return
    out = sign(me.position_x)
    if draw(key, ASK_THROW + 1, frame // 16) < level.punish:
        if abs(me.position_x) > 0.45 * stage.edge:
            pad.x = out
        else:
            pad.y = 1.0 if draw(key, ASK_THROW + 2, frame // 16) < 0.6 else -1.0
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
    able = draw(key, ASK_RECOVER, memory.trip) < level.recovery
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
