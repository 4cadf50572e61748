"""exphil_rt: an actor runtime that trains and runs Super Smash Bros. Melee agents.

What lives here is the library; the actors of the program are in ``agents``, their trees in ``supervisors``,
the terminal client in ``tui``. Importing this package loads neither torch nor numba nor textual nor melee:
the public names below load their module when they are first used.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "load_policy": "exphil_rt.policy.bundle",
    "Lane": "exphil_rt.game.lane",
    "Learner": "exphil_rt.training.learner",
    "Run": "exphil_rt.store.run",
    "connect": "exphil_rt.control.sync",
    "ExphilError": "exphil_rt.errors",
}

__all__ = ("ExphilError", "Lane", "Learner", "Run", "connect", "load_policy")


def __getattr__(name: str) -> object:
    """Load a public name lazily (PEP 562)."""
    module = _PUBLIC.get(name)
    if module is None:
        raise AttributeError(f"module 'exphil_rt' has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)
