"""Frames' packets that are damaged on purpose: what is sent instead of a frame's events."""

from __future__ import annotations

from typing import Final

from exphil_rt.replays.slp.layout import BOOKEND, FRAME_START, PRE
from exphil_rt.testing.stand_in_dolphin.menu_event import IN_GAME, Slot, menu_event

_BOOKEND: Final = 0x3C
_OLD_BOOKEND_BYTES: Final = 5
"""Before Slippi 3.7."""
UNKNOWN_CODE: Final = 0xFE
JUNK: Final = {
    "bad_json": b'{"type":"game_event","payload":',
    "bad_base64": b'{"cursor":0,"next_cursor":1,"payload":"~~~~","type":"game_event"}',
}
"""Whole messages that stand in a frame's place, by fault."""


def damaged(kind: str, packet: bytes, frame: int, arg: int) -> bytes:
    """The events that are sent instead of a frame's; empty where none are.

    Args:
        kind: the fault.
        packet: the frame's events.
        frame: its index.
        arg: of the fault.
    """
    if kind == "truncate":
        return packet[: arg or len(packet) // 2]
    if kind == "lost_bookend":
        return packet[: -(BOOKEND.itemsize if packet[-BOOKEND.itemsize] == _BOOKEND else _OLD_BOOKEND_BYTES)]
    if kind == "unknown_event":
        return bytes((UNKNOWN_CODE, 1, 2, 3)) + packet
    if kind == "menu_in_game":  # behind the first player's inputs: https://github.com/project-slippi/dolphin/issues/31
        at = FRAME_START.itemsize + PRE.itemsize
        return packet[:at] + menu_event(IN_GAME, frame, [Slot() for _ in range(4)]) + packet[at:]
    return b""
