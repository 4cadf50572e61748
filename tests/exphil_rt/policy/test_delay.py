from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.game.frames import FIRST_FRAME
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import DelayQueue

NEUTRAL = ActionCodec().neutral()


def action_of(frame: int, row: int = 0) -> np.ndarray:
    """An action that says for which frame and row it is."""
    action = NEUTRAL.copy()
    action[8], action[9], action[12] = frame % 17, row % 17, frame // 17 % 5
    return action


@given(delay=st.integers(0, 20), extra=st.integers(0, 4), steps=st.integers(1, 60))
def test_each_action_comes_out_on_its_frame(delay, extra, steps):
    queue = DelayQueue(2, delay, delay + extra)
    rows = np.arange(2)
    for t in range(FIRST_FRAME, FIRST_FRAME + steps):
        committed, mask = queue.committed(rows, t)
        assert committed.shape == (2, delay + extra, 13)
        assert np.array_equal(mask, np.tile(np.arange(delay + extra) < delay, (2, 1)))
        for k in range(delay + extra):
            due = t + 1 + k
            known = k < delay and due > FIRST_FRAME + delay
            for row in rows:
                assert np.array_equal(committed[row, k], action_of(due, row) if known else NEUTRAL)
        queue.push(rows, t + delay + 1, np.stack([action_of(t + delay + 1, row) for row in rows]))
        popped = queue.pop(rows, t + 1)
        for row in rows:
            expected = action_of(t + 1, row) if t + 1 > FIRST_FRAME + delay else NEUTRAL
            assert np.array_equal(popped[row], expected)
    assert not any(queue.counts.total().values())


class Reference:
    """The queue said plainly, for one row: a dict by due frame."""

    def __init__(self, delay: int) -> None:
        self.delay = delay
        self.counts = dict.fromkeys(("missing", "late", "skipped", "repeated"), 0)
        self.reset(FIRST_FRAME)

    def reset(self, frame: int) -> None:
        self.due = {frame + k: NEUTRAL for k in range(1, self.delay + 1)}
        self.served, self.held = frame, NEUTRAL

    def push(self, due: int, action: np.ndarray) -> None:
        if due <= self.served:
            self.counts["late"] += 1
        else:
            self.due[due] = action

    def pop(self, frame: int) -> np.ndarray:
        if frame <= self.served:
            self.counts["repeated"] += 1
        else:
            self.counts["skipped"] += frame - self.served - 1
            self.counts["missing"] += frame not in self.due
        self.held = self.due.get(frame, self.held)
        self.served = max(self.served, frame)
        return self.held


@settings(max_examples=200)
@given(
    delay=st.integers(0, 6),
    moves=st.lists(
        st.tuples(
            st.sampled_from(["step", "step", "step", "lost", "skip", "repeat", "late", "reset"]), st.integers(0, 16)
        ),
        max_size=40,
    ),
)
def test_faults_are_counted_by_cause_as_a_plain_queue_would(delay, moves):
    queue, plain, row = DelayQueue(1, delay), Reference(delay), np.zeros(1, np.intp)
    t = FIRST_FRAME
    for move, number in moves:
        action = NEUTRAL.copy()
        action[8] = number
        if move == "reset":
            t = FIRST_FRAME
            queue.reset(row)
            plain.reset(t)
            continue
        if move == "late":
            queue.push(row, t, action[None])
            plain.push(t, action)
            continue
        if move == "repeat":
            assert np.array_equal(queue.pop(row, t)[0], plain.pop(t))
            continue
        if move == "skip":
            t += 1
        if move != "lost":
            queue.push(row, t + delay + 1, action[None])
            plain.push(t + delay + 1, action)
        t += 1
        assert np.array_equal(queue.pop(row, t)[0], plain.pop(t))
    assert {k: v for k, v in queue.counts.total().items() if k != "stale"} == plain.counts


def test_a_reset_begins_an_epoch_and_drops_older_decisions():
    queue = DelayQueue(2, 1)
    before = queue.epoch.copy()
    queue.reset([1], FIRST_FRAME)
    assert queue.epoch.tolist() == [before[0], before[1] + 1]
    actions = np.stack([action_of(FIRST_FRAME + 2)] * 2)
    queue.push([0, 1], FIRST_FRAME + 2, actions, epoch=before)
    queue.pop([0, 1], FIRST_FRAME + 1)
    popped = queue.pop([0, 1], FIRST_FRAME + 2)
    assert np.array_equal(popped[0], actions[0])
    assert np.array_equal(popped[1], NEUTRAL)
    assert queue.counts.stale.tolist() == [0, 1]
    assert queue.counts.missing.tolist() == [0, 1]
    assert queue.counts.late.tolist() == [0, 0]


def test_rows_may_differ_in_delay_and_change_it_at_a_reset():
    queue = DelayQueue(3, [0, 2, 4], 4)
    _, mask = queue.committed([0, 1, 2], FIRST_FRAME)
    assert mask.sum(-1).tolist() == [0, 2, 4]
    queue.reset([0], delay=3)
    _, mask = queue.committed([2, 0], FIRST_FRAME)
    assert mask.sum(-1).tolist() == [4, 3]
    with pytest.raises(ValueError, match="dmax"):
        queue.reset([0], delay=5)


def test_a_delay_beyond_dmax_is_refused():
    with pytest.raises(ValueError, match="dmax"):
        DelayQueue(1, 3, 2)
    with pytest.raises(ValueError, match="dmax"):
        DelayQueue(1, 0, 1000)
