"""What a person is shown."""

from __future__ import annotations

import pytest

from agents.telemetry import SERIES_POINTS, LoopReading
from exphil_rt.actor import LagReport
from exphil_rt.control.wire import GetActor, GetOverview, GetStatus
from exphil_rt.messages.learner import LearnMetrics
from exphil_rt.messages.rollout import LoopStats, Samples
from exphil_rt.messages.run import Flush, Note, Progress
from exphil_rt.messages.store import AllWritten
from exphil_rt.messages.telemetry import GameSample, PlayerSample

ONLY = ("store", "telemetry", "run_manager", "population_manager")


def stats(wall, frames, game=0.0, inference=0.0, waiting=0.0):
    return LoopStats(
        wall_s=wall, game_s=game, inference_s=inference, waiting_s=waiting, other_s=0.0, training_frames=frames,
        other_frames=0, games=0,
    )  # fmt: skip


def reading(*args, runner="game_runner-1", **fields):
    return LoopReading(runner=runner, stats=stats(*args, **fields))


def progress(frames, loss=1.0, wait=1.0, learn=1.0):
    return Progress(update=1, frames=frames, metrics=LearnMetrics(loss=loss), wait_s=wait, learn_s=learn)


@pytest.mark.trio
async def test_rates_and_shares_come_from_two_readings(make):
    async with make(*ONLY) as world:
        world.tell("telemetry", reading(10.0, 1000, game=2.0, inference=4.0, waiting=1.0))
        assert (await world.ask("telemetry", GetStatus())).frames_per_s == 0.0
        world.tell("telemetry", reading(12.0, 1600, game=2.5, inference=5.0, waiting=1.2))
        status = await world.ask("telemetry", GetStatus())
        assert status.frames_per_s == pytest.approx(300.0)
        assert status.shares.game == pytest.approx(0.25)
        assert status.shares.inference == pytest.approx(0.5)
        assert status.shares.waiting == pytest.approx(0.1)
        world.tell("telemetry", reading(1.0, 50))  # a fresh process counts from zero
        world.tell("telemetry", reading(2.0, 150))
        assert (await world.ask("telemetry", GetStatus())).frames_per_s == pytest.approx(100.0)


@pytest.mark.trio
async def test_the_rates_of_several_runners_add_up(make):
    async with make(*ONLY) as world:
        for runner in ("game_runner-1", "game_runner-2"):
            world.tell("telemetry", reading(1.0, 0, runner=runner), reading(2.0, 250, runner=runner))
        assert (await world.ask("telemetry", GetStatus())).frames_per_s == pytest.approx(500.0)


@pytest.mark.trio
async def test_a_long_series_keeps_its_span_and_its_mean(make):
    async with make(*ONLY) as world:
        count = 2 * SERIES_POINTS
        for step in range(count):
            world.tell("telemetry", progress(step, loss=float(step)))
        series = {s.name: s for s in (await world.ask("telemetry", GetOverview())).series}["loss"]
        assert len(series.values) == SERIES_POINTS
        assert series.frames[-1] == count - 1
        assert sum(series.values) / len(series.values) == pytest.approx((count - 1) / 2)


@pytest.mark.trio
async def test_metrics_are_kept_and_a_resumed_run_shows_them(make):
    async with make(*ONLY) as world:
        world.tell("telemetry", progress(100, loss=2.0), progress(200, loss=1.5))
        await world.ask("telemetry", Flush())
        await world.ask("store", AllWritten())
        assert world.rows(lambda db: db.recent_metrics("loss", 10)) == [(100, 2.0), (200, 1.5)]
    async with make(*ONLY) as world:
        series = {s.name: s for s in (await world.ask("telemetry", GetOverview())).series}["loss"]
        assert (series.frames, series.values) == ((100, 200), (2.0, 1.5))


