"""Centres of an action codec found in controllers that people gave, and how far a codec is from such controllers.

An axis is clustered exactly (dynamic programming over its 80 raw values, Wang and Song 2011), the same centres for both
signs, so that mirrored play is as near; pairs by Lloyd's iterations from k-means++ (Arthur and Vassilvitskii 2007).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import Controllers
from exphil_rt.policy.codec import STICK_DEAD_ZONE, STICK_RADIUS, ActionCodec, CodecInvalid, Pairs

SMALLEST: Final = 25
"""Least centre beside 0 (see ``ActionCodec``)."""
C_POSITIONS: Final = 25
"""Most positions of the C-stick as pairs: it is flicked, hardly ever tilted."""
_STARTS: Final = 5
_ITERATIONS: Final = 50

F64 = NDArray[np.float64]


class StickCounts(msgspec.Struct):
    """How often each raw position of a stick was held, ``[161, 161]`` (x, y, each plus 80)."""

    main: F64
    c_stick: F64

    @classmethod
    def empty(cls) -> StickCounts:
        """Nothing counted yet."""
        size = 2 * STICK_RADIUS + 1
        return cls(np.zeros((size, size)), np.zeros((size, size)))

    def add(self, controllers: Controllers) -> None:
        """Count controllers of any leading shape; what is not finite does not count."""
        for counts, x, y in (
            (self.main, controllers.joystick_x, controllers.joystick_y),
            (self.c_stick, controllers.cstick_x, controllers.cstick_y),
        ):
            values = np.stack([np.ravel(x), np.ravel(y)]).astype(np.float64)
            values = values[:, np.isfinite(values).all(0)]
            raw = np.clip(np.rint(values * STICK_RADIUS), -STICK_RADIUS, STICK_RADIUS).astype(np.intp) + STICK_RADIUS
            np.add.at(counts, (raw[0], raw[1]), 1.0)


class CodecError(msgspec.Struct, frozen=True, kw_only=True):
    """How far a codec's controllers are from those that it encoded, over stick positions held (neutral left out)."""

    main: float
    """Mean distance of the control stick, in raw units (1/80)."""
    c_stick: float
    exact: float
    """Share of the control stick's positions that come back as they were."""


def codec_error(codec: ActionCodec, counts: StickCounts) -> CodecError:
    """The error of ``codec`` on what was counted."""
    found = []
    for number, stick in enumerate((counts.main, counts.c_stick)):
        points, weights = _held(stick)
        row = Controllers.allocate((len(points),))
        names = (("joystick_x", "joystick_y"), ("cstick_x", "cstick_y"))[number]
        for axis, name in enumerate(names):
            getattr(row, name)[:] = points[:, axis] / STICK_RADIUS
        shown = codec.decode(codec.encode(row))
        back = np.stack([getattr(shown, name) for name in names], -1) * STICK_RADIUS
        distance = np.hypot(*(back - points).T)
        total = max(weights.sum(), 1.0)
        found.append((float((distance * weights).sum() / total), float(weights[distance < 0.5].sum() / total)))
    return CodecError(main=found[0][0], c_stick=found[1][0], exact=found[0][1])


