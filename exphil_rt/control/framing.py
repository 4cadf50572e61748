"""Frames of the control socket as bytes: a 4-byte big-endian length, then msgpack of one wire struct.

No sockets here: ``Deframer`` is fed whatever arrived and gives whole bodies, bounded in size before anything is
buffered. Also the errors that both clients raise, and ``merge``, the one rule of how updates are conflated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from exphil_rt.control.wire import (
    MAX_FRAME,
    PROTOCOL,
    Answer,
    ClientFrame,
    EventsUpdate,
    Hello,
    Refused,
    ServerFrame,
    Update,
)
from exphil_rt.errors import ExphilError

MAX_COMMAND: Final = 64 * 1024
"""Bytes of a frame that a client may send; commands are small."""

MAX_EVENTS: Final = 1000
"""Events kept for a client that does not read; the oldest go first."""

_HEADER: Final = struct.Struct(">I")
_encoder: Final = msgspec.msgpack.Encoder()
_client_decoder: Final[msgspec.msgpack.Decoder[ClientFrame]] = msgspec.msgpack.Decoder(ClientFrame)
_server_decoder: Final[msgspec.msgpack.Decoder[ServerFrame]] = msgspec.msgpack.Decoder(ServerFrame)


class ControlError(ExphilError):
    """Something went wrong between a client and the daemon."""


class ProtocolError(ControlError):
    """The peer sent what is not a frame of this protocol."""


class DaemonNotRunning(ControlError):
    """No daemon listens on the socket."""

    exit_code = 3


class DaemonGone(ControlError):
    """The daemon closed the connection, or does not answer any more."""

    exit_code = 3


class CommandRefused(ControlError):
    """The daemon did not carry out a command; message, hint and exit code are its own."""


def encode_frame(frame: ClientFrame | ServerFrame) -> bytes:
    """Header and body of one frame.

    Raises:
        ProtocolError: the body is longer than ``MAX_FRAME``.
    """
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME:
        raise ProtocolError(f"A {type(frame).__name__} of {len(body):,} bytes is over the limit of {MAX_FRAME:,}.")
    return _HEADER.pack(len(body)) + body


class Deframer:
    """Cuts a byte stream into bodies.

    Args:
        limit: longest body in bytes that is accepted.
    """

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take what arrived; yield each body that is now whole.

        Raises:
            ProtocolError: a header announces an empty body or one over the limit.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            (length,) = _HEADER.unpack_from(self._buffer)
            if not 0 < length <= self._limit:
                raise ProtocolError(f"A frame of {length:,} bytes was announced; allowed are 1 to {self._limit:,}.")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield body


def decode_client_frame(body: bytes) -> ClientFrame:
    """What a client sent.

    Raises:
        ProtocolError: it is no frame of the protocol.
    """
    try:
        return _client_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"A frame could not be read as a command: {error}.") from None


def decode_server_frame(body: bytes) -> ServerFrame:
    """What the daemon sent.

    Raises:
        ProtocolError: it is no frame of the protocol.
    """
    try:
        return _server_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"A frame of the daemon could not be read: {error}.") from None


def mismatch(mine: Hello, theirs: Hello) -> str:
    """One sentence when the two sides cannot talk, else the empty string. ``mine`` is the daemon's side."""
    if mine.protocol == theirs.protocol:
        return ""
    return (
        f"The daemon (exphil_rt {mine.version}) speaks protocol {mine.protocol} and this client "
        f"(exphil_rt {theirs.version}) protocol {theirs.protocol}: use one version for both, or restart the daemon."
    )


def hello_of_client(version: str, *, pid: int, readonly: bool = False) -> Hello:
    """The first frame that a client sends."""
    return Hello(protocol=PROTOCOL, version=version, pid=pid, readonly=readonly)


def merge(pending: Update | None, new: Update) -> Update:
    """Conflate: the latest replaces what waits, but events are kept, the newest ``MAX_EVENTS`` of them."""
    if isinstance(pending, EventsUpdate) and isinstance(new, EventsUpdate):
        return EventsUpdate((pending.events + new.events)[-MAX_EVENTS:])
    return new


def accepted(answer: Answer) -> Answer:
    """``answer``, unless it is a refusal.

    Raises:
        CommandRefused: with the daemon's own message, hint and exit code.
    """
    if isinstance(answer, Refused):
        raise CommandRefused(answer.message, hint=answer.hint, exit_code=answer.exit_code)
    return answer
