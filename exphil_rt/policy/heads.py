"""Controller heads: the choices of an action, each seeing the ones before it and, directly, the previous action.

``logits_k = W_k relu(s_k) + b_k + previous_table[previous action]``, where the residual stream s_k starts as a linear
map of the hidden and gains an embedding of every choice made before k. The table is the direct path without which a
policy copied from little data loses to counting what followed what. Which choices are made at once is the ``kind``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from exphil_rt.policy.codec import NUM_BUTTONS, ActionCodec
from exphil_rt.policy.config import HeadsKind
from exphil_rt.policy.plain import is_plain


class _Stage(NamedTuple):
    """Choices that are made at once: all buttons of a stage, or one or more others."""

    heads: range
    columns: slice
    buttons: bool


class _Run(NamedTuple):
    """Neighbouring heads of one size, which are normalised together."""

    heads: int
    size: int


def _stages(kind: HeadsKind, sizes: Sequence[int]) -> tuple[_Stage, ...]:
    wide = range(NUM_BUTTONS, len(sizes))
    buttons = [range(k, k + 1) for k in range(NUM_BUTTONS)] if kind == "autoregressive" else [range(NUM_BUTTONS)]
    others = [wide] if kind == "independent" else [range(k, k + 1) for k in wide]
    ends = [*range(NUM_BUTTONS + 1), *(NUM_BUTTONS + np.cumsum(sizes[NUM_BUTTONS:])).tolist()]  # of columns
    return tuple(
        _Stage(heads, slice(ends[heads.start], ends[heads.stop]), heads.start < NUM_BUTTONS)
        for heads in (*buttons, *others)
    )


class Heads(nn.Module):
    """Heads of a codec, in its order.

    Args:
        hidden: width of the backbone's output.
        width: width of the residual stream.
        codec: whose choices; the default one's.
        kind: which are made at once.
    """

    previous_offsets: Tensor

    def __init__(
        self, hidden: int, width: int, codec: ActionCodec | None = None, kind: HeadsKind = "autoregressive"
    ) -> None:
        super().__init__()
        self.codec = codec = codec or ActionCodec()
        self.kind = kind
        self.sizes = codec.sizes
        self.wide = list(self.sizes[NUM_BUTTONS:])
        self.num_heads, self.num_logits = codec.num_heads, codec.num_logits
        self.stages = _stages(kind, self.sizes)
        self.runs = [_Run(len(list(same)), size) for size, same in itertools.groupby(self.wide)]
        offsets = [int(n) for n in np.cumsum((0, *self.sizes[:-1]))]
        self._offsets = offsets
        self.stream = nn.Linear(hidden, width)
        if kind != "independent":
            self.button_embedding = nn.Parameter(torch.randn(NUM_BUTTONS, width) * 0.3)
            # Of the sticks: nothing sees the trigger, which comes last.
            shape = (sum(self.wide[:-1]), width) if codec.joint else (len(self.wide) - 1, self.wide[0], width)
            self.axis_embedding = nn.Parameter(torch.randn(*shape) * 0.3)
        self.weight = nn.Parameter(torch.empty(self.num_logits, width))
        self.bias = nn.Parameter(torch.zeros(self.num_logits))
        self.previous_table = nn.Parameter(torch.zeros(sum(self.sizes), self.num_logits))
        self.register_buffer("previous_offsets", torch.tensor(offsets), persistent=False)
        nn.init.orthogonal_(self.stream.weight, 2**0.5)
        nn.init.zeros_(self.stream.bias)
        # Small, so that a fresh policy's distribution is that of its biases whatever it sees.
        nn.init.normal_(self.weight, std=0.01 / width**0.5)
        self.init_exploration()

    def columns(self, head: int) -> slice:
        """Where a head's logits stand among all."""
        if head < NUM_BUTTONS:
            return slice(head, head + 1)
        start = NUM_BUTTONS + sum(self.sizes[NUM_BUTTONS:head])
        return slice(start, start + self.sizes[head])

    @torch.no_grad()
    def init_exploration(self, press: float = 0.06, c_neutral: float = 0.85, no_trigger: float = 0.9) -> None:
        """Set the biases with which a policy without data explores: lively sticks, rare buttons.

        Args:
            press: probability of each button, a frame. Uniform heads would hold every button half of the time: eight
                pressed at once, which the game reads as one long confused action.
            c_neutral: probability that a head of the C-stick is neutral.
            no_trigger: probability that the trigger is untouched.
        """
        self.bias.zero_()
        self.bias[:NUM_BUTTONS] = math.log(press / (1.0 - press))
        neutral = self.codec.neutral()
        for head, name in enumerate(self.codec.heads):
            still = c_neutral if name.startswith("c") else no_trigger if name == "shoulder" else 0.0
            if still:
                odds = still / (1.0 - still) * (self.sizes[head] - 1)
                self.bias[self.columns(head)][int(neutral[head])] = math.log(odds)

    @torch.no_grad()
    def init_previous_tables(self, counts: Sequence[ArrayLike], smoothing: float = 1.0) -> None:
        """Start as the table P(choice | previous choice): the network then learns what the table cannot say.

        The other path starts at zero, so the fresh distribution is exactly the smoothed table.

        Args:
            counts: an array ``[size, size]`` a head (row: previous, column: next), as ``codec.transition_counts``
                gives.
            smoothing: added to every count.
        """
        self.weight.zero_()
        self.bias.zero_()
        self.previous_table.zero_()
        for head, size in enumerate(self.sizes):
            table = torch.as_tensor(np.asarray(counts[head], np.float64) + smoothing)
            if table.shape != (size, size) or smoothing <= 0:
                raise ValueError(f"head {head} takes counts [{size}, {size}] and a positive smoothing")
            logs = (table / table.sum(-1, keepdim=True)).log()
            rows = slice(self._offsets[head], self._offsets[head] + size)
            values = (logs[:, 1] - logs[:, 0])[:, None] if head < NUM_BUTTONS else logs
            self.previous_table[rows, self.columns(head)] = values.to(self.previous_table.dtype)

    def log_prob(
        self, hidden: Tensor, previous: Tensor, action: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability of given actions (teacher forced).

        Args:
            hidden: ``[..., H]``.
            previous: ``[..., K]``, integers.
            action: ``[..., K]``, integers.
            temperature: divides the logits; positive.

        Returns:
            ``logp [...]``, ``entropy [...]`` (of each head given the earlier choices, summed), ``per_head [..., K]``
            (log-probability of each choice).
        """
        return self.scores(self.logits(hidden, previous, action, temperature), action)

    def scores(self, logits: Tensor, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As ``log_prob``, of the logits ``[..., L]`` that it makes."""
        lead = logits.shape[:-1]
        flat_action = action.reshape(-1, self.num_heads).long()
        normalised = self._normalised(logits.reshape(-1, self.num_logits))
        per_head, entropy = self._chosen(normalised, flat_action), _entropy(normalised)
        return per_head.sum(-1).reshape(lead), entropy.reshape(lead), per_head.reshape(*lead, self.num_heads)

    def divergence(self, logits: Tensor, other: Tensor) -> Tensor:
        """KL(logits, other) ``[...]`` in nats, summed over heads given the same earlier choices; both ``[..., L]``."""
        ours, theirs = (self._normalised(part.reshape(-1, self.num_logits)) for part in (logits, other))
        a, b = ours[0], theirs[0]
        total = (torch.sigmoid(a) * (a - b) - F.softplus(a) + F.softplus(b)).sum(-1)
        for mine, its in zip(ours[1:], theirs[1:], strict=True):
            total = total + (mine.exp() * (mine - its)).sum((-1, -2))
        return total.reshape(logits.shape[:-1])

    def logits(self, hidden: Tensor, previous: Tensor, action: Tensor, temperature: float = 1.0) -> Tensor:
        """The logits ``[..., L]`` with which each choice of ``action`` was drawn; arguments as ``log_prob``."""
        flat = self._forced(
            hidden.reshape(-1, hidden.shape[-1]),
            previous.reshape(-1, self.num_heads),
            action.reshape(-1, self.num_heads).long(),
            temperature,
        )
        return flat.reshape(*hidden.shape[:-1], self.num_logits)

    def likeliest(self, logits: Tensor) -> Tensor:
        """The likeliest choice of each head, logits ``[..., L]`` to uint8 ``[..., K]``."""
        found = [logits[..., :NUM_BUTTONS] > 0]
        found += [part.argmax(-1, keepdim=True) for part in logits[..., NUM_BUTTONS:].split_with_sizes(self.wide, -1)]
        return torch.cat([part.to(torch.uint8) for part in found], -1)

    def kl(self, logits: Tensor, others: Tensor) -> Tensor:
        """KL of the choices of ``others`` from those of ``logits``, both ``[N, L]`` of the same choices, ``[N]``."""
        own, other = self._normalised(logits), self._normalised(others)
        pressed = torch.sigmoid(own[0])
        total = pressed * (F.logsigmoid(own[0]) - F.logsigmoid(other[0]))
        total = total + (1.0 - pressed) * (F.logsigmoid(-own[0]) - F.logsigmoid(-other[0]))
        found = total.sum(-1)
        for a, b in zip(own[1:], other[1:], strict=True):
            found = found + (a.exp() * (a - b)).sum((-1, -2))
        return found

    @torch.no_grad()
    def sample(
        self, hidden: Tensor, previous: Tensor, noise: Tensor, temperature: float | Tensor = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw actions; the same noise gives the same action (Gumbel-max).

        Args:
            hidden: ``[N, H]``.
            previous: ``[N, K]``.
            noise: ``[N, L]``, uniform in (0, 1).
            temperature: divides the logits; 0 takes the likeliest choice of each head. One, or ``[N]``.

        Returns:
            ``action`` uint8 ``[N, K]`` and ``logp [N]`` under the distribution drawn from (0 for temperature 0).
        """
        action, _, logp = self.decide(hidden, previous, noise, temperature)
        return action, logp

    def decide(
        self, hidden: Tensor, previous: Tensor, noise: Tensor, temperature: float | Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As ``sample``; and the logits ``[N, L]`` of each choice given those before it, at temperature 1."""
        # Few operations: this runs for every frame played.
        base = self._base(previous)
        # A button is pressed when logit + logistic noise > 0, a bucket is the argmax of logits + Gumbel noise.
        logistic = torch.logit(noise[:, :NUM_BUTTONS])
        gumbel = noise[:, NUM_BUTTONS:].log().neg_().log_().neg_()
        draws = torch.cat([logistic, gumbel], 1)
        if isinstance(temperature, Tensor):
            perturbed = base + temperature[:, None] * draws
        else:
            perturbed = torch.add(base, draws, alpha=temperature)
        stream = self.stream(hidden)
        logits, choices = [], []
        stages = list(zip(self.stages, self._weights(), self._embeddings(), strict=True))
        if self.kind == "autoregressive" and not torch.is_grad_enabled() and not is_plain():
            buttons, pressed = self._press(stream, perturbed)
            logits.append(buttons)
            choices.append(pressed)
            stages = stages[NUM_BUTTONS:]
        for stage, weight, embedding in stages:
            found = torch.mm(stream.relu(), weight.t())
            drawn = found + perturbed[:, stage.columns]
            if stage.buttons:
                new = (drawn > 0).to(hidden.dtype)
            elif len(stage.heads) == 1:
                new = drawn.argmax(-1, keepdim=True)
            else:
                parts = drawn.split_with_sizes([self.sizes[k] for k in stage.heads], 1)
                new = torch.cat([part.argmax(-1, keepdim=True) for part in parts], 1)
            if embedding is not None:
                stream = _seen(stream, stage, embedding, new)
            logits.append(found)
            choices.append(new)
        action = torch.cat([choice.to(hidden.dtype) for choice in choices], 1).to(torch.uint8)
        every = torch.cat(logits, 1) + base
        if isinstance(temperature, Tensor):
            cold = temperature == 0
            warm = torch.where(cold, torch.ones_like(temperature), temperature)
            scored = self._chosen(self._normalised(every / warm[:, None]), action.long()).sum(-1)
            return action, every, torch.where(cold, torch.zeros_like(scored), scored)
        if temperature == 0.0:
            return action, every, hidden.new_zeros(hidden.shape[0])
        tempered = every if temperature == 1.0 else every / temperature
        return action, every, self._chosen(self._normalised(tempered), action.long()).sum(-1)

    def _press(self, stream: Tensor, perturbed: Tensor) -> tuple[Tensor, Tensor]:
        """Draw the buttons one after another: logits and choices ``[N, 8]``; ``stream`` then knows them.

        In place, with the fewest operations: these eight stages are otherwise half of all that a step costs.
        """
        rows = stream.shape[0]
        thresholds = perturbed[:, :NUM_BUTTONS].t().neg()
        logits = stream.new_empty(NUM_BUTTONS, rows)
        pressed = stream.new_empty(NUM_BUTTONS, rows)
        relu = torch.empty_like(stream)
        for weight, embedding, logit, press, threshold in zip(
            self.weight[:NUM_BUTTONS].unbind(0),
            self.button_embedding.unbind(0),
            logits.unbind(0),
            pressed.unbind(0),
            thresholds.unbind(0),
            strict=True,
        ):
            torch.mv(torch.clamp_min(stream, 0.0, out=relu), weight, out=logit)
            torch.gt(logit, threshold, out=press)
            stream.addr_(press, embedding)
        return logits.t(), pressed.t()

    def _base(self, previous: Tensor) -> Tensor:
        """The part of all logits that does not depend on the hidden: ``[N, K]`` to ``[N, L]``."""
        rows = previous.long() + self.previous_offsets
        if is_plain():
            return F.embedding(rows, self.previous_table).sum(-2) + self.bias
        return F.embedding_bag(rows, self.previous_table, mode="sum") + self.bias

    def _weights(self) -> tuple[Tensor, ...]:
        """Of each stage."""
        return self.weight.split_with_sizes([stage.columns.stop - stage.columns.start for stage in self.stages])

    def _embeddings(self) -> tuple[Tensor | None, ...]:
        """Of each stage's choices, for the stages behind it; none where nothing sees them."""
        if self.kind == "independent":
            return (None,) * len(self.stages)
        buttons = self.button_embedding.split_with_sizes([len(s.heads) for s in self.stages if s.buttons])
        sticks = self.axis_embedding
        return (*buttons, *(sticks.split_with_sizes(self.wide[:-1]) if self.codec.joint else sticks.unbind(0)), None)

    def _forced(self, hidden: Tensor, previous: Tensor, action: Tensor, temperature: float) -> Tensor:
        """Logits ``[N, L]``; one stage after another, since tensors of one stage's size stay in the cache."""
        stream = self.stream(hidden)
        logits = []
        for stage, weight, embedding in zip(self.stages, self._weights(), self._embeddings(), strict=True):
            logits.append(torch.mm(stream.relu(), weight.t()))
            if embedding is not None:
                stream = _seen(stream, stage, embedding, action[:, stage.heads.start : stage.heads.stop])
        every = torch.cat(logits, 1) + self._base(previous)
        return every if temperature == 1.0 else every / temperature

    def _normalised(self, logits: Tensor) -> list[Tensor]:
        """The buttons' logits ``[N, 8]``, then log-probabilities ``[N, count, size]`` of each run of other heads."""
        runs = logits.split_with_sizes([NUM_BUTTONS, *(run.heads * run.size for run in self.runs)], 1)
        shaped = [part.reshape(-1, run.heads, run.size) for part, run in zip(runs[1:], self.runs, strict=True)]
        return [runs[0], *(part.log_softmax(-1) for part in shaped)]

    def _chosen(self, normalised: list[Tensor], action: Tensor) -> Tensor:
        """Log-probability of each choice, ``[N, K]``; actions i64."""
        parts = action.split_with_sizes([NUM_BUTTONS, *(run.heads for run in self.runs)], 1)
        found = [normalised[0] * parts[0] - F.softplus(normalised[0])]
        found += [
            logs.gather(-1, part[..., None])[..., 0] for logs, part in zip(normalised[1:], parts[1:], strict=True)
        ]
        return torch.cat(found, 1)


def _seen(stream: Tensor, stage: _Stage, embedding: Tensor, choice: Tensor) -> Tensor:
    """The stream once it knows what a stage chose, ``[N, heads]``."""
    if not stage.buttons:
        return stream + F.embedding(choice[:, 0], embedding)
    if embedding.shape[0] == 1 and not is_plain():
        return torch.addr(stream, choice[:, 0].to(stream.dtype), embedding[0])
    return torch.addmm(stream, choice.to(stream.dtype), embedding)


def _entropy(normalised: list[Tensor]) -> Tensor:
    """Entropy of all heads ``[N]``."""
    buttons = normalised[0]
    # Of a button with logit z: softplus(z) - z sigmoid(z).
    total = (F.softplus(buttons) - buttons * torch.sigmoid(buttons)).sum(-1)
    for logs in normalised[1:]:
        total = total - (logs.exp() * logs).sum((-1, -2))
    return total
