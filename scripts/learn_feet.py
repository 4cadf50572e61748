"""Learn the lowest point of the body, by fighter, airborne state and age: where replays show it landing, or not yet.

A frame in the air says that the point is higher than a line that the body's place has sunk under without landing; the
frame of a landing, that it is at most so high. The curve of a state is the one that contradicts these sightings least
while it changes little from age to age and strays little from what is known of states like it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.sim import kernel, tables
from exphil_rt.sim.physics import LEAN_FROM, LEAN_RATE

HIGHEST: Final = 12.0  # sightings further above the feet than this are of something else
TALLEST: Final = 9.0  # the highest lowest point
PASSING: Final = (*range(st.JUMP_F, st.FALL_SPECIAL + 3), st.PASS)  # fall through platforms with the stick down
FEET_LOCKED: Final = 10  # frames in the air during which the lowest point is the fighter's own place
AIR: Final = (*range(st.JUMP_F, st.DAMAGE_FALL + 1), *range(st.ATTACK_AIR_N, st.ATTACK_AIR_LW + 1), st.ESCAPE_AIR,
              st.PASS, st.CLIFF_JUMP_QUICK_2, st.CLIFF_JUMP_SLOW_2,
              *range(st.DAMAGE_HI_1, st.DAMAGE_FLY_ROLL + 1))  # fmt: skip
LANDED: Final = frozenset(
    (st.WAIT, st.LANDING, st.LANDING_FALL_SPECIAL, *range(st.LANDING_AIR_N, st.LANDING_AIR_LW + 1), st.DOWN_BOUND_U,
     st.DOWN_BOUND_D, st.PASSIVE, st.PASSIVE_STAND_F, st.PASSIVE_STAND_B)
)  # fmt: skip
LEANING: Final = (st.FALL, st.FALL_AERIAL, st.FALL_SPECIAL)
ALIKE: Final = (
    (st.JUMP_F, st.JUMP_B), (st.JUMP_AERIAL_F, st.JUMP_AERIAL_B), (st.FALL, st.FALL_AERIAL),
    (st.DAMAGE_HI_1, st.DAMAGE_N1, st.DAMAGE_LW_1, st.DAMAGE_AIR_1),
    (st.DAMAGE_HI_2, st.DAMAGE_N2, st.DAMAGE_LW_2, st.DAMAGE_AIR_2),
    (st.DAMAGE_HI_3, st.DAMAGE_N3, st.DAMAGE_LW_3, st.DAMAGE_AIR_3),
    (st.DAMAGE_FLY_HI, st.DAMAGE_FLY_N, st.DAMAGE_FLY_LW),
)  # fmt: skip

_GRID: Final = np.arange(0.0, TALLEST + 1e-6, 0.125)
_MARGIN: Final = 0.3
"""Sightings want the point this far on their side of them."""
_MOST: Final = 1.5
"""A sighting that contradicts by more costs no more: it is of something else."""
_STIFF: Final = 0.25
_LOYAL: Final = 0.005
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
            since = _since(air)
            lands = np.isin(body.state[:, port], AIR) | (shown & (body.state[:, port] >= st.FIRST_SPECIAL))
            rows = np.flatnonzero(air & (since >= FEET_LOCKED) & lands)
            lean = leaning(frames, port)
            for row in rows[(rows > 130) & (rows + 1 < len(air))]:
                _look(frames, port, int(row), int(since[row]), lines, lean, seen)
    return seen


def _since(air: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Frames in the air, 1 on the first."""
    count = np.zeros(len(air), np.int32)
    for row in range(1, len(air)):
        count[row] = count[row - 1] + 1 if air[row] else 0
    return count


def _look(frames: Frames, port: int, row: int, since: int, lines: Sequence[np.void], lean: NDArray[np.float64],
          seen: Seen) -> None:  # fmt: skip
    """What this frame, ``since`` frames in the air, says."""
    body = frames.players
    x, y = float(body.position_x[row, port]), float(body.position_y[row, port])
    who, state = int(body.character[row, port]), int(body.state[row, port])
    age = int(body.state_age[row, port])
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
            seen[who, state].append(Sighting(age, height - y, True, float(lean[row])))
    after = int(body.state[row + 1, port])
    # landed on without a state of its own
    stayed = body.airborne[row, port] != 0 and (after == state or after >= st.FIRST_SPECIAL)
    if body.airborne[row + 1, port] or body.hitlag[row + 1, port] > 0 or not (after in LANDED or stayed):
        return
    landed = float(body.position_y[row + 1, port])
    speed = float(body.self_y[row + 1, port]) + float(body.knockback_y[row + 1, port])
    if speed == 0.0:  # not recorded before Slippi 3.5
        at = kernel.load().tables[0]["fighters"][who]
        terminal = float(at["terminal_vel"])
        speed = -fell if fell >= terminal - 1e-3 else -min(fell + float(at["gravity"]), terminal)
    if -1e-3 <= landed - y - speed < HIGHEST:
        goes_on = state in LEANING
        next_lean = float(lean[row]) if goes_on else 0.0
        seen[who, state].append(Sighting(age + 1, landed - y - speed, False, next_lean))


