"""Learn the lowest point of the body, by fighter, airborne state and age: where replays show it landing, or not yet.

A frame in the air says that the point is higher than a line that the body's place has sunk under without landing; the
frame of a landing, that it is at most so high. The curve of a state is the one that contradicts these sightings least
while it changes little from age to age and strays little from what is known of states like it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import PLAYABLE
from exphil_rt.sim import kernel, tables
from exphil_rt.sim.framedata import CLONES
from exphil_rt.sim.physics import FEET_LOCKED, LEAN_FROM, LEAN_RATE

HIGHEST: Final = 12.0  # sightings further above the feet than this are of something else
TALLEST: Final = 9.0  # the highest lowest point
PASSING: Final = (*range(st.JUMP_F, st.FALL_SPECIAL + 3), st.PASS)  # fall through platforms with the stick down
AIR: Final = (*range(st.JUMP_F, st.DAMAGE_FALL + 1), *range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1), st.ESCAPE_AIR,
              st.PASS, st.CLIFF_JUMP_QUICK_2, st.CLIFF_JUMP_SLOW_2,
              *range(st.DAMAGE_HI_1, st.DAMAGE_FLY_ROLL + 1), st.DOWN_DAMAGE_D)  # fmt: skip
LANDED: Final = frozenset(
    (st.WAIT, st.LANDING, st.LANDING_FALL_SPECIAL, *range(st.LANDING_AIR_N, st.LANDING_AIR_LW + 1), st.DOWN_BOUND_U,
     st.DOWN_BOUND_D, st.PASSIVE, st.PASSIVE_STAND_F, st.PASSIVE_STAND_B, st.DOWN_DAMAGE_D)
)  # fmt: skip
LEANING: Final = (st.FALL, st.FALL_AERIAL, st.FALL_SPECIAL)
ALIKE: Final = (
    (st.JUMP_F, st.JUMP_B), (st.JUMP_AERIAL_F, st.JUMP_AERIAL_B), (st.FALL, st.FALL_AERIAL),
    (st.DAMAGE_HI_1, st.DAMAGE_N1, st.DAMAGE_LW_1, st.DAMAGE_AIR_1),
    (st.DAMAGE_HI_2, st.DAMAGE_N2, st.DAMAGE_LW_2, st.DAMAGE_AIR_2),
    (st.DAMAGE_HI_3, st.DAMAGE_N3, st.DAMAGE_LW_3, st.DAMAGE_AIR_3),
    (st.DAMAGE_FLY_HI, st.DAMAGE_FLY_N, st.DAMAGE_FLY_LW),
)  # fmt: skip

FALL: Final = "ecb_fall"
KINDS: Final = {
    "ecb_jump": ALIKE[0], "ecb_air_jump": ALIKE[1], "ecb_attack": tuple(range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1)),
    FALL: tuple({*AIR} - {*ALIKE[0], *ALIKE[1], *range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1)}),
}  # fmt: skip
"""States whose heights resemble each other where nothing else is known (``physics.tucked``)."""

_GRID: Final = np.arange(0.0, TALLEST + 1e-6, 0.125)
_MARGIN: Final = 0.3
"""Sightings want the point this far on their side of them."""
_MOST: Final = 1.5
"""A sighting that contradicts by more costs no more: it is of something else."""
_STIFF: Final = 0.25
_STIFF_FALL: Final = 4.0
"""Falls hardly move: Fox's lowest point stays within a fifteenth of a unit in each of his three (known_ecb.csv)."""
_LOYAL: Final = 0.005
_LOYAL_STATE: Final = 0.05
"""Of one state among those like it."""
_USUAL: Final = 3.5
_LEANS: Final = np.arange(-4.0, 4.01, 0.25)
_LEAN_COST: Final = 0.3


class Sighting(NamedTuple):
    """The point is above (``above``) ``height`` over the fighter's place, or at most there."""

    age: int
    height: float
    above: bool
    lean: float


