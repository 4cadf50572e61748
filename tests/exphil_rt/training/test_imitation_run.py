"""The step of imitation: its loss by hand, going on bit for bit, and what happens when it diverges."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from exphil_rt.policy import Policy, PolicyConfig
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import new_config
from exphil_rt.policy.heads import Heads
from exphil_rt.replays import SideFilter
from exphil_rt.training.dataset import BuildSettings, build_dataset
from exphil_rt.training.generations import LearnerStateInvalid
from exphil_rt.training.imitation import Imitation, ImitationConfig, Progress, fit, mean_of
from exphil_rt.training.imitation_loss import Returns, edge_choices, head_losses
from exphil_rt.training.imitation_run import ImitationRun

SMALL = PolicyConfig(hidden=16, head_width=16)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(replays_dir, tmp_path_factory):
    names = ("fox_multishine.slp", "fox_multishine_closed.slp")
    settings = BuildSettings(filter=SideFilter.parse(["fox"]), workers=1)
    paths = [replays_dir / "matches" / name for name in names]
    return build_dataset(tmp_path_factory.mktemp("data") / "two", paths, settings).dataset.split(seed=1)


def heads_and_targets():
    torch.manual_seed(0)
    heads = Heads(8, 8)
    targets = torch.cat([torch.randint(0, size, (6, 1)) for size in heads.sizes], 1)
    logits = torch.randn(6, heads.num_logits)
    return heads, logits, targets


def test_the_plain_loss_is_the_nll_of_the_heads():
    heads, _, targets = heads_and_targets()
    hidden, previous = torch.randn(6, 8), torch.zeros(6, heads.num_heads, dtype=torch.uint8)
    with torch.no_grad():
        heads.weight.normal_()
        logits = heads.logits(hidden, previous, targets)
        _, _, per_head = heads.log_prob(hidden, previous, targets)
        loss, logp = head_losses(heads, logits, targets, edge_choices(heads.codec), ImitationConfig())
    torch.testing.assert_close(logp, per_head)
    torch.testing.assert_close(loss, -per_head)


def test_every_term_of_the_loss_by_hand():
    heads, logits, targets = heads_and_targets()
    edges = edge_choices(heads.codec)
    config = ImitationConfig(focal=2.0, smoothing=0.1, stick_edge=3.0, positive=5.0)
    loss, logp = head_losses(heads, logits, targets, edges, config)
    for row in range(6):
        for k in range(8):
            y, z = targets[row, k].float(), logits[row, k]
            smoothed = F.binary_cross_entropy_with_logits(z, y * 0.9 + 0.05)
            expected = smoothed * (5.0 if y else 1.0) * (1 - logp[row, k].exp()) ** 2
            torch.testing.assert_close(loss[row, k], expected)
        for k in range(8, heads.num_heads):
            z, y = logits[row, heads.columns(k)], targets[row, k]
            smoothed = F.cross_entropy(z[None], y[None], label_smoothing=0.1)
            held = heads.codec.heads[k] != "shoulder" and abs(heads.codec.stick[int(y)]) >= 72
            torch.testing.assert_close(loss[row, k], smoothed * (3.0 if held else 1.0) * (1 - logp[row, k].exp()) ** 2)


def test_the_edge_of_a_joint_stick_is_its_rim():
    codec = ActionCodec(main=((0, 0), (56, 56), (40, 0), (80, 0)), c_stick=((0, 0), (0, -80)))
    edges = edge_choices(codec)
    assert edges[8, :4].tolist() == [0, 1, 0, 1]
    assert edges[9, :2].tolist() == [0, 1]
    assert not edges[10].any()
    assert not edges[:8].any()


def test_returns_are_the_discounted_reward_that_followed(data):
    side = data.train[0]
    segment = data.dataset.segment(side.game)
    gamma = 0.9
    returns = Returns(data.dataset, data.train, gamma)
    found = returns.batch(np.array([0, -1]), np.array([5, 0]), 40)
    assert not found[1].any()
    own, other = side.player, 1 - side.player
    stocks, percent = segment.stocks.astype(float), segment.percent.astype(float)
    reward = np.zeros(len(stocks))
    for t in range(len(stocks) - 1):
        for player, sign in ((own, -1), (other, 1)):
            reward[t] += sign * max(stocks[t, player] - stocks[t + 1, player], 0)
            reward[t] += sign * 0.01 * max(percent[t + 1, player] - percent[t, player], 0)
    if (stocks[-1] == 0).any():
        reward[-2] += np.sign(stocks[-1, own] - stocks[-1, other])
    expected = [sum(gamma**k * reward[t + k] for k in range(len(reward) - t)) for t in range(5, 45)]
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("policy", "options"),
    [
        (SMALL, {"ema": 0.9, "average": 2, "next_state": 0.1, "accumulate": 2, "mirror": 0.5}),
        (
            PolicyConfig(backbone="mlp", hidden=16, head_width=16, options={"dropout": 0.2}, delay=2, dmax=3),
            {"delays": (0, 3), "balance_characters": True},
        ),
    ],
)
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(data, tmp_path, policy, options):
    config = ImitationConfig(epochs=3, batch=4, **options)

    def train(folder=None, stop_at=None):
        torch.manual_seed(4)
        net, seen = Policy(policy), 0

        def count(progress):
            nonlocal seen
            seen += 1
            if seen == stop_at:
                raise KeyboardInterrupt

        return net, fit(net, data, config, folder=folder, save_every_s=0.0, on_progress=count)

    whole, expected = train()
    steps = expected.epochs and expected.steps * config.accumulate // 3
    interrupted = train(tmp_path / "state", stop_at=steps + steps // 2)[1]
    assert interrupted.ended == "interrupted"
    torch.rand(3)  # whatever happened in between
    resumed, found = train(tmp_path / "state")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert found.score == expected.score
    assert (found.frames, found.steps, found.averaged) == (expected.frames, expected.steps, expected.averaged)
    assert [(r.train_nll, r.held_out) for r in found.epochs] == [(r.train_nll, r.held_out) for r in expected.epochs]


def test_the_first_state_comes_soon_and_the_next_in_a_minute(data, tmp_path, monkeypatch):
    """Who is killed in the first minute goes on, too."""
    monkeypatch.setattr("exphil_rt.training.imitation.FIRST_SAVE_S", 0.0)
    imitation = Imitation(Policy(SMALL), data, ImitationConfig(epochs=1, batch=4), folder=tmp_path)
    turns, numbers = imitation.turns(), []
    for turn in turns:
        if isinstance(turn, Progress):
            assert imitation.settle()
            numbers.append(imitation.generation)
        if len(numbers) == 3:
            break
    turns.close()
    assert numbers == [1, 1, 1]


def test_state_of_another_training_is_refused(data, tmp_path):
    fit(Policy(SMALL), data, ImitationConfig(epochs=1, batch=4), folder=tmp_path)
    with pytest.raises(LearnerStateInvalid, match="of another network"):
        fit(
            Policy(msgspec.structs.replace(SMALL, hidden=24)), data, ImitationConfig(epochs=2, batch=4), folder=tmp_path
        )
    with pytest.raises(LearnerStateInvalid, match="of other replays"):
        fit(Policy(SMALL), replace(data, train=data.held_out), ImitationConfig(epochs=2, batch=4), folder=tmp_path)


def test_a_divergence_is_undone_and_told_and_learning_goes_on(data):
    torch.manual_seed(0)
    told = []
    policy = Policy(SMALL)
    run = ImitationRun(policy, data, ImitationConfig(epochs=1, batch=4), told.append)

    for seen, _ in enumerate(run.epoch(0), start=1):
        if seen == 3:
            with torch.no_grad():
                policy.embed.project.weight.fill_(math.nan)
    nll = run.epoch_nll
    assert len(told) == 1
    assert "was undone (the NLL is nan)" in told[0]
    assert math.isfinite(nll)
    assert 0.5 <= run.rate_scale < 1.0
    assert all(bool(torch.isfinite(tensor).all()) for tensor in policy.state_dict().values())


def test_the_value_head_learns_and_the_trunk_does_not_hear_it(data):
    def train(value):
        torch.manual_seed(0)
        policy = Policy(SMALL)
        fit(policy, data, ImitationConfig(epochs=1, batch=4, value=value))
        return policy.state_dict()

    without, with_value = train(0.0), train(1.0)
    for name, tensor in without.items():
        assert torch.equal(tensor, with_value[name]) != name.startswith("value."), name


@pytest.mark.parametrize("backbone", ["mlp", "gru", "lstm", "attention", "hybrid", "mamba", "jamba"])
def test_bf16_learns_much_as_f32_does(data, backbone):
    def step(precision):
        torch.manual_seed(0)
        policy = Policy(new_config(backbone, hidden=16, layers=3 if backbone == "jamba" else 1))
        run = ImitationRun(policy, data, ImitationConfig(batch=2, steps=16, precision=precision))
        batch = next(iter(run.loader.epoch(0)))
        run.recurrent = policy.init_state(len(batch.reset))
        return run._batch(batch)

    assert step("bf16") == pytest.approx(step("f32"), rel=0.02)


def test_time_ends_a_training(data):
    result = fit(Policy(SMALL), data, ImitationConfig(epochs=50, batch=4, max_seconds=1e-3))
    assert result.ended == "seconds"
    assert len(result.epochs) == 1


def test_time_is_that_of_the_clock_given(data):
    """Each look at this clock is a second later: a batch takes one, and after three of them time is up."""
    now = itertools.count()
    config = ImitationConfig(epochs=50, batch=4, max_seconds=3)
    result = fit(Policy(SMALL), data, config, clock=lambda: float(next(now)))
    assert result.ended == "seconds"
    assert result.steps == 3


def test_the_mean_of_networks():
    torch.manual_seed(0)
    a, b = Policy(SMALL).state_dict(), Policy(SMALL).state_dict()
    mean = mean_of([a, b])
    torch.testing.assert_close(
        mean["embed.project.weight"], (a["embed.project.weight"] + b["embed.project.weight"]) / 2
    )
    with pytest.raises(ValueError, match="one architecture"):
        mean_of([a, Policy(msgspec.structs.replace(SMALL, hidden=24)).state_dict()])
