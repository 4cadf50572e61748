"""Frames between a proxy actor and its process, and what the forkserver is asked: a length, a kind, a body.

A frame is a 4-byte big-endian length of what follows, one byte of kind, and a msgpack body.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from exphil_rt.actor.errors import ActorError

MESSAGE: Final = 0
ARGS: Final = 1
SHUTDOWN: Final = 2
READY: Final = 3
HEARTBEAT: Final = 4

MAX_FRAME: Final = 64 * 1024 * 1024
_HEADER: Final = struct.Struct(">IB")
STATUS: Final = struct.Struct(">i")
"""What the forkserver writes to a process's status pipe: its pid, and at its end its exit code (-N for signal N)."""


class WireError(ActorError):
    """A peer sent what is no frame."""


class ForkRequest(msgspec.Struct, frozen=True):
    """Ask the forkserver for a process; with it go the descriptors of socket, output pipe, status pipe and extras."""

    target: str
    """``package.module:function``"""
    nice: int = 0


class ServerConfig(msgspec.Struct, frozen=True):
    """First frame to the forkserver."""

    sys_path: list[str]
    preload: list[str]


def pack(kind: int, message: Any = None) -> bytes:
    """One frame."""
    body = b"" if message is None else msgspec.msgpack.encode(message)
    if len(body) >= MAX_FRAME:
        raise WireError(f"A message of {len(body)} bytes is too long for a process socket.", hint="Use a slot.")
    return _HEADER.pack(len(body) + 1, kind) + body


class FrameBuffer:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Append what was received."""
        self._bytes += data

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """The whole frames so far: kind and body.

        Raises:
            WireError: a frame of no kind, or one too long.
        """
        while len(self._bytes) >= _HEADER.size:
            length, kind = _HEADER.unpack_from(self._bytes)
            if not 1 <= length <= MAX_FRAME:
                raise WireError(f"A process sent a frame of {length} bytes.")
            end = length + _HEADER.size - 1
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield kind, body
