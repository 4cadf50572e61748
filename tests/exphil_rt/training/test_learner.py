"""The learner on real rollouts: it moves the policy, survives NaN and leaps, saves and restores itself bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Categorical, kl_divergence

from exphil_rt.game.frames import FIRST_PLAYABLE_FRAME
from exphil_rt.messages.learner import LearnerConfig
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.heads import Heads
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.experience import IDLE, Rollout, RolloutShape
from exphil_rt.training.fresh import fresh_policy
from exphil_rt.training.learner import Learner, LearnerStateInvalid

NUM_HEADS = ActionCodec().num_heads

STEPS, GAMES = 8, 3


def policy_of(backbone="gru", seed=0, **more):
    return fresh_policy(PolicyConfig(backbone=backbone, hidden=16, head_width=8, action_width=4, **more), seed)


def rollout_for(policy: Policy, seed=0) -> Rollout:
    """A rollout with random frames and actions, whose log-probabilities are the policy's own."""
    config = policy.config
    size = sum(part.shape[1] for part in policy.init_state(1))
    rollout = Rollout.allocate(RolloutShape(STEPS, GAMES, config.dmax, size))
    rng = np.random.default_rng(seed)
    steps, frames = rollout.steps, rollout.frames
    frames.frame[:] = np.arange(STEPS + 1)[:, None] + 100
    frames.stage[:] = 32
    players = frames.players
    players.exists[:] = 1
    players.state[:] = 14
    players.stocks[:] = 4
    players.percent[:] = rng.uniform(0, 20, players.percent.shape).cumsum(axis=0)
    players.position_x[:] = rng.normal(0, 40, players.position_x.shape)
    steps.learn[:] = 1
    steps.actions[..., 8:12] = rng.integers(0, 17, (STEPS + 1, GAMES, 2, 4))
    steps.actions[..., :8] = rng.integers(0, 2, (STEPS + 1, GAMES, 2, 8))
    rollout.committed[...] = config.codec.neutral()
    rollout.mask[...] = np.arange(config.dmax) < config.delay
    relabel(rollout, policy)
    return rollout


def relabel(rollout: Rollout, policy: Policy) -> None:
    """Make the rollout's log-probabilities and values those of ``policy``."""
    learner = Learner(LearnerConfig(sequence=STEPS), policy)
    ones, zeros = np.ones((STEPS, GAMES, 2), bool), np.zeros((STEPS, GAMES, 2), np.float32)
    sequences = learner._sequences(rollout, zeros, zeros, ones, ones)
    with torch.no_grad():
        hidden, value, _ = policy(sequences.inputs, sequences.states, sequences.reset)
        logp, _, _ = policy.heads.log_prob(hidden, sequences.inputs.previous, sequences.actions)
    games, ports = np.nonzero(np.ones((GAMES, 2)))
    rollout.steps.logp[:STEPS, games, ports] = logp.numpy().T
    rollout.steps.value[:STEPS, games, ports] = value.numpy().T


def weights_of(learner):
    return torch.cat([w.flatten() for w in learner.weights().values()])


@pytest.mark.parametrize("backbone", ["mlp", "gru"])
@pytest.mark.parametrize("delay", [0, 2])
def test_an_update_moves_the_policy_by_a_little(backbone, delay):
    policy = policy_of(backbone, delay=delay, dmax=delay)
    rollout = rollout_for(policy)
    learner = Learner(LearnerConfig(sequence=4), policy)
    before = weights_of(learner)
    metrics = learner.learn(rollout)
    assert not torch.equal(before, weights_of(learner))
    assert (learner.update, learner.frames) == (1, STEPS * GAMES)
    assert metrics.samples == STEPS * GAMES * 2
    assert metrics.epochs == 2
    assert 0 < metrics.kl < 0.05
    assert 1 < metrics.entropy < 10
    assert set(metrics.terms) == {"stock", "damage", "win", "approach", "recovery"}
    assert metrics.faults == ()


def test_what_is_rewarded_becomes_likelier():
    policy = policy_of()
    rollout = rollout_for(policy)
    frames, steps = rollout.frames, rollout.steps
    frames.players.position_x[:] = [-40, 40]
    frames.players.percent[:] = 0
    frames.players.percent[:, 1, 1] = 10 * np.arange(STEPS + 1)  # player 0 deals damage in game 1 ...
    steps.actions[..., 0] = np.arange(GAMES)[None, :, None] == 1  # ... where alone A is pressed
    steps.learn[..., 1] = 0
    config = LearnerConfig(sequence=8, learning_rate=3e-3, epochs=8, entropy=0.0, target_kl=1.0, kl_limit=10)
    learner = Learner(config, policy)
    relabel(rollout, policy)
    pressed = steps.logp[:STEPS, 1, 0].mean()
    for _ in range(3):
        learner.learn(rollout)
        relabel(rollout, policy)
    assert steps.logp[:STEPS, 1, 0].mean() > pressed + 0.1


