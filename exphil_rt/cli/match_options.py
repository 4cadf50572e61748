"""The options of a match that ``play dolphin`` and ``play stand-in`` share: each stands for a setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Flag
from exphil_rt.cli.sides import Names
from exphil_rt.dolphin.netplay import check_code

Port = Annotated[int | None, Parameter(validator=Number(gte=1, lte=4))]
Count = Annotated[int | None, Parameter(validator=Number(gte=0))]


@Parameter(name="*", group=Group("The match", sort_key=2))
@dataclass(frozen=True)
class MatchOptions:
    """Who plays whom, where, and until when."""

    opponent: str | None = None
    """cpu1 to cpu9, another policy, or, in Dolphin, human: your own controller."""
    connect_code: str | None = None
    """play in Slippi's direct mode with whoever has this code (ABCD#123); the stand-in finds its own person."""
    port: Port = None
    """controller port of the policy (1)."""
    opponent_port: Port = None
    """controller port of the opponent (2)."""
    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = ()
    """the policy's fighter; repeat it for the opponent's."""
    stage: str | None = None
    """where they play, unless a person chooses."""
    on_game_end: str | None = None
    """restart or stop."""
    games: Count = None
    """games until the match ends; 0 plays on."""

    def flags(self) -> dict[str, object]:
        """Settings by key; None where the option was not given."""
        return {
            "play.opponent": self.opponent,
            "play.connect_code": check_code(self.connect_code) if self.connect_code else None,
            "play.port": self.port,
            "play.opponent_port": self.opponent_port,
            "play.characters": self.characters or None,
            "play.stage": self.stage,
            "play.on_game_end": self.on_game_end,
            "play.games": self.games,
        }


@Parameter(name="*", group=Group("The policy", sort_key=3))
@dataclass(frozen=True)
class DecidingOptions:
    """How the policy decides, and what is done where it does so late."""

    console_delay: Count = None
    """frames of the policy's delay that the console takes as its online delay; 2, where they fit."""
    frame_delay: Count = None
    """assert the policy's delay; another one needs --force."""
    batch_steps: Count = None
    """frames that one call of the policy may decide; by default as its bundle says."""
    force: Flag = False
    """play also with an untrained delay or a policy that is too slow."""
    engine: str | None = None
    """what runs the policy: onnx, onnx-int8 (8-bit weights) or torch."""
    argmax: Flag = False
    """always the likeliest action."""
    action_repeat: Count = None
    """frames that one decision is held."""
    late: str | None = None
    """for a frame whose action has not come: hold, neutral or wait."""

    def flags(self) -> dict[str, object]:
        """Settings by key; None where the option was not given."""
        return {
            "play.console_delay": self.console_delay,
            "play.frame_delay": self.frame_delay,
            "play.batch_steps": self.batch_steps,
            "play.force": self.force or None,
            "play.engine": self.engine,
            "play.temperature": 0.0 if self.argmax else None,
            "play.action_repeat": self.action_repeat,
            "play.late": self.late,
        }
