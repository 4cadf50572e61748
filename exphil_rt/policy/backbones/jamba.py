"""Jamba backbone (Lieber et al. 2024): layers of Mamba, and a layer of sliding-window attention every so many."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from exphil_rt.policy.backbones.attention import ATTENTION_OPTIONS, AttentionLayer, Window, rotations
from exphil_rt.policy.backbones.base import Option, State
from exphil_rt.policy.backbones.mamba import MAMBA_OPTIONS, MambaLayer


class Jamba(nn.Module):
    """``layers`` in all, every ``attention_every``-th of them attention (the last of each group).

    State: the cache's ``filled``, then of each layer its two parts (a mixer's, or keys and values).
    """

    OPTIONS: ClassVar[dict[str, Option]] = {
        "attention_every": Option(3, 2, 16, "Every so many-th layer is attention, the others Mamba."),
        **ATTENTION_OPTIONS,
        **MAMBA_OPTIONS,
    }

    rotation: Tensor

    def __init__(
        self,
        features: int,
        hidden: int,
        layers: int,
        *,
        attention_every: int = 3,
        window: int = 60,
        heads: int = 4,
        state_size: int = 16,
        expand: int = 2,
        conv: int = 4,
        checkpointing: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if layers < attention_every:
            raise ValueError(f"{layers} layers hold no attention where it is every {attention_every}th")
        self.hidden, self.window = hidden, window
        self.project = nn.Linear(features, hidden) if features != hidden else nn.Identity()
        self.layers = nn.ModuleList(
            AttentionLayer(hidden, heads, window, dropout)
            if number % attention_every == 0
            else MambaLayer(hidden, state_size, expand, conv, checkpointing, dropout)
            for number in range(1, layers + 1)
        )
        self.norm = nn.LayerNorm(hidden)
        self.register_buffer("rotation", rotations(window, hidden // heads), persistent=False)

    def init_state(self, batch: int) -> State:
        """Zeros."""
        cached = self.window - 1
        parts = [self.rotation.new_zeros(batch, cached)]
        for layer in self.layers:
            if isinstance(layer, MambaLayer):
                parts += layer.mixer.init_state(batch)
            else:
                parts += [self.rotation.new_zeros(batch, cached * self.hidden) for _ in range(2)]
        return tuple(parts)

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        x = self.project(x)
        window = Window(state[0], x.shape[1], reset, self.rotation)
        after: list[Tensor] = [window.filled]
        for number, layer in enumerate(self.layers):
            one, two = state[1 + 2 * number], state[2 + 2 * number]
            if isinstance(layer, MambaLayer):
                x, one, two = layer(x, one, two, reset)
            else:
                x, one, two = layer(x, one, two, window)
            after += (one, two)
        return self.norm(x), tuple(after)
