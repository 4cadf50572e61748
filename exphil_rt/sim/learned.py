"""Tables learned from real replays (``data/learned_*.csv``, written by ``scripts/learn_sim.py``) and what stands in for
them where no replay showed a fighter (first of all whom it is cloned from).

``ecb``: height of the body's lowest point that lands, by fighter, airborne state and age, and what a lean adds to it.
``hang``: where a fighter is while it hangs and climbs, as (out from the edge, below it), by fighter, ledge state and
age; the ways up come from libmelee's frame data. Both are flat arrays of one size, so that other tables need no other
compiled code. ``thrown``: where a thrower carries whom it throws.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.sim.datafiles import read_rows
from exphil_rt.sim.framedata import CLONES

ECB_SIZE: Final = 12_288
HANG_SIZE: Final = 24_576
SIDES_SIZE: Final = 4_096
THROWN_AGES: Final = 80
HELD: Final = ("held_pull", "held_dash_pull", "held_wait", "held_back")
"""Places of who is held, by the catcher: while pulled by a standing grab, by a dash grab, and then; and what the held
fighter's own body adds."""
HELD_ELSE: Final = 7.3

# Fighters without a replay: out from the edge while hanging; below it, per unit of the sum of the climb's way.
_HANG_OUT: Final = 2.2
_HANG_BELOW: Final = 14.0


def ecb_table(anim: NDArray[Any]) -> NDArray[np.float32]:
    """Flat heights; ``anim`` gets the places."""
    by_state: dict[tuple[int, int], dict[int, float]] = {}
    for row in read_rows("learned_ecb.csv"):
        by_state.setdefault((int(row["character"]), int(row["state"])), {})[int(row["age"])] = float(row["bottom"])
    _lend(by_state)
    known: dict[tuple[int, int], dict[int, float]] = {}
    for row in read_rows("known_ecb.csv"):
        known.setdefault((int(row["character"]), int(row["state"])), {})[int(row["age"])] = float(row["bottom"])
    by_state |= known  # a known state has no age of a learned one; its fighter's clone keeps what it was lent
    leans = {(int(row["character"]), int(row["state"])): row for row in read_rows("learned_lean.csv")}
    _lend(leans)
    for key, row in leans.items():
        anim[key]["lean_forward"], anim[key]["lean_back"] = float(row["forward"]), float(row["back"])
    flat: list[float] = [0.0]
    for (who, state), ages in by_state.items():
        seen = sorted(ages)
        anim[who, state]["ecb_offset"] = len(flat)
        anim[who, state]["ecb_frames"] = seen[-1] + 1
        flat += np.interp(np.arange(seen[-1] + 1), seen, [ages[age] for age in seen]).tolist()
    return _padded(np.array(flat, np.float32), ECB_SIZE)


def sides_table(anim: NDArray[Any]) -> NDArray[np.float32]:
    """Flat sides of the diamond ``[SIDES_SIZE, 2]`` (half its width, their height); ``anim`` gets their places."""
    seen: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}
    for row in read_rows("learned_diamonds.csv"):
        place = float(row["half"]), float(row["side"])
        seen.setdefault((int(row["character"]), int(row["state"])), {})[int(row["age"])] = place
    _lend(seen)
    flat: list[tuple[float, float]] = [(0.0, 0.0)]
    for (who, state), places in seen.items():
        every = _every_age(places)
        anim[who, state]["side_offset"] = len(flat)
        anim[who, state]["side_frames"] = len(every)
        flat += every
    return _padded(np.array(flat, np.float32), SIDES_SIZE)


def hang_table(frames: dict[str, NDArray[Any]], anim: NDArray[Any]) -> NDArray[np.float32]:
    """Flat places ``[HANG_SIZE, 2]`` (out, below); ``anim`` gets where each state's begin."""
    seen: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}
    for row in read_rows("learned_ledge.csv"):
        place = float(row["out"]), float(row["below"])
        seen.setdefault((int(row["character"]), int(row["state"])), {})[int(row["age"])] = place
    ways = _ways(frames)
    flat: list[tuple[float, float]] = [(0.0, 0.0)]
    for who in range(anim.shape[0]):
        climb = ways.get((who, st.CLIFF_CLIMB_QUICK), np.zeros((1, 2)))
        rest = seen.get((who, st.CLIFF_WAIT), {0: (_HANG_OUT, float(climb[:, 1].sum()) or _HANG_BELOW)})
        hang = rest[min(rest)]
        for state in range(st.CLIFF_CATCH, st.CLIFF_JUMP_QUICK_1 + 1):
            if (who, state) in seen:
                places = _every_age(seen[who, state])
            elif state == st.CLIFF_CATCH:
                places = [(hang[0] + 2.5 * (1 - n / 8), hang[1] - 3.0 * (1 - n / 8)) for n in range(9)]
            elif (who, state) in ways:
                gone = np.cumsum(ways[who, state], axis=0)
                places = [hang, *((hang[0] - dx, hang[1] - dy) for dx, dy in gone.tolist())]
            else:
                places = [hang]
            anim[who, state]["hang_offset"] = len(flat)
            anim[who, state]["hang_frames"] = len(places)
            flat += places
    return _padded(np.array(flat, np.float32), HANG_SIZE)


