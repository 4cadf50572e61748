from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch

from exphil_rt.errors import ExphilError
from exphil_rt.policy.config import PolicyConfig, new_config, parse_options
from exphil_rt.policy.embed import InputTensors, to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.observation import IdTable, ObservationField, ObservationSchema
from exphil_rt.policy.policy import Policy

TOLERANCE = {"rtol": 0.0, "atol": 2e-5}


def _inputs(config: PolicyConfig, make_frames, random_actions, lead: tuple[int, int], seed: int = 0) -> InputTensors:
    frames = make_frames(lead, seed)
    committed = random_actions((*lead, config.dmax), seed + 1)
    mask = np.broadcast_to(np.arange(config.dmax) < config.delay, (*lead, config.dmax)).astype(np.uint8)
    built = build_inputs(Encoder(config.schema), config.codec, frames, 0, committed, mask, config.delay)
    return to_tensors(built)


def _policy(config: PolicyConfig, seed: int = 0) -> Policy:
    torch.manual_seed(seed)
    return Policy(config).eval()


CONFIGS = [
    PolicyConfig(backbone="mlp", hidden=32, layers=2),
    PolicyConfig(backbone="gru", hidden=32, layers=1),
    PolicyConfig(backbone="gru", hidden=48, layers=3, delay=2, dmax=4),
    PolicyConfig(backbone="jamba", hidden=32, layers=3, options={"window": 7}),
]
IDS = ["mlp", "gru", "gru-deep-delayed", "jamba"]


def test_options_are_read_from_text():
    assert parse_options(["window=12", "dropout = 0.5", "norm=true"]) == {"window": 12, "dropout": 0.5, "norm": True}
    for text in ("window", "window=", "window=wide"):
        with pytest.raises(ExphilError, match="sets no option"):
            parse_options([text])


def test_a_new_config_begins_as_its_backbone_should():
    assert new_config("jamba").layers == 3
    assert new_config("mlp", options={"norm": False}).options == {"residual": True, "norm": False}
    assert new_config("gru", layers=2, delay=3).dmax == 3


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
@pytest.mark.parametrize("density", [0.0, 0.05, 0.5, 1.0])
def test_training_equals_stepping_across_resets(config, density, make_frames, random_actions):
    """forward(T) = T steps = segments with carried state, with games beginning anywhere in the sequence."""
    batch, steps = 5, 24
    policy = _policy(config)
    inputs = _inputs(config, make_frames, random_actions, (batch, steps))
    reset = (torch.rand(batch, steps, generator=torch.Generator().manual_seed(1)) < density).to(torch.uint8)
    before = _inputs(config, make_frames, random_actions, (batch, 3), seed=7)
    with torch.no_grad():
        _, _, start = policy(before, policy.init_state(batch))
        hidden, value, end = policy(inputs, start, reset)

        state, stepped, values = start, [], []
        for t in range(steps):
            one = inputs.at((slice(None), slice(t, t + 1)))
            h, v, state = policy(one, state, reset[:, t : t + 1])
            stepped.append(h)
            values.append(v)
        torch.testing.assert_close(torch.cat(stepped, 1), hidden, **TOLERANCE)
        torch.testing.assert_close(torch.cat(values, 1), value, **TOLERANCE)
        for a, b in zip(state, end, strict=True):
            torch.testing.assert_close(a, b, **TOLERANCE)

        state, parts = start, []
        for cut in (slice(0, 7), slice(7, 8), slice(8, steps)):
            h, _, state = policy(inputs.at((slice(None), cut)), state, reset[:, cut])
            parts.append(h)
        torch.testing.assert_close(torch.cat(parts, 1), hidden, **TOLERANCE)


@pytest.mark.parametrize("config", CONFIGS[1:], ids=IDS[1:])
def test_a_reset_forgets_everything_before_it(config, make_frames, random_actions):
    policy = _policy(config)
    inputs = _inputs(config, make_frames, random_actions, (3, 10))
    reset = torch.zeros(3, 10)
    reset[1, 6] = 1
    with torch.no_grad():
        whole, _, _ = policy(inputs, policy.init_state(3), reset)
        fresh, _, _ = policy(inputs.at((slice(1, 2), slice(6, None))), policy.init_state(1))
        unreset, _, _ = policy(inputs, policy.init_state(3))
    torch.testing.assert_close(whole[1:2, 6:], fresh, **TOLERANCE)
    torch.testing.assert_close(whole[[0, 2]], unreset[[0, 2]], **TOLERANCE)
    assert (whole[1, 6:] - unreset[1, 6:]).abs().max() > 1e-3


