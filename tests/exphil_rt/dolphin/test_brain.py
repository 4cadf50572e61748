"""The inference process's loop over a real link: several frames a call, swaps from disk, consoles that come and go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dolphin_parts import manifest_of, states
from rollout_parts import small_policy

from exphil_rt.dolphin.brain import MAX_WAITING, Brain
from exphil_rt.dolphin.link import SWAPPED, Ask, LinkLost
from exphil_rt.dolphin.plan import DelayImpossible, PolicyTooSlow, check_speed, plan_delay
from exphil_rt.messages.brain import BrainArgs, BrainMeasured, BrainSeat
from exphil_rt.messages.rollout import SwapPolicy, SwapTold
from exphil_rt.policy.bundle import save_bundle

torch.set_num_threads(1)
DELAY = 2


STATES = states(5000)


def asks(count, port=0, epoch=1, delay=DELAY, first=0):
    frames = STATES
    committed, mask = np.zeros((delay, 13), np.uint8), np.ones(delay, np.uint8)
    committed[:, 8:12] = 8
    return [
        Ask(port, epoch, 7, int(frames.frame[t]), 0, delay, frames[t : t + 1], committed, mask)
        for t in range(first, first + count)
    ]


@pytest.fixture
def waiting_brain():
    """Makes brains of ``random`` without a link."""
    made = []

    def make(port=0, delay=DELAY, batch_steps=1):
        seat = BrainSeat(port=port, policy="random", delay=delay, batch_steps=batch_steps)
        made.append(Brain(BrainArgs(seats=(seat,))))
        return made[-1]

    yield make
    for brain in made:
        brain.close()


@pytest.fixture
def playing(served):
    def make(**more):
        policy = small_policy(delay=DELAY)
        return served(policy, manifest_of(policy, "old"), **more)

    return make


@pytest.fixture
def saved(tmp_path):
    def save(policy, version=2, **more):
        path = tmp_path / "policies" / f"new@v{version}"
        save_bundle(path, policy, manifest_of(policy, version=version, **more))
        return SwapPolicy(id=version, slot=0, port=0, key=path.name, path=str(path), version=version)

    return save


def test_a_console_is_told_who_plays_and_how(playing):
    (ready,) = playing(batch_steps=3).ready
    assert (ready.player, ready.delay, ready.dmax, ready.batch_steps, ready.version) == (0, 2, 2, 3, "old@v1")
    assert ready.codec == small_policy().config.codec


def test_frames_that_wait_are_decided_in_one_call(waiting_brain):
    brain = waiting_brain(batch_steps=3)
    for one in asks(3):
        brain.take(one)
    assert [len(brain.decide()) for _ in range(2)] == [3, 0]
    assert (brain.stats().decisions, brain.stats().waiting) == (3, 0)


@pytest.mark.parametrize(("steps", "calls"), [(3, [6, 2, 0]), (1, [1, 1, 1])])
def test_who_is_behind_catches_up_where_a_call_may_decide_several(waiting_brain, steps, calls):
    brain = waiting_brain(batch_steps=steps)
    for one in asks(8):
        brain.take(one)
    assert [len(brain.decide()) for _ in range(3)] == calls


def test_who_is_a_second_behind_lets_frames_go(waiting_brain):
    brain = waiting_brain(batch_steps=3)
    for one in asks(MAX_WAITING + 1):
        brain.take(one)
    assert [answer.frame for answer in brain.decide()] == [int(f) for f in STATES.frame[:61][-3:]]
    assert brain.stats().skipped == MAX_WAITING - 2


def test_each_game_is_decided_for_itself_in_a_call(waiting_brain):
    brain = waiting_brain(port=1, delay=0, batch_steps=5)
    for one in (*asks(3, 1, 1, 0), *asks(4, 1, 2, 0)):
        brain.take(one)
    assert [answer.epoch for answer in brain.decide()] == [1, 1, 1]
    assert [answer.epoch for answer in brain.decide()] == [2, 2, 2, 2]
    assert not brain.waiting


def test_a_console_that_comes_anew_finds_the_policies_warm(playing):
    brain = playing()
    first = brain.ask(*asks(5))
    brain.link.close()
    brain.link, ready = brain.connect()
    assert [one.version for one in ready] == ["old@v1"]
    again = brain.ask(*asks(5, epoch=2))
    assert [bytes(a.action) for a in again] == [bytes(a.action) for a in first]


def test_a_newer_console_takes_the_place_of_the_one_before(playing):
    brain = playing()
    old = brain.link
    brain.link, _ = brain.connect()
    assert len(brain.ask(*asks(2))) == 2
    with pytest.raises(LinkLost):
        old.receive(5.0)
    old.close()


def test_a_swap_is_loaded_beside_the_game_and_its_first_frame_is_flagged(playing, saved):
    brain = playing()
    brain.tell(saved(small_policy("mlp", seed=7, delay=DELAY)))
    answers, told, at = [], [], 0
    while len(told) < 2 and at < 5000:
        answers += brain.ask(*asks(1, first=at))
        told += brain.told(SwapTold)
        at += 1
    assert [one.stage for one in told] == ["taken_over", "settled"], (told, at)
    (flagged,) = [answer for answer in answers if answer.flags & SWAPPED]
    assert [one.stage for one in told] == ["taken_over", "settled"]
    assert (flagged.frame, flagged.due, flagged.version) == (told[0].frame, told[0].due, "new@v2")
    assert {answer.version for answer in answers} == {"old@v1", "new@v2"}


@pytest.mark.slow
def test_what_8_bit_weights_change_is_measured_once_on_the_games_own_frames(playing):
    one = playing(engine="onnx-int8")
    for first in range(0, 320, 40):
        one.ask(*asks(40, first=first))
    told = one.until_told(BrainMeasured)
    assert (told.policy, told.frames) == ("old@v1", 256)
    assert 0 < told.other_actions < 128 or told.kl > 0
    assert told.kl < 0.1
    one.ask(*asks(1, first=320))
    assert one.told(BrainMeasured) == []


def test_what_cannot_be_swapped_in_is_refused_in_a_sentence(playing, saved):
    brain = playing()
    brain.tell(saved(small_policy(delay=3)))
    assert "delay: 3 where the agent has 2" in brain.until_told(SwapTold).reason
    gone = saved(small_policy(delay=2), version=3)
    brain.tell(SwapPolicy(id=4, slot=0, port=0, key="gone@v1", path=f"{gone.path}-gone", version=1))
    assert "is no policy bundle" in brain.until_told(SwapTold).reason
    brain.tell(SwapPolicy(id=5, slot=0, port=1, key="new@v3", path=gone.path, version=3))
    assert brain.until_told(SwapTold).reason == "No policy plays player 2."


def test_a_delay_is_shared_out():
    assert str(plan_delay(18, 2)) == "delay 18 = 2 console + 16 headroom"
    assert plan_delay(18).console == 2
    assert (plan_delay(2).console, plan_delay(2).waits) == (0, False)
    alone = plan_delay(1)
    assert (alone.console, alone.waits, alone.batch_steps) == (0, True, 1)
    assert plan_delay(18, 0, 7).batch_steps == 7
    short = plan_delay(6, 0, 7)
    assert (short.batch_steps, short.waits) == (1, True)
    forced = plan_delay(3, 0, 7, force=True)
    assert (forced.batch_steps, forced.waits) == (7, False)
    with pytest.raises(DelayImpossible, match="delay 2 cannot play on a console with delay 5"):
        plan_delay(2, 5)


def test_a_policy_that_cannot_keep_up_is_refused_with_the_figure():
    check_speed("slow@v1", 0.1, 7)
    with pytest.raises(PolicyTooSlow, match=r"slow@v1 takes 33\.3 ms a frame"):
        check_speed("slow@v1", 0.1, 3)
    check_speed("slow@v1", 0.1, 3, force=True)
