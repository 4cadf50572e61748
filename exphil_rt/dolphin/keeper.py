"""The process that keeps one Dolphin: its parent, which ends it and tidies up after it also when the console is killed.

It lives in a session of its own, so that no signal for the console's group reaches it. While its socket is open it
obeys; when that closes, the console is gone: Dolphin gets SIGTERM, so that it finishes its replay, then SIGKILL, what
is unfinished is finished, and the console's temporary folder goes. If the keeper is killed, Dolphin dies with it.

``python -m exphil_rt.dolphin.keeper FD TERM_S TEMPORARY REPLAYS COMMAND...``. Lines to it: ``end``, ``keep`` (leave
without removing the folder). Lines from it: ``started PID``, ``ended CODE``, ``finished``. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from exphil_rt.dolphin.finalise import finalise_folder

_WRAPPER: Final = Path(__file__).resolve().parents[1] / "actor" / "parent_death.py"
"""``parent_death.wrapped`` says the same; importing it would bring the whole kernel into this small process."""
_SLICE_S: Final = 0.25
_KILL_S: Final = 2.0


class Keeper:
    """One Dolphin and its end."""

    def __init__(self, sock: socket.socket, term_s: float, temporary: str, replays: str, command: list[str]) -> None:
        self._sock = sock
        self._term_s = term_s
        self._temporary = temporary
        self._replays = replays
        self._since = time.time() - 1.0
        self._orders = b""
        self._gone = False
        self._asked = False
        signal.signal(signal.SIGTERM, self._on_term)
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WRAPPER), str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        if hasattr(os, "pidfd_open"):
            self._poll.register(os.pidfd_open(self._child.pid), select.POLLIN)
        self._say(f"started {self._child.pid}")

    def run(self) -> None:
        """Keep it until it has ended and nobody needs its keeper."""
        while self._child.poll() is None and not self._asked:
            self._listen()
        self._end()
        self._say(f"ended {self._child.returncode}")
        if self._replays:
            finalise_folder(Path(self._replays), self._since)
        self._say("finished")
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        while not self._gone and b"keep" not in self._orders:
            self._listen()
        if b"keep" not in self._orders and self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _listen(self) -> None:
        ready = dict(self._poll.poll(_SLICE_S * 1000.0))
        if self._sock.fileno() not in ready:
            return
        try:
            data = self._sock.recv(4096)
        except ConnectionError:
            data = b""
        self._gone = self._gone or not data
        self._orders += data
        self._asked = self._asked or self._gone or b"end" in self._orders

    def _end(self) -> None:
        """SIGTERM, SIGKILL, and its whole group."""
        if self._child.poll() is None:
            for number in (signal.SIGTERM, signal.SIGCONT):
                self._signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(self._term_s)
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_KILL_S)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)  # of what is left of the group, also when its leader is gone

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._sock.send(f"{line}\n".encode())

    def _on_term(self, *_: object) -> None:
        self._asked = self._gone = True


def main() -> None:
    """See the module."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    number, term_s, temporary, replays, *command = sys.argv[1:]
    Keeper(socket.socket(fileno=int(number)), float(term_s), temporary, replays, command).run()


if __name__ == "__main__":
    main()
