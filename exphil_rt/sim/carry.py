"""Things in the hand: bombs and turnips are thrown by A or Z, where an attack could begin.

Item throws are the common states 94 to 97 (ground) and 100 to 103 (air), 108 to 115 with a flick of the stick. Their
lengths are those of a real replay's Peach; speeds likewise, for everybody.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.begin import steep
from exphil_rt.sim.enter import enter
from exphil_rt.sim.inputs import A_OR_Z
from exphil_rt.sim.items import held_item, release, remove
from exphil_rt.sim.jit import njit

RELEASE_T = 9
SOFT, HARD, HARD_AIR = 1.3, 2.144, 1.52
LIFT = 0.468
HAND_X, HAND_Y = 11.0, 5.4


@njit
def free_to_throw(pl: Any, t: Any) -> bool:
    """An attack could begin now."""
    s = pl.state
    if pl.hitlag > 0.0 or pl.held:
        return False
    if pl.airborne:
        return bool(st.JUMP_F <= s <= st.FALL_AERIAL + 2 or s == st.PASS)
    lag = t.fighters[pl.character].landing_lag
    return bool(
        st.WAIT <= s <= st.TURN or st.DASH <= s <= st.RUN_BRAKE or st.SQUAT <= s <= st.SQUAT_RV
        or (s == st.LANDING and pl.t >= lag)
    )  # fmt: skip


@njit
def start_throw(pl: Any, t: Any) -> bool:
    """Begin a throw where the player asks for one; the press does nothing else then."""
    if not (pl.pressed & A_OR_Z) or not free_to_throw(pl, t):
        return False
    pl.pressed &= ~A_OR_Z
    c = t.common[0]
    x, y = pl.stick_x, pl.stick_y
    hard = pl.tilt_x < c.smash_flick_frames or pl.tilt_y < c.smash_flick_frames
    way = 0
    if abs(x) >= 0.25 or abs(y) >= 0.25:
        way = (2 if y > 0.0 else 3) if steep(x, y, c) else 0 if x * pl.facing > 0.0 else 1
    base = st.LIGHT_THROW_AIR_F if pl.airborne else st.LIGHT_THROW_F
    if hard:
        base = st.LIGHT_THROW_AIR_F_4 if pl.airborne else st.LIGHT_THROW_F_4
    enter(pl, t, base + way)
    return True


@njit
def carry(pl: Any, t: Any, game: Any, port: int) -> None:
    """What a fighter holds goes along, is thrown, or is lost."""
    k = held_item(game, pl.carrying, port)
    if k < 0:
        pl.carrying = 0
        return
    item = game.items[k]
    s = pl.state
    if s <= st.REBIRTH_WAIT:
        remove(game, k)
        pl.carrying = 0
        return
    if start_throw(pl, t):
        return
    throwing = st.LIGHT_THROW_F <= s <= st.LIGHT_THROW_AIR_F_4 + 3
    if throwing and pl.t == RELEASE_T:
        air = st.LIGHT_THROW_AIR_F <= s < st.LIGHT_THROW_F_4 or s >= st.LIGHT_THROW_AIR_F_4
        hard = s >= st.LIGHT_THROW_F_4
        way = (s - st.LIGHT_THROW_F_4) % 4 if hard else s - st.LIGHT_THROW_AIR_F if air else s - st.LIGHT_THROW_F
        speed = SOFT
        if hard:
            speed = HARD_AIR if air else HARD
        x, y = pl.x + HAND_X * pl.facing, pl.y + HAND_Y
        if way == 0:
            release(game, k, x, y, speed * pl.facing, LIFT, t.item_kinds[item.kind].life)
        elif way == 1:
            release(game, k, x, y, -speed * pl.facing, LIFT, t.item_kinds[item.kind].life)
        elif way == 2:
            release(game, k, x, y, 0.1 * pl.facing, speed, t.item_kinds[item.kind].life)
        else:
            release(game, k, x, y, 0.1 * pl.facing, -speed, t.item_kinds[item.kind].life)
        pl.attack_serial += 1
        pl.carrying = 0
        return
    if st.DAMAGE_FLY_HI <= s <= st.DAMAGE_FLY_ROLL and pl.hitlag <= 0.0:
        release(game, k, pl.x, pl.y + HAND_Y, 0.01 * pl.facing, 0.0, 60.0)  # knocked out of the hand
        pl.carrying = 0
        return
    item.x = pl.x + 2.7 * pl.facing
    item.y = pl.y + HAND_Y
    item.prev_x = item.x
    item.prev_y = item.y
