"""A record of what a stand-in saw and did: JSON lines, each on the disk at once, since most ends are a SIGKILL."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec


class Trace:
    """Lines in a file; nothing where there is no file.

    Args:
        path: the file, appended to; None for none.
        launch: the count of this launch, in every line.
    """

    def __init__(self, path: Path | None, launch: int = 1) -> None:
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._launch = launch

    @property
    def on(self) -> bool:
        """Whether anybody reads."""
        return self._file is not None

    def write(self, event: str, **more: Any) -> None:
        """Write one line; ``ns`` is the monotonic time, the same clock in every process of a machine."""
        if self._file is not None:
            line = {"event": event, "launch": self._launch, "ns": time.monotonic_ns(), **more}
            os.write(self._file, msgspec.json.encode(line) + b"\n")


def read_trace(path: Path) -> list[dict[str, Any]]:
    """The lines of a trace so far."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [msgspec.json.decode(line) for line in lines]
