"""``replay build-dataset``: parse replays once into a data set, and say what was kept and what was not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Flag, Json
from exphil_rt.cli.output import duration, say, show, show_json, size
from exphil_rt.cli.progress import ProgressLine
from exphil_rt.cli.replay_errors import BadFileOptions, BadFiles
from exphil_rt.cli.sides import SideOptions, Workers, tell_selection
from exphil_rt.replays import find_replays, replay_folder
from exphil_rt.store.home import Home


def build(
    replays: Path | None = None,
    /,
    *,
    output: Annotated[str, Parameter(name=("--output", "-o"))],
    sides: SideOptions = SideOptions(),  # noqa: B008
    bad_files: BadFileOptions = BadFileOptions(),  # noqa: B008
    max_files: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    keep_duplicates: Flag = False,
    no_items: Flag = False,
    no_nana: Flag = False,
    restart: Flag = False,
    workers: Workers = 0,
    json: Json = False,
) -> None:
    """Parse replays once into a data set that training reads.

    Run again, it goes on where it was ended, and adds replays that are new.

    Args:
        replays: a folder of .slp, .slp.gz or .zip files, or one; else EXPHIL_RT_REPLAYS, else Slippi's own folder.
        output: name of the data set.
        sides: which sides.
        bad_files: what to do with files that cannot be read.
        max_files: only the first so many files; 0 for all.
        keep_duplicates: keep a game that was seen before.
        no_items: leave items and projectiles out of what is observed.
        no_nana: leave Nana out of what is observed.
        restart: begin anew, whatever is there under this name.
        workers: processes that read replays; 0 is one for each core, at most 8.
        json: print the result as JSON.
    """
    from exphil_rt.policy.observation import default_schema
    from exphil_rt.training.dataset.build import BuildProgress, BuildSettings, build_dataset
    from exphil_rt.training.dataset.find import dataset_folder

    home = Home.find()
    target = dataset_folder(home, output)
    settings = BuildSettings(
        schema=default_schema(nana=not no_nana, items=not no_items),
        filter=sides.filter(home),
        dedupe=not keep_duplicates,
        workers=workers,
        fail_fast=bad_files.fail_fast,
        restart=restart,
    )
    folder = replay_folder(replays)
    paths = find_replays(folder)[: max_files or None]
    say(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    line, log = ProgressLine(), BadFiles(bad_files)
    last: BuildProgress | None = None

    def progress(now: BuildProgress) -> None:
        nonlocal last
        last = now
        line.update(lambda: now.line)

    with log:
        report = build_dataset(target, paths, settings, source=str(folder.path), on_progress=progress, on_bad=log.add)
    line.end()
    manifest = report.dataset.manifest
    nbytes = sum(manifest.shards.values())
    if json:
        show_json({"dataset": manifest.name, "path": str(target), "bytes": nbytes, "manifest": manifest})
        return
    tell_selection(report.selection)
    if last is not None:
        say(
            f"{report.files} files, {report.frames:,} frames in {duration(report.seconds)} "
            f"({report.frames / report.seconds:,.0f} frames/s, {report.files / report.seconds:,.1f} files/s)"
        )
    else:
        say("Nothing is new: every file was in the data set already.")
    show(f"data set: {manifest.name}  {target}  ({manifest.games} games, {manifest.frames:,} frames, {size(nbytes)})")
    show(f"next: exphil-rt train imitation {manifest.name}")
