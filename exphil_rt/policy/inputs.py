"""What a policy is fed: one function builds it for training and for play.

At frame t the inputs are the encoded state t, the actions committed for t+1..t+D with their mask, D itself, and the
last committed action. numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.game.frames import U8, Frames
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.encoder import Encoder


@dataclass(slots=True)
class Inputs:
    """Inputs with a leading shape ``[*L]`` (``[R]`` rows in play, ``[T, N]`` or ``[B, T]`` in training)."""

    floats: NDArray[np.float32]
    """``[*L, F]``."""
    ids: NDArray[np.int64]
    """``[*L, I]``."""
    committed: U8
    """``[*L, dmax, K]``: actions due at t+1.., neutral where the mask is 0."""
    mask: U8
    """``[*L, dmax]``."""
    delay: U8
    """``[*L]``: D, in frames."""
    previous: U8
    """``[*L, K]``: the last committed action, due at t+D (for D = 0 the one that led to the frame shown)."""

    def __getitem__(self, index: Any) -> Inputs:
        """Index the leading shape."""
        return Inputs(
            self.floats[index],
            self.ids[index],
            self.committed[index],
            self.mask[index],
            self.delay[index],
            self.previous[index],
        )

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading shape."""
        return tuple(self.delay.shape)


def _controllers_of(frames: Frames, port: int | ArrayLike | None, codec: ActionCodec) -> U8:
    """The actions that led to the frames, ``[*L, K]`` of one port, or ``[*L, 2, K]`` of both."""
    actions = codec.encode(frames.controllers)  # [*L, 2, K]
    if port is None:
        return actions
    if isinstance(port, int | np.integer):
        return actions[..., int(port), :]
    return np.take_along_axis(actions, np.asarray(port, np.intp)[..., None, None], -2)[..., 0, :]


def build_inputs(
    encoder: Encoder,
    codec: ActionCodec,
    frames: Frames,
    port: int | ArrayLike | None,
    committed: U8,
    mask: U8,
    delay: int | ArrayLike,
) -> Inputs:
    """Inputs for the frames ``[*L]`` as ``port`` sees them.

    Args:
        port: 0, 1, an array ``[*L]``, or None for both points of view (leading shape ``[*L, 2]`` then).
        committed: ``[*L, dmax, K]`` of ``DelayQueue.committed``.
        mask: ``[*L, dmax]``.
        delay: D, one or ``[*L]``.
    """
    encoded = encoder.encode(frames, port)
    lead = encoded.floats.shape[:-1]
    delays = np.broadcast_to(np.asarray(delay, np.uint8), lead)
    if not delays.any():
        previous = _controllers_of(frames, port, codec)
    else:
        last = np.maximum(delays.astype(np.intp) - 1, 0)[..., None, None]
        previous = np.take_along_axis(committed, last, -2)[..., 0, :]
        if not delays.all():
            previous = np.where(delays[..., None] > 0, previous, _controllers_of(frames, port, codec))
    return Inputs(encoded.floats, encoded.ids, committed, mask, delays, previous)


def committed_from_actions(actions: U8, delay: int, dmax: int, neutral: U8) -> tuple[U8, U8]:
    """What was committed at each frame of a recorded stretch.

    Args:
        actions: ``[T, ..., K]``, ``actions[t]`` led to frame t of the stretch.

    Returns:
        Committed ``[max(T - delay, 0), ..., dmax, K]`` and mask: at t the actions t+1..t+delay.
    """
    length = max(actions.shape[0] - delay, 0)
    lead = (length, *actions.shape[1:-1])
    committed = np.empty((*lead, dmax, neutral.shape[-1]), np.uint8)
    committed[...] = neutral
    mask = np.zeros((*lead, dmax), np.uint8)
    for k in range(delay):
        committed[..., k, :] = actions[k + 1 : k + 1 + length]
        mask[..., k] = 1
    return committed, mask


def sequence_inputs(
    encoder: Encoder, codec: ActionCodec, frames: Frames, port: int, delay: int, dmax: int
) -> tuple[Inputs, U8]:
    """Inputs and target actions of a recorded stretch of consecutive frames ``[T, ...]``.

    At t the target is the action that led to frame t+D+1, and the inputs are exactly what play with delay D would
    have built: state t, the actions t+1..t+D.

    Returns:
        Inputs ``[T - D - 1, ...]`` and targets ``[T - D - 1, ..., K]``; empty where the stretch is too short.
    """
    actions = _controllers_of(frames, port, codec)
    length = max(frames.lead[0] - delay - 1, 0)
    committed, mask = committed_from_actions(actions[: length + delay], delay, dmax, codec.neutral())
    inputs = build_inputs(encoder, codec, frames[:length], port, committed, mask, delay)
    return inputs, actions[delay + 1 : delay + 1 + length]
