"""The rollout worker and the learner as real processes: experience goes round, and either may be killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from rollout_parts import ITSELF, game, small_policy

from exphil_rt.actor import ChildSpec, ProcessChild, SlotPool, SupFlags, handle_cast, start_forkserver, stop_forkserver
from exphil_rt.messages.learner import (
    FromLearner,
    Learn,
    Learned,
    LearnerArgs,
    LearnerConfig,
    LearnerReady,
    LearnerTrouble,
    Published,
    PublishNow,
    Reverted,
    Saved,
    SaveNow,
    ToLearner,
)
from exphil_rt.messages.rollout import (
    AssignGame,
    FreeSlot,
    FromRollout,
    GameEnded,
    LoadPolicy,
    LoopStats,
    NeedGames,
    PauseGames,
    PlayerSpec,
    PolicyLoaded,
    ResumeGames,
    RolloutArgs,
    SetCurrent,
    SlotFilled,
    ToRollout,
    UnloadPolicy,
    WorkerReady,
)
from exphil_rt.policy.bundle import Manifest, load_bundle, save_bundle
from exphil_rt.rollout.experience import RolloutShape
from exphil_rt.testing.trees import StartedTree, start_tree

DEADLINE_S = 120.0
GAMES, STEPS = 2, 32
SHAPE = RolloutShape(STEPS, GAMES, 0, 16)
OFTEN = SupFlags("one_for_one", 5, 600.0)


@pytest.fixture(scope="module", autouse=True)
def _forkserver() -> Iterator[None]:
    start_forkserver()
    yield
    stop_forkserver()


class RolloutProxy(ProcessChild[list[Any]]):
    """Keeps what the worker says."""

    target = "exphil_rt.rollout.worker:main"
    receives = FromRollout
    sends = ToRollout
    init_timeout = DEADLINE_S

    async def init(self, args: tuple[Any, list[int], list[Any]]) -> list[Any]:
        start, fds, heard = args
        self.heard = heard
        await self.start_process(start, fds=fds)
        return heard

    @handle_cast
    async def tell(
        self,
        message: AssignGame | LoadPolicy | UnloadPolicy | SetCurrent | FreeSlot | PauseGames | ResumeGames,
    ) -> None:
        self.send_process(message)

    @handle_cast
    async def hear(self, message: FromRollout) -> None:
        self.heard.append(message)


class LearnerProxy(ProcessChild[list[Any]]):
    """Keeps what the learner says."""

    target = "exphil_rt.training.worker:main"
    receives = FromLearner
    sends = ToLearner
    init_timeout = DEADLINE_S

    async def init(self, args: tuple[Any, list[int], list[Any]]) -> list[Any]:
        start, fds, heard = args
        self.heard = heard
        await self.start_process(start, fds=fds)
        return heard

    @handle_cast
    async def tell(self, message: Learn | SaveNow | PublishNow) -> None:
        self.send_process(message)

    @handle_cast
    async def hear(self, message: FromLearner) -> None:
        self.heard.append(message)


class Bench:
    """Both processes over one pool, and what they said."""

    def __init__(self, folder: Path, **rollout: Any) -> None:
        self.folder = folder
        self.bundle = str(folder / "policies" / "tiny@v1")
        policy = small_policy()
        save_bundle(self.bundle, policy, Manifest(name="tiny", version=1, config=policy.config))
        self.pool = SlotPool(3, SHAPE.nbytes)
        self.heard: list[Any] = []
        self.said: list[Any] = []
        self.rollout = RolloutArgs(
            **({"games": GAMES, "steps": STEPS, "policy": self.bundle, "seed": 5, "pool_slots": 3,
             "pool_slot_bytes": SHAPE.nbytes} | rollout)
        )  # fmt: skip
        self.learner = LearnerArgs(
            config=LearnerConfig(sequence=16), policy=self.bundle, folder=str(folder / "learner"),
            policies=str(folder / "policies"), name="tiny", next_version=2, publish_every=0, pool_slots=3,
            pool_slot_bytes=SHAPE.nbytes, games=GAMES, steps=STEPS,
        )  # fmt: skip
        self.numbers = count(1)
        self.rivals: dict[int, PlayerSpec] | None = {}
        """Who plays against the policy, by slot; None: no games are given yet."""

    def play(self) -> ChildSpec:
        return ChildSpec(id="play", name="play", start=RolloutProxy, args=(self.rollout, [self.pool.fd], self.heard))

    def learn(self) -> ChildSpec:
        return ChildSpec(id="learn", name="learn", start=LearnerProxy, args=(self.learner, [self.pool.fd], self.said))

    def supply(self, tree: StartedTree) -> None:
        """Give every slot that asks a game."""
        if self.rivals is None:
            return
        for need in take(self.heard, NeedGames):
            for slot in need.slots:
                players = (ITSELF, self.rivals.get(slot, ITSELF))
                tree.runtime.cast("play", AssignGame(slot=slot, game=game(next(self.numbers), players)))

    def free(self, tree: StartedTree) -> None:
        while self.pool.free:
            slot, generation = self.pool.acquire("play")
            tree.runtime.cast("play", FreeSlot(slot=slot, generation=generation))

    async def round(self, tree: StartedTree) -> tuple[SlotFilled, Learned]:
        """One slot from the worker through the learner, its weights back."""
        filled = await self.wait(tree, self.heard, SlotFilled)
        tree.runtime.cast("learn", Learn(slot=filled.slot, generation=filled.generation, frames=filled.frames))
        learned = await self.wait(tree, self.said, Learned)
        self.pool.release(learned.slot, learned.generation)
        self.free(tree)
        tree.runtime.cast("play", SetCurrent(update=learned.update, weights=learned.weights))
        return filled, learned

    async def wait(self, tree: StartedTree, heard: list[Any], kind: type, fits: Callable[[Any], bool] = bool) -> Any:
        with anyio.fail_after(DEADLINE_S):
            while True:
                self.supply(tree)
                for message in heard:
                    if isinstance(message, kind) and (fits is bool or fits(message)):
                        heard.remove(message)
                        return message
                await anyio.sleep(0.01)


def take(heard: list[Any], kind: type) -> list[Any]:
    found = [message for message in heard if isinstance(message, kind)]
    heard[:] = [message for message in heard if not isinstance(message, kind)]
    return found


def os_pid(tree: StartedTree, name: str) -> int:
    return next(row.os_pid for row in tree.runtime.tree() if row.name == name)


@pytest.mark.trio
async def test_experience_goes_round_and_the_learner_survives_its_death(tmp_path):
    bench = Bench(tmp_path)
    async with start_tree(bench.play(), bench.learn(), flags=OFTEN) as tree:
        ready = await bench.wait(tree, bench.heard, WorkerReady)
        assert (ready.slots, ready.delay, ready.update) == (GAMES, 0, 0)
        up = await bench.wait(tree, bench.said, LearnerReady)
        assert (up.update, up.frames, up.generation, up.next_version) == (0, 0, 0, 2)
        bench.free(tree)
        versions = []
        for number in range(1, 6):
            filled, learned = await bench.round(tree)
            assert learned.update == number
            assert filled.frames == STEPS * GAMES
            assert await anyio.Path(learned.weights).is_file()
            versions.append(filled.update)
        assert max(versions) > 0  # it plays with what was learned
        assert learned.metrics.samples > 0
        tree.runtime.cast("learn", PublishNow())
        published = await bench.wait(tree, bench.said, Published)
        saved = await bench.wait(tree, bench.said, Saved, lambda m: m.asked)
        assert (published.version, published.update, published.learner_generation) == (2, 5, saved.generation)
        _, manifest = load_bundle(published.path)
        assert (manifest.training.frames, manifest.parent) == (published.frames, "tiny@v1")

        os.kill(os_pid(tree, "learn"), signal.SIGKILL)
        again = await bench.wait(tree, bench.said, LearnerReady)
        assert (again.update, again.frames, again.generation) == (5, published.frames, saved.generation)
        _, learned = await bench.round(tree)
        assert learned.update == 6
    assert await anyio.Path(tmp_path / "learner" / "gen-000002").is_dir()  # written on the orderly way out


@pytest.mark.trio
async def test_what_is_wrong_is_answered_and_nobody_dies(tmp_path):
    bench = Bench(tmp_path)
    (tmp_path / "bad").mkdir()
    async with start_tree(bench.play(), bench.learn()) as tree:
        await bench.wait(tree, bench.heard, WorkerReady)
        cast = tree.runtime.cast
        cast("play", LoadPolicy(key="old", path=str(tmp_path / "bad")))
        assert "no policy bundle" in (await bench.wait(tree, bench.heard, PolicyLoaded)).error
        cast("play", LoadPolicy(key="old", path=bench.bundle, version=1))
        assert (await bench.wait(tree, bench.heard, PolicyLoaded)).ok
        cast("play", SetCurrent(update=9, weights=str(tmp_path / "none")))
        refused = await bench.wait(tree, bench.heard, PolicyLoaded)
        assert (refused.key, refused.ok, refused.version) == ("current", False, 0)
        cast("play", AssignGame(slot=0, game=game(1, (ITSELF, PlayerSpec(policy="who")))))
        assert "'who' is not loaded" in (await bench.wait(tree, bench.heard, GameEnded)).error
        cast("learn", Learn(slot=0, generation=3, frames=0))
        assert "not a whole rollout" in (await bench.wait(tree, bench.said, Reverted)).text
        learned = await bench.wait(tree, bench.said, Learned)
        assert (learned.slot, learned.generation, learned.update) == (0, 3, 0)
        cast("play", PauseGames())
        cast("play", ResumeGames())
        cast("play", UnloadPolicy(key="old"))
        bench.free(tree)
        await bench.round(tree)
        stats = await bench.wait(tree, bench.heard, LoopStats)
        assert stats.wall_s > 0
        # The trouble of one generation is not that of the next start.
        assert not take(bench.said, LearnerTrouble)


@pytest.mark.trio
async def test_lockstep_waits_for_weights_and_saves_the_loop(tmp_path):
    bench = Bench(tmp_path, deterministic=True)
    bench.rivals = None
    state = tmp_path / "loop.safetensors"
    async with start_tree(bench.play(), bench.learn()) as tree:
        await bench.wait(tree, bench.heard, WorkerReady)
        tree.runtime.cast("play", LoadPolicy(key="old", path=bench.bundle, version=1))
        bench.rivals = {0: PlayerSpec(policy="old")}
        bench.free(tree)
        filled = await bench.wait(tree, bench.heard, SlotFilled)
        before = await bench.wait(tree, bench.heard, LoopStats)
        after = await bench.wait(tree, bench.heard, LoopStats, lambda m: m.wall_s > before.wall_s)
        assert after.training_frames <= (STEPS + 1) * GAMES  # held
        tree.runtime.cast("learn", Learn(slot=filled.slot, generation=filled.generation, frames=filled.frames))
        learned = await bench.wait(tree, bench.said, Learned)
        tree.runtime.cast("play", SetCurrent(update=1, weights=learned.weights, save_to=str(state)))
        second = await bench.wait(tree, bench.heard, SlotFilled)
        assert state.exists(), "it was written before the loop went on"
        assert second.update == 0  # row 0 was decided before
    resumed = Bench(tmp_path / "again", deterministic=True, restore=str(state), weights=learned.weights, update=1)
    async with start_tree(resumed.play()) as tree:
        await resumed.wait(tree, resumed.heard, WorkerReady)
        resumed.free(tree)
        third = await resumed.wait(tree, resumed.heard, SlotFilled)
        assert (third.frames, third.learnable) == (second.frames, second.learnable)
        assert third.learnable < third.frames * 2  # the frozen policy was loaded again by itself
