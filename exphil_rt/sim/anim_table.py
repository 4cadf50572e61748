"""Table of animations: lengths, interruptibility, landing lag, intangibility, root motion, by fighter and state."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim import framedata
from exphil_rt.sim.datafiles import number, read_rows

NUM_FIGHTERS: Final = 27
NUM_STATES: Final = framedata.NUM_STATES

ANIM: Final = np.dtype(
    [
        ("start", np.float32),  # age on the frame of entry, as Slippi records it
        ("length", np.float32),  # the state ends when its age reaches this; 0 for never
        ("iasa", np.float32),  # interruptible from this age; 0 for never
        ("cancel_before", np.float32),  # aerials: landing before or after these ages has no landing lag of its own
        ("cancel_after", np.float32),
        ("lag", np.float32),
        ("charge", np.float32),  # smashes: the age at which a held A charges; 0 for never
        ("safe_from", np.float32),  # intangible while safe_from <= age < safe_to
        ("safe_to", np.float32),
        ("hit_first", np.int32),  # first age with a hitbox
        ("hit_frames", np.int32),
        ("hit_offset", np.int32),  # into hit_frames
        ("motion_offset", np.int32),  # into motion; one entry an age from 1
        ("motion_frames", np.int32),
        ("ecb_offset", np.int32),  # into ecb; one entry an age from 0
        ("ecb_frames", np.int32),
        ("side_offset", np.int32),  # into sides; one entry an age from 0
        ("side_frames", np.int32),
        ("hang_offset", np.int32),  # into hang; one entry an age from 0
        ("hang_frames", np.int32),
        ("lean_forward", np.float32),  # what a full lean of a fall adds to the lowest point
        ("lean_back", np.float32),
        ("half", np.float32),  # half the width of the diamond that walls and edges stop
        ("rise", np.float32),  # of the fall to the ground: the ages at which the body bounces off it and is back
        ("settle", np.float32),
        ("follow", np.float32),  # of jabs: the age from which on the next one may begin; 0 for after the hitboxes
        ("flip", np.int32),  # age at which the facing turns; 0 for never
        ("exists", np.int32),  # this fighter has a table row for the state
        ("hurt", np.int32),  # kind of body (hurt.GROUPS)
        ("pose_first", np.int32),  # known poses of the body: rows of hurt.POSE
        ("pose_count", np.int32),
        ("attack", np.int32),  # Slippi's id of the attack that the state is, which staling counts by; 0 for none
        ("shown", np.int32),  # the state that frames show: another one where a fighter has an attack as its own
    ],
    align=True,
)


# Lengths that no table gives for every fighter: the common value of real replays (Slippi's ages).
_LENGTHS: Final = {
    st.JUMP_F: 40, st.JUMP_B: 40, st.JUMP_AERIAL_F: 50, st.JUMP_AERIAL_B: 50, st.PASS: 30, st.SQUAT: 8,
    st.SQUAT_RV: 10, st.TURN: 12, st.LANDING: 30, st.LANDING_FALL_SPECIAL: 30, st.OTTOTTO: 12, st.CLIFF_CATCH: 8,
    st.CLIFF_JUMP_QUICK_1: 15, st.CLIFF_JUMP_SLOW_1: 20, st.CLIFF_JUMP_QUICK_2: 38, st.CLIFF_JUMP_SLOW_2: 38,
    st.DOWN_BOUND_U: 26, st.DOWN_BOUND_D: 26, st.DOWN_DAMAGE_D: 14,
    st.PASSIVE: 26, st.PASSIVE_STAND_F: 40, st.PASSIVE_STAND_B: 40, st.PASSIVE_STAND_B + 1: 26,
    st.PASSIVE_STAND_B + 2: 40, st.PASSIVE_STAND_B + 3: 26,
    st.REBIRTH: 60, st.MISS_FOOT: 26, st.GUARD_OFF: 15, st.CATCH_PULL: 0, st.CATCH_DASH + 1: 0,
    st.CAPTURE_CUT: 30, st.CATCH_CUT: 30, st.CAPTURE_JUMP: 30,
    st.SHIELD_BREAK_DOWN_U: 26, st.SHIELD_BREAK_DOWN_D: 26, st.SHIELD_BREAK_STAND_U: 30,
    st.SHIELD_BREAK_STAND_D: 30, st.ATTACK_100_START: 8, st.REBOUND: 20, st.SHIELD_BREAK_FLY: 60,
    **dict.fromkeys(range(st.LIGHT_THROW_F, st.LIGHT_THROW_AIR_F_4 + 4), 24),
    st.FALL: 8, st.DAMAGE_FALL: 30,
    st.PASSIVE_WALL_JUMP: 40, st.SHIELD_BREAK_FALL: 0, st.FURAFURA: 0, st.DAMAGE_FLY_TOP: 60, st.DAMAGE_FLY_ROLL: 0,
    **{state: (12, 24, 30)[(state - st.DAMAGE_HI_1) % 3] for state in range(st.DAMAGE_HI_1, st.DAMAGE_FLY_HI)},
    **dict.fromkeys((st.DAMAGE_FLY_HI, st.DAMAGE_FLY_N, st.DAMAGE_FLY_LW), 30), st.CATCH_WAIT: 0, st.CAPTURE_WAIT_LW: 0,
}  # fmt: skip

# For fighters whose row libmelee lacks.
_LENGTHS_ELSE: Final = {
    st.DOWN_STAND_U: 30, st.DOWN_STAND_D: 30, st.DOWN_ATTACK_U: 50, st.DOWN_ATTACK_D: 50, st.DOWN_FORWARD_U: 36,
    st.DOWN_FORWARD_D: 36, st.DOWN_BACK_U: 36, st.DOWN_BACK_D: 36, st.CLIFF_CLIMB_SLOW: 60, st.CLIFF_CLIMB_QUICK: 35,
    st.CLIFF_ATTACK_SLOW: 70, st.CLIFF_ATTACK_QUICK: 55, st.CLIFF_ESCAPE_SLOW: 80, st.CLIFF_ESCAPE_QUICK: 50,
}  # fmt: skip

HALF, HALF_ACTING = 2.0, 3.0
"""Half the diamond's width in the air, and in aerials and specials, where no replay showed a fighter at a wall: the
least there is, and the commonest of those shown."""
_BOUNCE: Final = (4.0, 22.0)
"""When a body that fell down is off the ground, of fighters that no replay showed: the commonest of the others."""

_TURN_LENGTHS: Final = {Character.MEWTWO: 16, Character.GAME_AND_WATCH: 10, Character.POPO: 13}
_JUMP_LENGTHS: Final = {
    Character.CAPTAIN_FALCON: 35, Character.POPO: 18, Character.MEWTWO: 60, Character.MARTH: 45,
    Character.PEACH: 50, Character.JIGGLYPUFF: 50, Character.GAME_AND_WATCH: 55,
}  # fmt: skip
_AIR_JUMP_LENGTHS: Final = {
    Character.PEACH: 60, Character.POPO: 18, Character.MEWTWO: 48, Character.CAPTAIN_FALCON: 35,
    Character.YOSHI: 70, Character.NESS: 58,
}  # fmt: skip
_SQUAT_RV: Final = {Character.SHEIK: 8, Character.GAME_AND_WATCH: 8, Character.MEWTWO: 8, Character.MARTH: 8}

# States that show age 0 on the frame of entry; all others show 1 (real replays).
_START_AT_0: Final = frozenset(
    {
        st.REBIRTH, st.REBIRTH_WAIT, st.WAIT, st.TURN_RUN, st.RUN, st.RUN_BRAKE, st.KNEE_BEND, st.JUMP_F, st.JUMP_B,
        st.JUMP_AERIAL_F, st.JUMP_AERIAL_B, st.FALL, st.FALL_AERIAL, st.FALL_SPECIAL, st.DAMAGE_FALL, st.SQUAT_WAIT,
        st.SQUAT_RV, st.LANDING, st.LANDING_FALL_SPECIAL, st.ATTACK_12, st.ATTACK_13, st.ATTACK_100_LOOP,
        st.ATTACK_100_END, st.LANDING_AIR_N, st.LANDING_AIR_F, st.LANDING_AIR_B, st.LANDING_AIR_HI,
        st.LANDING_AIR_LW, st.GUARD_OFF, st.GUARD_SET_OFF,
        st.DOWN_BOUND_U, st.DOWN_BOUND_D, st.DOWN_STAND_U,
        st.DOWN_STAND_D, st.PASSIVE, st.PASSIVE_STAND_F, st.PASSIVE_STAND_B, st.SHIELD_BREAK_FALL, st.FURAFURA,
        st.SHIELD_BREAK_DOWN_U, st.SHIELD_BREAK_DOWN_D, st.SHIELD_BREAK_STAND_U, st.SHIELD_BREAK_STAND_D, st.CATCH,
        st.CATCH_DASH, st.CATCH_WAIT, st.CATCH_ATTACK, st.CAPTURE_DAMAGE_LW - 3,
        st.CAPTURE_DAMAGE_LW, st.PASS, st.OTTOTTO, st.OTTOTTO_WAIT, st.CLIFF_WAIT,
        st.ENTRY_START, st.DEAD_UP_STAR, st.MISS_FOOT,
    }
)  # fmt: skip
_START_AT_MINUS_1: Final = frozenset(
    {st.DEAD_DOWN, st.DEAD_LEFT, st.DEAD_RIGHT, st.GUARD_ON, st.GUARD, st.GUARD_SET_OFF + 1, st.ENTRY, st.ENTRY_END}
)
# Ages at which states without a table row are intangible: the common values of real replays; the slow ledge options as
# the quick ones.
_SAFE: Final = {
    st.PASSIVE: 20, st.PASSIVE_STAND_F: 20, st.PASSIVE_STAND_B: 20, st.DOWN_STAND_U: 23, st.DOWN_STAND_D: 23,
    st.DOWN_ATTACK_U: 26, st.DOWN_ATTACK_D: 26, st.DOWN_FORWARD_U: 21, st.DOWN_FORWARD_D: 21, st.DOWN_BACK_U: 21,
    st.DOWN_BACK_D: 21, st.CLIFF_CLIMB_SLOW: 31, st.CLIFF_CLIMB_QUICK: 31, st.CLIFF_ATTACK_SLOW: 30,
    st.CLIFF_ATTACK_QUICK: 30, st.CLIFF_ESCAPE_SLOW: 32, st.CLIFF_ESCAPE_QUICK: 32, st.CLIFF_JUMP_SLOW_1: 100,
    st.CLIFF_JUMP_QUICK_1: 100,
}  # fmt: skip


def anim_table(frames: dict[str, NDArray[Any]]) -> NDArray[Any]:
    anim = np.zeros((NUM_FIGHTERS, NUM_STATES), ANIM)
    anim["start"] = 1.0
    anim["shown"] = np.arange(NUM_STATES)
    for (who, own), state in framedata.OWN_ATTACKS.items():
        anim[who, state]["shown"] = own
    for state, attack in _attacks().items():
        anim[:, state]["attack"] = attack
    for state in _START_AT_0:
        anim[:, state]["start"] = 0.0
    for state in _START_AT_MINUS_1:
        anim[:, state]["start"] = -1.0
    for state, length in _LENGTHS.items():
        anim[:, state]["length"] = length
    for state, last in _SAFE.items():
        anim[:, state]["safe_to"] = last
    for state, table in (
        (st.TURN, _TURN_LENGTHS), (st.JUMP_F, _JUMP_LENGTHS), (st.JUMP_B, _JUMP_LENGTHS),
        (st.JUMP_AERIAL_F, _AIR_JUMP_LENGTHS), (st.JUMP_AERIAL_B, _AIR_JUMP_LENGTHS), (st.SQUAT_RV, _SQUAT_RV),
    ):  # fmt: skip
        for who, value in table.items():
            anim[who, state]["length"] = value
    # libmelee's last recorded frame of every state it lists is the last age shown
    key = frames["key"]
    for who, state, frame in key:
        row = anim[who, state]
        row["exists"] = 1
        if state not in _LENGTHS:
            row["length"] = max(row["length"], frame + 1)
    for (who, state, frame), iasa in zip(key, frames["iasa"], strict=True):
        row = anim[who, state]
        if iasa and st.ATTACK_11 <= state < st.FIRST_SPECIAL and (row["iasa"] == 0 or frame < row["iasa"]):
            row["iasa"] = frame
    for move in [*read_rows("moves.csv"), *read_rows("special_moves.csv")]:
        row = anim[int(move["character"]), int(move["state"])]
        row["exists"] = 1
        own = int(move["state"]) >= st.FIRST_SPECIAL  # chained states begin at age 0, which libmelee counts as 1
        row["length"] = max(0.0 if own else row["length"], int(move["frames"]) + 1)
        row["cancel_before"] = number(move["autocancel_before"])
        row["cancel_after"] = number(move["autocancel_after"]) or 1e6
        row["lag"] = number(move["landing_lag"])
        row["charge"] = number(move["charge_frame"])
        if move["iasa"]:
            row["iasa"] = float(move["iasa"])
    for fighter in read_rows("fighters.csv"):
        index = int(fighter["character"])
        for state, name in (
            (st.TURN_RUN, "turnrun"), (st.DASH, "dash"), (st.RUN_BRAKE, "runbrake"), (st.GUARD_OFF, "guardoff"),
            (st.ESCAPE_N, "spot"), (st.ESCAPE_F, "rollf"), (st.ESCAPE_B, "rollb"), (st.ESCAPE_AIR, "airdodge"),
        ):  # fmt: skip
            row = anim[index, state]
            row["length"] = float(fighter[f"{name}_len"])
            if f"{name}_inv_start" in fighter:
                # Yoshi's rolls: intangible as he is inside the egg; the table has no figure, so the common one
                row["safe_from"] = number(fighter[f"{name}_inv_start"]) or 4
                row["safe_to"] = number(fighter[f"{name}_inv_end"]) or 20
        anim[index, st.ESCAPE_F]["flip"] = number(fighter["rollf_flip"]) or 20
        for state, name in zip(range(st.LANDING_AIR_N, st.LANDING_AIR_LW + 1), ("nair", "fair", "bair", "uair", "dair"),
                               strict=True):  # fmt: skip
            anim[index, state]["length"] = 30
            anim[index, state]["lag"] = float(fighter[f"{name}_lag"])
    for row_ in read_rows("learned_lengths.csv"):
        anim[int(row_["character"]), int(row_["state"])]["length"] = float(row_["length"])
    fall = anim[:, st.FALL]["length"]
    for state in (st.FALL_AERIAL, st.FALL_SPECIAL):  # as long as Fall, of all but one fighter that replays showed
        anim[:, state]["length"] = np.where(anim[:, state]["length"] == 0, fall, anim[:, state]["length"])
    anim["half"] = HALF
    anim[:, st.ATTACK_AIR_N : st.ATTACK_AIR_LW + 1]["half"] = HALF_ACTING
    anim[:, st.FIRST_SPECIAL :]["half"] = HALF_ACTING
    for row_ in read_rows("learned_sides.csv") + read_rows("known_sides.csv"):
        anim[int(row_["character"]), int(row_["state"])]["half"] = float(row_["half"])
    for state in (st.DOWN_BOUND_U, st.DOWN_BOUND_D):
        anim[:, state]["rise"], anim[:, state]["settle"] = _BOUNCE
    for row_ in read_rows("learned_marks.csv"):
        anim[int(row_["character"]), int(row_["state"])][row_["mark"]] = float(row_["age"])
    for state, length in _LENGTHS_ELSE.items():
        column = anim[:, state]["length"]
        column[column == 0] = length
    return anim


def _attacks() -> dict[int, int]:
    """Slippi's id of the attack by state; angles of a tilt or smash and landings of aerials share one."""
    found = dict(zip(range(st.ATTACK_11, st.ATTACK_13 + 1), (2, 3, 4), strict=True))
    found |= dict.fromkeys(range(st.ATTACK_13 + 1, st.ATTACK_DASH), 5)
    found |= dict.fromkeys(range(st.ATTACK_S3_HI, st.ATTACK_S3_LW + 1), 7)
    found |= dict.fromkeys(range(st.ATTACK_S4_S - 2, st.ATTACK_HI_4), 10)
    found |= {st.ATTACK_DASH: 6, st.ATTACK_HI_3: 8, st.ATTACK_LW_3: 9, st.ATTACK_HI_4: 11, st.ATTACK_LW_4: 12}
    found |= {state + n: 13 + n for state in (st.ATTACK_AIR_N, st.LANDING_AIR_N) for n in range(5)}
    found |= {st.DOWN_ATTACK_U: 50, st.DOWN_ATTACK_D: 50, st.CATCH_ATTACK: 52}
    found |= {st.THROW_F + n: 53 + n for n in range(4)}
    return found | dict.fromkeys((st.CLIFF_ATTACK_SLOW, st.CLIFF_ATTACK_QUICK), 61)


