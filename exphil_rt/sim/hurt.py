"""Bodies that can be hit, seen along their facing.

Where the game's own capsules are known (``data/known_hurt.csv``: poses of states at an age), these. Else one tapering
capsule a fighter and kind of state, fitted to the hits and misses of real replays by ``scripts/learn_hurt.py``
(``data/learned_hurt.csv``); a fighter without any has the shape of all of them, at its size.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
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

_SHAPE: Final = ("x0", "y0", "x1", "y1", "radius", "radius1")
HURT_SHAPE: Final = np.dtype(
    [(name, np.float32) for name in _SHAPE] + [("pose_first", np.int32), ("pose_count", np.int32)], align=True
)
"""A capsule between two points (forward of the fighter, up from its feet), with a radius at each; and the known poses
of the kind of state, if any."""

POSE: Final = np.dtype([("age", np.float32), ("first", np.int32), ("count", np.int32)], align=True)
"""From an age of a state on: rows of CAPSULE."""

CAPSULE: Final = np.dtype([(name, np.float32) for name in _SHAPE[:5]] + [("part", np.int32)], align=True)
"""A capsule of the game's own, and the part of the body that it is."""

_TYPICAL: Final = {
    STAND: st.WAIT, RUN: st.RUN, CROUCH: st.SQUAT_WAIT, LAND: st.LANDING, ATTACK: st.ATTACK_11, AIR: st.FALL,
    AIR_ATTACK: st.ATTACK_AIR_N, HURT: st.DAMAGE_N2, HURT_AIR: st.DAMAGE_N2, TUMBLE: st.DAMAGE_FLY_N,
    BOUND: st.DOWN_BOUND_U, DOWN_U: st.DOWN_WAIT_U, DOWN_D: st.DOWN_WAIT_D, RISE: st.DOWN_STAND_U,
}  # fmt: skip
"""States whose known poses serve those of their kind that have none."""

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


def hurt_tables(anim: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """``hurt`` [27, groups] HURT_SHAPE, ``poses`` [n] POSE, ``capsules`` [m] CAPSULE; ``anim`` gets kind and poses."""
    anim["hurt"] = [group_of(state) for state in range(anim.shape[1])]
    table = np.zeros((anim.shape[0], len(GROUPS)), HURT_SHAPE)
    rows = read_rows("learned_hurt.csv")
    for row in rows:
        if row["character"] != "":
            continue
        for who, height in HEIGHT.items():
            for name in _SHAPE:
                table[int(who), GROUPS.index(row["group"])][name] = float(row[name]) * height
    for row in rows:
        if row["character"] != "":
            for name in _SHAPE:
                table[int(row["character"]), GROUPS.index(row["group"])][name] = float(row[name])
    poses, capsules = _known(anim)
    for group, state in _TYPICAL.items():
        for name in ("pose_first", "pose_count"):
            table[name][:, group] = anim[name][:, state]
    return {"hurt": table, "poses": poses, "capsules": capsules}


def _known(anim: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Poses and capsules of known_hurt.csv, whose rows are in order; ``anim`` gets where those of each state lie."""
    poses: list[tuple[float, int, int]] = []
    capsules: list[tuple[float, ...]] = []
    for (who, state, age), rows in groupby(read_rows("known_hurt.csv"), itemgetter("character", "state", "age")):
        one = anim[int(who), int(state)]
        if one["pose_count"] == 0:
            one["pose_first"] = len(poses)
        one["pose_count"] += 1
        first = len(capsules)
        capsules += [(*(float(row[name]) for name in _SHAPE[:5]), PARTS.index(row["part"])) for row in rows]
        poses.append((float(age), first, len(capsules) - first))
    return np.array(poses, POSE), np.array(capsules, CAPSULE)


# A blow strikes the legs or the head where it reaches no more of the body than that, in shares of the height: so that
# the damage states of 181 recorded hits are met most often (117; the middle third, by its centre, met 90).
LEGS_END, HEAD_BEGIN = 0.1, 0.7
PARTS: Final = ("head", "body", "legs")
HEAD, BODY, LEGS = range(len(PARTS))


@njit
def struck_part(x: float, y: float, radius: float, pl: Any, at: Any, t: Any) -> int:
    """Which part of a fighter a circle strikes."""
    pose = pose_of(pl, t)
    if pose >= 0:
        n = struck_capsule(x, y, radius, pl, t, pose)
        return BODY if n < 0 else int(t.capsules[n].part)
    if y - radius - pl.y > HEAD_BEGIN * at.height:
        return HEAD
    return LEGS if y + radius - pl.y < LEGS_END * at.height else BODY


@njit
def kind(pl: Any, t: Any) -> int:
    """Group of the fighter's state, as it is in the air or on the ground."""
    group = t.anim[pl.character, pl.state].hurt
    if pl.airborne and group == STAND:
        return AIR
    return HURT_AIR if pl.airborne and group == HURT else int(group)


@njit
def pose_of(pl: Any, t: Any) -> int:
    """Row of the known pose of the fighter's state at its age, or of its kind of state; -1 for none."""
    an = t.anim[pl.character, pl.state]
    first, count, age = an.pose_first, an.pose_count, pl.age
    if count == 0:
        shape = t.hurt[pl.character, kind(pl, t)]
        first, count, age = shape.pose_first, shape.pose_count, 0.0
    if count == 0:
        return -1
    k = first
    while k + 1 < first + count and t.poses[k + 1].age <= age:
        k += 1
    return int(k)


@njit
def overlaps(x: float, y: float, radius: float, shape: Any, thinner: float) -> bool:
    """A circle overlaps a capsule, both seen from the fighter; ``thinner``: what the radius changes to the far end."""
    px, py = x - shape.x0, y - shape.y0
    dx, dy = shape.x1 - shape.x0, shape.y1 - shape.y0
    size = dx * dx + dy * dy
    share = 0.0
    if size > 0.0:
        share = min(max((px * dx + py * dy) / size, 0.0), 1.0)
    px -= share * dx
    py -= share * dy
    reach = max(radius + shape.radius + share * thinner, 0.0)
    return bool(px * px + py * py <= reach * reach)


@njit
def struck_capsule(x: float, y: float, radius: float, pl: Any, t: Any, pose: int) -> int:
    """The first capsule of a known pose that a circle overlaps, -1 for none."""
    forward, up = (x - pl.x) * pl.facing, y - pl.y
    for n in range(t.poses[pose].first, t.poses[pose].first + t.poses[pose].count):
        if overlaps(forward, up, radius, t.capsules[n], 0.0):
            return n
    return -1


@njit
def touches_body(x: float, y: float, radius: float, pl: Any, t: Any) -> bool:
    """A circle overlaps what of the fighter can be hurt."""
    pose = pose_of(pl, t)
    if pose >= 0:
        return bool(struck_capsule(x, y, radius, pl, t, pose) >= 0)
    shape = t.hurt[pl.character, kind(pl, t)]
    return bool(overlaps((x - pl.x) * pl.facing, y - pl.y, radius, shape, shape.radius1 - shape.radius))
