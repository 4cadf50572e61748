"""The one protocol of all backbones: the same forward in training (T = sequence length) and in play (T = 1).

Beside it what several of them share: options, resets inside a sequence, how recurrent weights start.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
"""Recurrent state: float tensors ``[B, n]``. Zeros are a fresh row, so a row is reset by writing zeros into it."""


class Option(NamedTuple):
    """A number of a backbone that a config may set; its type is the default's."""

    default: bool | int | float
    low: float
    high: float
    text: str
    """What it means, for people."""


DROPOUT = Option(0.0, 0.0, 0.9, "Share of each layer's output that is left out while learning.")


class Backbone(Protocol):
    """A sequence model from ``[B, T, F]`` to ``[B, T, H]``.

    A class of this kind is built as ``Class(features, hidden, layers, **options)``, with the options that it declares.
    """

    OPTIONS: ClassVar[dict[str, Option]]

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


def cleared(state: State, reset: Tensor | None, t: int) -> State:
    """The state before step t: zero in the rows that are reset there."""
    if reset is None:
        return state
    keep = (reset[:, t] == 0).to(state[0].dtype)[:, None]
    return tuple(part * keep for part in state)


def stretches(reset: Tensor | None, steps: int) -> list[tuple[int, int]]:
    """Begin and end of the stretches of ``0..steps`` inside which no row is reset; resets stand at their begins."""
    cuts = [0]
    if reset is not None:
        cuts += [t for t in (reset != 0).any(0).nonzero().flatten().tolist() if t > 0]
    return list(zip(cuts, [*cuts[1:], steps], strict=True))


def init_gates(cells: nn.RNNBase, gates: int) -> None:
    """Start a recurrent network with orthogonal recurrent weights, gate by gate, and no bias (Saxe et al. 2014).

    Args:
        cells: ``torch.nn.GRU`` or ``LSTM``.
        gates: its gates, as its weights stack them: 3 or 4.
    """
    for name, parameter in list(cells.named_parameters()):
        if "weight_hh" in name:
            for gate in torch.chunk(parameter.detach(), gates):
                nn.init.orthogonal_(gate)
        elif "bias" in name:
            nn.init.zeros_(parameter)
