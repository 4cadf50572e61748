"""The edge between the daemon's dolphin agent and the inference process of a console.

What passes between that process and the console itself is no message but a record a frame (``exphil_rt.dolphin.link``).
Swaps are asked for and told in the rollout's words (``SwapPolicy``, ``SwapTold``), with slot 0.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from exphil_rt.messages.rollout import SwapPolicy, SwapTold


class BrainSeat(msgspec.Struct, frozen=True, kw_only=True, tag="brain_seat"):
    """One bot."""

    port: int
    """Player 0 or 1, as in Frames."""
    policy: str
    """Path of a bundle, or ``random``."""
    delay: int
    """D that the console keeps for it."""
    batch_steps: int = 1
    """Frames that one call may decide."""


class BrainArgs(msgspec.Struct, frozen=True, kw_only=True, tag="brain_args"):
    """How the process starts. Its file descriptor 0 (of ``fds``) is the socket through which links come."""

    seats: tuple[BrainSeat, ...]
    engine: Literal["onnx", "onnx-int8", "torch"] = "onnx"
    temperature: float | None = None
    """To sample with, 0 for the likeliest; None for each policy's own."""
    seed: int = 0
    force: bool = False
    """Play also what is too slow."""
    packages: tuple[str, ...] = ()
    """Whose backbones may be loaded (``trust.packages``)."""


ToBrain = SwapPolicy


class BrainUp(msgspec.Struct, frozen=True, kw_only=True, tag="brain_up"):
    """The policies are loaded and warm."""

    policies: tuple[str, ...]
    """``NAME@vN`` or ``random``, by seat."""
    call_ms: tuple[float, ...]
    """Of one call, by seat, measured."""
    load_s: float


class BrainRefused(msgspec.Struct, frozen=True, kw_only=True, tag="brain_refused"):
    """The policies cannot be played, and why; the process then ends."""

    text: str


class BrainStats(msgspec.Struct, frozen=True, kw_only=True, tag="brain_stats"):
    """Once a second."""

    policies: tuple[str, ...]
    """Who plays each seat now."""
    decisions: int
    waiting: int
    """Most frames that waited for a call in the last second."""
    skipped: int = 0
    """Frames that were let go since the start, as too many waited."""
    call_p50_us: int
    call_p99_us: int


class BrainMeasured(msgspec.Struct, frozen=True, kw_only=True, tag="brain_measured"):
    """What the 8-bit weights of ``onnx-int8`` change, held against torch on a game's first frames; once a seat."""

    policy: str
    frames: int
    other_actions: int
    """Frames on which another action was chosen with the same draws."""
    kl: float
    """Nats a frame, where the actions agree."""
    value_error: float


FromBrain = BrainMeasured | BrainUp | BrainRefused | BrainStats | SwapTold
