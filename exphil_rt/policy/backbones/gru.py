"""GRU backbone (Cho et al. 2014, in cuDNN's form as ``torch.nn.GRU``), with resets inside a sequence.

Sequences go through ``gru_layer`` on a CPU and, stretch by stretch between resets, through ``torch.gru`` elsewhere;
single steps through ``torch.gru_cell``: the same function to float tolerance, each the quicker one for its place.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exphil_rt.policy.backbones.base import DROPOUT, Option, State, cleared, init_gates, stretches
from exphil_rt.policy.backbones.gru_layer import gru_layer


class GRU(nn.Module):
    """``layers`` of GRU. State: one tensor ``[B, H]`` a layer."""

    OPTIONS: ClassVar[dict[str, Option]] = {"dropout": DROPOUT}

    def __init__(self, features: int, hidden: int, layers: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden = hidden
        self.num_layers = layers
        self.dropout = dropout
        self.gru = nn.GRU(features, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        init_gates(self.gru, 3)

    def init_state(self, batch: int) -> State:
        """Zeros."""
        like = cast("Tensor", self.gru.weight_hh_l0)
        return tuple(like.new_zeros(batch, self.hidden) for _ in range(self.num_layers))

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        steps = x.shape[1]
        if steps == 1:
            y, state = self._step(x[:, 0], cleared(state, reset, 0))
            return y[:, None], state
        if x.device.type == "cpu":
            return self._run(x, state, reset)
        outputs = []
        for start, end in stretches(reset, steps):
            y, last = self.gru(x[:, start:end], torch.stack(cleared(state, reset, start)))
            state = last.unbind(0)
            outputs.append(y)
        return (outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)), tuple(state)

    def _run(self, x: Tensor, state: State, reset: Tensor | None) -> tuple[Tensor, State]:
        keep = None if reset is None else (reset == 0).to(x.dtype).t()
        x = x.transpose(0, 1)  # [T, B, F]
        after: list[Tensor] = []
        for memory, (w_ih, w_hh, b_ih, b_hh) in zip(state, self.gru.all_weights, strict=True):
            if after and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x, last = gru_layer(x, memory, w_ih, w_hh, b_ih, b_hh, keep)
            after.append(last)
        return x.transpose(0, 1), tuple(after)

    def _step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        weights = self.gru.all_weights  # per layer: w_ih, w_hh, b_ih, b_hh
        after: list[Tensor] = []
        for hidden, (w_ih, w_hh, b_ih, b_hh) in zip(state, weights, strict=True):
            if after and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x = torch.gru_cell(x, hidden, w_ih, w_hh, b_ih, b_hh)
            after.append(x)
        return x, tuple(after)
