"""Codecs of other centres, and heads of every kind over them: the same promises as the default ones keep."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch

from exphil_rt.policy.codec import STICK_DEAD_ZONE, STICK_RADIUS, ActionCodec, CodecInvalid, transition_counts
from exphil_rt.policy.config import HeadsKind, PolicyConfig
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.heads import Heads
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.policy.noise import keyed_uniform
from exphil_rt.policy.plain import plain
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.random_play import random_actions as random_play

FINE = ActionCodec(stick=(-80, -77, -70, -61, -51, -44, -37, -31, -28, -25, 0, 25, 28, 31, 37, 44, 51, 61, 70, 77, 80))
JOINT = ActionCodec(
    main=((-80, 0), (-56, -56), (0, -80), (0, 0), (30, 0), (0, 50), (56, 56), (80, 0), (76, 23)),
    c_stick=((0, 0), (80, 0), (-80, 0), (0, 80), (0, -80)),
    trigger=(0, 49, 140),
)
CODECS = {"default": ActionCodec(), "fine": FINE, "joint": JOINT}
KINDS: tuple[HeadsKind, ...] = ("autoregressive", "grouped", "independent")
HIDDEN = 20

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
every_kind = pytest.mark.parametrize("kind", KINDS)


def draw(codec: ActionCodec, rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, rows) for size in codec.sizes], -1).astype(np.uint8)


def noise(codec: ActionCodec, rows: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(keyed_uniform(seed, "test", np.arange(rows), 0, 0, codec.num_logits))


def lively(codec: ActionCodec, kind: HeadsKind, width: int = 16) -> Heads:
    torch.manual_seed(0)
    heads = Heads(HIDDEN, width, codec, kind)
    torch.nn.init.normal_(heads.weight, std=0.5)
    torch.nn.init.normal_(heads.previous_table, std=0.5)
    return heads.eval()


@every_codec
def test_its_own_centres_are_fixed_points(codec):
    actions = draw(codec, 4000)
    shown = codec.decode(actions)
    again = codec.encode(shown)
    for a, b in zip(shown.arrays().values(), codec.decode(again).arrays().values(), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(codec.encode(codec.decode(again)), again)
    if codec.joint:  # no two positions of a stick are one
        assert np.array_equal(again[:, 8:10], actions[:, 8:10])
    for x, y in ((shown.joystick_x, shown.joystick_y), (shown.cstick_x, shown.cstick_y)):
        raw = np.stack([x, y]).astype(np.float64) * STICK_RADIUS
        assert np.allclose(raw, np.rint(raw), atol=1e-4)
        assert ((np.abs(raw) < 1e-6) | (np.abs(raw) > STICK_DEAD_ZONE - 0.01)).all()
        assert (np.hypot(*raw) <= STICK_RADIUS + 1e-4).all()


@every_codec
def test_its_layout_agrees_with_itself(codec):
    assert len(codec.heads) == codec.num_heads == len(codec.neutral())
    assert sum(codec.sizes) - 8 == codec.num_logits
    assert all((array == 0).all() for array in codec.decode(codec.neutral()).arrays().values())
    assert np.array_equal(codec.encode(codec.decode(codec.neutral())), codec.neutral())
    assert msgspec.json.decode(msgspec.json.encode(codec), type=ActionCodec) == codec
    assert DelayQueue(2, 1, neutral=codec.neutral()).committed([0, 1], 0)[0].shape == (2, 1, codec.num_heads)


@every_codec
def test_random_play_speaks_it(codec):
    draws = keyed_uniform(0, "action", np.arange(2000), 0, 0, codec.num_logits)
    actions = random_play(draws, codec)
    assert actions.shape == (2000, codec.num_heads)
    assert (actions < np.asarray(codec.sizes)).all()


@every_codec
@every_kind
def test_drawing_and_scoring_agree(codec, kind):
    heads = lively(codec, kind)
    hidden, previous = torch.randn(200, HIDDEN), torch.from_numpy(draw(codec, 200))
    with torch.inference_mode():
        for temperature in (0.5, 1.0, 2.0):
            action, logp = heads.sample(hidden, previous, noise(codec, 200), temperature)
            scored, entropy, per_head = heads.log_prob(hidden, previous, action, temperature)
            torch.testing.assert_close(logp, scored, rtol=1e-5, atol=3e-5)
            assert (entropy > 0).all()
            assert per_head.shape == (200, codec.num_heads)
            warm = torch.full((200,), temperature)
            row, row_logp = heads.sample(hidden, previous, noise(codec, 200), warm)
            assert torch.equal(row, action)
            torch.testing.assert_close(row_logp, logp, rtol=1e-5, atol=3e-5)
        greedy, nothing = heads.sample(hidden, previous, noise(codec, 200), 0.0)
        assert torch.equal(greedy, heads.likeliest(heads.logits(hidden, previous, greedy)))
        assert not nothing.any()
        mixed, _ = heads.sample(hidden, previous, noise(codec, 200), torch.tensor([0.0, 1.0]).repeat(100))
        drawn, _ = heads.sample(hidden, previous, noise(codec, 200), 1.0)
        assert torch.equal(mixed[0::2], greedy[0::2])
        assert torch.equal(mixed[1::2], drawn[1::2])


@every_codec
@every_kind
def test_plain_operations_give_the_same(codec, kind):
    heads = lively(codec, kind)
    hidden, previous = torch.randn(64, HIDDEN), torch.from_numpy(draw(codec, 64))
    with torch.inference_mode():
        action, logits, logp = heads.decide(hidden, previous, noise(codec, 64), 1.0)
        with plain():
            others = heads.decide(hidden, previous, noise(codec, 64), torch.ones(64))
    assert torch.equal(others[0], action)
    torch.testing.assert_close(others[1], logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(others[2], logp, rtol=1e-5, atol=3e-5)
    torch.testing.assert_close(heads.logits(hidden, previous, action), logits, rtol=1e-5, atol=1e-5)


@every_codec
@every_kind
def test_each_sees_what_its_kind_says(codec, kind):
    heads = lively(codec, kind)
    hidden, previous = torch.randn(1, HIDDEN), torch.from_numpy(draw(codec, 1, 1))
    action = torch.from_numpy(draw(codec, 1, 2))
    _, _, before = heads.log_prob(hidden, previous, action)
    for k in range(codec.num_heads):
        other = action.clone()
        other[0, k] = (other[0, k] + 1) % codec.sizes[k]
        _, _, after = heads.log_prob(hidden, previous, other)
        changed = (after != before)[0].tolist()
        first = 8 if kind == "grouped" and k < 8 else k + 1
        expected = [kind != "independent" and head >= first for head in range(codec.num_heads)]
        assert [c for head, c in enumerate(changed) if head != k] == [e for head, e in enumerate(expected) if head != k]


@every_codec
@every_kind
def test_tables_start_as_the_smoothed_counts(codec, kind):
    heads = Heads(HIDDEN, 16, codec, kind)
    previous, action = draw(codec, 300, 1), draw(codec, 300, 2)
    counts = transition_counts(previous, action, codec.sizes)
    heads.init_previous_tables(counts, smoothing=0.5)
    _, _, per_head = heads.log_prob(torch.randn(300, HIDDEN), torch.from_numpy(previous), torch.from_numpy(action))
    for k in range(codec.num_heads):
        table = counts[k] + 0.5
        expected = np.log(table / table.sum(-1, keepdims=True))[previous[:, k], action[:, k]]
        np.testing.assert_allclose(per_head[:, k].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@every_codec
@every_kind
def test_a_policy_of_it_learns_in_every_weight(codec, kind, make_frames):
    config = PolicyConfig(hidden=16, codec=codec, heads=kind, delay=1, dmax=2)
    torch.manual_seed(0)
    policy = Policy(config)
    torch.nn.init.normal_(policy.heads.weight)
    committed = draw(codec, 24).reshape(3, 4, 2, -1)
    mask = np.ones((3, 4, 2), np.uint8)
    built = build_inputs(Encoder(config.schema), codec, make_frames((3, 4)), 0, committed, mask, 1)
    inputs = to_tensors(built)
    hidden, value, _ = policy(inputs, policy.init_state(3))
    action = torch.from_numpy(draw(codec, 12, 3).reshape(3, 4, -1))
    logp, entropy, _ = policy.heads.log_prob(hidden, inputs.previous, action)
    (logp.mean() + value.mean() + entropy.mean()).backward()
    assert [name for name, p in policy.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_too_many_choices_are_refused():
    with pytest.raises(CodecInvalid, match="2 to 255"):
        ActionCodec(trigger=tuple(range(300))).check()
