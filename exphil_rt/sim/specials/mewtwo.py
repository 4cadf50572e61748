"""Mewtwo: Shadow Ball, Confusion, Teleport, Disable.

Speeds, decays and lengths are measured on real replays. Own estimates: how long a full charge takes, how large a ball
is, where Disable reaches.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Item
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.inputs import LR
from exphil_rt.sim.item_table import CONFUSION
from exphil_rt.sim.items import held_item, release, remove_held, spawn, strike_with
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import ANIMATE, END, HIT, INTERRUPT, MOVE, REFLECT, START, TAKEN, WALLED, Row, Specials

B = Button.B

N_START, N_LOOP, N_FULL, N_CANCEL, N_END = range(341, 346)
N_AIR_START, N_AIR_LOOP, N_AIR_FULL, N_AIR_CANCEL, N_AIR_END = range(346, 351)
S, S_AIR = 351, 352
HI_START, HI_LOST, HI, HI_AIR_START, HI_AIR_LOST, HI_AIR = range(353, 359)
LW, LW_AIR = 359, 360

CHARGE_FRAMES = 119.0
CHARGE_STEPS = 7  # a charge counts in whole steps, damage in whole percents (doldecomp/melee, itmewtwoshadowball.c)
BALL_LEAST, BALL_MOST = 3.0, 25.0  # percent (ssbwiki.com/Shadow_Ball)
STEP_SPEED = 1.0 / 70.0  # by which a step makes the ball faster (real replays: 10 frames of charge none, 18 one)
STEP_RECOIL = 0.2  # real replays, on the ground
RELEASE_AGE = 8.0
LOST_FRAMES = 10
HEAD_ON = 0.75  # cosine between its way and a wall's normal from which on a wall ends Teleport (real replays: .66, .89)
APPEAR_DRIFT = 0.6  # of the drift speed, at most, from the ninth frame after Teleport on
CONFUSION_USED = 1

_BALL: Final[dict[str, Any]] = {"vy_mul": 0.5}
_MIRROR: Final[dict[str, Any]] = {"guard": REFLECT, "guard_ages": (12.0, 31.0), "guard_circle": (9.0, 10.0, 9.0)}

MEWTWO: Final = Specials(
    neutral=(N_START, N_AIR_START), side=(S, S_AIR), up=(HI_START, HI_AIR_START), down=(LW, LW_AIR),
    rows=(
        Row(state=N_START, then=N_LOOP, falls=N_AIR_START),
        Row(state=N_LOOP, start=0, then=N_LOOP, falls=N_AIR_LOOP),
        Row(state=N_FULL, start=0, then=N_FULL, falls=N_AIR_FULL),
        Row(state=N_CANCEL, start=0, falls=N_AIR_CANCEL),
        Row(state=N_END, start=0, falls=N_AIR_END),
        Row(state=N_AIR_START, then_air=N_AIR_LOOP, lands=N_START, **_BALL),
        Row(state=N_AIR_LOOP, start=0, then_air=N_AIR_LOOP, lands=N_LOOP),
        Row(state=N_AIR_FULL, start=0, then_air=N_AIR_FULL, lands=N_FULL),
        Row(state=N_AIR_CANCEL, start=0, lands=N_CANCEL),
        Row(state=N_AIR_END, start=0, lands=N_END),
        Row(state=S, falls=S_AIR, **_MIRROR),
        Row(state=S_AIR, lands=S, **_MIRROR),
        Row(state=HI_START, then=HI_LOST, gv_mul=0.0),
        Row(state=HI_LOST, start=34, length=0, lands=st.LANDING_FALL_SPECIAL, lag=30, safe=(0.0, 99.0)),
        Row(state=HI, length=30, falls=HI_AIR),
        Row(state=HI_AIR_START, then_air=HI_AIR_LOST, vx_mul=0.5, vy_mul=0.5, gravity=0.04, terminal=0.75,
            lands=HI_START),
        Row(state=HI_AIR_LOST, start=34, length=0, lands=st.LANDING_FALL_SPECIAL, lag=30, safe=(0.0, 99.0),
            gravity=0.0, ledge_from=0.0, ledge_back=True),
        Row(state=HI_AIR, then_air=st.FALL_SPECIAL, lands=st.LANDING_FALL_SPECIAL, lag=30, ledge_from=0.0,
            ledge_back=True),
        Row(state=LW, falls=LW_AIR),
        Row(state=LW_AIR, lands=LW),
    ),
)  # fmt: skip


@njit
def shadow_ball(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """Charge until B or full; a shield press keeps the charge for later."""
    s = pl.state
    ground = 0 if pl.airborne else 1
    charging = s in (N_LOOP, N_FULL, N_AIR_LOOP, N_AIR_FULL)
    if phase == ANIMATE:
        if (s in (N_START, N_AIR_START)) and pl.age == 13.0:
            spawn(game, t, Item.SHADOWBALL, port, pl.x - 7.6 * pl.facing, pl.y + 8.94, 0.0, 0.0, pl.facing)
        elif charging and s != N_FULL and s != N_AIR_FULL:
            pl.store = min(pl.store + 1.0 / CHARGE_FRAMES, 1.0)
            if pl.store >= 1.0:
                enter(pl, t, N_FULL if ground else N_AIR_FULL)
                return True
        elif (s in (N_END, N_AIR_END)) and pl.age == RELEASE_AGE:
            k = held_item(game, Item.SHADOWBALL, port)
            step = math.floor(pl.store * CHARGE_STEPS + 1e-6)
            if k >= 0:
                speed = 1.6 + STEP_SPEED * step
                release(game, k, pl.x + 13.73 * pl.facing, pl.y + 11.72, speed * pl.facing, 0.0, 69.0)
                percent = math.floor(BALL_LEAST + (BALL_MOST - BALL_LEAST) * step / CHARGE_STEPS)
                game.items[k].damage = percent / BALL_LEAST
                game.items[k].charge = pl.store
            if step > 0.0 and ground:
                pl.gv = -STEP_RECOIL * step * pl.facing
            elif step > 0.0:
                pl.vx = -STEP_RECOIL * step * pl.facing
            pl.store = 0.0
    elif phase == END and (s in (N_START, N_AIR_START)) and pl.store >= 1.0:
        enter(pl, t, N_END if ground else N_AIR_END)
        return True
    elif phase == INTERRUPT and charging:
        if pl.pressed & B:
            enter(pl, t, N_END if ground else N_AIR_END)
            return True
        if pl.pressed & LR:
            remove_held(game, Item.SHADOWBALL, port)
            enter(pl, t, N_CANCEL if ground else N_AIR_CANCEL)
            return True
    elif phase == TAKEN:
        k = held_item(game, Item.SHADOWBALL, port)
        if k >= 0:
            remove_held(game, Item.SHADOWBALL, port)
            pl.store = 0.0
    return False


@njit
def teleport(phase: int, pl: Any, t: Any) -> bool:
    """Vanish, travel along the stick, appear and fall."""
    s = pl.state
    if phase == END and (s in (HI_START, HI_AIR_START)):
        x, y = pl.stick_x, pl.stick_y
        size = min(math.sqrt(x * x + y * y), 1.0)
        if size < 0.25:
            x, y, size = 0.0, 1.0, 1.0
        angle = math.atan2(y, x)
        speed = 3.0 + 2.0 * size
        if x * pl.facing < 0.0:
            pl.facing = -pl.facing
        pl.vx = speed * math.cos(angle)
        pl.vy = speed * math.sin(angle)
        if pl.airborne or pl.vy > 0.001:
            leave_ground(pl)
            enter(pl, t, HI_AIR_LOST)
        else:
            pl.gv = pl.vx
            enter(pl, t, HI_LOST)
        return True
    if s in (HI_LOST, HI_AIR_LOST):
        if phase == HIT and pl.landed_hit == WALLED and pl.airborne:
            tall = math.sqrt(1.0 + pl.wall_lean * pl.wall_lean)
            across = abs(pl.vx - pl.vy * pl.wall_lean) / (tall * math.sqrt(pl.vx * pl.vx + pl.vy * pl.vy))
            if across > HEAD_ON:
                pl.vx *= 0.2
                pl.vy *= 0.2
                enter(pl, t, HI_AIR)
            return True
        if phase == ANIMATE:
            pl.age = 34.0
            if pl.t >= LOST_FRAMES:
                pl.gv *= 0.2
                pl.vx *= 0.2
                pl.vy *= 0.2
                enter(pl, t, HI_AIR if pl.airborne else HI)
                return True
        return phase == MOVE
    if s == HI_AIR and phase == MOVE:
        if pl.age <= 8.0:
            pl.vx -= math.copysign(min(abs(pl.vx), t.fighters[pl.character].air_friction), pl.vx)
            pl.vy *= 0.9
        else:
            at = t.fighters[pl.character]
            limit = at.drift_max * APPEAR_DRIFT
            pl.vx = min(max(pl.vx, -limit), limit)
            pl.vy = max(pl.vy - at.gravity, -at.terminal_vel)
        return True
    return False


@njit
def confusion(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Turns whom it touches around, with a little lift in the air, once a flight."""
    if phase == START and pl.airborne and not (pl.used & CONFUSION_USED):
        pl.used |= CONFUSION_USED
        pl.vy = 1.5
    elif phase == HIT and pl.landed_hit == 3:
        strike_with(pl, foe, t, game, port, CONFUSION, 1.0)
    return False


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Mewtwo's own part of a phase."""
    s = pl.state if phase != TAKEN else pl.special_state
    if s <= N_AIR_END:
        return bool(shadow_ball(phase, pl, t, game, port))
    if s <= S_AIR:
        return bool(confusion(phase, pl, foe, t, game, port))
    if s <= HI_AIR:
        return bool(teleport(phase, pl, t))
    if phase == ANIMATE and pl.age == 15.0:
        spawn(game, t, Item.DISABLE, port, pl.x + 7.0 * pl.facing, pl.y + 12.0, 2.0 * pl.facing, 0.0, pl.facing)
    return False
