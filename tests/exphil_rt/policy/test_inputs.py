from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs, sequence_inputs
from exphil_rt.policy.observation import default_schema

ENCODER = Encoder(default_schema())
CODEC = ActionCodec()


@pytest.mark.parametrize(("delay", "dmax"), [(0, 0), (0, 3), (1, 1), (3, 5)])
def test_training_and_play_see_the_same(make_frames, delay, dmax):
    """A recorded stretch, replayed step by step through a delay queue, gives the inputs that training builds."""
    steps = 20
    frames = make_frames((steps,), 8)
    actions = CODEC.encode(frames.controllers)[:, 0]
    inputs, targets = sequence_inputs(ENCODER, CODEC, frames, 0, delay, dmax)
    assert inputs.lead == (steps - delay - 1,)
    assert np.array_equal(targets, actions[delay + 1 :])
    queue = DelayQueue(1, delay, dmax)
    # Until the queue is full of recorded actions it holds the neutral start of a game.
    for t in range(steps - delay - 1):
        committed, mask = queue.committed([0], frames.frame[t])
        seen = build_inputs(ENCODER, CODEC, frames[t : t + 1], 0, committed, mask, delay)
        if t >= delay:
            for name in ("floats", "ids", "committed", "mask", "delay", "previous"):
                assert np.array_equal(getattr(seen, name)[0], getattr(inputs, name)[t]), (name, t)
        queue.push([0], frames.frame[t] + delay + 1, targets[t : t + 1])
        queue.pop([0], frames.frame[t] + 1)
    assert not any(queue.counts.total().values())


def test_previous_is_the_last_committed_action(make_frames, random_actions):
    frames = make_frames((4,), 9)
    committed = random_actions((4, 3), 5)
    mask = np.ones((4, 3), np.uint8)
    seen = build_inputs(ENCODER, CODEC, frames, 1, committed, mask, np.array([0, 1, 2, 3]))
    own = CODEC.encode(frames.controllers)[:, 1]
    assert np.array_equal(seen.previous, [own[0], committed[1, 0], committed[2, 1], committed[3, 2]])


def test_both_views_have_their_own_previous_action(make_frames):
    frames = make_frames((3,), 10)
    nothing = np.zeros((3, 2, 0, 13), np.uint8)
    both = build_inputs(ENCODER, CODEC, frames, None, nothing, nothing[..., 0], 0)
    assert both.lead == (3, 2)
    assert np.array_equal(both.previous, CODEC.encode(frames.controllers))
    assert isinstance(both[1], Inputs)
    assert np.array_equal(both[1].floats, both.floats[1])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_stretch_too_short_for_the_delay_is_empty(make_frames, steps):
    inputs, targets = sequence_inputs(ENCODER, CODEC, make_frames((steps,), 1), 0, 2, 2)
    assert inputs.lead == (0,)
    assert targets.shape == (0, 13)
