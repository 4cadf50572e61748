"""Slippi 3.18's events as packed big-endian records: codes, fields, sizes. What fills them is in ``events``."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

VERSION: Final = (3, 18, 0)
"""The version of Slippi whose layout is written."""

GAME_START: Final = 0x36
GAME_START_BYTES: Final = 760
"""Payload of the game start block, as 3.18 has it (peppi reads it from its length)."""


PAYLOADS: Final[dict[int, int]] = {
    GAME_START: GAME_START_BYTES, 0x37: 66, 0x38: 84, 0x39: 6, 0x3A: 12, 0x3B: 44, 0x3C: 8, 0x3F: 9, 0x40: 5, 0x41: 8,
}  # fmt: skip
"""Bytes behind the code of each event."""


def _record(code: int, *fields: tuple[Any, ...]) -> np.dtype[Any]:
    found = np.dtype([("code", "u1"), *fields])
    assert found.itemsize == PAYLOADS[code] + 1
    return found


PRE: Final = _record(
    0x37,
    ("frame", ">i4"), ("port", "u1"), ("follower", "u1"), ("seed", ">u4"), ("state", ">u2"),
    ("position_x", ">f4"), ("position_y", ">f4"), ("facing", ">f4"),
    ("joystick_x", ">f4"), ("joystick_y", ">f4"), ("cstick_x", ">f4"), ("cstick_y", ">f4"), ("trigger", ">f4"),
    ("processed", ">u4"), ("buttons", ">u2"), ("left", ">f4"), ("right", ">f4"), ("raw_x", "i1"),
    ("percent", ">f4"), ("raw_y", "i1"), ("raw_cstick_x", "i1"), ("raw_cstick_y", "i1"),
)  # fmt: skip
"""Inputs of a fighter, and what it was before the frame."""

POST: Final = _record(
    0x38,
    ("frame", ">i4"), ("port", "u1"), ("follower", "u1"), ("character", "u1"), ("state", ">u2"),
    ("position_x", ">f4"), ("position_y", ">f4"), ("facing", ">f4"), ("percent", ">f4"), ("shield", ">f4"),
    ("last_attack_landed", "u1"), ("combo_count", "u1"), ("last_hit_by", "u1"), ("stocks", "u1"),
    ("state_age", ">f4"), ("flags", "u1", (5,)), ("misc", ">f4"), ("airborne", "u1"), ("ground", ">u2"),
    ("jumps", "u1"), ("l_cancel", "u1"), ("hurtbox_state", "u1"),
    ("self_x_air", ">f4"), ("self_y", ">f4"), ("knockback_x", ">f4"), ("knockback_y", ">f4"),
    ("self_x_ground", ">f4"), ("hitlag", ">f4"), ("animation", ">u4"),
    ("last_hit_by_instance", ">u2"), ("instance_id", ">u2"),
)  # fmt: skip
"""A fighter after the frame."""

ITEM: Final = _record(
    0x3B,
    ("frame", ">i4"), ("kind", ">u2"), ("state", "u1"), ("facing", ">f4"), ("velocity_x", ">f4"),
    ("velocity_y", ">f4"), ("position_x", ">f4"), ("position_y", ">f4"), ("damage", ">u2"), ("timer", ">f4"),
    ("spawn_id", ">u4"), ("misc", "u1", (4,)), ("owner", "i1"), ("instance_id", ">u2"),
)  # fmt: skip
FRAME_START: Final = _record(0x3A, ("frame", ">i4"), ("seed", ">u4"), ("scene_frame", ">u4"))
BOOKEND: Final = _record(0x3C, ("frame", ">i4"), ("finalized", ">i4"))
FOD_PLATFORM: Final = _record(0x3F, ("frame", ">i4"), ("platform", "u1"), ("height", ">f4"))
STADIUM: Final = _record(0x41, ("frame", ">i4"), ("event", ">u2"), ("kind", ">u2"))
GAME_END: Final = _record(0x39, ("method", "u1"), ("lras", "i1"), ("placements", "i1", (4,)))
