"""The one protocol of all backbones: the same forward in training (T = sequence length) and in play (T = 1)."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

State = tuple[Tensor, ...]
"""Recurrent state: float tensors, batch first. A row is reset by writing zeros into it."""


class Backbone(Protocol):
    """A sequence model from ``[B, T, F]`` to ``[B, T, H]``."""

    def init_state(self, batch: int) -> State:
        """State of ``batch`` fresh rows: zeros, on the module's device."""

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """Run over a sequence.

        Args:
            x: ``[B, T, F]``.
            state: as of ``init_state`` or an earlier forward.
            reset: ``[B, T]``, non-zero where the state is zeroed before the step; None for nowhere.

        Returns:
            ``y [B, T, H]`` and the state behind the last step.
        """

    def __call__(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """As ``forward``."""
