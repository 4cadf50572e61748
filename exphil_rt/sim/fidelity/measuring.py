"""Measuring recorded games: which windows and frames there are, what became of them, and the table of it.

Works on Frames; who read them from where is the caller's business. Counted are games of two fighters whose recording
holds hitlag and velocities (Slippi 3.8 on); :func:`refusal` says why another one is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import PLAYABLE, Character, character_name, stage_name
from exphil_rt.game.states import state_name
from exphil_rt.sim.fidelity import figures
from exphil_rt.sim.fidelity.figures import Figures
from exphil_rt.sim.fidelity.hits import CONTACT, FALSE, MET, NONE, VERDICTS
from exphil_rt.sim.fidelity.recording import Recording
from exphil_rt.sim.fidelity.rollout import follow
from exphil_rt.sim.fidelity.track import Tracker
from exphil_rt.sim.fidelity.windows import CLASSES, FIRST_ROW, WINDOW, choose, classes, describe
from exphil_rt.sim.state import FIGHTERS

VERSION: Final = (3, 8, 0)
"""First version of Slippi that records hitlag and velocities."""
_TOGETHER: Final = 24
"""Games followed at once: bounds the memory."""

WINDOWS: Final = np.dtype(
    [
        ("game", np.int32), ("row", np.int32), ("port", np.int8), ("fighter", np.int8), ("versus", np.int8),
        ("stage", np.int8), ("kind", np.int8), ("moving", np.bool_), ("nana", np.bool_), ("alive", np.int16),
        ("equal", np.bool_, (3,)),
        ("error", np.float32, (3,)), ("cause", np.int16, (4,)), ("contact", CONTACT),
    ]
)  # fmt: skip
FRAMES: Final = np.dtype(
    [("fighter", np.int8), ("versus", np.int8), ("stage", np.int8), ("kind", np.int8), ("state", np.int16),
     ("before", np.int16), ("foretold", np.int16), ("exact", np.bool_)]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples: ``windows`` WINDOWS (one for each player of a window), ``frames`` FRAMES (each player and frame).

    ``followers`` are the Ice Climbers' Nana's own windows, which count nowhere else.
    """

    windows: NDArray[Any]
    frames: NDArray[Any]
    followers: NDArray[Any] = field(default_factory=lambda: np.zeros(0, WINDOWS))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: a group by its kind (``fighter``, ``stage``, ``class``, ...) and name."""

    group: str
    name: str
    figures: Figures


def refusal(frames: Frames, version: tuple[int, int, int]) -> str:
    """Why a two-player recording is not counted; empty where it is."""
    if version < VERSION:
        return f"recorded by Slippi {'.'.join(map(str, version))}: hitlag and velocities are there from 3.8 on"
    if not np.isin(frames.players.character, np.array(PLAYABLE)).all():
        return "has a fighter that the embedded game does not have"
    if len(frames.frame) <= FIRST_ROW + 1:
        return "is over before it began"
    if not frames.players.self_y.any():
        return "holds no velocities"
    return ""


def measure(games: Sequence[Frames], told: Callable[[int, int], None] | None = None) -> Measured:
    """Follow recorded games (whole, from frame -123 on).

    Args:
        games: the frames of each, one row for each frame index (of a rollback the last).
        told: called as ``(games done, games)``.
    """
    windows: list[NDArray[Any]] = []
    frames: list[NDArray[Any]] = []
    followers: list[NDArray[Any]] = []
    order = sorted(range(len(games)), key=lambda n: len(games[n].frame))
    for first in range(0, len(order), _TOGETHER):
        chosen = order[first : first + _TOGETHER]
        recording = Recording.of([games[n] for n in chosen])
        some_windows, some_frames, some_followers = _measure(recording, np.array(chosen, np.int32))
        windows.append(some_windows)
        frames.append(some_frames)
        followers.append(some_followers)
        if told is not None:
            told(first + len(chosen), len(games))
    empty = Measured(np.zeros(0, WINDOWS), np.zeros(0, FRAMES))
    return Measured(
        np.concatenate([empty.windows, *windows]),
        np.concatenate([empty.frames, *frames]),
        np.concatenate([empty.followers, *followers]),
    )


def _measure(recording: Recording, numbers: NDArray[np.int32]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    tracker = Tracker(recording)
    wanted = choose(recording, tracker.num_states)
    tracked = tracker.walk(wanted)
    kind, moving = describe(recording, wanted)
    found = follow(recording, wanted, tracked.records)
    row, game = wanted.T
    windows = np.zeros((len(wanted), FIGHTERS), WINDOWS)
    who = recording.body["character"][row, game]
    windows["game"], windows["row"] = numbers[game][:, None], row[:, None]
    windows["port"] = np.arange(FIGHTERS) % 2
    windows["fighter"], windows["versus"] = who, who[:, [1, 0, 1, 0]]
    windows["stage"] = recording.stage[game][:, None]
    windows["kind"], windows["moving"] = kind, moving
    windows["nana"] = recording.nana[row, game][:, None]
    windows["alive"], windows["equal"], windows["error"] = found.alive, found.equal, found.error
    windows["cause"] = found.cause
    # a hit counts for the one who gave it
    windows["contact"][:, :2] = found.contact[:, ::-1]
    exists = recording.body["exists"] != 0
    there = (exists[row, game] & exists[row + WINDOW, game])[:, 2:]
    return windows[:, :2].reshape(-1), _frames(recording, tracked.exact, tracked.foretold), windows[:, 2:][there]


def _frames(recording: Recording, exact: NDArray[np.bool_], foretold: NDArray[np.int16]) -> NDArray[Any]:
    body = recording.body
    every = classes(recording)
    parts = []
    for game, length in enumerate(recording.length):
        rows = np.arange(FIRST_ROW, length)
        there = (body["exists"][rows, game, :2] != 0).all(axis=1) & (body["exists"][rows - 1, game, :2] != 0).all(
            axis=1
        )
        rows = rows[there]
        part = np.zeros((len(rows), 2), FRAMES)
        who = body["character"][rows, game, :2]
        part["fighter"], part["versus"], part["stage"] = who, who[:, ::-1], recording.stage[game]
        part["kind"] = np.maximum(every[rows, game, :2], every[rows - 1, game, :2])
        part["state"], part["before"] = body["state"][rows, game, :2], body["state"][rows - 1, game, :2]
        part["foretold"], part["exact"] = foretold[rows, game], exact[rows, game]
        parts.append(part.reshape(-1))
    return np.concatenate(parts) if parts else np.zeros(0, FRAMES)


def table(measured: Measured, fighter: int | None = None) -> list[Line]:
    """The lines of the report, for all fighters or one: totals, classes of moving windows, fighters, stages."""
    windows, frames = measured.windows, measured.frames
    if fighter is not None:
        windows, frames = windows[windows["fighter"] == fighter], frames[frames["fighter"] == fighter]
    moving, idle = windows[windows["moving"]], windows[~windows["moving"]]
    herself = measured.followers if fighter in (None, Character.POPO) else measured.followers[:0]
    lines = [
        Line(group="all", name="moving windows", figures=figures.of(moving, frames)),
        Line(group="all", name="idle windows", figures=figures.of(idle, frames[:0])),
        Line(group="all", name="moving, no Nana", figures=figures.of(moving[~moving["nana"]], frames[:0])),
        Line(group="all", name="Nana herself", figures=figures.of(herself[herself["moving"]], frames[:0])),
    ]
    for number, name in enumerate(CLASSES):
        some = figures.of(moving[moving["kind"] == number], frames[frames["kind"] == number])
        lines.append(Line(group="class", name=name, figures=some))
    for who in PLAYABLE:
        if fighter in (None, int(who)):
            some = figures.of(moving[moving["fighter"] == who], frames[frames["fighter"] == who])
            lines.append(Line(group="fighter", name=character_name(who), figures=some))
    for stage in np.unique(windows["stage"]):
        some = figures.of(moving[moving["stage"] == stage], frames[frames["stage"] == stage])
        lines.append(Line(group="stage", name=stage_name(int(stage)), figures=some))
    return lines


def by_move(measured: Measured, most: int = 40) -> list[Line]:
    """Lines by fighter and action state, those with the most frames that were not foretold first.

    Their windows are those that first went wrong in that state.
    """
    windows, frames = measured.windows, measured.frames
    wrong = frames[~frames["exact"]]
    worst = Counter(zip(wrong["fighter"].tolist(), wrong["before"].tolist(), strict=True)).most_common(most)
    lines = []
    for (who, state), _ in worst:
        broke = windows[(windows["fighter"] == who) & (windows["cause"][:, 1] == state)]
        seen = frames[(frames["fighter"] == who) & (frames["before"] == state)]
        name = f"{character_name(who)} {state_name(state)}"
        lines.append(Line(group="move", name=name, figures=figures.of(broke, seen)))
    return lines


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What the recording did and the game did not, where moving windows first differ."""

    fighter: str
    state: str
    recorded: str
    simulated: str
    windows: int
    lost: int
    """Of them, windows that left the unit."""


