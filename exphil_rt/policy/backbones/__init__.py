"""Backbones under one protocol (``base``), by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from exphil_rt.policy.backbones.base import Backbone, State
from exphil_rt.policy.backbones.gru import GRU
from exphil_rt.policy.backbones.mlp import MLP

BACKBONES: dict[str, Callable[[int, int, int], nn.Module]] = {"mlp": MLP, "gru": GRU}
"""Builders ``(features, hidden, layers)`` by the name that a config gives; a built one is a :class:`Backbone`."""

__all__ = ("BACKBONES", "GRU", "MLP", "Backbone", "State")
