"""Policy: embedding, backbone, value head and controller heads, built from a PolicyConfig."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from exphil_rt.policy.backbones.base import Backbone, State
from exphil_rt.policy.backbones.build import build
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.embed import Embed, InputTensors
from exphil_rt.policy.heads import Heads


class Policy(nn.Module):
    """An agent's network.

    Raises:
        BackboneInvalid, ConfigInvalid, SchemaInvalid, CodecInvalid: for a config that cannot be built.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        self.embed = Embed(config)
        self.backbone = build(config.backbone, config.hidden, config.hidden, config.layers, config.options)
        self.value = nn.Sequential(nn.Linear(config.hidden, 64), nn.ReLU(), nn.Linear(64, 1))
        self.heads = Heads(config.hidden, config.head_width, config.codec, config.heads)

    @property
    def parameter_count(self) -> int:
        """Number of weights."""
        return sum(parameter.numel() for parameter in self.parameters())

    def init_state(self, batch: int) -> State:
        """State of ``batch`` fresh rows."""
        return cast("Backbone", self.backbone).init_state(batch)

    def forward(self, inputs: InputTensors, state: State, reset: Tensor | None = None) -> tuple[Tensor, Tensor, State]:
        """Run over a sequence; play is the same call with T = 1.

        Args:
            inputs: leading shape ``[B, T]``.
            state: as of ``init_state`` or an earlier call.
            reset: ``[B, T]``, non-zero where a new game begins (the state is zeroed before that step).

        Returns:
            ``hidden [B, T, H]`` for the heads, ``value [B, T]``, and the state behind the last step.
        """
        hidden, state = self.backbone(self.embed(inputs), state, reset)
        return hidden, self.value(hidden)[..., 0], state

    @torch.inference_mode()
    def act(
        self, inputs: InputTensors, state: State, noise: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor, State]:
        """One step of play.

        Args:
            inputs: leading shape ``[R]``.
            noise: ``[R, L]``, uniform in (0, 1).

        Returns:
            ``action`` uint8 ``[R, K]``, ``logp [R]``, ``value [R]`` and the new state.
        """
        hidden, value, state = self(inputs.at((slice(None), None)), state)
        action, logp = self.heads.sample(hidden[:, 0], inputs.previous, noise, temperature)
        return action, logp, value[:, 0], state
