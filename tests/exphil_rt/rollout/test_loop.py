"""The rollout loop on the embedded game: what it collects, when games start and end, who plays, what it tells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from rollout_parts import ITSELF, Clock, game, small_policy, supply_of

from exphil_rt.game.frames import FIRST_FRAME, FIRST_PLAYABLE_FRAME
from exphil_rt.messages.rollout import (
    CURRENT,
    RANDOM,
    ExhibitionFrame,
    GameEnded,
    NeedGames,
    PlayerSpec,
    PolicyFault,
    Samples,
    SlotFilled,
)
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.rollout.experience import CUT, IDLE, IN_PLAY
from exphil_rt.rollout.recording import actions_of, replay, unpack
from exphil_rt.rollout.table import LoopInvalid
from exphil_rt.sim import EmbeddedLane
from exphil_rt.training.learner import Learner, LearnerConfig
from exphil_rt.training.returns import edges

FROZEN = PlayerSpec(policy="old", label="old@v1")
LUCK = PlayerSpec(policy=RANDOM)


def of_kind(loop, kind):
    return [event for event in loop.events if isinstance(event, kind)]


@pytest.mark.parametrize(("backbone", "delay"), [("mlp", 0), ("gru", 0), ("gru", 2)])
def test_what_is_collected_is_what_the_policy_says_again(make_loop, backbone, delay):
    """Training equals play: the rollout's log-probabilities and values come out of a forward over its sequences."""
    policy = small_policy(backbone, delay=delay)
    loop = make_loop(policy, steps=64, supply=supply_of(max_frames=150))
    for _ in range(3):
        rollout = loop.collect()
    steps = rollout.steps
    assert (steps.ended[:-1] == CUT).any()
    config = policy.config
    inputs = build_inputs(
        Encoder(config.schema), config.codec, rollout.frames, None, rollout.committed, rollout.mask, delay
    )
    lead = (65, 4)
    flat = type(inputs)(*(a.reshape(*lead, *a.shape[3:]).swapaxes(0, 1).copy() for a in fields(inputs)))
    widths = [part.shape[1] for part in policy.init_state(1)]
    state = torch.from_numpy(rollout.state.reshape(4, -1)).split(widths, 1) if widths else ()
    reset = torch.from_numpy(np.repeat(steps.reset, 2, axis=1).T.copy())
    tensors = to_tensors(flat)
    with torch.no_grad():
        hidden, value, _ = policy(tensors, state, reset)
        actions = torch.from_numpy(steps.actions.reshape(65, 4, 13).swapaxes(0, 1).copy())
        logp, _, _ = policy.heads.log_prob(hidden, tensors.previous, actions)
    decided = np.repeat((steps.ended == IN_PLAY) | (steps.ended == CUT), 2, axis=1).T
    assert np.abs(value.numpy() - steps.value.reshape(65, 4).T)[decided].max() < 2e-5
    assert np.abs(logp.numpy() - steps.logp.reshape(65, 4).T)[decided].max() < 2e-4


def fields(inputs):
    return (inputs.floats, inputs.ids, inputs.committed, inputs.mask, inputs.delay, inputs.previous)


def test_rows_follow_one_another_and_games_end_and_start(make_loop):
    loop = make_loop(games=3, steps=100, supply=supply_of(max_frames=130))
    rollouts = []
    for _ in range(4):
        rollout = loop.collect()
        rollouts.append({name: array.copy() for name, array in rollout.steps.arrays().items()})
    whole = {name: np.concatenate([r[name][:-1] for r in rollouts[:-1]] + [rollouts[-1][name]]) for name in rollouts[0]}
    for before, after in itertools.pairwise(rollouts):
        for name in before:
            assert np.array_equal(before[name][-1], after[name][0]), name
    ended, reset, frame = whole["ended"], whole["reset"], whole["frames.frame"]
    assert set(np.unique(ended)) == {IN_PLAY, CUT}
    for n in range(3):
        cuts = np.flatnonzero(ended[:, n] == CUT)
        assert len(cuts) == 3
        assert np.array_equal(np.flatnonzero(reset[:, n]), [0, *(cuts[:-1] + 1), cuts[-1] + 1][: len(cuts) + 1])
        assert (frame[np.flatnonzero(reset[:, n]), n] == FIRST_FRAME).all()
        steps = np.diff(frame[:, n])
        assert (steps[ended[:-1, n] == IN_PLAY] == 1).all()
    assert (whole["learn"][ended == IN_PLAY] == 1).all()
    assert (whole["learn"][ended == CUT] == 0).all()
    assert (whole["value"][ended == CUT] != 0).all()
    assert len(of_kind(loop, GameEnded)) == 9
    assert {e.reason for e in of_kind(loop, GameEnded)} == {"frame_limit"}


