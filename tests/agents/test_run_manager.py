"""The state of a run, and its end."""

from __future__ import annotations

import pytest

import agents.run_manager
from exphil_rt.control.wire import Done, Refused
from exphil_rt.messages.experience import TrainerUp
from exphil_rt.messages.league import RunnerUp
from exphil_rt.messages.learner import LearnMetrics, PublishNow
from exphil_rt.messages.rollout import PauseGames, ResumeGames
from exphil_rt.messages.run import (
    CheckpointRun,
    PauseRun,
    Progress,
    ResumeRun,
    Settled,
    StartingUp,
    StopRun,
    WriteFailed,
)

RUNNER = "game_runner-1"
ONLY = ("store", "telemetry", "run_manager", "population_manager")
UP = RunnerUp(runner=RUNNER, physics="sim-test")


def progress(frames):
    return Progress(update=1, frames=frames, metrics=LearnMetrics(), wait_s=0.1, learn_s=0.1)


def state(world):
    telemetry = world.actor("telemetry").state
    return telemetry.state, telemetry.message


async def running(world):
    world.tell("run_manager", TrainerUp(), UP)
    await world.until(lambda: state(world) == ("running", ""))


@pytest.mark.trio
async def test_it_runs_once_learner_and_games_are_up(make):
    async with make(*ONLY) as world:
        await world.settle()
        assert state(world)[0] == "starting"
        world.tell("run_manager", TrainerUp())
        await world.until(lambda: state(world) == ("starting", "starting the games"))
        world.tell("run_manager", StartingUp("compiling hits (6 of 9)"))
        await world.until(lambda: state(world) == ("starting", "starting the games: compiling hits (6 of 9)"))
        world.tell("run_manager", UP)
        await world.until(lambda: state(world) == ("running", ""))
        world.tell("run_manager", StartingUp("compiling the game"))  # a runner that is restarted holds up nobody
        await world.settle()
        assert state(world) == ("running", "")


@pytest.mark.trio
async def test_it_ends_once_all_frames_are_played_and_the_last_checkpoint_is_on_disk(make):
    async with make(*ONLY, **{"run.timesteps": 1000}) as world:
        await running(world)
        world.tell("run_manager", progress(999))
        await world.settle()
        assert not world.heard["trainer"]
        world.tell("run_manager", progress(1003))
        await world.heard_by("trainer", PublishNow)
        await world.heard_by(RUNNER, PauseGames)
        assert state(world) == ("stopping", "all 1,000 frames are played")
        world.tell("run_manager", Settled(generation=4, frames=1003), progress(1003))  # one that nobody asked for
        await world.settle()
        assert not world.finished
        world.tell("run_manager", Settled(generation=5, frames=1003, asked=True))
        assert await world.until(lambda: world.finished) == ["timesteps"]
        kept = world.rows(lambda db: db.progress())
        assert (kept.frames, kept.generation, kept.ended) == (1003, 5, "timesteps")
        assert len(await world.heard_by("trainer", PublishNow)) == 1


@pytest.mark.trio
async def test_a_resumed_run_that_has_played_all_frames_ends_at_once(make):
    async with make(*ONLY, **{"run.timesteps": 1000}) as world:
        await running(world)
        world.tell("run_manager", progress(1000), Settled(generation=5, frames=1000))
        await world.until(lambda: world.rows(lambda db: db.progress().frames) == 1000)
    async with make(*ONLY) as world:
        world.tell("run_manager", TrainerUp())
        await world.heard_by("trainer", PublishNow)


@pytest.mark.trio
async def test_a_stop_waits_for_the_checkpoint_but_not_for_ever(make, mock_clock):
    async with make(*ONLY, **{"daemon.stop_deadline_s": 30.0}) as world:
        await running(world)
        answer = await world.ask("run_manager", StopRun(author="tui"))
        assert isinstance(answer, Done)
        await world.heard_by("trainer", PublishNow)
        assert state(world) == ("stopping", "stopped by tui")
        assert isinstance(await world.ask("run_manager", PauseRun(author="tui")), Refused)
        mock_clock.jump(29.0)
        await world.settle()
        assert not world.finished
        mock_clock.jump(2.0)
        assert await world.until(lambda: world.finished) == ["stopped"]
        assert world.events("checkpoint_missed")
        assert world.rows(lambda db: db.progress().ended) == "stopped"


@pytest.mark.trio
async def test_a_learner_that_dies_while_the_run_stops_is_asked_again(make):
    async with make(*ONLY) as world:
        await running(world)
        await world.ask("run_manager", StopRun(author="tui"))
        await world.heard_by("trainer", PublishNow)
        world.tell("run_manager", TrainerUp())
        await world.heard_by("trainer", PublishNow, 2)


