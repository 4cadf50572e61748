"""The processes that a run's daemon started, listed in the run folder, so that the next daemon ends what is left.

On Linux parent-death signals already see to it that nothing is left (``exphil_rt.actor.parent_death``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from exphil_rt.actor import ProgressReport, Runtime
from exphil_rt.actor.forkserver import forkserver_pid
from exphil_rt.actor.parent_death import end_leftover, start_time
from exphil_rt.actor.reports import Report


def end_leftovers(file: Path) -> list[int]:
    """End the processes that ``file`` lists and that still run, and give their pids. For the holder of the run's lock.

    A pid that belongs to another process by now is left alone.
    """
    try:
        listed = msgspec.json.decode(file.read_bytes(), type=list[tuple[int, int]])
    except (OSError, msgspec.DecodeError):  # the first start, or a list cut off by a crash
        return []
    return [pid for pid, started in listed if end_leftover(pid, started)]


def list_processes(runtime: Runtime, file: Path) -> Callable[[Report], None]:
    """A subscriber for ``runtime.subscribe_reports`` that keeps the list in ``file`` (pid and start time of each)."""

    def write(report: Report) -> None:
        if not isinstance(report, ProgressReport):
            return
        pids = [pid for pid in (forkserver_pid(), *(node.os_pid for node in runtime.tree())) if pid]
        staging = file.with_suffix(".tmp")
        with contextlib.suppress(OSError):  # a full disk; and after a power cut there is nothing to end
            staging.write_bytes(msgspec.json.encode([(pid, start_time(pid)) for pid in pids]))
            staging.replace(file)

    return write