def fit_axes(counts: StickCounts, k: int) -> ActionCodec:
    """A codec whose axes have ``k`` k-means centres: 0, full deflection, and the best others, alike for both signs.

    Raises:
        CodecInvalid: ``k`` is even, or not 3 to 99.
    """
    if k % 2 == 0 or not 3 <= k <= 99:
        raise CodecInvalid(f"An axis cannot have {k} centres: it takes an odd number of 3 to 99.")
    both = counts.main + counts.c_stick
    signed = both.sum(1) + both.sum(0)  # x and y
    weights = (signed + signed[::-1])[STICK_RADIUS + STICK_DEAD_ZONE :]  # of 23..80
    values = np.arange(STICK_DEAD_ZONE, STICK_RADIUS + 1, dtype=np.float64)
    clusters = _best_means(np.maximum(values[:-1], SMALLEST), weights[:-1], k // 2 - 1)
    sides = sorted({*(round(c) for c in clusters), STICK_RADIUS})
    return ActionCodec(stick=(*(-c for c in reversed(sides)), 0, *sides))


def fit_pairs(counts: StickCounts, k: int, seed: int = 0) -> ActionCodec:
    """A codec whose control stick is one of ``k`` k-means positions, and whose C-stick one of at most 25.

    Raises:
        CodecInvalid: ``k`` is not 2 to 255.
    """
    if not 2 <= k <= 255:
        raise CodecInvalid(f"A stick cannot have {k} positions: it takes 2 to 255.")
    return ActionCodec(
        main=_positions(counts.main, k, seed), c_stick=_positions(counts.c_stick, min(k, C_POSITIONS), seed)
    )


def _held(counts: F64) -> tuple[F64, F64]:
    """Positions ``[P, 2]`` in raw units that were held and are not neutral, and how often."""
    index = np.argwhere(counts > 0)
    points, weights = (index - STICK_RADIUS).astype(np.float64), counts[tuple(index.T)]
    away = (np.abs(points) >= STICK_DEAD_ZONE).any(1)
    return points[away], weights[away]


def _best_means(values: F64, weights: F64, k: int) -> list[float]:
    """The k means of least weighted squared error over ascending values; fewer where there are fewer values."""
    held = weights > 0
    values, weights = values[held], weights[held]
    count = len(values)
    k = min(k, len(np.unique(values)))
    if k == 0:
        return []
    sums = [np.concatenate([[0.0], np.cumsum(weights * values**p)]) for p in range(3)]

    def cost(first: Any, last: int) -> Any:  # of values[first:last] as one cluster
        mass, moment, square = (s[last] - s[first] for s in sums)
        return square - moment**2 / mass

    best = np.full((k + 1, count + 1), np.inf)
    cut = np.zeros((k + 1, count + 1), np.intp)
    best[0, 0] = 0.0
    for clusters in range(1, k + 1):
        for last in range(clusters, count + 1):
            firsts = np.arange(clusters - 1, last)
            total = best[clusters - 1, firsts] + cost(firsts, last)
            cut[clusters, last] = firsts[total.argmin()]
            best[clusters, last] = total.min()
    means, last = [], count
    for clusters in range(k, 0, -1):
        first = int(cut[clusters, last])
        means.append(float((sums[1][last] - sums[1][first]) / (sums[0][last] - sums[0][first])))
        last = first
    return means[::-1]


def _positions(counts: F64, k: int, seed: int) -> Pairs:
    """Neutral and up to ``k - 1`` positions that the game can show."""
    points, weights = _held(counts)
    rng = np.random.default_rng(seed)
    found = {(0, 0)}
    if len(points):
        starts = [_lloyd(points, weights, min(k - 1, len(points)), rng) for _ in range(_STARTS)]
        centres = min(starts, key=lambda start: start[0])[1]
        # Each is brought to the position that was held nearest to it: one that the game can show.
        legal = points[np.hypot(*points.T) <= STICK_RADIUS]
        legal = legal[((legal == 0) | (np.abs(legal) >= STICK_DEAD_ZONE)).all(1)]
        for centre in centres if len(legal) else ():
            x, y = legal[((legal - centre) ** 2).sum(-1).argmin()]
            found.add((int(x), int(y)))
    if len(found) < 2:
        found.add((STICK_RADIUS, 0))
    return tuple(sorted(found))


def _lloyd(points: F64, weights: F64, k: int, rng: np.random.Generator) -> tuple[float, F64]:
    """Squared error and centres ``[at most k, 2]`` that one k-means++ start comes to."""
    centres = points[rng.choice(len(points), 1, p=weights / weights.sum())]
    for _ in range(k - 1):
        far = ((points[:, None] - centres) ** 2).sum(-1).min(1) * weights
        if not far.any():
            break
        centres = np.concatenate([centres, points[rng.choice(len(points), 1, p=far / far.sum())]])
    for _ in range(_ITERATIONS):
        nearest = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
        mass = np.bincount(nearest, weights, len(centres))
        moved = np.stack([np.bincount(nearest, weights * points[:, a], len(centres)) for a in (0, 1)], -1)
        centres = np.where(mass[:, None] > 0, moved / np.maximum(mass, 1e-9)[:, None], centres)
    error = float((((points[:, None] - centres) ** 2).sum(-1).min(1) * weights).sum())
    return error, centres