@pytest.mark.trio
async def test_without_a_learner_a_stop_waits_for_nothing(make):
    async with make(*ONLY) as world:
        await world.ask("run_manager", StopRun(author="cli"))
        assert await world.until(lambda: world.finished) == ["stopped"]


@pytest.mark.trio
async def test_pause_and_resume_by_a_person(make):
    async with make(*ONLY) as world:
        await running(world)
        assert await world.ask("run_manager", PauseRun(author="tui")) == Done("the run is paused")
        await world.heard_by(RUNNER, PauseGames)
        await world.settle()
        assert state(world) == ("paused", "paused by tui")
        assert await world.ask("run_manager", PauseRun(author="tui")) == Done("the run is paused already")
        world.tell("run_manager", UP)  # a fresh runner must not play
        await world.heard_by(RUNNER, PauseGames, 2)
        assert await world.ask("run_manager", ResumeRun(author="cli")) == Done("the run goes on")
        await world.heard_by(RUNNER, ResumeGames)
        assert [(event.event, event.author) for event in world.events()] == [("paused", "tui"), ("resumed", "cli")]
        assert await world.ask("run_manager", ResumeRun(author="cli")) == Done("the run is not paused")


@pytest.mark.trio
async def test_a_nearly_full_disk_pauses_with_one_event_and_a_person_cannot_undo_it(make, mock_clock, monkeypatch):
    free = [5e9]
    monkeypatch.setattr(agents.run_manager, "free_bytes", lambda folder: free[0])
    async with make(*ONLY, **{"store.min_free_gb": 1.0}) as world:
        await running(world)
        free[0] = 0.5e9
        for _ in range(3):
            mock_clock.jump(6.0)
            await world.settle()
        (event,) = world.events("disk_low")
        assert "Only 0.50 GB are free" in event.text
        assert state(world) == ("paused", event.text)
        refused = await world.ask("run_manager", ResumeRun(author="tui"))
        assert isinstance(refused, Refused)
        assert refused.message == event.text
        free[0] = 2e9
        mock_clock.jump(6.0)
        await world.until(lambda: state(world) == ("running", ""))
        await world.heard_by(RUNNER, ResumeGames)
        assert len(world.events("disk_freed")) == 1


@pytest.mark.trio
async def test_what_cannot_be_written_pauses_until_a_probe_can(make, mock_clock, monkeypatch):
    room = [False]
    monkeypatch.setattr(agents.run_manager, "takes", lambda folder: room[0])
    async with make(*ONLY) as world:
        await running(world)
        world.tell("run_manager", WriteFailed(text="The new weights cannot be written: No space left on device."))
        await world.until(lambda: state(world)[0] == "paused")
        mock_clock.jump(6.0)
        await world.settle()
        assert state(world)[0] == "paused"
        room[0] = True
        mock_clock.jump(6.0)
        await world.until(lambda: state(world) == ("running", ""))


@pytest.mark.trio
async def test_a_checkpoint_is_answered_when_it_is_on_disk(make, nursery):
    async with make(*ONLY) as world:
        refused = await world.ask("run_manager", CheckpointRun(author="cli"))
        assert refused.message == "The learner is still starting."
        await running(world)
        answers = []

        async def ask() -> None:
            answers.append(await world.ask("run_manager", CheckpointRun(author="cli")))

        nursery.start_soon(ask)
        await world.heard_by("trainer", PublishNow)
        world.tell("run_manager", Settled(generation=2, frames=64))
        await world.settle()
        assert not answers
        world.tell("run_manager", Settled(generation=3, frames=64, asked=True))
        await world.until(lambda: answers)
        assert answers == [Done("generation 3 at 64 frames is on disk")]

        nursery.start_soon(ask)
        await world.heard_by("trainer", PublishNow, 2)
        world.tell("run_manager", Settled(generation=0, frames=64, asked=True))  # a full disk
        await world.until(lambda: len(answers) == 2)
        assert answers[1].message == "The learner's state could not be written."
        assert world.actor("run_manager").state.generation == 3

        nursery.start_soon(ask)
        await world.heard_by("trainer", PublishNow, 3)
        world.tell("run_manager", TrainerUp())
        await world.until(lambda: len(answers) == 3)
        assert answers[2].message == "The learner was restarted before it had saved."


@pytest.mark.trio
async def test_a_restarted_manager_takes_the_run_up_again(make):
    async with make(*ONLY) as world:
        await running(world)
        await world.ask("run_manager", PauseRun(author="tui"))
        await world.restart("run_manager")
        world.tell("run_manager", TrainerUp(fresh=False), RunnerUp(runner=RUNNER, physics="sim-test", fresh=False))
        await world.until(lambda: state(world) == ("running", ""))
        await world.heard_by(RUNNER, ResumeGames)
