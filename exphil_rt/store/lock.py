"""One daemon a run: an flock on a file in the run folder, which also says who holds it and where its socket is.

The lock lies in the run folder and not beside the socket: XDG_RUNTIME_DIR differs between a login, cron and sudo, and
two daemons on one ``run.db`` must exclude each other from any of them. The kernel drops the lock with its holder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from exphil_rt.errors import ExphilError

_TRIES: Final = 5
_BETWEEN_S: Final = 0.02


class RunLocked(ExphilError):
    """A daemon is on this run already."""

    exit_code = 4


class LockHolder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a run."""

    pid: int
    since_ns: int
    """Wall clock."""
    socket: str
    """Path of its control socket."""


def _flock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> LockHolder:
    try:
        return msgspec.json.decode(os.pread(descriptor, 65536, 0), type=LockHolder)
    except msgspec.DecodeError:  # between the flock and the writing of who it is
        return LockHolder(pid=0, since_ns=0, socket="")


def lock_holder(path: Path) -> LockHolder | None:
    """Who holds the lock at ``path``; None for nobody. A pid of 0 says that the holder has only just come."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _flock(descriptor, fcntl.LOCK_SH) else _read(descriptor)
    finally:
        os.close(descriptor)


class RunLock:
    """A held lock; ends with ``release``, with its ``with`` block, or with the process."""

    def __init__(self, path: Path, run: str, socket: Path) -> None:
        """Take the lock.

        Raises:
            RunLocked: another process has it.
        """
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Someone who only looks (lock_holder) has it shared for an instant: not a reason to give up.
            for _ in range(_TRIES):
                if _flock(self._descriptor, fcntl.LOCK_EX):
                    break
                time.sleep(_BETWEEN_S)
            else:
                holder = _read(self._descriptor)
                raise RunLocked(
                    f"The run {run} already has a daemon (pid {holder.pid}).",
                    hint=f"Watch it with `exphil-rt attach {run}`, or end it with `exphil-rt daemon stop --run {run}`.",
                )
            me = LockHolder(pid=os.getpid(), since_ns=time.time_ns(), socket=str(socket))
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, msgspec.json.encode(me), 0)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let go of the run. Safe to call twice."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a forked child may hold a copy of the descriptor
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
