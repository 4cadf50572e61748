"""Starting and ending what a console starts: the question for its version, Dolphin behind its keeper, its folder.

``Starter`` takes the place of ``subprocess`` in libmelee's console module: libmelee decides what is run and what the
answer means, and nothing that it runs can hang it or outlive it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from exphil_rt.actor.parent_death import wrapped
from exphil_rt.dolphin.finalise import finalise_folder
from exphil_rt.dolphin.watch import Watch
from exphil_rt.messages.dolphin import ConsoleArgs

_TRY_S: Final = 0.02
_REST_S: Final = 3.0
"""What a keeper needs beyond Dolphin's own time: to kill, to reap, to finish a replay."""


def free_udp_port() -> int:
    """A UDP port of this machine that nobody listens at now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def make_temporary(args: ConsoleArgs) -> None:
    """Make the console's own temporary folder; one that an earlier process left is emptied."""
    folder = Path(args.temporary)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def clean_up(args: ConsoleArgs, since: float = 0.0) -> None:
    """Remove what a console process may have left on disk: for its owner, after the process's end. May be repeated.

    Args:
        since: wall clock of the console's start: replays older than that are let alone.
    """
    shutil.rmtree(args.temporary, ignore_errors=True)
    if args.replay_dir:
        finalise_folder(Path(args.replay_dir), since)


class Starter:
    """``subprocess`` for libmelee's console module: the two calls that it makes."""

    def __init__(self, args: ConsoleArgs, watch: Watch) -> None:
        self.dolphin: Dolphin | None = None
        self._args = args
        self._watch = watch
        self._versions: dict[tuple[str, ...], subprocess.CompletedProcess[str]] = {}

    def run(self, command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        """``EXE --version``, asked once, by the watch's deadline.

        Raises:
            DolphinFault: it does not end.
        """
        key = tuple(command)
        if key not in self._versions:
            self._versions[key] = self._ask(command)
        return self._versions[key]

    def Popen(self, command: Sequence[str], env: Mapping[str, str]) -> Dolphin:
        """Dolphin itself."""
        self.dolphin = self._watch.dolphin = Dolphin(self._args, command, env)
        return self.dolphin

    def _ask(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(
            wrapped(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=_TRY_S)
                    return subprocess.CompletedProcess(list(command), process.returncode, out, err)
                except subprocess.TimeoutExpired:
                    self._watch.check()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # also whatever it started
            if process.returncode is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)


class Dolphin:
    """A Dolphin behind its keeper. What libmelee calls on its Popen stands here under the same names."""

    def __init__(self, args: ConsoleArgs, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.pid = 0
        """Dolphin's own process id, once the keeper said it."""
        self.returncode: int | None = None
        self._patience_s = args.deadlines.term_s + _REST_S
        self._lost = False
        self._finished = False
        self._text = b""
        ours, theirs = socket.socketpair()
        with theirs:
            self._keeper = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "exphil_rt.dolphin.keeper", str(theirs.fileno())),
                    *(str(args.deadlines.term_s), args.temporary, args.replay_dir, *command),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=dict(env),
            )
        ours.setblocking(False)
        self._sock = ours

    def ended(self) -> str:
        """How it ended; empty while it lives."""
        self._listen()
        if self.returncode is not None:
            if self.returncode >= 0:
                return f"exit code {self.returncode}"
            names = {number.value: number.name for number in signal.Signals}
            return f"signal {names.get(-self.returncode, -self.returncode)}"
        return "its keeper was killed" if self._lost else ""

    def poll(self) -> int | None:
        """Its exit code, -N for signal N; None while it lives."""
        self._listen()
        return -signal.SIGKILL if self._lost and self.returncode is None else self.returncode

    def kill(self) -> None:
        """Have it ended: SIGTERM, SIGKILL."""
        self._order(b"end\n")

    def wait(self) -> int | None:
        """Wait until it has ended and its replay is finished; within bounds."""
        deadline = time.monotonic() + self._patience_s
        while not (self._finished or self._lost) and time.monotonic() < deadline:
            self._listen()
            time.sleep(_TRY_S / 4)
        return self.poll()

    def leave(self, *, folder_too: bool) -> None:
        """Let the keeper go; it removes the console's temporary folder where ``folder_too``."""
        if not folder_too:
            self._order(b"keep\n")
        self._sock.close()
        try:
            self._keeper.wait(self._patience_s)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._keeper.wait(1.0)

    def _order(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            self._sock.send(line)

    def _listen(self) -> None:
        while not self._lost:
            try:
                data = self._sock.recv(4096)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._lost = True
            self._text += data
        *lines, self._text = self._text.split(b"\n")
        for line in lines:
            word, _, number = line.decode().partition(" ")
            if word == "started":
                self.pid = int(number)
            elif word == "ended":
                self.returncode = int(number)
            elif word == "finished":
                self._finished = True
