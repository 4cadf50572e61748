"""Which policies an engine holds."""

from __future__ import annotations

import pytest

from agents.inference_worker import IDLE_POLICIES
from exphil_rt.messages.experience import CurrentWeights, GetCurrent
from exphil_rt.messages.league import GameOver, GamePlanned, PolicyFile, RunnerUp
from exphil_rt.messages.rollout import (
    AssignGame,
    FreeSlot,
    GameEnded,
    GameSpec,
    LoadPolicy,
    PlayerSpec,
    SetCurrent,
    UnloadPolicy,
)
from exphil_rt.messages.run import SayAgain

RUNNER = "game_runner-1"
ONLY = ("inference_worker", "experience")
UP = RunnerUp(runner=RUNNER, physics="sim-test")


def planned(game_id, *keys):
    players = tuple(PlayerSpec(policy=key) for key in (*keys, "random", "random")[:2])
    game = GameSpec(game_id=game_id, kind="rated", stage=32, characters=(1, 1), players=players)
    files = tuple(PolicyFile(key=key, path=f"/policies/{key}", version=1) for key in keys)
    return GamePlanned(runner=RUNNER, slot=game_id, game=game, policies=files)


def over(plan):
    ended = GameEnded(
        slot=plan.slot, game=plan.game, reason="stocks", winner=0, stocks=(1, 0), percent=(0.0, 0.0), frames=99
    )
    return GameOver(runner=RUNNER, ended=ended)


def heard(world, *kinds):
    return [message for message in world.heard[RUNNER] if type(message) in kinds]


@pytest.mark.trio
async def test_a_policy_is_loaded_once_and_before_the_game_that_names_it(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", UP, planned(1, "a@v1"), planned(2, "a@v1", "b@v1"))
        await world.heard_by(RUNNER, AssignGame, 2)
        order = [
            message.key if type(message) is LoadPolicy else message.game.game_id
            for message in heard(world, LoadPolicy, AssignGame)
        ]
        assert order == ["a@v1", 1, "b@v1", 2]


@pytest.mark.trio
async def test_games_planned_for_a_process_that_is_gone_are_dropped(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", planned(1, "a@v1"), UP, planned(2, "a@v1"))
        (assigned,) = await world.heard_by(RUNNER, AssignGame)
        assert assigned.game.game_id == 2


@pytest.mark.trio
async def test_the_longest_unused_policies_are_unloaded_and_never_one_in_play(make):
    async with make(*ONLY) as world:
        plans = [planned(n, f"p@v{n}") for n in range(1, IDLE_POLICIES + 4)]
        world.tell("inference_worker", UP, *plans)
        world.tell("inference_worker", *(over(plan) for plan in plans[1:]))  # the first one plays on
        world.tell("inference_worker", planned(99, "new@v1"))
        unloaded = await world.heard_by(RUNNER, UnloadPolicy, 2)
        await world.settle()
        assert [message.key for message in unloaded] == ["p@v2", "p@v3"]
        world.tell("inference_worker", planned(100, "p@v2"))
        loads = await world.heard_by(RUNNER, LoadPolicy, len(plans) + 2)
        assert loads[-1].key == "p@v2"


@pytest.mark.trio
async def test_a_runner_waits_for_the_trainers_weights(make, nursery):
    async with make(*ONLY) as world:
        answers = []

        async def start() -> None:
            answers.append(await world.ask("inference_worker", GetCurrent()))

        nursery.start_soon(start)
        await world.settle()
        assert not answers
        weights = CurrentWeights(update=7, weights="w7")
        world.tell("inference_worker", weights)
        assert await world.until(lambda: answers) == [weights]
        assert await world.ask("inference_worker", GetCurrent()) == weights


@pytest.mark.trio
async def test_after_the_learners_end_a_runner_waits_for_the_next_one(make, nursery):
    async with make(*ONLY) as world:
        world.tell("inference_worker", CurrentWeights(update=7, weights="w7"))
        assert (await world.ask("inference_worker", GetCurrent())).update == 7
        await world.restart("trainer")
        answers = []

        async def start() -> None:
            answers.append(await world.ask("inference_worker", GetCurrent()))

        nursery.start_soon(start)
        await world.settle()
        assert not answers
        world.tell("inference_worker", CurrentWeights(update=5, weights="w5"))  # of its last generation
        assert (await world.until(lambda: answers))[0].update == 5


@pytest.mark.trio
async def test_a_fresh_runner_gets_the_newest_weights_and_then_its_slots(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", CurrentWeights(update=1, weights="w1"), UP)
        await world.heard_by(RUNNER, FreeSlot, 3)
        assert [type(message) for message in world.heard[RUNNER]] == [SetCurrent, FreeSlot, FreeSlot, FreeSlot]
        world.tell("inference_worker", CurrentWeights(update=2, weights="w2"))
        assert [m.update for m in await world.heard_by(RUNNER, SetCurrent, 2)] == [1, 2]


@pytest.mark.trio
async def test_a_restarted_owner_asks_trainer_and_runner_and_goes_on(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", CurrentWeights(update=1, weights="w1"), UP)
        await world.restart("inference_worker")
        for name in ("trainer", RUNNER):
            (asked,) = await world.heard_by(name, SayAgain)
            assert asked.to == "inference_worker"
        world.tell("inference_worker", CurrentWeights(update=1, weights="w1"))
        world.tell("inference_worker", RunnerUp(runner=RUNNER, physics="sim-test", fresh=False), planned(5, "a@v1"))
        await world.heard_by(RUNNER, AssignGame)
        assert (await world.ask("inference_worker", GetCurrent())).update == 1
