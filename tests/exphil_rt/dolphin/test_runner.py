"""What a bot sends on each frame, against a console said plainly: a line of frames that plays inputs c frames later."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.dolphin.echo import EchoCheck, pad_of
from exphil_rt.dolphin.link import SWAPPED, Answer, Ready
from exphil_rt.dolphin.runner import BotRunner, FrameTrack
from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import DelayQueue

CODEC = ActionCodec()
NEUTRAL = CODEC.neutral()


def action_of(frame: int) -> np.ndarray:
    """An action that says on which frame it was decided."""
    action = NEUTRAL.copy()
    number = frame - FIRST_FRAME
    action[8], action[9], action[12] = number % 17, number // 17 % 17, number // 289 % 5
    return action


def state_of(frame: int) -> Frames:
    state = Frames.allocate((1,))
    state.frame[0] = frame
    return state


def bot(delay: int, console_delay: int, **more) -> BotRunner:
    runner = BotRunner(Ready(player=0, delay=delay, dmax=delay + 2), console_delay, **more)
    runner.begin()
    return runner


def answer(runner: BotRunner, frame: int, **more) -> Answer:
    return Answer(0, runner.epoch, frame, frame + runner.delay + 1, action_of(frame), **more)


delays = st.integers(0, 24).flatmap(lambda delay: st.tuples(st.just(delay), st.integers(0, delay)))


@settings(max_examples=20)
@given(delays, st.data())
def test_answers_within_the_headroom_are_played_when_due_by_console_and_queue_together(both, data):
    delay, console_delay = both
    headroom = delay - console_delay
    runner = bot(delay, console_delay)
    came: dict[int, list[int]] = {}
    played = {}
    for t in range(FIRST_FRAME, FIRST_FRAME + 60):
        took = data.draw(st.integers(0, headroom)) if headroom else 0
        came.setdefault(t + took, []).append(t)
        for source in came.pop(t, []):
            runner.take(answer(runner, source))
        due = runner.due(t)
        assert due.due == t + 1 + console_delay
        played[t + 1 + console_delay] = due.pad  # what the console plays there
    for frame, pad in played.items():
        source = frame - delay - 1
        expected = CODEC.decode(action_of(source) if source >= FIRST_FRAME else NEUTRAL)
        assert pad_of(pad) == pad_of(expected)
    assert runner.late == runner.dropped == runner.skipped == 0
    assert set(runner.ages) <= {headroom}
    assert sum(runner.ages.values()) == max(0, 60 - headroom)


@settings(max_examples=20)
@given(delays, st.sampled_from(["hold", "neutral"]), st.lists(st.integers(0, 40), min_size=80, max_size=80))
def test_late_answers_are_counted_exactly_and_shift_nothing(both, late, times):
    delay, console_delay = both
    runner = bot(delay, console_delay, late=late)
    arrives: dict[int, list[int]] = {}
    expected_late = expected_dropped = 0
    there: dict[int, np.ndarray] = {FIRST_FRAME + k: NEUTRAL for k in range(1, delay + 1)}
    held = NEUTRAL
    for t, took in zip(range(FIRST_FRAME, FIRST_FRAME + 80), times, strict=True):
        arrives.setdefault(t + took, []).append(t)
        for source in arrives.pop(t, []):
            runner.take(answer(runner, source))
            if source + delay + 1 <= t + console_delay:
                expected_dropped += 1
            else:
                there[source + delay + 1] = action_of(source)
        due = runner.due(t)
        wanted = there.get(t + 1 + console_delay)
        if wanted is None:
            expected_late += 1
            wanted = held if late == "hold" else NEUTRAL
        held = wanted
        there[t + 1 + console_delay] = wanted
        assert pad_of(due.pad) == pad_of(CODEC.decode(wanted))
        # What is sent is committed from then on, whatever decided it.
        committed = runner.ask(state_of(t), 0, 0)
        for k in range(delay):
            assert committed.mask[k] == (t + 1 + k in there)
            if committed.mask[k]:
                assert (committed.committed[k] == there[t + 1 + k]).all()
    assert (runner.late, runner.dropped) == (expected_late, expected_dropped)


@settings(max_examples=25)
@given(delays)
def test_the_console_asks_what_the_embedded_game_asks(both):
    """Delay parity: with the same decisions, committed actions and dues are those of the plain queue."""
    delay, console_delay = both
    runner, plain, row = bot(delay, console_delay), DelayQueue(1, delay, delay + 2), np.zeros(1, np.intp)
    played_live, played_plain = {}, {}
    for t in range(FIRST_FRAME, FIRST_FRAME + 40):
        ask = runner.ask(state_of(t), 0, 0)
        committed, mask = plain.committed(row, t)
        np.testing.assert_array_equal(ask.committed, committed[0])
        np.testing.assert_array_equal(ask.mask, mask[0])
        runner.take(answer(runner, t))
        plain.push(row, t + delay + 1, action_of(t)[None])
        played_live[t + 1 + console_delay] = runner.due(t).pad
        played_plain[t + 1] = CODEC.decode(plain.pop(row, t + 1)[0])
    for frame in set(played_live) & set(played_plain):
        assert pad_of(played_live[frame]) == pad_of(played_plain[frame])


def test_a_new_game_is_a_new_epoch_and_drops_what_was_decided_before():
    runner = bot(3, 1)
    old = answer(runner, FIRST_FRAME + 5)
    runner.begin()
    runner.take(old)
    assert runner.dropped == 1
    for t in range(FIRST_FRAME, FIRST_FRAME + 2):
        assert pad_of(runner.due(t).pad) == pad_of(CODEC.decode(NEUTRAL))
    assert runner.late == 0
    runner.due(FIRST_FRAME + 2)
    assert runner.late == 1  # decided on -123, and never came


def test_frames_not_acted_on_are_skipped_and_the_next_action_is_its_own():
    runner = bot(2, 0)
    for t in range(FIRST_FRAME, FIRST_FRAME + 10):
        runner.take(answer(runner, t))
    assert runner.due(FIRST_FRAME + 8).due == FIRST_FRAME + 9
    assert runner.skipped == 8


def test_ages_grow_while_an_action_is_held():
    runner = bot(1, 0)
    runner.take(answer(runner, FIRST_FRAME))
    for t in range(FIRST_FRAME, FIRST_FRAME + 5):
        runner.due(t)
    assert dict(runner.ages) == {1: 1, 2: 1, 3: 1, 4: 1}
    assert runner.late == 3


def test_headroom_is_how_early_actions_came():
    runner = bot(4, 0)
    runner.take(answer(runner, FIRST_FRAME))
    assert runner.headroom == 4
    for t in range(FIRST_FRAME, FIRST_FRAME + 6):
        runner.due(t)
    runner.take(answer(runner, FIRST_FRAME + 1))
    assert runner.headroom == -1


def test_one_decision_is_held_for_the_frames_of_an_action_repeat():
    runner = bot(0, 0, action_repeat=3)
    sent = []
    for t in range(FIRST_FRAME, FIRST_FRAME + 9):
        if runner.asks(t):
            runner.take(answer(runner, t))
        else:
            runner.hold_decision(t)
        sent.append(pad_of(runner.due(t).pad))
    for i, pad in enumerate(sent):
        assert pad == pad_of(CODEC.decode(action_of(FIRST_FRAME + i // 3 * 3)))
    assert runner.late == 0


def test_the_first_action_of_another_version_is_told_when_it_is_sent():
    runner = bot(2, 1)
    runner.take(answer(runner, FIRST_FRAME, version="a@v1"))
    runner.take(answer(runner, FIRST_FRAME + 1, version="a@v2", flags=SWAPPED))
    told = [runner.due(t).swapped for t in range(FIRST_FRAME, FIRST_FRAME + 4)]
    assert told == ["", "", "a@v2", ""]  # due on frame -123 + 1 + 3, sent one frame of console delay before that
    assert runner.version == "a@v2"


def test_frames_are_tracked():
    track = FrameTrack()
    assert track.see(FIRST_FRAME) == "first"
    assert track.see(FIRST_FRAME + 1) == "next"
    assert track.see(FIRST_FRAME + 1) == "repeat"
    assert track.see(FIRST_FRAME + 4) == "gap"
    assert track.jumped == 2
    assert track.see(FIRST_FRAME + 5) == "next"
    assert track.see(FIRST_FRAME + 2) == "repeat"
    assert track.last == FIRST_FRAME + 5
    assert track.see(FIRST_FRAME) == "first"
    track.end()
    assert track.see(FIRST_FRAME + 7) == "first"
    assert track.jumped == 7


@settings(max_examples=40)
@given(st.integers(0, 20), st.integers(-2, 3), st.integers(0, 2**31 - 1))
def test_the_echo_check_finds_any_other_lag(console_delay, off, seed):
    rng = np.random.default_rng(seed)
    check = EchoCheck(console_delay)
    lag = max(check.expected + off, 1)
    pads = {}
    for frame in range(FIRST_FRAME, FIRST_FRAME + 80):
        action = rng.integers(0, 2, 13).astype(np.uint8)
        action[8:12], action[12] = rng.integers(0, 17, 4), rng.integers(0, 5)
        pads[frame] = pad_of(CODEC.decode(action))
        if frame - lag in pads:
            check.seen(frame, pads[frame - lag])
        check.sent(frame, pads[frame])
    if lag == check.expected:
        assert check.wrong == 0
        assert check.lag == lag
    else:
        assert check.wrong > 10
        assert check.lag == lag


def test_an_input_that_does_not_come_back_is_counted_until_one_does():
    check = EchoCheck(0)
    held = pad_of(CODEC.decode(action_of(FIRST_FRAME + 3)))
    nothing = pad_of(CODEC.decode(NEUTRAL))
    for frame in range(12):
        check.seen(frame, nothing)
        check.sent(frame, held)
    assert check.wrong == 11
    assert check.lag == -1
    assert check.seen(12, held)
    assert check.wrong == 0


def test_the_same_input_for_ever_says_nothing_of_the_lag():
    check = EchoCheck(2)
    nothing = pad_of(CODEC.decode(NEUTRAL))
    for frame in range(50):
        assert check.seen(frame, nothing)
        check.sent(frame, nothing)
    assert check.lag == -1


@pytest.mark.parametrize(("delay", "console"), [(2, 3), (0, 1), (3, -1)])
def test_a_console_takes_no_more_than_there_is(delay, console):
    with pytest.raises(ValueError, match="console delay"):
        DelayQueue(1, delay, console_delay=console)