def motion_table(frames: dict[str, NDArray[Any]], anim: NDArray[Any]) -> NDArray[np.float32]:
    """Forward movement of the grounded states that the animation moves (aerial rows hold recorded drift)."""
    flat: list[float] = [0.0]
    key, motion = frames["key"], frames["motion"]
    moving = {
        (int(who), int(state))
        for (who, state, _), dx in zip(key, motion, strict=True)
        if abs(dx) > 1e-3 and _moves_by_animation(int(state))
    }
    by_state: dict[tuple[int, int], dict[int, float]] = {}
    for (who, state, frame), dx in zip(key, motion, strict=True):
        if (int(who), int(state)) in moving:
            by_state.setdefault((int(who), int(state)), {})[int(frame)] = float(dx)
    for (who, state), by_frame in by_state.items():
        if sum(abs(dx) for dx in by_frame.values()) < 2.0 or _slides([dx for _, dx in sorted(by_frame.items())]):
            continue  # a recording's residual slide, not the animation's
        if (who, state) in _FIRST_STEP:
            by_frame = {1: by_frame[2], **{frame: dx for frame, dx in by_frame.items() if frame != 1}}
        if (who, state) == _SHOVED[0]:
            by_frame = {frame: dx + (0.3 if frame in _SHOVED[1] else 0.0) for frame, dx in by_frame.items()}
        if state in _BACKWARD and sum(by_frame.values()) > 0:
            by_frame = {frame: -dx for frame, dx in by_frame.items()}  # some fighters' were taken along the way
        anim[who, state]["motion_offset"] = len(flat)
        anim[who, state]["motion_frames"] = max(by_frame)
        flat += [by_frame.get(frame, 0.0) for frame in range(1, max(by_frame) + 1)]
    return np.array(flat, np.float32)


