"""An exported graph held against torch, step by step on the same frames: each carries its own state on."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from exphil_rt.inference.export import names_of
from exphil_rt.inference.onnx_player import open_session
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.inputs import Inputs
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
from exphil_rt.policy.policy import Policy

TOLERANCE = 5e-6
"""Largest difference that float32 excuses, of a frame's logits or value, over the larger of 1 and its largest."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a graph does differently, over the frames compared."""

    frames: int
    sequences: int
    other_actions: int
    """Frames on which the two chose another action."""
    logit_error: float
    """Largest difference of a logit, over the larger of 1 and the frame's largest, where the actions agree."""
    value_error: float
    """The same of the value."""
    kl: float
    """Mean KL of the graph's choices from torch's, nats a frame, where the actions agree."""

    @property
    def same(self) -> bool:
        """Whether float32 excuses the differences."""
        return self.other_actions == 0 and max(self.logit_error, self.value_error) <= TOLERANCE


def compare(
    policy: Policy, model: bytes | InferenceSession, sequences: Sequence[Inputs], temperature: float = 1.0
) -> Comparison:
    """Run torch and ``model`` over sequences of inputs ``[T]`` and compare what comes out of every step."""
    policy = policy.eval()
    session = open_session(model) if isinstance(model, bytes) else model
    names, _ = names_of(policy)
    known = {given.name for given in session.get_inputs()}
    frames = others = 0
    logit_error = value_error = divergence = 0.0
    with torch.inference_mode():
        for number, inputs in enumerate(sequences):
            steps = len(inputs.delay)
            noise = keyed_uniform(0, ACTION_DOMAIN, number, np.arange(steps), 0, policy.config.codec.num_logits)
            heat = np.full(1, temperature, np.float32)
            state = policy.init_state(1)
            parts: list[NDArray[np.float32]] = [part.numpy() for part in state]
            for t in range(steps):
                one, draws = inputs[t : t + 1], noise[t : t + 1]
                tensors = to_tensors(one)
                hidden, value, state = policy(tensors.at((slice(None), None)), state)
                action, logits, _ = policy.heads.decide(
                    hidden[:, 0], tensors.previous, torch.from_numpy(draws), temperature
                )
                fed = (*(part.numpy() for part in tensors), draws, heat, *parts)
                feed = {name: array for name, array in zip(names, fed, strict=True) if name in known}
                found, found_logits, _, found_value, *parts = session.run(None, feed)
                frames += 1
                value_error = max(value_error, _error(value[:, 0].numpy(), found_value))
                if not np.array_equal(found, action.numpy()):
                    others += 1  # later choices were conditioned on another one
                    continue
                logit_error = max(logit_error, _error(logits.numpy(), found_logits))
                divergence += float(policy.heads.kl(logits, torch.from_numpy(found_logits)))
    return Comparison(
        frames=frames,
        sequences=len(sequences),
        other_actions=others,
        logit_error=logit_error,
        value_error=value_error,
        kl=divergence / max(frames - others, 1),
    )


def _error(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    return float(np.abs(found - wanted).max() / max(1.0, float(np.abs(wanted).max())))
