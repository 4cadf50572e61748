"""The rollout loop's state on disk, so that a deterministic run goes on bit for bit.

Only what the training games' future depends on: their games in the lane, pending actions, recurrent states, games in
play and waiting, and the row already written. Rated games and the exhibition start anew. Taken at a rollout's
boundary, between two ticks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load
from safetensors.numpy import save as pack

from exphil_rt.errors import ExphilError
from exphil_rt.messages.rollout import GameSpec, LoadPolicy
from exphil_rt.rollout.experience import IDLE, Steps
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.rollout.recording import setup_of
from exphil_rt.sim import EmbeddedLane
from exphil_rt.sim.state import SAVED

FORMAT: Final = 1


class SnapshotInvalid(ExphilError):
    """A loop state that cannot be written here or restored."""


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a snapshot that is not arrays."""

    format: int
    physics: str
    games: int
    steps: int
    update: int
    playing: list[GameSpec | None]
    waiting: list[GameSpec | None]
    policies: tuple[LoadPolicy, ...]


def save(loop: RolloutLoop, path: Path, policies: Sequence[LoadPolicy] = ()) -> None:
    """Write the loop's state to ``path``, whole or not at all.

    Args:
        policies: how the policies that its games name were loaded; kept for :func:`policies_of`.

    Raises:
        SnapshotInvalid: within a rollout, or for a lane that cannot save games.
        OSError: disk full and the like.
    """
    lane, collector, table, games = loop.lane, loop.collector, loop.table, loop.games
    if not isinstance(lane, EmbeddedLane) or collector is None or collector.row != 1:
        raise SnapshotInvalid("A loop's state is saved between two rollouts of the embedded game only.")
    row, state, committed, mask = collector.first_row()
    arrays: dict[str, NDArray[Any]] = {f"row.{name}": value for name, value in row.arrays().items()}
    arrays |= {"state": state, "committed": committed, "mask": mask, "ended": table.ended, "reset": table.reset}
    arrays["lane"] = np.stack([np.frombuffer(lane.save(slot).tobytes(), np.uint8) for slot in range(games)])
    frame = lane.frames(np.arange(games, dtype=np.int32)).frame
    arrays |= {"frame": frame, "game_id": table.game_id[:games], "learn": table.learn[:games]}
    arrays |= {"version": table.version[:games]}
    arrays |= {f"seats.{name}": value for name, value in loop.seats.export(games, frame).items()}
    head = _Head(
        format=FORMAT,
        physics=lane.physics,
        games=games,
        steps=collector.shape.steps,
        update=loop.update,
        playing=table.specs[:games],
        waiting=table.waiting[:games],
        policies=tuple(policies),
    )
    data = pack(
        {name: np.ascontiguousarray(value) for name, value in arrays.items()},
        metadata={"head": msgspec.json.encode(head).decode()},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with staging.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        staging.rename(path)
    finally:
        staging.unlink(missing_ok=True)


def restore(loop: RolloutLoop, path: Path) -> None:
    """Put a saved state into a fresh loop of the same shape, whose collector has a free slot.

    The policies that its games name must be loaded.

    Raises:
        SnapshotInvalid: where the state is missing, damaged or of another run's shape; the loop is of no use then.
    """
    lane, collector, table, games = loop.lane, loop.collector, loop.table, loop.games
    head, arrays = _read(path)
    if not isinstance(lane, EmbeddedLane) or collector is None:
        raise SnapshotInvalid("A loop's state is restored into a loop that trains in the embedded game only.")
    if (head.format, head.physics, head.games, head.steps) != (FORMAT, lane.physics, games, collector.shape.steps):
        raise SnapshotInvalid(
            f"The loop's state {path} is of {head.games} games, {head.steps} steps and physics {head.physics}.",
            hint="Resume with the settings of the run.",
        )
    loop.set_current(head.update)
    for slot, game in enumerate(head.playing):
        if game is not None:
            table.assign(slot, game)
        if game is not None or arrays["ended"][slot] != IDLE:
            lane.restore(slot, arrays["lane"][slot].view(SAVED).reshape(()), None if game is None else setup_of(game))
    table.ended[:] = arrays["ended"]
    table.reset[:] = arrays["reset"]
    for slot, game in enumerate(head.waiting):
        if game is not None:
            table.assign(slot, game)
    table.game_id[:games], table.learn[:games] = arrays["game_id"], arrays["learn"]
    table.version[:games] = arrays["version"]
    loop.seats.load_export(
        {name.removeprefix("seats."): value for name, value in arrays.items() if name.startswith("seats.")},
        arrays["frame"],
    )
    row = Steps.allocate((games,))
    for name, value in row.arrays().items():
        value[...] = arrays[f"row.{name}"]
    collector.resume(row, arrays["state"], arrays["committed"], arrays["mask"])


def policies_of(path: Path) -> tuple[LoadPolicy, ...]:
    """How the policies that a saved state names were loaded.

    Raises:
        SnapshotInvalid: where it cannot be read.
    """
    return _read(path)[0].policies


def _read(path: Path) -> tuple[_Head, dict[str, NDArray[Any]]]:
    try:
        data = path.read_bytes()
        arrays = load(data)
        length = int.from_bytes(data[:8], "little")
        header = msgspec.json.decode(data[8 : 8 + length], type=dict[str, Any])
        return msgspec.json.decode(header["__metadata__"]["head"], type=_Head), arrays
    except (OSError, SafetensorError, msgspec.MsgspecError, KeyError) as error:
        raise SnapshotInvalid(f"The loop's state {path} cannot be read: {error}.") from None
