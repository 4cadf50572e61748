"""Hot swaps as a person asks for them: which agent is meant, what is answered, what is kept as an event."""

from __future__ import annotations

import pytest
from rollout_parts import small_policy

from agents.swap_desk import SWAP_S
from exphil_rt.control.client import connect_async
from exphil_rt.control.wire import Done, HotSwap, Refused
from exphil_rt.messages.league import RunnerUp
from exphil_rt.messages.rollout import SwapPolicy, SwapTold
from exphil_rt.messages.run import SwapAgent
from exphil_rt.policy.bundle import save_bundle
from exphil_rt.policy.manifest import Manifest

RUNNER = "game_runner-1"
ONLY = ("store", "telemetry", "control", "experience", "inference_worker")
UP = RunnerUp(runner=RUNNER, physics="sim-test")


def swap(target="exhibition:2", policy="new"):
    return SwapAgent(author="tui", target=target, policy=policy)


def word(asked, stage, **more):
    fields = {"game_id": 4, "old": "old@v1", "key": asked.key, "frame": 60, "due": 61, "decisions": 1, "cost_ms": 0.4}
    return SwapTold(id=asked.id, stage=stage, slot=asked.slot, port=asked.port, **(fields | more))


@pytest.fixture
def saved(make):
    def into(world):
        policy = small_policy()
        manifest = Manifest(name="new", version=2, config=policy.config)
        save_bundle(world.context.home.policies / "new@v2", policy, manifest)

    return into


@pytest.mark.trio
async def test_a_swap_is_answered_when_it_has_taken_over_and_its_end_is_an_event(make, saved, nursery):
    async with make(*ONLY) as world:
        saved(world)
        world.tell("inference_worker", UP)
        await world.until(world.context.socket.exists)
        async with connect_async(world.context.socket, author="tui") as client:
            answers = []

            async def ask():
                answers.append(await client.request(HotSwap(target="exhibition:2", policy="new"), 10.0))

            nursery.start_soon(ask)
            (asked,) = await world.heard_by(RUNNER, SwapPolicy)
            config = world.context.config
            assert asked.slot == world.context.games_per_runner + config.rollout.rated_games
            assert (asked.port, asked.key, asked.version) == (1, "new@v2", 2)
            await world.settle()
            assert not answers
            world.tell("inference_worker", word(asked, "taken_over"))
            (answer,) = await world.until(lambda: answers)
        assert isinstance(answer, Done)
        assert "new@v2 plays exhibition:2 in place of old@v1" in answer.text
        world.tell("inference_worker", word(asked, "settled", decisions=120))
        await world.settle()
        first, last = world.events("swap_taken_over") + world.events("swap_settled")
        assert first.author == last.author == "tui"
        assert (first.report["frame"], first.report["due"], last.report["decisions"]) == ("60", "61", "120")


@pytest.mark.trio
async def test_a_rolled_back_swap_is_a_warning_with_its_reason(make, saved, nursery):
    async with make(*ONLY) as world:
        saved(world)
        world.tell("inference_worker", UP)
        nursery.start_soon(world.ask, "inference_worker", swap())
        (asked,) = await world.heard_by(RUNNER, SwapPolicy)
        world.tell("inference_worker", word(asked, "taken_over"))
        reason = "it gave a value that is no number"
        world.tell("inference_worker", word(asked, "rolled_back", reason=reason, decisions=31))
        await world.settle()
        (event,) = world.events("swap_rolled_back")
        assert event.level == "warn"
        assert event.text == f"exhibition:2 was given back to old@v1 after 31 decisions of new@v2: {reason}."


@pytest.mark.trio
async def test_a_swap_that_nobody_answers_ends_at_its_deadline(make, saved, nursery, mock_clock):
    async with make(*ONLY) as world:
        saved(world)
        world.tell("inference_worker", UP)
        answers = []

        async def ask():
            answers.append(await world.runtime.call("inference_worker", swap(), 60.0))

        nursery.start_soon(ask)
        await world.heard_by(RUNNER, SwapPolicy)
        mock_clock.jump(SWAP_S + 1.0)
        (answer,) = await world.until(lambda: answers)
        assert answer == Refused("Nothing was heard of the swap of exhibition:2 for 20 s.")


@pytest.mark.trio
@pytest.mark.parametrize(
    ("target", "policy", "message"),
    [
        ("here", "new", "'here' names no agent."),
        ("3:3", "new", "'3:3' names no agent."),
        ("exhibition", "neww", "There is no policy 'neww'."),
        ("exhibition", "new@v7", "There is no new@v7."),
    ],
)
async def test_what_is_not_there_is_refused_in_a_sentence(make, saved, target, policy, message):
    async with make(*ONLY) as world:
        saved(world)
        world.tell("inference_worker", UP)
        answer = await world.ask("inference_worker", swap(target, policy))
        assert isinstance(answer, Refused)
        assert answer.message == message
        assert answer.hint


@pytest.mark.trio
async def test_without_games_nobody_is_swapped(make, saved):
    async with make(*ONLY) as world:
        saved(world)
        answer = await world.ask("inference_worker", swap())
        assert answer == Refused("No games are played at this moment.", "Try again when they are.")
