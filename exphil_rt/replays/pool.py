"""Many files at once, in worker processes: a hang, a crash or a panic of the parser is one row, and the rest go on.

Workers are plain subprocesses (``worker``), so that a caller's script needs no main guard and torch is never
loaded in them.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

import msgspec

from exphil_rt.game.frames import Frames
from exphil_rt.replays.replay import BadReplay, Replay, ReplayMeta, Rollback
from exphil_rt.replays.worker import MAX_HEADER, Answer, ListJob, ReadJob, Request, write_message

DEADLINE_S: Final = 30.0
START_S: Final = 60.0
"""Longest wait for a worker to be ready; a file's deadline counts from there."""
_AHEAD: Final = 4
"""Files taken ahead of the one that is due, for each worker: bounds the memory of finished ones."""
_READER: Final = (sys.executable, "-m", "exphil_rt.replays.worker")
NO_PARSER: Final = "got no parser within"
"""How the reason begins of a file for which no worker could be started in time."""
_KEEP_MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
"""glibc gives a game's memory back to the kernel, and the next game has every page of it cleared again: kept instead, a
worker spends a quarter less of system time (measured). Other C libraries do not look."""
MAX_PAYLOAD: Final = 1 << 30
"""Bytes of one answer's payload: the frames of the longest game that is read fill half of it."""


class Done(NamedTuple):
    """What a worker made of a file."""

    path: Path
    body: bytes
    payload: bytearray