def test_actions_reach_the_game_after_the_delay(make_loop):
    delay = 3
    policy = small_policy(delay=delay)
    loop = make_loop(policy, games=1, steps=160, supply=supply_of(max_frames=0))
    steps = loop.collect().steps
    codec = policy.config.codec
    decided = codec.decode(steps.actions[: 160 - delay, 0])
    shown = steps.frames.controllers[1 + delay : 161, 0]
    playable = steps.frames.frame[1 + delay : 161, 0] >= FIRST_PLAYABLE_FRAME  # the game takes no inputs before
    assert playable.sum() > 60
    for name in ("buttons", "joystick_x", "joystick_y", "cstick_x", "trigger"):
        assert np.array_equal(getattr(shown, name)[playable], getattr(decided, name)[playable]), name


def test_frozen_and_random_players_are_not_learned_from(make_loop):
    specs = {0: (ITSELF, FROZEN), 1: (LUCK, ITSELF)}
    loop = make_loop(steps=40)
    loop.seats.load("old", small_policy("mlp", seed=4), version=7)
    for slot, players in specs.items():
        loop.table.assign(slot, game(slot, players))
    steps = loop.collect().steps
    assert steps.learn[:-1, 0].tolist() == [[1, 0]] * 40
    assert steps.learn[:-1, 1].tolist() == [[0, 1]] * 40
    assert (steps.version[:, 0] == [0, 7]).all()
    assert (steps.logp[:, 1, 0] == 0).all()
    loop.set_current(3)
    steps = loop.collect().steps
    assert (steps.version[1:, 0] == [3, 7]).all()
    assert (steps.version[0, 0] == [0, 7]).all()


def test_a_policy_that_observes_otherwise_plays_beside_the_others(make_loop):
    import msgspec

    loop = make_loop(steps=20)
    config = small_policy("mlp").config
    fewer = msgspec.structs.replace(config.schema, fields=config.schema.fields[:20])
    other = type(loop.seats.policy)(msgspec.structs.replace(config, schema=fewer))
    loop.seats.load("old", other)
    for slot in range(2):
        loop.table.assign(slot, game(slot, (ITSELF, FROZEN)))
    steps = loop.collect().steps
    assert np.isfinite(steps.logp).all()
    assert len(np.unique(steps.actions[:, 0, 1, 8])) > 1


def test_a_game_does_not_depend_on_its_neighbours(make_loop):
    def actions(games, slot):
        loop = make_loop(games=games, steps=60, supply=None)
        for n in range(games):
            loop.table.assign(n, game(1 if n == slot else 100 + n))
        return loop.collect().steps.actions[:, slot]

    assert np.array_equal(actions(1, 0), actions(3, 2))


def test_slots_wait_for_games_and_say_so_once(make_loop):
    loop = make_loop()
    assert not loop.tick()
    assert [e.slots for e in of_kind(loop, NeedGames)] == [(0, 1)]
    loop.tick()
    assert len(of_kind(loop, NeedGames)) == 1
    loop.table.assign(1, game(1))
    assert loop.tick()
    assert [e.slots for e in of_kind(loop, NeedGames)] == [(0, 1), (1,)]
    with pytest.raises(LoopInvalid, match="no slot 9"):
        loop.table.assign(9, game(1))
    with pytest.raises(LoopInvalid, match="'nobody' is not loaded"):
        loop.table.assign(0, game(1, (ITSELF, PlayerSpec(policy="nobody"))))


def test_idle_slots_show_in_the_rows(make_loop):
    loop = make_loop(steps=10)
    loop.table.assign(1, game(1))
    steps = loop.collect().steps
    assert (steps.ended == [IDLE, IN_PLAY]).all()
    assert (steps.learn[:, 0] == 0).all()
    assert (steps.learn[:-1, 1] == 1).all()


def test_a_waiting_game_starts_in_the_row_after_the_last_frame(make_loop):
    loop = make_loop(games=1, steps=250)
    for number in (1, 2):
        loop.table.assign(0, game(number, max_frames=150))
    steps = loop.collect().steps
    last = int(np.flatnonzero(steps.ended[:, 0] == CUT)[0])
    assert steps.game_id[last, 0] == 1
    assert steps.game_id[last + 1, 0] == 2
    assert steps.frames.frame[last + 1, 0] == FIRST_FRAME


def test_a_game_that_cannot_start_is_reported(make_loop):
    loop = make_loop(games=1)
    loop.table.assign(0, game(1, stage=4))
    (ended,) = of_kind(loop, GameEnded)
    assert (ended.reason, ended.winner) == ("void", None)
    assert "stage 4" in ended.error


def test_void_games_leave_no_step_behind(make_loop):
    loop = make_loop(steps=30)
    for slot in range(2):
        loop.table.assign(slot, game(slot))
    loop.collect()
    loop.table.void((0,), "wanted")
    (ended,) = of_kind(loop, GameEnded)
    assert (ended.reason, ended.frames, ended.error) == ("void", 31, "wanted")
    loop.table.assign(0, game(9))
    steps = loop.collect().steps
    assert steps.reset[1].tolist() == [1, 0]
    assert not edges(steps.ended, steps.reset).valid[0, 0]


