"""Sliding-window attention with a cache of the last keys and values.

Each layer is a pre-norm transformer block (Vaswani et al. 2017; Xiong et al. 2020) whose queries see the last
``window`` steps, themselves included. Places are told by rotary embeddings (Su et al. 2021) of a slot's index: keys
are cached unrotated and rotated by where they stand in the cache, so no place ever grows, and a game of any length
costs the same a step. The cache is empty where ``filled`` is 0: a fresh row is all zeros.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exphil_rt.policy.backbones.base import DROPOUT, Option, State

EMPTY = -1e9
"""Added to the score of a slot that a query may not see; finite, since exported graphs add it."""

ATTENTION_OPTIONS: dict[str, Option] = {
    "window": Option(60, 2, 1024, "Frames that a layer sees, the newest included."),
    "heads": Option(4, 1, 64, "Attention heads; they must divide the width into even parts."),
    "dropout": DROPOUT,
}


def rotations(places: int, width: int) -> Tensor:
    """Cosines and sines of the rotary embedding, ``[2, places, width]``."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = torch.outer(torch.arange(places, dtype=torch.float64), rates).repeat(1, 2)
    return torch.stack([angles.cos(), angles.sin()]).float()


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate ``[..., places, width]`` by ``rotations(places, width)``."""
    left, right = x.chunk(2, -1)
    return x * rotation[0] + torch.cat([-right, left], -1) * rotation[1]


class Window:
    """Which cached and new steps each new step may see, for one forward: the same for all layers.

    Args:
        filled: ``[B, W - 1]``, 1 where the cache holds a step of this row's game.
        steps: T.
        reset: ``[B, T]`` or None.
        rotation: of W places, used for a single step.
    """

    def __init__(self, filled: Tensor, steps: int, reset: Tensor | None, rotation: Tensor) -> None:
        cached = filled.shape[1]
        if reset is not None and steps == 1:
            filled, reset = filled * (reset == 0).to(filled.dtype), None
        there = torch.cat([filled, filled.new_ones(filled.shape[0], steps)], 1)  # [B, W - 1 + T]
        self.rotation = rotation
        if steps == 1:
            self.bias = ((there - 1.0) * -EMPTY)[:, None, None]  # [B, 1, 1, W]
            self.filled = there[:, 1:]
            return
        self.rotation = rotations(cached + steps, rotation.shape[-1]).to(rotation)
        place = torch.arange(cached + steps, device=filled.device)
        age = place[cached:, None] - place  # [T, W - 1 + T]
        seen = ((age >= 0) & (age <= cached)) & (there != 0)[:, None]  # [B, T, W - 1 + T]
        if reset is not None:
            game = F.pad((reset != 0).long().cumsum(1), (cached, 0))  # 0 before the first reset
            seen = seen & (game[:, cached:, None] == game[:, None])
            there = there * (game == game[:, -1:]).to(there.dtype)
        self.bias = torch.where(seen, 0.0, EMPTY).to(filled.dtype)[:, None]  # [B, 1, T, W - 1 + T]
        self.filled = there[:, steps:]


class AttentionLayer(nn.Module):
    """Attention and a feed-forward network of 4 times the width. State: cached keys and values ``[B, (W - 1) H]``."""

    def __init__(self, hidden: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        if hidden % heads or hidden // heads % 2:
            raise ValueError(f"{heads} heads do not divide the width {hidden} into even parts")
        self.heads = heads
        self.window = window
        self.dropout = dropout
        self.norm = nn.LayerNorm(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.feed_norm = nn.LayerNorm(hidden)
        self.feed = nn.Sequential(nn.Linear(hidden, 4 * hidden), nn.GELU(), nn.Linear(4 * hidden, hidden))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, window: Window) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, T, H]`` and the caches to the same behind the last step."""
        batch, steps, hidden = x.shape
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        k = torch.cat([keys.view(batch, -1, hidden), k], 1)  # [B, W - 1 + T, H]
        v = torch.cat([values.view(batch, -1, hidden), v], 1)
        kept = (k[:, steps:].reshape(batch, -1), v[:, steps:].reshape(batch, -1))
        places = k.shape[1]
        q = rotate(self._split(q), window.rotation[:, places - steps :])
        k = rotate(self._split(k), window.rotation)
        v = self._split(v)
        if steps == 1:
            scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + window.bias
            y = scores.softmax(-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=window.bias)
        y = self.out(y.transpose(1, 2).reshape(batch, steps, hidden))
        x = x + F.dropout(y, self.dropout, self.training)
        x = x + F.dropout(self.feed(self.feed_norm(x)), self.dropout, self.training)
        return x, *kept

    def _split(self, x: Tensor) -> Tensor:
        """``[B, n, H]`` to ``[B, heads, n, H / heads]``."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class AttentionStack(nn.Module):
    """Attention layers over one window. State: ``filled``, then keys and values of each layer."""

    rotation: Tensor

    def __init__(self, hidden: int, layers: int, window: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.window = window
        self.hidden = hidden
        self.layers = nn.ModuleList(AttentionLayer(hidden, heads, window, dropout) for _ in range(layers))
        self.register_buffer("rotation", rotations(window, hidden // heads), persistent=False)

    def init_state(self, batch: int) -> State:
        """Zeros: an empty cache."""
        cached = self.window - 1
        sizes = [cached] + [cached * self.hidden] * (2 * len(self.layers))
        return tuple(self.rotation.new_zeros(batch, size) for size in sizes)

    def look(self, state: State, steps: int, reset: Tensor | None) -> Window:
        """What each of the next ``steps`` may see."""
        return Window(state[0], steps, reset, self.rotation)

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, H]`` to the same."""
        window = self.look(state, x.shape[1], reset)
        after: list[Tensor] = [window.filled]
        for number, layer in enumerate(self.layers):
            x, keys, values = layer(x, state[1 + 2 * number], state[2 + 2 * number], window)
            after += (keys, values)
        return x, tuple(after)


class Attention(nn.Module):
    """``layers`` of sliding-window attention, and a last normalisation."""

    OPTIONS: ClassVar[dict[str, Option]] = ATTENTION_OPTIONS

    def __init__(
        self, features: int, hidden: int, layers: int, *, window: int = 60, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.project = nn.Linear(features, hidden) if features != hidden else nn.Identity()
        self.stack = AttentionStack(hidden, layers, window, heads, dropout)
        self.norm = nn.LayerNorm(hidden)

    def init_state(self, batch: int) -> State:
        """Zeros: an empty cache."""
        return self.stack.init_state(batch)

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        x, state = self.stack(self.project(x), state, reset)
        return self.norm(x), state
