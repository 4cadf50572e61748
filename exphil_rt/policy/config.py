"""PolicyConfig: everything that decides a policy's shape. Carried whole by a bundle; imports no torch."""

from __future__ import annotations

from typing import Final

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import MAX_DELAY
from exphil_rt.policy.observation import ObservationSchema, default_schema

BACKBONES: Final = ("mlp", "gru")
"""Names that ``backbones.BACKBONES`` builds."""
MAX_WIDTH: Final = 4096
MAX_LAYERS: Final = 16


class ConfigInvalid(ExphilError):
    """A policy configuration that cannot be built."""


class PolicyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The architecture, what it observes, how it acts and with which delay."""

    backbone: str = "gru"
    hidden: int = 128
    """Width of the backbone and of its output."""
    layers: int = 1
    head_width: int = 64
    """Width of the residual stream that the heads share."""
    action_width: int = 32
    """Width of an embedded action (the previous one and each committed one)."""
    item_width: int = 16
    """Width of the pooled items."""
    delay: int = 0
    """Frames between the state seen and the action's frame, less one."""
    dmax: int = 0
    """Slots for committed actions; at least the delay."""
    schema: ObservationSchema = msgspec.field(default_factory=default_schema)
    codec: ActionCodec = ActionCodec()

    def check(self) -> None:
        """Raise ConfigInvalid, SchemaInvalid or CodecInvalid unless a policy can be built from this."""
        if self.backbone not in BACKBONES:
            raise ConfigInvalid(
                f"The policy has the backbone {self.backbone!r}, which this version does not know.",
                hint=f"Known are: {', '.join(BACKBONES)}.",
            )
        for name in ("hidden", "head_width", "action_width", "item_width"):
            if not 1 <= getattr(self, name) <= MAX_WIDTH:
                raise ConfigInvalid(f"The policy's {name} is {getattr(self, name)}; it must be 1 to {MAX_WIDTH}.")
        if not 1 <= self.layers <= MAX_LAYERS:
            raise ConfigInvalid(f"The policy has {self.layers} layers; it must have 1 to {MAX_LAYERS}.")
        if not 0 <= self.delay <= self.dmax <= MAX_DELAY:
            raise ConfigInvalid(
                f"The policy's delay {self.delay} and dmax {self.dmax} do not fit 0 <= delay <= dmax <= {MAX_DELAY}."
            )
        self.schema.check()
        self.codec.check()
