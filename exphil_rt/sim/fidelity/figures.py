"""The metric: M1 to M5 of windows and frames, for any group of them.

M1: frames until a fighter is more than a unit off (median, and the share of windows that last all 60); M2: the same
action state at +10, +30 and +60 frames; M3: distance there, median; M4: of the recorded hits, how many came within
one frame with the same percent and a launch speed within 2 %; M5: of all frames, how many were foretold exactly (place,
velocities, state and percent) from the frame before.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.sim.fidelity.hits import FALSE, MET, NONE
from exphil_rt.sim.fidelity.rollout import MARKS
from exphil_rt.sim.fidelity.windows import WINDOW


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """M1 to M5 of one group; a share of nothing is None."""

    windows: int = 0
    median_frames: float | None = None
    survive: float | None = None
    """M1: share of windows within a unit for all 60 frames."""
    same_state: tuple[float, ...] = ()
    """M2 at +10, +30, +60."""
    error: tuple[float, ...] = ()
    """M3 at +10, +30, +60, world units."""
    hits: int = 0
    hits_met: float | None = None
    """M4."""
    false_hits: int = 0
    """Windows with a hit in their first 11 frames that was not recorded."""
    frames: int = 0
    exact: float | None = None
    """M5."""


def of(windows: NDArray[Any], frames: NDArray[Any]) -> Figures:
    """Figures of samples (rows of ``Measured.windows`` and of ``Measured.frames``)."""
    verdict = windows["contact"]["verdict"]
    hits = int(((verdict > NONE) & (verdict < FALSE)).sum())
    return Figures(
        windows=len(windows),
        median_frames=float(np.median(windows["alive"])) if len(windows) else None,
        survive=_share(windows["alive"] >= WINDOW),
        same_state=tuple(float(value) for value in windows["equal"].mean(axis=0)) if len(windows) else (),
        error=tuple(float(np.median(windows["error"][:, n])) for n in range(len(MARKS))) if len(windows) else (),
        hits=hits,
        hits_met=float((verdict == MET).sum() / hits) if hits else None,
        false_hits=int((verdict == FALSE).sum()),
        frames=len(frames),
        exact=_share(frames["exact"]),
    )


def _share(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None
