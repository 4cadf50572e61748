"""Figures of a console's frame loop: rates and latencies of the last seconds, and how long it waited for a CPU.

The wait for a CPU is the kernel's own count (``/proc/thread-self/schedstat``, second number; Linux
Documentation/scheduler/sched-stats.rst); elsewhere it is unknown and counts as 0.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from typing import Final

WINDOW: Final = 600
"""Frames looked back on: ten seconds."""


def spread(values: Iterable[float]) -> tuple[float, float]:
    """Median and 99th percentile (nearest rank) of at least one value.

    Not numpy's percentile: that loads a module in its first call, which takes frames.
    """
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[last // 2], ordered[round(0.99 * last)]


class Figures:
    """What was measured of the latest frames."""

    def __init__(self) -> None:
        self._seen: deque[int] = deque(maxlen=WINDOW)
        self._measured: dict[str, deque[float]] = {}
        self._waited = -1
        try:
            self._fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
        except OSError:
            self._fd = -1

    def frame(self, seen_ns: int) -> None:
        """A frame was seen."""
        self._seen.append(seen_ns)

    def begin(self) -> None:
        """A game begins: what lies between two games is no frame."""
        self._seen.clear()

    def add(self, name: str, microseconds: float) -> None:
        """A latency was measured."""
        self._measured.setdefault(name, deque(maxlen=WINDOW)).append(microseconds)

    def waited_ns(self) -> int:
        """Nanoseconds that this thread has waited for a CPU, ever."""
        if self._fd < 0:
            return 0
        return int(os.pread(self._fd, 64, 0).split()[1])

    @property
    def fps(self) -> float:
        """Frames a second over the window."""
        if len(self._seen) < 2:
            return 0.0
        return (len(self._seen) - 1) * 1e9 / max(self._seen[-1] - self._seen[0], 1)

    def latency_us(self) -> dict[str, tuple[float, float]]:
        """Median and 99th percentile by name."""
        found = {}
        for name, values in self._measured.items():
            median, high = spread(values)
            found[name] = (round(median, 1), round(high, 1))
        return found
