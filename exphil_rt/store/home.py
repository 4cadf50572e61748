"""Where things lie: the home folder, the user's settings file, and the runtime folder of a run's socket."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from exphil_rt.errors import ExphilError

MAX_SOCKET_PATH: Final = 103
"""Bytes of a Unix socket's path without its closing zero: ``sun_path`` has 104 on macOS, 108 on Linux."""
SOCKET_NAME: Final = "control.sock"


class HomeError(ExphilError):
    """A folder of exphil_rt that cannot be used."""


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds all that is kept."""

    root: Path

    @classmethod
    def find(cls, flag: str | Path | None = None, env: Mapping[str, str] | None = None) -> Home:
        """The home: ``--home``, else ``EXPHIL_RT_HOME``, else the platform's data folder. Makes nothing.

        Raises:
            HomeError: what was named is a file.
        """
        variables = os.environ if env is None else env
        named = flag or variables.get("EXPHIL_RT_HOME") or platformdirs.user_data_path("exphil_rt", appauthor=False)
        root = Path(named).expanduser().absolute()
        if root.exists() and not root.is_dir():
            raise HomeError(f"The home {root} is a file.", hint="Name a folder with --home or EXPHIL_RT_HOME.")
        return cls(root)

    @property
    def policies(self) -> Path:
        """Bundles, ``name@vN`` each, shared by all runs."""
        return self.root / "policies"

    @property
    def runs(self) -> Path:
        """One folder a run."""
        return self.root / "runs"

    @property
    def datasets(self) -> Path:
        """Data sets made from replays."""
        return self.root / "datasets"

    @property
    def cache(self) -> Path:
        """What can be made again: the compiled game."""
        return self.root / "cache"

    def create(self) -> Home:
        """Make the folders that are missing.

        Raises:
            HomeError: they cannot be made.
        """
        for folder in (self.policies, self.runs, self.datasets, self.cache):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise HomeError(
                    f"{folder} cannot be made: {error.strerror}.",
                    hint="Name another home with --home or EXPHIL_RT_HOME.",
                ) from error
        return self

    def socket(self, run: str) -> Path:
        """Path of a run's control socket, short enough for the system. Makes nothing.

        ``$XDG_RUNTIME_DIR/exphil_rt/<run>/``, else a folder of this user under the system's temporary folder. A
        home other than the platform's adds a hash of its path, so that equal names in two homes do not meet.

        Raises:
            HomeError: no short enough path is to be had.
        """
        own = hashlib.sha256(f"{self.root}\0{run}".encode()).hexdigest()[:10]
        usual = self.root == Path(platformdirs.user_data_path("exphil_rt", appauthor=False))
        bases = _runtime_bases()
        for base in bases:
            for folder in (run if usual else f"{run}-{own}", own):
                path = base / folder / SOCKET_NAME
                if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
                    return path
        raise HomeError(
            f"{bases[-1]} is too long a path for a socket (at most {MAX_SOCKET_PATH} bytes with its name).",
            hint="Set TMPDIR or XDG_RUNTIME_DIR to a shorter folder.",
        )

    def make_runtime_folder(self, run: str) -> Path:
        """Make the folder of the run's socket, for this user only, and give the socket's path.

        Raises:
            HomeError: the folder belongs to somebody else, or is no folder.
        """
        path = self.socket(run)
        _private_folder(path.parent.parent)
        _private_folder(path.parent)
        return path


def user_settings_file() -> Path:
    """The user's own settings file, whether there or not."""
    return Path(platformdirs.user_config_path("exphil_rt", appauthor=False)) / "config.toml"


def setting_files(project: Path | None = None) -> tuple[Path, ...]:
    """Settings files that are there, low to high: the user's, then ``exphil_rt.toml`` of the project folder."""
    return tuple(path for path in (user_settings_file(), (project or Path.cwd()) / "exphil_rt.toml") if path.is_file())


def _runtime_bases() -> list[Path]:
    bases = [Path(tempfile.gettempdir()) / f"exphil_rt-{os.getuid()}"]
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    if named.startswith("/"):
        with contextlib.suppress(OSError):
            found = os.stat(named)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                bases.insert(0, Path(named) / "exphil_rt")
    return bases


def _private_folder(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()  # a link could lead into somebody else's folder
    if not stat.S_ISDIR(found.st_mode):
        raise HomeError(f"{folder} is not a folder.", hint="Remove it, or set XDG_RUNTIME_DIR to a folder of yours.")
    if found.st_uid != os.getuid():
        raise HomeError(
            f"{folder} belongs to another user (id {found.st_uid}).", hint="Set XDG_RUNTIME_DIR to a folder of yours."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
