"""Mewtwo's tail attacks: libmelee's frame data sees them from the side and lacks the third hitbox's ``x``.

Three joints of the tail carry hitboxes, so that the unknown one's distance from the others tells where it is. The up
tilt comes round from beside Mewtwo: how far the tail's root is out of the plane follows from how much shorter than its
length it is seen, and the hitboxes out there are narrowed, for a body is only so deep. On its first frame the middle
joint is out of reach (of recorded hits that it stood before, it made none of ten) and keeps the table's 0, where
another hitbox covers it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st

MEWTWO: Final = 16
BASE_TO_ROOT: Final = 8.0
"""From the trunk's hitbox to the tail's root: the most that they are seen apart in the up tilt."""
ROOT_TO_MIDDLE, MIDDLE_TO_TIP, ROOT_TO_TIP = 6.2, 6.6, 12.5
"""The most that two of the tail's joints are seen apart in the up air and back air, and both lengths."""
LENGTHS: Final = {
    st.ATTACK_HI_3: {1: ROOT_TO_MIDDLE, 3: MIDDLE_TO_TIP},
    st.ATTACK_AIR_B: {1: ROOT_TO_MIDDLE, 0: ROOT_TO_TIP},
    st.ATTACK_AIR_HI: {1: MIDDLE_TO_TIP, 0: ROOT_TO_TIP},
}
"""Distance of the third hitbox from others by state and slot, the first of them the one it is measured from."""
BESIDE: Final = 4.0
"""Depth of the tail's root from which on its middle is out of reach."""
BODY_DEPTH: Final = 2.5
"""How far a body reaches out of the plane to each side: an estimate from hurtbox radii."""


def mend_tail(state: int, circles: NDArray[np.float32]) -> None:
    """Place and narrow the hitboxes of one attack of ``LENGTHS``, in place: ``[n, 4, 4]`` active, x, y, radius."""
    third = along_tail(circles[:, :, 1:], LENGTHS[state])
    if state != st.ATTACK_HI_3:
        circles[:, 2, 1] = third
        return
    depth = depth_of_root(circles[:, :, 1:])
    reached = depth < BESIDE
    circles[reached, 2, 1] = third[reached]
    for slot in (1, 2, 3):
        aside = depth if slot != 2 else np.where(reached, depth, 0.0)
        circles[:, slot, 3] = narrowed(circles[:, slot, 3], aside)


def along_tail(places: NDArray[np.float32], lengths: dict[int, float]) -> NDArray[np.float32]:
    """Where the third hitbox stands by its distances from others: ``[n]`` forward, for ``[n, 4, 3]`` places.

    The first distance and its height leave two places, of which that is taken which meets the second distance better.
    """
    (base, far), (other, expected) = lengths.items()
    reach = np.sqrt(np.maximum(far**2 - (places[:, 2, 1] - places[:, base, 1]) ** 2, 0.0))
    either = places[:, base, 0] + reach * np.array([[1.0], [-1.0]])  # [2, n]
    off = np.abs(np.hypot(either - places[:, other, 0], places[:, 2, 1] - places[:, other, 1]) - expected)
    return np.asarray(np.where(off[0] <= off[1], either[0], either[1]), np.float32)


def depth_of_root(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the second hitbox is out of the plane of the first: ``[n]``, for ``[n, 4, 3]`` places."""
    seen = ((places[:, 1, :2] - places[:, 0, :2]) ** 2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(BASE_TO_ROOT**2 - seen, 0.0)), np.float32)


def narrowed(radius: NDArray[np.float32], depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Radius of circles in the plane that meet what spheres at that depth meet of a body."""
    left = np.sqrt(np.maximum((radius + BODY_DEPTH) ** 2 - depth**2, 0.0))
    return np.asarray(np.maximum(left - BODY_DEPTH, 0.0), np.float32)
