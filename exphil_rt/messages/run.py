"""The edges between the run manager, the trainer, telemetry and the store, all in the daemon."""

from __future__ import annotations

import msgspec

from exphil_rt.messages.learner import LearnMetrics
from exphil_rt.messages.telemetry import Level, Rating, RunState


class Note(msgspec.Struct, frozen=True, kw_only=True, tag="note"):
    """To telemetry: something a person should see; it becomes an Event, a log line and a row."""

    level: Level
    actor: str
    event: str
    text: str
    author: str = "supervisor"
    report: dict[str, str] = {}


class SayAgain(msgspec.Struct, frozen=True, kw_only=True, tag="say_again"):
    """From an actor that was restarted to those that were not: say again what it has to know."""

    to: str
    """Its name."""


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """Call to telemetry: hand what is unsaved to the store."""


class Phase(msgspec.Struct, frozen=True, kw_only=True, tag="phase"):
    """Run manager to telemetry: the run's state and why."""

    state: RunState
    message: str = ""


class StartingUp(msgspec.Struct, frozen=True, tag="starting_up"):
    """Runner to run manager: what its process does before it is ready; after an update it compiles the game first."""

    doing: str


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """Trainer to run manager and telemetry: one more update was learned."""

    update: int
    frames: int
    """Game frames of the run that were learned from."""
    metrics: LearnMetrics
    wait_s: float
    learn_s: float


class Settled(msgspec.Struct, frozen=True, kw_only=True, tag="settled"):
    """Trainer to run manager: a generation of learner state is whole on disk."""

    generation: int
    frames: int
    asked: bool = False
    """It is the answer to a PublishNow or SaveNow."""


class WriteFailed(msgspec.Struct, frozen=True, kw_only=True, tag="write_failed"):
    """Trainer and store to the run manager: something could not be written; nothing should be played for it."""

    text: str


class NewestVersion(msgspec.Struct, frozen=True, kw_only=True, tag="newest_version"):
    """Population manager to telemetry and matchmaker: this version is committed."""

    key: str
    population: int


class RatingsChanged(msgspec.Struct, frozen=True, kw_only=True, tag="ratings_changed"):
    """Matchmaker to telemetry: the table after the last committed match."""

    ratings: tuple[Rating, ...]
    matches: int
    win_rate_vs_first: float | None


class PauseRun(msgspec.Struct, frozen=True, kw_only=True, tag="pause_run"):
    """Call to the run manager: let nothing step on. ``reason`` is empty when a person asked."""

    author: str
    reason: str = ""


class ResumeRun(msgspec.Struct, frozen=True, kw_only=True, tag="resume_run"):
    """Call to the run manager."""

    author: str


class CheckpointRun(msgspec.Struct, frozen=True, kw_only=True, tag="checkpoint_run"):
    """Call to the run manager: publish the newest policy and save the learner; answered when both are on disk."""

    author: str


class SwapAgent(msgspec.Struct, frozen=True, kw_only=True, tag="swap_agent"):
    """Call to the inference worker: put a policy into a running agent; answered when it decides there, or cannot."""

    author: str
    target: str
    """``exhibition`` or the number of a game, then ``:1`` or ``:2`` for the player (``:1`` where left out)."""
    policy: str
    """Reference of a bundle."""


class StopRun(msgspec.Struct, frozen=True, kw_only=True, tag="stop_run"):
    """Call to the run manager: checkpoint, then stop the tree."""

    author: str
    reason: str = ""
