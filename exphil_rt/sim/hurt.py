"""Bodies that can be hit: one tapering capsule a fighter and kind of state, seen along its facing.

No public table of hurtboxes exists. The capsules are fitted to the hits and misses of real replays by
``scripts/learn_hurt.py`` (``data/learned_hurt.csv``); a fighter without any has the shape of all of them, at its size.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim.datafiles import read_rows
from exphil_rt.sim.jit import njit

GROUPS: Final = (
    "stand", "run", "crouch", "land", "attack", "air", "air_attack", "hurt", "hurt_air", "tumble", "bound",
    "down_u", "down_d", "rise",
)  # fmt: skip
(STAND, RUN, CROUCH, LAND, ATTACK, AIR, AIR_ATTACK, HURT, HURT_AIR, TUMBLE, BOUND, DOWN_U, DOWN_D, RISE) = range(
    len(GROUPS)
)

HURT_SHAPE: Final = np.dtype([(name, np.float32) for name in ("x0", "y0", "x1", "y1", "radius", "radius1")], align=True)
"""A capsule between two points (forward of the fighter, up from its feet), with a radius at each."""

# Heights, of which the common shape is a share: estimated from the fighters' proportions.
HEIGHT: Final = {
    Character.MARIO: 13.0, Character.FOX: 13.0, Character.CAPTAIN_FALCON: 17.0, Character.DONKEY_KONG: 19.0,
    Character.KIRBY: 9.5, Character.BOWSER: 19.5, Character.LINK: 16.0, Character.SHEIK: 16.5, Character.NESS: 11.5,
    Character.PEACH: 17.0, Character.POPO: 10.0, Character.NANA: 10.0, Character.PIKACHU: 10.0, Character.SAMUS: 17.5,
    Character.YOSHI: 15.0, Character.JIGGLYPUFF: 9.5, Character.MEWTWO: 18.0, Character.LUIGI: 15.0,
    Character.MARTH: 17.0, Character.ZELDA: 17.0, Character.YOUNG_LINK: 12.0, Character.DR_MARIO: 13.0,
    Character.FALCO: 14.5, Character.PICHU: 7.5, Character.GAME_AND_WATCH: 14.0, Character.GANONDORF: 18.5,
    Character.ROY: 16.0,
}  # fmt: skip


def group_of(state: int) -> int:
    """Kind of a state, on the ground where the same state is also of the air."""
    if st.DASH <= state <= st.RUN_BRAKE:
        return RUN
    if st.SQUAT <= state <= st.SQUAT_RV or state == st.ATTACK_LW_3:
        return CROUCH
    if st.LANDING <= state <= st.LANDING_FALL_SPECIAL or st.LANDING_AIR_N <= state <= st.LANDING_AIR_LW:
        return LAND
    if st.ATTACK_AIR_N <= state <= st.ATTACK_AIR_LW:
        return AIR_ATTACK
    if st.ATTACK_11 <= state <= st.ATTACK_LW_4 or st.CATCH <= state <= st.THROW_LW:
        return ATTACK
    if st.JUMP_F <= state <= st.FALL_SPECIAL + 2:
        return AIR
    if st.DAMAGE_HI_1 <= state <= st.DAMAGE_AIR_3:
        return HURT
    if st.DAMAGE_FLY_HI <= state <= st.DAMAGE_FLY_ROLL or state == st.DAMAGE_FALL:
        return TUMBLE
    if state in (st.DOWN_BOUND_U, st.DOWN_BOUND_D):
        return BOUND
    if st.DOWN_BOUND_U <= state < st.DOWN_STAND_U:
        return DOWN_U
    if st.DOWN_BOUND_D <= state < st.DOWN_STAND_D:
        return DOWN_D
    if st.DOWN_STAND_U <= state <= st.PASSIVE_STAND_B:
        return RISE
    return STAND


def hurt_table(anim: NDArray[Any]) -> NDArray[Any]:
    """``[27, groups]`` HURT_SHAPE; ``anim`` gets the group of each state."""
    anim["hurt"] = [group_of(state) for state in range(anim.shape[1])]
    table = np.zeros((anim.shape[0], len(GROUPS)), HURT_SHAPE)
    names = HURT_SHAPE.names or ()
    rows = read_rows("learned_hurt.csv")
    for row in rows:
        if row["character"] != "":
            continue
        for who, height in HEIGHT.items():
            for name in names:
                table[int(who), GROUPS.index(row["group"])][name] = float(row[name]) * height
    for row in rows:
        if row["character"] != "":
            for name in names:
                table[int(row["character"]), GROUPS.index(row["group"])][name] = float(row[name])
    return table


# A blow strikes the legs or the head where it reaches no more of the body than that, in shares of the height: so that
# the damage states of 181 recorded hits are met most often (117; the middle third, by its centre, met 90).
LEGS_END, HEAD_BEGIN = 0.1, 0.7
HEAD, BODY, LEGS = range(3)


@njit
def struck_part(y: float, radius: float, pl: Any, at: Any) -> int:
    """Which part of a fighter a circle at height ``y`` strikes."""
    if y - radius - pl.y > HEAD_BEGIN * at.height:
        return HEAD
    return LEGS if y + radius - pl.y < LEGS_END * at.height else BODY


@njit
def touches_body(x: float, y: float, radius: float, pl: Any, t: Any) -> bool:
    """A circle overlaps the fighter's hurt capsule."""
    group = t.anim[pl.character, pl.state].hurt
    if pl.airborne:
        if group == STAND:
            group = AIR
        elif group == HURT:
            group = HURT_AIR
    shape = t.hurt[pl.character, group]
    px, py = (x - pl.x) * pl.facing - shape.x0, y - pl.y - shape.y0
    dx, dy = shape.x1 - shape.x0, shape.y1 - shape.y0
    size = dx * dx + dy * dy
    share = 0.0
    if size > 0.0:
        share = min(max((px * dx + py * dy) / size, 0.0), 1.0)
    px -= share * dx
    py -= share * dy
    reach = max(radius + shape.radius + share * (shape.radius1 - shape.radius), 0.0)
    return bool(px * px + py * py <= reach * reach)
