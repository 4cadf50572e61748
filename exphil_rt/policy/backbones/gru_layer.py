"""One layer of GRU over a sequence, with its gradient, for a CPU: torch's function in less time.

``torch.gru`` lets autograd follow every step, which adds up the recurrent weights' gradient step by step: as many
products of few rows, and a sum over the whole matrix, as there are steps. Here the loop carries only what has to go
from step to step, and all gradients of weights are one product each. Resets are part of the loop. Under autocast those
large products are made in bfloat16, the loop stays in float32.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def gru_layer(
    x: Tensor, memory: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, keep: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run the layer; weights as ``torch.nn.GRU`` has them, gates in the order reset, update, new.

    Args:
        x: inputs ``[T, B, F]``.
        memory: output before the first step, ``[B, H]``.
        w_ih, w_hh, b_ih, b_hh: ``[3 H, F]``, ``[3 H, H]``, ``[3 H]``, ``[3 H]``.
        keep: ``[T, B]``, 0 where the memory is cleared before the step, else 1; None for nowhere.

    Returns:
        Outputs ``[T, B, H]`` and the last of them ``[B, H]``.
    """
    given = F.linear(x, w_ih, b_ih).float()
    # Inside of a Function's forward gradients are always off, so that it has to be told.
    record = torch.is_grad_enabled() and any(t.requires_grad for t in (given, memory, w_hh, b_hh))
    half = torch.is_autocast_enabled("cpu")
    y: Tensor = _Layer.apply(given, memory, w_hh, b_hh, keep, record, half)  # type: ignore[no-untyped-call]
    return y, y[-1]


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        given: Tensor,
        memory: Tensor,
        w_hh: Tensor,
        b_hh: Tensor,
        keep: Tensor | None,
        record: bool,
        half: bool,
    ) -> Tensor:
        steps, batch, width = given.shape
        hidden = width // 3
        kept = steps if record else 1
        cuts: list[Tensor | None] = [None] * steps
        if keep is not None:
            cut = (keep == 0).any(1).tolist()
            cuts = [row[:, None] if here else None for row, here in zip(keep.unbind(0), cut, strict=True)]
        y = given.new_empty(steps, batch, hidden)
        gates = given.new_empty(kept, batch, 2 * hidden)  # reset and update
        news = given.new_empty(kept, batch, hidden)
        products = given.new_empty(kept, batch, width)  # of the memory and its weights
        cleared: dict[int, Tensor] = {}
        turned, before = w_hh.t().contiguous(), memory
        rows = zip(given.unbind(0), y.unbind(0), cuts, strict=True)
        for t, (row, out, column) in enumerate(rows):
            at = t if record else 0
            gate, new, product = gates[at], news[at], products[at]
            if column is not None:
                before = before * column
                cleared[t] = before
            torch.addmm(b_hh, before, turned, out=product)
            torch.add(row[:, : 2 * hidden], product[:, : 2 * hidden], out=gate).sigmoid_()
            torch.addcmul(row[:, 2 * hidden :], gate[:, :hidden], product[:, 2 * hidden :], out=new).tanh_()
            before = torch.lerp(new, before, gate[:, hidden:], out=out)
        if record:
            ctx.save_for_backward(memory, w_hh, y, gates, news, products)
            ctx.cuts, ctx.cleared, ctx.half = cuts, cleared, half
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_grad: Tensor) -> tuple[Tensor | None, ...]:
        memory, w_hh, y, gates, news, products = ctx.saved_tensors
        steps, batch, hidden = y.shape
        before = torch.cat([memory[None], y[:-1]])
        for t, row in ctx.cleared.items():
            before[t] = row
        reset, update = gates[..., :hidden], gates[..., hidden:]
        # What a unit of the output's gradient means for each gate's input, all steps at once.
        of_new = (1.0 - update).mul_(1.0 - news.square())
        of_update = (before - news).mul_(update).mul_(1.0 - update)
        of_reset = (1.0 - reset).mul_(reset).mul_(products[..., 2 * hidden :])
        inner = y.new_empty(steps, batch, 3 * hidden)  # of the products of the memory
        of_news = torch.empty_like(y)
        grad = torch.zeros_like(memory)
        for t in range(steps - 1, -1, -1):
            grad += y_grad[t]
            new, row = of_news[t], inner[t]
            torch.mul(grad, of_new[t], out=new)
            torch.mul(new, of_reset[t], out=row[:, :hidden])
            torch.mul(grad, of_update[t], out=row[:, hidden : 2 * hidden])
            torch.mul(new, reset[t], out=row[:, 2 * hidden :])
            grad.mul_(update[t]).addmm_(row, w_hh)
            if (column := ctx.cuts[t]) is not None:
                grad.mul_(column)
        outer = torch.cat([inner[..., : 2 * hidden], of_news], -1)  # of the inputs' products
        rows, before = inner.view(-1, 3 * hidden), before.view(-1, hidden)
        sums = rows.sum(0)
        of_weights = (rows.bfloat16().t() @ before.bfloat16()).float() if ctx.half else rows.t() @ before
        return outer, grad, of_weights, sums, None, None, None
