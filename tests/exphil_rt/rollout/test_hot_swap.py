"""Hot swaps in running games: who takes over when, what is kept, what is rolled back, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from rollout_parts import ITSELF, Clock, small_policy, supply_of

from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.inference.hot_swap import GUARD_DECISIONS, SHADOW_DECISIONS
from exphil_rt.messages.rollout import CURRENT, GameEnded, SwapPolicy, SwapTold
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.rollout.recording import actions_of, replay, setup_of, unpack
from exphil_rt.rollout.swaps import SwapRefused
from exphil_rt.sim import EmbeddedLane

EXHIBITION = 1
"""Slot of the exhibition in these loops: one training game, then it."""


def ask(slot=EXHIBITION, port=0, key="new@v2", ident=1):
    return SwapPolicy(id=ident, slot=slot, port=port, key=key, path="", version=2)


def told(loop):
    return [event for event in loop.events if isinstance(event, SwapTold)]


@pytest.fixture
def watched(make_loop):
    """A loop with one training game and an exhibition that never waits, and its clock."""

    def make(policy, **more):
        clock = Clock()
        more = {"supply": supply_of(max_frames=0)} | more
        loop = make_loop(policy, games=1, exhibition=True, clock=clock, **more)

        def run(frames):
            for _ in range(frames):
                clock.now += 1 / 60
                loop.tick()

        loop.run = run
        return loop

    return make


def exhibition_frame(loop):
    return int(loop.lane.frames(np.array([EXHIBITION], np.int32)).frame[0])


@pytest.mark.parametrize("delay", [0, 3])
def test_a_policy_takes_over_between_two_frames_and_stays(watched, delay):
    loop = watched(small_policy(delay=delay))
    loop.run(300)
    new = small_policy("mlp", seed=7, delay=delay)
    loop.swap(ask(), new)
    before = exhibition_frame(loop)
    loop.run(400)
    first, second = told(loop)
    assert (first.stage, second.stage) == ("taken_over", "settled")
    assert first.warmed > 256
    assert before + SHADOW_DECISIONS <= first.frame < before + 80
    assert first.due == first.frame + delay + 1
    assert second.decisions == GUARD_DECISIONS
    assert loop.seats.engine.assigned(2 * EXHIBITION) == "new@v2"
    assert loop.seats.engine.assigned(2 * EXHIBITION + 1) == CURRENT
    assert loop.table.specs[EXHIBITION].players[0].label == "new@v2"
    assert loop.seats.queue.counts.total() == dict.fromkeys(loop.seats.queue.counts.total(), 0)
    assert exhibition_frame(loop) == FIRST_FRAME + 700


def test_the_new_policy_decides_as_if_it_had_played_all_along(make_loop):
    """Warmed on the past, its recurrent state is that of a policy that saw the whole game."""
    new = small_policy(seed=7, delay=2)

    def actions(swap):
        clock = Clock()
        loop = make_loop(
            small_policy(seed=1, delay=2), games=1, exhibition=True, clock=clock, supply=supply_of(max_frames=0)
        )
        for frame in range(440):
            if swap and frame == 200:
                loop.swap(ask(), new)
            clock.now += 1 / 60
            loop.tick()
        return loop

    loop = actions(swap=True)
    first, last = told(loop)
    assert last.stage == "settled"
    # The same frames, committed actions and draws, shown to the policy from the first frame on.
    swap = loop.seats.engine.state(np.array([2 * EXHIBITION]))["new@v2"]
    recorded = unpack_game(loop)
    replayed = state_after(new, loop, recorded)
    for mine, theirs in zip(swap, replayed, strict=True):
        np.testing.assert_allclose(mine[0], theirs[0], atol=2e-5)
    assert first.frame < last.frame + 1


def unpack_game(loop):
    length = int(loop.table._length[EXHIBITION])
    return loop.table._committed[EXHIBITION][:length]


def state_after(policy, loop, applied):
    """The state of ``policy`` after all frames of the exhibition game, replayed from its committed actions."""
    codec, delay = policy.config.codec, policy.config.delay
    lane, slot = EmbeddedLane(1), np.zeros(1, np.int32)
    lane.start(0, setup_of(loop.table.specs[EXHIBITION]))
    past = Frames.allocate((len(applied),))
    for t, action in enumerate(applied):
        past.assign(slice(t, t + 1), lane.frames(slot))
        lane.commit(slot, codec.decode(action[None, :, : len(codec.sizes)]), past.frame[t : t + 1] + 1)
    lane.close()
    ahead, _ = loop.seats.queue.committed([2 * EXHIBITION], int(past.frame[-1]))
    series = np.concatenate([applied[:-1, 0, : len(codec.sizes)], ahead[0, :delay]])
    committed = np.stack([series[k : k + len(applied)] for k in range(delay)], axis=1)
    mask = np.ones((len(applied), delay), np.uint8)
    inputs = build_inputs(Encoder(policy.config.schema), codec, past, 0, committed, mask, delay)
    with torch.no_grad():
        _, _, state = policy.eval()(to_tensors(inputs).at((None,)), policy.init_state(1))
    return tuple(part.numpy() for part in state)


@pytest.mark.parametrize("count", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_many_swaps_in_one_game_miss_and_double_no_frame(watched, count):
    loop = watched(small_policy(delay=1), supply=supply_of(max_frames=0, stocks=99, timer_frames=10**6))
    policies = [small_policy("mlp", seed=1, delay=1), small_policy("gru", seed=2, delay=1)]
    frames = 50
    loop.run(frames)
    for n in range(count):
        loop.swap(ask(key=f"p{n % 2}@v1", ident=n, port=n % 2), policies[n % 2])
        while len(told(loop)) < 2 * (n + 1):
            loop.run(1)
            frames += 1
    assert [event.stage for event in told(loop)] == ["taken_over", "settled"] * count
    assert exhibition_frame(loop) == FIRST_FRAME + frames
    assert loop.table._length[EXHIBITION] == frames
    assert loop.seats.total_late == 0
    assert loop.seats.queue.counts.total() == dict.fromkeys(loop.seats.queue.counts.total(), 0)


def test_nobody_learns_from_an_agent_that_was_swapped(make_loop):
    loop = make_loop(games=2, steps=64, clock=Clock(), supply=supply_of(players=(ITSELF, ITSELF), max_frames=0))
    loop.collect()
    loop.swap(ask(slot=0, port=1), small_policy("mlp", seed=3))
    for _ in range(8):
        rollout = loop.collect()
    assert rollout.steps.learn[:, 0, 0].all()
    assert not rollout.steps.learn[:, 0, 1].any()
    assert rollout.steps.learn[:, 1].all()
    assert (rollout.steps.version[:, 0, 1] == 2).all()


def broken(after):
    """A policy whose values turn to NaN after so many decisions."""
    policy = small_policy("mlp", seed=5)
    old, count = policy.act, iter(range(10**6))

    def act(*args, **kwargs):
        action, logp, value, state = old(*args, **kwargs)
        return action, logp, value * (float("nan") if next(count) >= after else 1.0), state

    policy.act = act
    return policy


@pytest.mark.parametrize(("after", "stage"), [(5, "refused"), (SHADOW_DECISIONS + 30, "rolled_back")])
def test_a_policy_that_gives_nan_never_plays_on(watched, after, stage):
    loop = watched(small_policy())
    loop.run(60)
    loop.swap(ask(), broken(after))
    loop.run(200)
    last = told(loop)[-1]
    assert last.stage == stage
    assert "no number" in last.reason
    assert loop.seats.engine.assigned(2 * EXHIBITION) == CURRENT
    assert loop.table.specs[EXHIBITION].players[0].label in ("", CURRENT)
    assert loop.table.playing[EXHIBITION]


def test_a_policy_too_slow_for_a_frame_is_refused_with_the_figure(watched, monkeypatch):
    loop = watched(small_policy())
    loop.run(60)
    slow = small_policy("mlp", seed=5)
    loop.swap(ask(), slow)
    swap = loop.seats.swaps[2 * EXHIBITION]
    ticks = iter(np.arange(0, 10_000) * 0.02)
    monkeypatch.setattr(swap, "_clock", lambda: next(ticks))
    loop.run(60)
    (only,) = told(loop)
    assert only.stage == "refused"
    assert "20.0 ms" in only.reason
    assert "16.7 ms" in only.reason


def test_a_collapsed_policy_is_rolled_back(watched):
    loop = watched(small_policy())
    loop.run(60)
    stuck = small_policy("mlp", seed=5)
    decide, same = stuck.act, torch.from_numpy(stuck.config.codec.neutral()[None])
    stuck.act = lambda *args, **more: (same, *decide(*args, **more)[1:])
    loop.swap(ask(), stuck)
    loop.run(300)
    first, last = told(loop)
    assert (first.stage, last.stage) == ("taken_over", "rolled_back")
    assert last.decisions == GUARD_DECISIONS
    assert "one and the same" in last.reason
    assert loop.seats.engine.assigned(2 * EXHIBITION) == CURRENT


def test_what_does_not_fit_is_refused_with_the_field(watched):
    loop = watched(small_policy(delay=2))
    loop.run(10)
    with pytest.raises(SwapRefused, match="delay: 3 where the agent has 2"):
        loop.swap(ask(), small_policy(delay=3))
    with pytest.raises(SwapRefused, match="no slot 9"):
        loop.swap(ask(slot=9), small_policy(delay=2))
    loop.swap(ask(), small_policy(seed=4, delay=2))
    with pytest.raises(SwapRefused, match="still being watched"):
        loop.swap(ask(), small_policy(seed=4, delay=2))


def test_rated_games_keep_their_players(make_loop):
    loop = make_loop(games=1, rated=1, supply=supply_of(max_frames=0))
    loop.tick()
    with pytest.raises(SwapRefused, match="rated game are fixed"):
        loop.swap(ask(slot=1), small_policy())


def test_a_game_that_ends_ends_the_swap(make_loop):
    clock = Clock()
    loop = make_loop(games=1, exhibition=True, clock=clock, supply=supply_of(max_frames=200))
    for number in range(260):
        if number == 150:
            loop.swap(ask(), small_policy("mlp", seed=3))
        if number == 240:
            loop.swap(ask(ident=2, slot=0), small_policy("mlp", seed=3))
        clock.now += 1 / 60
        loop.tick()
    stages = [event.stage for event in told(loop)]
    assert stages[:2] == ["taken_over", "game_over"]
    assert not any(row == 2 * EXHIBITION for row in loop.seats.swaps)
    assert loop.table.specs[EXHIBITION].players[0].policy == CURRENT


def test_the_recording_of_a_swapped_game_plays_again(make_loop):
    clock = Clock()
    loop = make_loop(games=1, exhibition=True, clock=clock, supply=supply_of(max_frames=260))
    while not (ended := [e for e in loop.events if isinstance(e, GameEnded) and e.slot == EXHIBITION]):
        if exhibition_frame(loop) == FIRST_FRAME + 100 and not loop.seats.swaps:
            loop.swap(ask(), small_policy("mlp", seed=3))
        clock.now += 1 / 60
        loop.tick()
    assert [event.stage for event in told(loop)][:2] == ["taken_over", "settled"]
    recording = unpack(ended[0].recording)
    assert len(actions_of(recording)) == ended[0].frames - 1
    lane = EmbeddedLane(1)
    _, end = replay(recording, lane)
    lane.close()
    assert (end.reason, end.stocks, end.percent) == (ended[0].reason, ended[0].stocks, ended[0].percent)
