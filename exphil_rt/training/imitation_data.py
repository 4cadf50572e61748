"""From replays to what imitation learns from: encoded sides of games, the split, and batches of sequences.

At frame t a side's input is the state t with the actions committed for t+1..t+D, its target the action that led to
frame t+D+1: exactly what play with delay D would have been fed and asked (``policy.inputs``).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import U8
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.inputs import Inputs, sequence_inputs
from exphil_rt.policy.observation import Encoder
from exphil_rt.replays.pool import read_many
from exphil_rt.replays.replay import Replay
from exphil_rt.replays.selection import Selection, SideFilter, split_games

MEMORY_SHARE: Final = 0.6
"""Share of the memory that is free at the start which encoded games may fill."""
PIECE: Final = 1024
"""Frames of one game that a row learns from before it goes on to another game."""


class DataTooLarge(ExphilError):
    """More games than fit into memory."""


@dataclass(frozen=True, slots=True)
class Side:
    """One player of one game, encoded: inputs ``[T, ...]`` (ids as int16) and target actions ``[T, 13]``."""

    path: Path
    game: str
    player: int
    character: int
    inputs: Inputs
    targets: U8
    actions: U8
    """``[T + 1, 13]``: the action before the first target, then the targets."""

    @property
    def frames(self) -> int:
        """Frames to learn from."""
        return len(self.targets)

    @property
    def nbytes(self) -> int:
        """Bytes that it fills."""
        found = self.inputs
        return sum(a.nbytes for a in (found.floats, found.ids, found.committed, found.mask, found.previous)) + (
            2 * self.targets.nbytes
        )


@dataclass(frozen=True, slots=True)
class ImitationData:
    """Sides to learn from and to measure on (no game has sides in both), and what was kept and dropped."""

    train: tuple[Side, ...]
    held_out: tuple[Side, ...]
    selection: Selection

    @property
    def train_frames(self) -> int:
        """Frames to learn from, summed over sides."""
        return sum(side.frames for side in self.train)


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences ``[B, T]``; frames of weight 0 are padding. ``reset [B]`` is 1 where a row begins anew at step 0."""

    inputs: Inputs
    targets: U8
    weight: NDArray[np.float32]
    reset: U8


def encode_side(replay: Replay, player: int, encoder: Encoder, config: PolicyConfig) -> Side:
    """One side of a replay (read with ``rollback="first"``: what the player saw)."""
    inputs, targets = sequence_inputs(encoder, config.codec, replay.frames, player, config.delay, config.dmax)
    if inputs.ids.size and inputs.ids.max() > np.iinfo(np.int16).max:
        raise ValueError("an observation table has more rows than int16 counts")
    inputs.ids = inputs.ids.astype(np.int16)  # widened again in every batch
    inputs.previous = np.ascontiguousarray(inputs.previous)
    return Side(
        path=replay.path,
        game=replay.meta.digest,
        player=player,
        character=replay.meta.players[player].character,
        inputs=inputs,
        targets=targets,
        actions=np.concatenate([inputs.previous[:1], targets]),
    )


def load_sides(
    paths: Sequence[Path],
    wanted: SideFilter,
    config: PolicyConfig,
    *,
    workers: int = 0,
    on_file: Callable[[int], None] = lambda done: None,
    memory: int | None = None,
) -> tuple[list[Side], Selection]:
    """Read, select and encode.

    Args:
        paths: .slp files.
        wanted: which sides.
        config: of the policy that is to learn: its schema, codec and delay.
        workers: parser processes; 0 for one a core.
        on_file: called with the number of files done after each file.
        memory: bytes that the encoded games may fill; by default a share of what is free.

    Raises:
        DataTooLarge: the kept sides do not fit into memory.
    """
    encoder = Encoder(config.schema)
    selection = Selection(wanted)
    limit = memory if memory is not None else int(_free_memory() * MEMORY_SHARE)
    sides: list[Side] = []
    filled = 0
    for number, result in enumerate(read_many(paths, rollback="first", workers=workers), start=1):
        for player in selection.take(result):
            assert isinstance(result, Replay)
            side = encode_side(result, player, encoder, config)
            filled += side.nbytes
            if filled > limit:
                raise DataTooLarge(
                    f"The replays fill more than {limit / 1e9:.1f} GB of memory when encoded "
                    f"(at file {number} of {len(paths)}: {selection.kept_line()}).",
                    hint="Choose fewer with --character, --vs or --player, or name a smaller folder.",
                )
            sides.append(side)
        on_file(number)
    return sides, selection


