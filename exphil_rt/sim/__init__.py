"""The embedded game: an approximate Melee, compiled by numba, for training and watching without Dolphin.

Importing this package is light; numba is loaded when the first lane is built. What it does and does not do stands in
docs/embedded-game.md.
"""

from __future__ import annotations

from collections.abc import Callable

from exphil_rt.sim.lane import PHYSICS, STAGES, EmbeddedLane, LaneMisuse, SetupRefused
from exphil_rt.sim.scores import Score, fidelity_of

__all__ = ("PHYSICS", "STAGES", "EmbeddedLane", "LaneMisuse", "Score", "SetupRefused", "fidelity_of", "warmup")


def warmup(progress: Callable[[str, int, int], None] | None = None) -> float:
    """Compile the embedded game (or read it from the cache); seconds that it took.

    Args:
        progress: called as ``(what, done, total)``.
    """
    from exphil_rt.sim import kernel

    return kernel.warmup(progress)
