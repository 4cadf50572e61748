"""Controller heads: 13 choices, each seeing the ones before it and, directly, the previous action.

``logits_k = W_k relu(s_k) + b_k + previous_table[previous action]``, where the residual stream s_k starts as a linear
map of the hidden and gains an embedding of every choice made before k. The table is the direct path without which a
policy copied from little data loses to counting what followed what.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from exphil_rt.policy.codec import AXIS_BUCKETS, NUM_AXES, NUM_BUTTONS, NUM_HEADS, NUM_LOGITS, SIZES, TRIGGER_BUCKETS

NOISE_SIZE: Final = NUM_LOGITS
"""Uniform numbers that one sampled action takes."""

_AXES_END: Final = NUM_BUTTONS + NUM_AXES * AXIS_BUCKETS
_PREVIOUS_ROWS: Final = sum(SIZES)
_PREVIOUS_OFFSETS: Final = tuple(int(n) for n in np.cumsum((0, *SIZES[:-1])))
_WIDE: Final = [AXIS_BUCKETS] * NUM_AXES + [TRIGGER_BUCKETS]
_NEUTRAL: Final = AXIS_BUCKETS // 2


def _columns(head: int) -> slice:
    """Where a head's logits stand among the 81."""
    if head < NUM_BUTTONS:
        return slice(head, head + 1)
    start = NUM_BUTTONS + (head - NUM_BUTTONS) * AXIS_BUCKETS
    return slice(start, start + SIZES[head])


