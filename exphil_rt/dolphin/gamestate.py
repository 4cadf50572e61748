"""What libmelee shows of a game (a console, or a .slp file that it reads) as frames: the same as peppi's of that game.

libmelee's GameState rounds some values to whole numbers, halves the sticks and leaves others out, so that a policy
would see another game than the one that it learned from. The events that it was made of are therefore kept beside it,
and read here; libmelee decides which events are a frame, and which frames of a rollback are shown. Offsets are those of
https://github.com/project-slippi/slippi-wiki/blob/master/SPEC.md.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import (
    ANY_TRIGGER,
    LIGHT_PRESS,
    MAX_ITEMS,
    PLAYERS,
    Controllers,
    Frames,
    ItemColumns,
    PlayerColumns,
)
from exphil_rt.game.ids import Stage
from exphil_rt.game.randall import randall

_KEY: Final = "slippi_events"
"""Where the events of a frame are kept in ``GameState.custom``."""
_HITSTUN: Final = 0x02
_NOBODY: Final = 6
_NO_PLAYER: Final = 3
"""Player type of an empty port in the start block."""
_STADIUM_NORMAL: Final = 5

_CPU: Final = 1
_BUTTONS: Final = 0x1F7F
"""The bits of a controller; what the game makes of sticks and triggers stands above them."""

_Field = tuple[str, int, int, Callable[[bytes, int], tuple[Any, ...]]]
"""Name, offset, end, how it is read."""


def _fields(*fields: tuple[str, int, str]) -> tuple[_Field, ...]:
    layouts = [(name, offset, struct.Struct(f">{kind}")) for name, offset, kind in fields]
    return tuple((name, offset, offset + layout.size, layout.unpack_from) for name, offset, layout in layouts)


_POST: Final = _fields(
    ("character", 0x7, "B"),
    ("state", 0x8, "H"),
    ("position_x", 0xA, "f"),
    ("position_y", 0xE, "f"),
    ("facing", 0x12, "f"),
    ("percent", 0x16, "f"),
    ("shield", 0x1A, "f"),
    ("last_attack_landed", 0x1E, "B"),
    ("combo_count", 0x1F, "B"),
    ("last_hit_by", 0x20, "B"),
    ("stocks", 0x21, "B"),
    ("state_age", 0x22, "f"),
    ("hitstun", 0x2B, "f"),
    ("airborne", 0x2F, "B"),
    ("ground", 0x30, "H"),
    ("jumps", 0x32, "B"),
    ("l_cancel", 0x33, "B"),
    ("hurtbox_state", 0x34, "B"),
    ("self_x_air", 0x35, "f"),
    ("self_y", 0x39, "f"),
    ("knockback_x", 0x3D, "f"),
    ("knockback_y", 0x41, "f"),
    ("self_x_ground", 0x45, "f"),
    ("hitlag", 0x49, "f"),
    ("animation", 0x4D, "I"),
)
_FLAGS: Final = 0x26
_PRE: Final = _fields(
    ("joystick_x", 0x19, "f"),
    ("joystick_y", 0x1D, "f"),
    ("cstick_x", 0x21, "f"),
    ("cstick_y", 0x25, "f"),
    ("trigger", 0x29, "f"),
    ("raw_x", 0x3B, "b"),
    ("raw_y", 0x40, "b"),
)
_ITEM: Final = _fields(
    ("kind", 0x5, "H"),
    ("state", 0x7, "B"),
    ("facing", 0x8, "f"),
    ("velocity_x", 0xC, "f"),
    ("velocity_y", 0x10, "f"),
    ("position_x", 0x14, "f"),
    ("position_y", 0x18, "f"),
    ("damage", 0x1C, "H"),
    ("timer", 0x1E, "f"),
)
_ITEM_OWNER: Final = 0x2A


class NotTwoPlayers(ExphilError):
    """A game that is not between two players."""


class StateReader:
    """Turns the game states of one ``melee.Console`` into frames.

    Make it before the console's first ``step``: it keeps the events that libmelee reads.

    Args:
        console: a ``melee.Console``, connected or not.
        keep: how many frames are good at a time, their memory being used again in turn; 0: each has its own. To lay
            out a frame's arrays takes as long as to fill them.
    """

    def __init__(self, console: Any, keep: int = 0) -> None:
        self.ports: tuple[int, ...] = ()
        """Controller ports 0..3 of players 0 and 1, once a game has started."""
        self.version = (0, 0, 0)
        """Slippi version of the game."""
        self._stage = 0
        self._cpu: tuple[bool, ...] = ()
        self._sheets = [_sheet() for _ in range(keep)]
        self._turn = 0
        for name, note in (
            ("game_start", self._start),
            ("pre_frame", self._event("pre")),
            ("post_frame", self._event("post")),
            ("item_update", self._event("item")),
        ):
            # Name-mangled, as the class calls them. An attribute of the instance goes before its class's function.
            method = f"_Console__{name}"
            setattr(console, method, _followed(getattr(console, method), note))

    def read(self, state: Any) -> Frames:
        """The frame ``[1]`` that ``Console.step`` gave.

        Raises:
            NotTwoPlayers: three or more players, or one.
        """
        if len(self.ports) != PLAYERS:
            raise NotTwoPlayers(f"The game has {len(self.ports)} players, and only two-player games are played.")
        frames = self._blank()
        events: dict[str, list[bytes]] = state.custom.get(_KEY, {})
        frames.frame[0] = state.frame
        frames.stage[0] = self._stage
        for event in events.get("pre", ()):
            if (player := self._player(event)) is None:
                continue
            if event[0x6]:
                _fill_controller(frames.nana_controllers, player, event, cpu=True)
            else:
                _fill_controller(frames.controllers, player, event, self._cpu[player])
        for event in events.get("post", ()):
            if (player := self._player(event)) is not None:
                self._fill_fighter(frames.nanas if event[0x6] else frames.players, player, event)
        for slot, event in enumerate(events.get("item", ())[:MAX_ITEMS]):
            self._fill_item(frames.items, slot, event)
        if self._stage == Stage.YOSHIS_STORY:
            frames.randall[:] = randall(frames.frame)
        if self._stage == Stage.FOUNTAIN_OF_DREAMS and state.fod_platforms is not None:
            frames.platforms[0] = state.fod_platforms.left, state.fod_platforms.right
        if self._stage == Stage.POKEMON_STADIUM and state.stadium_transformation is not None:
            kind = state.stadium_transformation.type.value
            frames.stadium[0] = 0 if kind == _STADIUM_NORMAL else kind
        return frames

    def _blank(self) -> Frames:
        if not self._sheets:
            return _sheet()[1]
        self._turn = (self._turn + 1) % len(self._sheets)
        buffer, frames = self._sheets[self._turn]
        buffer[:] = _BLANK
        return frames

    def _start(self, state: Any, event: bytes) -> None:
        major, minor, build = event[1], event[2], event[3]
        self.version = (major, minor, build)
        (self._stage,) = struct.unpack_from(">H", event, 0x13)
        kinds = [event[0x66 + 0x24 * port] for port in range(4)]
        self.ports = tuple(port for port in range(4) if kinds[port] != _NO_PLAYER)
        self._cpu = tuple(kinds[port] == _CPU for port in self.ports)

    @staticmethod
    def _event(kind: str) -> Any:
        def keep(state: Any, event: bytes) -> None:
            state.custom.setdefault(_KEY, {}).setdefault(kind, []).append(bytes(event))

        return keep

    def _player(self, event: bytes) -> int | None:
        """0 or 1, by the event's port."""
        return self.ports.index(event[0x5]) if event[0x5] in self.ports else None

    def _fill_fighter(self, out: PlayerColumns, player: int, event: bytes) -> None:
        found = _values(event, _POST)
        found["facing"] = (found["facing"] > 0) - (found["facing"] < 0)
        hitter = found["last_hit_by"]
        found["last_hit_by"] = self.ports.index(hitter) if hitter in self.ports else _NOBODY
        flags = event[_FLAGS : _FLAGS + 5] if len(event) >= _FLAGS + 5 else bytes(5)
        out.flags[0, player] = tuple(flags)
        if not flags[3] & _HITSTUN:  # Slippi's misc value means something else in every other state
            found["hitstun"] = 0.0
        out.exists[0, player] = 1
        for name, value in found.items():
            getattr(out, name)[0, player] = value

    def _fill_item(self, out: ItemColumns, slot: int, event: bytes) -> None:
        out.exists[0, slot] = 1
        for name, value in _values(event, _ITEM).items():
            getattr(out, name)[0, slot] = value
        if len(event) > _ITEM_OWNER and event[_ITEM_OWNER] in self.ports:
            out.owner[0, slot] = self.ports.index(event[_ITEM_OWNER])


