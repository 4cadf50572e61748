"""OwnClock: seconds that pass for a thread, without those in which it waits for a CPU.

What a policy costs is measured with it: a machine that is busy with something else makes nobody a slow policy. The wait
is the kernel's own count (``/proc/thread-self/schedstat``, second number; proc(5)); elsewhere than on Linux it is 0.
"""

from __future__ import annotations

import contextlib
import os
import time
from io import FileIO


class OwnClock:
    """A clock of the thread that makes it."""

    def __init__(self) -> None:
        self._file: FileIO | None = None
        with contextlib.suppress(OSError):
            self._file = open("/proc/thread-self/schedstat", "rb", buffering=0)  # noqa: SIM115 - as long as the clock

    def __call__(self) -> float:
        """Seconds, monotonic."""
        now = time.perf_counter()
        if self._file is None:
            return now
        return now - int(os.pread(self._file.fileno(), 64, 0).split()[1]) * 1e-9

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