def by_cause(measured: Measured, most: int = 40) -> list[Cause]:
    """The first differences of moving windows, most frequent first."""
    windows = measured.windows
    broken = windows[windows["moving"] & (windows["cause"][:, 0] > 0)]
    counted: Counter[tuple[int, ...]] = Counter()
    lost: Counter[tuple[int, ...]] = Counter()
    for sample in broken:
        key = (int(sample["fighter"]), *(int(value) for value in sample["cause"][1:]))
        counted[key] += 1
        lost[key] += int(sample["alive"] < 60)
    return [
        Cause(
            fighter=character_name(key[0]), state=state_name(key[1]), recorded=state_name(key[2]),
            simulated=state_name(key[3]), windows=count, lost=lost[key],
        )
        for key, count in counted.most_common(most)
    ]  # fmt: skip


class HitLine(msgspec.Struct, frozen=True, kw_only=True):
    """Hits of one move by what became of them."""

    fighter: str
    move: str
    hits: int
    met: int
    missed: int
    wrong_frame: int
    wrong_percent: int
    wrong_launch: int
    false: int


def by_hit(measured: Measured) -> list[HitLine]:
    """The recorded hits by fighter and move, those with the most that were not met first."""
    windows = measured.windows
    windows = windows[windows["contact"]["verdict"] > NONE]
    counted: dict[tuple[int, int], Counter[int]] = {}
    for who, contact in zip(windows["fighter"].tolist(), windows["contact"], strict=True):
        counted.setdefault((who, int(contact["move"])), Counter())[int(contact["verdict"])] += 1
    lines = []
    for (who, move), seen in sorted(counted.items(), key=lambda one: one[1][MET] - one[1].total()):
        parts = [seen[verdict] for verdict in range(1, len(VERDICTS) - 2)]
        lines.append(
            HitLine(
                fighter=character_name(who), move=state_name(move), hits=seen.total() - seen[FALSE], met=seen[MET],
                missed=parts[0], wrong_frame=parts[1], wrong_percent=parts[2], wrong_launch=parts[3], false=seen[FALSE],
            )
        )  # fmt: skip
    return lines
