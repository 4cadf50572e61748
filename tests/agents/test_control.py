"""Commands of a person, over a real socket."""

from __future__ import annotations

import stat

import pytest
import trio

from exphil_rt.actor import ActorError, terminate_child
from exphil_rt.control.client import connect_async
from exphil_rt.control.wire import (
    ActorReply,
    Checkpoint,
    Done,
    GetActor,
    GetOverview,
    GetStatus,
    OverviewReply,
    Pause,
    Refused,
    RestartActor,
    Resume,
    StatusReply,
    Stop,
)
from exphil_rt.messages.experience import TrainerUp
from exphil_rt.messages.learner import PublishNow
from exphil_rt.messages.run import Settled

ONLY = ("store", "telemetry", "run_manager", "control", "population_manager")


@pytest.mark.trio
async def test_every_command_is_carried_out_and_says_who_wanted_it(make):
    async with make(*ONLY) as world:
        await world.until(world.context.socket.exists)
        assert stat.S_IMODE(world.context.socket.stat().st_mode) == 0o600
        async with connect_async(world.context.socket, author="tui") as client:
            assert client.hello.run == "one"
            status = await client.request(GetStatus())
            assert isinstance(status, StatusReply)
            assert status.status.run == "one"
            overview = await client.request(GetOverview())
            assert isinstance(overview, OverviewReply)
            assert [node.path for node in overview.overview.tree][:2] == ["sup", "sup/store"]
            page = await client.request(GetActor("sup/telemetry"))
            assert isinstance(page, ActorReply)
            assert page.report.node.name == "telemetry"
            unknown = await client.request(GetActor("root/nobody"))
            assert unknown == Refused("There is no actor root/nobody.", "`exphil-rt tree` lists them.")
            assert await client.request(Pause()) == Done("the run is paused")
            assert await client.request(Resume()) == Done("the run goes on")
            refused = await client.request(Checkpoint())
            assert refused == Refused("The learner is still starting.", "Try again in a few seconds.")
            assert world.actor("control").detail() == "1 client"
            assert isinstance(await client.request(Stop()), Done)
            await world.until(lambda: world.finished)
        assert [(event.event, event.author) for event in world.events()] == [
            ("paused", "tui"), ("resumed", "tui"), ("stopping", "tui"),
        ]  # fmt: skip


@pytest.mark.trio
async def test_a_checkpoint_is_answered_when_it_is_on_disk(make):
    async with make(*ONLY) as world:
        await world.until(world.context.socket.exists)
        world.tell("run_manager", TrainerUp())
        answers = []
        async with connect_async(world.context.socket) as client, trio.open_nursery() as nursery:

            async def ask() -> None:
                answers.append(await client.request(Checkpoint()))

            nursery.start_soon(ask)
            await world.heard_by("trainer", PublishNow)
            assert isinstance(await client.request(GetStatus()), StatusReply)  # nobody else has to wait
            assert not answers
            world.tell("run_manager", Settled(generation=9, frames=4096, asked=True))
            await world.until(lambda: answers)
        assert answers == [Done("generation 9 at 4,096 frames is on disk")]


@pytest.mark.trio
async def test_an_actor_is_restarted_on_request(make):
    async with make(*ONLY) as world:
        await world.until(world.context.socket.exists)
        before = world.tree.pid("population_manager")
        async with connect_async(world.context.socket, author="tui") as client:
            done = await client.request(RestartActor("sup/population_manager"))
            assert done == Done("sup/population_manager was restarted")
            assert world.tree.pid("population_manager") != before
            (event,) = await world.until(lambda: world.events("restart_asked"))
            assert (event.author, event.text) == ("tui", "sup/population_manager is restarted.")
            for path in ("sup/nobody", "nowhere", ""):
                refused = await client.request(RestartActor(path))
                assert refused == Refused(f"There is no actor {path}.", "`exphil-rt tree` lists them.")
            for path in ("sup", "sup/control"):
                refused = await client.request(RestartActor(path))
                assert isinstance(refused, Refused)
                assert "holds this connection" in refused.message


@pytest.mark.trio
async def test_what_is_asked_of_an_actor_that_is_down_is_refused_in_one_sentence(make):
    async with make(*ONLY) as world:
        await world.until(world.context.socket.exists)
        async with connect_async(world.context.socket) as client:
            await terminate_child("sup", "run_manager")
            refused = await client.request(Pause())
            assert isinstance(refused, Refused)
            assert "run_manager" in refused.message
            assert "\n" not in refused.message
        with pytest.raises(ActorError):
            await world.ask("run_manager", Pause())
