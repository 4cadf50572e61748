"""A fault of libmelee's frame data mended: for 16 of 27 fighters the third hitbox of every move stands at ``x`` 0.

Its height is right. Where a public list of all hitboxes (github.com/BroccoliRaab/meleedb, ``melee_hitboxes.csv``) hangs
it on the fighter's root, its place is that list's, times the fighter's scale. Mewtwo's tail is ``tail.py``'s. Two
pairs that mirror each other tell it exactly (on all nine such moves of the fighters without the fault). Else hitboxes
mostly lie along a limb, a tail or a blade, so the third one is put on the line through two of the others where its
height says. On all 179 moves of those fighters that makes 2.5 units of error in the mean (the 0 of the table: 5.2).
Where the heights fit no line, attacks from the air and from lying down (whose third hitbox is as often the trunk) keep
the 0.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.sim import tail

ABSURD: Final = 60.0
"""No hitbox stands further out than that: libmelee's few are faults of their own."""
HEIGHT_OFF: Final = 0.5
"""Units that the third height may well be off its line."""
AIR_FITS: Final = 1.0
"""Further off than that, the third hitbox of these attacks is taken for the trunk's."""
NEAR: Final = 2.5
"""Two hitboxes nearer than that to each other tell no line."""
CLONE_FITS: Final = 2.0
ON_ROOT: Final = {
    (0, st.CATCH_DASH): -2.148, (14, st.ATTACK_HI_3): 2.051, (17, st.CATCH_DASH): -1.953, (20, st.ATTACK_LW_4): 4.875,
    (20, 356): -6.75, (21, st.CATCH_DASH): -1.719, (24, st.CATCH_DASH): 0.0, (25, st.ATTACK_11): 2.109,
    (25, st.CATCH_DASH): -2.531, (26, st.CATCH): 7.594, (26, st.CATCH_DASH): 5.906,
}  # fmt: skip
"""Forward place of third hitboxes on the root, where no pair or line tells it exactly, by fighter and state."""
# Two hitboxes, how far along from the first to the second the third one is expected, how much that may differ, and how
# much less likely such a line is: beyond the second of three, or between others of four.
_LINES: Final = ((0, 1, 2.0, 0.5, 0.0), (1, 3, 0.5, 0.35, 1.0), (0, 3, 0.5, 0.35, 0.0))
_SHARES: Final = np.arange(-1.5, 3.51, 0.05)

_FROM_AIR_OR_GROUND: Final = frozenset(
    (*range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1), st.DOWN_ATTACK_U, st.DOWN_ATTACK_D, st.CLIFF_ATTACK_SLOW,
     st.CLIFF_ATTACK_QUICK)
)  # fmt: skip


def mend_third(key: NDArray[np.int32], circles: NDArray[np.float32], clones: dict[int, int]) -> None:
    """Fill in the missing ``x``, in place.

    Args:
        key: ``[R, 3]`` character, state and frame, sorted.
        circles: ``[R, 4, 4]`` active, x forward, y, radius.
        clones: fighter by its clone, whose hitboxes stand where its own do.
    """
    active = (circles[:, :, 0] != 0) & (circles[:, :, 3] > 0)
    third = active[:, :3].all(axis=1)
    circles[third & (np.abs(circles[:, 2, 1]) > ABSURD), 2, 1] = 0.0
    place = {tuple(one): row for row, one in enumerate(key.tolist())}
    for who, state in np.unique(key[third][:, :2], axis=0).tolist():
        rows = np.flatnonzero(third & (key[:, 0] == who) & (key[:, 1] == state))
        if circles[rows, 2, 1].any():
            continue
        if (who, state) in ON_ROOT:
            circles[rows, 2, 1] = ON_ROOT[who, state]
            continue
        if who == tail.MEWTWO and state in tail.LENGTHS:
            mended = circles[rows]
            tail.mend_tail(state, mended)
            circles[rows] = mended
            continue
        rows = np.array([row for row in rows if not _borrow(circles, row, place, key[row], clones)], np.int64)
        for four in (False, True):
            some = rows[active[rows, 3] == four]
            if len(some):
                circles[some, 2, 1] = third_x(circles[some, :, 1:], four, state in _FROM_AIR_OR_GROUND)


def _borrow(circles: NDArray[Any], row: Any, place: dict[Any, int], key: NDArray[Any], clones: dict[int, int]) -> bool:
    """Take a clone's third hitbox from its model, where that one knows it and strikes the same way."""
    who, state, frame = (int(value) for value in key)
    model = place.get((clones.get(who, -1), state, frame), -1)
    if model < 0 or circles[model, 2, 0] == 0 or circles[model, 2, 1] == 0.0:
        return False
    if np.abs(circles[model, :3, 2] - circles[row, :3, 2]).max() > CLONE_FITS:
        return False
    if np.abs(circles[model, :2, 1] - circles[row, :2, 1]).max() > CLONE_FITS:
        return False
    circles[row, 2, 1] = circles[model, 2, 1]
    return True


def third_x(places: NDArray[np.float32], four: bool, strict: bool) -> NDArray[np.float32]:
    """Where the third hitbox stands: ``[n]`` forward, for the ``n`` frames of a move.

    Args:
        places: ``[n, 4, 3]`` forward (of the third unknown), up and radius.
        four: whether there is a fourth hitbox.
        strict: keep 0 where the heights fit no line.
    """
    x, y, radius = places[:, :, 0], places[:, :, 1], places[:, :, 2]
    if four and _same(radius, 2, 3, 0.05) and _same(radius, 0, 1, 0.05) and _same(y, 2, 3, 0.5) and _same(y, 0, 1, 0.6):
        return np.asarray(x[:, 0] + x[:, 1] - x[:, 3])
    if four and _same(radius, 1, 2, 0.05) and _same(y, 1, 2, 0.5) and _same(x, 0, 3, 0.5):
        return np.asarray(x[:, 0] + x[:, 3] - x[:, 1])
    best, found = np.inf, np.zeros(len(places), np.float32)
    for first, second, expected, spread, less in _LINES if four else _LINES[:1]:
        way_x, way_y = x[:, second] - x[:, first], y[:, second] - y[:, first]
        if float(np.hypot(way_x, way_y).mean()) < NEAR:
            continue
        for share in _SHARES:
            off = float(np.sqrt(np.mean((y[:, first] + share * way_y - y[:, 2]) ** 2)))
            cost = off / HEIGHT_OFF + abs(share - expected) / spread + less
            if cost < best:
                best = cost
                found = x[:, first] + share * way_x if off < AIR_FITS or not strict else np.zeros_like(found)
    return found


def _same(values: NDArray[np.float32], one: int, other: int, within: float) -> bool:
    return bool(np.abs(values[:, one] - values[:, other]).max() < within)
