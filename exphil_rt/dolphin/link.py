"""The link between a console process and who decides for its bots: an inference process ("brain"), or a lane of games.

The console asks once a frame and bot, the other side answers by due frame; before that it says once a bot that it is
warm. A lane also says which game comes next, and is told how each went.
Nothing here waits unless it is told to. Of Linux, one packet is one record; of macOS, which has no SOCK_SEQPACKET for
Unix sockets, records are framed. No pickle: fixed layouts, and JSON for those that are not of a fixed size.
"""

from __future__ import annotations

import math
import select
import socket
import struct
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal

import msgspec
import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import U8, Frames
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import MAX_DELAY

SWAPPED: Final = 1
"""Flag of an answer: the first one of another policy version."""
MAX_HEADS: Final = 16
"""Numbers that an action may have."""
_MAX_VERSION: Final = 128
_MAX_RECORD: Final = 96 * 1024
_ASK, _ANSWER, _READY, _PLAY, _OVER = 1, 2, 3, 4, 5
_FRAME: Final = Frames.nbytes((1,))
_ASK_HEAD: Final = struct.Struct("<BBBBBxxxiiqq")  # kind, player, delay, dmax, K; epoch, frame, game id, seen_ns
_ANSWER_HEAD: Final = struct.Struct(f"<BBBBiiiI{MAX_HEADS}s{_MAX_VERSION}s")
_LEAVES: Final = attrgetter(*(name for name, _, _ in Frames.leaves()))
_SIZES: Final = tuple(-(-dtype.itemsize * math.prod(shape) // 8) * 8 for _, dtype, shape in Frames.leaves())
"""Bytes of each array as ``Frames.over`` lays them out, by which the other side reads them."""
_LENGTH: Final = struct.Struct("<I")
_SLOT: Final = struct.Struct("<H")
_CHUNK: Final = 256 * 1024


class LinkLost(ExphilError):
    """The other side of a link is gone."""


class LinkBroken(ExphilError):
    """The other side of a link sent what is no record."""


@dataclass(slots=True, frozen=True)
class Ask:
    """Console to brain: decide for one bot on one frame."""

    player: int
    """0 or 1."""
    epoch: int
    """Number of the game at this console: another one means that the policy's state begins afresh."""
    game_id: int
    frame: int
    """The frame that was seen, t; the action is due on t + delay + 1."""
    seen_ns: int
    """``time.monotonic_ns`` when it was seen (both processes are of one machine)."""
    delay: int
    """D."""
    state: Frames
    """``[1]``; views of the record where it was received."""
    committed: U8
    """``[dmax, K]``: what the console knew to be due on t+1 .. t+dmax. The brain adds what it decided since."""
    mask: U8
    """``[dmax]``."""


@dataclass(slots=True, frozen=True)
class Answer:
    """Brain to console: the action for one frame."""

    player: int
    epoch: int
    frame: int
    """The frame that it was decided on."""
    due: int
    """The frame that it is for: ``frame`` + delay + 1."""
    action: U8
    """``[K]``."""
    version: str = ""
    """Policy version, ``fox-a1b2@v7``; at most 128 bytes."""
    took_us: int = 0
    """What the decision took."""
    flags: int = 0
    """``SWAPPED``."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Brain to console: the policy of one bot is loaded and warm."""

    player: int
    delay: int
    """D."""
    dmax: int
    batch_steps: int = 1
    codec: ActionCodec = ActionCodec()
    version: str = ""


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """Lane to console: the next game. The one in play, if there is one, is left."""

    game_id: int
    stage: int
    """Slippi's stage id."""
    characters: tuple[int, int]
    """Internal ids, by player."""


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """Console to lane: a game is over."""

    game_id: int
    reason: Literal["stocks", "timer", "no_contest", "fault", "stopped"]
    winner: int | None = None
    stocks: tuple[int, int]
    percents: tuple[float, float]


Record = Ask | Answer | Ready | Play | Over
_encoder: Final = msgspec.json.Encoder()
_texts: Final[dict[int, msgspec.json.Decoder[Ready | Play | Over]]] = {
    _READY: msgspec.json.Decoder(Ready),
    _PLAY: msgspec.json.Decoder(Play),
    _OVER: msgspec.json.Decoder(Over),
}


def link_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a new link; give each to one process and close both here."""
    return socket.socketpair(socket.AF_UNIX, getattr(socket, "SOCK_SEQPACKET", socket.SOCK_STREAM))


def send_end(door: socket.socket, slot: int, fd: int) -> None:
    """Hand one end of a link to the process at the other end of ``door``: ``fd`` stays the caller's.

    Args:
        slot: whose console has the link's other end, where there are several.

    Raises:
        OSError: it is gone, or takes none.
    """
    socket.send_fds(door, [_SLOT.pack(slot)], [fd])


def accept_end(door: socket.socket) -> tuple[int, socket.socket] | None:
    """The slot and the end of a link that came through ``door``; None where none has. Waits for nothing."""
    try:  # not recv_fds: it ignores its flags (https://github.com/python/cpython/blob/3.13/Lib/socket.py)
        data, ancillary, _, _ = door.recvmsg(_SLOT.size, socket.CMSG_SPACE(4), socket.MSG_DONTWAIT)
    except (BlockingIOError, ConnectionError):
        return None
    for level, kind, fds in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS and len(data) == _SLOT.size:
            return _SLOT.unpack(data)[0], socket.socket(fileno=struct.unpack("i", fds[:4])[0])
    return None


class Link:
    """One end. It owns the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.setblocking(False)
        self._framed = sock.type == socket.SOCK_STREAM
        self._unsent = b""
        self._received = bytearray()
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def fileno(self) -> int:
        """For select and poll: readable when a record came, or the other side is gone."""
        return self._sock.fileno()

    def send(self, record: Record) -> bool:
        """Send a record if there is room; False, and nothing is sent, if there is none.

        Raises:
            LinkLost: the other side is gone.
            ValueError: a record whose sizes do not fit.
        """
        data = _pack(record)
        try:
            if not self._framed:
                self._sock.send(data)
                return True
            if self._unsent:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
            if self._unsent:
                return False
            data = _LENGTH.pack(len(data)) + data
            self._unsent = data[self._sock.send(data) :]
        except BlockingIOError:
            return False
        except OSError as error:
            raise LinkLost(f"The link to the other process is gone ({error.strerror}).") from None
        return True

    def receive(self, timeout: float = 0.0) -> list[Record]:
        """All records that are there; waits up to ``timeout`` seconds for the first one.

        Raises:
            LinkLost: the other side is gone, and everything that it sent was received.
            LinkBroken: it sent what is no record.
        """
        found: list[Record] = []
        if timeout and not self._poll.poll(timeout * 1000.0):
            return found
        while True:
            try:
                data = self._sock.recv(_CHUNK)
            except BlockingIOError:
                return found
            except ConnectionError:  # it closed its end with records of ours unread
                data = b""
            if not data:
                if found:
                    return found
                raise LinkLost("The other process of the link has ended.")
            if self._framed:
                self._received += data
                found.extend(self._whole())
            else:
                found.append(_unpack(data))

    def _whole(self) -> list[Record]:
        found = []
        while len(self._received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._received)
            if length > _MAX_RECORD:
                raise LinkBroken(f"A link carried a record of {length} bytes.")
            end = _LENGTH.size + length
            if len(self._received) < end:
                break
            found.append(_unpack(bytes(self._received[_LENGTH.size : end])))
            del self._received[:end]
        return found

    def close(self) -> None:
        """Give the socket back; the other side is told by it."""
        self._sock.close()


def _pack(record: Record) -> bytes:
    if isinstance(record, Ask):
        dmax, heads = record.committed.shape
        if dmax > MAX_DELAY or heads > MAX_HEADS or record.mask.shape != (dmax,):
            raise ValueError(f"committed {record.committed.shape} and mask {record.mask.shape} fit no record")
        head = _ASK_HEAD.pack(
            _ASK, record.player, record.delay, dmax, heads,
            record.epoch, record.frame, record.game_id, record.seen_ns,
        )  # fmt: skip
        state = b"".join(
            array.tobytes().ljust(size, b"\0") for array, size in zip(_LEAVES(record.state), _SIZES, strict=True)
        )
        return head + state + record.committed.tobytes() + record.mask.tobytes()
    if isinstance(record, Answer):
        version = record.version.encode()
        if len(record.action) > MAX_HEADS or len(version) > _MAX_VERSION:
            raise ValueError(f"an action of {len(record.action)} numbers by {record.version!r} fits no record")
        return _ANSWER_HEAD.pack(
            _ANSWER, record.player, len(record.action), record.flags, record.epoch, record.frame, record.due,
            min(max(record.took_us, 0), 0xFFFF_FFFF), np.asarray(record.action, np.uint8).tobytes(), version,
        )  # fmt: skip
    kind = _READY if isinstance(record, Ready) else _PLAY if isinstance(record, Play) else _OVER
    return bytes((kind,)) + _encoder.encode(record)


def _unpack(data: bytes) -> Record:
    try:
        if data[0] == _ASK:
            return _unpack_ask(data)
        if data[0] == _ANSWER:
            _, player, heads, flags, epoch, frame, due, took, action, version = _ANSWER_HEAD.unpack(data)
            values = np.frombuffer(action[:heads], np.uint8)
            return Answer(player, epoch, frame, due, values, version.rstrip(b"\0").decode(), took, flags)
        if (decoder := _texts.get(data[0])) is not None:
            said = decoder.decode(data[1:])
            if isinstance(said, Ready):
                said.codec.check()
            return said
    except (IndexError, ValueError, struct.error, msgspec.MsgspecError) as error:
        raise LinkBroken(f"A link carried what is no record: {error}.") from None
    raise LinkBroken(f"A link carried a record of kind {data[0]}.")


def _unpack_ask(data: bytes) -> Ask:
    _, player, delay, dmax, heads, epoch, frame, game_id, seen_ns = _ASK_HEAD.unpack_from(data)
    end = _ASK_HEAD.size + _FRAME
    if len(data) != end + dmax * (heads + 1):
        raise ValueError(f"{len(data)} bytes")
    state = Frames.over(memoryview(data), (1,), _ASK_HEAD.size)
    committed = np.frombuffer(data, np.uint8, dmax * heads, end).reshape(dmax, heads)
    mask = np.frombuffer(data, np.uint8, dmax, end + dmax * heads)
    return Ask(player, epoch, game_id, frame, seen_ns, delay, state, committed, mask)
