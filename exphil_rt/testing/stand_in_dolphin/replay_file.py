"""Saving games as Dolphin does: event by event while they are played, finished when they end.

Until then the file's length field is 0 and its metadata is missing, as in real Dolphin; a SIGKILL leaves it so.
"""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime
from pathlib import Path

from exphil_rt.replays.slp.writer import RAW, metadata_bytes


class ReplayFile:
    """The .slp file of one game.

    Args:
        folder: made where it is missing.
        monthly: whether it goes into a folder of the month.
    """

    def __init__(self, folder: Path, monthly: bool) -> None:
        now = datetime.now()
        folder = folder / now.strftime("%Y-%m") if monthly else folder
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._fd = _open(folder, now)
        self._started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._bytes = 0
        os.write(self._fd, RAW + bytes(4))

    def write(self, message: bytes) -> None:
        """More events."""
        os.write(self._fd, message)
        self._bytes += len(message)

    def finish(self, last_frame: int) -> None:
        """The metadata, then the length: the file is whole."""
        os.write(self._fd, metadata_bytes({
            "startAt": self._started, "lastFrame": last_frame, "players": {}, "playedOn": "stand-in",
        }))  # fmt: skip
        os.pwrite(self._fd, struct.pack(">I", self._bytes), len(RAW))
        os.fsync(self._fd)
        os.close(self._fd)


def _open(folder: Path, now: datetime) -> tuple[Path, int]:
    """A new file named as Slippi names them; a number behind it where two games begin in one second."""
    for number in range(10_000):
        more = f"_{number}" if number else ""
        path = folder / f"Game_{now:%Y%m%dT%H%M%S}{more}.slp"
        try:
            return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
    raise FileExistsError(f"no name left for a replay in {folder}")
