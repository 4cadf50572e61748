"""Which frames are shown when: an epoch is a list of pieces of sides, cut, chosen and shuffled by a seed.

A row of the batch goes through one piece in consecutive batches, so that the recurrent state can be carried on; a new
piece begins with zero state. Everything here is index arithmetic: the same seed, epoch and number of a batch always
mean the same frames, so that a position is two numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import Controllers
from exphil_rt.training.dataset.dataset import Dataset, Side

STICK_CLASSES: Final = 9
"""Where the main stick is: nowhere, or in one of eight directions."""

I64 = NDArray[np.int64]
Bools = NDArray[np.bool_]


class PlanConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an epoch is made."""

    batch: int = 32
    """B, rows of a batch."""
    steps: int = 64
    """T, frames of a sequence."""
    piece: int = 1024
    """Frames of one game that a row goes through before it goes on to another game."""
    seed: int = 0
    delays: tuple[int, ...] = (0,)
    """Each piece is shown with one of these delays, drawn evenly."""
    mirror: float = 0.0
    """Share of the pieces that are shown with left and right exchanged."""
    hide_state: float = 0.0
    """Share of the pieces in which the state is zero, as if nothing existed."""
    balance_characters: bool = False
    """Draw pieces so that each fighter is shown equally often; rare ones are then shown several times an epoch."""
    balance_sticks: float = 0.0
    """0..1: how much rare directions of the stick are preferred when pieces are drawn (1: by inverse frequency)."""


class Piece(msgspec.Struct, frozen=True):
    """Pieces as columns ``[P]``, in the order in which they are shown."""

    side: I64
    start: I64
    end: I64
    delay: I64
    mirrored: Bools
    hidden: Bools

    def take(self, order: I64) -> Piece:
        """The pieces at ``order``."""
        return Piece(*(getattr(self, name)[order] for name in self.__struct_fields__))


class BatchPlan(msgspec.Struct, frozen=True):
    """One batch, row by row ``[B]``; ``side`` is -1 where a row has nothing left."""

    side: I64
    start: I64
    """First frame."""
    end: I64
    """Frame behind the last one of this batch."""
    delay: I64
    mirrored: Bools
    hidden: Bools
    reset: NDArray[np.uint8]
    """1 where a row begins a piece."""


def epoch_pieces(sides: Sequence[Side], config: PlanConfig, epoch: int, weights: NDArray[np.float64] | None) -> Piece:
    """The pieces of one epoch.

    Args:
        sides: to learn from.
        config: how.
        epoch: from 0; another epoch, other cuts and another order.
        weights: how often a frame of each side is wanted, ``[S]`` of :func:`side_weights`; None shows every frame once.
    """
    rng = np.random.default_rng((config.seed, epoch))
    longest = max(config.delays)
    side, start, end = [], [], []
    for number, one in enumerate(sides):
        length = one.frames - longest - 1
        if length < 1:
            continue
        cuts = np.arange(int(rng.integers(config.steps, config.piece + 1)), length, config.piece)
        edges = np.concatenate([[0], cuts, [length]])
        start.append(edges[:-1])
        end.append(edges[1:])
        side.append(np.full(len(edges) - 1, number))
    if not side:
        none = np.zeros(0, np.int64)
        return Piece(none, none, none, none, none.astype(bool), none.astype(bool))
    sides_of, starts, ends = (np.concatenate(part).astype(np.int64) for part in (side, start, end))
    count = len(sides_of)
    order = rng.permutation(count)
    if weights is not None:
        order = _drawn(weights[sides_of], count, rng)
    pieces = Piece(
        sides_of,
        starts,
        ends,
        np.zeros(count, np.int64),
        np.zeros(count, bool),
        np.zeros(count, bool),
    ).take(order)
    return msgspec.structs.replace(
        pieces,
        delay=np.asarray(config.delays, np.int64)[rng.integers(0, len(config.delays), count)],
        mirrored=rng.random(count) < config.mirror,
        hidden=rng.random(count) < config.hide_state,
    )


def whole_pieces(sides: Sequence[Side], delay: int) -> Piece:
    """Every side from its first frame to its last, longest first: what a policy meets in play."""
    lengths = np.asarray([side.frames - delay - 1 for side in sides], np.int64)
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] > 0]
    count = len(order)
    return Piece(
        order,
        np.zeros(count, np.int64),
        lengths[order],
        np.full(count, delay),
        np.zeros(count, bool),
        np.zeros(count, bool),
    )


def batches(pieces: Piece, batch: int, steps: int) -> Iterator[BatchPlan]:
    """Deal the pieces out to rows."""
    total = len(pieces.side)
    rows = min(batch, total)
    piece = np.full(rows, -1)
    place = np.zeros(rows, np.int64)
    end = np.zeros(rows, np.int64)
    following = 0
    while True:
        done = place >= end
        reset = done.astype(np.uint8)
        for row in np.flatnonzero(done):
            if following < total:
                piece[row], place[row], end[row] = following, pieces.start[following], pieces.end[following]
                following += 1
            else:
                piece[row] = -1
        if not rows or (piece < 0).all():
            return
        there = piece >= 0
        stop = np.where(there, np.minimum(place + steps, end), place)
        yield BatchPlan(
            np.where(there, pieces.side[piece], -1),
            place.copy(),
            stop,
            pieces.delay[piece],
            pieces.mirrored[piece],
            pieces.hidden[piece],
            reset,
        )
        place = np.where(there, place + steps, place)
        place, end = np.where(there & (place >= end), end, place), end


def side_weights(dataset: Dataset, sides: Sequence[Side], config: PlanConfig) -> NDArray[np.float64] | None:
    """How often a frame of each side is wanted, ``[S]``; None where every frame is wanted once an epoch."""
    if not config.balance_characters and not config.balance_sticks:
        return None
    weights = np.ones(len(sides))
    if config.balance_characters:
        frames: dict[int, int] = {}
        for side in sides:
            frames[side.character] = frames.get(side.character, 0) + side.frames
        weights /= np.asarray([frames[side.character] for side in sides])
    if config.balance_sticks:
        counts = np.stack([np.bincount(stick_classes(dataset.controllers(s)), minlength=STICK_CLASSES) for s in sides])
        rarity = (counts.sum() / np.maximum(counts.sum(0), 1)) ** config.balance_sticks
        weights *= (counts * rarity).sum(1) / np.maximum(counts.sum(1), 1)
    weights /= weights.mean()
    return weights


def stick_classes(controllers: Controllers) -> NDArray[np.int64]:
    """0 for the neutral stick, else 1..8 by its direction, anticlockwise from the right."""
    x, y = np.asarray(controllers.joystick_x), np.asarray(controllers.joystick_y)
    sector = np.rint(np.arctan2(y, x) / (np.pi / 4)).astype(np.int64) % 8
    return np.where((x == 0) & (y == 0), 0, sector + 1)


def _drawn(weights: NDArray[np.float64], count: int, rng: np.random.Generator) -> I64:
    """``count`` places, each as often as its weight says, as evenly as that goes (systematic resampling), shuffled."""
    edges = np.cumsum(weights)
    points = (rng.random() + np.arange(count)) * (edges[-1] / count)
    return rng.permutation(np.minimum(np.searchsorted(edges, points), len(weights) - 1))
