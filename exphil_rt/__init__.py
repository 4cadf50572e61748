"""exphil_rt: an actor runtime that trains and runs Super Smash Bros. Melee agents.

What lives here is the library; the actors of the program are in ``agents``, their trees in ``supervisors``,
the terminal client in ``tui``. Importing this package loads neither torch nor numba nor textual nor melee:
the public names below load their module when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exphil_rt.control.sync import connect
    from exphil_rt.errors import ExphilError
    from exphil_rt.game.lane import Lane
    from exphil_rt.policy.bundle import load_policy
    from exphil_rt.rollout.player import load_player
    from exphil_rt.sim.lane import EmbeddedLane
    from exphil_rt.store.run import Run
    from exphil_rt.training.learner import Learner

__version__ = "0.1.0"

__all__ = ("EmbeddedLane", "ExphilError", "Lane", "Learner", "Run", "connect", "load_player", "load_policy")

_PUBLIC = {
    "EmbeddedLane": "exphil_rt.sim.lane",
    "ExphilError": "exphil_rt.errors",
    "Lane": "exphil_rt.game.lane",
    "Learner": "exphil_rt.training.learner",
    "Run": "exphil_rt.store.run",
    "connect": "exphil_rt.control.sync",
    "load_player": "exphil_rt.rollout.player",
    "load_policy": "exphil_rt.policy.bundle",
}


def __getattr__(name: str) -> object:
    """Load a public name lazily (PEP 562)."""
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'exphil_rt' has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)
