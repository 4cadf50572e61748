"""Where Randall is, the cloud of Yoshi's Story: a function of the frame index alone."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from exphil_rt.game.frames import F32, I32

RANDALL_PERIOD: Final = 1200
RANDALL_WIDTH: Final = 11.9

# (first frame, height, left edge) of Randall on the four rounded corners, frame index modulo 1200.
_CORNERS: Final[dict[int, tuple[tuple[float, float], ...]]] = {
    416: (
        (-33.18448, 89.75264), (-33.04470, 90.07878), (-32.90493, 90.40492), (-32.76515, 90.73107),
        (-32.49261, 90.92455), (-32.16636, 91.06438), (-31.84010, 91.20419), (-31.51385, 91.34402),
    ),
    469: (
        (-15.19489, 91.33714), (-14.86874, 91.19736), (-14.54260, 91.05759), (-14.21646, 90.91782),
        (-13.96714, 90.71037), (-13.86966, 90.36918), (-13.77218, 90.02799), (-13.67470, 89.68681),
    ),
    1016: (
        (-13.67976, -101.91968), (-13.81954, -102.24582), (-13.95931, -102.57196), (-14.09909, -102.89810),
        (-14.32014, -103.14761), (-14.63752, -103.30630), (-14.95489, -103.46500),
    ),
    1069: (
        (-31.59004, -103.55493), (-31.90741, -103.39626), (-32.22478, -103.23756), (-32.54216, -103.07887),
        (-32.72168, -102.77440), (-32.89775, -102.46626), (-33.07383, -102.15814),
    ),
}  # fmt: skip


@cache
def _randall_table() -> F32:
    """``[1200, 2]`` left edge and height by frame index modulo 1200.

    Measured positions, within .001: https://github.com/altf4/libmelee/blob/main/melee/stages.py, but for frames
    0 to 415, where that function skips one step of .355 (its frame 415 lies behind its frame 416).
    """
    table = np.zeros((RANDALL_PERIOD, 2), np.float32)
    top, left, right = np.arange(477, 1016), np.arange(1023, 1069), np.arange(424, 469)
    bottom = np.r_[np.arange(1076, RANDALL_PERIOD), np.arange(416)]
    table[top, 0], table[top, 1] = 101.235443 - 11.9 - 0.35484 * (top - 477), -13.64989
    table[left, 0], table[left, 1] = -103.6, -15.277869 - 0.354839325 * (left - 1023)
    table[bottom, 0], table[bottom, 1] = -101.850006 + 0.35484 * ((bottom - 1076) % RANDALL_PERIOD), -33.2489
    table[right, 0], table[right, 1] = 91.35, -31.160233 + 0.354839325 * (right - 424)
    for first, places in _CORNERS.items():
        for at, (height, edge) in enumerate(places, start=first):
            table[at] = edge, height
    table.flags.writeable = False
    return table


def randall(frame: I32) -> F32:
    """Randall's left edge and height ``[T, 2]`` at frame indices ``[T]``."""
    return _randall_table()[frame % RANDALL_PERIOD]
