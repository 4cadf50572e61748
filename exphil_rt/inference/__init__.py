"""Running policies frame by frame, by torch or ONNX Runtime, and their export. Importing this loads neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exphil_rt.inference.engine import RANDOM, Decision, Engine, EngineError

__all__ = ("RANDOM", "Decision", "Engine", "EngineError")


def __getattr__(name: str) -> object:
    """Load the engine lazily (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'exphil_rt.inference' has no attribute {name!r}")
    from exphil_rt.inference import engine

    return getattr(engine, name)
