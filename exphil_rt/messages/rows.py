"""Rows of a run's database that cross actors. Ratings and events are those of ``telemetry``."""

from __future__ import annotations

from typing import Literal

import msgspec

from exphil_rt.messages.telemetry import GameKind


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A published version of this run's policy, or another policy that it rates."""

    ref: str
    """``name@vN``, or ``random``."""
    name: str
    version: int
    parent: str = ""
    """Ref of the version it came from; empty from zero."""
    frames: int
    """The run's game frames when it was published."""
    generation: int
    """The learner generation that it was published with."""
    created_ns: int
    bytes: int = 0
    promoted: bool = False
    pruned: bool = False
    """Its bundle was removed to keep the disk budget."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A finished game."""

    game_id: int
    time_ns: int
    run_frames: int
    """The run's game frames when it ended."""
    kind: GameKind | Literal["match"] = "rated"
    """``match``: one on a console that nobody is rated by."""
    policies: tuple[str, str]
    """Refs of who played port 0 and port 1; in a match also ``human``, or ``cpuN`` of the game itself."""
    characters: tuple[int, int]
    stage: int
    score: float
    """Of port 0: 1, 0.5 or 0."""
    reason: Literal["stocks", "timer", "frame_limit", "no_contest"]
    """``no_contest``: a player left it, in a match; its score is 0.5."""
    stocks: tuple[int, int]
    percent: tuple[float, float]
    frames: int
    physics: str
    recording: str = ""
    """File under the run's ``replays``; empty for none."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One value of one series."""

    name: str
    frames: int
    """The run's game frames."""
    time_ns: int
    value: float
