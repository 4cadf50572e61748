"""Check replays before anything is learned from them: each is good, or has the reason why it is not.

Files are checked in worker processes: that they are there, their size, how they begin, that they parse, that every
value is finite and one that Melee can show. What this costs is a parse of each file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.game.frames import Frames
from exphil_rt.replays.pool import DEADLINE_S, run_many
from exphil_rt.replays.quality import SideQuality, side_quality
from exphil_rt.replays.replay import BadReplay, ReplayMeta
from exphil_rt.replays.worker import Handler, serve

_WORKER: Final = (sys.executable, "-m", "exphil_rt.replays.validate")


class GoodReplay(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can be learned from, and what is known of it."""

    path: str
    meta: ReplayMeta
    quality: tuple[SideQuality, SideQuality]


class _Checked(msgspec.Struct, frozen=True):
    meta: ReplayMeta
    quality: tuple[SideQuality, SideQuality]


def validate(
    paths: Iterable[Path], *, workers: int = 0, deadline_s: float = DEADLINE_S
) -> Iterator[GoodReplay | BadReplay]:
    """Check files, in the order of ``paths``.

    Args:
        paths: files, or members of zip archives.
        workers: processes; 0 for one a core, at most 8.
        deadline_s: longest time for one file.
    """
    for result in run_many(paths, b"", command=_WORKER, workers=workers, deadline_s=deadline_s, ahead=64):
        if isinstance(result, BadReplay):
            yield result
            continue
        try:
            found = msgspec.msgpack.decode(result.body, type=_Checked)
        except msgspec.DecodeError:
            yield BadReplay(result.path, "ended the process that parsed it (it spoke nonsense)")
        else:
            yield GoodReplay(path=str(result.path), meta=found.meta, quality=found.quality)


def _handler() -> Handler:
    from exphil_rt.replays.reader import read_buffer

    def handle(path: Path, body: bytes) -> tuple[bytes, None]:
        meta, buffer = read_buffer(path, "first")
        frames = Frames.over(memoryview(buffer), (meta.frames,))
        return msgspec.msgpack.encode(_Checked(meta, (side_quality(frames, 0), side_quality(frames, 1)))), None

    return handle


if __name__ == "__main__":
    serve(_handler)
