"""Frames' packets that are damaged on purpose: pure functions from a frame's events to what is sent instead."""

from __future__ import annotations

from typing import Final

from exphil_rt.replays.slp.layout import BOOKEND, FRAME_START, PRE
from exphil_rt.testing.stand_in_dolphin.menu_event import IN_GAME, Slot, menu_event

_BOOKEND: Final = 0x3C
_OLD_BOOKEND_BYTES: Final = 5
"""Before Slippi 3.7."""
UNKNOWN_CODE: Final = 0xFE
BAD_JSON: Final = b'{"type":"game_event","payload":'
BAD_BASE64: Final = b'{"cursor":0,"next_cursor":1,"payload":"~~~~","type":"game_event"}'


def truncated(packet: bytes, keep: int) -> bytes:
    """The first ``keep`` bytes; half of it where ``keep`` is 0."""
    return packet[: keep or len(packet) // 2]


def without_bookend(packet: bytes) -> bytes:
    """The frame without its end."""
    return packet[: -_bookend_size(packet)]


def with_unknown_event(packet: bytes) -> bytes:
    """An event before it that no table of sizes announced."""
    return bytes((UNKNOWN_CODE, 1, 2, 3)) + packet


def with_menu_event(packet: bytes, frame: int) -> bytes:
    """A menu event behind the first player's inputs (https://github.com/project-slippi/dolphin/issues/31)."""
    event = menu_event(IN_GAME, frame, [Slot() for _ in range(4)])
    at = FRAME_START.itemsize + PRE.itemsize
    return packet[:at] + event + packet[at:]


def _bookend_size(packet: bytes) -> int:
    return BOOKEND.itemsize if packet[-BOOKEND.itemsize] == _BOOKEND else _OLD_BOOKEND_BYTES
