"""Learn the embedded game's tables from real replays, and measure the game on replays that it did not learn from.

What no public table has is read off recorded games: how long states last when nothing interrupts them, how high the
lowest point of the body is that lands, how wide it is at walls, at which ages a fallen body bounces and jabs follow,
and where fighters hang on ledges. Usage: learn_sim.py REPLAYS [--folds N] [--bodies] [--write]. With --write the tables
under exphil_rt/sim/data and the scores that the terminal shows are written; the scores are those of the folds: every
replay is measured with tables that were learned from the other folds alone.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median_low
from typing import Any
from unittest import mock

import learn_feet
import learn_hurt
import learn_sides
import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import PLAYABLE, Character
from exphil_rt.replays import BadReplay, find_replays, read_many, replay_folder
from exphil_rt.sim import datafiles, fidelity, jit, kernel, learned, tables
from exphil_rt.sim.anim_table import HALF, HALF_ACTING
from exphil_rt.sim.fidelity import Measured, figures
from exphil_rt.sim.hit_table import BODY
from exphil_rt.sim.scores import SCORES, Score
from exphil_rt.sim.tables import SIDE_SHARE
from exphil_rt.store.files import write_whole

DATA = Path(datafiles.__file__).parent / "data"
Table = dict[tuple[Any, ...], tuple[float, ...]]

# States that end when their animation does, and what may follow at that moment without any input.
_TO_WAIT = (
    st.DOWN_STAND_U, st.DOWN_STAND_D, st.DOWN_FORWARD_U, st.DOWN_FORWARD_D, st.DOWN_BACK_U, st.DOWN_BACK_D,
    st.DOWN_ATTACK_U, st.DOWN_ATTACK_D, st.PASSIVE, st.PASSIVE_STAND_F, st.PASSIVE_STAND_B, st.ESCAPE_F, st.ESCAPE_B,
    st.ESCAPE_N, *range(st.CLIFF_CLIMB_SLOW, st.CLIFF_ESCAPE_QUICK + 1), *range(st.ATTACK_11, st.ATTACK_13 + 1),
    *range(st.ATTACK_DASH, st.ATTACK_LW_4 + 1), st.CATCH, st.CATCH_DASH, *range(st.THROW_F, st.THROW_LW + 1),
    st.SQUAT_RV, st.TURN, st.LANDING, st.DASH, st.GUARD_OFF,
)  # fmt: skip
_TO_FALL = (
    st.JUMP_F, st.JUMP_B, st.JUMP_AERIAL_F, st.JUMP_AERIAL_B, st.PASS, st.CLIFF_JUMP_QUICK_2, st.CLIFF_JUMP_SLOW_2,
    *range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1),
)  # fmt: skip
NATURAL = {
    **dict.fromkeys(_TO_WAIT, (st.WAIT,)), **dict.fromkeys(_TO_FALL, (st.FALL, st.FALL_AERIAL)),
    st.SQUAT: (st.SQUAT_WAIT, st.SQUAT_RV), st.ATTACK_LW_3: (st.SQUAT_WAIT, st.SQUAT_RV),
    st.CLIFF_CATCH: (st.CLIFF_WAIT,), st.CLIFF_JUMP_QUICK_1: (st.CLIFF_JUMP_QUICK_2,),
    st.CLIFF_JUMP_SLOW_1: (st.CLIFF_JUMP_SLOW_2,), st.OTTOTTO: (st.OTTOTTO_WAIT,), st.TURN_RUN: (st.WAIT, st.RUN),
    st.DOWN_BOUND_U: (st.DOWN_WAIT_U,), st.DOWN_BOUND_D: (st.DOWN_WAIT_D,),
    st.ESCAPE_AIR: (st.FALL_SPECIAL,), st.ATTACK_100_START: (st.ATTACK_100_LOOP,),
}  # fmt: skip
UNCUT = frozenset(
    (*range(st.CLIFF_CATCH, st.CLIFF_JUMP_QUICK_2 + 1), *range(st.THROW_F, st.THROW_LW + 1), st.PASSIVE,
     st.PASSIVE_STAND_F, st.PASSIVE_STAND_B, st.ATTACK_100_START)
)  # fmt: skip
"""States that nothing but a hit ends before their animation does: to have seen one end is enough."""
LOOPS = (st.FALL, st.FALL_AERIAL, st.FALL_SPECIAL, st.DAMAGE_FALL)


def learn_lengths(games: Iterable[Frames]) -> Table:
    """Age at which a state ends by itself, where two ends agree (one of ``UNCUT`` is enough) and no stay was longer."""
    ends: dict[tuple[int, int], list[int]] = defaultdict(list)
    longest: dict[tuple[int, int], float] = defaultdict(float)
    for frames in games:
        body = frames.players
        for port in range(2):
            state, age = body.state[:, port].astype(int), body.state_age[:, port]
            who = body.character[:, port]
            whole = np.abs(np.diff(age, prepend=age[:1]) - 1) < 1e-3
            for row in np.flatnonzero((state[1:] != state[:-1]) | (age[1:] < age[:-1])) + 1:
                key = int(who[row - 1]), int(state[row - 1])
                if key[1] in LOOPS:
                    if state[row] == key[1] and age[row] == 0:
                        ends[key].append(round(float(age[row - 1])) + 1)
                    continue
                if key[1] not in NATURAL or row < 130 or body.hitlag[row, port] > 0 or not whole[row - 1]:
                    continue
                longest[key] = max(longest[key], float(age[row - 1]))
                if state[row] in NATURAL[key[1]] and body.airborne[row, port] == body.airborne[row - 1, port]:
                    ends[key].append(round(float(age[row - 1])) + 1)
    found: Table = {}
    for key, ages in ends.items():
        latest = max(ages)
        if ages.count(latest) >= (1 if key[1] in UNCUT else 2) and latest > longest[key]:
            found[key] = (float(latest),)
    return found


def learn_ledges(games: Iterable[Frames]) -> Table:
    """Where a fighter hangs, by state and age: out from the edge, and below it."""
    stage_rows, all_tables = tables.stage_rows(), kernel.load().tables[0]
    places: dict[tuple[int, int, int], list[tuple[float, float]]] = defaultdict(list)
    shown = (st.CLIFF_CATCH, st.CLIFF_WAIT, st.CLIFF_JUMP_SLOW_1, st.CLIFF_JUMP_QUICK_1)
    for frames in games:
        body = frames.players
        stage = all_tables["stages"][stage_rows[int(frames.stage[0])]]
        for row, port in np.argwhere(np.isin(body.state, shown) & (body.hitlag == 0)):
            x, y = float(body.position_x[row, port]), float(body.position_y[row, port])
            side = 0 if x < 0 else 1
            out = (x - float(stage["edge_x"][side])) * (2 * side - 1)
            key = int(body.character[row, port]), int(body.state[row, port]), int(body.state_age[row, port])
            if key[1] == st.CLIFF_WAIT and key[2] > 60:
                continue
            places[key].append((out, float(stage["edge_y"][side]) - y))
    return {
        key: tuple(round(float(value), 4) for value in np.median(np.array(seen), axis=0))
        for key, seen in sorted(places.items())
    }


def learn_marks(games: Iterable[Frames]) -> Table:
    """Ages at which something happens within a state, by fighter and state.

    ``rise`` and ``settle``: a body that fell down leaves the ground and is back on it, most often; ``follow``: the
    earliest next jab.
    """
    seen: dict[tuple[int, int, str], Counter[int]] = defaultdict(Counter)
    for frames in games:
        body = frames.players
        if not body.airborne.any():
            continue  # not recorded before Slippi 2.0
        for port in range(2):
            state, age = body.state[:, port].astype(int), body.state_age[:, port]
            air, who = body.airborne[:, port] != 0, body.character[:, port]
            for row in np.flatnonzero((air[1:] != air[:-1]) | (state[1:] != state[:-1])) + 1:
                before, now = int(state[row - 1]), int(state[row])
                if before == now and now in (st.DOWN_BOUND_U, st.DOWN_BOUND_D):
                    seen[int(who[row]), now, "rise" if air[row] else "settle"][int(age[row])] += 1
                elif st.ATTACK_11 <= before <= st.ATTACK_13 and now in (before + 1, st.ATTACK_100_START):
                    seen[int(who[row]), before, "follow"][int(age[row - 1]) + 1] += 1
    return {
        (*key[:2], key[2]): (float(min(ages) if key[2] == "follow" else ages.most_common(1)[0][0]),)
        for key, ages in seen.items()
    }


def learn_halves(games: Iterable[Frames]) -> Table:
    """Half the width of the diamond, by fighter and state: how far upright walls kept those off who flew into them."""
    stage_rows, all_tables = tables.stage_rows(), kernel.load().tables[0]
    seen: dict[tuple[int, int], list[float]] = defaultdict(list)
    for frames in games:
        body = frames.players
        if not body.self_y.any():
            continue  # not recorded before Slippi 3.5
        stage = all_tables["stages"][stage_rows[int(frames.stage[0])]]
        first = int(stage["wall_offset"])
        walls = [wall for wall in all_tables["walls"][first : first + int(stage["walls"])] if wall["side"] != 0]
        upright = [wall for wall in walls if wall["x0"] == wall["x1"]]
        speed = body.self_x_air + body.knockback_x
        free = (body.state >= st.FIRST_SPECIAL) | np.isin(body.state, learn_feet.AIR)
        free &= (body.airborne != 0) & (body.hitlag == 0)
        pushed = np.abs(np.diff(body.position_x, axis=0, prepend=body.position_x[:1]) - speed) > PUSHED
        for row, port in np.argwhere(free & pushed):
            if row < 130 or not free[row - 1, port]:
                continue
            x, y = float(body.position_x[row, port]), float(body.position_y[row, port])
            for wall in upright:
                out = (x - float(wall["x0"])) * int(wall["side"])
                if LEAST_HALF <= out < MOST_HALF and wall["y0"] - MOST_UP < y < wall["y1"] - LEAST_UP:
                    seen[int(body.character[row, port]), int(body.state[row, port])].append(out)
    return {key: (round(float(np.median(found)), 3),) for key, found in sorted(seen.items()) if len(found) >= 3}


def learn_thrown(games: Iterable[Frames]) -> Table:
    """Where throwers carry whom they throw, forward and up, by thrower, throw from ThrowF and whole age."""
    seen: dict[tuple[int, int], dict[float, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for frames in games:
        body = frames.players
        for victim in range(2):
            thrower = 1 - victim
            number = body.state[:, thrower].astype(int) - st.THROW_F
            thrown = (body.state[:, victim] == number + st.THROWN_F) & (number >= 0) & (number < 4)
            facing = 1.0
            for row in np.flatnonzero(thrown & (body.hitlag[:, victim] == 0)):
                if not thrown[row - 1]:
                    facing = float(body.facing[row - 1, thrower])
                forward = float(body.position_x[row, victim] - body.position_x[row, thrower]) * facing
                up = float(body.position_y[row, victim] - body.position_y[row, thrower])
                key = int(body.character[row, thrower]), int(number[row])
                if abs(forward) + abs(up) < FURTHEST_THROWN:
                    seen[key][round(float(body.state_age[row, thrower]), 1)].append((forward, up))
    found: Table = {}
    for key, by_age in seen.items():
        ages = sorted(by_age)
        places = np.array([np.median(by_age[age], axis=0) for age in ages])
        for age in range(math.floor(ages[0]), int(ages[-1]) + 1):
            found[*key, age] = tuple(round(float(np.interp(age, ages, places[:, axis])), 2) for axis in (0, 1))
    return found


def learn_held(games: Iterable[Frames]) -> Table:
    """How far before its catcher a fighter is held: the catcher's own place, by how it holds (``learned.HELD``), and
    what the held one's body adds, 0 for most and seldom less (so of two the nearer one). Of those who stood when they
    were caught.
    """
    how = {st.CATCH_PULL: 0, st.CATCH_DASH + 1: 1, st.CATCH_WAIT: 2}
    captured = (st.CAPTURE_PULLED_LW, st.CAPTURE_WAIT_LW)
    seen: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    for frames in games:
        body = frames.players
        for held in range(2):
            catcher = 1 - held
            pulled = np.isin(body.state[:, held], captured) & (body.state_age[:, held] != 1)
            for row in np.flatnonzero(pulled & np.isin(body.state[:, catcher], [*how])):
                forward = float(body.position_x[row, held] - body.position_x[row, catcher])
                key = how[int(body.state[row, catcher])], int(body.character[row, catcher])
                seen[*key, int(body.character[row, held])].append(forward * float(body.facing[row, catcher]))
    places: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    for (kind, who, held), found_at in seen.items():
        places[kind, who][held] = float(np.median(found_at))
    backs = dict.fromkeys({held for by_held in places.values() for held in by_held}, 0.0)
    own: dict[tuple[int, int], float] = {}
    for _ in range(10):  # bodies are told from catchers by those who hold several
        shared = {place: by_held for place, by_held in places.items() if len(by_held) > 1}
        for place, by_held in shared.items():
            least = min(abs(backs[held]) for held in by_held) + BODY_ADDS
            own[place] = median_low(at for held, at in by_held.items() if abs(backs[held]) <= least)
        for who in backs:
            adds = [by_held[who] - own[place] for place, by_held in shared.items() if who in by_held]
            backs[who] = float(np.median(adds or [0.0]))
    own |= {place: at - backs[held] for place, by_held in places.items() if len(by_held) == 1
            for held, at in by_held.items()}  # fmt: skip
    found: Table = {(who, learned.HELD[kind]): (round(place, 2),) for (kind, who), place in own.items()}
    found |= {(who, "held_back"): (round(back, 2),) for who, back in backs.items() if abs(back) > BODY_ADDS}
    return found


BODY_ADDS = 0.5  # less is a matter of poses
FURTHEST_THROWN = 60.0  # else they stand on different stages: a thrower that died
PUSHED = 0.05
LEAST_HALF, MOST_HALF = 1.999, 6.0
LEAST_UP, MOST_UP = 4.0, 7.5  # heights of the diamond's side, for where it surely met an upright wall

LEARNED = {
    "learned_sides.csv": (learn_halves, ("character", "state", "half")),
    "learned_lengths.csv": (learn_lengths, ("character", "state", "length")),
    "learned_marks.csv": (learn_marks, ("character", "state", "mark", "age")),
    "learned_ledge.csv": (learn_ledges, ("character", "state", "age", "out", "below")),
    "learned_held.csv": (learn_held, ("character", "place", "forward")),
    "learned_thrown.csv": (learn_thrown, ("character", "throw", "age", "forward", "up")),
}


def learn(games: Sequence[Frames], bodies: bool) -> dict[str, str]:
    """The files by name; with ``bodies`` those of ``learn_hurt`` too."""
    files = {}
    if bodies:
        files[learn_hurt.DATA.name] = learn_hurt.written(learn_hurt.learn(learn_hurt.collect([*games])))
    for name, (function, header) in LEARNED.items():
        files[name] = _written(header, function(games))
    seen = learn_feet.collect(games)
    usual = learn_feet.usual(seen)
    curves, leans = learn_feet.fit(seen)
    sides, diamonds, lows = _sides(games, usual, curves, seen)
    curves |= {key: np.array([height]) for key, height in lows.items()}
    kinds = {key: (height,) for key, height in {**usual, **sides}.items()}
    files["learned_feet.csv"] = _written(("character", "kind", "height"), dict(kinds))
    places = {(*key, age): (float(half), float(side)) for key, found in diamonds.items()
              for age, (half, side) in enumerate(found)}  # fmt: skip
    files["learned_diamonds.csv"] = _written(("character", "state", "age", "half", "side"), dict(places))
    heights = {(*key, age): (float(height),) for key, curve in curves.items() for age, height in enumerate(curve)}
    files["learned_ecb.csv"] = _written(("character", "state", "age", "bottom"), heights)
    files["learned_lean.csv"] = _written(("character", "state", "forward", "back"), dict(leans))
    return files


def _sides(
    games: Sequence[Frames],
    usual: dict[tuple[int, str], float],
    curves: dict[learn_feet.Key, NDArray[np.float64]],
    seen: learn_feet.Seen,
) -> tuple[dict[tuple[int, str], float], dict[learn_feet.Key, NDArray[np.float64]], dict[learn_feet.Key, float]]:
    """Height of the sides by fighter (``side_up``), the diamond's sides by state and age, and its lowest point where
    walls alone told it."""
    known: dict[learn_feet.Key, dict[int, float]] = defaultdict(dict)
    for row in datafiles.read_rows("known_ecb.csv"):
        known[int(row["character"]), int(row["state"])][int(row["age"])] = float(row["bottom"])

    def low(who: int, state: int, age: int) -> float:
        if ages := known.get((who, state)):
            return ages[min(ages, key=lambda one: abs(one - age))]
        if (who, state) in curves:
            return float(curves[who, state][min(age, len(curves[who, state]) - 1)])
        kind = next((kind for kind, states in learn_feet.KINDS.items() if state in states), learn_feet.FALL)
        return usual[who, kind]

    touches = learn_sides.collect(games, low)
    heights = learn_sides.heights(touches)
    halves = {(key[0], key[1]): half[0] for key, half in learn_halves(games).items()}
    for row in datafiles.read_rows("known_sides.csv"):
        halves[int(row["character"]), int(row["state"])] = float(row["half"])

    def usually(who: int, state: int) -> tuple[float, float]:
        acts = st.ATTACK_AIR_N <= state <= st.ATTACK_AIR_LW or state >= st.FIRST_SPECIAL
        half = halves.get((who, state), HALF_ACTING if acts else HALF)
        return half, heights.get(who, float(BODY[Character(who)][0]) * SIDE_SHARE)

    jumps = kernel.load().tables[0]["fighters"]["animated_jump"]
    told = {
        key: found for key, found in touches.items()
        if key not in known and key not in curves
        and not (jumps[key[0]] and key[1] in learn_feet.ALIKE[1])  # those turn over, no one height tells them
    }  # fmt: skip
    lows = learn_sides.lows(told, usually, seen)
    for key, low_ in lows.items():
        touches[key] = [one._replace(tucked=low_, bottom=0.0 if one.locked else low_) for one in touches[key]]
    return {(who, "side_up"): height for who, height in heights.items()}, learn_sides.fit(touches, usually), lows


def _written(header: tuple[str, ...], table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows((*key, *(f"{value:g}" for value in values)) for key, values in sorted(table.items()))
    return out.getvalue()


def use(files: dict[str, str]) -> None:
    """Let this process's game play with other tables; their sizes are the same, so nothing is compiled."""
    real = datafiles.data_file
    with mock.patch.object(datafiles, "data_file", lambda name: files[name] if name in files else real(name)):
        fresh = tables.load(jit.cache_folder())
    kernel.load().tables[0] = fresh[0]


