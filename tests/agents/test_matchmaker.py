"""Who plays whom, and what comes of it."""

from __future__ import annotations

import pytest

from exphil_rt.messages.rollout import CURRENT, RANDOM, AssignGame, LoadPolicy
from exphil_rt.messages.run import SayAgain

RUNNER = "game_runner-1"
TRAINING, RATED, OTHER_RATED, EXHIBITION = 0, 16, 17, 18
V1, V2 = "one@v1", "one@v2"


def policies(game):
    return tuple(player.policy for player in game.players)


async def begin(world, versions=1):
    """A run that plays."""
    world.trainer_up()
    for version in range(1, versions + 1):
        world.publish(version, (version - 1) * 1000)
    await world.until(lambda: len(world.events("policy_published")) == versions)
    world.runner_up()
    await world.settle()


@pytest.mark.trio
async def test_training_games_have_the_learner_on_one_side_or_both(make):
    async with make() as world:
        await begin(world, versions=2)
        games = [await world.game(slot, "training") for slot in range(16)]
        assert len({game.game_id for game in games}) == 16
        for game in games:
            for player in game.players:
                assert player.learn == (player.policy == CURRENT)
            assert CURRENT in policies(game)
            assert game.kind == "training"
            assert game.max_frames == 3600
        against = {policy for game in games for policy in policies(game)}
        assert against & {V1, V2}
        assert {policies(game)[0] == CURRENT for game in games} == {True, False}  # the learner on either port
        assert {load.key for load in await world.heard_by(RUNNER, LoadPolicy)} == against - {CURRENT}


@pytest.mark.trio
async def test_a_share_of_the_training_games_is_against_scripted_opponents(make):
    async with make(**{"league.scripted": 0.6, "league.scripted_level": 3}) as world:
        await begin(world, versions=2)
        games = [await world.game(slot, "training") for slot in range(16)]
        scripted = [policy for game in games for policy in policies(game) if policy.startswith("cpu")]
        assert 4 <= len(scripted) < 16
        assert set(scripted) <= {"cpu1", "cpu2", "cpu3"}
        assert all(CURRENT in policies(game) for game in games)
        assert {load.key for load in await world.heard_by(RUNNER, LoadPolicy)} <= {V1, V2}


@pytest.mark.trio
async def test_rated_games_come_in_pairs_with_ports_swapped(make):
    async with make() as world:
        await begin(world)
        first, second = await world.game(RATED, "rated"), await world.game(OTHER_RATED, "rated")
        assert set(policies(first)) == {V1, RANDOM}
        assert policies(second) == policies(first)[::-1]
        assert (second.characters, second.stage) == (first.characters, first.stage)
        assert first.game_id != second.game_id
        assert not any(player.learn for player in (*first.players, *second.players))


@pytest.mark.trio
async def test_a_match_is_committed_before_it_is_shown(make):
    async with make() as world:
        await begin(world)
        game = await world.game(RATED, "rated")
        world.over(game, winner=policies(game).index(V1), slot=RATED)
        telemetry = world.actor("telemetry")
        await world.until(lambda: telemetry.state.matches == 1)
        assert world.rows(lambda db: db.columns("matches")["game_id"]) == [game.game_id]
        kept = {rating.policy: rating for rating in world.rows(lambda db: db.ratings())}
        assert {rating.policy: rating for rating in telemetry.state.ratings} == kept
        assert (kept[V1].wins, kept[V1].games) == (1, 1)
        assert kept[V1].elo > kept[RANDOM].elo == 1000.0


@pytest.mark.trio
async def test_a_refused_commit_shows_nothing_and_counts_nothing(make):
    async with make() as world:
        await begin(world)
        game = await world.game(RATED, "rated")
        async with world.full_disk():
            world.over(game, winner=0, slot=RATED)
            (event,) = await world.until(lambda: world.events("store_refused"))
            assert "has no room left" in event.text
            await world.settle()
            assert world.actor("telemetry").state.matches == 0
            assert world.actor("matchmaker").state.table.played == {}
            assert world.rows(lambda db: db.ratings()) == []
        world.over(game, winner=0, slot=RATED)
        await world.until(lambda: world.actor("telemetry").state.matches == 1)


@pytest.mark.trio
async def test_void_games_count_nothing(make):
    async with make() as world:
        await begin(world)
        game = await world.game(RATED, "rated")
        world.over(game, winner=None, slot=RATED, reason="void")
        await world.settle()
        assert world.rows(lambda db: db.columns("matches")["game_id"]) == []
        again = await world.game(RATED, "rated")
        assert policies(again) == policies(game)  # its place is taken by another


@pytest.mark.trio
async def test_a_game_that_could_not_begin_is_planned_again_after_a_while(make, mock_clock):
    async with make() as world:
        await begin(world)
        game = await world.game(TRAINING, "training")
        world.over(game, None, slot=TRAINING, reason="void", frames=0, error="The policy 'x' is not loaded.")
        await world.settle()
        assert len(await world.heard_by(RUNNER, AssignGame)) == 1
        mock_clock.jump(3.0)
        assert (await world.heard_by(RUNNER, AssignGame, 2))[1].slot == TRAINING


