"""What a program leaves behind when it is killed, and its end at the next start: processes, sockets, folders.

A list in a file: each process with its start time, so that a later process of the same pid is left alone, and each
path. Its names are not the package's: ``parent_death`` runs as a program, which must not be loaded before.

An entry is in the file before the thing is there. On Linux parent-death signals (``parent_death``) end the
processes already; paths nobody else removes. Memory of a SlotPool has no name and goes with its last user.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import msgspec

from exphil_rt.actor.forkserver import forkserver_pid
from exphil_rt.actor.parent_death import end_leftover, start_time
from exphil_rt.actor.reports import ProgressReport, Report
from exphil_rt.actor.runtime import Runtime


class Ended(msgspec.Struct, frozen=True):
    """What an earlier run had left."""

    processes: tuple[int, ...] = ()
    """Pids that still ran, and were killed with their groups."""
    paths: tuple[str, ...] = ()
    """Paths that were still there, and were removed."""


class _Listed(msgspec.Struct):
    boot: str
    """Pids and start times are of this boot of the machine."""
    processes: list[tuple[int, int]] = []
    paths: list[str] = []


class Leftovers:
    """The list of this run, in ``file``. One program at a time: whoever opens it holds the program's lock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._listed = _Listed(_boot())

    def end_earlier(self) -> Ended:
        """End what the list of an earlier run names and is still there; then the list is empty."""
        try:
            listed = msgspec.json.decode(self._file.read_bytes(), type=_Listed)
        except (OSError, msgspec.DecodeError):  # the first start, or a disk that lost power
            return Ended()
        listed_now = listed.processes if listed.boot == self._listed.boot else []
        processes = tuple(pid for pid, started in listed_now if end_leftover(pid, started))
        paths = tuple(path for path in listed.paths if _remove(path))
        self._write()
        return Ended(processes, paths)

    def add_path(self, path: Path) -> None:
        """List a socket, file or folder that is about to be made."""
        self._listed.paths.append(str(path))
        self._write()

    def remove_path(self, path: Path) -> None:
        """Remove a listed path, and its entry."""
        _remove(str(path))
        with contextlib.suppress(ValueError):
            self._listed.paths.remove(str(path))
        self._write()

    def follow(self, runtime: Runtime) -> None:
        """List the runtime's processes, and the forkserver, from here on."""

        def note(report: Report) -> None:
            if isinstance(report, ProgressReport):
                pids = [pid for pid in (forkserver_pid(), *(row.os_pid for row in runtime.tree())) if pid]
                listed = [(pid, start_time(pid)) for pid in pids]
                if listed != self._listed.processes:
                    self._listed.processes = listed
                    with contextlib.suppress(OSError):  # a full disk, on which parent-death signals must do
                        self._write()

        runtime.subscribe_reports(note)

    def _write(self) -> None:
        staging = self._file.with_name(f"{self._file.name}.tmp")
        staging.write_bytes(msgspec.json.encode(self._listed))
        os.replace(staging, self._file)


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _remove(path: str) -> bool:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except OSError:
        return False
    return True
