from __future__ import annotations

import pytest
import torch
from torch import nn

from exphil_rt.policy.backbones import BACKBONES, BackboneInvalid, entry, trust, trusted
from exphil_rt.policy.backbones.attention import Attention, AttentionLayer, rotate, rotations
from exphil_rt.policy.backbones.build import build, options_of
from exphil_rt.policy.backbones.gru import GRU
from exphil_rt.policy.backbones.lstm import LSTM
from exphil_rt.policy.backbones.mamba import Mixer
from exphil_rt.policy.backbones.mlp import MLP
from exphil_rt.policy.backbones.scan import scan
from exphil_rt.testing.backbones import TOLERANCE, check_backbone

CASES = {
    "mlp": ("mlp", 3, {}),
    "mlp-residual": ("mlp", 4, {"residual": True, "norm": True, "dropout": 0.1}),
    "gru": ("gru", 1, {}),
    "gru-deep": ("gru", 3, {"dropout": 0.2}),
    "lstm": ("lstm", 1, {}),
    "lstm-deep": ("lstm", 3, {"dropout": 0.2}),
    "attention": ("attention", 2, {}),
    "attention-short": ("attention", 3, {"window": 5, "heads": 2, "dropout": 0.1}),
    "hybrid": ("hybrid", 2, {"window": 9}),
    "mamba": ("mamba", 2, {}),
    "mamba-wide": ("mamba", 1, {"state_size": 3, "expand": 3, "conv": 7, "checkpointing": True}),
    "jamba": ("jamba", 4, {"attention_every": 2, "window": 6}),
    "jamba-default": ("jamba", None, {}),
}


@pytest.mark.parametrize(("name", "layers", "options"), CASES.values(), ids=CASES)
def test_ours_keep_the_protocol(name, layers, options):
    report = check_backbone(name, layers=layers, options=options)
    assert report.parameters > 0
    assert (report.state == 0) == (name == "mlp")


def test_every_backbone_is_held_to_it():
    assert {name for name, _, _ in CASES.values()} == set(BACKBONES)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_wider_input_is_taken(name):
    module = build(name, 40, 16, 3, {"heads": 2} if "heads" in options_of(name, {}) else {})
    y, _ = module(torch.randn(2, 4, 40), module.init_state(2))
    assert y.shape == (2, 4, 16)


# Oracles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs", "parts"), [(GRU, nn.GRU, 1), (LSTM, nn.LSTM, 2)])
def test_recurrent_nets_equal_torchs_own(ours, theirs, parts):
    torch.manual_seed(0)
    model, oracle = ours(12, 20, 2).eval(), theirs(12, 20, 2, batch_first=True)
    oracle.load_state_dict({name.partition(".")[2]: value for name, value in model.state_dict().items()})
    x = torch.randn(3, 30, 12)
    with torch.no_grad():
        expected, _ = oracle(x)
        state, steps = model.init_state(3), []
        for t in range(30):  # the path of play
            y, state = model(x[:, t : t + 1], state)
            steps.append(y)
    assert len(state) == 2 * parts
    torch.testing.assert_close(torch.cat(steps, 1), expected, rtol=0, atol=TOLERANCE)


def test_a_grus_gradients_equal_torchs_own_across_resets():
    """Two games in one sequence are two sequences of torch's."""
    torch.manual_seed(0)
    model, oracle = GRU(7, 9, 2), nn.GRU(7, 9, 2, batch_first=True)
    oracle.load_state_dict({name.partition(".")[2]: value for name, value in model.state_dict().items()})
    x, start, weight = torch.randn(3, 20, 7), torch.randn(2, 3, 9), torch.randn(3, 20, 9)
    reset = torch.zeros(3, 20)
    reset[:, 8] = 1
    found, expected = [], []
    for into, run in ((found, True), (expected, False)):
        given, memory = x.clone().requires_grad_(), start.clone().requires_grad_()
        if run:
            y, after = model(given, tuple(memory.unbind(0)), reset)
            last = torch.stack(after)
        else:
            before, _ = oracle(given[:, :8], memory)
            behind, last = oracle(given[:, 8:])
            y = torch.cat([before, behind], 1)
        ((y * weight).sum() + last.square().sum()).backward()
        weights = (model if run else oracle).parameters()
        into += [y, last, given.grad, memory.grad, *(parameter.grad for parameter in weights)]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=TOLERANCE)


