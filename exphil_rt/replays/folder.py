"""Where replays lie: the folder that was named, EXPHIL_RT_REPLAYS, or Slippi's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exphil_rt.errors import ExphilError
from exphil_rt.replays.pool import list_archives
from exphil_rt.replays.source import SUFFIXES

ENVIRONMENT: Final = "EXPHIL_RT_REPLAYS"


class NoReplays(ExphilError):
    """A replay folder that is not there or has no replay in it."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ReplayFolder:
    """A folder (or one file), and who named it."""

    path: Path
    origin: str


def replay_folder(named: Path | str | None = None) -> ReplayFolder:
    """The folder to read: ``named``, else the environment's, else Slippi's default (the launcher's ``~/Slippi``)."""
    if named is not None:
        return ReplayFolder(Path(named).expanduser(), "named on the command line")
    if value := os.environ.get(ENVIRONMENT):
        return ReplayFolder(Path(value).expanduser(), f"from {ENVIRONMENT}")
    return ReplayFolder(Path.home() / "Slippi", "Slippi's own folder")


def find_replays(folder: ReplayFolder) -> list[Path]:
    """All replays in the folder and below it, in the order of their paths: .slp, .slp.gz, and those in zip archives.

    Raises:
        NoReplays: the folder is missing, unreadable, or has none.
    """
    path, hint = folder.path, f"Name a folder of .slp files, or set {ENVIRONMENT}."
    try:
        if path.is_file():
            return _unfolded([path])
        if not path.is_dir():
            raise NoReplays(f"There is no replay folder {path} ({folder.origin}).", hint=hint)
    except (OSError, ValueError) as error:
        raise NoReplays(f"The replay folder {path!s} ({folder.origin}) cannot be read: {error}.", hint=hint) from error
    found = _unfolded(
        sorted(
            Path(base) / name
            for base, _, names in os.walk(path)
            for name in names
            if name.lower().endswith((*SUFFIXES, ".zip"))
        )
    )
    if not found:
        raise NoReplays(f"The replay folder {path} ({folder.origin}) has no .slp file.", hint=hint)
    return found


def _unfolded(paths: list[Path]) -> list[Path]:
    """The same with the members of archives in the place of each archive. One that cannot be listed stays itself:
    it will be refused with its reason like any other bad file."""
    archives = [path for path in paths if path.suffix.lower() == ".zip"]
    if not archives:
        return paths
    members = dict(zip(archives, list_archives(archives), strict=True))
    return [one for path in paths for one in members.get(path, [path])]
