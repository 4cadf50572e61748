"""MLP backbone: no memory. Its state is empty and resets mean nothing to it."""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exphil_rt.policy.backbones.base import DROPOUT, Option, State


class MLP(nn.Module):
    """``layers`` of Linear and ReLU, each ``hidden`` wide.

    Args:
        features: width of the input.
        hidden: width of every layer.
        layers: how many.
        residual: each layer adds to its input (to a projection of it where the widths differ).
        norm: each layer's input is normalised (Ba et al. 2016).
        dropout: of each layer's output.
    """

    OPTIONS: ClassVar[dict[str, Option]] = {
        "residual": Option(False, 0, 1, "Each layer adds to its input."),
        "norm": Option(False, 0, 1, "Each layer's input is normalised."),
        "dropout": DROPOUT,
    }

    def __init__(
        self,
        features: int,
        hidden: int,
        layers: int,
        *,
        residual: bool = False,
        norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = list(itertools.pairwise([features, *([hidden] * layers)]))
        self.residual = residual
        self.dropout = dropout
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in widths)
        self.norms = nn.ModuleList(nn.LayerNorm(a) for a, _ in widths) if norm else None
        self.project = nn.Linear(features, hidden, bias=False) if residual and features != hidden else None
        for layer in self.layers:
            nn.init.orthogonal_(layer.weight, 2**0.5)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def init_state(self, batch: int) -> State:
        """The empty state."""
        return ()

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        for number, layer in enumerate(self.layers):
            y = layer(x if self.norms is None else self.norms[number](x))
            y = F.dropout(torch.relu(y), self.dropout, self.training)
            if self.residual and not number and self.project is not None:
                x = self.project(x)
            x = x + y if self.residual else y
        return x, state