def test_frozen_sides_and_idle_rows_are_not_learned_from():
    policy = policy_of()
    rollout = rollout_for(policy)
    steps = rollout.steps
    steps.learn[:, 0] = 0
    steps.learn[:, 1, 1] = 0
    steps.ended[:, 2] = IDLE
    learner = Learner(LearnerConfig(sequence=4), policy)
    metrics = learner.learn(rollout)
    assert metrics.samples == STEPS
    assert learner.frames == 2 * STEPS
    steps.learn[:] = 0
    before = weights_of(learner)
    assert learner.learn(rollout).samples == 0
    assert learner.update == 2
    assert torch.equal(before, weights_of(learner))


def test_decisions_that_cannot_act_teach_only_the_value():
    policy = policy_of(delay=1, dmax=1)
    rollout = rollout_for(policy)
    rollout.frames.frame[:] = FIRST_PLAYABLE_FRAME - 2 - 3 + np.arange(STEPS + 1)[:, None]
    metrics = Learner(LearnerConfig(sequence=4), policy).learn(rollout)
    assert metrics.samples == (STEPS - 3) * GAMES * 2


def test_a_rollout_with_nan_is_undone_and_learning_goes_on():
    policy = policy_of()
    good = rollout_for(policy)
    bad = rollout_for(policy)
    bad.steps.logp[3, 1, 0] = np.nan
    learner = Learner(LearnerConfig(sequence=4), policy)
    learner.learn(good)
    before = weights_of(learner)
    metrics = learner.learn(bad)
    assert metrics.reverted == "nan"
    assert "undone" in metrics.faults[-1]
    assert torch.equal(before, weights_of(learner))
    assert learner.rate_scale == 0.5
    assert learner.learn(good).reverted == ""
    assert not torch.equal(before, weights_of(learner))
    assert 0.5 < learner.rate_scale < 0.52


def test_a_leap_is_undone():
    policy = policy_of()
    rollout = rollout_for(policy)
    learner = Learner(LearnerConfig(sequence=4, learning_rate=0.5, target_kl=1e9), policy)
    before = weights_of(learner)
    metrics = learner.learn(rollout)
    assert metrics.reverted in ("kl", "nan")
    assert torch.equal(before, weights_of(learner))


def test_a_failing_reward_term_is_reported_and_skipped(monkeypatch):
    from exphil_rt.training.rewards import mix

    def broken(frames, ended):
        raise RuntimeError("no")

    monkeypatch.setitem(mix.TERMS, "approach", broken)
    policy = policy_of()
    metrics = Learner(LearnerConfig(sequence=4), policy).learn(rollout_for(policy))
    assert metrics.faults == ("Reward term 'approach' raised RuntimeError: no; it was skipped.",)
    assert "approach" not in metrics.terms
    assert metrics.samples > 0


def test_the_state_at_a_sequences_start_is_the_one_that_play_had():
    policy = policy_of()
    rollout = rollout_for(policy)
    rollout.steps.reset[5, 1] = 1
    learner = Learner(LearnerConfig(sequence=4), policy)
    ones, zeros = np.ones((STEPS, GAMES, 2), bool), np.zeros((STEPS, GAMES, 2), np.float32)
    cut = learner._sequences(rollout, zeros, zeros, ones, ones)
    whole = Learner(LearnerConfig(sequence=8), policy)._sequences(rollout, zeros, zeros, ones, ones)
    with torch.no_grad():
        short, _, _ = policy(cut.inputs, cut.states, cut.reset)
        long, _, _ = policy(whole.inputs, whole.states, whole.reset)
    assert torch.allclose(short.reshape(long.shape), long, atol=1e-6)


