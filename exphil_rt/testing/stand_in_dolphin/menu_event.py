"""The menu event (0x3E) of the code "Extract Menu Info" that libmelee switches on, laid out as libmelee reads it."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

MENU_EVENT: Final = 0x3E
SIZE: Final = 0x49
CHARACTER_SELECT: Final = 0x0002
STAGE_SELECT: Final = 0x0102
IN_GAME: Final = 0x0202
MAIN_MENU: Final = 0x0001
PRESS_START: Final = 0x0000
ONLINE_SELECT: Final = 0x0008
NAME_ENTRY: Final = 0x05
"""``nametag`` while a connect code is typed."""

HUMAN: Final = 0
CPU: Final = 1
UNPLUGGED: Final = 3
NO_FIGHTER: Final = 0x21
"""A character select slot that is none."""
_COIN_DOWN: Final = 2


class Slot(msgspec.Struct):
    """One port in the menus."""

    x: float = 0.0
    y: float = 0.0
    status: int = UNPLUGGED
    fighter: int = NO_FIGHTER
    """Slot on the character select screen."""
    coin_down: bool = False
    cpu_level: int = 0
    holds_slider: bool = False
    costume: int = 0


def menu_event(
    scene: int, frame: int, slots: list[Slot], *, ready: bool = False, stage: int = 0, x: float = 0.0, y: float = 0.0,
    submenu: int = 0, selection: int = 0, costume: int = 0, nametag: int = 0,
) -> bytes:  # fmt: skip
    """One menu frame.

    Args:
        scene: which menu.
        frame: counted from 0 in every menu.
        slots: ports 1 to 4.
        ready: whether the banner shows that the game can start.
        stage: stage select: Melee's internal id of the stage under the cursor; 0 none.
        x: stage select: the cursor.
        y: the same.
        submenu: main menu: libmelee's id of the submenu.
        selection: main menu: the entry; direct mode: the letter.
        costume: direct mode: the own costume.
        nametag: direct mode: NAME_ENTRY while a code is typed.
    """
    event = bytearray(SIZE)
    struct.pack_into(">BH", event, 0, MENU_EVENT, scene)
    for index, slot in enumerate(slots):
        struct.pack_into(">ff", event, 0x03 + 8 * index, slot.x, slot.y)
        event[0x25 + index] = slot.status
        event[0x29 + index] = slot.fighter
        event[0x2D + index] = _COIN_DOWN if slot.coin_down else 0
        event[0x41 + index] = slot.cpu_level
        event[0x45 + index] = slot.holds_slider
    event[0x23] = 0 if ready else 1
    event[0x24] = stage
    struct.pack_into(">ffi", event, 0x31, x, y, frame)
    event[0x3D], event[0x3E], event[0x3F], event[0x40] = submenu, selection, costume, nametag
    return bytes(event)
