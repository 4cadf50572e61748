"""Which versions the learner meets."""

from __future__ import annotations

import pytest

from exphil_rt.messages.league import GetPopulation, PolicyBroken, SampleOpponents
from exphil_rt.messages.run import RatingsChanged
from exphil_rt.messages.telemetry import Rating

ONLY = ("store", "telemetry", "population_manager")


async def members(world):
    return [member.version for member in (await world.ask("population_manager", GetPopulation())).members]


async def publish(world, *versions):
    for version in versions:
        world.publish(version, version * 1000)
    newest = f"one@v{versions[-1]}"
    await world.until(lambda: world.actor("telemetry").state.policy == newest)
    await world.settle()


@pytest.mark.trio
async def test_a_version_is_committed_before_it_is_shown(make):
    async with make(*ONLY) as world:
        key = world.publish(1, 500)
        await world.until(lambda: world.actor("telemetry").state.policy == key)
        (row,) = world.rows(lambda db: db.policies())
        assert (row.ref, row.frames, row.generation) == (key, 500, 1)
        assert row.bytes > 0
        world.publish(2, 900)
        await world.until(lambda: world.actor("telemetry").state.population == 2)
        assert world.rows(lambda db: db.policies())[1].parent == key


@pytest.mark.trio
async def test_a_version_that_could_not_be_committed_is_nobodys_opponent(make):
    async with make(*ONLY) as world:
        await publish(world, 1)
        async with world.full_disk():
            world.publish(2, 2000)
            (event,) = await world.until(lambda: world.events("policy_lost"))
            assert "one@v2 was not committed" in event.text
        assert await members(world) == [1]
        assert world.actor("telemetry").state.policy == "one@v1"


@pytest.mark.trio
async def test_the_population_is_capped_and_first_newest_and_best_stay(make):
    async with make(*ONLY, **{"league.history": 4}) as world:
        await publish(world, 1, 2, 3)
        table = tuple(Rating(policy=f"one@v{v}", elo=elo) for v, elo in ((1, 1000.0), (2, 1300.0), (3, 1100.0)))
        world.tell("population_manager", RatingsChanged(ratings=table, matches=9, win_rate_vs_first=None))
        await publish(world, *range(4, 13))
        found = await members(world)
        assert len(found) == 4
        assert {1, 2, 12} <= set(found)


@pytest.mark.trio
async def test_a_resumed_run_has_the_population_it_had(make):
    async with make(*ONLY, **{"league.history": 4}) as world:
        await publish(world, *range(1, 12))
        before = await members(world)
        assert len(before) == 4
    async with make(*ONLY) as world:
        assert await members(world) == before
        assert world.actor("telemetry").state.population == 4
        await publish(world, 12)
        assert len(await members(world)) == 4


@pytest.mark.trio
async def test_pruned_versions_do_not_come_back(make):
    async with make(*ONLY) as world:
        await publish(world, 1, 2, 3)
    run = make.context()[0].run
    with run.database() as database:
        database.mark_policies(["one@v2"], pruned=True)
    async with make(*ONLY) as world:
        assert await members(world) == [1, 3]


@pytest.mark.trio
async def test_opponents_are_drawn_by_the_games_own_key_and_at_most_three_frozen_ones_at_once(make):
    async with make(*ONLY) as world:
        await publish(world, *range(1, 9))

        async def sample() -> list[str]:
            ids = tuple(range(100))
            answer = await world.ask("population_manager", SampleOpponents(runner="r", game_ids=ids, in_play={}))
            return [opponent.key if opponent else "current" for opponent in answer.chosen]

        drawn = await sample()
        assert 30 < drawn.count("current") < 70  # half of them
        for start in range(0, 100, 30):
            assert len(set(drawn[start : start + 30]) - {"current"}) <= 6  # three, and three after a change
        await world.restart("population_manager")
        assert await sample() == drawn


@pytest.mark.trio
async def test_a_version_that_cannot_be_loaded_is_met_no_more(make):
    async with make(*ONLY) as world:
        await publish(world, 1, 2, 3)
        world.tell("population_manager", PolicyBroken(key="one@v2"))
        assert await members(world) == [1, 3]
