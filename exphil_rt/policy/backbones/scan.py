"""The selective scan of Mamba (Gu and Dao 2023, algorithm 2), with its gradient, as a loop over time in torch alone.

``h_t = exp(dt_t A) h_(t-1) + (dt_t u_t) B_t`` and ``y_t = C_t h_t``, over B rows, E channels and N numbers a channel.
On a CPU memory traffic decides, not arithmetic: a few rows at a time go through all steps, so that what a step touches
stays in the cache, and the backward pass computes the decays again instead of reading them (measured on 2 cores,
32 x 64, E 512, N 16, forward and backward: 69 ms, against 260 ms for the loop that autograd follows).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from exphil_rt.policy.plain import is_plain

_CACHED = 1 << 17
"""Numbers of ``h`` that go through the steps together on a CPU (512 KiB: with what a step adds, a core's own cache)."""


def scan(
    u: Tensor, dt: Tensor, a: Tensor, into: Tensor, out: Tensor, memory: Tensor, keep: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run the scan.

    Args:
        u: inputs ``[B, T, E]``.
        dt: step sizes ``[B, T, E]``, positive.
        a: A, ``[E, N]``, negative.
        into: B, ``[B, T, N]``.
        out: C, ``[B, T, N]``.
        memory: h before the first step, ``[B, E, N]``.
        keep: ``[B, T]``, 0 where h is cleared before the step, else 1; None for nowhere.

    Returns:
        ``y [B, T, E]`` and h behind the last step.
    """
    if u.shape[1] > 1:
        # Inside of a Function's forward gradients are always off, so that it has to be told.
        record = torch.is_grad_enabled() and any(t.requires_grad for t in (u, dt, a, into, out, memory))
        if torch.is_autocast_enabled(u.device.type):  # a sum over hundreds of steps wants all of float32
            with torch.autocast(u.device.type, enabled=False):
                parts = (part.float() for part in (u, dt, a, into, out, memory))
                keep = None if keep is None else keep.float()
                y, memory = _Scan.apply(*parts, keep, record)  # type: ignore[no-untyped-call]
            return y, memory
        y, memory = _Scan.apply(u, dt, a, into, out, memory, keep, record)  # type: ignore[no-untyped-call]
        return y, memory
    if torch.is_grad_enabled() or is_plain():
        decay = torch.exp(dt[:, 0, :, None] * a)  # [B, E, N]
        if keep is not None:
            decay = decay * keep[:, :, None]
        memory = decay * memory + (dt * u)[:, 0, :, None] * into
    else:  # in one place: with many rows a step is memory traffic
        decay = torch.empty_like(memory)
        _decay(dt[:, 0], a, None if keep is None else keep[:, 0], decay)
        memory = decay.mul_(memory).addcmul_((dt * u)[:, 0, :, None], into)
    return (memory @ out[:, 0, :, None])[:, None, :, 0], memory


def _rows(batch: int, a: Tensor) -> list[slice]:
    size = max(1, _CACHED // a.numel()) if a.device.type == "cpu" else batch
    return [slice(start, start + size) for start in range(0, batch, size)]


def _decay(dt: Tensor, a: Tensor, keep: Tensor | None, found: Tensor) -> Tensor:
    """exp(dt A), 0 where the row is cleared, written to ``found [b, E, N]``."""
    torch.mul(dt[..., None], a, out=found)
    found.exp_()
    return found if keep is None else found.mul_(keep[:, None, None])


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        dt: Tensor,
        a: Tensor,
        into: Tensor,
        out: Tensor,
        memory: Tensor,
        keep: Tensor | None,
        record: bool,
    ) -> tuple[Tensor, Tensor]:
        batch, steps, channels = u.shape
        times, gains = dt.transpose(0, 1).contiguous(), (dt * u).transpose(0, 1).contiguous()  # [T, B, E]
        ins, outs = into.transpose(0, 1).contiguous(), out.transpose(0, 1).contiguous()  # [T, B, N]
        cuts: list[Tensor | None] = [None] * steps
        if keep is not None:
            cut = (keep == 0).any(0).tolist()
            cuts = [column if here else None for column, here in zip(keep.unbind(1), cut, strict=True)]
        y = u.new_empty(steps, batch, channels)
        states: list[Tensor] = []  # of each group of rows, before each step and behind the last one
        last = u.new_empty(memory.shape)
        for rows in _rows(batch, a):
            h = memory[rows].clone()
            decay, spare = torch.empty_like(h), torch.empty_like(h)
            for t in range(steps):
                column = cuts[t]
                _decay(times[t, rows], a, None if column is None else column[rows], decay)
                if record:  # one small array a step: the allocator keeps these, and gives large ones back every time
                    states.append(h)
                    spare = torch.empty_like(h)
                torch.mul(decay, h, out=spare).addcmul_(gains[t, rows, :, None], ins[t, rows, None])
                h, spare = spare, h
                torch.bmm(h, outs[t, rows, :, None], out=y[t, rows, :, None])
            last[rows] = h
            if record:
                states.append(h)
        if record:
            ctx.save_for_backward(u, dt, a, times, gains, ins, outs, *states)
            ctx.cuts = cuts
        return y.transpose(0, 1), last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, y_grad: Tensor, last_grad: Tensor) -> tuple[Tensor | None, ...]:
        u, dt, a, times, gains, ins, outs, *saved = ctx.saved_tensors
        batch, steps, _ = u.shape
        y_grads = y_grad.transpose(0, 1).contiguous()
        of_gains, of_times = torch.empty_like(gains), torch.empty_like(times)
        of_ins, of_outs = torch.empty_like(ins), torch.empty_like(outs)
        of_a = torch.zeros_like(a)
        of_memory = torch.empty_like(last_grad)
        for number, rows in enumerate(_rows(batch, a)):
            states = saved[number * (steps + 1) : (number + 1) * (steps + 1)]
            grad = last_grad[rows].clone()  # of h_t
            decay, part = torch.empty_like(grad), torch.empty_like(grad)
            for t in range(steps - 1, -1, -1):
                column = ctx.cuts[t]
                grad.addcmul_(y_grads[t, rows, :, None], outs[t, rows, None])
                torch.bmm(y_grads[t, rows, None], states[t + 1], out=of_outs[t, rows, None])
                torch.bmm(grad, ins[t, rows, :, None], out=of_gains[t, rows, :, None])
                torch.bmm(gains[t, rows, None], grad, out=of_ins[t, rows, None])
                grad.mul_(_decay(times[t, rows], a, None if column is None else column[rows], decay))
                torch.mul(grad, states[t], out=part)  # of dt A
                of_a += torch.einsum("ben,be->en", part, times[t, rows])
                torch.sum(part.mul_(a), -1, out=of_times[t, rows])
            of_memory[rows] = grad
        of_gains = of_gains.transpose(0, 1)
        return (
            of_gains * dt,
            of_times.transpose(0, 1) + of_gains * u,
            of_a,
            of_ins.transpose(0, 1),
            of_outs.transpose(0, 1),
            of_memory,
            None,
            None,
        )
