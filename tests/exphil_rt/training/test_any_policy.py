"""Self-play with any backbone, codec and kind of heads: what was played is what is learned from."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from rollout_parts import ITSELF, small_policy, supply_of

from exphil_rt.inference import Engine
from exphil_rt.messages.rollout import PlayerSpec
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig, new_config
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.rollout.recording import actions_of, pack, replay, unpack
from exphil_rt.rollout.seats import SeatInvalid
from exphil_rt.sim import EmbeddedLane
from exphil_rt.training.fresh import fresh_policy
from exphil_rt.training.learner import Learner, LearnerConfig

PAIRS = ActionCodec(
    main=((-80, 0), (0, -80), (0, 0), (0, 80), (56, 56), (80, 0)), c_stick=((0, 0), (0, 80), (80, 0)), trigger=(0, 49)
)
FINE = ActionCodec(stick=(-80, -60, -44, -32, 0, 32, 44, 60, 80))
CASES: dict[str, PolicyConfig] = {
    "jamba, pairs, delayed": new_config("jamba", hidden=16, options={"window": 6}, codec=PAIRS, delay=2),
    "attention, fine axes": new_config("attention", hidden=16, layers=1, options={"window": 5}, codec=FINE),
    "lstm, at once": new_config("lstm", hidden=16, heads="independent"),
    "mamba, grouped": new_config("mamba", hidden=16, layers=1, heads="grouped"),
}


@pytest.fixture
def lane():
    """Two games at a time."""
    torch.set_num_threads(1)
    made = EmbeddedLane(2)
    yield made
    made.close()


@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_it_plays_beside_a_frozen_version_and_learns(config, lane):
    policy = fresh_policy(config, 1)
    players = (ITSELF, PlayerSpec(policy="old"))
    loop = RolloutLoop(
        lane, Engine(4, frozen="onnx"), policy, games=2, rated=0, exhibition=False, steps=64, seed=5, sample_hz=0.0,
        supply=supply_of(players=players),
    )  # fmt: skip
    loop.seats.load("old", fresh_policy(config, 2))
    rollout = [loop.collect() for _ in range(2)][-1]  # one whose state is not that of a fresh game
    assert (rollout.steps.actions[..., config.codec.num_heads :] == 0).all()
    still = Learner(LearnerConfig(learning_rate=1e-12, epochs=1, sequence=8), policy)
    metrics = still.learn(rollout)
    assert metrics.samples > 0
    assert not metrics.reverted
    assert abs(metrics.kl) < 1e-6  # the learner's probabilities are those of play
    before = [part.detach().clone() for part in policy.parameters()]
    assert not Learner(LearnerConfig(sequence=8), policy).learn(rollout).reverted
    assert any(not torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))


def test_another_codec_is_refused_in_a_sentence(lane):
    loop = RolloutLoop(
        lane, Engine(4), small_policy(), games=2, rated=0, exhibition=False, steps=8, seed=5, sample_hz=0.0
    )
    with pytest.raises(SeatInvalid, match="another action codec"):
        loop.seats.load("pairs", fresh_policy(CASES["jamba, pairs, delayed"], 1))


def test_a_recording_knows_its_codec(lane):
    rng = np.random.default_rng(0)
    actions = np.zeros((130, 2, 13), np.uint8)
    for head, size in enumerate(PAIRS.sizes):
        actions[..., head] = rng.integers(0, size, (130, 2))
    game = supply_of()(0)
    found = unpack(pack(game, lane.physics, actions, PAIRS))
    assert found.codec == PAIRS
    assert np.array_equal(actions_of(found), actions)
    frames, _ = replay(found, lane)
    shown = PAIRS.decode(actions[..., : PAIRS.num_heads])
    assert np.array_equal(frames.controllers.joystick_x[100:], shown.joystick_x[99:])  # inputs count from here on
    old = msgspec.msgpack.decode(msgspec.msgpack.encode(found))
    assert "codec" in old
