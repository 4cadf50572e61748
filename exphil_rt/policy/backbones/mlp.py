"""MLP backbone: no memory. Its state is empty and resets mean nothing to it."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from exphil_rt.policy.backbones.base import State


class MLP(nn.Module):
    """``layers`` of Linear and ReLU, each ``hidden`` wide."""

    def __init__(self, features: int, hidden: int, layers: int) -> None:
        super().__init__()
        widths = [features, *([hidden] * layers)]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        for layer in self.layers:
            nn.init.orthogonal_(layer.weight, 2**0.5)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def init_state(self, batch: int) -> State:
        """The empty state."""
        return ()

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x, state
