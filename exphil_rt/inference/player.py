"""What an engine runs: one policy with the recurrent state of every row. Torch and ONNX Runtime each have one."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import F32, U8
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.inputs import Inputs

EngineKind = Literal["torch", "onnx", "onnx-int8"]
"""``onnx-int8``: ONNX Runtime with 8-bit weights, for single games of large networks."""


class Player(Protocol):
    """A policy that decides for rows."""

    config: PolicyConfig
    temperature: float

    def decide(self, rows: NDArray[np.intp], inputs: Inputs, noise: NDArray[np.float32]) -> tuple[U8, F32, F32]:
        """Decide for distinct ``rows [R]``, and move their states on.

        Args:
            inputs: ``[R]``.
            noise: ``[R, L]``, uniform in (0, 1).

        Returns:
            Actions ``[R, K]``, their log-probabilities ``[R]`` and the values ``[R]``.
        """

    def decide_run(self, row: int, inputs: Inputs, noise: NDArray[np.float32]) -> tuple[U8, F32, F32]:
        """Decide on T consecutive frames of one row in one call.

        Args:
            inputs: ``[T]``, each as it was known before the call.
            noise: ``[T, L]``, uniform in (0, 1).

        Returns:
            Actions ``[T, K]``, their log-probabilities ``[T]`` and the values ``[T]``.
        """

    def reset(self, rows: NDArray[np.intp]) -> None:
        """A new game begins on ``rows``."""

    def state(self, rows: NDArray[np.intp]) -> tuple[F32, ...]:
        """A copy of the states of ``rows``, ``[R, n]`` each."""

    def set_state(self, rows: NDArray[np.intp], state: tuple[F32, ...]) -> None:
        """Put states back, as :meth:`state` gave them."""

    def take_over(self, old: Player) -> None:
        """Go on with the states of the player whose place this one takes, where they fit."""