def split(sides: Sequence[Side], selection: Selection, held_out: float = 0.15, seed: int = 0) -> ImitationData:
    """Hold a share of the games out, the same ones for the same games and seed.

    Raises:
        BadFilter: fewer than two games are left.
    """
    held = split_games((side.game for side in sides), held_out, seed)
    return ImitationData(
        train=tuple(side for side in sides if side.game not in held),
        held_out=tuple(side for side in sides if side.game in held),
        selection=selection,
    )


@dataclass(slots=True)
class _Row:
    """A row of the batch: where it is in its piece of a side."""

    side: Side | None = None
    place: int = 0
    end: int = 0
    hidden: bool = False
    """The state is left out of this piece: only actions and delay are shown."""


def training_batches(
    sides: Sequence[Side], batch: int, steps: int, rng: np.random.Generator, hide_state: float = 0.0
) -> Iterator[Batch]:
    """One epoch: every frame once, in sequences of ``steps``.

    Games are cut into pieces of about 1024 frames (at other places each epoch) and shuffled. A row goes through one
    piece in consecutive batches, so that the recurrent state can be carried on; a new piece begins with zero state.

    Args:
        steps: T, at most 1024.
        hide_state: share of the pieces in which the state is zero, as if nothing existed.
    """
    pieces: list[tuple[Side, int, int]] = []
    for side in sides:
        cuts = [0, *range(int(rng.integers(steps, PIECE + 1)), side.frames, PIECE), side.frames]
        pieces += [(side, start, end) for start, end in itertools.pairwise(cuts) if end > start]
    order = rng.permutation(len(pieces))
    hidden = rng.random(len(pieces)) < hide_state
    yield from _sequences(((*pieces[i], bool(hidden[i])) for i in order), min(batch, len(pieces)), steps)


def whole_batches(sides: Sequence[Side], batch: int, steps: int) -> Iterator[Batch]:
    """Every side from its first frame to its last: what a policy meets in play. Longest first."""
    order = sorted(sides, key=lambda side: -side.frames)
    yield from _sequences(((side, 0, side.frames, False) for side in order), min(batch, len(order)), steps)


def _sequences(pieces: Iterable[tuple[Side, int, int, bool]], batch: int, steps: int) -> Iterator[Batch]:
    waiting = iter(pieces)
    rows = [_Row() for _ in range(batch)]
    while True:
        reset = np.zeros(batch, np.uint8)
        for number, row in enumerate(rows):
            if row.place >= row.end:
                row.side, row.place, row.end, row.hidden = next(waiting, (None, 0, 0, False))
                reset[number] = 1
        first = next((row.side for row in rows if row.side is not None), None)
        if first is None:
            return
        yield _gather(rows, first, reset, steps)
        for row in rows:
            row.place += steps


def _gather(rows: Sequence[_Row], like: Side, reset: U8, steps: int) -> Batch:
    lead = (len(rows), steps)

    def empty(array: NDArray[Any], dtype: Any = None) -> NDArray[Any]:
        return np.zeros((*lead, *array.shape[1:]), dtype or array.dtype)

    found = like.inputs
    inputs = Inputs(
        floats=empty(found.floats),
        ids=empty(found.ids, np.int64),
        committed=empty(found.committed),
        mask=empty(found.mask),
        delay=empty(found.delay),
        previous=empty(found.previous),
    )
    targets, weight = empty(like.targets), np.zeros(lead, np.float32)
    for number, row in enumerate(rows):
        if row.side is None:
            continue
        end = min(row.place + steps, row.end)
        place, source = (number, slice(0, end - row.place)), row.side.inputs[row.place : end]
        if not row.hidden:
            inputs.floats[place] = source.floats
            inputs.ids[place] = source.ids
        inputs.committed[place] = source.committed
        inputs.mask[place] = source.mask
        inputs.delay[place] = source.delay
        inputs.previous[place] = source.previous
        targets[place] = row.side.targets[row.place : end]
        weight[place] = 1.0
    return Batch(inputs, targets, weight, reset)


def _free_memory() -> int:
    """Bytes that this machine can still give out (Linux), else half of what it has."""
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
