"""Slippi's events from our frames, as pure functions: what a file holds and what a console sends while it plays.

Per frame, in Slippi's order: frame start, inputs of each fighter, stage, items, each fighter after the frame, bookend.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import FIRST_FRAME, PLAYERS, Button, Controllers, Frames, PlayerColumns
from exphil_rt.game.ids import INTERNAL_TO_EXTERNAL, Stage
from exphil_rt.replays.slp import layout
from exphil_rt.replays.slp.start import GameStart
from exphil_rt.replays.stages import FOD_START, STADIUM_NORMAL

U8 = NDArray[np.uint8]
Spawned = tuple[int, int, int, float, float]
"""An item of the last frame: spawn id, kind, owner, and where x, y it should be next."""
NOBODY: Final = 6
PORTS: Final = 4
NAME_BYTES: Final = 31
CODE_BYTES: Final = 10

# Bits of the five state bit fields that frames without them still tell (SPEC.md, "State Bit Flags").
_IN_HITLAG: Final = (1, 0x20)
_SHIELD_UP: Final = (2, 0x80)
_IN_HITSTUN: Final = (3, 0x02)
_FOLLOWER: Final = (4, 0x08)
_DEAD: Final = (4, 0x40)
_SHIELD_STATES: Final = (178, 179, 181, 182)  # GuardOn, Guard, GuardSetOff, GuardReflect
_DEAD_STATES: Final = (0, 1, 2, 3)  # DeadDown to DeadUp; a fighter on its way to be a star is not dead yet
_SHIELDED, _IS_DEAD = (np.isin(np.arange(1 << 16), states) for states in (_SHIELD_STATES, _DEAD_STATES))


@dataclass(frozen=True, slots=True)
class Carry:
    """What the events of the next frames need of the last ones; empty before the first frame."""

    last: Frames | None = None
    items: tuple[Spawned, ...] = ()
    spawned: int = 0


def event_sizes() -> bytes:
    """The first event (0x35): which events there are, and how long they are."""
    pairs = b"".join(struct.pack(">BH", code, size) for code, size in layout.PAYLOADS.items())
    return bytes((0x35, len(pairs) + 1)) + pairs


def game_start(start: GameStart) -> bytes:
    """The start block (0x36): who plays whom where, with which rules."""
    block = bytearray(layout.GAME_START_BYTES + 1)

    def put(at: int, kind: str, *values: Any) -> None:
        struct.pack_into(f">{kind}", block, at, *values)

    put(0, "4B", layout.GAME_START, *layout.VERSION)
    put(0x05, "B", 0x02 | 4 << 2 | 1 << 5)  # a clock that counts down, four places on the screen, stock mode
    put(0x06, "B", 0x01)
    put(0x08, "B", 0x08)  # no pause
    put(0x10, "bb", -1, -1)  # no items; a self-destruct costs one
    put(0x13, "H", start.stage)
    put(0x15, "I", start.timer_s)
    put(0x28, "5B", *[0xFF] * 5)
    put(0x35, "f", 1.0)
    for port in range(6):
        at = 0x24 * port
        put(0x65 + at, "BBB", 26, 3, 0)  # nobody
        put(0x6D + at, "B", 9)
        put(0x79 + at, "fff", 1.0, 1.0, 1.0)
    put(0x13D, "I", start.seed & 0xFFFFFFFF)
    for port in range(PORTS):
        put(0x141 + 8 * port, "II", int(start.ucf), int(start.ucf))
    for player in start.players:
        at = 0x24 * player.port
        kind = 1 if player.cpu_level else 0
        put(0x65 + at, "BBBB", INTERNAL_TO_EXTERNAL[player.character], kind, start.stocks, player.costume)
        put(0x71 + at, "B", 0x40)
        put(0x74 + at, "B", player.cpu_level)
        put(0x1A5 + NAME_BYTES * player.port, f"{NAME_BYTES}s", _shift_jis(player.name, NAME_BYTES))
        put(
            0x221 + CODE_BYTES * player.port,
            f"{CODE_BYTES}s",
            _shift_jis(player.code.replace("#", "\uff03"), CODE_BYTES),
        )
    put(0x1A2, "?", start.frozen_stadium)
    put(0x1A3, "BB", 2, 2)  # versus mode, in game
    put(0x2BD, "B", 1)  # English
    return bytes(block)


def game_end(method: int, placements: tuple[int, int], start: GameStart, lras: int = -1) -> bytes:
    """The end of a game (0x39).

    Args:
        method: Slippi's end method (``END_METHODS``).
        placements: 0 for the first place, 1 for the second, of player 0 and 1.
        start: the game's start block, for the ports.
        lras: the port (0..3) that gave up, -1 for nobody.
    """
    end = np.zeros(1, layout.GAME_END)
    places = np.full(PORTS, -1, np.int8)
    for player, place in zip(start.players, placements, strict=True):
        places[player.port] = place
    end["code"], end["method"], end["lras"], end["placements"] = 0x39, method, lras, places
    return end.tobytes()


def frame_events(start: GameStart, frames: Frames, carry: Carry | None = None) -> tuple[list[bytes], Carry]:
    """The events of consecutive frames ``[T]``, one packet a frame.

    Args:
        start: the game's start block.
        frames: leading shape ``[T]``.
        carry: what :func:`frame_events` gave for the frames before these; None at the game's first frame.

    Returns:
        ``T`` packets, and the carry for the frames that follow.
    """
    carry = carry or Carry()
    before = _before(frames, carry.last)
    count = len(frames.frame)
    seeds = _seeds(start.seed, frames.frame)
    parts: list[list[bytes]] = [[] for _ in range(count)]

    def add(records: NDArray[Any], rows: NDArray[Any] | None = None) -> None:
        raw, size = records.tobytes(), records.dtype.itemsize
        for at, row in enumerate(range(count) if rows is None else rows.tolist()):
            parts[row].append(raw[at * size : (at + 1) * size])

    opening = np.zeros(count, layout.FRAME_START)
    opening["code"], opening["frame"], opening["seed"] = 0x3A, frames.frame, seeds
    opening["scene_frame"] = frames.frame - FIRST_FRAME
    add(opening)
    fighters = [
        (columns[:, side], kind, start.players[side].port, side)
        for side in range(PLAYERS)
        for kind, columns in enumerate((frames.players, frames.nanas))
    ]
    earlier = (before.players, before.nanas)
    for now, kind, port, side in fighters:
        if not len(there := np.flatnonzero(now.exists)):
            continue
        held = (frames.controllers, frames.nana_controllers)[kind][:, side]
        add(_pre(held, earlier[kind][:, side], frames, seeds, port, kind)[there], there)
    _stage_events(frames, before, carry.last is None, add)
    items, spawned = _item_events(start, frames, carry, add)
    for now, kind, port, _ in fighters:
        if len(there := np.flatnonzero(now.exists)):
            add(_post(start, now, frames, port, kind)[there], there)
    closing = np.zeros(count, layout.BOOKEND)
    closing["code"], closing["frame"], closing["finalized"] = 0x3C, frames.frame, frames.frame
    add(closing)
    return [b"".join(part) for part in parts], Carry(frames[-1:].copy(), items, spawned)


def _before(frames: Frames, last: Frames | None) -> Frames:
    """Each frame's predecessor; the first frame's is itself."""
    if len(frames.frame) == 1:  # a live game: nothing to shift
        return frames if last is None else last
    rows = Frames.allocate(frames.lead)
    rows.assign(slice(1, None), frames[:-1])
    rows.assign(slice(0, 1), frames[:1] if last is None else last)
    return rows


def _seeds(seed: int, frame: NDArray[np.int32]) -> NDArray[np.uint32]:
    """A number for each frame, decided by the game's seed (Melee's own generator is not simulated)."""
    mixed = (frame.astype(np.int64) * 0x9E3779B1 + seed) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    found: NDArray[np.uint32] = (mixed ^ (mixed >> 16)).astype(np.uint32)
    return found


def _pre(
    held: Controllers, was: PlayerColumns, frames: Frames, seeds: NDArray[np.uint32], port: int, follower: int
) -> NDArray[Any]:
    """Inputs ``[T]``."""
    rows = np.zeros(len(frames.frame), layout.PRE)
    rows["code"], rows["frame"], rows["port"], rows["follower"], rows["seed"] = (
        0x37,
        frames.frame,
        port,
        follower,
        seeds,
    )
    for name in ("state", "position_x", "position_y", "facing", "percent"):
        rows[name] = getattr(was, name)
    for name in ("joystick_x", "joystick_y", "cstick_x", "cstick_y", "trigger", "buttons", "raw_x", "raw_y"):
        rows[name] = getattr(held, name)
    rows["processed"] = _processed(held)
    right = (held.buttons & Button.R).astype(bool) & ~(held.buttons & Button.L).astype(bool)
    rows["left"] = np.where(right, 0, held.trigger)
    rows["right"] = np.where(right, held.trigger, 0)
    for axis in ("x", "y"):
        rows[f"raw_cstick_{axis}"] = np.rint(getattr(held, f"cstick_{axis}") * 80)
    return rows


def _processed(held: Controllers) -> NDArray[np.uint32]:
    """Slippi's processed buttons: the physical ones, the sticks' directions, any trigger."""
    bits = held.buttons.astype(np.uint32)
    sticks = (held.joystick_y, held.joystick_x, held.cstick_y, held.cstick_x)
    # up, down, left, right of the control stick, then of the c-stick
    signs = ((0, 1), (0, -1), (1, -1), (1, 1), (2, 1), (2, -1), (3, -1), (3, 1))
    for bit, (stick, sign) in enumerate(signs, start=16):
        bits |= (sticks[stick] * sign > 0).astype(np.uint32) << np.uint32(bit)
    return bits | (held.trigger > 0).astype(np.uint32) << np.uint32(31)


def _post(start: GameStart, now: PlayerColumns, frames: Frames, port: int, follower: int) -> NDArray[Any]:
    rows = np.zeros(len(frames.frame), layout.POST)
    rows["code"], rows["frame"], rows["port"], rows["follower"] = 0x38, frames.frame, port, follower
    for name in (
        "character", "state", "position_x", "position_y", "facing", "percent", "shield", "last_attack_landed",
        "combo_count", "stocks", "state_age", "airborne", "ground", "jumps", "l_cancel", "hurtbox_state",
        "self_x_air", "self_y", "knockback_x", "knockback_y", "self_x_ground", "hitlag", "animation",
    ):  # fmt: skip
        rows[name] = getattr(now, name)
    rows["misc"] = now.hitstun
    ports = np.full(256, NOBODY, np.uint8)
    for side, player in enumerate(start.players):
        ports[side] = player.port
    rows["last_hit_by"] = ports[now.last_hit_by]
    rows["flags"] = now.flags if start.state_flags else _flags(now, follower)
    return rows


def _flags(now: PlayerColumns, follower: int) -> U8:
    """The state bit fields ``[T, 5]`` as far as the other columns tell them."""
    state = now.state
    told = (
        (_IN_HITLAG, now.hitlag > 0),
        (_SHIELD_UP, _SHIELDED[state]),
        (_IN_HITSTUN, now.hitstun > 0),
        (_FOLLOWER, np.full(len(state), bool(follower))),
        (_DEAD, _IS_DEAD[state]),
    )
    flags = np.zeros((len(state), 5), np.uint8)
    for (byte, bit), true in told:
        flags[:, byte] |= np.where(true, bit, 0).astype(np.uint8)
    return flags


def _stage_events(frames: Frames, before: Frames, first: bool, add: Any) -> None:
    """Fountain of Dreams' platforms where they moved, Pokemon Stadium's transformation where it changed."""
    stage = int(frames.stage[0])
    if stage == Stage.FOUNTAIN_OF_DREAMS:
        was = before.platforms.copy()
        if first:
            was[0] = FOD_START
        for column, platform in ((1, 0), (0, 1)):  # Slippi's platform 0 is the right one
            moved = np.flatnonzero(frames.platforms[:, column] != was[:, column])
            rows = np.zeros(len(moved), layout.FOD_PLATFORM)
            rows["code"], rows["frame"], rows["platform"] = 0x3F, frames.frame[moved], platform
            rows["height"] = frames.platforms[moved, column]
            add(rows, moved)
    elif stage == Stage.POKEMON_STADIUM:
        kinds = before.stadium.copy()
        if first:
            kinds[0] = 0
        changed = np.flatnonzero(frames.stadium != kinds)
        rows = np.zeros(len(changed), layout.STADIUM)
        rows["code"], rows["frame"] = 0x41, frames.frame[changed]
        now = frames.stadium[changed]
        rows["event"] = np.where(now == 0, 0, 2)  # finished, or set in motion
        rows["kind"] = np.where(now == 0, STADIUM_NORMAL, now)
        add(rows, changed)


def _item_events(start: GameStart, frames: Frames, carry: Carry, add: Any) -> tuple[tuple[Spawned, ...], int]:
    items = frames.items
    row, place = np.nonzero(items.exists)
    rows = np.zeros(len(row), layout.ITEM)
    rows["code"], rows["frame"] = 0x3B, frames.frame[row]
    for name in ("kind", "state", "facing", "position_x", "position_y", "velocity_x", "velocity_y", "damage", "timer"):
        rows[name] = getattr(items, name)[row, place]
    ports = np.array([start.players[0].port, start.players[1].port, -1], np.int8)
    owner = items.owner[row, place]
    rows["owner"] = ports[owner]
    if not len(row):
        return (), carry.spawned
    ids, last, spawned = _spawn_ids(rows, row, owner, carry)
    rows["spawn_id"] = ids
    add(rows, row)
    return (last if row[-1] == len(frames.frame) - 1 else ()), spawned


def _spawn_ids(
    rows: NDArray[Any], row: NDArray[np.intp], owner: NDArray[np.int8], carry: Carry
) -> tuple[list[int], tuple[Spawned, ...], int]:
    """A number for every item, kept while it flies: the nearest of its kind and owner of the last frame is itself."""
    known: list[Spawned] = list(carry.items)
    current: list[Spawned] = []
    ids: list[int] = []
    now, spawned = 0, carry.spawned
    for at, item in enumerate(rows):
        if row[at] != now:
            known, current, now = (current if row[at] == now + 1 else []), [], int(row[at])
        kind, who = int(item["kind"]), int(owner[at])
        x, y = float(item["position_x"]), float(item["position_y"])
        same = [other for other in known if other[1] == kind and other[2] == who]
        if same:
            mine = min(same, key=lambda other: (other[3] - x) ** 2 + (other[4] - y) ** 2)
            known.remove(mine)
            number = mine[0]
        else:
            number, spawned = spawned, spawned + 1
        ids.append(number)
        current.append((number, kind, who, x + float(item["velocity_x"]), y + float(item["velocity_y"])))
    return ids, tuple(current), spawned


def _shift_jis(text: str, size: int) -> bytes:
    """Text as the start block holds it: Shift-JIS, cut at a letter, one zero byte at least behind it."""
    raw = b""
    for letter in text:
        more = letter.encode("shift_jis", "replace")
        if len(raw) + len(more) >= size:
            break
        raw += more
    return raw
