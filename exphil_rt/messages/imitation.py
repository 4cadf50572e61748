"""The edges of the imitator: to its process, to telemetry, to the run manager.

What is learned from and how lies in the run folder (``plan.json``, ``config.toml``); these messages say where it is.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from exphil_rt.messages.learner import Published, PublishNow, Saved
from exphil_rt.messages.rollout import PauseGames, ResumeGames
from exphil_rt.messages.telemetry import EpochFigures, Figures, ImitationStatus


class ImitationArgs(msgspec.Struct, frozen=True, kw_only=True, tag="imitation_args"):
    """How the process of an imitation starts; the run's folder says the rest."""

    home: str
    run: str
    """Name of the run."""
    run_id: str
    """For the manifests."""


class ImitationShown(msgspec.Struct, frozen=True, kw_only=True, tag="imitation_shown"):
    """Imitator to telemetry."""

    status: ImitationStatus
    frames: int
    """Frames learned from, over all epochs."""
    target_frames: int
    frames_per_s: float
    eta_s: float | None
    points: dict[str, float] = {}
    """New values of series."""


class Doing(msgspec.Struct, frozen=True, kw_only=True, tag="doing"):
    """Imitator to run manager: what the run does, in one line; empty while it learns."""

    text: str
    frames: int


class RunOver(msgspec.Struct, frozen=True, kw_only=True, tag="run_over"):
    """Imitator to run manager: the run has done what it is for, or cannot."""

    failure: str = ""
    """What is wrong, in one sentence; empty where it is done."""
    hint: str = ""
    exit_code: int = 1


# From the process -------------------------------------------------------------------------------------------------


class Reading(msgspec.Struct, frozen=True, kw_only=True, tag="reading"):
    """Replays are being read into the data set, or a step before and after that is under way."""

    doing: str
    files_per_s: float = 0.0
    frames_per_s: float = 0.0


class DataChosen(msgspec.Struct, frozen=True, kw_only=True, tag="data_chosen"):
    """What is learned from."""

    kept: str
    dropped: tuple[str, ...]
    held_out_games: int


class TablesCounted(msgspec.Struct, frozen=True, kw_only=True, tag="tables_counted"):
    """The baselines."""

    marginal: Figures
    previous: Figures


class Learning(msgspec.Struct, frozen=True, kw_only=True, tag="learning"):
    """Where the learning is; a few times a second."""

    epoch: int
    epochs: int
    frames: int
    target_frames: int
    nll: float
    loss: float
    frames_per_s: float
    eta_s: float
    learning_rate: float
    waited: float
    first: bool = False
    """The first one of this process: it may be paused, saved and stopped from now on."""


class EpochDone(msgspec.Struct, frozen=True, kw_only=True, tag="epoch_done"):
    """An epoch was learned and measured."""

    figures: EpochFigures
    frames: int
    """Frames learned from when it ended."""
    restored: bool = False
    """It was learned before this process began."""


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="told"):
    """Something that a person is told: it becomes an event."""

    event: str
    text: str
    level: Literal["info", "warn", "error"] = "info"


ToImitator = PauseGames | ResumeGames | PublishNow
FromImitator = Reading | DataChosen | TablesCounted | Learning | EpochDone | Told | Published | Saved | RunOver
