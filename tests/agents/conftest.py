"""The daemon's actors over a real run folder; a recording stand-in takes the place of each process child."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import trio

from agents.context import SelfPlayContext
from agents.control import Control
from agents.experience import Experience
from agents.inference_worker import InferenceWorker
from agents.matchmaker import Matchmaker
from agents.population_manager import PopulationManager
from agents.recorder import Recorder
from agents.run_manager import RunManager
from agents.store_writer import StoreWriter
from agents.telemetry import Telemetry
from exphil_rt.actor import ChildSpec, GenServer, SlotPool, SupFlags, restart_child, terminate_child
from exphil_rt.config import load_config
from exphil_rt.control.server import Hub
from exphil_rt.messages.experience import CurrentWeights, TrainerUp
from exphil_rt.messages.league import GameOver, PlanGames, RunnerUp, SlotNeed, VersionPublished
from exphil_rt.messages.rollout import AssignGame, GameEnded, GameSpec
from exphil_rt.messages.telemetry import Event
from exphil_rt.store.database import Database
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.testing.trees import StartedTree, start_tree

T = TypeVar("T")
PHYSICS = "sim-test"
RUNNER = "game_runner-1"
ACTORS = {
    "store": StoreWriter,
    "telemetry": Telemetry,
    "run_manager": RunManager,
    "control": Control,
    "population_manager": PopulationManager,
    "matchmaker": Matchmaker,
    "recorder": Recorder,
    "experience": Experience,
    "inference_worker": InferenceWorker,
}


class Nothing(msgspec.Struct):
    """State of a stand-in."""


class Ear(GenServer[Nothing]):
    """Stands where a process child's proxy would, and keeps what it is told."""

    async def init(self, args: list[Any]) -> Nothing:
        self.heard = args
        return Nothing()

    async def handle_info(self, message: object) -> None:
        self.heard.append(message)


