"""M4: the first hit on each fighter of a window, recorded and simulated, and what was wrong with it.

A hit is a rise of percent in the first frames of a window (so that what came before it is mostly the recording's).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.sim.fidelity.windows import STRIDE

NONE, MISSED, EARLY_OR_LATE, PERCENT, LAUNCH, MET, FALSE = range(7)
VERDICTS: Final = ("no hit", "missed", "wrong frame", "wrong percent", "wrong launch", "met", "false")
SAME_PERCENT: Final = 0.01
SAME_LAUNCH: Final = 0.02

CONTACT: Final = np.dtype(
    [
        ("verdict", np.int8),
        ("move", np.int16),  # the attacker's recorded state on the frame of the hit (simulated, of a false hit)
        ("struck", np.int16),  # the victim's recorded state on the frame before
        ("when", np.int8, (2,)),  # frame of the window: recorded, simulated; 0 for none
        ("percent", np.float32, (2,)),  # dealt
        ("launch", np.float32, (2,)),
    ]
)
"""The first hit on one fighter of a window."""


class Contacts:
    """Sees the frames of windows ``[W]`` go by and judges the hits on both fighters."""

    def __init__(self, count: int) -> None:
        self._seen = np.zeros((count, 2), CONTACT)
        self._before = np.zeros((count, 2), np.float32)
        self._was = np.zeros((count, 2), np.int32)

    def see(self, offset: int, mine: NDArray[Any], records: NDArray[Any], body: dict[str, NDArray[Any]],
            row: NDArray[Any], game: NDArray[Any]) -> None:  # fmt: skip
        """Take in frame ``offset`` of every window: own records ``mine`` and the recording's ``body``."""
        if offset > STRIDE + 1:
            return
        if offset == 1:
            self._before, self._was = records["players"]["percent"].copy(), records["players"]["state"].copy()
        seen, at = self._seen, row + offset
        body = {name: values[:, :, :2] for name, values in body.items()}
        lag, real_lag = mine["hitlag"], body["hitlag"][at, game]
        state, real_state = mine["state"].copy(), body["state"][at, game]
        for source, before, percent, kx, ky, changed, stopped in (
            (1, self._before, mine["percent"].copy(), mine["kx"], mine["ky"], state != self._was, lag),
            (0, body["percent"][at - 1, game], body["percent"][at, game], body["knockback_x"][at, game],
             body["knockback_y"][at, game], real_state != body["state"][at - 1, game], real_lag),
        ):  # fmt: skip
            # a rise without hitlag or a new state is no blow: the damage of being out of sight, Fox's laser
            blow = (stopped > 0) | (stopped[:, ::-1] > 0) | changed
            new = (seen["when"][:, :, source] == 0) & (percent > before + SAME_PERCENT) & blow
            if source == 1:
                self._before, self._was = percent, state
            if not new.any():
                continue
            seen["when"][new, source] = offset
            seen["percent"][new, source] = (percent - before)[new]
            seen["launch"][new, source] = np.hypot(kx, ky)[new]
            if source == 0:
                first = new
                seen["move"][first] = body["state"][at, game][:, ::-1][first]
            else:
                first = new & (seen["when"][:, :, 0] == 0)
                seen["move"][first] = mine["state"][:, ::-1][first]
            seen["struck"][first] = body["state"][at - 1, game][first]

    def judged(self) -> NDArray[Any]:
        """CONTACT ``[W, 2]`` by victim."""
        seen = self._seen
        real, mine = seen["when"][:, :, 0], seen["when"][:, :, 1]
        recorded = (real > 0) & (real <= STRIDE)
        launch = seen["launch"]
        checks = (
            (mine == 0, MISSED),
            (np.abs(real - mine) > 1, EARLY_OR_LATE),
            (np.abs(seen["percent"][:, :, 0] - seen["percent"][:, :, 1]) > SAME_PERCENT, PERCENT),
            (np.abs(launch[:, :, 0] - launch[:, :, 1]) > SAME_LAUNCH * np.maximum(launch[:, :, 0], 0.05), LAUNCH),
        )
        verdict = np.full(real.shape, MET, np.int8)
        for wrong, name in reversed(checks):
            verdict[wrong] = name
        verdict[~recorded] = NONE
        verdict[(real == 0) & (mine > 0) & (mine <= STRIDE)] = FALSE
        seen["verdict"] = verdict
        return seen