_FIRST_STEP: Final = frozenset({(int(Character.FOX), st.ATTACK_12), (int(Character.FALCO), st.ATTACK_12)})
"""Second jabs whose first step libmelee lacks: it is as long as the second one (8 of 8 in real replays)."""
_SHOVED: Final = ((int(Character.FALCO), st.PASSIVE_STAND_F), range(24, 37))
"""Frames in which libmelee's recording has another fighter push (real replays: 13 steps without it)."""
_BACKWARD: Final = (st.ESCAPE_B, st.PASSIVE_STAND_B, st.DOWN_BACK_U, st.DOWN_BACK_D)


def _slides(ways: list[float]) -> bool:
    """Whether the steps shrink by one amount from frame to frame, as friction makes them."""
    steps = [ways[n] - ways[n + 1] for n in range(len(ways) - 1) if abs(ways[n + 1]) > 1e-3]
    if len(steps) < 4:
        return False
    middle = sorted(steps)[len(steps) // 2]
    return abs(middle) > 1e-3 and sum(abs(step - middle) < 2e-3 for step in steps) > 0.7 * len(steps)


def _moves_by_animation(state: int) -> bool:
    return (
        st.ATTACK_11 <= state <= st.ATTACK_LW_4
        or st.DOWN_STAND_U <= state <= st.DOWN_BACK_U
        or st.DOWN_STAND_D <= state <= st.DOWN_BACK_D
        or state in (st.PASSIVE_STAND_F, st.PASSIVE_STAND_B, st.ESCAPE_F, st.ESCAPE_B)
        or st.CLIFF_CLIMB_SLOW <= state <= st.CLIFF_ESCAPE_QUICK
    )
