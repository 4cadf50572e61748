"""What comes from the spectator server, with a socket in the worker's place: checked, cut, never waited for ever."""

from __future__ import annotations

import base64
import json
import socket
import struct

import pytest

from exphil_rt.actor import ChildPort
from exphil_rt.dolphin.channel import Channel
from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.dolphin.watch import Watch
from exphil_rt.dolphin.worker import CLOSED, PACKET

SIZES = {0x36: 760, 0x3A: 12, 0x3C: 8, 0x39: 6}


def event(code: int, body: bytes = b"") -> bytes:
    return bytes((code,)) + body.ljust(SIZES[code], b"\0")


def frame(number: int) -> bytes:
    return event(0x3A, struct.pack(">i", number)) + event(0x3C, struct.pack(">i", number))


START = (
    bytes((0x35, 3 * len(SIZES) + 1))
    + b"".join(struct.pack(">BH", code, size) for code, size in SIZES.items())
    + event(0x36, bytes((3, 18, 0)))
)


class Served(Channel):
    """A channel whose worker is the test."""

    def _start_worker(self) -> None:
        import select

        self._sock, self.worker = socket.socketpair()
        self._sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)
        self._connected = True

    def _end_worker(self) -> None:
        self._sock.close()
        self.worker.close()

    def give(self, body: bytes, kind: int = PACKET) -> None:
        self.worker.sendall((len(body) + 1).to_bytes(4, "big") + bytes((kind,)) + body)

    def give_game(self, packet: bytes) -> None:
        payload = base64.b64encode(packet).decode()
        self.give(json.dumps({"type": "game_event", "payload": payload}).encode())


@pytest.fixture
def channel():
    ours, theirs = socket.socketpair()
    watch = Watch(ChildPort(ours, []))
    watch.arm("no_frame", 5.0, "no frame")
    found = Served("127.0.0.1", 1, watch, 5.0, "")
    found.watch = watch
    yield found
    found.shutdown()
    ours.close()
    theirs.close()


def packet_of(message: dict) -> bytes:
    return base64.b64decode(message["payload"])


def test_messages_come_in_their_order(channel):
    channel.give(json.dumps({"type": "connect_reply", "nick": "x", "version": "1", "cursor": 0}).encode())
    channel.give_game(START)
    channel.give_game(frame(-123))
    assert channel.dispatch(False)["type"] == "connect_reply"
    assert channel.shaken
    assert packet_of(channel.dispatch(False)) == START
    assert packet_of(channel.dispatch(False)) == frame(-123)
    assert channel.arrived_ns > 0


def test_two_frames_in_one_packet_are_two_messages(channel):
    """libmelee drops what stands behind the first bookend of a packet."""
    channel.give_game(START)
    channel.give_game(frame(-123) + frame(-122) + event(0x39, b"\x02"))
    packets = [packet_of(channel.dispatch(False)) for _ in range(4)]
    assert packets == [START, frame(-123), frame(-122), event(0x39, b"\x02")]
    assert channel.events.ended == ("stocks", (0, 0, 0, 0))


def test_only_new_frames_wait_to_be_acted_on(channel):
    channel.give_game(START)
    for number in (-123, -122, -122, -123, -121):
        channel.give_game(frame(number))
    assert channel.frames_waiting() == 3
    for left in (3, 2, 1, 1, 1, 0):
        channel.dispatch(False)
        assert channel.frames_waiting() == left


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"type": "something"}',
        b'{"type": "game_event"}',
        b'{"type": "game_event", "payload": 7}',
        b'{"type": "game_event", "payload": "~~~~"}',
        b'{"type": "menu_event", "payload": "~"}',
        b"\xff\xfe",
    ],
)
def test_nonsense_is_refused(channel, body):
    from exphil_rt.dolphin.faults import fault_of

    channel.give(body)
    with pytest.raises((DolphinFault, ValueError)) as caught:
        channel.dispatch(False)
    assert fault_of(caught.value).kind == "bad_data"


def test_an_end_comes_behind_what_was_sent(channel):
    channel.give_game(START)
    channel.give(b"", CLOSED)
    channel.worker.close()
    assert packet_of(channel.dispatch(False)) == START
    with pytest.raises(DolphinFault) as caught:
        channel.dispatch(False)
    assert caught.value.kind == "disconnected"


def test_a_worker_that_is_gone_is_no_good_bye(channel):
    channel.worker.close()
    with pytest.raises(DolphinFault) as caught:
        channel.dispatch(False)
    assert caught.value.kind == "worker_lost"


def test_silence_ends_at_the_deadline(channel):
    channel.watch.arm("no_frame", 0.1, "Dolphin showed no new frame")
    with pytest.raises(DolphinFault, match=r"Dolphin showed no new frame within 0\.1 s"):
        channel.dispatch(False)


def test_old_frames_for_ever_end_at_the_deadline_too(channel):
    """libmelee swallows frames that come again without leaving its step, from a stream of them it never came back."""
    channel.give_game(START + frame(-123))
    channel.dispatch(False)
    channel.watch.arm("no_frame", 0.1, "Dolphin showed no new frame")
    with pytest.raises(DolphinFault, match="no new frame"):  # noqa: PT012
        while True:
            channel.give_game(frame(-123))
            channel.dispatch(False)


def test_a_dead_dolphin_is_seen_while_its_connection_lives(channel):
    class Dead:
        @staticmethod
        def ended() -> str:
            return "signal SIGKILL"

    channel.watch.dolphin = Dead()
    channel.watch.phase = "game"
    with pytest.raises(DolphinFault) as caught:
        channel.dispatch(False)
    assert (caught.value.kind, caught.value.message) == ("exited", "Dolphin ended by itself (signal SIGKILL).")
