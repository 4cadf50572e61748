"""Fighters as stick figures: which pose an action state takes, and the lines of each pose.

A pose lives in a box whose unit is the fighter's height: feet at (0, 0), x forward, y up. Heights are for the eye only
(the game's hurtboxes are nobody's business here).
"""

from __future__ import annotations

from typing import Final

import msgspec

Limb = tuple[tuple[float, float], ...]


class Pose(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one pose. ``head`` is the centre of the head; ``hits`` are points that flash."""

    head: tuple[float, float]
    limbs: tuple[Limb, ...]
    hits: tuple[tuple[float, float], ...] = ()
    ascii_rows: tuple[str, str, str]
    """The same in three rows of three characters, facing right."""


_STAND: Final = Pose(
    head=(0.02, 0.86),
    limbs=(((0, 0.74), (0, 0.4)), ((0, 0.4), (-0.16, 0)), ((0, 0.4), (0.18, 0)), ((0, 0.68), (0.22, 0.46)),
           ((0, 0.68), (-0.2, 0.46))),
    ascii_rows=(" o ", "/|\\", "/ \\"),
)  # fmt: skip
_RUN_A: Final = Pose(
    head=(0.2, 0.84),
    limbs=(((0.16, 0.72), (0, 0.4)), ((0, 0.4), (0.3, 0.22), (0.24, 0)), ((0, 0.4), (-0.2, 0.26), (-0.42, 0.2)),
           ((0.14, 0.66), (0.36, 0.5)), ((0.14, 0.66), (-0.16, 0.52))),
    ascii_rows=(" o ", "-|-", "/ >"),
)  # fmt: skip
_RUN_B: Final = Pose(
    head=(0.2, 0.84),
    limbs=(((0.16, 0.72), (0, 0.4)), ((0, 0.4), (0.12, 0.2), (-0.06, 0)), ((0, 0.4), (-0.12, 0.18), (-0.3, 0.1)),
           ((0.14, 0.66), (0.3, 0.62)), ((0.14, 0.66), (-0.06, 0.44))),
    ascii_rows=(" o ", "/|-", " |\\"),
)  # fmt: skip
_CROUCH: Final = Pose(
    head=(0.1, 0.56),
    limbs=(((0.06, 0.46), (-0.06, 0.22)), ((-0.06, 0.22), (0.18, 0.2), (0.14, 0)), ((-0.06, 0.22), (-0.26, 0)),
           ((0.06, 0.42), (0.28, 0.28))),
    ascii_rows=("   ", " o ", "/^\\"),
)  # fmt: skip
_JUMP: Final = Pose(
    head=(0.04, 0.9),
    limbs=(((0.02, 0.78), (0, 0.46)), ((0, 0.46), (0.2, 0.34), (0.1, 0.14)), ((0, 0.46), (-0.14, 0.3), (-0.24, 0.1)),
           ((0.02, 0.62), (0.22, 0.66), (0.36, 0.92)), ((0.02, 0.62), (-0.2, 0.66), (-0.34, 0.88))),
    ascii_rows=("\\o/", " | ", "< \\"),
)  # fmt: skip
_FALL: Final = Pose(
    head=(0, 0.88),
    limbs=(((0, 0.76), (0, 0.42)), ((0, 0.42), (-0.16, 0.06)), ((0, 0.42), (0.14, 0.06)), ((0, 0.7), (0.3, 0.78)),
           ((0, 0.7), (-0.3, 0.78))),
    ascii_rows=("_o_", " | ", "/ \\"),
)  # fmt: skip
_HIT_FORWARD: Final = Pose(
    head=(0.06, 0.86),
    limbs=(((0.04, 0.74), (0, 0.4)), ((0, 0.4), (-0.24, 0)), ((0, 0.4), (0.2, 0)), ((0.04, 0.66), (0.62, 0.66)),
           ((0.04, 0.66), (-0.18, 0.5))),
    hits=((0.68, 0.66),),
    ascii_rows=(" o ", "/|=", "/ \\"),
)  # fmt: skip
_HIT_UP: Final = Pose(
    head=(0, 0.84),
    limbs=(((0, 0.72), (0, 0.4)), ((0, 0.4), (-0.18, 0)), ((0, 0.4), (0.18, 0)), ((0, 0.68), (0.14, 1.26)),
           ((0, 0.68), (-0.2, 0.5))),
    hits=((0.16, 1.34),),
    ascii_rows=(" o'", "/|/", "/ \\"),
)  # fmt: skip
_HIT_LOW: Final = Pose(
    head=(-0.08, 0.58),
    limbs=(((-0.08, 0.46), (-0.1, 0.22)), ((-0.1, 0.22), (0.6, 0.04)), ((-0.1, 0.22), (-0.28, 0)),
           ((-0.08, 0.42), (-0.28, 0.3))),
    hits=((0.68, 0.06),),
    ascii_rows=("   ", " o ", "/\\="),
)  # fmt: skip
_HIT_BACK: Final = Pose(
    head=(0.14, 0.82),
    limbs=(((0.1, 0.7), (0, 0.44)), ((0, 0.44), (-0.62, 0.5)), ((0, 0.44), (0.14, 0.12)), ((0.1, 0.66), (0.34, 0.6))),
    hits=((-0.7, 0.5),),
    ascii_rows=(" o ", "=|\\", "  \\"),
)  # fmt: skip
_SPIN: Final = Pose(
    head=(0.1, 0.78),
    limbs=(((0.06, 0.66), (-0.04, 0.4)), ((-0.04, 0.4), (0.42, 0.3)), ((-0.04, 0.4), (-0.36, 0.2)),
           ((0.04, 0.62), (0.44, 0.62)), ((0.04, 0.62), (-0.38, 0.66))),
    hits=((0.5, 0.3), (-0.46, 0.66)),
    ascii_rows=("*o*", "-|-", "* *"),
)  # fmt: skip
_HURT: Final = Pose(
    head=(-0.24, 0.76),
    limbs=(((-0.18, 0.66), (-0.02, 0.4)), ((-0.02, 0.4), (0.3, 0.3)), ((-0.02, 0.4), (0.22, 0.06)),
           ((-0.14, 0.6), (0.16, 0.72)), ((-0.14, 0.6), (0.2, 0.54))),
    ascii_rows=("o_ ", " \\=", " | "),
)  # fmt: skip
_TUMBLE: Final = Pose(
    head=(-0.4, 0.36),
    limbs=(((-0.28, 0.38), (0.08, 0.46)), ((0.08, 0.46), (0.36, 0.62)), ((0.08, 0.46), (0.4, 0.36)),
           ((-0.2, 0.4), (-0.1, 0.7)), ((-0.2, 0.4), (-0.06, 0.14))),
    ascii_rows=(" ' ", "o=<", " , "),
)  # fmt: skip
_LIE: Final = Pose(
    head=(-0.46, 0.12),
    limbs=(((-0.34, 0.1), (0.1, 0.08)), ((0.1, 0.08), (0.5, 0.04)), ((0.1, 0.08), (0.34, 0.2), (0.46, 0.02))),
    ascii_rows=("   ", "   ", "o__"),
)  # fmt: skip
_HOLD: Final = Pose(
    head=(0.04, 0.86),
    limbs=(((0.04, 0.74), (0, 0.4)), ((0, 0.4), (-0.18, 0)), ((0, 0.4), (0.18, 0)), ((0.04, 0.68), (0.42, 0.72)),
           ((0.04, 0.62), (0.42, 0.56))),
    ascii_rows=(" o ", "/|E", "/ \\"),
)  # fmt: skip
_HANG: Final = Pose(
    head=(-0.06, 0.74),
    limbs=(((-0.06, 0.62), (-0.08, 0.3)), ((-0.08, 0.3), (-0.14, -0.06)), ((-0.08, 0.3), (0.04, -0.06)),
           ((-0.06, 0.58), (0.14, 1.02)), ((-0.06, 0.58), (0.02, 1.02))),
    ascii_rows=(" o/", " | ", "/ \\"),
)  # fmt: skip

POSES: Final[dict[str, Pose]] = {
    "stand": _STAND, "run_a": _RUN_A, "run_b": _RUN_B, "crouch": _CROUCH, "jump": _JUMP, "fall": _FALL,
    "hit_forward": _HIT_FORWARD, "hit_up": _HIT_UP, "hit_low": _HIT_LOW, "hit_back": _HIT_BACK, "spin": _SPIN,
    "hurt": _HURT, "tumble": _TUMBLE, "lie": _LIE, "hold": _HOLD, "hang": _HANG,
}  # fmt: skip

# First action state of each range, and its pose; "" is nobody on the screen, "air" depends on the speed upwards.
_BY_STATE: Final[tuple[tuple[int, str], ...]] = (
    (0, ""), (12, "stand"), (15, "run"), (18, "stand"), (20, "run"), (23, "hit_low"), (24, "crouch"), (25, "jump"),
    (29, "fall"), (38, "tumble"), (39, "crouch"), (44, "hit_forward"), (56, "hit_up"), (57, "hit_low"),
    (58, "hit_forward"), (63, "hit_up"), (64, "hit_low"), (65, "spin"), (66, "hit_forward"), (67, "hit_back"),
    (68, "hit_up"), (69, "hit_low"), (70, "crouch"), (75, "hurt"), (87, "tumble"), (92, "hold"), (178, "crouch"),
    (183, "lie"), (186, "crouch"), (187, "hit_low"), (188, "crouch"), (191, "lie"), (194, "crouch"),
    (195, "hit_low"), (196, "crouch"), (199, "stand"), (205, "tumble"), (207, "lie"), (209, "crouch"), (211, "hurt"),
    (212, "hold"), (223, "hurt"), (233, "crouch"), (235, "stand"), (236, "fall"), (237, "hurt"), (239, "tumble"),
    (244, "fall"), (245, "stand"), (247, "tumble"), (251, "fall"), (252, "hang"), (254, "crouch"),
    (256, "hit_forward"), (258, "crouch"), (260, "jump"), (264, "hit_up"), (266, "hurt"), (322, "stand"),
    (325, "hurt"), (341, "spin"),
)  # fmt: skip

_HEIGHTS: Final = {
    1: 17.0, 2: 20.0, 3: 21.0, 4: 11.0, 5: 22.0, 6: 18.5, 7: 18.0, 8: 13.5, 9: 18.5, 10: 12.5, 11: 12.5, 12: 12.0,
    13: 20.5, 14: 16.0, 15: 11.0, 16: 20.0, 18: 19.0, 19: 19.0, 22: 17.5, 23: 9.5, 24: 16.0, 25: 21.5, 26: 18.5,
}  # fmt: skip


def pose_name(state: int, x: float = 0.0) -> str:
    """Name of the pose for an action state; empty when the fighter is not on the screen (states 0 to 11).

    A run changes its legs every few units of x, so that it moves without any clock.
    """
    found = ""
    for first, name in _BY_STATE:
        if state < first:
            break
        found = name
    if found == "run":
        return "run_a" if int(x // 6) % 2 else "run_b"
    return found


def shielding(state: int) -> bool:
    """Whether the state holds a shield (GuardOn to GuardReflect)."""
    return 178 <= state <= 182


def untouchable(state: int) -> bool:
    """States drawn pale: respawn platform, rolls, dodges, techs."""
    return state in (12, 13) or 199 <= state <= 204 or 233 <= state <= 236


def drawn_height(character: int) -> float:
    """How high a character is drawn, in Melee units."""
    return _HEIGHTS.get(character, 15.5)
