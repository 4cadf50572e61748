"""LSTM backbone (Hochreiter and Schmidhuber 1997, in the form of ``torch.nn.LSTM``), with resets inside a sequence.

As the GRU: stretches between resets go through ``torch.lstm``, single steps through ``torch.lstm_cell``.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from exphil_rt.policy.backbones.base import DROPOUT, Option, State, cleared, init_gates, stretches


class LSTM(nn.Module):
    """``layers`` of LSTM. State: output and cell ``[B, H]`` of each layer: ``h0, c0, h1, c1, ...``."""

    OPTIONS: ClassVar[dict[str, Option]] = {"dropout": DROPOUT}

    def __init__(self, features: int, hidden: int, layers: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden = hidden
        self.num_layers = layers
        self.dropout = dropout
        self.lstm = nn.LSTM(features, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        init_gates(self.lstm, 4)
        for name, bias in self.lstm.named_parameters():
            if "bias_ih" in name:  # remember at first (Jozefowicz et al. 2015)
                nn.init.ones_(bias.detach()[hidden : 2 * hidden])

    def init_state(self, batch: int) -> State:
        """Zeros."""
        like = cast("Tensor", self.lstm.weight_hh_l0)
        return tuple(like.new_zeros(batch, self.hidden) for _ in range(2 * self.num_layers))

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """``[B, T, F]`` to ``[B, T, H]``."""
        steps = x.shape[1]
        if steps == 1:
            y, state = self._step(x[:, 0], cleared(state, reset, 0))
            return y[:, None], state
        outputs = []
        for start, end in stretches(reset, steps):
            before = cleared(state, reset, start)
            y, (h, c) = self.lstm(x[:, start:end], (torch.stack(before[::2]), torch.stack(before[1::2])))
            state = tuple(part for pair in zip(h.unbind(0), c.unbind(0), strict=True) for part in pair)
            outputs.append(y)
        return (outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)), state

    def _step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        after: list[Tensor] = []
        for h, c, weights in zip(state[::2], state[1::2], self.lstm.all_weights, strict=True):
            if after and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x, c = torch.lstm_cell(x, (h, c), *weights)
            after += (x, c)
        return x, tuple(after)
