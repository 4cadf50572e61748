"""``replay export``: recorded games as .slp files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from exphil_rt.cli.output import say, show
from exphil_rt.errors import ExphilError
from exphil_rt.store.run import Run


class NoRecording(ExphilError):
    """Nothing to export, or nowhere to put it."""

    exit_code = 2


def export(
    *recordings: str,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    run: Annotated[str | None, Parameter(name="--run")] = None,
) -> None:
    """Write recorded games as Slippi .slp files: each is played again in the embedded game.

    Args:
        recordings: .rec files, folders of them, or with --run numbers of its games; with --run and none, all of them.
        output: the .slp file of one recording, or a folder; the current folder by default.
        run: the run whose recordings are meant.
    """
    found = _find(recordings, run)
    targets = _targets(found, output)
    from exphil_rt.rollout.export import export_recording, read_recording
    from exphil_rt.sim import EmbeddedLane

    lane = EmbeddedLane(1)
    try:
        for source, target in zip(found, targets, strict=True):
            recording = read_recording(source)
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(source.stat().st_mtime))
            try:
                frames = export_recording(recording, target, lane, stamp)
            except OSError as error:
                raise NoRecording(f"{target} cannot be written: {error.strerror or error}.") from None
            first, second = (player.label or player.policy for player in recording.game.players)
            show(str(target))
            say(f"  {first} against {second}, {frames} frames, of the embedded game (approximate)")
    finally:
        lane.close()


def _find(named: tuple[str, ...], run: str | None) -> list[Path]:
    folder = None if run is None else Run.open(run).replays
    if not named:
        if folder is None:
            raise NoRecording("Which recordings?", hint="Name .rec files or folders of them, or a run with --run.")
        return _below(folder)
    found: list[Path] = []
    for name in named:
        path = Path(name).expanduser()
        if path.is_dir():
            found += _below(path)
        elif folder is not None and name.isdigit():
            mine = sorted(folder.glob(f"*/{name}.rec"))
            if not mine:
                raise NoRecording(f"The run {run} has no recording of game {name}.", hint=f"They lie in {folder}.")
            found += mine
        else:
            found.append(path)
    return found


def _below(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.rec"))
    if not found:
        raise NoRecording(f"There are no recordings (.rec) in {folder}.", hint="Runs record rated and watched games.")
    return found


def _targets(found: list[Path], output: Path | None) -> list[Path]:
    if output is not None and output.suffix.lower() == ".slp":
        if len(found) > 1:
            raise NoRecording(f"{len(found)} recordings do not go into one file.", hint="Give a folder with --output.")
        folder, targets = output.parent, [output]
    else:
        folder = output or Path()
        targets = [folder / f"{_stem(path)}.slp" for path in found]
    if len(set(targets)) < len(targets):
        raise NoRecording("Two of these recordings have one name.", hint="Export them into different folders.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoRecording(f"The folder {folder} cannot be made: {error.strerror or error}.") from None
    return targets


def _stem(path: Path) -> str:
    """``rated-17`` of ``.../replays/rated/17.rec``: numbers alone would not say what they are."""
    return f"{path.parent.name}-{path.stem}" if path.stem.isdigit() and path.parent.name else path.stem