def main() -> None:
    """Learn, measure on what was left out, and write when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("replays", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--bodies", action="store_true", help="learn the bodies of learn_hurt.py too (slow)")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    every = [
        result
        for result in read_many(find_replays(replay_folder(options.replays)), rollback="last")
        if not isinstance(result, BadReplay) and np.isin(result.frames.players.character, np.array(PLAYABLE)).all()
    ]
    counted = [replay for replay in every if not fidelity.refusal(replay.frames, replay.meta.version)]
    print(f"{len(every)} replays to learn from, {len(counted)} of them to measure on")
    parts: list[Measured] = []
    for fold in range(options.folds):
        out = counted[fold :: options.folds]
        rest = [replay.frames for replay in every if replay not in out]
        if not out or not rest:
            continue
        use(learn(rest, options.bodies))
        parts.append(fidelity.measure([replay.frames for replay in out]))
        print(f"fold {fold + 1}: {', '.join(replay.path.name for replay in out)}")
    held_out = Measured(
        np.concatenate([part.windows for part in parts]), np.concatenate([part.frames for part in parts]),
        np.concatenate([part.followers for part in parts]),
    )  # fmt: skip
    files = learn([replay.frames for replay in every], options.bodies)
    use(files)
    in_sample = fidelity.measure([replay.frames for replay in counted])
    for name, measured in (("held out", held_out), ("in sample", in_sample)):
        print(name)
        for line in fidelity.table(measured):
            f = line.figures
            if f.windows:
                states = " ".join(f"{value:.3f}" for value in f.same_state)
                hits = f"{f.hits_met or 0:.3f} of {f.hits:3} hits, {f.false_hits:2} false"
                print(
                    f"  {line.group:8}{line.name:20}{f.windows:6} {f.survive:.3f}  {states}  {f.exact or 0:.4f}  {hits}"
                )
    if options.write:
        for name, text in files.items():
            write_whole(DATA / name, text.encode())
        write_whole(SCORES, msgspec.json.format(msgspec.json.encode(_scores(held_out)), indent=1) + b"\n")


def _scores(measured: Measured) -> dict[str, Score]:
    found = {}
    for who in PLAYABLE:
        windows = measured.windows[(measured.windows["fighter"] == who) & measured.windows["moving"]]
        some = figures.of(windows, measured.frames[measured.frames["fighter"] == who])
        score = None if some.survive is None else round(some.survive, 3)
        found[str(int(who))] = Score(score=score, windows=some.windows, measured=some.windows > 0)
    return found


if __name__ == "__main__":
    main()
