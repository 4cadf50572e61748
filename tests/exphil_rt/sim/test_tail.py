"""Mewtwo's tail: its third hitbox by age, and how much of it stands beside the plane."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim import framedata
from exphil_rt.sim.tail import BASE_TO_ROOT, LENGTHS, depth_of_root, narrowed


@pytest.fixture(scope="module")
def circles_of():
    data = framedata.load(None)

    def of(state):
        rows = (data["key"][:, 0] == Character.MEWTWO) & (data["key"][:, 1] == state) & (data["circles"][:, 2, 0] != 0)
        return dict(zip(data["key"][rows, 2].tolist(), data["circles"][rows, :, 1:], strict=True))

    return of


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (st.ATTACK_HI_3, {6: 0.0, 7: 9.0, 8: 4.5, 9: -0.7, 10: -5.3, 11: -8.4}),
        (st.ATTACK_AIR_B, {12: -8.7, 13: -8.6, 14: -8.3, 15: -7.9}),
        (st.ATTACK_AIR_HI, {9: 8.3, 10: -2.0, 11: -11.6}),
    ],
)
def test_the_unknown_joint_moves_on_smoothly(circles_of, state, expected):
    seen = {age: float(places[2, 0]) for age, places in circles_of(state).items()}
    assert seen == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("state", LENGTHS)
def test_the_tail_keeps_its_length(circles_of, state):
    (base, far), _ = LENGTHS[state].items()
    for age, places in circles_of(state).items():
        if (state, age) != (st.ATTACK_HI_3, 6):
            assert np.hypot(*(places[2, :2] - places[base, :2])) == pytest.approx(far, abs=0.1)


def test_an_up_tilt_comes_round_from_beside(circles_of):
    tilt = circles_of(st.ATTACK_HI_3)
    radii = {age: [float(radius) for radius in tilt[age][:, 2]] for age in (6, 9)}
    assert radii[6] == pytest.approx([3.1, 2.5, 3.5, 0.7], abs=0.1)
    assert radii[9] == pytest.approx([4.3, 4.3, 3.5, 2.7], abs=0.1)


def test_depth_and_what_it_leaves():
    places = np.zeros((2, 4, 3), np.float32)
    places[:, 1, 0] = (BASE_TO_ROOT, 0.6 * BASE_TO_ROOT)
    assert depth_of_root(places) == pytest.approx([0.0, 0.8 * BASE_TO_ROOT])
    radius = np.array([4.0, 4.0, 4.0], np.float32)
    assert narrowed(radius, np.array([0.0, 6.0, 9.0], np.float32)) == pytest.approx([4.0, 0.0, 0.0])
