"""Mamba backbone (Gu and Dao 2023): selective state spaces, in torch alone.

The mixer's parameters bear the names of the reference implementation, so weights of one fit the other. The scan over
time is in ``scan``.
"""

from __future__ import annotations

import math
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from exphil_rt.policy.backbones.base import DROPOUT, Option, State
from exphil_rt.policy.backbones.scan import scan

MAMBA_OPTIONS: dict[str, Option] = {
    "state_size": Option(16, 1, 256, "Numbers remembered for each channel."),
    "expand": Option(2, 1, 8, "Channels of the mixer, in widths."),
    "conv": Option(4, 2, 16, "Frames that the convolution before the scan sees."),
    "checkpointing": Option(False, 0, 1, "Compute each layer twice while learning, to hold a third of the memory."),
    "dropout": DROPOUT,
}


class Mixer(nn.Module):
    """The selective state space block.

    State: the convolution's last inputs ``[B, (K - 1) E]`` and the scan's memory ``[B, E N]``, for E channels.
    """

    def __init__(self, hidden: int, state_size: int, expand: int, conv: int) -> None:
        super().__init__()
        channels = expand * hidden
        self.channels, self.state_size, self.conv = channels, state_size, conv
        self.rank = math.ceil(hidden / 16)
        self.in_proj = nn.Linear(hidden, 2 * channels, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, conv, groups=channels, padding=conv - 1)
        self.x_proj = nn.Linear(channels, self.rank + 2 * state_size, bias=False)
        self.dt_proj = nn.Linear(self.rank, channels)
        self.A_log = nn.Parameter(torch.arange(1, state_size + 1).float().log().repeat(channels, 1))
        self.D = nn.Parameter(torch.ones(channels))
        self.out_proj = nn.Linear(channels, hidden, bias=False)
        # Step sizes begin between 0.001 and 0.1, evenly in their logarithm (Gu and Dao 2023, section 3.6).
        nn.init.uniform_(self.dt_proj.weight, -(self.rank**-0.5), self.rank**-0.5)
        step = torch.exp(torch.rand(channels) * math.log(100.0) + math.log(1e-3)).clamp(min=1e-4)
        with torch.no_grad():
            self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))  # softplus gives it back

    def init_state(self, batch: int) -> State:
        """Zeros."""
        new = self.D.new_zeros
        return new(batch, (self.conv - 1) * self.channels), new(batch, self.channels * self.state_size)

    def forward(self, x: Tensor, past: Tensor, memory: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, T, H]`` and the state to the same behind the last step."""
        batch, steps, _ = x.shape
        keep = None if reset is None else (reset == 0).to(x.dtype)
        u, gate = self.in_proj(x).chunk(2, -1)  # [B, T, E]
        u = torch.cat([past.view(batch, -1, self.channels), u], 1)  # [B, K - 1 + T, E]
        past = self._last(u, keep)
        u = F.silu(self._convolve(u, keep, steps))
        rates, into, out = self.x_proj(u).split([self.rank, self.state_size, self.state_size], -1)
        dt = F.softplus(self.dt_proj(rates))  # [B, T, E]
        y, memory = scan(u, dt, -self.A_log.exp(), into, out, memory.view(batch, self.channels, -1), keep)
        y = (y + u * self.D) * F.silu(gate)
        return self.out_proj(y), past, memory.reshape(batch, -1)

    def _convolve(self, u: Tensor, keep: Tensor | None, steps: int) -> Tensor:
        """Causal convolution ``[B, T, E]`` over the last K inputs of the same game."""
        weight = self.conv1d.weight[:, 0].t()  # [K, E], the newest last
        newest = self.conv - 1
        assert self.conv1d.bias is not None
        y = self.conv1d.bias + u[:, newest:] * weight[newest]
        same: Tensor | None = None  # [B, T, 1]: no reset between the input and the step
        for age in range(1, self.conv):
            part = u[:, newest - age : newest - age + steps]
            if keep is not None:
                # A reset at t - age + 1 parts the input from all that follows it.
                between = F.pad(keep, (age - 1, 0), value=1.0)[:, :steps, None]
                same = between if same is None else same * between
                part = part * same
            y = torch.addcmul(y, part, weight[newest - age])
        return y

    def _last(self, u: Tensor, keep: Tensor | None) -> Tensor:
        """The last K - 1 inputs, zero before the last reset, ``[B, (K - 1) E]``."""
        last = u[:, u.shape[1] - self.conv + 1 :]
        if keep is not None:
            # Of the input of age a (0 the newest): no reset in the last a steps.
            resets = F.pad(1.0 - keep, (self.conv, 0))[:, -(self.conv - 1) :]  # of the same steps
            after = resets.flip(1).cumsum(1) - resets.flip(1)  # resets later than each
            last = last * (after.flip(1) == 0).to(u.dtype)[..., None]
        return last.reshape(u.shape[0], -1)


class MambaLayer(nn.Module):
    """A mixer around which the input is carried (pre-norm)."""

    def __init__(
        self, hidden: int, state_size: int, expand: int, conv: int, checkpointing: bool, dropout: float
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.mixer = Mixer(hidden, state_size, expand, conv)
        self.checkpointing = checkpointing
        self.dropout = dropout

    def forward(self, x: Tensor, past: Tensor, memory: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, T, H]`` and the mixer's state to the same behind the last step."""
        if self.checkpointing and self.training and torch.is_grad_enabled() and x.shape[1] > 1:
            y, past, memory = checkpoint(self.mixer, self.norm(x), past, memory, reset, use_reentrant=False)
        else:
            y, past, memory = self.mixer(self.norm(x), past, memory, reset)
        return x + F.dropout(y, self.dropout, self.training), past, memory


class Mamba(nn.Module):
    """``layers`` of Mamba, and a last normalisation. State: each mixer's."""

    OPTIONS: ClassVar[dict[str, Option]] = MAMBA_OPTIONS

    def __init__(
        self,
        features: int,
        hidden: int,
        layers: int,
        *,
        state_size: int = 16,
        expand: int = 2,
        conv: int = 4,
        checkpointing: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.project = nn.Linear(features, hidden) if features != hidden else nn.Identity()
        self.layers = nn.ModuleList(
            MambaLayer(hidden, state_size, expand, conv, checkpointing, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden)

    def init_state(self, batch: int) -> State:
        """Zeros."""
        return tuple(part for layer in self.layers for part in cast("MambaLayer", layer).mixer.init_state(batch))

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        x = self.project(x)
        after: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x, past, memory = layer(x, state[2 * number], state[2 * number + 1], reset)
            after += (past, memory)
        return self.norm(x), tuple(after)
