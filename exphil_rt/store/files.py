"""Writing files so that a crash leaves the old one or the new one, and knowing what room the disk has.

What fails for want of room is one error, ``DiskFull``, that names the place.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exphil_rt.errors import ExphilError

GB: Final = 1_000_000_000
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFull(ExphilError):
    """There is no room to write."""


def disk_full(path: Path) -> DiskFull:
    """The error that says where the disk is full and how full it is."""
    try:
        left = f" ({free_bytes(path) / GB:.1f} GB free)"
    except OSError:
        left = ""
    return DiskFull(
        f"The disk has no room left for {path}{left}.",
        hint="Free some space there, or move the home with --home or EXPHIL_RT_HOME.",
    )


@contextlib.contextmanager
def naming_full_disk(path: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" into ``DiskFull``; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full(path) from error
        raise


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write on the disk of ``path`` (or of its nearest existing parent)."""
    while not path.exists() and path != path.parent:
        path = path.parent
    stats = os.statvfs(path)
    return stats.f_bavail * stats.f_frsize


def fsync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file whole: to a temporary name beside it, fsynced, renamed, its folder fsynced.

    Raises:
        DiskFull: no room; the old file stands.
        OSError: any other failure; the old file stands.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with naming_full_disk(path):
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files under ``folder``; what vanishes meanwhile counts nothing. Links are not followed."""
    total = 0
    for root, _, names in os.walk(folder, onerror=None):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_size
    return total


def remove_folder(folder: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its name: renamed out of the way, then deleted."""
    doomed = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.gone")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed, ignore_errors=True)
