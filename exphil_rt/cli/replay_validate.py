"""``replay validate``: check replays in parallel, each with its reason."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Json
from exphil_rt.cli.output import duration, say, show, show_json, table
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.replay_errors import BadFileOptions, BadFiles
from exphil_rt.cli.sides import Workers
from exphil_rt.replays import BadReplay, find_replays, replay_folder
from exphil_rt.replays.replay import shown


def validate(
    replays: Path | None = None,
    /,
    *,
    bad_files: BadFileOptions = BadFileOptions(),  # noqa: B008
    max_files: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    workers: Workers = 0,
    json: Json = False,
) -> int:
    """Check replays: there, a replay, whole, and every value one that Melee can show. Exit code 1 if any is bad.

    Args:
        replays: a folder of .slp, .slp.gz or .zip files, or one; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        bad_files: what to do with files that are bad.
        max_files: only the first so many files; 0 for all.
        workers: processes that read replays; 0 is one for each core, at most 8.
        json: print the result as JSON.
    """
    from exphil_rt.replays.validate import validate as check

    folder = replay_folder(replays)
    paths = find_replays(folder)[: max_files or None]
    say(f"Checking {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    line, log, began = ProgressLine(), BadFiles(bad_files), time.monotonic()
    bad: list[BadReplay] = []
    done = frames = 0
    with log:
        for done, result in enumerate(check(paths, workers=workers), start=1):
            if isinstance(result, BadReplay):
                bad.append(result)
                log.add(result)
                if bad_files.fail_fast:
                    break
            else:
                frames += result.meta.frames
            line.update(partial(_text, done, len(paths), len(bad), frames, time.monotonic() - began))
    line.end()
    if json:
        show_json(
            {"files": done, "good": done - len(bad), "bad": [{"path": shown(b.path), "reason": b.reason} for b in bad]}
        )
        return 1 if bad else 0
    for row in [] if bad_files.show_errors else bad:
        show(f"{shown(row.path)}: {row.reason}")
    if bad:
        show()
        kinds = Counter(row.reason.partition(" (")[0] for row in bad)
        show(table(("files", "reason"), [(n, reason) for reason, n in kinds.most_common()], right="files"))
    show(f"{done - len(bad)} of {done} replays are good ({frames:,} frames in {duration(time.monotonic() - began)})")
    return 1 if bad else 0


def _text(done: int, files: int, bad: int, frames: int, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    return (
        f"checked {done} of {files} replays  {rate:,.1f} files/s  {frames / max(seconds, 1e-9):,.0f} frames/s  "
        f"ETA {duration((files - done) / max(rate, 1e-9))}  {bad} bad"
    )