@pytest.mark.trio
async def test_the_first_version_is_fixed_after_its_calibration_games(make):
    async with make(**{"league.calibration_games": 4}) as world:
        await begin(world)
        for _ in range(4):
            game = await world.game(RATED, "rated")
            assert set(policies(game)) == {V1, RANDOM}
            world.over(game, winner=policies(game).index(V1), slot=RATED)
            await world.settle()
        (event,) = world.events("anchor_fixed")
        assert V1 in event.text
        fixed = next(rating for rating in world.rows(lambda db: db.ratings()) if rating.policy == V1)
        assert fixed.anchor
        assert fixed.games == 4
        assert 1300.0 < fixed.elo < 1500.0  # 4 wins and an added draw: 1000 + 400 log10(9)

        world.need(RATED, "rated")  # nobody is left to rate
        await world.settle()
        count = len(await world.heard_by(RUNNER, AssignGame, 4))
        assert count == 4
        world.publish(2, 1000)
        game = (await world.heard_by(RUNNER, AssignGame, 5))[-1].game
        assert set(policies(game)) == {V1, V2}
        world.over(game, winner=policies(game).index(V2), slot=RATED)
        await world.until(lambda: world.actor("telemetry").state.win_rate_vs_first == 1.0)
        assert next(r for r in world.rows(lambda db: db.ratings()) if r.policy == V1).elo == fixed.elo
        newcomer = next(r for r in world.rows(lambda db: db.ratings()) if r.policy == V2)
        assert newcomer.elo == pytest.approx(fixed.elo + 20.0, abs=1.0)  # one step of K 40 from the same rating

        game = await world.game(RATED, "rated")  # the second of its two anchor games
        assert set(policies(game)) == {V1, V2}
        world.over(game, winner=policies(game).index(V2), slot=RATED)
        await world.until(lambda: world.actor("telemetry").state.matches == 6)
        newcomer = next(r for r in world.rows(lambda db: db.ratings()) if r.policy == V2)
        assert newcomer.elo == pytest.approx(fixed.elo + 279.6, abs=0.5)  # 2 wins and an added draw: 400 log10(5)


@pytest.mark.trio
async def test_a_resumed_run_goes_on_with_its_ratings_and_no_game_id_twice(make):
    async with make() as world:
        await begin(world, versions=2)
        game = await world.game(RATED, "rated")
        world.over(game, winner=0, slot=RATED)
        await world.until(lambda: world.actor("telemetry").state.matches == 1)
        ratings = world.actor("telemetry").state.ratings
    async with make() as world:
        world.trainer_up()
        world.runner_up()
        await world.until(lambda: world.actor("telemetry").state.matches == 1)
        assert world.actor("telemetry").state.ratings == ratings
        assert world.actor("telemetry").state.policy == V2
        returned = await world.game(RATED, "rated")
        assert policies(returned) == policies(game)[::-1]
        assert returned.game_id > game.game_id


@pytest.mark.trio
async def test_a_restarted_matchmaker_reads_what_it_had_committed(make):
    async with make() as world:
        await begin(world)
        first, second = await world.game(RATED, "rated"), await world.game(OTHER_RATED, "rated")
        world.over(first, winner=0, slot=RATED)
        await world.until(lambda: world.actor("telemetry").state.matches == 1)
        await world.restart("matchmaker")
        assert (await world.heard_by(RUNNER, SayAgain))[-1].to == "matchmaker"
        world.over(second, winner=1, slot=OTHER_RATED)  # before the runner has said its physics again
        await world.until(lambda: world.actor("telemetry").state.matches == 2)
        games = {rating.policy: rating.games for rating in world.rows(lambda db: db.ratings())}
        assert games == {V1: 2, RANDOM: 2}


@pytest.mark.trio
async def test_the_exhibition_is_the_learner_against_somebody_and_is_recorded(make):
    async with make() as world:
        await begin(world)
        game = await world.game(EXHIBITION, "exhibition")
        assert policies(game) == (CURRENT, V1)
        assert not any(player.learn for player in game.players)
        world.over(game, winner=0, slot=EXHIBITION, recording=b"what was pressed")
        file = world.context.run.replays / "exhibition" / f"{game.game_id}.rec"
        await world.until(lambda: world.actor("recorder").state.games == 1)
        assert file.read_bytes() == b"what was pressed"
        assert world.rows(lambda db: db.columns("matches")["game_id"]) == []


@pytest.mark.trio
async def test_a_rated_game_is_recorded_under_the_name_that_its_match_bears(make):
    async with make() as world:
        await begin(world)
        game = await world.game(RATED, "rated")
        world.over(game, winner=0, slot=RATED, recording=b"rated inputs")
        await world.until(lambda: world.actor("recorder").state.games == 1)
        (name,) = world.rows(lambda db: db.columns("matches")["recording"])
        assert (world.context.run.replays / name).read_bytes() == b"rated inputs"


@pytest.mark.trio
async def test_a_recording_that_cannot_be_written_is_told_once(make):
    async with make() as world:
        await begin(world)
        folder = world.context.run.replays / "exhibition"
        folder.rmdir()
        folder.write_bytes(b"in the way")
        for _ in range(2):
            game = await world.game(EXHIBITION, "exhibition")
            world.over(game, winner=0, slot=EXHIBITION, recording=b"what was pressed")
            await world.settle()
        assert world.actor("recorder").state.failed == 2
        assert len(world.events("recording_failed")) == 1


@pytest.mark.trio
async def test_games_wait_while_a_full_disk_gives_no_ids(make, mock_clock):
    async with make() as world:
        await begin(world)
        async with world.full_disk():
            world.need(TRAINING, "training")
            await world.until(lambda: world.events("store_refused"))
            await world.settle()
            assert not [m for m in world.heard[RUNNER] if type(m) is AssignGame]
        mock_clock.jump(3.0)
        assert (await world.heard_by(RUNNER, AssignGame))[0].slot == TRAINING
