from __future__ import annotations

import msgspec
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.inference.compare import compare
from exphil_rt.inference.export import MANIFEST_KEY, ExportFailed, quantise, to_onnx
from exphil_rt.inference.onnx_player import OnnxPlayer
from exphil_rt.inference.torch_player import TorchPlayer
from exphil_rt.policy.backbones import BACKBONES
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig, new_config
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, sequence_inputs
from exphil_rt.policy.noise import keyed_uniform
from exphil_rt.policy.policy import Policy

torch.set_num_threads(1)

JOINT = ActionCodec(main=((0, 0), (80, 0), (-80, 0), (0, 80)), c_stick=((0, 0), (80, 0), (0, -80)))


def lively(config: PolicyConfig) -> Policy:
    torch.manual_seed(0)
    policy = Policy(config).eval()
    nn.init.normal_(policy.heads.weight, std=0.5)
    nn.init.normal_(policy.heads.previous_table, std=0.5)
    return policy


def recorded(config: PolicyConfig, steps: int = 40, items: bool = True) -> list[Inputs]:
    """Inputs of both players of a made-up game."""
    rng = np.random.default_rng(3)
    count = steps + config.delay + 1
    frames = Frames.allocate((count,))
    frames.frame[:] = FIRST_FRAME + np.arange(count)
    frames.players.exists[:] = 1
    frames.players.state[:] = rng.integers(0, 390, (count, 2))
    frames.players.position_x[:] = rng.normal(0, 50, (count, 2))
    if items:
        frames.items.exists[:] = rng.random((count, 15)) < 0.2
        frames.items.kind[:] = rng.integers(0, 200, (count, 15))
    codec = config.codec
    actions = np.stack([rng.integers(0, size, (count, 2)) for size in codec.sizes], -1).astype(np.uint8)
    frames.controllers.assign(..., codec.decode(actions))
    encoder = Encoder(config.schema)
    return [sequence_inputs(encoder, codec, frames, port, config.delay, config.dmax)[0] for port in (0, 1)]


@pytest.mark.parametrize("name", BACKBONES)
def test_the_graph_of_every_backbone_is_the_policy(name):
    options = {"window": 12} if name in ("attention", "hybrid", "jamba") else {}
    policy = lively(new_config(name, hidden=16, options=options, delay=1, dmax=2))
    model = to_onnx(policy)
    found = compare(policy, model, recorded(policy.config), 0.8)
    assert found.same, found
    assert found.frames == 80
    small = compare(policy, quantise(model), recorded(policy.config, 10))
    assert 0 < small.logit_error < 0.2
    assert small.kl < 0.01


@pytest.mark.parametrize("heads", ["grouped", "independent"])
@pytest.mark.parametrize("codec", [ActionCodec(), JOINT], ids=["axes", "pairs"])
def test_heads_of_every_kind_are_exported(heads, codec):
    policy = lively(new_config("mlp", hidden=16, heads=heads, codec=codec))
    found = compare(policy, to_onnx(policy), recorded(policy.config, 20, items=False), 0.0)
    assert found.same, found


def test_a_difference_is_seen():
    policy = lively(new_config("gru", hidden=16))
    model = to_onnx(policy)
    with torch.no_grad():
        policy.heads.bias.add_(1e-3)
    assert not compare(policy, model, recorded(policy.config, 5)).same


def test_the_batch_is_free_and_rows_are_alone():
    policy = lively(new_config("jamba", hidden=16, options={"window": 8}))
    model = to_onnx(policy)
    inputs = recorded(policy.config, 20)[0]
    rows = np.arange(20)
    noise = keyed_uniform(0, "test", rows, 0, 0, policy.config.codec.num_logits)
    players = [TorchPlayer(policy, 1.0, 20, torch.device("cpu")), OnnxPlayer(policy, 1.0, 20, model)]
    for _ in range(3):
        (action, logp, value), (found, found_logp, found_value) = (p.decide(rows, inputs, noise) for p in players)
        assert np.array_equal(found, action)
        np.testing.assert_allclose(found_logp, logp, atol=5e-5)
        np.testing.assert_allclose(found_value, value, atol=2e-5)
    alone = OnnxPlayer(policy, 1.0, 20, model)
    alone.set_state(rows[7:8], players[1].state(rows[7:8]))
    together = players[1].decide(rows, inputs, noise)
    single = alone.decide(rows[7:8], inputs[7:8], noise[7:8])
    assert np.array_equal(single[0][0], together[0][7])
    np.testing.assert_allclose(single[1][0], together[1][7], atol=1e-6)


def test_the_model_carries_its_manifest():
    policy = lively(new_config("mlp", hidden=8, layers=1))
    model = onnx.load_from_string(to_onnx(policy, b'{"name": "x"}'))
    assert {p.key: p.value for p in model.metadata_props}[MANIFEST_KEY] == '{"name": "x"}'
    onnx.checker.check_model(model)


def test_what_cannot_be_exported_is_said():
    policy = lively(new_config("mlp", hidden=8, layers=1))

    class Odd(nn.Module):
        def init_state(self, batch):
            return ()

        def forward(self, x, state, reset=None):
            return torch.special.bessel_j0(x), state

    policy.backbone = Odd()
    with pytest.raises(ExportFailed, match="cannot be exported"):
        to_onnx(policy)


def test_exporting_leaves_the_policy_alone():
    policy = lively(msgspec.structs.replace(new_config("gru", hidden=8)))
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    to_onnx(policy.train())
    assert policy.training
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())