class World:
    """The actors of a run, by name."""

    def __init__(self, context: SelfPlayContext, finished: list[str]) -> None:
        self.context = context
        self.finished = finished
        """Why the run ended, once it has."""
        self.heard: dict[str, list[Any]] = {name: [] for name in (*context.runners, "trainer")}
        self.tree: StartedTree

    @property
    def runtime(self):
        return self.tree.runtime

    def tell(self, name: str, *messages: Any) -> None:
        for message in messages:
            self.runtime.cast(name, message)

    async def ask(self, name: str, message: Any) -> Any:
        return await self.runtime.call(name, message)

    async def until(self, look: Callable[[], T], what: str = "") -> T:
        """The first true answer; the clock stands still meanwhile, threads work."""
        deadline = time.monotonic() + 20.0
        while time.monotonic() < deadline:
            await trio.testing.wait_all_tasks_blocked()
            if found := look():
                return found
            time.sleep(0.002)  # noqa: ASYNC251  (for the store's thread)
        raise AssertionError(f"it did not come to this: {what}")

    async def heard_by(self, name: str, kind: type[T], count: int = 1) -> list[T]:
        """All that a stand-in heard of one kind, once there are so many."""
        return await self.until(
            lambda: len(found := [m for m in self.heard[name] if type(m) is kind]) >= count and found,
            f"{name} hears {count} {kind.__name__}: {self.heard[name]}",
        )

    async def settle(self) -> None:
        """Wait until every message that was sent is handled, and all that followed from it."""
        idle = 0
        while idle < 3:
            await trio.testing.wait_all_tasks_blocked()
            busy = any(node.mailbox for node in self.runtime.tree()) or self._threads_busy()
            idle = 0 if busy else idle + 1
            time.sleep(0.002)  # noqa: ASYNC251

    def _threads_busy(self) -> bool:
        return bool(trio.to_thread.current_default_thread_limiter().borrowed_tokens)

    def actor(self, name: str) -> Any:
        """The living actor object, to look at its state."""
        return self.tree.pid(name).cell.actor

    def events(self, name: str = "") -> list[Event]:
        return [event for event in self.actor("telemetry").events if name in ("", event.event)]

    def rows(self, read: Callable[[Database], T]) -> T:
        """Read the run's database as any other process would."""
        with self.context.run.reader() as database:
            return read(database)

    async def restart(self, name: str) -> None:
        await terminate_child("sup", name)
        await restart_child("sup", name)

    @asynccontextmanager
    async def full_disk(self) -> AsyncIterator[None]:
        """The database may not grow any more, and every write wants it to."""
        store = self.actor("store")
        grow = "INSERT INTO events VALUES (-1, 0, '', '', '', zeroblob(9000000), '', '')"

        def fill() -> None:
            store.database._connection.execute("PRAGMA max_page_count=1")  # that is: no more than there are
            for table in ("matches", "meta", "policies", "ratings", "metrics"):
                trigger = f"CREATE TEMP TRIGGER full_{table} BEFORE INSERT ON main.{table} BEGIN {grow}; END"
                store.database._connection.execute(trigger)

        def free() -> None:
            for table in ("matches", "meta", "policies", "ratings", "metrics"):
                store.database._connection.execute(f"DROP TRIGGER full_{table}")
            store.database._connection.execute("PRAGMA max_page_count=1000000")

        await store._in_thread(fill)
        yield
        await store._in_thread(free)

    # What processes would say

    def runner_up(self, runner: str = RUNNER, **fields: Any) -> None:
        up = RunnerUp(runner=runner, physics=PHYSICS, **fields)
        self.tell("matchmaker", up)
        self.tell("inference_worker", up)
        self.tell("run_manager", up)

    def trainer_up(self, update: int = 0) -> None:
        self.tell("inference_worker", CurrentWeights(update=update, weights=f"weights-{update}"))
        self.tell("experience", TrainerUp())
        self.tell("run_manager", TrainerUp())

    def publish(self, version: int, frames: int) -> str:
        key = f"{self.context.policy_name}@v{version}"
        folder = self.context.home.policies / key
        folder.mkdir(exist_ok=True)
        manifest = {"name": self.context.policy_name, "version": version, "run": self.context.run_id}
        (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
        message = VersionPublished(
            name=self.context.policy_name, version=version, path=str(folder), update=version, frames=frames,
            learner_generation=version,
        )  # fmt: skip
        self.tell("population_manager", message)
        return key

    def need(self, slot: int, kind: str, runner: str = RUNNER) -> None:
        self.tell("matchmaker", PlanGames(runner=runner, needs=(SlotNeed(slot=slot, kind=kind),)))

    async def game(self, slot: int, kind: str) -> GameSpec:
        """Ask for a game of a slot, and get it as the runner would."""
        before = len([m for m in self.heard[RUNNER] if type(m) is AssignGame])
        self.need(slot, kind)
        return (await self.heard_by(RUNNER, AssignGame, before + 1))[-1].game

    def over(self, game: GameSpec, winner: int | None, slot: int = 0, **fields: Any) -> None:
        """A game ended."""
        values = {"reason": "stocks", "stocks": (1, 0), "percent": (10.0, 0.0), "frames": 900, **fields}
        ended = GameEnded(slot=slot, game=game, winner=winner, physics=PHYSICS, **values)
        for name in ("inference_worker", "matchmaker"):
            self.tell(name, GameOver(runner=RUNNER, ended=ended))


class Maker:
    """Worlds over one home; two in a row are a run and its resumption."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder

    def context(self, name: str = "one", **settings: Any) -> tuple[SelfPlayContext, list[str]]:
        """The run of this name, made if it is not there."""
        if (self.home.runs / name).exists():
            run = Run.open(name, self.home)
        else:
            overrides = {"rollout.rated_games": 2, "store.min_free_gb": 0.0, **settings}
            run = Run.create(self.home, load_config(env={}, overrides=overrides), name)
        config = run.config()
        with run.reader() as database:
            run_id, policy_name = database.meta("run_id"), database.meta("policy_name")
        finished: list[str] = []
        return SelfPlayContext(
            physics=PHYSICS,
            leftovers=None,
            run=run, home=self.home, config=config, hub=Hub(), pool=SlotPool(3 + config.rollout.workers - 1, 4096),
            socket=self.folder / "control.sock", start="", policy_name=policy_name, run_id=run_id,
            origin="learning from zero", delay=0, games=1, characters=(1, 2, 5), stages=(31, 32), going_on=None,
            finish=finished.append,
        ), finished  # fmt: skip

    @asynccontextmanager
    async def __call__(self, *names: str, run: str = "one", **settings: Any) -> AsyncIterator[World]:
        """The actors of these names (all by default) and the stand-ins."""
        context, finished = self.context(run, **settings)
        world = World(context, finished)
        children = [
            ChildSpec(id=name, name=name, start=start, args=context)
            for name, start in ACTORS.items()
            if not names or name in names
        ]
        ears = [ChildSpec(id=name, name=name, start=Ear, args=heard) for name, heard in world.heard.items()]
        try:
            async with start_tree(*children, *ears, flags=SupFlags(intensity=0)) as world.tree:
                yield world
                crashes = [report for report in world.tree.reports if type(report).__name__ == "SupervisorReport"]
                assert not crashes, crashes
        finally:
            context.pool.close()


@pytest.fixture
def make(mock_clock, monkeypatch):
    """Makes worlds whose clock only moves when the test says so."""
    with tempfile.TemporaryDirectory(prefix="ert") as folder:  # short: a socket's path is limited
        for name in [name for name in os.environ if name.startswith("EXPHIL_RT_")]:
            monkeypatch.delenv(name)
        yield Maker(Home(Path(folder) / "home").create(), Path(folder))
