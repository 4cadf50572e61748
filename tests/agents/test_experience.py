"""Who owns which slot."""

from __future__ import annotations

import pytest

from exphil_rt.messages.experience import SlotLearned, SlotReady, TrainerUp
from exphil_rt.messages.league import RunnerUp
from exphil_rt.messages.learner import Learn
from exphil_rt.messages.rollout import FreeSlot, SlotFilled
from exphil_rt.messages.run import SayAgain

RUNNER = "game_runner-1"
OTHER = "game_runner-2"
ONLY = ("experience", "inference_worker")


def up(runner, **fields):
    return RunnerUp(runner=runner, physics="sim-test", **fields)


def full(slot, runner=RUNNER):
    filled = SlotFilled(slot=slot.slot, generation=slot.generation, frames=32, learnable=60, update=0)
    return SlotReady(runner=runner, filled=filled)


@pytest.mark.trio
async def test_a_runner_that_comes_up_gets_all_slots_and_full_ones_go_to_the_trainer(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", up(RUNNER))
        granted = await world.heard_by(RUNNER, FreeSlot, 3)
        assert sorted(slot.slot for slot in granted) == [0, 1, 2]
        world.tell("experience", full(granted[0]))
        (learn,) = await world.heard_by("trainer", Learn)
        assert (learn.slot, learn.generation, learn.frames) == (granted[0].slot, granted[0].generation, 32)
        world.tell("experience", SlotLearned(slot=learn.slot, generation=learn.generation))
        again = (await world.heard_by(RUNNER, FreeSlot, 4))[-1]
        assert again.slot == learn.slot
        assert again.generation > learn.generation


@pytest.mark.trio
async def test_what_a_dead_runner_was_filling_is_granted_anew_and_its_old_words_count_nothing(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", up(RUNNER))
        old = await world.heard_by(RUNNER, FreeSlot, 3)
        world.tell("inference_worker", up(RUNNER))
        new = (await world.heard_by(RUNNER, FreeSlot, 6))[3:]
        assert sorted(slot.slot for slot in new) == [0, 1, 2]
        world.tell("experience", *(full(slot) for slot in old))  # said by the process before, or a slot twice in line
        world.tell("experience", SlotLearned(slot=old[0].slot, generation=old[0].generation))
        await world.settle()
        assert not [m for m in world.heard["trainer"] if type(m) is Learn]
        world.tell("experience", *(full(slot) for slot in new))
        assert len(await world.heard_by("trainer", Learn, 3)) == 3


@pytest.mark.trio
async def test_a_fresh_trainer_gets_what_the_old_one_had_not_learned(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", up(RUNNER))
        granted = await world.heard_by(RUNNER, FreeSlot, 3)
        world.tell("experience", full(granted[0]), full(granted[1]))
        first, second = await world.heard_by("trainer", Learn, 2)
        world.tell("experience", SlotLearned(slot=first.slot, generation=first.generation), TrainerUp())
        assert (await world.heard_by("trainer", Learn, 3))[2] == second


@pytest.mark.trio
async def test_slots_are_shared_out_evenly(make):
    async with make(*ONLY, **{"rollout.workers": 2}) as world:
        world.tell("inference_worker", up(RUNNER), up(OTHER))
        mine = await world.heard_by(RUNNER, FreeSlot, 2)
        theirs = await world.heard_by(OTHER, FreeSlot, 2)
        await world.settle()
        assert len(world.heard[RUNNER]) == len(world.heard[OTHER]) == 2
        assert sorted(slot.slot for slot in (*mine, *theirs)) == [0, 1, 2, 3]
        world.tell("experience", full(mine[0]))
        (learn,) = await world.heard_by("trainer", Learn)
        world.tell("experience", SlotLearned(slot=learn.slot, generation=learn.generation))
        assert len(await world.heard_by(RUNNER, FreeSlot, 3)) == 3  # the one that has fewest


@pytest.mark.trio
async def test_a_restarted_keeper_asks_who_holds_what_and_loses_no_slot(make):
    async with make(*ONLY) as world:
        world.tell("inference_worker", up(RUNNER))
        granted = await world.heard_by(RUNNER, FreeSlot, 3)
        world.tell("experience", full(granted[0]), full(granted[1]))
        learns = await world.heard_by("trainer", Learn, 2)
        await world.restart("experience")
        for name in (RUNNER, "trainer"):
            assert (await world.heard_by(name, SayAgain))[-1].to == "experience"
        # Slot 1's learner was done with it, but that was said to the one before.
        world.tell("experience", TrainerUp(fresh=False, learning=(learns[0],)))
        held = {granted[2].slot: granted[2].generation}
        world.tell("experience", up(RUNNER, fresh=False, held=held))
        (again,) = (await world.heard_by(RUNNER, FreeSlot, 4))[3:]
        assert again.slot == granted[1].slot
        world.tell("experience", full(granted[2]))
        assert (await world.heard_by("trainer", Learn, 3))[-1].slot == granted[2].slot
        world.tell("experience", SlotLearned(slot=learns[0].slot, generation=learns[0].generation))
        assert (await world.heard_by(RUNNER, FreeSlot, 5))[-1].slot == learns[0].slot
