"""PolicyConfig: everything that decides a policy's shape. Carried whole by a bundle; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.policy import backbones
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import MAX_DELAY
from exphil_rt.policy.observation import ObservationSchema, default_schema

MAX_WIDTH: Final = 4096
MAX_LAYERS: Final = 16
MAX_OPTIONS: Final = 32
HeadsKind = Literal["autoregressive", "grouped", "independent"]
"""One choice after another; the buttons at once, then the sticks and the trigger one after another; all at once."""
_WORDS: Final = {"true": True, "false": False}


class ConfigInvalid(ExphilError):
    """A policy configuration that cannot be built."""


class PolicyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The architecture, what it observes, how it acts and with which delay."""

    backbone: str = "gru"
    hidden: int = 128
    """Width of the backbone and of its output."""
    layers: int = 1
    options: dict[str, bool | int | float] = {}
    """Options of the backbone that differ from its defaults."""
    head_width: int = 64
    """Width of the residual stream that the heads share."""
    action_width: int = 32
    """Width of an embedded action (the previous one and each committed one)."""
    item_width: int = 16
    """Width of the pooled items."""
    heads: HeadsKind = "autoregressive"
    """Which choices of an action are made at once."""
    delay: int = 0
    """Frames between the state seen and the action's frame, less one."""
    dmax: int = 0
    """Slots for committed actions; at least the delay."""
    schema: ObservationSchema = msgspec.field(default_factory=default_schema)
    codec: ActionCodec = ActionCodec()

    def check(self) -> None:
        """Raise one of the sentences of ``Policy`` unless a policy can be built from this."""
        backbones.entry(self.backbone)
        if len(self.options) > MAX_OPTIONS or not all(map(math.isfinite, self.options.values())):
            raise ConfigInvalid(f"The policy's backbone has more than {MAX_OPTIONS} options, or one is no number.")
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


def new_config(
    backbone: str,
    *,
    hidden: int = 128,
    layers: int | None = None,
    options: dict[str, bool | int | float] | None = None,
    heads: HeadsKind = "autoregressive",
    delay: int = 0,
    dmax: int | None = None,
    codec: ActionCodec | None = None,
) -> PolicyConfig:
    """The config of a new policy: what is not told is as the backbone is best begun with.

    Raises:
        BackboneInvalid, ConfigInvalid, CodecInvalid: for what cannot be built.
    """
    known = backbones.entry(backbone)
    config = PolicyConfig(
        backbone=backbone,
        hidden=hidden,
        layers=known.layers if layers is None else layers,
        options={**known.options, **(options or {})},
        heads=heads,
        delay=delay,
        dmax=delay if dmax is None else dmax,
        codec=codec or ActionCodec(),
    )
    config.check()
    return config


def parse_options(texts: Iterable[str]) -> dict[str, bool | int | float]:
    """Options of a backbone from ``name=value`` texts; a value is a number, true or false.

    Raises:
        ConfigInvalid: for a text that is none.
    """
    found: dict[str, bool | int | float] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        for read in (_WORDS.__getitem__, int, float):
            try:
                found[name] = read(value)
                break
            except (KeyError, ValueError):
                continue
        else:
            raise ConfigInvalid(f"{text!r} sets no option of a backbone.", hint="Write name=value, as window=120.")
    return found
