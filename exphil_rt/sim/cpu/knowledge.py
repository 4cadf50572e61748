"""What the bot knows of the game: where and when each fighter's attacks hit, and where a stage ends.

Taken from the game's own tables, so it follows them; the bot reads nothing of the game's state but frames.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.sim.anim_table import NUM_FIGHTERS
from exphil_rt.sim.state import records

GROUND_MOVES: Final = (
    st.ATTACK_11, st.ATTACK_S3_S, st.ATTACK_HI_3, st.ATTACK_LW_3, st.ATTACK_S4_S, st.ATTACK_HI_4, st.ATTACK_LW_4,
    st.CATCH,
)  # fmt: skip
AIR_MOVES: Final = (st.ATTACK_AIR_N, st.ATTACK_AIR_F, st.ATTACK_AIR_B, st.ATTACK_AIR_HI, st.ATTACK_AIR_LW)
MOVES: Final = (*GROUND_MOVES, *AIR_MOVES)
JAB, S_TILT, U_TILT, D_TILT, S_SMASH, U_SMASH, D_SMASH, GRAB = range(len(GROUND_MOVES))
N_AIR, F_AIR, B_AIR, U_AIR, D_AIR = range(len(GROUND_MOVES), len(MOVES))
NUM_GROUND: Final = len(GROUND_MOVES)
NUM_MOVES: Final = len(MOVES)

MOVE: Final = np.dtype([(name, np.float32) for name in ("first", "last", "x0", "x1", "y0", "y1", "damage", "length")])
"""Frames with hitboxes, their bounding box (forward is positive), damage, and the frames until the next move."""
FIGHTER: Final = np.dtype(
    [(name, np.float32) for name in ("height", "width", "gravity", "fall", "drift", "jump", "hop")]
)
"""Body, gravity, terminal and drift velocity, speed of the air jump, and whether it has many of them."""
STAGE: Final = np.dtype(
    [(name, np.float32) for name in ("edge", "hang_y", "left", "right", "bottom", "top")]
    + [("first", np.int32), ("lines", np.int32)]
)
"""Where the ground ends (both sides alike), the ledge's height, blast zones, and the rows of its lines."""
LINE: Final = np.dtype([("x0", np.float32), ("y0", np.float32), ("x1", np.float32), ("y1", np.float32), ("drop", "i4")])
KNOWLEDGE_FALLBACK_LENGTH: Final = 30.0


def knowledge(tables: NDArray[Any], stage_rows: dict[int, int]) -> NDArray[Any]:
    """One record ``[1]``: ``moves`` [27, 13] MOVE, ``fighters`` [27], ``stages`` [64] by Slippi's id, ``lines``."""
    t = tables[0]
    lines = np.zeros(len(t["lines"]), LINE)
    for name in LINE.names or ():
        lines[name] = t["lines"][name]
    parts = {"moves": _moves(t), "fighters": _fighters(t), "stages": _stages(t, stage_rows), "lines": lines}
    record = np.zeros(1, [(name, part.dtype, part.shape) for name, part in parts.items()])
    for name, part in parts.items():
        record[name][0] = part
    return records(record)


def _moves(t: Any) -> NDArray[Any]:
    moves = np.zeros((NUM_FIGHTERS, NUM_MOVES), MOVE)
    for who in range(NUM_FIGHTERS):
        for place, state in enumerate(MOVES):
            anim = t["anim"][who, state]
            frames = t["hit_frames"][anim["hit_offset"] : anim["hit_offset"] + anim["hit_frames"]]
            rows = [row for f in frames for row in range(f["offset"], f["offset"] + f["count"])]
            if not rows:
                continue
            circles = t["circles"][rows]
            move = moves[who, place]
            move["first"], move["last"] = anim["hit_first"], anim["hit_first"] + anim["hit_frames"] - 1
            move["x0"], move["x1"] = (circles["x"] - circles["radius"]).min(), (circles["x"] + circles["radius"]).max()
            move["y0"], move["y1"] = (circles["y"] - circles["radius"]).min(), (circles["y"] + circles["radius"]).max()
            move["damage"] = circles["damage"].max()
            length = anim["iasa"] if anim["iasa"] > 0 else anim["length"]
            move["length"] = length if length > 0 else KNOWLEDGE_FALLBACK_LENGTH
    return moves


def _fighters(t: Any) -> NDArray[Any]:
    source = t["fighters"]
    found = np.zeros(NUM_FIGHTERS, FIGHTER)
    found["height"], found["width"] = source["height"], source["width"]
    found["gravity"], found["fall"], found["drift"] = source["gravity"], source["terminal_vel"], source["drift_max"]
    found["hop"] = source["max_jumps"] > 2
    found["jump"] = source["jump_v_full"] * source["air_jump_v_mul"]
    return found


def _stages(t: Any, rows: dict[int, int]) -> NDArray[Any]:
    found = np.zeros(64, STAGE)
    for number, row in rows.items():
        source = t["stages"][row]
        record = found[number]
        first, count = int(source["line_offset"]), int(source["lines"])
        ground = t["lines"][first : first + count]
        main = ground[ground["drop"] == 0]
        record["edge"] = max(abs(main["x0"].min()), main["x1"].max())
        record["hang_y"] = source["edge_y"].max()
        for name in ("left", "right", "bottom", "top"):
            record[name] = source[name]
        record["first"], record["lines"] = first, count
    return found
