"""A batch: the frames that a plan names, put together from shards, with the actions that the codec makes.

At frame t the input is the state t with the actions committed for t+1..t+D, the target the action that led to frame
t+D+1: exactly what play with delay D would have been fed and asked (``policy.inputs``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import MAX_ITEMS, U8, Controllers
from exphil_rt.policy.inputs import Inputs
from exphil_rt.training.dataset.dataset import Dataset, Side
from exphil_rt.training.dataset.format import Segment
from exphil_rt.training.dataset.mirror import Mirror, mirror_controllers
from exphil_rt.training.dataset.plan import BatchPlan


class Codec(Protocol):
    """What a batch asks of an action codec (``policy.codec``)."""

    def encode(self, controllers: Controllers) -> U8:
        """Actions ``[..., heads]`` of controllers ``[...]``."""

    def neutral(self) -> U8:
        """The action that touches nothing, ``[heads]``."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences ``[B, T]``; frames of weight 0 are padding. ``reset [B]`` is 1 where a row begins anew at step 0."""

    inputs: Inputs
    targets: U8
    """``[B, T, heads]``."""
    weight: NDArray[np.float32]
    """``[B, T]``."""
    reset: U8
    next_state: NDArray[np.int64]
    """``[B, T]``: row of the own action state (of the schema's table) in the frame that the target led to; else 0."""
    side: NDArray[np.int64]
    """``[B]``: which of the sides a row shows, -1 for none."""
    start: NDArray[np.int64]
    """``[B]``: frame of the game at step 0."""


class Gatherer:
    """Makes batches of plans.

    Args:
        dataset: where the frames lie.
        sides: what ``BatchPlan.side`` counts in.
        codec: makes actions of controllers.
        steps: T.
        dmax: slots for committed actions; at least every delay that is asked for.
    """

    def __init__(self, dataset: Dataset, sides: Sequence[Side], codec: Codec, steps: int, dmax: int) -> None:
        self.dataset, self.sides, self.codec, self.steps, self.dmax = dataset, sides, codec, steps, dmax
        self._encoder = dataset.encoder
        self._mirror: Mirror | None = None
        schema = dataset.schema
        self._floats, self._ids = schema.num_floats, schema.num_ids
        names = [field.source for field in schema.of("id", items=False)]
        self._own_state = names.index("own.state") if "own.state" in names else -1
        self._neutral = codec.neutral()

    def batch(self, plan: BatchPlan) -> Batch:
        """The batch that ``plan`` describes."""
        rows, steps, ahead = len(plan.side), self.steps, int(plan.delay.max(initial=0)) + 1
        floats = np.zeros((rows, steps, self._floats), np.float32)
        ids = np.zeros((rows, steps, self._ids), np.int64)
        next_state = np.zeros((rows, steps), np.int64)
        weight = np.zeros((rows, steps), np.float32)
        held = Controllers.allocate((rows, steps + ahead))
        mirrored = plan.mirrored.copy()
        for row, (number, begin, end, delay) in enumerate(
            zip(plan.side.tolist(), plan.start.tolist(), plan.end.tolist(), plan.delay.tolist(), strict=True)
        ):
            if number < 0:
                mirrored[row] = False
                continue
            side = self.sides[number]
            segment = self.dataset.segment(side.game)
            length = end - begin
            weight[row, :length] = 1.0
            if not plan.hidden[row]:
                self._state(segment, side.player, begin, end, floats[row, :length], ids[row, :length])
                if mirrored[row] and segment.transforms:
                    mirrored[row] = False
            if self._own_state >= 0:
                self._next(segment, side.player, begin + delay + 1, next_state[row, :length])
            last = min(end + ahead, segment.frames)
            for name, values in segment.controllers.children():
                getattr(held, name)[row, : last - begin] = values[begin:last, side.player]
        if mirrored.any():
            self._flip(floats, ids, next_state, held, mirrored)
        return self._with_actions(plan, floats, ids, next_state, weight, held)

    def _state(
        self, segment: Segment, player: int, begin: int, end: int, floats: NDArray[np.float32], ids: NDArray[np.int64]
    ) -> None:
        parts, encoder = segment.parts, self._encoder
        window = parts[begin:end]
        flat, flat_ids = encoder.num_flat_floats, encoder.num_flat_ids
        encoder.assemble(window, player, floats[:, :flat], ids[:, :flat_ids])
        if segment.items is None:
            return
        first, last = int(segment.item_start[begin]), int(segment.item_start[end])
        if first == last:
            return
        items = segment.items[player]
        at, slot = items.frame[first:last] - begin, items.slot[first:last]
        floats[:, flat:].reshape(len(floats), MAX_ITEMS, -1)[at, slot] = items.floats[first:last]
        if items.ids.shape[1]:
            ids[:, flat_ids:].reshape(len(ids), MAX_ITEMS, -1)[at, slot] = items.ids[first:last]

    def _next(self, segment: Segment, player: int, begin: int, out: NDArray[np.int64]) -> None:
        column = self._encoder.player_id_column(self._own_state)
        found = segment.parts.player_ids[begin : begin + len(out), player, column]
        out[: len(found)] = found

    def _flip(
        self, floats: NDArray[np.float32], ids: NDArray[Any], next_state: NDArray[Any], held: Controllers, where: Any
    ) -> None:
        self._mirror = self._mirror or Mirror(self.dataset.schema)
        some, some_ids, some_next = floats[where], ids[where], next_state[where]
        self._mirror.apply(some, some_ids)
        self._mirror.states(some_next)
        floats[where], ids[where], next_state[where] = some, some_ids, some_next
        mirror_controllers(held, where)

    def _with_actions(
        self,
        plan: BatchPlan,
        floats: NDArray[np.float32],
        ids: NDArray[np.int64],
        next_state: NDArray[np.int64],
        weight: NDArray[np.float32],
        held: Controllers,
    ) -> Batch:
        actions = self.codec.encode(held)  # [B, T + ahead, heads]
        rows, steps = weight.shape
        row = np.arange(rows)[:, None]
        at = np.arange(steps) + plan.delay[:, None]  # [B, T]: place of the last committed action
        there = weight > 0
        previous = np.where(there[..., None], actions[row, at], 0).astype(np.uint8)
        targets = np.where(there[..., None], actions[row, at + 1], 0).astype(np.uint8)
        committed = np.empty((rows, steps, self.dmax, len(self._neutral)), np.uint8)
        committed[...] = self._neutral
        mask = (np.arange(self.dmax) < plan.delay[:, None, None]) & there[..., None]
        for k in range(int(plan.delay.max(initial=0))):
            known = mask[..., k]
            committed[..., k, :][known] = actions[row, np.arange(steps) + k + 1][known]
        delay = np.broadcast_to(plan.delay[:, None], (rows, steps)).astype(np.uint8)
        inputs = Inputs(floats, ids, committed, mask.astype(np.uint8), delay, previous)
        return Batch(inputs, targets, weight, plan.reset, next_state, plan.side, plan.start)