def curve(sightings: Sequence[Sighting], prior: NDArray[np.float64], leans: tuple[float, float]) -> NDArray[np.float64]:
    """Heights ``[ages]``, as many as ``prior`` has."""
    cost = _LOYAL * (_GRID[None, :] - prior[:, None]) ** 2
    for one in sightings:
        at = _GRID + _leant(one.lean, leans)
        short = one.height + _MARGIN - at if one.above else at - max(one.height - _MARGIN, 0.0)
        cost[min(one.age, len(prior) - 1)] += np.clip(short, 0.0, _MOST)
    change = _STIFF * (_GRID[:, None] - _GRID[None, :]) ** 2
    best, back = cost[0], np.zeros((len(prior), len(_GRID)), np.int32)
    for age in range(1, len(prior)):
        ways = best[:, None] + change
        back[age] = ways.argmin(axis=0)
        best = ways.min(axis=0) + cost[age]
    level = int(best.argmin())
    path = [level]
    for age in range(len(prior) - 1, 0, -1):
        level = int(back[age, level])
        path.append(level)
    return _GRID[path[::-1]]


def contradictions(sightings: Sequence[Sighting], heights: NDArray[np.float64], leans: tuple[float, float]) -> float:
    """How much a curve contradicts sightings."""
    total = 0.0
    for one in sightings:
        at = max(float(heights[min(one.age, len(heights) - 1)]) + _leant(one.lean, leans), 0.0)
        total += min(max(one.height + _MARGIN - at if one.above else at - max(one.height - _MARGIN, 0.0), 0.0), _MOST)
    return total


def _leant(lean: float, leans: tuple[float, float]) -> float:
    return lean * leans[0] if lean > 0 else -lean * leans[1]


def learn(games: Iterable[Frames]) -> tuple[dict[Key, NDArray[np.float64]], dict[Key, tuple[float, float]]]:
    """Heights by age of each state that was seen to land (or looks like one), and how a lean changes them."""
    return fit(collect(games))


def fit(seen: Seen) -> tuple[dict[Key, NDArray[np.float64]], dict[Key, tuple[float, float]]]:
    """As ``learn``, of sightings."""
    curves: dict[Key, NDArray[np.float64]] = {}
    leans: dict[Key, tuple[float, float]] = {}
    for who in sorted({key[0] for key in seen}):
        mine = {state: found for (fighter, state), found in seen.items() if fighter == who}
        fighter = kernel.load().tables[0]["fighters"][who]
        for group in {_group(state) for state in mine}:
            pooled = [one for state in group for one in mine.get(state, ())]
            if all(one.above for one in pooled):
                continue
            ages = max(one.age for one in pooled) + 1
            flat = np.full(ages, _constant(pooled, float(fighter[_kind(min(group))])))
            both = _leans(pooled, flat) if group[0] in LEANING else (0.0, 0.0)
            common = curve(pooled, flat, both)
            for state in group:
                curves[who, state] = curve(mine.get(state, ()), common, both) if len(group) > 1 else common
                if group[0] in LEANING:
                    leans[who, state] = both
    return curves, leans


def _group(state: int) -> tuple[int, ...]:
    return next((group for group in ALIKE if state in group), (state,))


def _kind(state: int) -> str:
    """Name of the height that a state has where no replay showed it (``physics.feet``)."""
    if state in ALIKE[0]:
        return "ecb_jump"
    if state in ALIKE[1]:
        return "ecb_air_jump"
    return "ecb_attack" if st.ATTACK_AIR_N <= state <= st.ATTACK_AIR_LW else "ecb_fall"


def _constant(sightings: Sequence[Sighting], usual: float) -> float:
    costs = [
        contradictions(sightings, np.array([height]), (0.0, 0.0)) + _LOYAL * (height - usual) ** 2 for height in _GRID
    ]
    return float(_GRID[int(np.argmin(costs))])


def _leans(sightings: Sequence[Sighting], prior: NDArray[np.float64]) -> tuple[float, float]:
    """What a full lean forward and one backward add, that contradict the sightings least."""
    best = [0.0, 0.0]
    for _ in range(2):
        for side in range(2):
            costs = []
            for value in _LEANS:
                tried = (float(value), best[1]) if side == 0 else (best[0], float(value))
                heights = curve(sightings, prior, tried)
                costs.append(contradictions(sightings, heights, tried) + _LEAN_COST * abs(float(value)))
            best[side] = float(_LEANS[int(np.argmin(costs))])
    return best[0], best[1]
