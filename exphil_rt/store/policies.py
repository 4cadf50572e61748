"""The shared folder of policy bundles as files: what is there, what a crash left behind, what the disk budget drops.

Weights are never read here, and manifests only for what a listing shows: checking and loading a bundle is
``policy.bundle``'s work. Bundles are immutable and belong to the run whose id their manifest bears; nothing here
touches a bundle of another run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from exphil_rt.messages.rows import PolicyRow
from exphil_rt.store.files import folder_bytes, remove_folder

MANIFEST: Final = "manifest.json"
MAX_MANIFEST: Final = 4 * 1024 * 1024
_NAME: Final = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,63})@v(?P<version>[1-9][0-9]{0,8})")
_HOUR_NS: Final = 3_600_000_000_000


class BundleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle as a listing shows it."""

    ref: str
    """``name@vN``."""
    name: str
    version: int
    path: Path
    bytes: int
    created_ns: int
    """When its folder was put there."""
    run: str = ""
    """Id of the run that wrote it; empty for none."""
    manifest: dict[str, Any] = {}
    """The manifest as it stands in the file, unchecked."""
    problem: str = ""
    """Why its manifest cannot be read; empty otherwise."""


def _read(folder: Path, match: re.Match[str]) -> BundleInfo:
    problem, manifest = "", {}
    try:
        with (folder / MANIFEST).open("rb") as file:
            data = file.read(MAX_MANIFEST + 1)
        if len(data) > MAX_MANIFEST:
            problem = f"{MANIFEST} is larger than 4 MB"
        else:
            manifest = msgspec.json.decode(data, type=dict[str, Any])
    except OSError as error:
        problem = f"{MANIFEST} cannot be read: {error.strerror}"
    except (msgspec.DecodeError, RecursionError) as error:
        problem = f"{MANIFEST} is damaged: {error}"
    run = manifest.get("run", "")
    return BundleInfo(
        ref=folder.name,
        name=match["name"],
        version=int(match["version"]),
        path=folder,
        bytes=folder_bytes(folder),
        created_ns=folder.stat().st_mtime_ns,
        run=run if isinstance(run, str) else "",
        manifest=manifest,
        problem=problem,
    )


def list_bundles(folder: Path) -> list[BundleInfo]:
    """Every ``name@vN`` in the folder of policies, by name and version; one that vanishes meanwhile is left out."""
    found = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        match = _NAME.fullmatch(entry.name)
        if match and entry.is_dir():
            try:
                found.append(_read(entry, match))
            except FileNotFoundError:
                continue
    return sorted(found, key=lambda bundle: (bundle.name, bundle.version))


def reconcile(folder: Path, run_id: str, name: str, rows: Iterable[PolicyRow]) -> list[str]:
    """Remove bundles that this run wrote and that have no row: a crash came between the two. No other is touched.

    Unfinished folders of the run's policy name go, too. Only for whoever holds the run's lock.

    Args:
        folder: the folder of policies.
        run_id: as it stands in the manifests.
        name: the run's policy name.
        rows: versions that the run knows.

    Returns:
        The refs that were removed.
    """
    if not run_id or not name:
        raise ValueError("a run without an id and a policy name owns no bundles")
    known = {row.ref for row in rows}
    lost = [bundle for bundle in list_bundles(folder) if bundle.run == run_id and bundle.ref not in known]
    for bundle in lost:
        remove_folder(bundle.path)
    for leftover in folder.iterdir() if folder.is_dir() else ():
        if re.fullmatch(rf"\.{re.escape(name)}@v\d+\..*\.(tmp|gone)", leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
    return [bundle.ref for bundle in lost]


def choose_pruned(
    rows: Iterable[PolicyRow], sizes: dict[str, int], keep: Collection[str], excess: int
) -> list[PolicyRow]:
    """Which of a run's versions go, so that ``excess`` bytes (or all that may go) are freed. Pure.

    Never goes what is in ``keep`` (in the population, best) or promoted. The others go oldest first: first those
    that are not the first of their hour, then the hourly ones, too.

    Args:
        rows: the run's versions.
        sizes: bytes on disk by ref; what is not in it is not on disk.
        keep: refs that stay.
        excess: bytes to free.
    """
    hours: set[int] = set()
    dense: list[PolicyRow] = []
    hourly: list[PolicyRow] = []
    for row in sorted(rows, key=lambda row: (row.created_ns, row.version)):
        first_of_hour = row.created_ns // _HOUR_NS not in hours
        hours.add(row.created_ns // _HOUR_NS)
        if row.ref in sizes and not row.promoted and row.ref not in keep:
            (hourly if first_of_hour else dense).append(row)
    chosen: list[PolicyRow] = []
    freed = 0
    for row in (*dense, *hourly):
        if freed >= excess:
            break
        chosen.append(row)
        freed += sizes[row.ref]
    return chosen
