"""What plays one port of a console: as the embedded game's players do, several frames a call, and swapped in a game."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dolphin_parts import Played, manifest_of, states
from rollout_parts import small_policy

from exphil_rt.dolphin.decider import Decider, SwapRefused
from exphil_rt.game.frames import FIRST_FRAME
from exphil_rt.inference.hot_swap import GUARD_DECISIONS, SHADOW_DECISIONS
from exphil_rt.messages.rollout import SwapPolicy
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import DelayQueue

torch.set_num_threads(1)
SEED, GAME = 5, 7


class Ticks:
    """A clock that knows nothing of a busy machine: each look at it takes 10 microseconds."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-5
        return self.now


def decider(policy, delay=None, **more):
    more = {"seed": SEED, "temperature": 1.0, "clock": Ticks()} | more
    manifest = manifest_of(policy, "old") if policy else None
    return Decider(0, policy.config.delay if delay is None else delay, policy, manifest, **more)


def asker(made, epoch=1):
    return lambda frames, committed, mask: made.decide(epoch, GAME, frames, committed, mask).actions


def play(made, frames, epoch=1, played=None):
    played = played or Played(asker(made, epoch), made.delay, made.codec)
    return played.run(frames)


def asked(key="new@v2", ident=1, port=0):
    return SwapPolicy(id=ident, slot=0, port=port, key=key, path="", version=2)


def stages(made):
    return [word.stage for word in made.told]


def test_onnx_plays_what_torch_plays():
    policy, frames = small_policy(delay=3), states(60)
    assert play(decider(policy, kind="onnx"), frames) == play(decider(policy), frames)


def test_eight_bit_weights_play_nearly_the_same():
    policy, frames = small_policy(delay=3), states(60)
    exact, coarse = play(decider(policy), frames), play(decider(policy, kind="onnx-int8"), frames)
    assert sum(coarse[due] == action for due, action in exact.items()) > 40


@pytest.mark.parametrize("kind", ["torch", "onnx"])
def test_several_frames_a_call_are_what_single_frames_are_where_the_same_was_committed(kind):
    """A call of T frames is T calls: the state goes through, and each frame has what was committed for it alone."""
    policy, frames = small_policy(delay=6), states(28)
    committed = np.random.default_rng(1).integers(0, 2, (28, 6, 13)).astype(np.uint8)
    mask = np.ones((28, 6), np.uint8)
    one, many = decider(policy, kind=kind), decider(policy, kind=kind)
    singly = np.concatenate([
        one.decide(1, GAME, frames[t : t + 1], committed[t : t + 1], mask[t : t + 1]).actions for t in range(28)
    ])  # fmt: skip
    together = np.concatenate([
        many.decide(1, GAME, frames[t : t + 7], committed[t : t + 7], mask[t : t + 7]).actions for t in range(0, 28, 7)
    ])  # fmt: skip
    assert np.array_equal(singly, together)


@pytest.mark.parametrize("together", [1, 3])
def test_what_was_decided_and_is_still_on_its_way_is_committed(together):
    """A console that is asked to wait for nothing does not know the newest actions yet; the one who decided does."""
    policy, frames = small_policy(delay=6), states(60)
    wanted = play(decider(policy), frames) if together == 1 else None
    made, queue, late = decider(policy), DelayQueue(1, 6), []
    seen = []
    engine_step = made._engine.step_run if together > 1 else made._engine.step_frames

    def look(*args):
        seen.append(args[4].copy())
        return engine_step(*args)

    setattr(made._engine, "step_run" if together > 1 else "step_frames", look)
    got = {}
    for t in range(0, 60, together):
        some = slice(t, t + together)
        asks = [queue.committed([0], int(frame)) for frame in frames.frame[some]]
        committed, mask = (np.concatenate(parts) for parts in zip(*asks, strict=True))
        decided = made.decide(1, GAME, frames[some], committed, mask).actions
        late.append((frames.frame[some], decided))
        if len(late) > 1:  # the answers come a call later than they were given
            for frame, action in zip(*late.pop(0), strict=True):
                queue.push([0], int(frame) + 7, action[None])
        for frame, action in zip(frames.frame[some], decided, strict=True):
            queue.pop([0], int(frame) + 1)
            got[int(frame) + 7] = bytes(action)
    known = np.concatenate(seen)[:, :6].sum(1)
    assert (known == 6 - np.arange(60) % together).all()  # all but what this very call decides
    if wanted is not None:
        assert got == wanted


def test_another_game_is_played_as_if_it_were_the_first():
    policy, frames = small_policy(delay=2), states(40)
    made = decider(policy)
    play(made, states(50, seed=9), epoch=1)
    assert play(made, frames, epoch=2) == play(decider(policy), frames)


def test_the_random_player_needs_no_network_and_draws_by_game_and_frame():
    first, again = (play(decider(None, delay=2), states(30)) for _ in range(2))
    assert first == again
    assert len(set(first.values())) > 20


def test_a_warm_up_leaves_no_trace():
    policy, frames = small_policy(delay=2), states(20)
    made = decider(policy)
    assert made.warm_up(3) > 0
    assert play(made, frames) == play(decider(policy), frames)


