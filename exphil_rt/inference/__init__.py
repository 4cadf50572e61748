"""Engines that run policies frame by frame. ``Engine`` is the torch one; importing this package loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exphil_rt.inference.torch_engine import RANDOM, Decision, Engine, EngineError

__all__ = ("RANDOM", "Decision", "Engine", "EngineError")


def __getattr__(name: str) -> object:
    """Load the engine lazily (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'exphil_rt.inference' has no attribute {name!r}")
    from exphil_rt.inference import torch_engine

    return getattr(torch_engine, name)
