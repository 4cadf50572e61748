"""The data set that somebody means: one by name or folder, or the one that stands for a folder of replays."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.replays.folder import find_replays, replay_folder
from exphil_rt.replays.replay import BadReplay
from exphil_rt.replays.selection import Selection
from exphil_rt.store.home import Home
from exphil_rt.training.dataset.build import BuildProgress, BuildReport, BuildSettings, build_dataset
from exphil_rt.training.dataset.dataset import Dataset
from exphil_rt.training.dataset.format import MANIFEST_FILE

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


class DatasetName(ExphilError):
    """A name that no data set may have."""

    exit_code = 2


def dataset_folder(home: Home, name: str) -> Path:
    """The folder of the data set ``name``.

    Raises:
        DatasetName: letters, digits, dots, dashes and underscores only.
    """
    if not NAME.fullmatch(name):
        raise DatasetName(
            f"{name!r} is no name for a data set.", hint="Use up to 80 letters, digits, dots, dashes and underscores."
        )
    return home.datasets / name


def find_dataset(home: Home, named: Path | str) -> Path | None:
    """The folder of an existing data set: a name in the home, or a path; None where it is neither."""
    path = Path(named).expanduser()
    if (path / MANIFEST_FILE).is_file():
        return path
    if NAME.fullmatch(str(named)) and (home.datasets / str(named) / MANIFEST_FILE).is_file():
        return home.datasets / str(named)
    return None


def open_or_build(
    home: Home,
    named: Path | str | None,
    settings: BuildSettings,
    *,
    max_files: int = 0,
    on_start: Callable[[str], None] = lambda text: None,
    on_progress: Callable[[BuildProgress], None] = lambda progress: None,
    on_bad: Callable[[BadReplay], None] = lambda bad: None,
) -> tuple[Dataset, Selection | None]:
    """A data set by name or path; or of a folder of replays, built under the hood and used again the next time.

    Args:
        home: where data sets lie.
        named: a data set, or a folder of replays, or one replay; by default as ``replay_folder``.
        settings: what is kept and how. Of a data set that exists already its own schema holds.
        max_files: only so many files of the folder; 0 for all.
        on_start: told what is about to be done, for people.

    Returns:
        The data set with the sides that ``settings.filter`` lets through, and of a folder what was dropped and why.
    """
    if named is not None and (found := find_dataset(home, named)) is not None:
        dataset = Dataset.open(found, opt_out=settings.filter.opt_out)
        on_start(f"Opening the data set {found} ({dataset.manifest.kept}) ...")
        return dataset.select(settings.filter), None
    folder = replay_folder(named)
    paths = find_replays(folder)
    if max_files:
        paths = paths[:max_files]
    on_start(f"Reading {len(paths)} replays in {folder.path} ({folder.origin}) ...")
    report = build_dataset(
        home.datasets / _implied_name(folder.path, settings, max_files),
        paths,
        settings,
        source=str(folder.path),
        on_progress=on_progress,
        on_bad=on_bad,
    )
    return report.dataset, report.selection


def _implied_name(folder: Path, settings: BuildSettings, max_files: int) -> str:
    """The same for the same folder and the same settings."""
    about = msgspec.json.encode(
        (
            os.path.abspath(folder),
            settings.schema,
            msgspec.structs.replace(settings.filter, opt_out=frozenset()),
            settings.dedupe,
            settings.rollback,
            max_files,
        ),
        order="deterministic",
    )
    return f"of-{re.sub(r'[^A-Za-z0-9_-]+', '-', folder.name)[:40].strip('-')}-{hashlib.sha256(about).hexdigest()[:12]}"


__all__ = ("BuildReport", "DatasetName", "dataset_folder", "find_dataset", "open_or_build")
