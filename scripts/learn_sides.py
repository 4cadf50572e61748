"""Learn the diamond's sides, by fighter, airborne state and age: half its width and how high they are.

A fighter that a wall pushed says where its diamond touched; one that passed a wall unpushed, that it did not reach so
far. As in ``learn_feet``, the curves are those that contradict these sightings least while they change little from age
to age and stray little from what is usual. Width and height are fitted in turn, each with the other one given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import learn_feet
import numpy as np
from learn_feet import Key, path
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.sim import kernel, tables
from exphil_rt.sim.physics import FEET_LOCKED

PUSHED: Final = 0.003
FURTHEST: Final = 9.0  # a push beyond this is none
NEAR: Final = 8.0  # who is further out than this from where the walls are says nothing
LEAST_HALF: Final = 2.0  # in the game
_HALVES: Final = np.arange(LEAST_HALF, 6.01, 0.05)
_SIDES: Final = np.arange(0.5, 12.01, 0.125)
_LOWS: Final = np.arange(0.0, 7.01, 0.25)
_MOST: Final = 1.0
_STIFF: Final = 0.3
_LOYAL: Final = 0.01
_THIN: Final = 0.1
"""Cost of each age that is wider than the least there is, the commonest width."""

Low = Callable[[int, int, int], float]


class Touch(NamedTuple):
    """Mirrored to a wall that is open to the right: the place, what the walls there are, and whether it was pushed."""

    age: int
    x: float
    y: float
    bottom: float
    tucked: float
    pushed: bool
    walls: NDArray[np.float64]  # [W, 4] from below to above
    locked: bool = False  # the lowest point is the place itself
    came: tuple[float, float] = (np.nan, np.nan)  # place before
    would: float = np.nan  # where it would be but for the push


def least_x(touch: Touch, half: NDArray[np.float64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where walls keep diamonds of these halves and sides (broadcast together) at a height; -inf for nowhere."""
    top = np.maximum(2.0 * side - touch.tucked, side + 0.5)  # as in collide.against_walls
    shape = np.broadcast(half, side).shape
    best = np.full(shape, -np.inf)
    for x0, y0, x1, y1 in touch.walls:
        for height, out in ((side, half), (top, 0.0 * half), (np.float64(touch.bottom), 0.0 * half)):
            at = touch.y + height
            inside = (at >= y0) & (at <= y1)
            best = np.where(inside, np.maximum(best, x0 + (x1 - x0) * (at - y0) / (y1 - y0) + out), best)
        if _swept(touch, x0, y0, x1, y1):
            at = min(max(touch.y + touch.bottom, y0), y1)
            best = np.maximum(best, x0 + (x1 - x0) * (at - y0) / (y1 - y0))
        for x, y in ((x0, y0), (x1, y1)):
            rise = y - touch.y
            below = (rise - touch.bottom) / np.maximum(side - touch.bottom, 1e-6)
            above = (top - rise) / np.maximum(top - side, 1e-6)
            share = np.where(rise < side, below, above)
            best = np.where((rise > touch.bottom) & (rise < top), np.maximum(best, x + half * share), best)
    return best


