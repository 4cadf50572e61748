"""``sim fidelity``: the embedded game measured against real replays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from exphil_rt.cli.options import Json
from exphil_rt.cli.output import say, show, show_json, table
from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Character, character
from exphil_rt.replays import BadReplay, find_replays, read_many, replay_folder
from exphil_rt.sim.fidelity import Cause, Figures, HitLine, Line, Measured, by_cause, by_hit, by_move, measure, refusal
from exphil_rt.sim.fidelity import table as figures_table

HEADER = (
    "",
    "windows",
    "median",
    "60 frames",
    "+10",
    "+30",
    "+60",
    "off by",
    "hits",
    "met",
    "false",
    "frames",
    "exact",
)


class NothingToMeasure(ExphilError):
    """No replay among those named can be counted."""


class LeftOut(msgspec.Struct, frozen=True):
    """A replay that is not counted, and why."""

    path: str
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--json`` prints."""

    physics: str
    counted: list[str]
    left_out: list[LeftOut]
    lines: list[Line]
    causes: list[Cause] = []
    hits: list[HitLine] = []


def fidelity(
    paths: tuple[Path, ...] = (),
    /,
    *,
    fighter: str | None = None,
    by: Literal["move", "cause", "hit"] | None = None,
    json: Json = False,
    plot: Annotated[Path | None, Parameter(negative="")] = None,
) -> None:
    """Follow real replays with the embedded game and say how far it keeps up.

    Counted are two-player replays of Slippi 3.8 or newer; of a frame that netplay simulated again, the last is taken.

    Args:
        paths: replays or folders of them; without any, EXPHIL_RT_REPLAYS or Slippi's own folder.
        fighter: only this fighter's figures.
        by: also what goes wrong most: by fighter and action state, by what was recorded and what was simulated, or the
            hits by fighter and move.
        json: print the figures as JSON.
        plot: write a PNG of one window's real and simulated paths (the median moving window).
    """
    who = None if fighter is None else int(character(fighter))
    if plot is not None:
        from exphil_rt.sim.fidelity.plot import require

        require()  # before the work, not after
    games, counted, left_out = _read(paths)
    from exphil_rt.sim import PHYSICS

    measured = measure(games, lambda done, total: say(f"  {done}/{total} followed"))
    lines = figures_table(measured, who)
    mine = _only(measured, who)
    if by == "move":
        lines += by_move(mine)
    causes = by_cause(mine) if by == "cause" else []
    hits = by_hit(mine) if by == "hit" else []
    if plot is not None:
        from exphil_rt.sim.fidelity.plot import plot_window

        say(f"Plotted {plot_window(games, mine, plot)} to {plot}.")
    if json:
        show_json(Report(physics=PHYSICS, counted=counted, left_out=left_out, lines=lines, causes=causes, hits=hits))
        return
    show(f"embedded game (approximate), physics {PHYSICS}, against {len(counted)} replays")
    _show_lines(lines)
    if causes:
        rows = [(c.fighter, c.state, c.recorded, c.simulated, c.windows, c.lost) for c in causes]
        show()
        show(table(("fighter", "from", "recorded", "simulated", "windows", "lost"), rows, right="windows lost"))
    if hits:
        names = ("hits", "met", "missed", "wrong_frame", "wrong_percent", "wrong_launch", "false")
        cells = [(h.fighter, h.move, *(getattr(h, name) for name in names)) for h in hits]
        heads = ("hits", "met", "missed", "frame", "percent", "launch", "false")
        show()
        show(table(("fighter", "move", *heads), cells, right=" ".join(heads)))
    for row in left_out:
        say(f"not counted: {row.path}: {row.reason}")


def _read(paths: Sequence[Path]) -> tuple[list[Frames], list[str], list[LeftOut]]:
    files = [file for path in paths or (None,) for file in find_replays(replay_folder(path))]
    say(f"Reading {len(files)} replays ...")
    games: list[Frames] = []
    counted: list[str] = []
    left_out: list[LeftOut] = []
    seen: set[str] = set()
    for result in read_many(dict.fromkeys(files), rollback="last"):
        if isinstance(result, BadReplay):
            left_out.append(LeftOut(str(result.path), result.reason))
            continue
        reason = refusal(result.frames, result.meta.version)
        if not reason and result.meta.digest in seen:
            reason = "a game seen before"
        seen.add(result.meta.digest)
        if reason:
            left_out.append(LeftOut(str(result.path), reason))
        else:
            games.append(result.frames)
            counted.append(str(result.path))
    if not games:
        raise NothingToMeasure(
            f"None of the {len(files)} replays can be counted: {left_out[0].path}: {left_out[0].reason}.",
            hint="Name two-player replays of Slippi 3.8 or newer.",
        )
    return games, counted, left_out


def _only(measured: Measured, who: int | None) -> Measured:
    if who is None:
        return measured
    windows, frames = measured.windows, measured.frames
    hers = measured.followers if who == Character.POPO else measured.followers[:0]
    return Measured(windows[windows["fighter"] == who], frames[frames["fighter"] == who], hers)


def _show_lines(lines: Sequence[Line]) -> None:
    rows: list[tuple[object, ...]] = []
    group = ""
    for line in lines:
        if line.group != group and group:
            rows.append(("",) * len(HEADER))
        group = line.group
        rows.append((line.name, *_cells(line.figures)))
    show(table(HEADER, rows, right=" ".join(HEADER) + " frames by"))
    show()
    show(
        "60 frames: share of windows within a unit for all 60 frames; +10 +30 +60: same action state; off by: median\n"
        "distance at +60; met: hits within a frame, with the same percent and launch; exact: frames foretold exactly."
    )


def _cells(f: Figures) -> tuple[object, ...]:
    if not f.windows and not f.frames:
        return ("unmeasured", *("",) * 11)

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    agree = [share(value) for value in f.same_state] or ["", "", ""]
    median = "" if f.median_frames is None else f"{f.median_frames:.0f}"
    off = f"{f.error[-1]:.2f}" if f.error else ""
    return (
        f.windows, median, share(f.survive), *agree, off, f.hits or "", share(f.hits_met), f.false_hits or "",
        f.frames or "", share(f.exact),
    )  # fmt: skip
