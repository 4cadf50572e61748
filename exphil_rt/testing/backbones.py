"""The conformance kit of backbones: what a sequence model must keep so that it can be trained and played here.

``check_backbone`` is for the tests of a backbone of one's own; ours pass it, too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final, cast

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from exphil_rt.inference.export import example
from exphil_rt.inference.onnx_player import OnnxPlayer
from exphil_rt.inference.torch_player import TorchPlayer
from exphil_rt.policy.backbones import BACKBONES
from exphil_rt.policy.backbones.base import Backbone, State
from exphil_rt.policy.backbones.build import Value, build, options_of
from exphil_rt.policy.config import PolicyConfig, new_config
from exphil_rt.policy.inputs import Inputs
from exphil_rt.policy.policy import Policy

TOLERANCE: Final = 2e-5
"""Largest difference between two ways of computing the same numbers, float32."""
_BATCH: Final = 5
_STEPS: Final = 24
_DENSITIES: Final = (0.0, 0.05, 0.5, 1.0)
"""Shares of the steps that are resets."""


class BackboneBroken(AssertionError):
    """A rule that the backbone does not keep."""


class BackboneReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured: largest differences, and sizes."""

    parameters: int
    state: int
    """Floats a row."""
    stepping: float
    """Between a sequence and its single steps."""
    segments: float
    """Between a sequence and its segments with the state carried on."""
    reset: float
    """Between a reset inside a sequence and a fresh start there."""
    permutation: float
    """Between a batch and the same batch in another order."""
    exported: float = 0.0
    """Between torch and the exported graph of a policy that has it, values over 12 steps."""


def check_backbone(
    name: str,
    *,
    features: int = 24,
    hidden: int = 32,
    layers: int | None = None,
    options: Mapping[str, Value] | None = None,
    seed: int = 0,
) -> BackboneReport:
    """Hold a backbone against the protocol of ``policy.backbones.base``.

    Args:
        name: one of ours, or ``module:Class`` of a trusted package.
        features: width of its input.
        hidden: width of its output.
        layers: how many; by default as a new policy has.
        options: as a config gives them.
        seed: of the weights and inputs.

    Raises:
        BackboneInvalid: it cannot be built.
        ExportFailed: its single step cannot be exported.
        BackboneBroken: it breaks a rule; the message says which, and by how much.
    """
    if layers is None:
        layers = BACKBONES[name].layers if name in BACKBONES else 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build(name, features, hidden, layers, options or {})
        _check_options(name, options or {})
        report = _check(module, features, hidden)
        exported = _exported(new_config(name, hidden=hidden, layers=layers, options=dict(options or {})))
        return msgspec.structs.replace(report, exported=exported)


def _check(module: nn.Module, features: int, hidden: int) -> BackboneReport:
    model = cast("Backbone", module.eval())
    x = torch.randn(_BATCH, _STEPS, features)
    _check_state(model, x, hidden)
    with torch.no_grad():
        _, start = model(torch.randn(_BATCH, 9, features), model.init_state(_BATCH))
        _repeats(model, x, start)
        stepping = max(_stepping(model, x, start, density) for density in _DENSITIES)
        segments = max(_segments(model, x, start, density) for density in _DENSITIES)
        reset = _reset(model, x, start)
        permutation = _permutation(model, x, start)
        _causality(model, x, start)
    _gradients(module, x)
    _copies(module, x)
    return BackboneReport(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        state=sum(part.shape[1] for part in model.init_state(1)),
        stepping=stepping,
        segments=segments,
        reset=reset,
        permutation=permutation,
    )


def _check_options(name: str, given: Mapping[str, Value]) -> None:
    for key, value in options_of(name, given).items():
        if not isinstance(value, bool | int | float):
            raise BackboneBroken(f"The option {key} is {type(value).__name__}; options are numbers.")


def _check_state(model: Backbone, x: Tensor, hidden: int) -> None:
    state = model.init_state(_BATCH)
    if not isinstance(state, tuple) or any(part.ndim != 2 or part.shape[0] != _BATCH for part in state):
        raise BackboneBroken("init_state gives no tuple of tensors [B, n].")
    if any(part.dtype != torch.float32 or bool(part.any()) for part in state):
        raise BackboneBroken("The state of a fresh row is not all zeros of float32.")
    for steps in (1, 2, _STEPS):
        y, after = model(x[:, :steps], state)
        if y.shape != (_BATCH, steps, hidden):
            raise BackboneBroken(f"The output of {steps} steps is {tuple(y.shape)}, not {(_BATCH, steps, hidden)}.")
        if [part.shape for part in after] != [part.shape for part in state]:
            raise BackboneBroken(f"The state behind {steps} steps has other shapes than init_state's.")
        if not all(bool(torch.isfinite(part).all()) for part in (y, *after)):
            raise BackboneBroken(f"The output or state behind {steps} steps is not finite.")


def _resets(density: float) -> Tensor:
    return (torch.rand(_BATCH, _STEPS) < density).to(torch.uint8)


def _stepping(model: Backbone, x: Tensor, start: State, density: float) -> float:
    resets = _resets(density)
    whole, end = model(x, start, resets)
    state, steps = start, []
    for t in range(_STEPS):
        y, state = model(x[:, t : t + 1], state, resets[:, t : t + 1])
        steps.append(y)
    return max(
        _same(torch.cat(steps, 1), whole, "single steps give another output than the sequence"),
        _same_states(state, end, "single steps leave another state than the sequence"),
    )


