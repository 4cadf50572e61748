"""The options of ``train imitation`` that say what network is trained, and how: each stands for a setting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from exphil_rt.cli.sides import Names
from exphil_rt.config import Config
from exphil_rt.policy.codec import read_codec
from exphil_rt.policy.config import HeadsKind, PolicyConfig, new_config, parse_options

_NETWORK = Group("Network", sort_key=2)
_LEARNING = Group("Learning", sort_key=3)
_Switch = Parameter(negative="")


@Parameter(name="*", group=_NETWORK)
@dataclass(frozen=True)
class NetworkOptions:
    """What is trained."""

    backbone: str | None = None
    """mlp, gru, lstm, attention, hybrid, mamba, jamba, or module:Class of a package that you trust."""
    hidden: int | None = None
    """width of the network."""
    layers: int | None = None
    """layers of the backbone; else as many as it is best begun with."""
    backbone_options: Annotated[tuple[str, ...], Parameter(name="--backbone-option"), Names] = ()
    """an option of the backbone, as window=120; repeat it for several."""
    heads: HeadsKind | None = None
    """choices of an action made at once: none (autoregressive), the buttons (grouped), all (independent)."""
    codec: Path | None = None
    """an action codec that `replay kmeans` wrote; else 17 centres an axis."""
    frame_delay: Annotated[tuple[int, ...], Parameter(name="--frame-delay"), Names] = ()
    """frames between deciding and acting; 18 plays online. Repeat it to learn for several at once."""

    def flags(self) -> dict[str, object]:
        """Settings by key; None where the option was not given."""
        delays = self.frame_delay
        return {
            "policy.backbone": self.backbone,
            "policy.hidden": self.hidden,
            "policy.layers": self.layers,
            "policy.delay": delays[0] if delays else None,
            "imitation.delays": None if not delays else delays if len(delays) > 1 else (),
        }

    def policy(self, config: Config) -> PolicyConfig:
        """The network that the settings and these options describe.

        Raises:
            ExphilError: there is no such backbone, option, codec or size.
        """
        policy, delays = config.policy, config.imitation.delays
        return new_config(
            policy.backbone,
            hidden=policy.hidden,
            layers=policy.layers or None,
            options={**policy.backbone_options, **parse_options(self.backbone_options)},
            heads=self.heads or "autoregressive",
            delay=policy.delay if not delays or policy.delay in delays else max(delays),
            dmax=max(delays) if delays else None,
            codec=None if self.codec is None else read_codec(self.codec),
        )


@Parameter(name="*", group=_LEARNING)
@dataclass(frozen=True)
class LearningOptions:
    """How it is trained."""

    epochs: int | None = None
    """times that every game is gone through; fewer where it no longer helps."""
    max_seconds: float | None = None
    """seconds of learning after which it ends; 0 for no limit."""
    patience: int | None = None
    """epochs without a better held-out NLL after which it ends."""
    batch: int | None = None
    """sequences learned from at a time."""
    steps: int | None = None
    """frames of a sequence, through which gradients flow."""
    learning_rate: float | None = None
    """highest step size."""
    held_out: float | None = None
    """share of the games to measure on, never learned from."""
    mirror: float | None = None
    """share of the pieces of games that are shown with left and right exchanged."""
    balance_characters: Annotated[bool | None, _Switch] = None
    """show every fighter equally often, however few its games."""
    balance_sticks: float | None = None
    """how much sides with rare directions of the stick are preferred, 0 to 1."""
    hide_state: float | None = None
    """share of the pieces that are shown without the screen, against learning few games by heart."""
    focal: float | None = None
    """gamma of focal loss; 2 is usual."""
    smoothing: Annotated[float | None, Parameter(name="--label-smoothing")] = None
    """share of each target that is given to all choices alike; 0.1 is usual."""
    ema: float | None = None
    """decay of the running average of the weights that is measured and kept; 0.999 is usual."""
    average: int | None = None
    """also try the mean of the weights of so many last epochs."""
    report_games: int | None = None
    """games that the new policy plays for its report card, at each temperature tried; 0 for none."""

    def flags(self) -> dict[str, object]:
        """Settings by key; None where the option was not given."""
        return {f"imitation.{name}": getattr(self, name) for name in self.__dataclass_fields__}
