"""How near the embedded game is to the real one: recorded games followed, and the figures of it.

Frames in, figures out: this package reads no replays (the command does). numba is loaded when it measures.
"""

from exphil_rt.sim.fidelity.figures import Figures
from exphil_rt.sim.fidelity.measuring import (
    Cause,
    HitLine,
    Line,
    Measured,
    by_cause,
    by_hit,
    by_move,
    measure,
    refusal,
    table,
)

__all__ = (
    "Cause",
    "Figures",
    "HitLine",
    "Line",
    "Measured",
    "by_cause",
    "by_hit",
    "by_move",
    "measure",
    "refusal",
    "table",
)
