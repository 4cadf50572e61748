"""``replay datasets``: the data sets in the home, how large they are, and whether they are still what was written."""

from __future__ import annotations

import time
from pathlib import Path

from exphil_rt.cli.options import Flag, Json
from exphil_rt.cli.output import say, show, show_json, size, table
from exphil_rt.errors import ExphilError
from exphil_rt.store.files import folder_bytes
from exphil_rt.store.home import Home


def datasets(name: str | None = None, /, *, verify: Flag = False, json: Json = False) -> int:
    """List data sets. Exit code 1 if one of them cannot be used.

    Args:
        name: only this one; a name or a path.
        verify: read every game and compare its checksum.
        json: print them as JSON.
    """
    home = Home.find()
    rows = [_about(folder, verify) for folder in _folders(home, name)]
    if json:
        show_json(rows)
    elif not rows:
        say(f"No data sets in {home.datasets} yet. next: exphil-rt replay build-dataset PATH -o NAME")
    else:
        lines = [
            (
                row["name"],
                row["games"],
                f"{row['frames']:,}",
                size(float(str(row["bytes"]))),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(int(str(row["created"])))) if row["created"] else "?",
                row["problem"] or row["kept"],
            )
            for row in rows
        ]
        show(table(("data set", "games", "frames", "size", "made", ""), lines, right="games frames size"))
    return 1 if any(row["problem"] for row in rows) else 0


def _folders(home: Home, name: str | None) -> list[Path]:
    from exphil_rt.training.dataset.find import dataset_folder, find_dataset

    if name is not None:
        return [find_dataset(home, name) or dataset_folder(home, name)]
    return sorted(path for path in home.datasets.iterdir() if path.is_dir()) if home.datasets.is_dir() else []


def _about(folder: Path, verify: bool) -> dict[str, object]:
    from exphil_rt.training.dataset.dataset import Dataset

    row: dict[str, object] = {"name": folder.name, "path": str(folder), "games": 0, "frames": 0, "created": 0}
    row |= {"bytes": folder_bytes(folder), "kept": "", "problem": ""}
    try:
        dataset = Dataset.open(folder)
        if verify:
            dataset.verify()
    except ExphilError as error:
        return row | {"problem": error.message}
    manifest = dataset.manifest
    return row | {
        "games": manifest.games, "frames": manifest.frames, "created": manifest.created, "kept": manifest.kept,
    }  # fmt: skip