@pytest.mark.trio
async def test_a_note_becomes_an_event_a_row_and_a_message_and_numbers_go_on(make):
    async with make(*ONLY) as world:
        note = Note(level="warn", actor="trainer", event="child_exit", text="It ended.", report={"restarts": "1"})
        world.tell("telemetry", note, note)
        await world.until(lambda: len(world.rows(lambda db: db.events())) == 2)
        first, second = world.rows(lambda db: db.events())
        assert (first.level, first.actor, first.event, first.text) == ("warn", "trainer", "child_exit", "It ended.")
        assert first.report == {"restarts": "1"}
        assert second.seq == first.seq + 1
    async with make(*ONLY) as world:
        world.tell("telemetry", note)
        overview = await world.ask("telemetry", GetOverview())
        assert [event.seq for event in overview.events] == [first.seq, first.seq + 1, first.seq + 2]


class Watched:
    """A hub that says who watches, and keeps what was published."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.published: list[str] = []

    def wanted(self, topic: str) -> bool:
        return topic in self.topics

    def publish(self, topic: str, update: object) -> None:
        self.published.append(topic)


@pytest.mark.trio
async def test_the_overview_is_only_made_when_somebody_watches(make, mock_clock):
    async with make(*ONLY) as world:
        world.context.hub = hub = Watched()
        mock_clock.jump(0.3)
        await world.settle()
        assert hub.published == []
        hub.topics.add("overview")
        mock_clock.jump(0.3)
        await world.settle()
        assert hub.published == ["overview"]


@pytest.mark.trio
async def test_games_are_shown_by_slot_the_newest_state_of_each(make):
    player = PlayerSample(policy="random", character=1, x=0.0, y=0.0, facing=1.0, percent=0.0, stocks=4, state=14)

    def sample(slot: int, frame: int) -> GameSample:
        return GameSample(slot=slot, game_id=1, kind="training", stage=32, frame=frame, players=(player, player))

    async with make(*ONLY) as world:
        world.tell("telemetry", Samples(games=(sample(1, 5), sample(0, 5))), Samples(games=(sample(1, 6),)))
        games = (await world.ask("telemetry", GetOverview())).games
        assert [(game.slot, game.frame) for game in games] == [(0, 5), (1, 6)]


@pytest.mark.trio
async def test_an_actors_page(make):
    async with make(*ONLY) as world:
        page = await world.ask("telemetry", GetActor("sup/store"))
        assert page.node.name == "store"
        assert '"commits"' in page.state
        assert [child.name for child in (await world.ask("telemetry", GetActor("sup"))).children][:2] == [
            "store", "telemetry",
        ]  # fmt: skip
        assert await world.ask("telemetry", GetActor("sup/nobody")) is None


@pytest.mark.trio
async def test_a_restarted_telemetry_is_told_again_what_it_shows(make):
    async with make() as world:
        world.trainer_up()
        key = world.publish(1, 100)
        world.runner_up()
        await world.until(lambda: world.actor("telemetry").state.state == "running")
        await world.until(lambda: world.actor("telemetry").state.ratings)
        before = await world.ask("telemetry", GetOverview())
        await world.restart("telemetry")
        await world.until(lambda: world.actor("telemetry").state.state == "running")
        await world.until(lambda: world.actor("telemetry").state.policy == key)
        await world.until(lambda: world.actor("telemetry").state.ratings == before.ratings)
        assert [event.seq for event in world.events()] == [event.seq for event in before.events]


@pytest.mark.trio
async def test_the_lag_of_the_daemons_loop_is_in_the_status(make):
    async with make(*ONLY) as world:
        assert (await world.ask("telemetry", GetStatus())).loop_lag_ms is None
        lag = LagReport(
            seconds=10.0, ticks=600, gross_p50_ms=0.1, gross_p99_ms=3.5, gross_max_ms=9.0, net_p50_ms=0.1,
            net_p99_ms=1.25, net_max_ms=2.0, run_queue_ms=40.0, run_queue_known=True,
        )  # fmt: skip
        world.tell("telemetry", lag)
        status = await world.ask("telemetry", GetStatus())
        assert (status.loop_lag_ms, status.loop_lag_own_ms) == (3.5, 1.25)
