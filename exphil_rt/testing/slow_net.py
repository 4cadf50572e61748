"""A backbone that takes its time, to see what becomes of a policy that is too slow; it costs no processor time."""

from __future__ import annotations

import time
from typing import ClassVar, Final

from torch import Tensor

from exphil_rt.policy.backbones.base import Option, State
from exphil_rt.policy.backbones.gru import GRU

SLOW: Final = "exphil_rt.testing.slow_net:SlowGRU"
"""Its name; it is played by torch alone, as a graph has no clock."""
PACKAGE: Final = "exphil_rt.testing"
"""What has to be trusted (``trust.packages``) for it."""


class SlowGRU(GRU):
    """A GRU that sleeps in every call, however many frames it is of."""

    OPTIONS: ClassVar[dict[str, Option]] = {
        **GRU.OPTIONS,
        "call_ms": Option(0.0, 0.0, 10_000.0, "milliseconds that a call takes"),
    }

    def __init__(self, features: int, hidden: int, layers: int, *, dropout: float = 0.0, call_ms: float = 0.0) -> None:
        super().__init__(features, hidden, layers, dropout=dropout)
        self.seconds = call_ms / 1e3

    def forward(self, x: Tensor, state: State, reset: Tensor | None = None) -> tuple[Tensor, State]:
        """As GRU, later."""
        time.sleep(self.seconds)
        return super().forward(x, state, reset)