class _Worker:
    """One subprocess and the file that it has."""

    def __init__(self, command: Sequence[str]) -> None:
        # The parent-death signal is sent when the *thread* that started the child ends: only the main one asks for it.
        by_signal = threading.current_thread() is threading.main_thread()
        self.process = subprocess.Popen(
            [*command, str(os.getpid()), "1" if by_signal else "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=os.environ | _KEEP_MEMORY,
        )
        self.output = cast("IO[bytes]", self.process.stdout)
        os.set_blocking(self.output.fileno(), False)
        self.job = -1
        self.path = Path()
        self.due = time.monotonic() + START_S
        self.ready = False
        self.deadline_s = 0.0
        self._buffer = bytearray()
        self._answer: Answer | None = None

    def take(self, job: int, path: Path, body: bytes, deadline_s: float) -> None:
        self.job, self.path = job, path
        self.deadline_s = deadline_s
        if self.ready:
            self.due = time.monotonic() + deadline_s
        self._buffer, self._answer = bytearray(), None
        with contextlib.suppress(OSError):  # a dead worker is seen at its output
            write_message(cast("IO[bytes]", self.process.stdin), Request(os.fsencode(path), deadline_s, body))  # type: ignore[arg-type]

    def read(self) -> Done | BadReplay | None:
        """Take what is there; the result when it is whole.

        Raises:
            EOFError: the process ended, or does not speak our language.
        """
        try:
            piece = os.read(self.output.fileno(), 1 << 20)
        except BlockingIOError:
            return None
        if not piece:
            raise EOFError
        self._buffer += piece
        if not self.ready and self._header():
            self.ready, self._answer = True, None
            self.due = time.monotonic() + self.deadline_s
        if not self.ready or not self._header():
            return None
        answer = cast("Answer", self._answer)
        if answer.reason:
            return BadReplay(self.path, answer.reason)
        if not 0 <= answer.size <= MAX_PAYLOAD:
            raise EOFError
        if len(self._buffer) < answer.size:
            return None
        return Done(self.path, answer.body, self._buffer)

    def _header(self) -> bool:
        """True when the message's own part is there, in ``_answer``; what stays in ``_buffer`` is its payload."""
        if self._answer is not None:
            return True
        if len(self._buffer) < 4:
            return False
        (size,) = struct.unpack_from(">I", self._buffer)
        if size > MAX_HEADER:
            raise EOFError
        if len(self._buffer) < 4 + size:
            return False
        try:
            self._answer = msgspec.msgpack.decode(bytes(self._buffer[4 : 4 + size]), type=Answer)
        except msgspec.MsgspecError as error:
            raise EOFError from error
        del self._buffer[: 4 + size]
        return True

    def end(self) -> str:
        """Kill the process and say how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            # It may be about to end by itself; its own reason is better than our SIGKILL.
            self.process.wait(0.2)
        self.kill()
        code = self.process.returncode
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10.0)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def read_many(
    paths: Iterable[Path],
    *,
    rollback: Rollback,
    workers: int = 0,
    deadline_s: float = DEADLINE_S,
    command: Sequence[str] = _READER,
) -> Iterator[Replay | BadReplay]:
    """Read many files in processes of their own, in the order of ``paths``.

    Args:
        paths: the files, or members of zip archives.
        rollback: as for ``read_replay``.
        workers: processes; 0 for one a core, at most 8 and no more than files.
        deadline_s: longest time for one file; its worker is killed then, and another one goes on.
        command: what a worker runs (tests put a broken one here).

    Yields:
        One Replay or BadReplay for each path. The workers end when the iterator is exhausted or closed.
    """
    body = msgspec.msgpack.encode(ReadJob(rollback))
    for result in run_many(paths, body, command=command, workers=workers, deadline_s=deadline_s):
        yield result if isinstance(result, BadReplay) else _replay(result)


def list_archives(archives: Sequence[Path], *, workers: int = 0, deadline_s: float = DEADLINE_S) -> list[list[Path]]:
    """The replays in each zip archive; the archive itself for one that cannot be listed (reading it says why)."""
    found = []
    body = msgspec.msgpack.encode(ListJob())
    for result in run_many(archives, body, command=_READER, workers=workers, deadline_s=deadline_s):
        if isinstance(result, BadReplay):
            found.append([result.path])
        else:
            found.append([Path(os.fsdecode(name)) for name in bytes(result.payload).split(b"\0") if name])
    return found


def _replay(done: Done) -> Replay | BadReplay:
    try:
        meta = msgspec.msgpack.decode(done.body, type=ReplayMeta)
        if len(done.payload) != Frames.nbytes((meta.frames,)):
            raise ValueError
    except ValueError:  # msgspec's errors are ValueErrors
        return BadReplay(done.path, "ended the process that parsed it (it spoke nonsense)")
    return Replay(done.path, Frames.over(memoryview(done.payload), (meta.frames,)), meta)


def run_many(
    paths: Iterable[Path],
    body: bytes,
    *,
    command: Sequence[str],
    workers: int = 0,
    deadline_s: float = DEADLINE_S,
    ahead: int = _AHEAD,
    on_start: Callable[[float], None] = lambda seconds: None,
) -> Iterator[Done | BadReplay]:
    """Hand many files to worker processes, each with the same request ``body``.

    Args:
        paths: the files.
        body: the request, in the words of the workers' kind.
        command: what a worker runs: a module that calls ``worker.serve``.
        workers: processes; 0 for one a core, at most 8 and no more than files.
        deadline_s: longest time for one file; its worker is killed then, and another one goes on.
        ahead: files taken ahead of the one that is due, for each worker.
        on_start: called once with the seconds that it took until all workers were ready.

    Yields:
        What came of each path, in their order. The workers end when the iterator is exhausted or closed.
    """
    files = list(paths)
    count = min(workers or min(os.cpu_count() or 1, 8), len(files))
    waiting = deque(enumerate(files))
    done: dict[int, Done | BadReplay] = {}
    live: list[_Worker] = []
    due = 0
    began, told = time.monotonic(), False
    try:
        with selectors.DefaultSelector() as selector:
            while due < len(files):
                busy = {worker.job for worker in live if worker.job >= 0}
                while waiting and waiting[0][0] < due + ahead * count and len(busy) < count:
                    worker = next((one for one in live if one.job < 0), None)
                    if worker is None:
                        worker = _Worker(command)
                        live.append(worker)
                        selector.register(worker.output, selectors.EVENT_READ, worker)
                    worker.take(*waiting.popleft(), body, deadline_s)
                    busy.add(worker.job)
                if due not in done:
                    _turn(selector, live, done)
                if not told and live and all(worker.ready for worker in live):
                    told = True
                    on_start(time.monotonic() - began)
                while due in done:
                    yield done.pop(due)
                    due += 1
    finally:
        for worker in live:
            worker.kill()


def _turn(selector: selectors.BaseSelector, live: list[_Worker], done: dict[int, Done | BadReplay]) -> None:
    """Wait until a worker has something or a deadline is over, and take it."""
    first_due = min(worker.due for worker in live if worker.job >= 0)
    for key, _ in selector.select(max(0.0, first_due - time.monotonic())):
        worker: _Worker = key.data
        try:
            result = worker.read()
        except EOFError:
            selector.unregister(worker.output)
            live.remove(worker)
            how = worker.end()
            if worker.job >= 0:
                done[worker.job] = BadReplay(worker.path, f"ended the process that parsed it ({how})")
            continue
        if result is not None:
            done[worker.job] = result
            worker.job = -1
    now = time.monotonic()
    for worker in [one for one in live if one.job >= 0 and now >= one.due]:
        selector.unregister(worker.output)
        live.remove(worker)
        worker.kill()
        slow = f"took the parser longer than {worker.deadline_s:g} s"
        done[worker.job] = BadReplay(worker.path, slow if worker.ready else f"{NO_PARSER} {START_S:g} s")
