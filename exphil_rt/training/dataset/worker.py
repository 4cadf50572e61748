"""The process that builds shards for ``build``: one replay in, one game at the end of its shard, one row out.

Nothing of a game crosses a process but its row: the frames are encoded where they were parsed. A shard belongs to one
process; what a process that died wrote last is cut off by the builder.
"""

from __future__ import annotations

import os
import secrets
import zlib
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from exphil_rt.replays.quality import SideQuality
from exphil_rt.replays.replay import ReplayMeta
from exphil_rt.replays.worker import Handler, serve
from exphil_rt.training.dataset.format import Spec

SHARD_BYTES: Final = 256 << 20
"""A shard that has grown to this is closed."""


class BuildJob(msgspec.Struct, frozen=True):
    """What the workers of a build are told with every file."""

    spec: Spec
    folder: str
    """Where shards lie."""
    shard_bytes: int = SHARD_BYTES


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file: reasons a side where none is kept, else the game and where it lies."""

    refused: tuple[str, ...] = ()
    full: bool = False
    """The disk has no room."""
    sha256: str = ""
    meta: ReplayMeta | None = None
    quality: tuple[SideQuality, ...] = ()
    shard: str = ""
    offset: int = 0
    nbytes: int = 0
    crc32: int = 0
    nanas: bool = False
    items: int = 0
    transforms: bool = False
    closed: bool = False
    """The shard is full and on disk: no game will be added to it."""


class _Shard:
    """The shard that this process writes."""

    def __init__(self, folder: str) -> None:
        self.name = f"{secrets.token_hex(8)}.shard"
        self.file = os.open(Path(folder) / self.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self.end = 0

    def append(self, data: memoryview) -> int:
        """Write at the end; the offset. What was written in part is cut off before the error passes."""
        begin, place = self.end, self.end
        try:
            while data:
                written = os.pwrite(self.file, data, place)
                place += written
                data = data[written:]
        except OSError:
            os.ftruncate(self.file, begin)
            raise
        self.end = place
        return begin

    def close(self) -> None:
        os.fsync(self.file)
        os.close(self.file)


def _handler() -> Handler:
    from exphil_rt.game.frames import Frames
    from exphil_rt.policy.encoder import Encoder
    from exphil_rt.replays.quality import side_quality
    from exphil_rt.replays.reader import read_head_of, read_open
    from exphil_rt.replays.source import open_source
    from exphil_rt.store.files import DiskFull, naming_full_disk
    from exphil_rt.training.dataset.format import layout, segment_over

    job: BuildJob | None = None
    told = b""
    encoder: Encoder
    shard: _Shard | None = None
    scratch = np.empty(0, np.uint8)

    def handle(path: Path, body: bytes) -> tuple[bytes, None]:
        nonlocal job, told, encoder
        if job is None or told != body:
            job, told = msgspec.msgpack.decode(body, type=BuildJob), body
            encoder = Encoder(job.spec.schema)
        return msgspec.msgpack.encode(build(path, job)), None

    def build(path: Path, job: BuildJob) -> Built:
        nonlocal shard
        wanted = job.spec.filter
        with open_source(path, digest=True) as source:
            if (head := read_head_of(path, source)) is not None:
                refused = tuple(wanted.refusal(head, side, certain=False) for side in (0, 1))
                if all(refused):
                    return Built(refused=refused)
            meta, buffer = read_open(path, source, job.spec.rollback)
        frames = Frames.over(memoryview(buffer), (meta.frames,))
        quality = tuple(side_quality(frames, side) for side in (0, 1))
        refused = tuple(wanted.verdict(meta, side, quality[side]) for side in (0, 1))
        if all(refused):
            return Built(refused=refused, sha256=source.sha256)
        data, nanas, items = encode(frames)
        try:
            with naming_full_disk(Path(job.folder)):
                shard = shard or _Shard(job.folder)
                offset = shard.append(data)
                name, closed = shard.name, shard.end >= job.shard_bytes
                if closed:
                    shard.close()
                    shard = None
        except DiskFull:
            return Built(full=True)
        return Built(
            sha256=source.sha256,
            meta=meta,
            quality=quality,
            shard=name,
            offset=offset,
            nbytes=len(data),
            crc32=zlib.crc32(data),
            nanas=nanas,
            items=items,
            transforms=bool(frames.stadium.any()),
            closed=closed,
        )

    def encode(frames: Frames) -> tuple[memoryview, bool, int]:
        """A game's segment, in memory that the next one reuses."""
        nonlocal scratch
        nanas = bool(frames.nanas.exists.any())
        rows = [encoder.item_rows(frames, port) for port in (0, 1)]
        items, length = len(rows[0].frame), frames.lead[0]
        size = layout(encoder.part_widths, length, nanas, items)[1]
        if len(scratch) < size:
            scratch = np.zeros(size + size // 4, np.uint8)
        whole = memoryview(scratch)[:size]  # type: ignore[arg-type]
        out = segment_over(whole, 0, encoder.part_widths, length, nanas, items)
        encoder.encode_parts(frames, out.parts)
        out.controllers.assign(slice(None), frames.controllers)
        out.percent[...] = frames.players.percent
        out.stocks[...] = frames.players.stocks
        if out.items is not None:
            out.item_start[...] = np.searchsorted(rows[0].frame, np.arange(length + 1))
            for port in (0, 1):
                out.items[port].frame[...] = rows[port].frame
                out.items[port].slot[...] = rows[port].slot
                out.items[port].floats[...] = rows[port].floats
                out.items[port].ids[...] = rows[port].ids
        return whole, nanas, items

    return handle


def main() -> None:
    """Serve ``build.build_dataset``."""
    serve(_handler)


if __name__ == "__main__":
    main()
