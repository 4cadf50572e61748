"""What moves on a stage, frame by frame: Randall, Fountain of Dreams' platforms, Pokemon Stadium's transformation.

Randall's way is a function of the frame index alone (``game.randall``); the other two are recorded from Slippi 3.18 on.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import F32, U8

FOD_START: Final = (20.0, 28.0)
"""Heights of the left and right platform of Fountain of Dreams at the start (libmelee, ``FoDPlatforms``)."""
STADIUM_NORMAL: Final = 5
"""Slippi's id of the untransformed Pokemon Stadium; 3 fire, 4 grass, 6 rock, 9 water."""


def _held(rows: NDArray[Any], values: NDArray[Any], keep: Any, num_rows: int, start: float) -> NDArray[Any]:
    """Values of events at file rows ``rows``, held until the next event, at the rows ``keep`` (later rows win)."""
    line = np.full(num_rows, np.nan)
    line[rows] = values
    last = np.maximum.accumulate(np.where(np.isnan(line), -1, np.arange(num_rows)))
    held: NDArray[Any] = np.where(last >= 0, line[np.maximum(last, 0)], start)[keep]
    return held


def fod_platforms(rows: NDArray[Any], platform: NDArray[Any], height: NDArray[Any], keep: Any, num_rows: int) -> F32:
    """Heights ``[T, 2]`` of the left and the right platform from Slippi's events (platform 0 is the right one)."""
    sides = [
        _held(rows[platform == which], height[platform == which], keep, num_rows, start)
        for which, start in ((1, FOD_START[0]), (0, FOD_START[1]))
    ]
    return np.stack(sides, axis=1).astype(np.float32)


def stadium_transformation(rows: NDArray[Any], kind: NDArray[Any], keep: Any, num_rows: int) -> U8:
    """Transformation ``[T]`` (3 fire, 4 grass, 6 rock, 9 water), 0 for the normal stage."""
    held = _held(rows, kind, keep, num_rows, STADIUM_NORMAL)
    return np.where(held == STADIUM_NORMAL, 0, held).astype(np.uint8)
