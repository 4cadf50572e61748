"""The forkserver process: imports the heavy modules once, then forks a child for every request.

Single-threaded, touches no accelerator. It ends, and ends its children, when the daemon's socket closes or the daemon
dies. A child's whole process group is killed before the child is reaped, while its pid cannot be reused.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from typing import Final, NoReturn

import msgspec

from exphil_rt.actor.child import ChildPort
from exphil_rt.actor.parent_death import die_with_parent
from exphil_rt.actor.process_wire import STATUS, ForkRequest, FrameBuffer, ServerConfig

_MAX_FDS: Final = 64


class Forkserver:
    """The server's loop and what it knows of its children."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.setblocking(False)  # recv_fds ignores its flags argument (python/cpython, Lib/socket.py)
        self._frames = FrameBuffer()
        self._fds: list[int] = []
        self._status: dict[int, int] = {}
        """Status pipe of each living child by its pid."""
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._ended = False

    def run(self) -> None:
        """Serve until the daemon is gone."""
        signal.signal(signal.SIGTERM, self._on_term)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_out.fileno(), warn_on_full_buffer=False)
        try:
            while not self._ended:
                select.select([self._sock, self._wake_in], [], [], 60.0)
                with contextlib.suppress(BlockingIOError):
                    self._wake_in.recv(4096)
                self._reap()
                self._take_requests()
        finally:
            signal.set_wakeup_fd(-1)
            self._end_children()

    def _on_term(self, *_: object) -> None:
        self._ended = True

    def _take_requests(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, 65536, _MAX_FDS)
        except BlockingIOError:
            return
        except ConnectionError:
            data, fds = b"", []
        if not data:
            self._ended = True
            return
        self._fds += fds
        self._frames.feed(data)
        for count, body in self._frames.frames():
            mine, self._fds = self._fds[:count], self._fds[count:]
            self._fork(msgspec.msgpack.decode(body, type=ForkRequest), mine)

    def _fork(self, request: ForkRequest, fds: list[int]) -> None:
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _run_child(self, request, fds, server)
        control, output, status, *extra = fds
        for fd in (control, output, *extra):
            os.close(fd)
        self._status[pid] = status
        self._tell(status, pid)

    def _tell(self, status: int, number: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # the proxy is gone already
            os.write(status, STATUS.pack(number))

    def _reap(self) -> None:
        for pid in tuple(self._status):
            if hasattr(os, "waitid"):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
                _kill_group(pid)
            done, wait_status = os.waitpid(pid, os.WNOHANG)
            if done:
                _kill_group(pid)
                status = self._status.pop(pid)
                self._tell(status, os.waitstatus_to_exitcode(wait_status))
                os.close(status)

    def _end_children(self) -> None:
        for pid in self._status:
            _kill_group(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # one that has not reached its setsid yet

    def forget(self) -> None:
        """In a new child: close what is the server's."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for fd in self._status.values():
            os.close(fd)
        for sock in (self._sock, self._wake_in, self._wake_out):
            sock.close()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _run_child(server: Forkserver, request: ForkRequest, fds: list[int], parent: int) -> NoReturn:
    code = 1
    try:
        os.setsid()
        die_with_parent(parent)
        server.forget()
        control, output, status, *extra = fds
        os.close(status)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(null)
        os.close(output)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        faulthandler.enable()
        if request.nice:
            os.nice(request.nice)
        module, _, function = request.target.partition(":")
        getattr(importlib.import_module(module), function)(ChildPort(socket.socket(fileno=control), list(extra)))
        code = 0
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """``python -m exphil_rt.actor.forkserver_main FD PARENT``."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]), signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the daemon's to answer
    config = _read_config(sock)
    sys.path[:] = config.sys_path
    for name in config.preload:
        try:
            importlib.import_module(name)
        except Exception:
            print(f"forkserver: preloading {name} failed", file=sys.stderr)  # noqa: T201
            traceback.print_exc()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    gc.collect()
    gc.freeze()  # what is shared with the children stays shared
    Forkserver(sock).run()


def _read_config(sock: socket.socket) -> ServerConfig:
    """The first frame, read to its last byte and no further."""
    header = _exactly(sock, 5)
    return msgspec.msgpack.decode(_exactly(sock, int.from_bytes(header[:4]) - 1), type=ServerConfig)


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            os._exit(0)
        data += part
    return data


if __name__ == "__main__":
    main()