def _swept(touch: Touch, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether the lowest point went through a wall that it is past now (as in collide.against_wall)."""
    at, was = touch.y + touch.bottom, touch.came[1] + touch.bottom
    if y0 <= at < y1 or not y0 <= was < y1:
        return False
    free = touch.came[0] - (x0 + (x1 - x0) * (was - y0) / (y1 - y0))
    deep = x0 + (x1 - x0) * (min(max(at, y0), y1) - y0) / (y1 - y0) - touch.would
    if free < -0.1 or not deep > 0.0:
        return False
    return y0 <= was + (at - was) * max(free, 0.0) / (max(free, 0.0) + deep) < y1


def collect(games: Iterable[Frames], low: Low) -> dict[Key, list[Touch]]:
    """Every sighting by fighter and state; ``low`` is the height of the tucked lowest point by fighter, state, age."""
    stage_rows, all_tables = tables.stage_rows(), kernel.load().tables[0]
    seen: dict[Key, list[Touch]] = defaultdict(list)
    for frames in games:
        body = frames.players
        stage = all_tables["stages"][stage_rows[int(frames.stage[0])]]
        if not body.self_y.any() or stage["windy"]:
            continue  # velocities are not recorded before Slippi 3.5
        first = int(stage["wall_offset"])
        walls = [wall for wall in all_tables["walls"][first : first + int(stage["walls"])] if wall["side"] != 0]
        for port in range(2):
            _collect(frames, port, walls, low, seen)
    return seen


def _collect(frames: Frames, port: int, walls: Sequence[np.void], low: Low, seen: dict[Key, list[Touch]]) -> None:
    body = frames.players
    state, age = body.state[:, port].astype(int), body.state_age[:, port]
    air, hitlag = body.airborne[:, port] != 0, body.hitlag[:, port] > 0
    since = learn_feet.since(air)
    free = air & ~hitlag & (np.isin(state, learn_feet.AIR) | (state >= st.FIRST_SPECIAL))
    x, y = body.position_x[:, port].astype(float), body.position_y[:, port].astype(float)
    speed = body.self_x_air[:, port] + body.knockback_x[:, port]
    off = np.diff(x, prepend=x[0]) - speed
    for row in np.flatnonzero(free & (y < 0)):
        if row < 130 or not free[row - 1] or hitlag[row - 2] or since[row] < 2:
            continue
        side = 1 if x[row] > 0 else -1
        mine = np.array([
            (float(wall["x0"]) * side, float(wall["y0"]), float(wall["x1"]) * side, float(wall["y1"]))
            for wall in walls if int(wall["side"]) == side
        ])  # fmt: skip
        if not len(mine) or x[row] * side > mine[:, (0, 2)].max() + NEAR:
            continue
        push = float(off[row]) * side
        if push < -PUSHED or push > FURTHEST:
            continue
        who = int(body.character[row, port])
        pose, pose_age = learn_feet.pose(state, age, row)
        if state[row] != state[row - 1] and age[row - 1] == age[row - 2] and state[row - 1] >= st.FIRST_SPECIAL:
            pose, pose_age = int(state[row - 1]), int(age[row - 1])  # a special in one pose, which a wall has ended
        tucked = low(who, pose, pose_age)
        locked = bool(since[row] <= FEET_LOCKED)
        bottom = 0.0 if locked else tucked
        touch = Touch(pose_age, x[row] * side, float(y[row]), bottom, tucked, push > PUSHED, mine, locked,
                      (x[row - 1] * side, float(y[row - 1])), x[row] * side - push)  # fmt: skip
        seen[who, pose].append(touch)


def fit(
    seen: dict[Key, list[Touch]], usual: Callable[[int, int], tuple[float, float]]
) -> dict[Key, NDArray[np.float64]]:
    """(half, side) ``[ages, 2]`` of each state that a wall pushed, from what is usual of a fighter and state."""
    found: dict[Key, NDArray[np.float64]] = {}
    for key, touches in sorted(seen.items()):
        if sum(touch.pushed for touch in touches) < 2:
            continue
        half, side = usual(*key)
        ages = max(touch.age for touch in touches) + 1
        halves, sides = np.full(ages, half), np.full(ages, side)
        for _ in range(3):
            costs = _LOYAL * (_SIDES[None, :] - side) ** 2 * np.ones((ages, 1))
            for touch in touches:
                costs[touch.age] += _cost(touch, np.float64(halves[touch.age]), _SIDES)
            sides = _SIDES[path(costs, _STIFF * (_SIDES[:, None] - _SIDES[None, :]) ** 2)]
            costs = (_LOYAL * (_HALVES[None, :] - half) ** 2 + _THIN * (_HALVES > LEAST_HALF)) * np.ones((ages, 1))
            for touch in touches:
                costs[touch.age] += _cost(touch, _HALVES, np.float64(sides[touch.age]))
            halves = _HALVES[path(costs, _STIFF * (_HALVES[:, None] - _HALVES[None, :]) ** 2)]
        found[key] = np.stack([halves, sides], axis=1)
    return found


def lows(
    seen: dict[Key, list[Touch]], usual: Callable[[int, int], tuple[float, float]], above: learn_feet.Seen
) -> dict[Key, float]:
    """The lowest point, one for all ages, that contradicts the sightings of walls least, where no landing told it.

    ``above`` are sightings of the ground, all of which say that the point is higher.
    """
    found: dict[Key, float] = {}
    for key, touches in sorted(seen.items()):
        if sum(touch.pushed for touch in touches) < 2:
            continue
        costs = []
        for low in _LOWS:
            moved = [one._replace(tucked=low, bottom=0.0 if one.locked else low) for one in touches]
            places = fit({key: moved}, usual)[key]
            cost = _LOYAL * (low - touches[0].tucked) ** 2 + _STIFF * float((np.diff(places, axis=0) ** 2).sum())
            cost += learn_feet.contradictions(above.get(key, ()), np.array([low]), (0.0, 0.0))
            costs.append(cost + sum(float(_cost(one, *places[one.age])) for one in moved))
        found[key] = float(_LOWS[int(np.argmin(costs))])
    return found


def heights(seen: dict[Key, list[Touch]]) -> dict[int, float]:
    """The one height of the sides of each fighter, in falls as thin as can be, that contradicts what was seen least."""
    found: dict[int, float] = {}
    for who in sorted({key[0] for key in seen}):
        touches = [t for state in learn_feet.LEANING for t in seen.get((who, state), ())]
        if sum(touch.pushed for touch in touches) < 3:
            continue
        costs = sum(_cost(touch, np.float64(LEAST_HALF), _SIDES) for touch in touches)
        found[who] = float(_SIDES[int(np.argmin(costs))])
    return found


def _cost(touch: Touch, half: NDArray[np.float64], side: NDArray[np.float64]) -> NDArray[np.float64]:
    reach = np.maximum(least_x(touch, half, side), touch.x - 2 * _MOST)
    if touch.pushed:
        return np.minimum(np.abs(reach - touch.x), _MOST)
    return np.clip(reach - touch.x, 0.0, _MOST)