def thrown_table(fighters: int) -> NDArray[np.float32]:
    """Places of who is thrown, ``[fighters, 4, THROWN_AGES, 2]`` (forward, up) by thrower, throw from ThrowF and age.

    Of whole ages; nan for a throw that no replay showed, the last place past the last one.
    """
    table = np.full((fighters, 4, THROWN_AGES, 2), np.nan, np.float32)
    seen: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}
    for row in read_rows("learned_thrown.csv"):
        place = float(row["forward"]), float(row["up"])
        seen.setdefault((int(row["character"]), int(row["throw"])), {})[int(row["age"])] = place
    _lend(seen)
    for (who, throw), places in seen.items():
        known = sorted(places)
        for axis in (0, 1):
            values = [places[age][axis] for age in known]
            table[who, throw, :, axis] = np.interp(np.arange(THROWN_AGES), known, values)
    return table


def held_places(fighters: int) -> NDArray[np.float32]:
    """How far before its catcher a fighter is held ``[fighters, HELD]``, the middle one for whom no replay showed."""
    seen: dict[str, dict[int, float]] = {name: {} for name in HELD}
    for row in read_rows("learned_held.csv"):
        seen[row["place"]][int(row["character"])] = float(row["forward"])
    table = np.zeros((fighters, len(HELD)), np.float32)
    for column, (name, places) in enumerate(seen.items()):
        table[:, column] = 0.0 if name == "held_back" else np.median([*places.values()] or [HELD_ELSE])
        for clone, model in CLONES.items():
            if model in places:
                places.setdefault(int(clone), places[model])
        for who, place in places.items():
            table[who, column] = place
    return table


def _lend(table: dict[tuple[int, int], Any]) -> None:
    """What no replay showed of a clone is as with the fighter that it moves like."""
    for clone, model in CLONES.items():
        for who, what in [*table]:
            if who == model:
                table.setdefault((int(clone), what), table[who, what])


def _every_age(places: dict[int, tuple[float, float]]) -> list[tuple[float, float]]:
    known = sorted(places)
    ages = np.arange(known[-1] + 1)
    out, below = (np.interp(ages, known, [places[age][axis] for age in known]) for axis in (0, 1))
    return list(zip(out.tolist(), below.tolist(), strict=True))


def _ways(frames: dict[str, NDArray[Any]]) -> dict[tuple[int, int], NDArray[np.float32]]:
    """Movement (forward, up) a frame of the ways up a ledge, from age 1 on."""
    key = frames["key"]
    found: dict[tuple[int, int], NDArray[np.float32]] = {}
    ledge = (key[:, 1] >= st.CLIFF_CLIMB_SLOW) & (key[:, 1] <= st.CLIFF_ESCAPE_QUICK)
    for who, state in np.unique(key[ledge, :2], axis=0).tolist():
        rows = (key[:, 0] == who) & (key[:, 1] == state)
        way = np.zeros((int(key[rows, 2].max()), 2), np.float32)
        for frame, dx, dy in zip(key[rows, 2], frames["motion"][rows], frames["rise"][rows], strict=True):
            if frame >= 1:
                way[frame - 1] = dx, dy
        if len(way) > 1 and abs(way[0, 1] - way[1, 1]) < 0.05:
            way[0, 1] = way[1, 1]  # the recording's first step holds the sway of hanging
        found[who, state] = way
    return found


def _padded(flat: NDArray[Any], size: int) -> NDArray[Any]:
    if len(flat) > size:
        raise ValueError(f"{len(flat)} learned entries do not fit into {size}")
    whole = np.zeros((size, *flat.shape[1:]), np.float32)
    whole[: len(flat)] = flat
    return whole