Key = tuple[int, int]
Seen = dict[Key, list[Sighting]]


def leaning(frames: Frames, port: int) -> NDArray[np.float64]:
    """How far falls lean by the end of each frame's animation, ``[T]``: forward positive (see ``physics.lean``)."""
    body = frames.players
    state = body.state[:, port].astype(int)
    x = body.self_x_air[:, port] if body.self_y.any() else np.diff(body.position_x[:, port], prepend=0.0)
    most = kernel.load().tables[0]["fighters"]["drift_max"][np.minimum(body.character[:, port], 26)]
    share = np.clip(x * body.facing[:, port] / most, -1.0, 1.0)
    size = np.maximum(np.abs(share) - LEAN_FROM, 0.0) / (1.0 - LEAN_FROM) * np.sign(share)
    found = np.zeros(len(state))
    falls = np.isin(state, LEANING)
    for row in range(1, len(state)):
        if falls[row] and state[row] == state[row - 1]:
            found[row] = found[row - 1] + LEAN_RATE * (size[row - 1] - found[row - 1])
    return found


def collect(games: Iterable[Frames]) -> Seen:
    """Every sighting by fighter and state."""
    stage_rows, all_tables = tables.stage_rows(), kernel.load().tables[0]
    seen: Seen = defaultdict(list)
    for frames in games:
        body = frames.players
        stage = all_tables["stages"][stage_rows[int(frames.stage[0])]]
        first = int(stage["line_offset"])
        lines = [line for line in all_tables["lines"][first : first + int(stage["lines"])] if line["moving"] == 0]
        for port in range(2):
            shown = bool(body.airborne.any())
            air = body.airborne[:, port] != 0 if shown else np.isin(body.state[:, port], AIR)
            in_air = since(air)
            lands = np.isin(body.state[:, port], AIR) | (shown & (body.state[:, port] >= st.FIRST_SPECIAL))
            rows = np.flatnonzero(air & (in_air >= FEET_LOCKED) & lands)
            lean = leaning(frames, port)
            for row in rows[(rows > 130) & (rows + 1 < len(air))]:
                _look(frames, port, int(row), int(in_air[row]), lines, lean, seen)
    return seen


