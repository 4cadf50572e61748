"""What a data set is on disk: the manifest, the rows of its journal, and how a game lies in a shard.

A data set is a folder: ``journal.jsonl`` (one row a source, in the order in which they were done), ``shards/`` (games
one behind the other, never changed once written) and, when it is whole, ``manifest.json`` and ``index.jsonl`` (the
games that count, in the order of their paths). Everything in a shard is little-endian and starts at a multiple of 64.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import Controllers
from exphil_rt.policy.observation import ObservationSchema
from exphil_rt.policy.parts import ItemRows, Parts, PartWidths
from exphil_rt.replays.quality import SideQuality
from exphil_rt.replays.replay import ReplayMeta, Rollback
from exphil_rt.replays.selection import SideFilter

FORMAT: Final = 1
MANIFEST_FILE: Final = "manifest.json"
INDEX_FILE: Final = "index.jsonl"
JOURNAL_FILE: Final = "journal.jsonl"
SHARDS: Final = "shards"
MAX_MANIFEST_BYTES: Final = 64 << 20
_ALIGN: Final = 64


class DatasetInvalid(ExphilError):
    """A data set that is damaged, unfinished, or of another version."""


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What decides the bytes of a data set: builds with the same one continue one another."""

    format: int = FORMAT
    schema: ObservationSchema
    rollback: Rollback
    filter: SideFilter
    """Without the players who asked not to be learned from: their list is asked again whenever the set is opened."""
    dedupe: bool = True


class GameRow(msgspec.Struct, frozen=True, kw_only=True, tag="game"):
    """A game in a shard."""

    path: str
    stamp: tuple[int, int]
    """Size and modification time (ns) of the file, or of the archive that it is in."""
    sha256: str
    """Of the replay, unpacked."""
    meta: ReplayMeta
    quality: tuple[SideQuality, SideQuality]
    shard: str
    offset: int
    nbytes: int
    crc32: int
    nanas: bool
    items: int
    """Rows of items."""
    transforms: bool = False
    """Pokemon Stadium changes its shape in this game."""


class DropRow(msgspec.Struct, frozen=True, kw_only=True, tag="drop"):
    """A source of which nothing is kept: the reason for the file, or one a side."""

    path: str
    stamp: tuple[int, int]
    reason: str = ""
    sides: tuple[str, ...] = ()


class ShardRow(msgspec.Struct, frozen=True, kw_only=True, tag="shard"):
    """A shard that is whole and on disk: games that name it may be trusted."""

    name: str
    nbytes: int


class SpecRow(msgspec.Struct, frozen=True, kw_only=True, tag="spec"):
    """The journal's first row."""

    spec: Spec


Row = SpecRow | GameRow | DropRow | ShardRow


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``manifest.json``: written last, so that a folder that has one is whole."""

    format: int = FORMAT
    name: str
    spec: Spec
    source: str
    """What was read, for people."""
    games: int
    frames: int
    """Game frames."""
    sources: int
    """Files that were looked at."""
    kept: str
    """What was kept, for people."""
    dropped: dict[str, int]
    """Sides by the reason why they were dropped when it was built."""
    files_dropped: dict[str, int]
    """Files by reason: those that could not be read, and games seen before."""
    shards: dict[str, int]
    """Bytes of each shard."""
    index_sha256: str
    code: str = ""
    """Version of exphil-rt that wrote it."""
    created: int = 0
    """Seconds since 1970."""


class Segment(msgspec.Struct, frozen=True):
    """One game's arrays, views into a shard (or into the buffer that becomes one)."""

    parts: Parts
    controllers: Controllers
    """``[T, 2]``, as recorded: no codec has touched them."""
    percent: NDArray[np.float32]
    """``[T, 2]``, unscaled (for returns)."""
    stocks: NDArray[np.uint8]
    """``[T, 2]``."""
    item_start: NDArray[np.int32]
    """``[T + 1]``: the items of frame t are the rows ``item_start[t]:item_start[t + 1]``; empty without items."""
    items: tuple[ItemRows, ItemRows] | None
    """By who looks; ``frame`` counts from the game's first."""
    transforms: bool = False
    """Pokemon Stadium changes its shape: the game has no mirror image."""

    @property
    def frames(self) -> int:
        """Frames of the game."""
        return int(self.percent.shape[0])


def layout(widths: PartWidths, frames: int, nanas: bool, items: int) -> tuple[list[tuple[Any, ...]], int]:
    """(dtype, shape, offset) of every array of a segment in order, and the bytes of all."""
    t, w = frames, widths
    shapes: list[tuple[Any, tuple[int, ...]]] = [
        (np.float32, (t, 2, w.players)),
        (np.float32, (t * nanas, 2, w.nanas)),
        (np.float32, (t, w.stage)),
        (np.float32, (t, 2, w.relative)),
        (np.int16, (t, 2, w.player_ids)),
        (np.int16, (t * nanas, 2, w.nana_ids)),
        (np.int16, (t, w.stage_ids)),
        *((dtype, (t, 2, *inner)) for _, dtype, inner in Controllers.leaves()),
        (np.float32, (t, 2)),
        (np.uint8, (t, 2)),
        (np.int32, (t + 1 if items else 0,)),
        (np.int32, (items,)),
        (np.uint8, (items,)),
        (np.float32, (2, items, w.item_floats)),
        (np.int16, (items, w.item_ids)),
    ]
    places, offset = [], 0
    for dtype, shape in shapes:
        places.append((np.dtype(dtype).newbyteorder("<"), shape, offset))
        size = np.dtype(dtype).itemsize * math.prod(shape)
        offset += (size + _ALIGN - 1) // _ALIGN * _ALIGN
    return places, offset


def segment_over(
    buffer: memoryview,
    offset: int,
    widths: PartWidths,
    frames: int,
    nanas: bool,
    items: int,
    transforms: bool = False,
) -> Segment:
    """The arrays of a segment that begins at ``offset`` of ``buffer``: views, no copies."""
    arrays = []
    for dtype, shape, place in layout(widths, frames, nanas, items)[0]:
        count = math.prod(shape)
        arrays.append(np.frombuffer(buffer, dtype, count, offset + place if count else 0).reshape(shape))
    waiting = iter(arrays)
    players, nana, stage, relative, player_ids, nana_ids, stage_ids = (next(waiting) for _ in range(7))
    controllers = Controllers(*(next(waiting) for _ in Controllers.leaves()))
    percent, stocks, item_start, item_frame, slot, item_floats, item_ids = waiting
    views = tuple(ItemRows(item_frame, slot, item_floats[port], item_ids) for port in (0, 1))
    return Segment(
        parts=Parts(
            players, nana if nanas else None, stage, relative, player_ids, nana_ids if nanas else None, stage_ids
        ),
        controllers=controllers,
        percent=percent,
        stocks=stocks,
        item_start=item_start,
        items=(views[0], views[1]) if items else None,
        transforms=transforms,
    )


def decode_rows(data: bytes, path: Path) -> list[Row]:
    """Rows of a journal. What stands behind the last whole line was torn off and does not count.

    Raises:
        DatasetInvalid: a whole line is no row of this version.
    """
    lines = data.split(b"\n")
    decoder = msgspec.json.Decoder(Row)
    rows: list[Row] = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            rows.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DatasetInvalid(
                f"Line {number} of {path} is no row of a data set ({error}).",
                hint="Build the data set again with --restart.",
            ) from error
    return rows
