"""Hybrid backbone: LSTM layers for what lasts, then one layer of sliding-window attention for what just happened."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from exphil_rt.policy.backbones.attention import ATTENTION_OPTIONS, AttentionStack
from exphil_rt.policy.backbones.base import Option, State
from exphil_rt.policy.backbones.lstm import LSTM


class Hybrid(nn.Module):
    """``layers - 1`` of LSTM (at least one) and an attention layer on top. State: the LSTM's, then the cache."""

    OPTIONS: ClassVar[dict[str, Option]] = ATTENTION_OPTIONS

    def __init__(
        self, features: int, hidden: int, layers: int, *, window: int = 60, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.lstm = LSTM(features, hidden, max(1, layers - 1), dropout=dropout)
        self.stack = AttentionStack(hidden, 1, window, heads, dropout)
        self.norm = nn.LayerNorm(hidden)

    def init_state(self, batch: int) -> State:
        """Zeros."""
        return (*self.lstm.init_state(batch), *self.stack.init_state(batch))

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        own = 2 * self.lstm.num_layers
        x, remembered = self.lstm(x, state[:own], reset)
        x, cached = self.stack(x, state[own:], reset)
        return self.norm(x), (*remembered, *cached)
