"""What peppi parsed (arrow columns) into frames: one row a frame index, rolled back rows left out, values checked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import (
    ANY_TRIGGER,
    FIRST_FRAME,
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
from exphil_rt.replays.bounds import impossible
from exphil_rt.replays.head import read_head
from exphil_rt.replays.replay import ReplayError, ReplayMeta, Rollback
from exphil_rt.replays.stages import fod_platforms, stadium_transformation

MAX_ROWS: Final = 600_000
"""Rows of one game, rolled back ones too: more than two hours."""

_HITSTUN: Final = 0x02
"""Bit of the fourth state bit field (Slippi's SPEC.md, "State Bit Flags 4")."""
_NOBODY: Final = 6
_BUTTONS: Final = 0x1F7F
"""The bits of a controller; what the game makes of sticks and triggers stands above them."""
_SLACK: Final = 0.25
"""How far outside of its range a stick or trigger may stand before it is no controller's."""
_POST = (
    ("character", "character"),
    ("state", "state"),
    ("state_age", "state_age"),
    ("facing", "direction"),
    ("percent", "percent"),
    ("shield", "shield"),
    ("stocks", "stocks"),
    ("jumps", "jumps"),
    ("airborne", "airborne"),
    ("hitlag", "hitlag"),
    ("hurtbox_state", "hurtbox_state"),
    ("l_cancel", "l_cancel"),
    ("last_attack_landed", "last_attack_landed"),
    ("combo_count", "combo_count"),
    ("ground", "ground"),
    ("animation", "animation_index"),
    ("position_x", "position.x"),
    ("position_y", "position.y"),
    ("self_x_air", "velocities.self_x_air"),
    ("self_y", "velocities.self_y"),
    ("self_x_ground", "velocities.self_x_ground"),
    ("knockback_x", "velocities.knockback_x"),
    ("knockback_y", "velocities.knockback_y"),
)
_ITEM = (
    ("kind", "type"),
    ("state", "state"),
    ("facing", "direction"),
    ("position_x", "position.x"),
    ("position_y", "position.y"),
    ("velocity_x", "velocity.x"),
    ("velocity_y", "velocity.y"),
    ("damage", "damage"),
    ("timer", "timer"),
)


class _Keep(msgspec.Struct, frozen=True):
    """Which rows of the file become frames; ``rows`` is a slice where all do, in order."""

    rows: Any
    count: int


def convert(path: Path, game: Any, rollback: Rollback) -> tuple[ReplayMeta, bytearray]:
    """The frames as one buffer for :meth:`Frames.over`, and what the replay says of itself.

    Raises:
        ReplayError: no two-player game, missing frames, or a value that no game shows.
        KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError: not laid out as Slippi says.
    """
    head, rows = read_head(path, game), game.frames
    if rows is None or len(rows) == 0:
        raise ReplayError(path, "has no frames")
    if len(rows) > MAX_ROWS:
        raise ReplayError(path, f"has {len(rows)} rows, more than {MAX_ROWS}")
    keep, final, frame = _frames_of(path, _array(rows, "id"), rollback)
    buffer = bytearray(Frames.nbytes((keep.count,)))
    frames = Frames.over(memoryview(buffer), (keep.count,))
    frames.frame[:] = frame
    frames.stage[:] = head.stage
    frames.nanas.last_hit_by[:] = _NOBODY
    to_player = {player.port: index for index, player in enumerate(head.players)}
    seed = hashlib.blake2b(repr((game.start["random_seed"], head.stage, keep.count)).encode(), digest_size=16)
    for index, player in enumerate(head.players):
        port = rows.field("ports").field(f"P{player.port + 1}")
        leader = port.field("leader")
        _fill_player(frames.players[:, index], leader, keep, to_player)
        _fill_controllers(frames.controllers[:, index], leader, keep, player.cpu)
        _digest(seed, leader.field("pre"), final)
        if (follower := _field(port, "follower")) is not None:
            _fill_player(frames.nanas[:, index], follower, keep, to_player)
            # the physical ones are her leader's: she is led by the game
            _fill_controllers(frames.nana_controllers[:, index], follower, keep, cpu=True)
    _fill_items(frames.items, rows, keep, to_player)
    _fill_stage(frames, rows, keep)
    if wrong := impossible(frames):
        raise ReplayError(path, wrong)
    mostly = [int(np.bincount(frames.players.character[:, side]).argmax()) for side in range(PLAYERS)]
    players = tuple(
        msgspec.structs.replace(player, character=character)
        for player, character in zip(head.players, mostly, strict=True)
    )
    method = "".join(f"_{c.lower()}" if c.isupper() else c for c in (game.end or {}).get("method", "Missing"))
    told = {name: getattr(head, name) for name in head.__struct_fields__}
    told |= {"players": players, "frames": keep.count}
    meta = ReplayMeta(**told, rows=len(rows), end_method=method.lstrip("_"), digest=seed.hexdigest())
    return meta, buffer


def _frames_of(path: Path, ids: NDArray[Any], rollback: Rollback) -> tuple[_Keep, _Keep, NDArray[Any]]:
    """The rows to keep, the rows of what really happened, and the frame index of each."""
    every = np.arange(FIRST_FRAME, FIRST_FRAME + len(ids), dtype=np.int32)
    if np.array_equal(ids, every):
        whole = _Keep(slice(None), len(ids))
        return whole, whole, every
    first, last = _rows(ids, "first"), _rows(ids, "last")
    frame = ids[first]
    if frame[0] != FIRST_FRAME or (np.diff(frame) != 1).any():
        raise ReplayError(path, "has missing frames")
    kept = {"first": _Keep(first, len(first)), "last": _Keep(last, len(last))}
    return kept[rollback], kept["last"], frame


def _rows(ids: NDArray[Any], rollback: Rollback) -> NDArray[Any]:
    """Row of each frame index, ascending: the first or the last one that has it."""
    if rollback == "first":
        return np.unique(ids, return_index=True)[1]
    return len(ids) - 1 - np.unique(ids[::-1], return_index=True)[1]


def _field(struct: Any, name: str) -> Any:
    """A field of an arrow struct, or None where this version of Slippi did not record it."""
    return struct.field(name) if struct.type.get_field_index(name) >= 0 else None


def _array(struct: Any, path: str) -> Any:
    """The numpy array at a dotted path, or None."""
    for name in path.split("."):
        if struct is None:
            return None
        struct = _field(struct, name)
    return None if struct is None else struct.to_numpy(zero_copy_only=False)


def _there(struct: Any) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = struct.is_valid().to_numpy(zero_copy_only=False)
    return found


def _put(out: NDArray[Any], values: Any, keep: _Keep, absent: NDArray[np.bool_] | None) -> None:
    """Kept rows of ``values`` into ``out``, 0 where the fighter is absent (None: it is always there)."""
    if values is None:
        return
    kept = values[keep.rows]
    if absent is not None:
        kept = np.where(absent, 0, kept)
    if kept.dtype.kind == "f" and out.dtype.kind != "f" and not np.isfinite(kept).all():
        raise ValueError("a column has gaps")  # arrow's nulls, where the fighter is there
    out[:] = kept


def _fill_player(out: PlayerColumns, data: Any, keep: _Keep, to_player: dict[int, int]) -> None:
    post = data.field("post")
    exists = _there(data)[keep.rows]
    out.exists[:] = exists
    absent = None if exists.all() else ~exists
    for name, source in _POST:
        _put(getattr(out, name), _array(post, source), keep, absent)
    np.sign(out.facing, out=out.facing)
    hitter = _array(post, "last_hit_by")[keep.rows]
    out.last_hit_by[:] = _NOBODY
    for port, player in to_player.items():
        out.last_hit_by[exists & (hitter == port)] = player
    if (flags := _field(post, "state_flags")) is not None:
        for bit in range(out.flags.shape[-1]):
            _put(out.flags[:, bit], _array(flags, str(bit)), keep, absent)
        # Slippi's misc value means something else in every other state.
        hitstun = (out.flags[:, 3] & _HITSTUN) != 0
        if (misc := _array(post, "misc_as")) is not None and hitstun.any():
            out.hitstun[hitstun] = misc[keep.rows][hitstun]


def _fill_controllers(out: Controllers, data: Any, keep: _Keep, cpu: bool) -> None:
    pre, exists = data.field("pre"), _there(data)[keep.rows]
    absent = None if exists.all() else ~exists
    sources = [("trigger", "triggers")]
    # Who the game itself moves touches no controller: its buttons stand among those that were used, in the same bits.
    buttons = _array(pre, "buttons" if cpu else "buttons_physical")
    used = np.zeros(0, np.int64)
    if cpu and buttons is not None:
        used = np.where(_there(data), buttons, 0).astype(np.int64)  # arrow's gaps are nan
        buttons = used & _BUTTONS
    _put(out.buttons, buttons, keep, absent)
    for axis in ("x", "y"):
        sources += [(f"{stick}_{axis}", f"{stick}.{axis}") for stick in ("joystick", "cstick")]
        sources.append((f"raw_{axis}", f"raw_analog_{axis}"))
    for name, source in sources:
        _put(getattr(out, name), _array(pre, source), keep, absent)
    if len(used):
        out.trigger[((used[keep.rows] & ANY_TRIGGER) != 0) & (out.trigger == 0)] = LIGHT_PRESS
    for low, values in (
        *((-1.0, stick) for stick in (out.joystick_x, out.joystick_y, out.cstick_x, out.cstick_y)),
        (0.0, out.trigger),
    ):
        if values.max() <= 1.0 + _SLACK and values.min() >= low - _SLACK:  # else it is not a controller's value
            np.clip(values, low, 1.0, out=values)


def _events(rows: Any, name: str) -> tuple[Any, NDArray[Any], NDArray[Any]]:
    """(values, row of each, place of each in its row) of a list column; values is None where there is none."""
    empty = np.zeros(0, np.int64)
    column = _field(rows, name)
    if column is None or len(column.values) == 0:
        return None, empty, empty
    offsets = column.offsets.to_numpy()
    row = np.repeat(np.arange(len(column)), np.diff(offsets))
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    return values, row, np.arange(len(row)) - (offsets[row] - offsets[0])


def _fill_items(out: ItemColumns, rows: Any, keep: _Keep, to_player: dict[int, int]) -> None:
    out.owner[:] = -1
    values, row, place = _events(rows, "item")
    if values is None:
        return
    at = np.full(len(rows), -1)
    at[keep.rows] = np.arange(keep.count)
    wanted = (at[row] >= 0) & (place < MAX_ITEMS)
    where = at[row[wanted]], place[wanted]
    out.exists[where] = 1
    for name, source in _ITEM:
        getattr(out, name)[where] = _array(values, source)[wanted]
    if (owner := _array(values, "owner")) is not None:
        player = np.full(256, -1, np.int8)
        for port, index in to_player.items():
            player[port] = index
        out.owner[where] = player[owner[wanted].astype(np.uint8)]


def _fill_stage(frames: Frames, rows: Any, keep: _Keep) -> None:
    stage = int(frames.stage[0])
    if stage == Stage.YOSHIS_STORY:
        frames.randall[:] = randall(frames.frame)
    elif stage == Stage.FOUNTAIN_OF_DREAMS and _field(rows, "fod_platform") is not None:
        values, row, _ = _events(rows, "fod_platform")
        which, height = (_array(values, name) if values is not None else row for name in ("platform", "height"))
        frames.platforms[:] = fod_platforms(row, which, height, keep.rows, len(rows))
    elif stage == Stage.POKEMON_STADIUM and _field(rows, "stadium_transformation") is not None:
        values, row, _ = _events(rows, "stadium_transformation")
        frames.stadium[:] = stadium_transformation(
            row, _array(values, "type") if values is not None else row, keep.rows, len(rows)
        )


def _digest(digest: Any, pre: Any, final: _Keep) -> None:
    for name in ("joystick.x", "joystick.y", "cstick.x", "cstick.y", "triggers", "buttons_physical"):
        digest.update(np.ascontiguousarray(_array(pre, name)[final.rows]))
