"""How to imitate: every knob of ``training.imitation``, in one Struct without code. Imports no torch."""

from __future__ import annotations

from typing import Literal

import msgspec

from exphil_rt.config import ImitationSettings

Precision = Literal["auto", "f32", "bf16"]


class ImitationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to learn. The settings section ``imitation`` says what each field means."""

    epochs: int = 10
    batch: int = 16
    steps: int = 64
    """T: frames of a sequence, through which gradients flow (truncated BPTT)."""
    accumulate: int = 1
    """Batches whose gradients make one step."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    warmup: float = 0.02
    """Share of all frames over which the learning rate rises; then it falls along a cosine to a twentieth."""
    patience: int = 3
    """Epochs without a better held-out NLL after which to stop."""
    hide_state: float = 0.5
    """Share of the pieces that are learned from actions alone. What is on screen names the players of few games, and a
    network that always sees it learns those (17 games, 6 epochs, one split: best held-out NLL 1.71 with 0, 1.63 with
    0.5)."""
    mirror: float = 0.0
    balance_characters: bool = False
    balance_sticks: float = 0.0
    delays: tuple[int, ...] = ()
    """Each piece is shown with one of these delays; empty: the policy's own."""
    focal: float = 0.0
    smoothing: float = 0.0
    stick_edge: float = 1.0
    positive: float = 1.0
    value: float = 1.0
    """Weight of the value's loss, which trains the value head alone."""
    gamma: float = 0.995
    next_state: float = 0.0
    ema: float = 0.0
    average: int = 0
    precision: Precision = "auto"
    max_seconds: float = 0.0
    """Seconds of training (measuring apart) after which the epoch under way is the last, and ends; 0: no limit. The
    learning rate then falls by the clock."""
    seed: int = 0


def of_settings(settings: ImitationSettings, seed: int) -> ImitationConfig:
    """What the section ``imitation`` says."""
    shared = set(ImitationConfig.__struct_fields__) & set(ImitationSettings.__struct_fields__)
    return ImitationConfig(seed=seed, **{name: getattr(settings, name) for name in shared})
