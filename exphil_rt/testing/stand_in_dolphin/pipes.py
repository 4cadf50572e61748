"""Input pipes with Dolphin's rules (Pipes.cpp of https://github.com/project-slippi/Ishiiruka).

Commands apply when they are read. Where input is waited for, each pipe in turn is waited for until the last line that
was read is FLUSH; a pipe whose writer is gone is not waited for. Before its first writer a pipe is silent for ever.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exphil_rt.testing.stand_in_dolphin.pads import Held, Pad

_CHUNK: Final = 65_536
_LONGEST_LINE: Final = 4_096


class Pipe:
    """One controller's pipe.

    Args:
        port: 1..4.
        path: the FIFO; it must exist.

    Raises:
        OSError: no such FIFO.
    """

    def __init__(self, port: int, path: Path) -> None:
        self.port = port
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.pad = Pad()
        self.flushes = 0
        """How many FLUSH lines were read."""
        self.deaf = False
        """Whether commands other than FLUSH are thrown away."""
        self._buffer = b""

    def drain(self) -> tuple[bool, bool]:
        """Read and obey what is there: (whether the last line was FLUSH, whether the writer is gone)."""
        parts: list[bytes] = []
        gone = False
        while True:
            try:
                chunk = os.read(self.fd, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                gone = not parts
                break
            parts.append(chunk)
        if not parts:
            return False, gone
        *lines, self._buffer = (self._buffer + b"".join(parts)).split(b"\n")
        self._buffer = self._buffer[-_LONGEST_LINE:]
        finished = False
        command = self.pad.command
        for line in lines:
            finished = line == b"FLUSH"
            if finished:
                self.flushes += 1
            elif not self.deaf:
                command(line.decode("ascii", "replace"))
        return finished, gone

    def close(self) -> None:
        """Let the pipe go."""
        os.close(self.fd)


class Pipes:
    """All pipes of a console, polled as the emulated game polls its controllers."""

    def __init__(self, paths: dict[int, Path]) -> None:
        self.pipes = [Pipe(port, path) for port, path in sorted(paths.items())]

    def poll(self, wait: Callable[[int], None] | None) -> None:
        """Read every pipe once.

        Args:
            wait: blocks until a descriptor can be read; None where no input is waited for.
        """
        for pipe in self.pipes:
            if wait is None:
                pipe.drain()
                continue
            while True:
                wait(pipe.fd)
                finished, gone = pipe.drain()
                if finished or gone:
                    break

    def held(self) -> dict[int, Held]:
        """What is held now, by port."""
        return {pipe.port: pipe.pad.held() for pipe in self.pipes}

    def flushes(self) -> int:
        """FLUSH lines of all pipes."""
        return sum(pipe.flushes for pipe in self.pipes)

    def close(self) -> None:
        """Let all pipes go."""
        for pipe in self.pipes:
            pipe.close()