@pytest.mark.parametrize("kind", ["torch", "onnx"])
def test_a_swap_takes_over_between_two_frames_and_stays(kind):
    old, new = small_policy(delay=3), small_policy("mlp", seed=7, delay=3)
    made, frames = decider(old, kind=kind), states(280)
    played = Played(asker(made), 3, made.codec)
    played.run(frames[:80])
    manifest = manifest_of(new, version=2)
    made.begin_swap(asked(), new, manifest, 1.0, made.prepare(new, manifest))
    played.run(frames[80:])
    first, second = made.told
    assert (first.stage, second.stage) == ("taken_over", "settled")
    assert (first.old, first.key, made.key) == ("old@v1", "new@v2", "new@v2")
    assert first.warmed > 80
    begun = FIRST_FRAME + 80
    assert begun + SHADOW_DECISIONS <= first.frame < begun + 200
    assert first.due == first.frame + 4
    assert second.decisions == GUARD_DECISIONS
    assert type(made._engine._get("new@v2")).__name__ == {"torch": "TorchPlayer", "onnx": "OnnxPlayer"}[kind]
    assert sorted(played.decided) == list(range(FIRST_FRAME + 4, FIRST_FRAME + 284))
    assert not any(played.queue.counts.total().values())


def test_the_policy_that_was_swapped_in_knows_what_its_agent_lived_through():
    """From its first decision on it plays what it would have played with the whole game behind it."""
    old, new, frames = small_policy(), small_policy(seed=7), states(260)
    made = decider(old)
    played = Played(asker(made), 0, made.codec)
    played.run(frames[:60])
    made.begin_swap(asked(), new, manifest_of(new, version=2), 1.0)
    played.run(frames[60:])
    first = made.told[0]
    alone = play(decider(new), frames)
    # With delay 0 nothing is committed that the old policy could have chosen otherwise.
    theirs = {due: action for due, action in played.decided.items() if due > first.frame}
    assert theirs == {due: alone[due] for due in theirs}


def test_who_decided_each_frame_is_said():
    old, new, frames = small_policy(delay=2), small_policy(seed=7, delay=2), states(300)
    made = decider(old)
    made.begin_swap(asked(), new, manifest_of(new, version=2), 1.0)
    keys = []
    for t in range(0, 300, 3):
        some = slice(t, t + 3)
        given = np.tile(made.codec.neutral(), (3, 2, 1)), np.ones((3, 2), np.uint8)
        keys += made.decide(1, GAME, frames[some], *given).keys
    first = made.told[0].frame - FIRST_FRAME
    assert keys == ["old@v1"] * first + ["new@v2"] * (300 - first)
    assert stages(made) == ["taken_over", "settled"]


def test_a_policy_that_gives_nan_never_gets_the_agent():
    old, bad = small_policy(delay=2), small_policy(seed=3, delay=2)
    with torch.no_grad():
        bad.value[2].bias.fill_(float("nan"))
    made, frames = decider(old), states(60)
    made.begin_swap(asked(), bad, manifest_of(bad, version=2), 1.0)
    decided = play(made, frames)
    assert stages(made) == ["refused"]
    assert "no number" in made.told[0].reason
    assert decided == play(decider(old), frames)


def test_a_policy_that_is_too_slow_never_gets_the_agent():
    now = [0.0]
    old, slow = small_policy(delay=2), small_policy(seed=3, delay=2)
    forward = slow.forward

    def late(*args, **more):
        now[0] += 0.05
        return forward(*args, **more)

    slow.forward = late
    made = decider(old, clock=lambda: now[0])
    made.begin_swap(asked(), slow, manifest_of(slow, version=2), 1.0)
    play(made, states(100))
    assert stages(made) == ["refused"]
    assert "50.0 ms" in made.told[0].reason


def test_a_policy_that_collapses_is_rolled_back():
    stuck = small_policy("mlp", seed=5, delay=2)
    decide, same = stuck.act, torch.from_numpy(stuck.config.codec.neutral()[None])
    stuck.act = lambda *args, **more: (same, *decide(*args, **more)[1:])
    made = decider(None, delay=2)
    made.begin_swap(asked(), stuck, manifest_of(stuck, version=2), 1.0)
    play(made, states(200))
    assert stages(made) == ["taken_over", "rolled_back"]
    assert made.key == "random"


def test_what_does_not_fit_is_refused_by_the_field_that_differs():
    made = decider(small_policy(delay=2))
    other = small_policy(delay=3)
    with pytest.raises(SwapRefused, match="delay: 3 where the agent has 2"):
        made.begin_swap(asked(), other, manifest_of(other), 1.0)
    fits = small_policy(delay=2)
    made.begin_swap(asked(), fits, manifest_of(fits), 1.0)
    with pytest.raises(SwapRefused, match="still being watched"):
        made.begin_swap(asked(ident=2), fits, manifest_of(fits), 1.0)


def test_a_swap_outlives_the_game_in_which_it_began():
    old, new = small_policy(delay=2), small_policy("lstm", seed=7, delay=2)
    made = decider(old)
    made.begin_swap(asked(), new, manifest_of(new, version=2), 1.0)
    play(made, states(10), epoch=1)
    play(made, states(180, seed=1), epoch=2)
    assert stages(made) == ["taken_over", "settled"]
    assert made.key == "new@v2"


def test_the_codec_is_that_of_the_policy():
    assert decider(small_policy()).codec == ActionCodec()
