"""``replay stats``: who plays whom, where and how well, as bars."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Json
from exphil_rt.cli.output import duration, say, show, show_json, table
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.sides import SideOptions, Workers, tell_selection
from exphil_rt.game.ids import character_name, stage_name
from exphil_rt.replays import BadReplay, Selection, find_replays, replay_folder
from exphil_rt.replays.quality import SideQuality
from exphil_rt.store.home import Home

BAR: Final = 30
"""Width of the longest bar."""
MOST: Final = 10
"""Rows of each table."""


def stats(
    replays: Path | None = None,
    /,
    *,
    sides: SideOptions = SideOptions(),  # noqa: B008
    max_files: Annotated[int, Parameter(validator=Number(gte=0))] = 1000,
    workers: Workers = 0,
    json: Json = False,
) -> None:
    """Say what is in replays or in a data set: fighters, stages, players, quality.

    Args:
        replays: a data set, a folder of .slp, .slp.gz or .zip files, or one of these; else EXPHIL_RT_REPLAYS, else
            Slippi's own folder.
        sides: which sides.
        max_files: only the first so many files of a folder; 0 for all.
        workers: processes that read replays; 0 is one for each core, at most 8.
        json: print the result as JSON.
    """
    from exphil_rt.replays.validate import validate
    from exphil_rt.training.dataset.dataset import Dataset
    from exphil_rt.training.dataset.find import find_dataset

    home = Home.find()
    wanted = sides.filter(home)
    count = _Count()
    if replays is not None and (found := find_dataset(home, replays)) is not None:
        dataset = Dataset.open(found, opt_out=wanted.opt_out).select(wanted)
        for side in dataset.sides:
            row = dataset.games[side.game]
            count.side(row.meta.stage, row.meta.players[side.player].code, side.character, side.frames,
                       dataset.quality(side))  # fmt: skip
        if not json:
            show(f"data set {dataset.manifest.name}: {dataset.manifest.kept}")
    else:
        folder = replay_folder(replays)
        paths = find_replays(folder)[: max_files or None]
        say(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
        selection, line = Selection(wanted), ProgressLine()
        for number, result in enumerate(validate(paths, workers=workers), start=1):
            if isinstance(result, BadReplay):
                selection.bad.append(result)
            else:
                for player in selection.consider(Path(result.path), result.meta, result.quality):
                    meta = result.meta
                    count.side(meta.stage, meta.players[player].code, meta.players[player].character, meta.frames,
                               result.quality[player])  # fmt: skip
            line.update(lambda done=number: f"read {done} of {len(paths)} replays")  # type: ignore[misc]
        line.end()
        tell_selection(selection)
    if json:
        show_json(count.plain())
    else:
        count.show()


class _Count:
    """Frames by fighter, stage and player, and sides by quality."""

    def __init__(self) -> None:
        self.sides = 0
        self.fighters: Counter[int] = Counter()
        self.stages: Counter[int] = Counter()
        self.players: Counter[str] = Counter()
        self.quality: Counter[str] = Counter()

    def side(self, stage: int, code: str, character: int, frames: int, quality: SideQuality) -> None:
        self.sides += 1
        self.fighters[character] += frames
        self.stages[stage] += frames
        if code:
            self.players[code] += frames
        low = min(int(quality.score * 5), 4)
        self.quality[f"{low / 5:.1f} to {(low + 1) / 5:.1f}"] += 1

    def plain(self) -> dict[str, object]:
        return {
            "sides": self.sides,
            "frames": sum(self.fighters.values()),
            "characters": {character_name(c): n for c, n in self.fighters.most_common()},
            "stages": {stage_name(s): n for s, n in self.stages.most_common()},
            "players": dict(self.players.most_common()),
            "quality": dict(sorted(self.quality.items(), reverse=True)),
        }

    def show(self) -> None:
        show(f"{self.sides} sides, {_time(sum(self.fighters.values()))} of play")
        _bars("fighter", ((character_name(c), n) for c, n in self.fighters.most_common()), _time)
        _bars("stage", ((stage_name(s), n) for s, n in self.stages.most_common()), _time)
        _bars("player", self.players.most_common(), _time)
        _bars("quality", sorted(self.quality.items(), reverse=True), lambda n: f"{n} sides")


def _bars(what: str, counts: Iterable[tuple[str, int]], words: Callable[[int], str]) -> None:
    rows = list(counts)
    if not rows:
        return
    total, largest = sum(n for _, n in rows), max(n for _, n in rows)
    block = "#" if os.environ.get("TERM") == "dumb" else "█"
    lines = [(name, f"{n / total:.1%}", block * max(round(BAR * n / largest), 1), words(n)) for name, n in rows[:MOST]]
    if len(rows) > MOST:
        rest = sum(n for _, n in rows[MOST:])
        lines.append((f"{len(rows) - MOST} others", f"{rest / total:.1%}", "", words(rest)))
    show()
    show(table((what, "share", "", ""), lines, right="share"))


def _time(frames: int) -> str:
    return duration(frames / 60)
