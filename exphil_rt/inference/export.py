"""The whole step of a policy as one ONNX graph, and the same with 8-bit weights.

Inputs: ``floats, ids, committed, mask, delay, previous`` as ``policy.inputs`` builds them, ``noise [B, L]``,
``temperature [B]`` and ``state.0 ..``; outputs: ``action [B, K]``, ``logits [B, L]`` (at temperature 1), ``logp [B]``,
``value [B]`` and ``after.0 ..``. The batch is free. Sampling noise is an input, so the graph holds no chance.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec
import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from exphil_rt.errors import ExphilError
from exphil_rt.policy.embed import InputTensors
from exphil_rt.policy.plain import plain
from exphil_rt.policy.policy import Policy

INPUTS: Final = ("floats", "ids", "committed", "mask", "delay", "previous", "noise", "temperature")
OUTPUTS: Final = ("action", "logits", "logp", "value")
OPSET: Final = 17
MANIFEST_KEY: Final = "exphil_rt.manifest"
"""Metadata property of a model that holds its bundle's manifest as JSON."""
_BLOCK: Final = 32
"""Weights that share a scale."""
_ROUNDED: Final = 4
"""ONNX Runtime's ``accuracy_level`` for products of 8-bit numbers."""
_TRACED_KEPT: Final = 8
_traced: dict[bytes, bytes] = {}
"""Graphs by the config of their policy."""


class ExportFailed(ExphilError):
    """A policy that cannot be written as a graph."""


class _Step(nn.Module):
    """One step of play, of plain operations."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """All of a batch ``[B, ...]``: the inputs, then the parts of the state."""
        floats, ids, committed, mask, delay, previous, noise, temperature, *state = arguments
        with plain():
            inputs = InputTensors(floats, ids, committed, mask, delay, previous)
            hidden, value, after = self.policy(inputs.at((slice(None), None)), tuple(state))
            action, logits, logp = self.policy.heads.decide(hidden[:, 0], previous, noise, temperature)
        return action, logits, logp, value[:, 0], *after


def to_onnx(policy: Policy, manifest: bytes = b"") -> bytes:
    """The step of ``policy`` as a serialised ONNX model.

    Args:
        manifest: JSON that the model is to carry as metadata.

    Raises:
        ExportFailed: the exporter does not take the backbone.
    """
    policy = copy.deepcopy(policy).to("cpu").eval()
    step = _Step(policy)
    arguments = example(policy, 2)
    names, outputs = names_of(policy)
    found = io.BytesIO()
    try:
        with _quiet(), torch.no_grad():
            # The tracing exporter: a step has no control flow, and the newer one takes half a minute for it.
            torch.onnx.export(
                step,
                arguments,
                cast("Any", found),  # it does take a stream
                dynamo=False,
                opset_version=OPSET,
                do_constant_folding=False,  # weights keep their names; ONNX Runtime folds by itself
                input_names=list(names),
                output_names=list(outputs),
                dynamic_axes={name: {0: "batch"} for name in (*names, *outputs)},
            )
    except (torch.onnx.OnnxExporterError, RuntimeError, TypeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ExportFailed(
            f"The backbone {policy.config.backbone} cannot be exported: {first}.",
            hint="Its single step must be made of operations that torch.onnx knows.",
        ) from error
    model = onnx.load_from_string(found.getvalue())
    if manifest:
        onnx.helper.set_model_props(model, {MANIFEST_KEY: manifest.decode()})
    return bytes(model.SerializeToString())


def filled(policy: Policy) -> bytes:
    """As ``to_onnx``, traced once for each config: later policies of it only put their weights into the graph."""
    key = msgspec.json.encode(policy.config)
    if key not in _traced:
        if len(_traced) >= _TRACED_KEPT:
            _traced.clear()
        _traced[key] = to_onnx(policy)
    model = onnx.load_from_string(_traced[key])
    weights = {f"policy.{name}": tensor for name, tensor in policy.state_dict().items()}
    for constant in model.graph.initializer:
        if constant.name in weights:
            tensor = weights[constant.name].detach().to("cpu").contiguous()
            constant.CopyFrom(numpy_helper.from_array(tensor.numpy(), constant.name))
    return bytes(model.SerializeToString())


def names_of(policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the graph's inputs and outputs."""
    count = range(len(policy.init_state(1)))
    return (*INPUTS, *(f"state.{n}" for n in count)), (*OUTPUTS, *(f"after.{n}" for n in count))


def example(policy: Policy, rows: int) -> tuple[Tensor, ...]:
    """Arguments of a step for ``rows`` rows, all neutral."""
    config = policy.config
    codec, schema = config.codec, config.schema
    neutral = torch.from_numpy(codec.neutral())
    return (
        torch.zeros(rows, schema.num_floats),
        torch.zeros(rows, schema.num_ids, dtype=torch.int64),
        neutral.repeat(rows, config.dmax, 1),
        torch.zeros(rows, config.dmax, dtype=torch.uint8),
        torch.zeros(rows, dtype=torch.uint8),
        neutral.repeat(rows, 1),
        torch.full((rows, codec.num_logits), 0.5),
        torch.ones(rows),
        *policy.init_state(rows),
    )


def quantise(model: bytes) -> bytes:
    """The same model with 8-bit weights (a scale for each block of 32), for batches of one.

    Activations are rounded to 8 bits within each product, in blocks of one row, so a row's result does not depend
    on the rows beside it. With activations in float32 ONNX Runtime unpacks every weight before it multiplies: a GRU
    2 x 256 took four times as long as with float32 weights, and takes half as long now.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    proto = onnx.load_from_string(model)
    _split_gemms(proto.graph)
    with _quiet():
        quantiser = MatMulNBitsQuantizer(proto, bits=8, block_size=_BLOCK, is_symmetric=True, accuracy_level=_ROUNDED)
        quantiser.process()
    return bytes(quantiser.model.model.SerializeToString())


def _split_gemms(graph: onnx.GraphProto) -> None:
    """Gemm with a constant weight becomes MatMul and Add: the quantiser knows MatMul only."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        plain_gemm = (
            node.op_type == "Gemm"
            and node.input[1] in constants
            and not attributes.get("transA", 0)
            and attributes.get("alpha", 1.0) == 1.0
            and attributes.get("beta", 1.0) == 1.0
        )
        if not plain_gemm:
            nodes.append(node)
            continue
        weight = numpy_helper.to_array(constants[node.input[1]])
        name = f"{node.output[0]}.weight"
        turned = np.ascontiguousarray(weight.T if attributes.get("transB", 0) else weight)
        graph.initializer.append(numpy_helper.from_array(turned, name))
        biased = len(node.input) > 2 and node.input[2] != ""
        product = f"{node.output[0]}.product" if biased else node.output[0]
        nodes.append(onnx.helper.make_node("MatMul", [node.input[0], name], [product], name=f"{name}.matmul"))
        if biased:
            nodes.append(onnx.helper.make_node("Add", [product, node.input[2]], list(node.output), name=f"{name}.add"))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter and the quantiser talk a lot about themselves."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
