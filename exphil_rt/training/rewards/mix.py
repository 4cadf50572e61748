"""RewardMix: named terms times weights. A term that raises or gives NaN is reported by name and skipped.

Weights start from a named mix (``standard``, ``shaped``, ``sparse``); a term is a built-in one or a function of the
user's as ``module:name``. User code runs in the learner's process, never in the daemon.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import F32, U8, Frames
from exphil_rt.training.rewards import shaped, standard

Term = Callable[[Frames, U8], F32]
"""(frames ``[T + 1, N]``, ended ``[T + 1, N]``) -> rewards ``[T, N, 2]``."""

TERMS: Final[dict[str, Term]] = {
    "stock": standard.stock,
    "damage": standard.damage,
    "win": standard.win,
    "approach": shaped.approach,
    "recovery": shaped.recovery,
}
PRESETS: Final[dict[str, dict[str, float]]] = {
    "standard": {"stock": 1.0, "damage": 0.01, "win": 1.0},
    "shaped": {"stock": 1.0, "damage": 0.01, "win": 1.0, "approach": 0.004, "recovery": 0.005},
    "sparse": {"win": 1.0},
}


class RewardInvalid(ExphilError):
    """A reward term that cannot be found or used."""

    exit_code = 2


class RewardMix:
    """Sum of weighted terms.

    Args:
        preset: a named mix.
        overrides: weights laid over it, by built-in term or ``module:name``; 0 switches a term off.

    Raises:
        RewardInvalid: for a name that is not known or cannot be imported.
    """

    def __init__(self, preset: str = "shaped", overrides: Mapping[str, float] | None = None) -> None:
        if preset not in PRESETS:
            raise RewardInvalid(f"No mix of rewards is called {preset!r}.", hint=f"Known: {', '.join(PRESETS)}.")
        weights = PRESETS[preset] | dict(overrides or {})
        self.weights: dict[str, float] = {name: weight for name, weight in weights.items() if weight != 0}
        self.terms: dict[str, Term] = {name: _find(name) for name in self.weights}

    def __call__(self, frames: Frames, ended: U8, valid: NDArray[np.bool_]) -> tuple[F32, dict[str, F32], list[str]]:
        """Rewards of the steps.

        Args:
            frames: ``[T + 1, N]``.
            ended: ``[T + 1, N]``, see ``exphil_rt.rollout.experience.Steps``.
            valid: ``[T, N]``, steps inside one game; the others get 0.

        Returns:
            Total ``[T, N, 2]``, the weighted terms by name, and one sentence for each term that was skipped.
        """
        steps, games = valid.shape
        total = np.zeros((steps, games, 2), np.float32)
        parts: dict[str, F32] = {}
        faults: list[str] = []
        for name, term in self.terms.items():
            try:
                value = np.asarray(term(frames, ended), np.float32)
            except Exception as error:
                faults.append(
                    f"Reward term {name!r} raised {type(error).__name__}: {str(error)[:200]}; it was skipped."
                )
                continue
            if value.shape != total.shape:
                faults.append(f"Reward term {name!r} gave shape {value.shape}, not {total.shape}; it was skipped.")
                continue
            value = np.where(valid[..., None], value * np.float32(self.weights[name]), np.float32(0))
            if not np.isfinite(value).all():
                faults.append(f"Reward term {name!r} gave NaN or infinity; it was skipped.")
                continue
            parts[name] = value
            total += value
        return total, parts, faults


def _find(name: str) -> Term:
    if name in TERMS:
        return TERMS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        close = difflib.get_close_matches(name, TERMS, n=1)
        raise RewardInvalid(
            f"No reward term is called {name!r}.",
            hint=f"Did you mean {close[0]}?" if close else f"Known: {', '.join(TERMS)}, or module:name.",
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RewardInvalid(
            f"The reward term {name!r} cannot be imported: {error}.", hint="Is its folder on PYTHONPATH?"
        ) from None
    if not callable(found):
        raise RewardInvalid(f"The reward term {name!r} is not a function.")
    return found  # type: ignore[no-any-return]