def since(air: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Frames in the air, 1 on the first."""
    count = np.zeros(len(air), np.int32)
    for row in range(1, len(air)):
        count[row] = count[row - 1] + 1 if air[row] else 0
    return count


def pose(state: NDArray[Any], age: NDArray[Any], row: int) -> tuple[int, int]:
    """State and age that the body shows on a frame, of ``[T]`` recorded ones (see ``physics.shown``)."""
    if int(age[row]) == 0 and state[row] != st.FALL_SPECIAL and state[row - 1] != state[row]:
        return int(state[row - 1]), int(age[row - 1]) + 1
    return int(state[row]), int(age[row])


def _look(frames: Frames, port: int, row: int, since: int, lines: Sequence[np.void], lean: NDArray[np.float64],
          seen: Seen) -> None:  # fmt: skip
    """What this frame, ``since`` frames in the air, says."""
    body = frames.players
    x, y = float(body.position_x[row, port]), float(body.position_y[row, port])
    who, state = int(body.character[row, port]), int(body.state[row, port])
    age = int(body.state_age[row, port])
    shown, shown_age = pose(body.state[:, port], body.state_age[:, port], row)
    shown_lean = float(lean[row if shown == state else row - 1])
    fell = float(body.position_y[row - 1, port]) - y
    if fell <= 0 or body.hitlag[row, port] > 0:
        return
    passes = np.isin(body.state[row - 8 : row + 1, port], PASSING)
    holds_down = (passes & (frames.controllers.joystick_y[row - 8 : row + 1, port] <= -0.6)).any()
    for line in lines if since > FEET_LOCKED else ():
        if not (line["x0"] + 1 < x < line["x1"] - 1) or (line["drop"] and holds_down):
            continue
        height = float(line["y0"] + (line["y1"] - line["y0"]) * (x - line["x0"]) / (line["x1"] - line["x0"]))
        if y < height < y + HIGHEST and (body.position_y[row - since + 1 : row, port] > height).any():
            seen[who, shown].append(Sighting(shown_age, height - y, True, shown_lean))
    after = int(body.state[row + 1, port])
    # landed on without a state of its own
    stayed = body.airborne[row, port] != 0 and (after == state or after >= st.FIRST_SPECIAL)
    if body.airborne[row + 1, port] or body.hitlag[row + 1, port] > 0 or not (after in LANDED or stayed):
        return
    if st.LANDING_AIR_N <= after <= st.LANDING_AIR_LW and not st.ATTACK_AIR_N <= state <= st.ATTACK_AIR_LW:
        return  # an aerial that began on this frame
    if state >= st.FIRST_SPECIAL and body.state_age[row, port] == body.state_age[row - 1, port]:
        return  # a special in one pose, which may have ended on this frame
    landed = float(body.position_y[row + 1, port])
    speed = float(body.self_y[row + 1, port]) + _knocked(frames, port, row)
    if speed == 0.0:  # not recorded before Slippi 3.5
        at = kernel.load().tables[0]["fighters"][who]
        terminal = float(at["terminal_vel"])
        speed = -fell if fell >= terminal - 1e-3 else -min(fell + float(at["gravity"]), terminal)
    if -1e-3 <= landed - y - speed < HIGHEST:
        goes_on = state in LEANING
        next_lean = float(lean[row]) if goes_on else 0.0
        seen[who, state].append(Sighting(age + 1, landed - y - speed, False, next_lean))


def _knocked(frames: Frames, port: int, row: int) -> float:
    """The knockback's part of the next frame's fall (what the landing shows of it is what the landing left)."""
    body = frames.players
    x, y = float(body.knockback_x[row, port]), float(body.knockback_y[row, port])
    size = math.hypot(x, y)
    decay = float(kernel.load().tables[0]["common"]["kb_decay"][0])
    return y * (size - decay) / size if size > decay else 0.0


def curve(
    sightings: Sequence[Sighting], prior: NDArray[np.float64], leans: tuple[float, float], stiff: float
) -> NDArray[np.float64]:
    """Heights ``[ages]``, as many as ``prior`` has; ``stiff`` is the cost of a unit's change from age to age."""
    cost = _LOYAL * (_GRID[None, :] - prior[:, None]) ** 2
    for one in sightings:
        at = _GRID + _leant(one.lean, leans)
        short = one.height + _MARGIN - at if one.above else at - max(one.height - _MARGIN, 0.0)
        cost[min(one.age, len(prior) - 1)] += np.clip(short, 0.0, _MOST)
    return _GRID[path(cost, stiff * (_GRID[:, None] - _GRID[None, :]) ** 2)]


def path(cost: NDArray[np.float64], change: NDArray[np.float64]) -> list[int]:
    """The cheapest way through ``cost`` ``[ages, levels]``, where a change of level costs ``change`` ``[from, to]``."""
    best, back = cost[0], np.zeros(cost.shape, np.int32)
    for age in range(1, len(cost)):
        ways = best[:, None] + change
        back[age] = ways.argmin(axis=0)
        best = ways.min(axis=0) + cost[age]
    level = int(best.argmin())
    found = [level]
    for age in range(len(cost) - 1, 0, -1):
        level = int(back[age, level])
        found.append(level)
    return found[::-1]


def contradictions(sightings: Sequence[Sighting], heights: NDArray[np.float64], leans: tuple[float, float]) -> float:
    """How much a curve contradicts sightings."""
    total = 0.0
    for one in sightings:
        at = max(float(heights[min(one.age, len(heights) - 1)]) + _leant(one.lean, leans), 0.0)
        total += min(max(one.height + _MARGIN - at if one.above else at - max(one.height - _MARGIN, 0.0), 0.0), _MOST)
    return total


def _leant(lean: float, leans: tuple[float, float]) -> float:
    return lean * leans[0] if lean > 0 else -lean * leans[1]


def fit(seen: Seen) -> tuple[dict[Key, NDArray[np.float64]], dict[Key, tuple[float, float]]]:
    """Heights by age of each state that was seen to land (or looks like one), and how a lean changes them."""
    curves: dict[Key, NDArray[np.float64]] = {}
    leans: dict[Key, tuple[float, float]] = {}
    typical = usual(seen)
    for who in sorted({key[0] for key in seen}):
        mine = {state: found for (fighter, state), found in seen.items() if fighter == who}
        for group in {_group(state) for state in mine}:
            pooled = [one for state in group for one in mine.get(state, ())]
            if all(one.above for one in pooled):
                continue
            ages = max(one.age for one in pooled) + 1
            kind = next((kind for kind, states in KINDS.items() if group[0] in states), FALL)
            level = _level(pooled, typical[who, kind], _LOYAL)
            levels = {state: _level(mine.get(state, ()), level, _LOYAL_STATE) for state in group}
            if group[0] in LEANING:
                both = _leans(mine, levels)
                for state in group:
                    own = mine.get(state, ())
                    curves[who, state] = curve(own, np.full(ages, levels[state]), both, _STIFF_FALL)
                    leans[who, state] = both
                continue
            common = curve(pooled, np.full(ages, level), (0.0, 0.0), _STIFF)
            for state in group:
                own, prior = mine.get(state, ()), np.clip(common + levels[state] - level, 0.0, TALLEST)
                curves[who, state] = curve(own, prior, (0.0, 0.0), _STIFF) if len(group) > 1 else common
    return curves, leans


def usual(seen: Seen) -> dict[tuple[int, str], float]:
    """The height of each kind of state, of every fighter: his own, his model's, or the middle one of those seen."""
    found: dict[tuple[int, str], float] = {}
    for kind, states in KINDS.items():
        by_fighter: dict[int, list[Sighting]] = defaultdict(list)
        for (who, state), sightings in seen.items():
            if state in states:
                by_fighter[who] += sightings
        levels = {
            who: _level(mine, _USUAL, _LOYAL) for who, mine in by_fighter.items() if not all(s.above for s in mine)
        }
        middle = float(np.median([*levels.values()])) if levels else _USUAL
        for fighter in PLAYABLE:
            model = int(CLONES.get(fighter, fighter))
            found[int(fighter), kind] = levels.get(int(fighter), levels.get(model, middle))
    return found


def _group(state: int) -> tuple[int, ...]:
    return next((group for group in ALIKE if state in group), (state,))


def _level(sightings: Sequence[Sighting], usual: float, loyal: float) -> float:
    """The one height that contradicts sightings least and is not far from what is usual."""
    costs = [
        contradictions(sightings, np.array([height]), (0.0, 0.0)) + loyal * (height - usual) ** 2 for height in _GRID
    ]
    return float(_GRID[int(np.argmin(costs))])


def _leans(mine: dict[int, list[Sighting]], levels: dict[int, float]) -> tuple[float, float]:
    """What a full lean forward and one backward add, that contradict the sightings of some states least."""
    best = [0.0, 0.0]
    for _ in range(2):
        for side in range(2):
            costs = []
            for value in _LEANS:
                tried = (float(value), best[1]) if side == 0 else (best[0], float(value))
                cost = _LEAN_COST * abs(float(value))
                for state, level in levels.items():
                    if own := mine.get(state, ()):
                        flat = np.full(max(one.age for one in own) + 1, level)
                        cost += contradictions(own, curve(own, flat, tried, _STIFF_FALL), tried)
                costs.append(cost)
            best[side] = float(_LEANS[int(np.argmin(costs))])
    return best[0], best[1]
