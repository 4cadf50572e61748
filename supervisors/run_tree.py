"""The tree of a self-play run.

``root`` is rest_for_one: what comes later depends on what comes before. Within a branch actors find one another by
name; one that is restarted reads the run's database and asks the others (``agents.again``), so a branch restarts one
for one.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from agents.context import RunContext, SelfPlayContext
from agents.control import Control
from agents.experience import Experience
from agents.founder import Founder
from agents.game_runner import GameRunner, RunnerArgs
from agents.inference_worker import InferenceWorker
from agents.lane_console import LaneConsole, LaneSlot
from agents.matchmaker import Matchmaker
from agents.population_manager import PopulationManager
from agents.recorder import Recorder
from agents.run_manager import RunManager
from agents.store_writer import StoreWriter
from agents.telemetry import Telemetry
from agents.trainer import Trainer
from exphil_rt.actor import Backoff, ChildSpec, GenServer, LagMonitor, LagSettings, Supervisor, SupFlags

LOCKSTEP: Final = 0
"""Restarts in league, learning and games that a deterministic run survives: they only go on together, from disk."""
PROCESS_BACKOFF: Final = Backoff(first=0.2, factor=2.0, max=20.0)
"""Between two starts of an operating system process that failed."""
CONSOLE_BACKOFF: Final = Backoff(first=0.1, factor=2.0, max=10.0)
"""Between two starts of a console that failed."""
LAG: Final = LagSettings(tick_s=1 / 60, blocked_s=0.2)
"""At the games' own rate; a person is told what held the daemon for as long as a person notices."""


class Desk(Supervisor):
    """What a person looks at and steers with; games and learning do not notice when it is restarted."""

    manager: ClassVar[type[GenServer[Any]]] = RunManager
    """Who knows the run's state, and ends it."""

    def init(self, args: RunContext) -> Any:
        """The door is open before the slow ones start, so that a person sees them start."""
        return SupFlags("one_for_one", intensity=5, period=60.0), [
            ChildSpec(id="telemetry", start=Telemetry, args=args, name="telemetry"),
            ChildSpec(id="lag_monitor", start=LagMonitor, args=LAG, name="lag_monitor"),
            ChildSpec(id="run_manager", start=self.manager, args=args, name="run_manager"),
            ChildSpec(id="control", start=Control, args=args, name="control"),
        ]


class League(Supervisor):
    """Who plays whom, and how strong they are."""

    def init(self, args: SelfPlayContext) -> Any:
        """The population before the one who pairs it."""
        return SupFlags("one_for_one", intensity=LOCKSTEP if args.deterministic else 5, period=60.0), [
            ChildSpec(id="population_manager", start=PopulationManager, args=args, name="population_manager"),
            ChildSpec(id="matchmaker", start=Matchmaker, args=args, name="matchmaker"),
            ChildSpec(id="recorder", start=Recorder, args=args, name="recorder"),
        ]


class Learning(Supervisor):
    """The learner, and what feeds it."""

    def init(self, args: SelfPlayContext) -> Any:
        """Slots and policies before the process that fills and uses them."""
        return SupFlags("one_for_one", intensity=LOCKSTEP if args.deterministic else 5, period=60.0), [
            ChildSpec(id="experience", start=Experience, args=args, name="experience"),
            ChildSpec(id="inference_worker", start=InferenceWorker, args=args, name="inference_worker"),
            ChildSpec(id="founder", start=Founder, args=args, restart="temporary"),
            ChildSpec(
                id="trainer",
                start=Trainer,
                args=args,
                name="trainer",
                shutdown=args.config.daemon.stop_deadline_s,
                backoff=PROCESS_BACKOFF,
            ),
        ]


class Games(Supervisor):
    """The processes that play."""

    def init(self, args: SelfPlayContext) -> Any:
        """One runner a rollout worker."""
        return SupFlags("one_for_one", intensity=LOCKSTEP if args.deterministic else 5, period=60.0), [
            ChildSpec(
                id=name,
                start=GameRunner,
                args=(args, RunnerArgs(name=name, first=index == 0)),
                name=name,
                shutdown=5.0,
                backoff=PROCESS_BACKOFF,
            )
            for index, name in enumerate(args.runners)
        ]


class Consoles(Supervisor):
    """The consoles, where games are played on those; each is started again alone."""

    def init(self, args: SelfPlayContext) -> Any:
        """One for each slot of each runner's lane."""
        slots = [(runner, slot) for runner in args.runners for slot in range(args.slots_of(runner))]
        children = []
        for number, (runner, slot) in enumerate(slots, 1):
            saves = slot >= args.games_per_runner
            place = LaneSlot(runner=runner, slot=slot, name=f"console-{number}", saves=saves)
            children.append(
                ChildSpec(
                    id=place.name,
                    start=LaneConsole,
                    args=(args, place),
                    name=place.name,
                    shutdown=10.0,
                    backoff=CONSOLE_BACKOFF,
                )
            )
        return SupFlags("one_for_one", intensity=20 * len(slots), period=60.0), children


class Root(Supervisor):
    """The whole run."""

    def init(self, args: SelfPlayContext) -> Any:
        """The database first, the games last, and behind them what they are played on."""
        consoles = (
            [] if args.console is None else [ChildSpec(id="consoles", start=Consoles, args=args, name="consoles")]
        )
        return SupFlags("rest_for_one", intensity=LOCKSTEP if args.deterministic else 3, period=30.0), [
            ChildSpec(id="store", start=StoreWriter, args=args, name="store"),
            ChildSpec(id="desk", start=Desk, args=args, name="desk"),
            ChildSpec(id="league", start=League, args=args, name="league"),
            ChildSpec(id="learning", start=Learning, args=args, name="learning"),
            ChildSpec(id="games", start=Games, args=args, name="games"),
            *consoles,
        ]


def run_tree(context: SelfPlayContext) -> ChildSpec:
    """The specification of a run's root supervisor."""
    return ChildSpec(id="root", start=Root, args=context, name="root")
