"""RunContext: the live things that the actors of one run share. Made once by the daemon, before the tree starts.

Nothing in here is state that a restart must bring back: that lies in the run folder and its database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from exphil_rt.actor import SlotPool
from exphil_rt.actor.leftovers import Leftovers
from exphil_rt.config import Config
from exphil_rt.control.server import Hub
from exphil_rt.messages.dolphin import ConsoleArgs
from exphil_rt.messages.imitation import RunOver
from exphil_rt.messages.league import LeagueSnapshot
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run

LOOP_FILE: Final = "loop.safetensors"
LEAGUE_FILE: Final = "league.json"
"""Beside a learner generation of a deterministic run: the rollout loop's state, and a LeagueSnapshot."""


@dataclass(frozen=True, slots=True)
class GoingOn:
    """The newest generation of a deterministic run with all that belongs to it: learner, loop and league."""

    folder: Path
    league: LeagueSnapshot

    @classmethod
    def find(cls, learner: Path) -> GoingOn | None:
        """The newest whole one below the run's learner folder; None where there is none."""
        for folder in sorted(learner.glob("gen-*"), key=lambda f: int(f.name.removeprefix("gen-")), reverse=True):
            if (folder / LOOP_FILE).is_file() and (folder / LEAGUE_FILE).is_file():
                league = msgspec.json.decode((folder / LEAGUE_FILE).read_bytes(), type=LeagueSnapshot)
                return cls(folder, league)
        return None


@dataclass(slots=True, kw_only=True)
class RunContext:
    """What every actor of any run may use."""

    learner: ClassVar[str] = ""
    """Name of the actor that learns."""

    run: Run
    home: Home
    config: Config
    hub: Hub
    socket: Path
    policy_name: str
    """Name of the bundles that the run publishes."""
    run_id: str
    origin: str
    """Where its policy comes from: ``learning from zero``, ``from NAME@vN``, ``learning from replays``."""
    delay: int
    games: int
    """Training games at a time; 0 where none are played."""
    finish: Callable[[str], None]
    """Says that the run is over, and why; the daemon then stops the tree."""
    failure: RunOver | None = None
    """What the daemon says where the run ended ``failed``."""
    started: float = field(default_factory=time.monotonic)

    @property
    def runners(self) -> tuple[str, ...]:
        """Names of the actors that are told to pause and to go on."""
        return (self.learner,)

    @property
    def swapper(self) -> str:
        """Name of the actor that puts policies into running agents."""
        return "inference_worker"


@dataclass(slots=True, kw_only=True)
class ImitationContext(RunContext):
    """What the actors of an imitation may use."""

    learner: ClassVar[str] = "imitator"


@dataclass(slots=True, kw_only=True)
class SelfPlayContext(RunContext):
    """What the actors of self-play may use."""

    learner: ClassVar[str] = "trainer"

    pool: SlotPool
    physics: str
    """Of the games that are played."""
    leftovers: Leftovers
    """Where a console's temporary folder is listed while it is there."""
    console: ConsoleArgs | None = None
    """What each console is started with, where games are played on consoles."""
    start: str
    """Path of the bundle that the learner begins from; empty to learn from zero."""
    characters: tuple[int, ...]
    stages: tuple[int, ...]
    going_on: GoingOn | None
    """Where a deterministic run goes on; None at its start, and for every other run."""

    @property
    def first_version(self) -> str:
        """Path of the run's first bundle: what it began from, as the learner published it."""
        return str(self.home.policies / f"{self.policy_name}@v1")

    @property
    def runners(self) -> tuple[str, ...]:
        """Names of the game runners."""
        return tuple(f"game_runner-{i + 1}" for i in range(self.config.rollout.workers))

    @property
    def deterministic(self) -> bool:
        """Whether a resumed run has to equal an uninterrupted one."""
        return self.config.run.deterministic

    def first_slot(self, runner: str) -> int:
        """Number, among the run's games, of the runner's first lane slot; the first runner has those beside too."""
        place = self.runners.index(runner)
        beside = self.config.rollout.rated_games + self.config.rollout.exhibition
        return place * self.games_per_runner + (beside if place else 0)

    def slots_of(self, runner: str) -> int:
        """Slots of the runner's lane: its training games, and beside the first one's those that are rated and shown."""
        rollout = self.config.rollout
        beside = rollout.rated_games + rollout.exhibition if runner == self.runners[0] and not self.deterministic else 0
        return self.games_per_runner + beside

    @property
    def games_per_runner(self) -> int:
        """Training games of one runner; the last one has as many as the others, so the total is rounded up."""
        workers = self.config.rollout.workers
        return (self.config.run.games + workers - 1) // workers