def test_a_grus_gradients_in_bfloat16_are_those_in_float32_but_for_rounding():
    torch.manual_seed(0)
    model, x, weight = GRU(16, 32, 2), torch.randn(4, 20, 16), torch.randn(4, 20, 32)
    found = []
    for half in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            y, state = model(x, model.init_state(4))
        assert y.dtype == torch.float32 == state[0].dtype
        (y * weight).sum().backward()
        found.append([parameter.grad.clone() for parameter in model.parameters()])
    for exact, rounded in zip(*found, strict=True):
        assert (rounded - exact).norm() < 0.02 * exact.norm()


def test_attention_equals_torchs_own_but_for_places():
    """With the rotation taken out, a layer is torch's own multi-head attention under a band mask."""
    torch.manual_seed(0)
    hidden, heads, window, steps = 24, 3, 7, 20
    stack = Attention(hidden, hidden, 1, window=window, heads=heads).eval().stack
    layer = stack.layers[0]
    assert isinstance(layer, AttentionLayer)
    oracle = nn.MultiheadAttention(hidden, heads, batch_first=True)
    oracle.load_state_dict(
        {
            "in_proj_weight": layer.qkv.weight,
            "in_proj_bias": layer.qkv.bias,
            "out_proj.weight": layer.out.weight,
            "out_proj.bias": layer.out.bias,
        }
    )
    age = torch.arange(steps)[:, None] - torch.arange(steps)
    x = torch.randn(2, steps, hidden)
    with torch.no_grad():
        normed = layer.norm(x)
        seen, _ = oracle(normed, normed, normed, attn_mask=(age < 0) | (age >= window), need_weights=False)
        expected = x + seen
        expected = expected + layer.feed(layer.feed_norm(expected))

        still = torch.stack([torch.ones(window, hidden // heads), torch.zeros(window, hidden // heads)])
        stack.rotation = still
        state, found = stack.init_state(2), []
        for t in range(steps):
            y, state = stack(x[:, t : t + 1], state)
            found.append(y)
    torch.testing.assert_close(torch.cat(found, 1), expected, rtol=0, atol=TOLERANCE)


def test_rotations_tell_distances_only():
    torch.manual_seed(0)
    table = rotations(50, 8)
    q, k = torch.randn(8), torch.randn(8)
    scores = [
        (rotate(q.expand(50, 8), table)[at] * rotate(k.expand(50, 8), table)[at - 4]).sum().item() for at in (4, 17, 49)
    ]
    assert scores == pytest.approx([scores[0]] * 3, abs=1e-5)
    # Two numbers are turned by an angle: as complex numbers.
    turned = torch.view_as_complex(torch.stack([q[:4], q[4:]], -1)) * torch.exp(
        1j * 9 * 10_000.0 ** (-torch.arange(0, 8, 2) / 8)
    )
    torch.testing.assert_close(rotate(q.expand(50, 8), table)[9], torch.cat([turned.real, turned.imag]))


def test_the_window_ends_where_it_says():
    torch.manual_seed(0)
    model = Attention(8, 8, 1, window=5, heads=2).eval()
    x = torch.randn(1, 12, 8)
    other = x.clone()
    other[0, 3, 0] += 1
    with torch.no_grad():
        moved = (model(x, model.init_state(1))[0] - model(other, model.init_state(1))[0]).abs().amax(-1)[0]
    assert (moved > 1e-6).tolist() == [3 <= t < 8 for t in range(12)]


def test_the_scan_equals_the_recurrence_and_its_gradient():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)

    rows, steps, channels, numbers = 3, 5, 4, 2
    keep = torch.ones(rows, steps, dtype=torch.float64)
    keep[1, 2] = keep[2, 0] = 0
    args = (draw(rows, steps, channels), draw(rows, steps, channels), draw(channels, numbers))
    args += (draw(rows, steps, numbers), draw(rows, steps, numbers), draw(rows, channels, numbers))

    def whole(u, dt, a, into, out, memory):
        return scan(u, torch.nn.functional.softplus(dt), -a.exp(), into, out, memory, keep)

    assert torch.autograd.gradcheck(whole, args)
    y, end = whole(*args)
    u, dt, a, into, out, h = args
    dt, a = torch.nn.functional.softplus(dt), -a.exp()
    for t in range(steps):
        h = torch.exp(dt[:, t, :, None] * a) * h * keep[:, t, None, None]
        h = h + dt[:, t, :, None] * into[:, t, None] * u[:, t, :, None]
        torch.testing.assert_close(y[:, t], torch.einsum("ben,bn->be", h, out[:, t]))
    torch.testing.assert_close(end, h)


def test_large_steps_stay_finite():
    torch.manual_seed(0)
    mixer = Mixer(8, 16, 2, 4)
    with torch.no_grad():
        mixer.dt_proj.bias.fill_(30.0)
    y, _, memory = mixer(torch.randn(2, 40, 8) * 10, *mixer.init_state(2), None)
    (y.square().sum() + memory.square().sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in mixer.parameters())


def test_checkpointing_changes_no_gradient():
    torch.manual_seed(0)
    plain, lean = build("mamba", 8, 8, 2, {}), build("mamba", 8, 8, 2, {"checkpointing": True})
    lean.load_state_dict(plain.state_dict())
    x = torch.randn(2, 9, 8)
    reset = torch.zeros(2, 9)
    reset[1, 4] = 1
    for module in (plain, lean):
        y, _ = module.train()(x, module.init_state(2), reset)
        y.square().sum().backward()
    for one, other in zip(plain.parameters(), lean.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BACKBONES)
def test_dropout_is_for_learning_only(name):
    torch.manual_seed(0)
    module = build(name, 16, 16, 3, {"dropout": 0.5})
    x = torch.randn(2, 6, 16)
    first, _ = module.train()(x, module.init_state(2))
    again, _ = module(x, module.init_state(2))
    assert not torch.equal(first, again)
    first, _ = module.eval()(x, module.init_state(2))
    again, _ = module(x, module.init_state(2))
    assert torch.equal(first, again)


def test_a_plain_mlp_is_what_it_was():
    """Bundles without options were written when there were none."""
    assert set(MLP(4, 8, 2).state_dict()) == {f"layers.{n}.{part}" for n in (0, 1) for part in ("weight", "bias")}


# Names, options, trust ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layers", "options", "words"),
    [
        ("mambo", 1, {}, "Did you mean mamba"),
        ("../evil", 1, {}, "does not know"),
        ("os:system", 1, {}, "not trusted"),
        ("gru", 1, {"window": 3}, "no option 'window'"),
        ("attention", 1, {"windw": 3}, "Did you mean window"),
        ("attention", 1, {"window": 10**9}, "from 2 to 1024"),
        ("attention", 1, {"window": 2.5}, "whole number"),
        ("attention", 1, {"heads": 3}, "do not divide"),
        ("mlp", 1, {"dropout": float("nan")}, "dropout"),
        ("jamba", 2, {}, "no attention"),
    ],
)
def test_what_cannot_be_built_is_said(name, layers, options, words):
    with pytest.raises(BackboneInvalid, match=words):
        build(name, 16, 16, layers, options)


def test_only_trusted_packages_are_imported(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPHIL_RT_TRUST__PACKAGES", "")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "their_nets.py").write_text("raise RuntimeError('imported')")
    with pytest.raises(BackboneInvalid, match=r"their_nets.*not trusted"):
        entry("their_nets:Net")
    trust(["their"])  # the beginning of a name is not the name
    with pytest.raises(BackboneInvalid, match="not trusted"):
        entry("their_nets:Net")
    trust(["their_nets", "other"])
    assert trusted() == ("other", "their_nets")
    with pytest.raises(RuntimeError, match="imported"):
        build("their_nets:Net", 4, 4, 1, {})
    with pytest.raises(BackboneInvalid, match="cannot be imported"):
        build("other:Net", 4, 4, 1, {})


@pytest.mark.parametrize(
    ("text", "found"),
    [("a, b.c", ("a", "b.c")), ("['a']", ("a",)), ('["a", 3]', ("a",)), ("[", ()), ("", ()), ("[[[", ())],
)
def test_trust_is_read_as_settings_are_written(monkeypatch, text, found):
    monkeypatch.setenv("EXPHIL_RT_TRUST__PACKAGES", text)
    assert trusted() == found
