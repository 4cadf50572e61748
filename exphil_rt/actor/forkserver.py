"""The daemon's side of the forkserver: start it before the loop, ask it for processes, end it.

Starting a process from scratch and importing torch takes about a second; a fork of a process that has it, 20 ms.
One forkserver a program. It is started by the main thread, since its parent-death signal follows the thread.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from exphil_rt.actor.errors import ActorError
from exphil_rt.actor.process_wire import ForkRequest, ServerConfig, pack

_END_S: Final = 5.0
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class _Server:
    def __init__(self, preload: tuple[str, ...]) -> None:
        self.preload = preload
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        for name in _ONE_THREAD:
            environment.setdefault(name, "1")
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "exphil_rt.actor.forkserver_main", str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        self.sock = ours
        ours.settimeout(_END_S)
        ours.sendall(pack(0, ServerConfig(list(sys.path), list(preload))))

    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        self.sock.close()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_END_S)


_server: _Server | None = None


def start_forkserver(preload: Sequence[str] = ()) -> None:
    """Start the forkserver and have it import ``preload``; returns at once, the imports run meanwhile.

    Call it in the main thread before the loop. Does nothing where one runs already.
    """
    global _server
    if _server is None or not _server.alive():
        stop_forkserver()
        _server = _Server(tuple(preload))


def stop_forkserver() -> None:
    """End the forkserver and every process that it started."""
    global _server
    server, _server = _server, None
    if server is not None:
        server.end()


def forkserver_pid() -> int:
    """The forkserver's pid, 0 where none runs."""
    return _server.process.pid if _server is not None and _server.alive() else 0


def request_fork(request: ForkRequest, fds: Sequence[int]) -> None:
    """Ask for a process that gets ``fds``: its socket, output pipe, status pipe, extras. A dead forkserver is replaced.

    Raises:
        ActorError: the forkserver takes no requests.
    """
    body = pack(len(fds), request)  # the frame's kind is the number of descriptors
    start_forkserver(_server.preload if _server is not None else ())
    assert _server is not None
    try:
        socket.send_fds(_server.sock, [body], list(fds), socket.MSG_DONTWAIT)
    except OSError as error:
        raise ActorError(f"The forkserver takes no requests: {error}.") from None


atexit.register(stop_forkserver)
