"""The state of a game: one record a game and one a fighter, followers too. Copying the records is saving the game.

Names follow Slippi's post-frame where they show there; the rest are timers of the game's own. What the fields do
is in the phases (``inputs`` to ``ko``); this file only lays them out.
"""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import MAX_ITEMS

JIT: Final = os.environ.get("EXPHIL_RT_SIM_JIT", "1") != "0"
"""Whether the game is compiled; ``EXPHIL_RT_SIM_JIT=0`` runs it as plain Python, for debugging."""

STALE_SLOTS: Final = 9
ECHO_FRAMES: Final = 6
"""Frames that a follower is behind her leader's pad (real replays)."""
ECHO_FIELDS: Final = 8
"""Buttons, stick x and y, c-stick x and y, trigger; and where the leader stood then."""
PAD_FIELDS: Final = 6

_FLOATS: Final = (
    # body
    "x", "y", "prev_x", "prev_y", "vx", "vy", "gv", "kx", "ky", "facing", "percent", "shield",
    # animation
    "age", "rate", "hitlag", "hitstun",
    # pad of this frame and the last one
    "stick_x", "stick_y", "last_x", "last_y", "c_x", "c_y", "last_cx", "last_cy", "trigger",
    "raw_x", "raw_x1", "raw_x2",
    # state variables
    "ecb", "prev_ecb", "push_x", "shift_x", "shift_y", "recoil", "grab_timer", "lean",
    "guard_angle", "guard_tilt",
    # of the state before, where this frame entered another one that does not move the body yet
    "was_age", "was_lean",
    # specials: lag and drift of the special fall, a special's own number, a charge that is kept
    "fall_lag", "fall_drift", "sv", "store", "wall_lean", "made",
)  # fmt: skip

_INTS: Final = (
    # who
    "character", "stocks", "exists",
    # animation
    "state", "t", "flag", "count", "was_state",
    # pad
    "buttons", "pressed", "tilt_x", "tilt_y", "since_lrz", "since_lr", "since_lr_before", "since_xy",
    "jump_early",
    # body
    "line", "last_line", "airborne", "jumps", "fastfall", "air_frames", "pass_line", "intangible", "invincible",
    "wall_side", "wall_frames",
    # jump squat
    "short_hop", "stick_jump",
    # hits
    "hit_epoch", "hit_epoch_2", "made_epoch", "charge", "l_cancel", "last_attack", "last_hit_by", "combo",
    "attack_serial", "di_pending", "tumble", "merge_frames",
    # ledge, grab, shield, death
    "ledge", "ledge_wait", "held", "dead_frames",
    # specials: just begun (1) or landed (2), what its hit met, the state it was in, used up in this flight, the
    # side that the stick was last pushed to with the frames since, the kind of item in the hand
    "special", "landed_hit", "special_state", "used", "side", "since_side", "carrying",
    "bucket",
    # of this frame's hits: row of the hitboxes that are out, the state and charge with them, whom the last one met
    "out", "out_state", "out_charge", "met",
)  # fmt: skip

PLAYER: Final = np.dtype(
    [(name, np.float32) for name in _FLOATS] + [(name, np.int32) for name in _INTS],
    align=True,
)
"""One fighter. Distances in world units, velocities in units a frame, times in frames.

``held`` is 0 or one more than the index of the catcher; ``hit_epoch`` counts for the foe's leader, ``hit_epoch_2`` for
his follower; ``made`` is the share of their damage that the hitboxes of ``made_epoch`` do."""

FIGHTERS: Final = 4
"""Fighters of a game: the two players, then the follower of each (``exists`` 0 but for the Ice Climbers' Nana)."""

ITEM: Final = np.dtype(
    [(name, np.float32) for name in ("x", "y", "prev_x", "prev_y", "vx", "vy", "facing", "timer", "damage", "charge")]
    + [(name, np.int32) for name in ("kind", "state", "owner", "age", "hit", "serial")],
    align=True,
)
"""An item or projectile; ``kind`` is Slippi's id, ``damage`` a factor on its hit."""

RUNNING: Final = 1
ENDED: Final = 2
END_STOCKS: Final = 1
END_TIMER: Final = 2
END_LIMIT: Final = 3

GAME: Final = np.dtype(
    [
        ("seed", np.int64),
        ("game_id", np.int64),
        ("frame", np.int32),
        ("stage", np.int32),  # row of the stage tables
        ("stage_id", np.int32),  # Slippi's id
        ("stocks", np.int32),
        ("timer_frames", np.int32),
        ("max_frames", np.int32),
        ("status", np.int32),  # 0 empty, RUNNING, ENDED
        ("reason", np.int32),
        ("winner", np.int32),  # 0, 1, -1 draw
        ("fighters", np.int32),  # records in use: 4 where somebody has a follower, else 2
        # of each side: the moves that landed, which use of them (below 0 an item), and where the next one goes
        ("stale", np.int32, (2, STALE_SLOTS)),
        ("stale_serial", np.int32, (2, STALE_SLOTS)),
        ("stale_next", np.int32, (2,)),
        ("num_items", np.int32),  # the items in use lie first, the oldest before the others
        ("item_serial", np.int32),
        ("items", ITEM, (MAX_ITEMS,)),
        # of followers: what their leaders pressed in the last frames (follower.py); 1 where ``fed`` is what they press
        ("echo", np.float32, (2, ECHO_FRAMES, ECHO_FIELDS)),
        ("led", np.int32),
        ("fed", np.float32, (2, PAD_FIELDS)),
        # what moves on the stage (stage.py)
        *((name, np.float32) for name in ("randall_x", "randall_y", "last_x", "last_y")),
        *((name, np.float32) for name in ("height_0", "height_1", "last_0", "last_1", "goal_0", "goal_1")),
        *((name, np.int32) for name in ("rest_0", "rest_1", "wind", "wind_frames")),
    ],
    align=True,
)
"""One game besides its fighters."""

SAVED: Final = np.dtype([("game", GAME), ("players", PLAYER, (2,)), ("followers", PLAYER, (2,))], align=True)
"""A saved game: everything that decides how it goes on, given the inputs."""


def records(array: NDArray[Any]) -> NDArray[Any]:
    """``array`` as the game's code takes it: plain Python needs attribute access, numba is quicker without."""
    return array if JIT else array.view(np.recarray)


def new_games(count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Empty games ``[count]`` and fighters ``[2, count, 2]``: the players of all of them, then the followers.

    Followers lie apart, so that games without any touch no memory of theirs.
    """
    return records(np.zeros(count, GAME)), records(np.zeros((2, count, 2), PLAYER))
