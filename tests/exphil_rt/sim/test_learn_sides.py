"""The learner of the diamond's sides: half its width and their height, from made-up touches of an upright wall."""

from __future__ import annotations

import numpy as np
import pytest

WALL = np.array([[0.0, -10.0, 0.0, 0.0]])  # open to the right
SLANTED = np.array([[-20.0, -20.0, 0.0, -10.0]])
KEY = 1, 27


@pytest.fixture(scope="module")
def learner(script):
    script("learn_feet")
    return script("learn_sides")


def touched(learner, age, half, side, y, walls):
    """What a diamond of this half and side shows that the walls have pushed."""
    bare = learner.Touch(age, 0.0, y, 2.0, 2.0, True, walls)
    return bare._replace(x=float(learner.least_x(bare, np.float64(half), np.float64(side))))


def test_an_upright_wall_shows_the_width_and_a_slanted_one_the_height(learner):
    real = {age: (2.5 + 0.1 * age, 4.0 + 0.2 * age) for age in range(10)}
    touches = [
        touched(learner, age, half, side, y, walls)
        for age, (half, side) in real.items()
        for y, walls in ((-9.0, WALL), (-22.0, SLANTED))
    ]
    found = learner.fit({KEY: touches}, lambda who, state: (2.0, 6.0))[KEY]
    assert np.abs(found - np.array(list(real.values()))).max() < 0.35


def test_who_passes_unpushed_is_not_so_wide(learner):
    pushed = [touched(learner, age, 3.0, 5.0, -9.0, WALL) for age in (0, 1)]
    free = [learner.Touch(age, 2.2, -9.0, 2.0, 2.0, False, WALL) for age in range(6, 10)]
    found = learner.fit({KEY: [*pushed, *free]}, lambda who, state: (3.0, 5.0))[KEY]
    assert found[0, 0] == pytest.approx(3.0, abs=0.1)
    assert found[9, 0] < 2.5


def test_a_corner_is_met_by_the_slope_of_the_diamond(learner):
    below = learner.Touch(0, 0.0, 0.0 - 4.0, 2.0, 2.0, True, WALL)  # the wall's upper end is midway up to the sides
    assert float(learner.least_x(below, np.float64(3.0), np.float64(6.0))) == pytest.approx(1.5)


def test_walls_tell_the_lowest_point_where_no_landing_did(learner):
    def seen(low, half, side):
        for age in range(4):
            for y, walls in ((-9.0, WALL), (-7.0, WALL), (-6.0, WALL), (-22.0, SLANTED)):
                bare = learner.Touch(age, 0.0, y, low, low, True, walls)
                x = float(learner.least_x(bare, np.float64(half), np.float64(side)))
                yield bare._replace(x=x, tucked=2.5, bottom=2.5)  # as if it had been the usual 2.5

    found = learner.lows({KEY: [*seen(5.0, 4.0, 9.5)]}, lambda who, state: (3.0, 6.0), {})
    assert found[KEY] == pytest.approx(5.0, abs=0.5)


def test_a_lowest_point_that_went_through_a_wall_was_stopped_by_it(learner):
    low = learner.Touch(0, 0.0, -3.0, 4.5, 4.5, True, WALL, False, (1.6, -6.9), -1.6)
    assert float(learner.least_x(low, np.float64(2.0), np.float64(9.0))) == 0.0
    high = low._replace(bottom=6.5, tucked=6.5)
    assert float(learner.least_x(high, np.float64(2.0), np.float64(9.0))) < 0.0
