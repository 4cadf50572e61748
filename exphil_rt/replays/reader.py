"""One .slp file into frames, through peppi (https://github.com/hohav/peppi). In this process: see ``pool`` for many.

A file that peppi refuses, or that is no two-player game, raises ReplayError with the reason. Peppi's Rust panics
arrive as BaseException; a hang or a crash of the parser takes this process with it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import FIRST_FRAME, MAX_ITEMS, PLAYERS, Controllers, Frames, ItemColumns, PlayerColumns
from exphil_rt.game.ids import NUM_CHARACTERS, NUM_STAGES, Stage
from exphil_rt.replays.replay import PlayerMeta, Replay, ReplayError, ReplayMeta, Rollback
from exphil_rt.replays.stages import fod_platforms, randall, stadium_transformation

MAX_FILE_BYTES: Final = 256 << 20
MAX_ROWS: Final = 600_000
"""Rows of one game, rolled back ones too: more than two hours."""

_HITSTUN: Final = 0x02
"""Bit of the fourth state bit field (Slippi's SPEC.md, "State Bit Flags 4")."""
_NOBODY: Final = 6
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


def read_replay(path: Path | str, *, rollback: Rollback) -> Replay:
    """Read one file in this process.

    Args:
        path: a .slp file.
        rollback: which row to keep of a frame that was simulated again: ``first`` to learn from, ``last`` for what
            really happened.

    Raises:
        ReplayError: the file is broken, too large, or not a two-player game.
    """
    meta, buffer = read_buffer(Path(path), rollback)
    return Replay(Path(path), Frames.over(memoryview(buffer), (meta.frames,)), meta)


def read_buffer(path: Path, rollback: Rollback) -> tuple[ReplayMeta, bytearray]:
    """As :func:`read_replay`, with the frames as one buffer for :meth:`Frames.over`."""
    if rollback not in ("first", "last"):
        raise ValueError(f"rollback is {rollback!r}, not 'first' or 'last'")
    try:
        _check_file(path)
        return _convert(path, _parse(path), rollback)
    except ReplayError:
        raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise ReplayError(path, f"is not laid out as Slippi says ({type(error).__name__}: {error})") from error


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise ReplayError(path, f"cannot be opened ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(found.st_mode):
        raise ReplayError(path, "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a file")
    if found.st_size == 0:
        raise ReplayError(path, "is empty")
    if found.st_size > MAX_FILE_BYTES:
        raise ReplayError(path, f"is larger than {MAX_FILE_BYTES >> 20} MB")


def _parse(path: Path) -> Any:
    from peppi_py._peppi import read_slippi

    try:
        return read_slippi(os.fspath(path), False)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # pyo3's PanicException is no Exception
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ReplayError(path, f"cannot be parsed ({reason})") from error


def _convert(path: Path, game: Any, rollback: Rollback) -> tuple[ReplayMeta, bytearray]:
    start, rows = game.start, game.frames
    players = sorted(start["players"], key=lambda player: str(player["port"]))
    if len(players) != PLAYERS:
        raise ReplayError(path, f"has {len(players)} players, and only two-player games are read")
    if start["stage"] >= NUM_STAGES:
        raise ReplayError(path, f"is played on stage {start['stage']}, which is no stage of versus mode")
    if rows is None or len(rows) == 0:
        raise ReplayError(path, "has no frames")
    if len(rows) > MAX_ROWS:
        raise ReplayError(path, f"has {len(rows)} rows, more than {MAX_ROWS}")
    ids = _array(rows, "id")
    keep, final = _rows(ids, "first"), _rows(ids, "last")
    frame = ids[keep]
    if frame[0] != FIRST_FRAME or (np.diff(frame) != 1).any():
        raise ReplayError(path, "has missing frames")
    if rollback == "last":
        keep = final
    buffer = bytearray(Frames.nbytes((len(keep),)))
    frames = Frames.over(memoryview(buffer), (len(keep),))
    frames.frame[:] = frame
    frames.stage[:] = start["stage"]
    ports = [str(player["port"]) for player in players]
    to_player = {int(name[1]) - 1: index for index, name in enumerate(ports)}
    digest = hashlib.blake2b(repr((start["random_seed"], start["stage"], len(final))).encode(), digest_size=16)
    for index, name in enumerate(ports):
        port = rows.field("ports").field(name)
        leader = port.field("leader")
        _fill_player(frames.players[:, index], leader, keep, to_player)
        _fill_controllers(frames.controllers[:, index], leader, keep)
        _digest(digest, leader.field("pre"), final)
        if (follower := _field(port, "follower")) is not None:
            _fill_player(frames.nanas[:, index], follower, keep, to_player)
    _fill_items(frames.items, rows, keep, to_player)
    _fill_stage(frames, rows, keep)
    for fighters in (frames.players, frames.nanas):
        if fighters.character.max() >= NUM_CHARACTERS:
            raise ReplayError(path, f"names character {fighters.character.max()}, which Melee does not have")
    for name, values in frames.arrays().items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ReplayError(path, f"has numbers in {name} that are not finite")
    return _meta(game, players, frames, len(rows), digest.hexdigest()), buffer


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


def _fill_player(out: PlayerColumns, data: Any, keep: NDArray[Any], to_player: dict[int, int]) -> None:
    post = data.field("post")
    exists = _there(data)[keep]
    out.exists[:] = exists
    for name, source in _POST:
        if (values := _array(post, source)) is not None:
            getattr(out, name)[:] = np.where(exists, values[keep], 0)
    out.facing[:] = np.sign(out.facing)
    hitter = _array(post, "last_hit_by")[keep]
    out.last_hit_by[:] = _NOBODY
    for port, player in to_player.items():
        out.last_hit_by[exists & (hitter == port)] = player
    if (flags := _field(post, "state_flags")) is not None:
        for bit in range(out.flags.shape[-1]):
            out.flags[:, bit] = np.where(exists, _array(flags, str(bit))[keep], 0)
        # Slippi's misc value means something else in every other state.
        hitstun = exists & ((out.flags[:, 3] & _HITSTUN) != 0)
        if (misc := _array(post, "misc_as")) is not None:
            out.hitstun[:] = np.where(hitstun, misc[keep], 0)


def _fill_controllers(out: Controllers, data: Any, keep: NDArray[Any]) -> None:
    pre, exists = data.field("pre"), _there(data)[keep]
    sources = [("buttons", "buttons_physical"), ("trigger", "triggers")]
    for axis in ("x", "y"):
        sources += [(f"{stick}_{axis}", f"{stick}.{axis}") for stick in ("joystick", "cstick")]
        sources.append((f"raw_{axis}", f"raw_analog_{axis}"))
    for name, source in sources:
        if (values := _array(pre, source)) is not None:
            getattr(out, name)[:] = np.where(exists, values[keep], 0)
    for stick in (out.joystick_x, out.joystick_y, out.cstick_x, out.cstick_y):
        np.clip(stick, -1, 1, out=stick)
    np.clip(out.trigger, 0, 1, out=out.trigger)


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


def _fill_items(out: ItemColumns, rows: Any, keep: NDArray[Any], to_player: dict[int, int]) -> None:
    out.owner[:] = -1
    values, row, place = _events(rows, "item")
    if values is None:
        return
    at = np.full(len(rows), -1)
    at[keep] = np.arange(len(keep))
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


def _fill_stage(frames: Frames, rows: Any, keep: NDArray[Any]) -> None:
    stage = int(frames.stage[0])
    if stage == Stage.YOSHIS_STORY:
        frames.randall[:] = randall(frames.frame)
    elif stage == Stage.FOUNTAIN_OF_DREAMS and _field(rows, "fod_platform") is not None:
        values, row, _ = _events(rows, "fod_platform")
        which, height = (_array(values, name) if values is not None else row for name in ("platform", "height"))
        frames.platforms[:] = fod_platforms(row, which, height, keep, len(rows))
    elif stage == Stage.POKEMON_STADIUM and _field(rows, "stadium_transformation") is not None:
        values, row, _ = _events(rows, "stadium_transformation")
        frames.stadium[:] = stadium_transformation(
            row, _array(values, "type") if values is not None else row, keep, len(rows)
        )


def _digest(digest: Any, pre: Any, final: NDArray[Any]) -> None:
    for name in ("joystick.x", "joystick.y", "cstick.x", "cstick.y", "triggers", "buttons_physical"):
        digest.update(np.ascontiguousarray(_array(pre, name)[final]).tobytes())


def _text(value: Any) -> str:
    return unicodedata.normalize("NFKC", value).strip()[:64] if isinstance(value, str) else ""


def _player(player: dict[str, Any], metadata: dict[str, Any], character: int) -> PlayerMeta:
    port = int(player["port"][1]) - 1
    named = ((metadata.get("players") or {}).get(str(port)) or {}).get("names") or {}
    netplay = player.get("netplay") or {}
    return PlayerMeta(
        port=port,
        character=character,
        cpu=player["type"] != "Human",
        cpu_level=int(player.get("cpu_level") or 0),
        stocks=int(player["stocks"]),
        costume=int(player["costume"]),
        code=(_text(netplay.get("code")) or _text(named.get("code"))).upper(),
        name=_text(netplay.get("name")) or _text(named.get("netplay")) or _text(player.get("name_tag")),
    )


def _meta(game: Any, players: list[dict[str, Any]], frames: Frames, rows: int, digest: str) -> ReplayMeta:
    start, metadata = game.start, game.metadata or {}
    mostly = [int(np.bincount(frames.players.character[:, side]).argmax()) for side in range(PLAYERS)]
    first, second = (_player(player, metadata, mostly[side]) for side, player in enumerate(players))
    match = start.get("match") or {}
    method = "".join(f"_{c.lower()}" if c.isupper() else c for c in (game.end or {}).get("method", "Missing"))
    return ReplayMeta(
        version=tuple(start["slippi"]["version"]),
        stage=int(start["stage"]),
        players=(first, second),
        frames=len(frames.frame),
        rows=rows,
        end_method=method.lstrip("_"),
        digest=digest,
        match_id=f"{match['id']}/{match['game']}/{match['tiebreaker']}" if match.get("id") else "",
        started_at=_text(metadata.get("startAt")),
        played_on=_text(metadata.get("playedOn")),
        frozen_stadium=bool(start.get("is_frozen_ps")),
    )
