"""Slippi's events in what a console is sent, looked at before libmelee reads them.

libmelee's parser never returns from an event of a code and size that nobody announced, takes half an event for a
warning, and says nothing of a game's end. Here the events of a packet are walked once, by the sizes that the stream
itself announced (https://github.com/project-slippi/slippi-wiki/blob/master/SPEC.md), and what matters is noted.
"""

from __future__ import annotations

import struct
from typing import Final, Literal

from exphil_rt.dolphin.faults import DolphinFault

PAYLOADS: Final = 0x35
GAME_START: Final = 0x36
GAME_END: Final = 0x39
BOOKEND: Final = 0x3C
MENU: Final = 0x3E
OLDEST: Final = (3, 15, 0)
"""The first Slippi that records the raw stick in both axes; a policy sees it."""

EndMethod = Literal["stocks", "timer", "no_contest"]
_METHODS: Final[dict[int, EndMethod]] = {1: "timer", 2: "stocks", 3: "stocks"}


class EventLog:
    """What the events of one console said."""

    def __init__(self) -> None:
        self.started = 0
        """Games whose start block came."""
        self.ended: tuple[EndMethod, tuple[int, ...]] | None = None
        """How the latest game ended, and the places of the four ports (-1: unknown); None while it goes on."""
        self.newest: int | None = None
        """Newest frame of the game that was closed by a bookend."""
        self.duplicate = 0
        """Bookends of the newest frame that came again."""
        self.resimulated = 0
        """Bookends of older frames: a rollback."""
        self._sizes = [0] * 256

    def look(self, packet: bytes) -> list[tuple[int, bool]]:
        """Walk the events of one packet: the places behind each of its bookends, and whether they closed a new frame.

        Raises:
            DolphinFault: no events, or of a Slippi that is too old.
        """
        at = 0
        cuts: list[tuple[int, bool]] = []
        while at < len(packet):
            code = packet[at]
            if code == MENU:
                break  # in a game: libmelee ends the frame there (https://github.com/project-slippi/dolphin/issues/31)
            if code == PAYLOADS:
                at += self._take_sizes(packet, at)
                continue
            size = self._sizes[code]
            if size == 0:
                raise DolphinFault("bad_data", f"Dolphin sent an event 0x{code:02x} whose size nobody announced.")
            if at + size > len(packet):
                raise DolphinFault(
                    "bad_data", f"Dolphin sent {len(packet) - at} of the {size} bytes of an event 0x{code:02x}."
                )
            before = self.newest
            self._note(code, packet, at, size)
            at += size
            if code == BOOKEND:
                cuts.append((at, self.newest != before))
        return cuts

    def _note(self, code: int, packet: bytes, at: int, size: int) -> None:
        if code == GAME_START:
            version = (packet[at + 1], packet[at + 2], packet[at + 3])
            if version < OLDEST:
                raise DolphinFault(
                    "slippi_too_old",
                    f"This is Slippi {'.'.join(map(str, version))}, and {'.'.join(map(str, OLDEST[:2]))} is the oldest "
                    "that shows all that a policy sees.",
                )
            self.started += 1
            self.ended, self.newest = None, None
        elif code == GAME_END:
            method: EndMethod = _METHODS.get(packet[at + 1], "no_contest")
            places = struct.unpack_from("4b", packet, at + 3) if size >= 7 else (-1,) * 4
            self.ended = method, places
        elif code == BOOKEND:
            (frame,) = struct.unpack_from(">i", packet, at + 1)
            if self.newest is None or frame > self.newest:
                self.newest = frame
            elif frame == self.newest:
                self.duplicate += 1
            else:
                self.resimulated += 1

    def _take_sizes(self, packet: bytes, at: int) -> int:
        length = packet[at + 1] if at + 1 < len(packet) else 0
        rows = packet[at + 2 : at + 1 + length]
        if length < 1 or len(rows) != length - 1 or len(rows) % 3:
            raise DolphinFault("bad_data", "Dolphin sent half a table of event sizes.")
        for code, size in struct.iter_unpack(">BH", rows):
            self._sizes[code] = size + 1
        return length + 1
