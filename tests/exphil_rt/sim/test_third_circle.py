"""The third hitbox that libmelee's frame data leaves at x 0: mended where the others tell, else left alone."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim.third_circle import mend_third, third_x


def move(*circles):
    """One frame of a move, ``[1, 4, 3]``; None is an inactive hitbox."""
    return np.array([[circle or (0.0, 0.0, 0.0) for circle in circles]], np.float32)


@pytest.mark.parametrize(
    ("circles", "known"),
    [
        (((-8.6, 1.5, 4.7), (9.1, 1.8, 4.7), (0, 1.5, 3.5), (5.1, 1.7, 3.5)), -4.7),  # Fox's down smash
        (((0.0, 17.7, 2.7), (-4.9, 15.7, 3.1), (0, 15.7, 3.1), (0.0, 14.8, 4.7)), 4.9),  # Zelda's up smash
        (((-12.2, 5.2, 4.7), (-8.6, 7.7, 4.7), (0, 10.3, 3.9), None), -5.0),  # Captain Falcon's back air
        (((20.5, 7.5, 3.1), (26.0, 6.0, 3.1), (0, 9.1, 3.1), (11.1, 11.0, 3.1)), 14.6),  # Marth's third dance
    ],
)
def test_the_third_hitbox_stands_with_the_others(circles, known):
    found = third_x(move(*circles), circles[3] is not None, False)
    assert found == pytest.approx([known], abs=1.8)


def test_an_aerial_whose_third_hitbox_fits_no_line_keeps_it_at_the_trunk():
    circles = move((0.0, 8.0, 3.3), (-8.0, 9.6, 4.0), (0.0, 4.2, 3.3), None)  # Fox's back air: 2.7
    assert third_x(circles, False, True) == [0.0]
    close = move((12.9, 7.0, 1.6), (12.6, 8.1, 1.6), (0.0, 8.0, 4.5), None)
    assert third_x(close, False, False) == [0.0]  # two in one place tell no line


def circles_of(*moves):
    """``key`` and ``circles`` of one-frame moves (who, state, three circles)."""
    key = np.array([(int(who), state, 5) for who, state, _ in moves], np.int32)
    circles = np.zeros((len(moves), 4, 4), np.float32)
    for n, (_, _, places) in enumerate(moves):
        circles[n, :3, 0] = 1
        circles[n, :3, 1:] = places
    return key, circles


def test_a_clone_strikes_where_its_model_does():
    tilt = ((16.0, 9.0, 3.0), (11.0, 9.0, 3.0), (7.5, 8.0, 3.0))
    key, circles = circles_of(
        (Character.CAPTAIN_FALCON, st.ATTACK_S3_S, tilt),
        (Character.GANONDORF, st.ATTACK_S3_S, ((16.5, 9.2, 3.0), (11.5, 9.2, 3.0), (0.0, 8.1, 3.0))),
    )
    mend_third(key, circles, {int(Character.GANONDORF): int(Character.CAPTAIN_FALCON)})
    assert circles[:, 2, 1].tolist() == [7.5, 7.5]


def test_what_is_there_stays_and_what_cannot_be_goes():
    known = ((5.0, 9.0, 3.0), (9.0, 9.0, 3.0), (1.0, 9.0, 3.0))
    absurd = ((5.0, 9.0, 3.0), (9.0, 9.0, 3.0), (5e7, 9.0, 3.0))
    key, circles = circles_of((Character.FOX, st.ATTACK_S3_S, known), (Character.FOX, st.ATTACK_S4_S, absurd))
    mend_third(key, circles, {})
    assert circles[:, 2, 1].tolist() == [1.0, 13.0]


def test_a_hitbox_on_the_root_stands_where_the_list_says():
    key, circles = circles_of((Character.YOSHI, st.ATTACK_HI_3, ((1.8, 13.7, 5.1), (5.2, 15.6, 3.9), (0.0, 4.1, 4.7))))
    mend_third(key, circles, {})
    assert circles[0, 2, 1] == pytest.approx(2.051)
