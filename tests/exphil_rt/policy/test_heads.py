from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from exphil_rt.policy.codec import ActionCodec, transition_counts
from exphil_rt.policy.heads import Heads
from exphil_rt.policy.noise import keyed_uniform

SIZES = ActionCodec().sizes
NUM_HEADS = ActionCodec().num_heads
NUM_LOGITS = ActionCodec().num_logits
NOISE_SIZE = ActionCodec().num_logits
HEADS = ActionCodec().heads

HIDDEN = 24


@pytest.fixture
def heads() -> Heads:
    """Heads whose every part matters."""
    torch.manual_seed(0)
    heads = Heads(HIDDEN, 16)
    torch.nn.init.normal_(heads.weight, std=0.5)
    torch.nn.init.normal_(heads.previous_table, std=0.5)
    return heads.eval()


def uniform(rows: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(keyed_uniform(seed, "test", np.arange(rows), 0, 0, NOISE_SIZE))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
def test_the_probability_of_a_drawn_action_is_that_of_scoring_it(heads, random_actions, temperature):
    hidden, previous = torch.randn(300, HIDDEN), torch.from_numpy(random_actions((300,)))
    with torch.inference_mode():
        action, drawn = heads.sample(hidden, previous, uniform(300), temperature)
        scored, entropy, per_head = heads.log_prob(hidden, previous, action, temperature)
    torch.testing.assert_close(drawn, scored, rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(per_head.sum(-1), scored)
    assert (entropy > 0).all()
    assert action.dtype == torch.uint8


def test_probabilities_of_all_actions_add_to_one(heads, random_actions):
    """Over the whole of any three heads' choices, the others being summed by the chain rule."""
    hidden = torch.randn(1, HIDDEN)
    previous = torch.from_numpy(random_actions((1,), 3))
    base = torch.from_numpy(random_actions((1,), 4))
    for chosen in ((0, 1, 2), (6, 7, 8), (8, 9, 12), (10, 11, 12)):
        sizes = [SIZES[k] for k in chosen]
        grid = torch.tensor(list(itertools.product(*map(range, sizes))), dtype=torch.uint8)
        actions = base.repeat(len(grid), 1)
        actions[:, list(chosen)] = grid
        rows = len(grid)
        _, _, per_head = heads.log_prob(hidden.expand(rows, -1), previous.expand(rows, -1), actions)
        # Heads up to the last chosen one; those between are conditioned on the varied ones, so each is a distribution.
        joint = per_head[:, list(chosen)].sum(-1).exp()
        if chosen == tuple(range(chosen[0], chosen[0] + 3)):
            assert joint.sum().item() == pytest.approx(1.0, abs=1e-4)
        last = per_head[:, chosen[-1]].exp().reshape(*sizes).sum(-1)
        torch.testing.assert_close(last, torch.ones_like(last), rtol=1e-4, atol=1e-4)


def test_sampling_follows_the_probabilities(heads):
    rows = 40_000
    hidden, previous = torch.randn(1, HIDDEN), torch.full((1, NUM_HEADS), 1, dtype=torch.uint8)
    with torch.inference_mode():
        action, _ = heads.sample(hidden.expand(rows, -1), previous.expand(rows, -1), uniform(rows, 5))
        logits = heads.logits(hidden.expand(rows, -1), previous.expand(rows, -1), action)
    first = torch.sigmoid(logits[0, 0]).item()
    assert action[:, 0].float().mean().item() == pytest.approx(first, abs=5 * (first * (1 - first) / rows) ** 0.5)
    # Each later head, given what came before it: mean of the predicted probabilities = frequency.
    for head, start in ((8, 8), (11, 8 + 3 * 17), (12, 8 + 4 * 17)):
        predicted = logits[:, start : start + SIZES[head]].softmax(-1).mean(0)
        found = torch.bincount(action[:, head].long(), minlength=SIZES[head]) / rows
        error = (predicted - found).abs() / (predicted / rows).sqrt()
        assert error.max() < 5, HEADS[head]


def test_entropy_is_that_of_the_conditional_distributions(heads, random_actions):
    hidden, previous = torch.randn(7, HIDDEN), torch.from_numpy(random_actions((7,), 1))
    action = torch.from_numpy(random_actions((7,), 2))
    logits = heads.logits(hidden, previous, action).double()
    expected = torch.zeros(7, dtype=torch.double)
    p = torch.sigmoid(logits[:, :8])
    expected += -(p * p.log() + (1 - p) * (1 - p).log()).sum(-1)
    for part in logits[:, 8:].split([17, 17, 17, 17, 5], -1):
        q = part.softmax(-1)
        expected += -(q * q.log()).sum(-1)
    _, entropy, _ = heads.log_prob(hidden, previous, action)
    torch.testing.assert_close(entropy.double(), expected, rtol=1e-5, atol=1e-5)


def test_each_head_sees_the_earlier_ones_only(heads, random_actions):
    hidden, previous = torch.randn(1, HIDDEN), torch.from_numpy(random_actions((1,), 1))
    action = torch.from_numpy(random_actions((1,), 2))
    _, _, before = heads.log_prob(hidden, previous, action)
    for k in range(NUM_HEADS):
        other = action.clone()
        other[0, k] = (other[0, k] + 1) % SIZES[k]
        _, _, after = heads.log_prob(hidden, previous, other)
        assert torch.equal(after[0, :k], before[0, :k])
        assert (after[0, k + 1 :] != before[0, k + 1 :]).all()


def test_the_previous_action_reaches_the_logits_directly(heads, random_actions):
    """With everything but the direct path dead, the previous action still decides."""
    torch.nn.init.zeros_(heads.weight)
    hidden, action = torch.randn(1, HIDDEN), torch.from_numpy(random_actions((1,), 2))
    seen = {
        tuple(heads.logits(hidden, torch.from_numpy(random_actions((1,), s)), action)[0].tolist()) for s in range(8)
    }
    assert len(seen) == 8


def test_noise_alone_decides_and_rows_do_not_meddle(heads, random_actions):
    hidden, previous, noise = torch.randn(64, HIDDEN), torch.from_numpy(random_actions((64,))), uniform(64)
    with torch.inference_mode():
        action, logp = heads.sample(hidden, previous, noise)
        again, _ = heads.sample(hidden, previous, noise)
        order = torch.randperm(64)
        shuffled, shuffled_logp = heads.sample(hidden[order], previous[order], noise[order])
        alone = [heads.sample(hidden[i : i + 1], previous[i : i + 1], noise[i : i + 1]) for i in range(64)]
    assert torch.equal(action, again)
    assert torch.equal(action[order], shuffled)
    torch.testing.assert_close(logp[order], shuffled_logp, rtol=1e-5, atol=1e-5)
    assert torch.equal(action, torch.cat([a for a, _ in alone]))
    torch.testing.assert_close(logp, torch.cat([p for _, p in alone]), rtol=1e-5, atol=1e-5)


def test_temperature_zero_takes_the_likeliest(heads, random_actions):
    hidden, previous = torch.randn(50, HIDDEN), torch.from_numpy(random_actions((50,)))
    with torch.inference_mode():
        action, logp = heads.sample(hidden, previous, uniform(50), 0.0)
        other, _ = heads.sample(hidden, previous, uniform(50, 9), 0.0)
        logits = heads.logits(hidden, previous, action)
    assert torch.equal(action, other)
    assert not logp.any()
    assert torch.equal(action[:, :8], (logits[:, :8] > 0).to(torch.uint8))
    for head, part in zip(range(8, 13), logits[:, 8:].split([17, 17, 17, 17, 5], -1), strict=True):
        assert torch.equal(action[:, head].long(), part.argmax(-1))


def test_tables_start_as_the_smoothed_counts(random_actions):
    heads = Heads(HIDDEN, 16)
    previous, action = random_actions((400,), 1), random_actions((400,), 2)
    counts = transition_counts(previous, action, SIZES)
    heads.init_previous_tables(counts, smoothing=0.5)
    _, _, per_head = heads.log_prob(torch.randn(400, HIDDEN), torch.from_numpy(previous), torch.from_numpy(action))
    for k in range(NUM_HEADS):
        table = counts[k] + 0.5
        expected = np.log(table / table.sum(-1, keepdims=True))[previous[:, k], action[:, k]]
        np.testing.assert_allclose(per_head[:, k].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_start_from_tables_still_learns(random_actions):
    torch.manual_seed(1)
    heads = Heads(HIDDEN, 16)
    previous = torch.from_numpy(random_actions((256,), 1))
    hidden = torch.randn(256, HIDDEN)
    action = torch.from_numpy(random_actions((256,), 2))
    action[:, 8] = (hidden[:, 0] > 0).to(torch.uint8) * 16  # what only the hidden can say
    heads.init_previous_tables(transition_counts(previous.numpy(), action.numpy(), SIZES))
    optimiser = torch.optim.Adam(heads.parameters(), 1e-2)
    for _ in range(150):
        loss = -heads.log_prob(hidden, previous, action)[2][:, 8].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


def test_wrong_counts_are_refused():
    with pytest.raises(ValueError, match="head 0"):
        Heads(HIDDEN, 16).init_previous_tables([np.zeros((3, 3))] * NUM_HEADS)


def test_a_fresh_policy_explores_without_mashing():
    torch.manual_seed(2)
    heads = Heads(HIDDEN, 64)
    with torch.inference_mode():
        action, _ = heads.sample(torch.randn(5000, HIDDEN), torch.zeros(5000, 13, dtype=torch.uint8), uniform(5000))
        _, entropy, _ = heads.log_prob(torch.randn(5000, HIDDEN), torch.zeros(5000, 13, dtype=torch.uint8), action)
    pressed = action[:, :8].float().mean(0)
    assert ((pressed > 0.04) & (pressed < 0.08)).all()
    stick = torch.bincount(action[:, 8].long(), minlength=17) / 5000
    assert ((stick > 0.04) & (stick < 0.08)).all()
    assert (action[:, 10] == 8).float().mean().item() == pytest.approx(0.85, abs=0.03)
    assert (action[:, 12] == 0).float().mean().item() == pytest.approx(0.9, abs=0.03)
    most = 8 * math.log(2) + 4 * math.log(17) + math.log(5)
    assert 0.45 * most < entropy.mean().item() < 0.7 * most


def test_extreme_logits_stay_finite(heads, random_actions):
    with torch.no_grad():
        heads.bias.copy_(torch.randn(NUM_LOGITS) * 1e4)
    hidden, previous = torch.randn(20, HIDDEN), torch.from_numpy(random_actions((20,)))
    action = torch.from_numpy(random_actions((20,), 6))
    logp, entropy, _ = heads.log_prob(hidden, previous, action)
    (logp.mean() + entropy.mean()).backward()
    assert torch.isfinite(logp).all()
    assert torch.isfinite(entropy).all()
    assert all(torch.isfinite(p.grad).all() for p in heads.parameters())