@pytest.mark.parametrize("config", CONFIGS[1:], ids=IDS[1:])
def test_gradients_stop_at_a_reset(config, make_frames, random_actions):
    policy = _policy(config)
    inputs = _inputs(config, make_frames, random_actions, (1, 6))
    floats = inputs.floats.clone().requires_grad_()
    reset = torch.zeros(1, 6)
    reset[0, 3] = 1
    hidden, _, _ = policy(inputs._replace(floats=floats), policy.init_state(1), reset)
    hidden[:, 3:].sum().backward()
    assert floats.grad is not None
    assert not floats.grad[:, :3].any()
    assert floats.grad[:, 3:].any()


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_nothing_sees_the_future_or_its_neighbours(config, make_frames, random_actions):
    policy = _policy(config)
    inputs = _inputs(config, make_frames, random_actions, (4, 8))
    other = _inputs(config, make_frames, random_actions, (4, 8), seed=50)
    mixed = InputTensors(*(a.clone() for a in inputs))
    for a, b in zip(mixed, other, strict=True):
        a[:, 5:] = b[:, 5:]
        a[2] = b[2]
    with torch.no_grad():
        before, _, _ = policy(inputs, policy.init_state(4))
        after, _, _ = policy(mixed, policy.init_state(4))
    rows = [0, 1, 3]
    torch.testing.assert_close(after[rows, :5], before[rows, :5], **TOLERANCE)
    assert (after[:, 5:] - before[:, 5:]).abs().max() > 1e-3


def test_every_weight_learns(make_frames, random_actions):
    config = PolicyConfig(hidden=32, delay=1, dmax=2)
    policy = _policy(config)
    torch.nn.init.normal_(policy.heads.weight)
    inputs = _inputs(config, make_frames, random_actions, (4, 6))
    hidden, value, _ = policy(inputs, policy.init_state(4))
    logp, entropy, _ = policy.heads.log_prob(hidden, inputs.previous, torch.from_numpy(random_actions((4, 6), 9)))
    (logp.mean() + value.mean() + entropy.mean()).backward()
    dead = [name for name, p in policy.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_items_are_a_set(make_frames, random_actions):
    config = PolicyConfig(hidden=32)
    policy = _policy(config)
    frames = make_frames((3,), 4)
    encoder = Encoder(config.schema)
    nothing = np.zeros((3, 0, 13), np.uint8)

    def features() -> torch.Tensor:
        built = build_inputs(encoder, config.codec, frames, 0, nothing, nothing[..., 0], 0)
        with torch.no_grad():
            return policy.embed(to_tensors(built))

    first = features()
    frames.items.assign(slice(None), frames.items[:, np.random.default_rng(0).permutation(15)].copy())
    torch.testing.assert_close(features(), first, **TOLERANCE)
    frames.items.position_x[:] += 30
    assert (features() - first).abs().max() > 1e-3


def test_a_masked_slot_says_nothing(make_frames, random_actions):
    config = PolicyConfig(hidden=32, delay=1, dmax=3)
    policy = _policy(config)
    inputs = _inputs(config, make_frames, random_actions, (2, 3))
    committed = inputs.committed.clone()
    committed[..., 1:, :] = torch.from_numpy(random_actions((2, 3, 2), 77))
    with torch.no_grad():
        a = policy.embed(inputs)
        b = policy.embed(inputs._replace(committed=committed))
        committed[..., 0, 8] = (committed[..., 0, 8] + 5) % 17
        c = policy.embed(inputs._replace(committed=committed))
    assert torch.equal(a, b)
    assert (a - c).abs().max() > 1e-4


def test_a_policy_of_a_small_schema_works(make_frames, random_actions):
    schema = ObservationSchema(
        fields=(
            ObservationField(name="x", source="own.position_x", scale=0.01, low=-9, high=9),
            ObservationField(name="s", source="opponent.state", kind="id", table="state"),
        ),
        tables=(IdTable(name="state", rows=401, width=4),),
    )
    config = PolicyConfig(hidden=16, schema=schema)
    policy = _policy(config)
    inputs = _inputs(config, make_frames, random_actions, (2, 4))
    hidden, value, _ = policy(inputs, policy.init_state(2))
    assert hidden.shape == (2, 4, 16)
    assert value.shape == (2, 4)


def test_inputs_on_read_only_memory_are_taken(make_frames):
    config = PolicyConfig(hidden=16)
    frames = make_frames((2,))
    nothing = np.zeros((2, 0, 13), np.uint8)
    built = build_inputs(Encoder(config.schema), config.codec, frames, 0, nothing, nothing[..., 0], 0)
    for name in Inputs.__slots__:
        getattr(built, name).setflags(write=False)
    tensors = to_tensors(built)
    assert torch.equal(tensors.previous, torch.from_numpy(built.previous.copy()))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"backbone": "mambo"}, "mambo"),
        ({"options": {"width": 3}}, "width"),
        ({"options": {"dropout": float("inf")}}, "options"),
        ({"hidden": 0}, "hidden"),
        ({"hidden": 10**9}, "hidden"),
        ({"layers": 99}, "layers"),
        ({"delay": 2, "dmax": 1}, "dmax"),
        ({"dmax": 1000}, "dmax"),
    ],
)
def test_an_impossible_config_is_refused(change, word):
    with pytest.raises(ExphilError, match=word):
        Policy(msgspec.structs.replace(PolicyConfig(), **change))