def _followed(method: Any, keep: Any) -> Any:
    def both(state: Any, event: bytes) -> Any:
        keep(state, event)
        return method(state, event)

    return both


def _fill_controller(out: Controllers, player: int, event: bytes, cpu: bool) -> None:
    for name, value in _values(event, _PRE).items():
        low = 0.0 if name == "trigger" else -1.0
        getattr(out, name)[0, player] = value if name in ("raw_x", "raw_y") else min(max(value, low), 1.0)
    # Who the game itself moves touches no controller: its buttons stand among those that were used, in the same bits.
    used, physical = struct.unpack_from(">IH", event, 0x2D)
    out.buttons[0, player] = used & _BUTTONS if cpu else physical
    if cpu and used & ANY_TRIGGER and out.trigger[0, player] == 0:
        out.trigger[0, player] = LIGHT_PRESS


def _values(event: bytes, fields: tuple[_Field, ...]) -> dict[str, Any]:
    """The fields that an event of this Slippi version has; the others are 0."""
    size = len(event)
    return {name: read(event, offset)[0] if size >= end else 0 for name, offset, end, read in fields}


def _sheet() -> tuple[bytearray, Frames]:
    """A frame of nothing, and the memory it lies in."""
    buffer = bytearray(Frames.nbytes((1,)))
    frames = Frames.over(memoryview(buffer), (1,))
    frames.players.last_hit_by[...] = frames.nanas.last_hit_by[...] = _NOBODY
    frames.items.owner[...] = -1
    return buffer, frames


_BLANK: Final = bytes(_sheet()[0])
