"""One replay's bytes, wherever they lie: a plain file, gzipped, or a member of a zip archive.

A member's path is the archive's path with the member's name behind it (``2024.zip/game.slp``). What is unpacked is
bounded in size and lies in memory (Linux) or a temporary file, never beside the archive.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from exphil_rt.replays.replay import ReplayError

MAX_FILE_BYTES: Final = 256 << 20
"""Largest replay, unpacked."""
MIN_FILE_BYTES: Final = 512
"""The start block alone fills more than this."""
MAX_MEMBERS: Final = 1_000_000
MAGIC: Final = b"{U\x03raw[$U#l"
"""How every .slp file begins (UBJSON, ``raw`` as an array of bytes)."""
SUFFIXES: Final = (".slp", ".slp.gz")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """An open replay: ``name`` is a path that a parser can open while the source is open."""

    name: str
    size: int
    sha256: str
    """Of the unpacked bytes, or empty where it was not asked for."""


@contextlib.contextmanager
def open_source(path: Path, *, digest: bool = False) -> Iterator[Source]:
    """Open a replay for a parser that takes a path.

    Args:
        path: a file, or a member of a zip archive.
        digest: also compute the SHA-256 sum.

    Raises:
        ReplayError: it is not there, no replay at first sight, or unpacks to more than a replay may have.
    """
    archive = _archive_of(path)
    if archive is None and path.suffix.lower() == ".zip":
        check_file(path)
        list_members(path)
        raise ReplayError(path, "is an archive without replays")
    if archive is None and path.suffix.lower() != ".gz":
        size = check_file(path)
        try:
            with path.open("rb") as file:
                _check_magic(path, file.read(len(MAGIC)))
                file.seek(0)
                yield Source(os.fspath(path), size, _sha256(file) if digest else "")
        except OSError as error:
            raise ReplayError(path, f"cannot be opened ({error.strerror or error})") from error
        return
    with _scratch() as file:
        total = _unpack(path, archive, file)
        file.flush()
        file.seek(0)
        _check_magic(path, file.read(len(MAGIC)))
        file.seek(0)
        sha256 = _sha256(file) if digest else ""
        name = f"/proc/self/fd/{file.fileno()}" if sys.platform == "linux" else file.name
        yield Source(name, total, sha256)


def check_file(path: Path) -> int:
    """Bytes of a regular file that may be a replay.

    Raises:
        ReplayError: it is missing, no file, empty, too small or too large.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise ReplayError(path, f"cannot be opened ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(found.st_mode):
        raise ReplayError(path, "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a file")
    return _check_size(path, found.st_size)


def list_members(archive: Path) -> list[Path]:
    """Paths of the replays in a zip archive, in the order of their names.

    Raises:
        ReplayError: it is no archive, or has more members than one may have.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [info.filename for info in opened.infolist() if not info.is_dir()]
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ReplayError(archive, f"is no zip archive that can be read ({error})") from error
    if len(names) > MAX_MEMBERS:
        raise ReplayError(archive, f"has more than {MAX_MEMBERS} members")
    return [archive / name for name in sorted(set(names)) if name.lower().endswith(SUFFIXES)]


def _archive_of(path: Path) -> Path | None:
    """The zip archive that ``path`` is a member of, or None for a file of its own."""
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and parent.is_file():
            return parent
    return None


def _sha256(file: IO[bytes]) -> str:
    return hashlib.file_digest(cast("BinaryIO", file), "sha256").hexdigest()  # type: ignore[arg-type]


def _check_size(path: Path, size: int) -> int:
    if size == 0:
        raise ReplayError(path, "is empty")
    if size < MIN_FILE_BYTES:
        raise ReplayError(path, f"is too small for a game ({size} bytes)")
    if size > MAX_FILE_BYTES:
        raise ReplayError(path, f"is larger than {MAX_FILE_BYTES >> 20} MB")
    return size


def _check_magic(path: Path, begin: bytes) -> None:
    if begin != MAGIC:
        raise ReplayError(path, "does not begin like a Slippi replay")


@contextlib.contextmanager
def _scratch() -> Iterator[IO[bytes]]:
    if sys.platform == "linux":
        with os.fdopen(os.memfd_create("replay", os.MFD_CLOEXEC), "w+b") as file:
            yield file
    else:
        with tempfile.NamedTemporaryFile(suffix=".slp") as file:
            yield file


def _unpack(path: Path, archive: Path | None, out: IO[bytes]) -> int:
    """Unpack into ``out``, and stop where it grows larger than a replay may be; the bytes written."""
    try:
        if archive is None:
            check_file(path)
            with gzip.open(path) as stream:
                return _copy(path, stream, out)
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(path.relative_to(archive).as_posix())
            if info.flag_bits & 1:
                raise ReplayError(path, "is encrypted")
            _check_size(path, info.file_size)
            with opened.open(info) as stream:
                if path.suffix.lower() == ".gz":
                    with gzip.open(stream) as inner:
                        return _copy(path, inner, out)
                return _copy(path, stream, out)
    except KeyError as error:
        raise ReplayError(path, f"is not in {archive}") from error
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise ReplayError(path, f"cannot be unpacked ({error})") from error


def _copy(path: Path, stream: IO[bytes] | gzip.GzipFile, out: IO[bytes]) -> int:
    total = 0
    while piece := stream.read(_CHUNK):
        total += len(piece)
        if total > MAX_FILE_BYTES:
            raise ReplayError(path, f"unpacks to more than {MAX_FILE_BYTES >> 20} MB")
        out.write(piece)
    return _check_size(path, total)
