"""A .slp file as a console sends it: the recorded events, cut into the messages that a live console makes of them.

A message ends behind the start block, each piece of the code list, each bookend and the game's end. Files from before
Slippi 3.0 have no bookends, and no console of today could send them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import FIRST_FRAME
from exphil_rt.replays.slp.layout import PRE
from exphil_rt.testing.stand_in_dolphin.choice import Choice
from exphil_rt.testing.stand_in_dolphin.pads import Held
from exphil_rt.testing.stand_in_dolphin.sources.still import fill_pre

_MAX_BYTES: Final = 256 << 20
_RAW: Final = b"{U\x03raw[$U#l"
_SIZES, _START, _PRE, _END, _BOOKEND, _PIECE = 0x35, 0x36, 0x37, 0x39, 0x3C, 0x10
_CLOSES: Final = frozenset({_START, _END, _BOOKEND, _PIECE})


class NotStreamable(ExphilError):
    """A recording that no live console could send."""


class Recording:
    """One recorded game, again and again.

    Args:
        path: the file.
        override: ports (1..4) whose recorded inputs are replaced by what they hold; the game's course stays.

    Raises:
        NotStreamable: no .slp file, or one without bookends.
    """

    def __init__(self, path: Path, override: frozenset[int] = frozenset()) -> None:
        self.frame = FIRST_FRAME - 1
        self._override = override
        messages = messages_of(path)
        self._opening = [message for code, message in messages if code in (_START, _PIECE)]
        self._frames = [message for code, message in messages if code == _BOOKEND]
        self._end = [message for code, message in messages if code == _END]
        self._sizes = sizes_of(self._opening[0])
        self._at = 0

    def begin(self, choice: Choice | None, number: int) -> list[bytes]:
        self._at = 0
        return list(self._opening)

    def step(self, held: Mapping[int, Held]) -> bytes | None:
        if self._at == len(self._frames):
            return None
        packet = self._frames[self._at]
        self._at += 1
        (self.frame,) = struct.unpack_from(">i", packet, len(packet) - self._sizes[_BOOKEND] + 1)
        return self._overridden(packet, held) if self._override else packet

    def end(self, left: int) -> list[bytes]:
        return [] if left else list(self._end)

    def _overridden(self, packet: bytes, held: Mapping[int, Held]) -> bytes:
        changed = bytearray(packet)
        size = self._sizes[_PRE]
        at = 0
        while at < len(changed):
            port = changed[at + 5] + 1 if changed[at] == _PRE else 0
            if port in self._override and port in held and not changed[at + 6]:
                whole = bytearray(PRE.itemsize)
                whole[:size] = changed[at : at + size]
                record: Any = np.frombuffer(whole, PRE)[0]
                fill_pre(record, held[port])
                changed[at : at + size] = whole[:size]
            at += self._sizes[changed[at]]
        return bytes(changed)


def raw_of(path: Path) -> bytes:
    """The events of a .slp file, also of one that was never finished.

    Raises:
        NotStreamable: no .slp file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES)
    except OSError as error:
        raise NotStreamable(f"The recording {path} cannot be read: {error.strerror}.") from None
    if not data.startswith(_RAW) or len(data) < len(_RAW) + 4:
        raise NotStreamable(f"{path} is no .slp file.", hint="Give a replay that Slippi wrote.")
    (length,) = struct.unpack_from(">I", data, len(_RAW))
    begin = len(_RAW) + 4
    return data[begin : begin + length] if length else data[begin:]


def sizes_of(message: bytes) -> dict[int, int]:
    """Bytes of each event with its code, by code, from a message that begins with the sizes."""
    sizes = {_SIZES: message[1] + 1}
    for at in range(2, message[1] + 1, 3):
        code, size = struct.unpack_from(">BH", message, at)
        sizes[code] = size + 1
    return sizes


def messages_of(path: Path) -> list[tuple[int, bytes]]:
    """A file's events as messages with the code of the event that ends each; what follows the last one is left out.

    Raises:
        NotStreamable: no .slp file, an event of unknown size, or no bookends.
    """
    raw = raw_of(path)
    if len(raw) < 2 or raw[0] != _SIZES or len(raw) < raw[1] + 1:
        raise NotStreamable(f"{path} does not begin with the sizes of its events.")
    sizes = sizes_of(raw)
    messages, at, begun = [], 0, 0
    while at < len(raw):
        code = raw[at]
        if code not in sizes:
            raise NotStreamable(f"{path} has an event {code:#x} whose size it does not tell.")
        if at + sizes[code] > len(raw):
            break
        at += sizes[code]
        if code in _CLOSES:
            messages.append((code, raw[begun:at]))
            begun = at
    if not any(code == _BOOKEND for code, _ in messages):
        version = ".".join(map(str, raw[sizes[_SIZES] + 1 : sizes[_SIZES] + 4]))
        raise NotStreamable(
            f"{path} (Slippi {version}) has no bookends: no console of today could send it.",
            hint="Give a recording of Slippi 3.0 or later.",
        )
    return messages
