"""Windows played: from the records of their first frame, with the recorded inputs of all fighters, for 60 frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.lane import GameSetup
from exphil_rt.sim.fidelity.hits import Contacts
from exphil_rt.sim.fidelity.recording import PADS, Recording, merged
from exphil_rt.sim.fidelity.windows import WINDOW
from exphil_rt.sim.lane import EmbeddedLane
from exphil_rt.sim.state import FIGHTERS

TOLERANCE: Final = 1.0
"""World units that a fighter may be off."""
_BATCH: Final = 2048
ECHO: Final = ("buttons", "joystick_x", "joystick_y", "cstick_x", "cstick_y", "trigger")
"""Columns of a pad in the order in which a follower is fed."""
MARKS: Final = (10, 30, 60)


@dataclass(frozen=True, slots=True)
class Followed:
    """What became of windows ``[W]`` and their fighters: two players, then their followers."""

    alive: NDArray[np.int16]  # [W, 4] frames within a unit, at most 60
    equal: NDArray[np.bool_]  # [W, 4, 3] same state at +10, +30, +60
    error: NDArray[np.float32]  # [W, 4, 3] distance there
    cause: NDArray[np.int16]  # [W, 4, 4] at the first difference: offset, last state, recorded state, own state
    contact: NDArray[Any]  # CONTACT [W, 2] by victim


def follow(recording: Recording, windows: NDArray[np.int32], records: NDArray[Any]) -> Followed:
    """Play the windows ``[W, 2]`` (row, game) from their ``records`` ``[W]``."""
    parts = [
        _batch(recording, windows[n : n + _BATCH], records[n : n + _BATCH]) for n in range(0, len(windows), _BATCH)
    ]
    if not parts:
        parts = [_batch(recording, windows, records)]
    return Followed(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Followed.__dataclass_fields__)
    )


def paths(recording: Recording, window: NDArray[np.int32], record: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Recorded and simulated places ``[61, 2, 2]`` (frame, player, x and y) of one window."""
    row, game = (int(value) for value in window)
    body = recording.body
    real = np.stack([body[name][row : row + WINDOW + 1, game, :2] for name in ("position_x", "position_y")], axis=-1)
    lane = _load(record.reshape(1))
    mine = [np.stack([lane.players["x"][0], lane.players["y"][0]], axis=-1)]
    for offset in range(1, WINDOW + 1):
        _step(lane, recording, np.array([row]), np.array([game]), offset)
        mine.append(np.stack([lane.players["x"][0], lane.players["y"][0]], axis=-1))
    lane.close()
    return real, np.stack(mine)


def _load(records: NDArray[Any]) -> EmbeddedLane:
    count = len(records)
    lane = EmbeddedLane(max(count, 1))
    for slot in range(count):
        lane.start(slot, GameSetup(game_id=slot, stage=int(records["game"]["stage_id"][slot]), characters=(1, 1)))
    lane.games[:count] = records["game"]
    lane.players[:count] = records["players"]
    lane.followers[:count] = records["followers"]
    return lane


def every(lane: EmbeddedLane, slots: NDArray[Any]) -> NDArray[Any]:
    """A copy of the records ``[S, FIGHTERS]`` of ``slots``: players, then followers."""
    return np.concatenate([lane.players[slots], lane.followers[slots]], axis=1)


def feed(lane: EmbeddedLane, slots: NDArray[Any], pads: dict[str, NDArray[Any]], row: Any, game: Any) -> None:
    """Give ``slots`` the recorded inputs of ``row`` and ``game``; a follower is fed hers."""
    for name in PADS:
        getattr(lane.pads, name)[slots] = pads[name][row, game][:, :2]
    led = np.flatnonzero(lane.games["fighters"][slots] > 2)
    if len(led):
        for field, name in enumerate(ECHO):
            lane.games["fed"][slots[led], :, field] = pads[name][row, game][led][:, 2:]


def _step(lane: EmbeddedLane, recording: Recording, row: NDArray[Any], game: NDArray[Any], offset: int) -> None:
    slots = np.arange(len(row), dtype=np.int32)
    feed(lane, slots, recording.pads, row + offset, game)
    lane.step(slots, 1, watch=False)


def _batch(recording: Recording, windows: NDArray[np.int32], records: NDArray[Any]) -> Followed:
    count = len(windows)
    row, game = windows.T
    body = recording.body
    alive = np.full((count, FIGHTERS), WINDOW, np.int16)
    equal = np.zeros((count, FIGHTERS, 3), bool)
    error = np.zeros((count, FIGHTERS, 3), np.float32)
    cause = np.full((count, FIGHTERS, 4), -1, np.int16)
    hits = Contacts(count)
    lane = _load(records)
    for offset in range(1, WINDOW + 1):
        _step(lane, recording, row, game, offset)
        mine = every(lane, np.arange(count))
        off = np.maximum(
            np.abs(mine["x"] - body["position_x"][row + offset, game]),
            np.abs(mine["y"] - body["position_y"][row + offset, game]),
        )
        off = np.where(np.isfinite(off), off, 1e6)
        states, real = merged(mine["state"]), recording.merged[row + offset, game]
        alive = np.where((off > TOLERANCE) & (alive == WINDOW), offset - 1, alive)
        if offset in MARKS:
            equal[:, :, MARKS.index(offset)] = states == real
            error[:, :, MARKS.index(offset)] = off
        new = (cause[:, :, 0] < 0) & ((states != real) | (off > TOLERANCE))
        if new.any():
            cause[new, 0] = offset
            cause[new, 1] = body["state"][row + offset - 1, game][new]
            cause[new, 2] = body["state"][row + offset, game][new]
            cause[new, 3] = mine["state"][new]
        hits.see(offset, mine[:, :2], records, body, row, game)
    lane.close()
    return Followed(alive.astype(np.int16), equal, error, cause, hits.judged())
