"""Hitbox positions and root motion, read from the installed ``melee`` package without importing it.

libmelee's ``framedata.csv`` (LGPL-3.0, https://github.com/altf4/libmelee) is parsed once and kept as .npz in the
cache folder.
"""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.ids import Character
from exphil_rt.sim.third_circle import mend_third

NUM_STATES: Final = 405
"""Size of a table by action state: the common ones and a fighter's own."""

# Attacks that a fighter has as states of its own, by (fighter, own state): the game runs them as the common state and
# shows the own one.
OWN_ATTACKS: Final = {
    (24, 341): 44, (24, 342): 47, (24, 343): 48, (24, 344): 49, (24, 345): 57, (24, 346): 60, (24, 347): 65,
    (24, 348): 67, (24, 349): 68, (24, 350): 70, (24, 351): 72, (24, 352): 73,
    (8, 341): 60, (8, 342): 63, (8, 345): 64, (9, 349): 60,
}  # fmt: skip

CLONES: Final = {
    Character.DR_MARIO: Character.MARIO, Character.ROY: Character.MARTH, Character.YOUNG_LINK: Character.LINK,
    Character.GANONDORF: Character.CAPTAIN_FALCON, Character.FALCO: Character.FOX, Character.PICHU: Character.PIKACHU,
}  # fmt: skip
"""The fighter that another one moves like."""

_SLOTS: Final = (1, 2, 3, 4)


class FrameDataMissing(ExphilError):
    """The melee package or its table is not there."""

    exit_code = 5


def framedata_path() -> Path:
    """Path of libmelee's ``framedata.csv``.

    Raises:
        FrameDataMissing: when the package is not installed or lacks the file.
    """
    spec = importlib.util.find_spec("melee")
    if spec is None or not spec.submodule_search_locations:
        raise FrameDataMissing("The melee package is not installed.", hint="Install it with pip install melee.")
    path = Path(next(iter(spec.submodule_search_locations))) / "framedata.csv"
    if not path.is_file():
        raise FrameDataMissing(f"{path} is missing.", hint="Reinstall the melee package.")
    return path


def load(cache: Path | None) -> dict[str, NDArray[Any]]:
    """The table as columns: ``key`` [R, 3] (character, state, frame), ``circles`` [R, 4, 4] (active, x forward, y,
    radius), ``motion`` and ``rise`` [R] (movement of the frame, forward and up), ``iasa`` [R], sorted by key.
    """
    path = framedata_path()
    stamp = path.stat()
    kept = cache / f"framedata-{stamp.st_size}-{stamp.st_mtime_ns}.npz" if cache else None
    if kept is not None and kept.is_file():
        with np.load(kept, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    columns = _parse(path)
    if kept is not None:
        whole = kept.with_name(f"{kept.stem}-{os.getpid()}.tmp.npz")
        with whole.open("wb") as out:
            np.savez_compressed(out, **columns)  # type: ignore[arg-type]
            out.flush()
            os.fsync(out.fileno())
        whole.replace(kept)
    return columns


def _parse(path: Path) -> dict[str, NDArray[Any]]:
    key, circles, motion, rise, iasa = [], [], [], [], []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            state = int(row["action"])
            if state >= NUM_STATES:
                continue
            who = int(row["character"])
            key.append((who, OWN_ATTACKS.get((who, state), state), int(row["frame"])))
            circles.append(
                [
                    (
                        row[f"hitbox_{n}_status"] == "True",
                        float(row[f"hitbox_{n}_x"]),
                        float(row[f"hitbox_{n}_y"]),
                        float(row[f"hitbox_{n}_size"]),
                    )
                    for n in _SLOTS
                ]
            )
            motion.append(float(row["locomotion_x"]))
            rise.append(float(row["locomotion_y"]))
            iasa.append(row["iasa"] == "True")
    order = np.lexsort(np.array(key, np.int32).T[::-1])
    keys, places = np.array(key, np.int32)[order], np.array(circles, np.float32)[order]
    mend_third(keys, places, {int(clone): int(model) for clone, model in CLONES.items()})
    return {
        "key": keys,
        "circles": places,
        "motion": np.array(motion, np.float32)[order],
        "rise": np.array(rise, np.float32)[order],
        "iasa": np.array(iasa, np.uint8)[order],
    }
