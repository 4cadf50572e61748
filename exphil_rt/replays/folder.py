"""Where replays lie: the folder that was named, EXPHIL_RT_REPLAYS, or Slippi's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exphil_rt.errors import ExphilError

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
    """All .slp files in the folder and below it, in the order of their paths.

    Raises:
        NoReplays: the folder is missing, unreadable, or has none.
    """
    path, hint = folder.path, f"Name a folder of .slp files, or set {ENVIRONMENT}."
    try:
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise NoReplays(f"There is no replay folder {path} ({folder.origin}).", hint=hint)
    except (OSError, ValueError) as error:
        raise NoReplays(f"The replay folder {path!s} ({folder.origin}) cannot be read: {error}.", hint=hint) from error
    found = sorted(
        Path(base) / name for base, _, names in os.walk(path) for name in names if name.lower().endswith(".slp")
    )
    if not found:
        raise NoReplays(f"The replay folder {path} ({folder.origin}) has no .slp file.", hint=hint)
    return found
