"""ChildPort: what a process child holds of its proxy actor. Plain blocking code; no loop, no threads."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from typing import Any, Final, TypeVar

import msgspec

from exphil_rt.actor.errors import ActorError
from exphil_rt.actor.process_wire import ARGS, HEARTBEAT, MESSAGE, READY, SHUTDOWN, FrameBuffer, WireError, pack

T = TypeVar("T")

_ARGS_S: Final = 30.0
_SEND_S: Final = 300.0
_BEAT_S: Final = 0.25


class PortClosed(ActorError):
    """The proxy actor is gone, or took nothing for minutes."""


class ChildPort:
    """The process's end of the socket. The work loop calls ``heartbeat`` every turn and ends when ``stopping``."""

    def __init__(self, sock: socket.socket, fds: list[int]) -> None:
        self.fds = fds
        """The descriptors that ``start_process`` was given, in order; this process owns them."""
        self.stopping = False
        """Whether the proxy wants the process to end, or is gone."""
        self._sock = sock
        self._sock.settimeout(_SEND_S)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._room = select.poll()
        self._room.register(sock, select.POLLOUT)
        self._buffer = FrameBuffer()
        self._inbox: deque[bytes] = deque()
        self._args: bytes | None = None
        self._decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
        self._beat_at = 0.0
        self._phase = ""
        self._is_ready = False

    def args(self, kind: type[T]) -> T:
        """The arguments that ``start_process`` was given."""
        deadline = time.monotonic() + _ARGS_S
        while self._args is None:
            if self.stopping or time.monotonic() > deadline:
                raise PortClosed("The process was given no arguments.")
            self._pump(0.1)
        return msgspec.msgpack.decode(self._args, type=kind)

    def ready(self) -> None:
        """Say that set-up is done; the proxy's ``start_process`` returns."""
        self._is_ready = True
        self._send(pack(READY))

    def heartbeat(self, phase: str = "") -> None:
        """Say that the work loop turns; sends at most four times a second, and when ``phase`` changes."""
        now = time.monotonic()
        if now - self._beat_at >= _BEAT_S or phase != self._phase:
            self._beat_at = now
            self._phase = phase
            self._send(pack(HEARTBEAT, phase))

    def send(self, message: Any) -> None:
        """Send a message to the proxy, where the @handle_cast of its type gets it.

        Raises:
            PortClosed: the proxy is gone.
        """
        self._send(pack(MESSAGE, message))

    def has_room(self) -> bool:
        """Whether a small message would be taken at once: a work loop that must not wait leaves it out otherwise."""
        return bool(self._room.poll(0))

    def receive(self, kind: Any, timeout: float = 0.0) -> Any:
        """The next message, of one of the types of the union ``kind``; None after ``timeout`` seconds or when stopping.

        Heartbeats go out during the wait.
        """
        deadline = time.monotonic() + timeout
        self._pump(0.0)
        while not self._inbox and not self.stopping:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if self._is_ready:
                self.heartbeat(self._phase)
            self._pump(min(left, _BEAT_S))
        if not self._inbox:
            return None
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.msgpack.Decoder(kind)
        return decoder.decode(self._inbox.popleft())

    def _pump(self, timeout: float) -> None:
        """Take in what has arrived, waiting at most ``timeout`` seconds for the first of it."""
        while not (self.stopping and not timeout) and self._poll.poll(timeout * 1000.0):
            timeout = 0.0
            try:
                data = self._sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                self.stopping = True
                return
            self._buffer.feed(data)
            for frame, body in self._buffer.frames():
                if frame == MESSAGE:
                    self._inbox.append(body)
                elif frame == ARGS:
                    self._args = body
                elif frame == SHUTDOWN:
                    self.stopping = True
                else:
                    raise WireError(f"A proxy sent a frame of kind {frame}.")

    def _send(self, frame: bytes) -> None:
        try:
            self._sock.sendall(frame)
        except OSError as error:  # also a timeout, which leaves half a frame: nothing more can be said
            self.stopping = True
            raise PortClosed(f"The proxy of this process does not listen any more ({error}).") from None