def test_saved_and_restored_it_continues_bit_for_bit(tmp_path):
    config = LearnerConfig(sequence=4, minibatches=2, deterministic=True)
    try:
        one = Learner(config, policy_of())
        rollouts = [rollout_for(policy_of(), seed) for seed in range(3)]
        one.learn(rollouts[0])
        one.save(tmp_path)
        two = Learner(config, policy_of(seed=99))
        assert two.restore(tmp_path).name == "gen-000001"
        assert (two.update, two.frames) == (1, STEPS * GAMES)
        for rollout in rollouts[1:]:
            assert one.learn(rollout).loss == two.learn(rollout).loss
        assert torch.equal(weights_of(one), weights_of(two))
    finally:
        torch.use_deterministic_algorithms(False)


def test_generations_are_pruned_and_damaged_ones_passed_over(tmp_path):
    learner = Learner(LearnerConfig(sequence=4, keep=3), policy_of())
    saved = []
    for _ in range(5):
        learner.update += 1
        saved.append(learner.save(tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gen-000003", "gen-000004", "gen-000005"]
    (saved[4] / "optimizer.safetensors").write_bytes(b"cut")
    (saved[3] / "state.json").unlink()
    other = Learner(LearnerConfig(), policy_of(seed=5))
    assert other.restore(tmp_path) == saved[2]
    assert other.update == 3
    (saved[2] / "policy.safetensors").write_bytes(b"")
    before = copy.deepcopy(other.weights())
    with pytest.raises(LearnerStateInvalid, match="damaged"):
        other.restore(tmp_path)
    assert all(torch.equal(before[name], value) for name, value in other.weights().items())


def test_a_state_of_another_architecture_is_refused(tmp_path):
    path = Learner(LearnerConfig(), policy_of("gru")).save(tmp_path)
    with pytest.raises(LearnerStateInvalid, match="does not fit the policy"):
        Learner(LearnerConfig(), policy_of("mlp")).restore(path)


def test_a_full_disk_leaves_no_half_generation(tmp_path, monkeypatch):
    learner = Learner(LearnerConfig(), policy_of())
    learner.save(tmp_path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        learner.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["gen-000001"]


def test_a_fresh_policy_keeps_its_stick_and_presses_little():
    policy = policy_of()
    assert torch.equal(policy.heads.weight, policy_of().heads.weight)
    hidden = torch.zeros(400, 16)
    previous = torch.from_numpy(np.tile(policy.config.codec.neutral(), (400, 1)))
    previous[:, 8] = 3
    noise = torch.rand(400, 81, generator=torch.Generator().manual_seed(1))
    action, _ = policy.heads.sample(hidden, previous, noise)
    assert action.shape == (400, NUM_HEADS)
    assert 0.85 < (action[:, 8] == 3).float().mean() < 0.96
    assert 0.02 < action[:, 0].float().mean() < 0.09  # A
    assert 0.0 < action[:, :8].float().mean() < 0.03


def test_the_divergence_is_torchs_summed_over_heads():
    torch.manual_seed(0)
    heads = Heads(8, 8)
    ours, theirs = torch.randn(2, 5, heads.num_logits), torch.randn(2, 5, heads.num_logits)
    found = heads.divergence(ours, theirs)
    expected = kl_divergence(Bernoulli(logits=ours[..., :8]), Bernoulli(logits=theirs[..., :8])).sum(-1)
    for k in range(8, heads.num_heads):
        part = heads.columns(k)
        expected = expected + kl_divergence(Categorical(logits=ours[..., part]), Categorical(logits=theirs[..., part]))
    torch.testing.assert_close(found, expected)
    assert float(heads.divergence(ours, ours).abs().max()) < 1e-5


def test_the_learner_is_kept_near_its_teacher():
    policy = policy_of("gru")
    rollout = rollout_for(policy)

    def learn(weight):
        config = LearnerConfig(
            sequence=4, learning_rate=3e-3, epochs=6, target_kl=1e9, kl_limit=1e9, teacher_kl=weight, entropy=0.0
        )
        learner = Learner(config, copy.deepcopy(policy), teacher=copy.deepcopy(policy))
        for _ in range(3):
            metrics = learner.learn(rollout)
        return learner, metrics.teacher_kl

    free, far = learn(0.0)
    kept, near = learn(10.0)
    assert 0 < near < far / 2
    for net in (free, kept):  # the teacher never moves
        for name, tensor in net.teacher.state_dict().items():
            assert torch.equal(tensor, policy.state_dict()[name]), name


def test_a_learner_without_a_teacher_reports_none():
    policy = policy_of("mlp")
    assert Learner(LearnerConfig(sequence=4), policy).learn(rollout_for(policy)).teacher_kl == pytest.approx(0.0)
