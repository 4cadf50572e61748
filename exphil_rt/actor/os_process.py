"""One supervised OS process as the daemon sees it: its socket, its output, its end. No actor in here."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

import anyio

from exphil_rt.actor.errors import ActorError, MailboxFull
from exphil_rt.actor.forkserver import request_fork
from exphil_rt.actor.process_wire import ARGS, STATUS, ForkRequest, FrameBuffer, pack

_CHUNK: Final = 256 * 1024
_BACKLOG: Final = 64 * 1024 * 1024
_TAIL: Final = 4096


class OsProcess:
    """A process that the forkserver forked. Make one, ``launch`` it, read it with tasks of its owner, ``close`` it."""

    def __init__(self, name: str, on_line: Callable[[str], None]) -> None:
        self.name = name
        self._on_line = on_line
        self.pid = 0
        self.exit_code: int | None = None
        """-N for signal N; None while it runs. After a lost forkserver -9, which is what its death sends."""
        self.closed = False
        self._sock: socket.socket | None = None
        self._output = -1
        self._status = -1
        self._frames = FrameBuffer()
        self._unsent = bytearray()
        self._more = anyio.Event()
        self._tail = b""
        self._line = b""

    async def launch(self, target: str, args: Any, nice: int, fds: Sequence[int]) -> None:
        """Have it forked, and send ``args``; returns when its pid is known. The caller sets the deadline."""
        sock, child_sock = socket.socketpair()
        output, child_output = os.pipe()
        status, child_status = os.pipe()
        self._sock, self._output, self._status = sock, output, status
        try:
            request_fork(ForkRequest(target, nice), (child_sock.fileno(), child_output, child_status, *fds))
        finally:
            child_sock.close()
            os.close(child_output)
            os.close(child_status)
        sock.setblocking(False)
        os.set_blocking(output, False)
        os.set_blocking(status, False)
        number = await self._read_status()
        if number is None:
            raise ActorError(f"The forkserver ended before it started {self.name}.")
        self.pid = number
        self.send(pack(ARGS, args))

    # What goes there

    def send(self, frame: bytes) -> None:
        """Send a frame, or keep it for ``flush``; frames to a process that ended are dropped.

        Raises:
            MailboxFull: the process has not taken anything for too long.
        """
        if self.closed or self._sock is None:
            return
        if not self._unsent:
            try:
                sent = self._sock.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                return
            frame = frame[sent:]
        if frame:
            if len(self._unsent) > _BACKLOG:
                raise MailboxFull(self.name)
            self._unsent += frame
            self._more.set()

    async def flush(self) -> None:
        """Send what ``send`` had to keep, for ever; returns when the process takes no more."""
        assert self._sock is not None
        while True:
            if not self._unsent:
                self._more = anyio.Event()
                await self._more.wait()
            await anyio.wait_writable(self._sock)
            try:
                sent = self._sock.send(memoryview(self._unsent)[:_CHUNK].tobytes())
            except BlockingIOError:
                continue
            except OSError:
                return
            del self._unsent[:sent]

    # What comes from there

    async def receive(self) -> list[tuple[int, bytes]] | None:
        """The next frames, at least one; None when the process closed its end.

        Raises:
            WireError: it sent no frames.
        """
        assert self._sock is not None
        while True:
            await anyio.wait_readable(self._sock)
            try:
                data = self._sock.recv(_CHUNK)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._frames.feed(data)
            frames = list(self._frames.frames())
            if frames:
                return frames

    async def read_output(self) -> None:
        """Take in what the process prints, until it closes its output."""
        while True:
            await anyio.wait_readable(self._output)
            if not self._take_output():
                return

    def last_words(self) -> str:
        """The end of what it printed, up to now."""
        if not self.closed and self._output >= 0:
            self._take_output()
        return self._tail.decode(errors="replace").strip()

    def _take_output(self) -> bool:
        """Take in what is there: keep its end, pass on its lines. False at the end of the output."""
        while True:
            try:
                data = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._tail = (self._tail + data)[-_TAIL:]
            *lines, self._line = (self._line + data).split(b"\n")
            self._line = self._line[-_TAIL:]
            for line in lines:
                self._on_line(line[-_TAIL:].decode(errors="replace"))

    # Its end

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        if self.exit_code is None:
            number = await self._read_status()
            self.exit_code = -int(signal.SIGKILL) if number is None else number
        return self.exit_code

    async def _read_status(self) -> int | None:
        while True:
            await anyio.wait_readable(self._status)
            try:
                data = os.read(self._status, STATUS.size)  # a pipe write of 4 bytes is whole (POSIX PIPE_BUF)
            except BlockingIOError:
                continue
            return None if len(data) < STATUS.size else int(STATUS.unpack(data)[0])

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and everything it started."""
        if self.pid and self.exit_code is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def close(self) -> None:
        """Kill what still runs and give the descriptors back; the forkserver reaps."""
        if self.closed:
            return
        self.closed = True
        self.signal_group(signal.SIGKILL)
        if self._sock is not None:
            anyio.notify_closing(self._sock)
            self._sock.close()
        for fd in (self._output, self._status):
            if fd >= 0:
                anyio.notify_closing(fd)
                os.close(fd)