def test_a_policy_that_gives_nan_loses_its_games_only(make_loop):
    loop = make_loop(steps=20)
    broken = small_policy(seed=2)
    with torch.no_grad():
        broken.value[2].bias.fill_(float("nan"))
    loop.seats.load("old", broken, version=3)
    loop.table.assign(0, game(1, (ITSELF, FROZEN)))
    loop.table.assign(1, game(2))
    loop.collect()
    (fault,) = of_kind(loop, PolicyFault)
    assert (fault.key, fault.version, fault.slots) == ("old", 3, (0,))
    assert [(e.slot, e.reason) for e in of_kind(loop, GameEnded)] == [(0, "void")]
    assert loop.table.playing.tolist() == [False, True]


def test_rated_games_are_recorded_and_replayed_exactly(make_loop):
    loop = make_loop(games=0, rated=2, supply=supply_of(kind="rated", players=(LUCK, FROZEN)))
    loop.seats.load("old", small_policy(seed=3), version=2)
    while not of_kind(loop, GameEnded):
        loop.tick()
    first = of_kind(loop, GameEnded)[0]
    recording = unpack(first.recording)
    assert recording.digest == first.digest
    assert actions_of(recording).shape == (recording.frames, 2, 13)
    lane = EmbeddedLane(1)
    frames, end = replay(recording, lane)
    assert (end.reason, end.winner, end.stocks, end.percent, end.frames) == (
        first.reason, first.winner, first.stocks, first.percent, first.frames,
    )  # fmt: skip
    assert frames.lead[0] == recording.frames + 1
    assert frames.frame[0] == FIRST_FRAME
    assert len(np.unique(frames.players.position_x)) > 30
    lane.close()


def test_the_exhibition_keeps_the_clocks_pace(make_loop):
    clock = Clock()
    loop = make_loop(games=0, exhibition=True, clock=clock, supply=supply_of(kind="exhibition", max_frames=0))
    shown = 0
    for _ in range(600):  # one second in steps of 1/600
        shown += loop.tick()
        clock.now += 1 / 600
    assert 59 <= shown <= 61
    assert len(of_kind(loop, ExhibitionFrame)) == shown
    clock.now += 5.0  # a stall is not caught up with a burst
    assert sum(loop.tick() for _ in range(30)) <= 2 + 60 * 0.25
    assert 0 <= loop.until_exhibition() <= 1 / 60
    newest = of_kind(loop, ExhibitionFrame)[-1].sample
    assert newest.kind == "exhibition"
    assert newest.players[0].policy == CURRENT


def test_training_waits_for_slots_while_the_others_play(make_loop):
    loop = make_loop(games=1, rated=1, steps=10, supply=supply_of(max_frames=0))
    for _ in range(30):
        loop.tick()
    stats = loop.stats()
    assert (stats.training_frames, stats.other_frames) == (0, 30)
    memory = [memoryview(bytearray(loop.shape.nbytes)) for _ in range(2)]
    for slot, buffer in enumerate(memory):
        loop.collector.give(slot, 7 + slot, buffer)
    for _ in range(30):
        loop.tick()
    assert loop.stats().training_frames == 20  # row 20 needs a third slot
    (filled,) = of_kind(loop, SlotFilled)
    assert (filled.slot, filled.generation, filled.frames, filled.learnable) == (0, 7, 10, 20)


def test_a_pause_stops_everything(make_loop):
    loop = make_loop(games=1, rated=1, supply=supply_of())
    loop.paused = True
    assert not loop.tick()
    loop.paused = False
    assert loop.tick()


def test_samples_are_few_and_name_the_players(make_loop):
    clock = Clock()
    loop = make_loop(games=2, rated=1, sample_hz=10.0, clock=clock, supply=supply_of(players=(ITSELF, LUCK)))
    for _ in range(100):
        loop.tick()
        clock.now += 0.01
    samples = of_kind(loop, Samples)
    assert 9 <= len(samples) <= 11
    assert [s.slot for s in samples[-1].games] == [0, 1, 2]
    assert [p.policy for p in samples[-1].games[0].players] == [CURRENT, RANDOM]


def test_a_learner_learns_from_what_the_loop_collects(make_loop):
    policy = small_policy()
    loop = make_loop(policy, steps=32, supply=supply_of())
    learner = Learner(LearnerConfig(sequence=16), policy)
    for _ in range(5):
        loop.collect()
    metrics = learner.learn(loop.collect())
    assert metrics.samples > 0
    assert metrics.reverted == ""
    assert learner.frames == 64


def test_set_current_plays_with_the_learners_new_weights(make_loop):
    import torch

    policy = small_policy()
    loop = make_loop(policy, games=1, steps=8, supply=supply_of(max_frames=0))
    before = loop.collect().steps.value[1:].copy()
    with torch.no_grad():
        policy.value[-1].weight.zero_()
        policy.value[-1].bias.fill_(3.5)
    unchanged = loop.collect().steps.value[1:-1]
    assert not np.allclose(unchanged, 3.5)  # the engine plays a copy until it is told
    loop.set_current(1)
    assert not np.allclose(before, 3.5)
    assert np.allclose(loop.collect().steps.value[1:], 3.5)
