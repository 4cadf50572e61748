"""Slippi's events in a console's packets, walked before libmelee sees them."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exphil_rt.dolphin.events import EventLog
from exphil_rt.dolphin.faults import DolphinFault

SIZES = {0x36: 760, 0x37: 66, 0x38: 84, 0x39: 6, 0x3A: 12, 0x3B: 44, 0x3C: 8, 0x10: 516}


def table() -> bytes:
    rows = b"".join(struct.pack(">BH", code, size) for code, size in SIZES.items())
    return bytes((0x35, len(rows) + 1)) + rows


def event(code: int, body: bytes = b"") -> bytes:
    return bytes((code,)) + body.ljust(SIZES[code], b"\0")


def start(version: tuple[int, int, int] = (3, 18, 0)) -> bytes:
    return event(0x36, bytes(version))


def frame(number: int) -> bytes:
    index = struct.pack(">i", number)
    return b"".join(event(code, index) for code in (0x3A, 0x37, 0x37, 0x38, 0x38, 0x3C))


def log() -> EventLog:
    found = EventLog()
    found.look(table() + start())
    return found


def test_frames_are_closed_by_their_bookends():
    events = log()
    assert events.look(frame(-123)) == [(len(frame(-123)), True)]
    assert events.newest == -123
    both = frame(-122) + frame(-121)
    assert events.look(both) == [(len(both) // 2, True), (len(both), True)]
    assert events.look(frame(-120)[:-9]) == []
    assert events.newest == -121


def test_frames_that_come_again_are_told_apart():
    events = log()
    for number in (-123, -122, -121):
        events.look(frame(number))
    assert events.look(frame(-121)) == [(len(frame(0)), False)]
    assert (events.duplicate, events.resimulated) == (1, 0)
    events.look(frame(-123) + frame(-122))
    assert (events.duplicate, events.resimulated) == (1, 2)
    events.look(table() + start())
    assert events.newest is None


@pytest.mark.parametrize(
    ("method", "said"), [(1, "timer"), (2, "stocks"), (3, "stocks"), (7, "no_contest"), (0, "no_contest")]
)
def test_the_end_of_a_game_is_noted(method, said):
    events = log()
    assert events.ended is None
    events.look(event(0x39, bytes((method, 0xFF, 1, 0, 0xFF, 0xFF))))
    assert events.ended == (said, (1, 0, -1, -1))
    events.look(table() + start())
    assert events.ended is None
    assert events.started == 2


def test_a_menu_event_in_a_game_ends_the_packet_as_libmelee_does():
    assert log().look(frame(-123)[:80] + b"\x3e" + bytes(72)) == []


@pytest.mark.parametrize("packet", [b"\xfe\x01\x02", b"\x38" + bytes(20), b"\x35", b"\x35\x05\x36", b"\x00"])
def test_what_libmelee_would_never_come_back_from_is_a_fault(packet):
    with pytest.raises(DolphinFault) as caught:
        log().look(packet)
    assert caught.value.kind == "bad_data"


@given(st.binary(max_size=400))
def test_no_bytes_hang_it_or_break_it_otherwise(data):
    with contextlib.suppress(DolphinFault):
        log().look(data)


@pytest.mark.parametrize("version", [(3, 14, 9), (2, 0, 1), (1, 0, 0)])
def test_an_older_slippi_is_refused(version):
    events = EventLog()
    with pytest.raises(DolphinFault) as caught:
        events.look(table() + start(version))
    assert caught.value.kind == "slippi_too_old"
    assert ".".join(map(str, version)) in str(caught.value)