class Heads(nn.Module):
    """Autoregressive heads in codec order.

    Args:
        hidden: width of the backbone's output.
        width: width of the residual stream.
    """

    previous_offsets: Tensor

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.stream = nn.Linear(hidden, width)
        self.button_embedding = nn.Parameter(torch.randn(NUM_BUTTONS, width) * 0.3)
        self.axis_embedding = nn.Parameter(torch.randn(NUM_AXES, AXIS_BUCKETS, width) * 0.3)
        self.weight = nn.Parameter(torch.empty(NUM_LOGITS, width))
        self.bias = nn.Parameter(torch.zeros(NUM_LOGITS))
        self.previous_table = nn.Parameter(torch.zeros(_PREVIOUS_ROWS, NUM_LOGITS))
        self.register_buffer("previous_offsets", torch.tensor(_PREVIOUS_OFFSETS), persistent=False)
        nn.init.orthogonal_(self.stream.weight, 2**0.5)
        nn.init.zeros_(self.stream.bias)
        # Small, so that a fresh policy's distribution is that of its biases whatever it sees.
        nn.init.normal_(self.weight, std=0.01 / width**0.5)
        self.init_exploration()

    @torch.no_grad()
    def init_exploration(self, press: float = 0.06, c_neutral: float = 0.85, no_trigger: float = 0.9) -> None:
        """Set the biases with which a policy without data explores: lively sticks, rare buttons.

        Args:
            press: probability of each button, a frame. Uniform heads would hold every button half of the time: eight
                pressed at once, which the game reads as one long confused action.
            c_neutral: probability that a C-stick axis is neutral.
            no_trigger: probability that the trigger is untouched.
        """
        self.bias.zero_()
        self.bias[:NUM_BUTTONS] = math.log(press / (1.0 - press))
        for head in (10, 11):
            self.bias[_columns(head)][_NEUTRAL] = math.log(c_neutral / (1.0 - c_neutral) * (AXIS_BUCKETS - 1))
        self.bias[_columns(12)][0] = math.log(no_trigger / (1.0 - no_trigger) * (TRIGGER_BUCKETS - 1))

    @torch.no_grad()
    def init_previous_tables(self, counts: Sequence[ArrayLike], smoothing: float = 1.0) -> None:
        """Start as the table P(choice | previous choice): the network then learns what the table cannot say.

        The other path starts at zero, so the fresh distribution is exactly the smoothed table.

        Args:
            counts: 13 arrays ``[size, size]`` (row: previous, column: next), as ``codec.transition_counts`` gives.
            smoothing: added to every count.
        """
        self.weight.zero_()
        self.bias.zero_()
        self.previous_table.zero_()
        for head, size in enumerate(SIZES):
            table = torch.as_tensor(np.asarray(counts[head], np.float64) + smoothing)
            if table.shape != (size, size) or smoothing <= 0:
                raise ValueError(f"head {head} takes counts [{size}, {size}] and a positive smoothing")
            logs = (table / table.sum(-1, keepdim=True)).log()
            rows = slice(_PREVIOUS_OFFSETS[head], _PREVIOUS_OFFSETS[head] + size)
            values = (logs[:, 1] - logs[:, 0])[:, None] if head < NUM_BUTTONS else logs
            self.previous_table[rows, _columns(head)] = values.to(self.previous_table.dtype)

    def _base(self, previous: Tensor) -> Tensor:
        """The part of all logits that does not depend on the hidden: ``[N, 13]`` to ``[N, 81]``."""
        rows = previous.long() + self.previous_offsets
        return F.embedding_bag(rows, self.previous_table, mode="sum") + self.bias

    def log_prob(
        self, hidden: Tensor, previous: Tensor, action: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability of given actions (teacher forced).

        Args:
            hidden: ``[..., H]``.
            previous: ``[..., 13]``, integers.
            action: ``[..., 13]``, integers.
            temperature: divides the logits; positive.

        Returns:
            ``logp [...]``, ``entropy [...]`` (of each head given the earlier choices, summed), ``per_head [..., 13]``
            (log-probability of each choice).
        """
        lead = hidden.shape[:-1]
        flat_action = action.reshape(-1, NUM_HEADS).long()
        logits = self._forced(
            hidden.reshape(-1, hidden.shape[-1]), previous.reshape(-1, NUM_HEADS), flat_action, temperature
        )
        per_head, entropy = _score(logits, flat_action)
        return per_head.sum(-1).reshape(lead), entropy.sum(-1).reshape(lead), per_head.reshape(*lead, NUM_HEADS)

    def logits(self, hidden: Tensor, previous: Tensor, action: Tensor, temperature: float = 1.0) -> Tensor:
        """The 81 logits ``[..., 81]`` with which each choice of ``action`` was drawn; arguments as ``log_prob``."""
        flat = self._forced(
            hidden.reshape(-1, hidden.shape[-1]),
            previous.reshape(-1, NUM_HEADS),
            action.reshape(-1, NUM_HEADS).long(),
            temperature,
        )
        return flat.reshape(*hidden.shape[:-1], NUM_LOGITS)

    def _forced(self, hidden: Tensor, previous: Tensor, action: Tensor, temperature: float) -> Tensor:
        """Logits ``[N, 81]``; one head after another, since tensors of one head's size stay in the cache."""
        pressed = action[:, :NUM_BUTTONS].to(hidden.dtype).unbind(1)
        buckets = action[:, NUM_BUTTONS:].unbind(1)
        weights = self.weight.split_with_sizes([1] * NUM_BUTTONS + _WIDE)
        buttons, axes = self.button_embedding.unbind(0), self.axis_embedding.unbind(0)
        stream = self.stream(hidden)
        logits = []
        for k in range(NUM_HEADS):
            logits.append(torch.mm(stream.relu(), weights[k].t()))
            if k < NUM_BUTTONS:
                stream = torch.addr(stream, pressed[k], buttons[k])
            elif k < NUM_HEADS - 1:
                stream = stream + F.embedding(buckets[k - NUM_BUTTONS], axes[k - NUM_BUTTONS])
        every = torch.cat(logits, 1) + self._base(previous)
        return every if temperature == 1.0 else every / temperature

    @torch.no_grad()
    def sample(
        self, hidden: Tensor, previous: Tensor, noise: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw actions; the same noise gives the same action (Gumbel-max).

        Args:
            hidden: ``[N, H]``.
            previous: ``[N, 13]``.
            noise: ``[N, 81]``, uniform in (0, 1).
            temperature: divides the logits; 0 takes the likeliest choice of each head.

        Returns:
            ``action`` uint8 ``[N, 13]`` and ``logp [N]`` under the distribution drawn from (0 for temperature 0).
        """
        # Few and small operations, most of them in place: this runs for every frame played.
        rows = hidden.shape[0]
        base = self._base(previous)
        button_base, wide_base = base[:, :NUM_BUTTONS].t().contiguous(), base[:, NUM_BUTTONS:]  # [8, N], [N, 73]
        # A button is pressed when logit + logistic noise > 0, a bucket is the argmax of logits + Gumbel noise.
        logistic = torch.logit(noise[:, :NUM_BUTTONS].t())
        thresholds = torch.add(button_base, logistic, alpha=temperature).neg_().unbind(0)
        gumbel = noise[:, NUM_BUTTONS:].log().neg_().log_()  # negative
        perturbed = torch.sub(wide_base, gumbel, alpha=temperature).split_with_sizes(_WIDE, 1)
        weights = self.weight[:NUM_BUTTONS].unbind(0)
        embeddings = self.button_embedding.unbind(0)
        stream = self.stream(hidden)
        buttons = hidden.new_empty(NUM_BUTTONS, rows)
        pressed = hidden.new_empty(NUM_BUTTONS, rows)
        for weight, embedding, logit, press, threshold in zip(
            weights, embeddings, buttons.unbind(0), pressed.unbind(0), thresholds, strict=True
        ):
            torch.mv(stream.relu(), weight, out=logit)
            torch.gt(logit, threshold, out=press)
            stream.addr_(press, embedding)
        weights = self.weight[NUM_BUTTONS:].split_with_sizes(_WIDE)
        embeddings = self.axis_embedding.unbind(0)
        wide: list[Tensor] = []
        buckets: list[Tensor] = []
        for k, (weight, perturb) in enumerate(zip(weights, perturbed, strict=True)):
            logits = torch.mm(stream.relu(), weight.t())
            bucket = (logits + perturb).argmax(-1)
            if k < NUM_AXES:
                stream += embeddings[k].index_select(0, bucket)
            wide.append(logits)
            buckets.append(bucket)
        bucket_all = torch.stack(buckets, 1)  # [N, 5]
        action = torch.cat([pressed.t(), bucket_all], 1).to(torch.uint8)
        if temperature == 0.0:
            return action, hidden.new_zeros(rows)
        buttons += button_base
        every = torch.cat(wide, 1).add_(wide_base)
        if temperature != 1.0:
            buttons /= temperature
            every /= temperature
        axes = every[:, : NUM_AXES * AXIS_BUCKETS].view(-1, NUM_AXES, AXIS_BUCKETS).log_softmax(-1)
        trigger = every[:, NUM_AXES * AXIS_BUCKETS :].log_softmax(-1)
        logp = (pressed * buttons - F.softplus(buttons)).sum(0)
        logp += axes.gather(-1, bucket_all[:, :NUM_AXES, None]).sum((1, 2))
        logp += trigger.gather(-1, bucket_all[:, NUM_AXES:])[:, 0]
        return action, logp


def _score(logits: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probability and entropy of each head ``[N, 13]`` from logits ``[N, 81]`` and actions i64 ``[N, 13]``."""
    buttons = logits[:, :NUM_BUTTONS]
    sign = action[:, :NUM_BUTTONS].to(logits.dtype) * 2.0 - 1.0
    pressed = F.logsigmoid(buttons * sign)
    axes = logits[:, NUM_BUTTONS:_AXES_END].view(-1, NUM_AXES, AXIS_BUCKETS).log_softmax(-1)
    trigger = logits[:, _AXES_END:].log_softmax(-1)
    moved = axes.gather(-1, action[:, NUM_BUTTONS:-1, None])[..., 0]
    squeezed = trigger.gather(-1, action[:, -1:])
    per_head = torch.cat([pressed, moved, squeezed], 1)
    # Of a button with logit z: softplus(z) - z sigmoid(z).
    of_buttons = F.softplus(buttons) - buttons * torch.sigmoid(buttons)
    of_axes = -(axes.exp() * axes).sum(-1)
    of_trigger = -(trigger.exp() * trigger).sum(-1, keepdim=True)
    return per_head, torch.cat([of_buttons, of_axes, of_trigger], 1)