def _segments(model: Backbone, x: Tensor, start: State, density: float) -> float:
    resets = _resets(density)
    whole, _ = model(x, start, resets)
    state, parts = start, []
    for cut in (slice(0, 7), slice(7, 8), slice(8, _STEPS)):
        y, state = model(x[:, cut], state, resets[:, cut])
        parts.append(y)
    return _same(torch.cat(parts, 1), whole, "segments with the state carried on give another output than the sequence")


def _reset(model: Backbone, x: Tensor, start: State) -> float:
    resets = torch.zeros(_BATCH, _STEPS)
    resets[1, 6] = 1
    found, _ = model(x, start, resets)
    fresh, _ = model(x[1:2, 6:], model.init_state(1))
    unreset, _ = model(x, start)
    first = _same(found[1:2, 6:], fresh, "a row that is reset differs from a fresh row")
    others = [row for row in range(_BATCH) if row != 1]
    return max(first, _same(found[others], unreset[others], "the reset of a row reaches other rows"))


def _permutation(model: Backbone, x: Tensor, start: State) -> float:
    order = torch.randperm(_BATCH)
    resets = _resets(0.1)
    whole, _ = model(x, start, resets)
    mixed, _ = model(x[order], tuple(part[order] for part in start), resets[order])
    alone, _ = model(x[2:3], tuple(part[2:3] for part in start), resets[2:3])
    return max(
        _same(mixed, whole[order], "a row's output depends on its place in the batch"),
        _same(alone, whole[2:3], "a row's output depends on the rows beside it"),
    )


def _causality(model: Backbone, x: Tensor, start: State) -> None:
    other = x.clone()
    other[:, 15:] = torch.randn_like(other[:, 15:])
    before, _ = model(x, start)
    after, _ = model(other, start)
    _same(after[:, :15], before[:, :15], "an output depends on later inputs")
    if bool((after[:, 15:] == before[:, 15:]).all()):
        raise BackboneBroken("The outputs do not depend on the inputs.")


def _repeats(model: Backbone, x: Tensor, start: State) -> None:
    kept = tuple(part.clone() for part in start)
    first, _ = model(x, start)
    again, _ = model(x, start)
    if not all(torch.equal(a, b) for a, b in zip(start, kept, strict=True)):
        raise BackboneBroken("forward writes into the state that it is given.")
    if not torch.equal(first, again):
        raise BackboneBroken("The same inputs give another output the second time (in evaluation mode).")


def _gradients(module: nn.Module, x: Tensor) -> None:
    model = cast("Backbone", module)
    inputs = x.clone().requires_grad_()
    state = tuple(torch.rand_like(part).requires_grad_() for part in model.init_state(_BATCH))
    resets = torch.zeros(_BATCH, _STEPS)
    resets[0, 10] = 1
    weights = torch.randn(_BATCH, _STEPS, 1)
    y, after = model(inputs, state, resets)
    loss = (y * weights).square().sum() + sum((part.square().sum() for part in after), torch.zeros(()))
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in module.named_parameters():
        if parameter.grad is None or not bool(parameter.grad.any()):
            raise BackboneBroken(f"The weight {name} gets no gradient.")
        if not bool(torch.isfinite(parameter.grad).all()):
            raise BackboneBroken(f"The gradient of the weight {name} is not finite.")
    if inputs.grad is None or not bool(torch.isfinite(inputs.grad).all()):
        raise BackboneBroken("The gradient of the inputs is missing or not finite.")
    module.zero_grad()
    late, _ = model(inputs, state, resets)
    (found,) = torch.autograd.grad(late[0, 10:].square().sum(), inputs)
    if bool(found[0, :10].any()):
        raise BackboneBroken("A gradient goes back past a reset.")


def _copies(module: nn.Module, x: Tensor) -> None:
    twin = copy.deepcopy(module)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    twin.load_state_dict(module.state_dict())
    model, other = cast("Backbone", module), cast("Backbone", twin)
    with torch.no_grad():
        if not torch.equal(model(x, model.init_state(_BATCH))[0], other(x, other.init_state(_BATCH))[0]):
            raise BackboneBroken("A copy with the same state_dict gives another output: part of it is not in there.")


def _exported(config: PolicyConfig) -> float:
    policy = Policy(config).eval()
    players = (TorchPlayer(policy, 1.0, _BATCH, torch.device("cpu")), OnnxPlayer(policy, 1.0, _BATCH))
    floats, ids, committed, mask, delay, previous, noise, *_ = (part.numpy() for part in example(policy, _BATCH))
    rows, worst = np.arange(_BATCH), 0.0
    for _ in range(12):
        inputs = Inputs(torch.randn(floats.shape).numpy(), ids, committed, mask, delay, previous)
        (_, _, wanted), (_, _, found) = (player.decide(rows, inputs, noise) for player in players)
        worst = max(worst, _same(torch.from_numpy(found), torch.from_numpy(wanted), "its exported graph differs"))
    return worst


def _same(found: Tensor, wanted: Tensor, words: str) -> float:
    error = float((found - wanted).abs().max()) if found.numel() else 0.0
    if not error <= TOLERANCE:
        raise BackboneBroken(f"{words[0].upper()}{words[1:]} (by {error:.2g}; {TOLERANCE:g} is allowed).")
    return error


def _same_states(found: State, wanted: State, words: str) -> float:
    return max((_same(a, b, words) for a, b in zip(found, wanted, strict=True)), default=0.0)
