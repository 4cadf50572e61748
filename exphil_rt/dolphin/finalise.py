"""Finishing the .slp files that a killed Dolphin left: length, an end of the game, metadata. Standard library only.

Dolphin writes a replay while the game runs, with a length of 0, and fills that in when the game ends. What it wrote of
whole frames is kept; half an event at the end is cut off. A file without one whole frame, finished or not, is removed.
The layout is Slippi's (https://github.com/project-slippi/slippi-wiki/blob/master/SPEC.md) in UBJSON (draft 12).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, Final

_RAW: Final = b"{U\x03raw[$U#l"
_PAYLOADS, _GAME_END, _BOOKEND = 0x35, 0x39, 0x3C
_NO_CONTEST: Final = 7
_SMALL: Final = 256 << 10
"""Bytes above which a finished file has frames in any case."""
_MAX_METADATA: Final = 1 << 20
_MAX_BYTES: Final = 256 << 20


def finalise_folder(folder: Path, since: float) -> list[Path]:
    """Finish what is unfinished in ``folder`` (and its folders of months) and was written at or after ``since``.

    Args:
        folder: where one Dolphin, which has ended, put its replays; it may be missing.
        since: wall clock, seconds.

    Returns:
        The files that were finished.
    """
    done = []
    for path in sorted(folder.glob("**/*.slp")):
        try:
            if path.stat().st_mtime >= since and finalise(path):
                done.append(path)
        except OSError:  # gone meanwhile, or no room: the file stands as it is
            continue
    return done


def finalise(path: Path) -> bool:
    """Finish one file; whether there was anything to do.

    Raises:
        OSError: it cannot be read or written.
    """
    head = len(_RAW) + 4
    with path.open("rb") as file:
        whole = _is_whole(file)
        if whole and path.stat().st_size > _SMALL:
            return False
        file.seek(0)
        data = file.read(_MAX_BYTES)
    if not data.startswith(_RAW) or len(data) < head:
        if not _RAW.startswith(data[: len(_RAW)]):
            return False  # not a replay
        path.unlink()
        return True
    (length,) = struct.unpack_from(">I", data, len(_RAW))
    raw, frame = _whole_events(data[head : head + length] if 0 < length <= len(data) - head else data[head:])
    if frame is None:
        path.unlink()
        return True
    if whole:
        return False
    finished = _RAW + struct.pack(">I", len(raw)) + raw + b"U\x08metadata" + _metadata(frame) + b"}"
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as out:
            out.write(finished)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return True


def _is_whole(file: BinaryIO) -> bool:
    """Whether length, metadata and the file's end are there; read at their places, since a game is megabytes."""
    head = file.read(len(_RAW) + 4)
    if not head.startswith(_RAW) or len(head) < len(_RAW) + 4:
        return False
    (length,) = struct.unpack_from(">I", head, len(_RAW))
    if not length:
        return False
    file.seek(length, os.SEEK_CUR)
    tail = file.read(_MAX_METADATA)
    return tail.startswith(b"U\x08metadata{") and tail.endswith(b"}}")


def _whole_events(raw: bytes) -> tuple[bytes, int | None]:
    """The events up to the last whole frame and an end of the game behind them; the last frame's index."""
    sizes = [0] * 256
    at, end, frame, ended = 0, 0, None, False
    while at < len(raw):
        code = raw[at]
        if code == _PAYLOADS and at + 1 < len(raw):
            size = raw[at + 1] + 1
            for number, inner in struct.iter_unpack(">BH", raw[at + 2 : at + 2 + (size - 2) // 3 * 3]):
                sizes[number] = inner + 1
        else:
            size = sizes[code]
        if size == 0 or at + size > len(raw):
            break
        at += size
        if code == _BOOKEND:
            (frame,) = struct.unpack_from(">i", raw, at - size + 1)
            end = at
        elif code == _GAME_END:
            end, ended = at, True
            break
    if ended or not sizes[_GAME_END]:
        return raw[:end], frame
    over = bytes((_GAME_END, _NO_CONTEST)) + b"\xff" * (sizes[_GAME_END] - 2)
    return raw[:end] + over, frame


def _metadata(last_frame: int) -> bytes:
    played = b"dolphin"
    return (
        b"{U\x09lastFramel" + struct.pack(">i", last_frame) + b"U\x08playedOnSU" + bytes((len(played),)) + played + b"}"
    )
