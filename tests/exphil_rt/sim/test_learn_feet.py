"""The learner of lowest points: a curve between what was seen to land and what was not, of made-up sightings."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character


@pytest.fixture(scope="module")
def feet(script):
    return script("learn_feet")


def seen(feet, heights, lean=0.0, step=5):
    """Sightings of a body whose lowest point has these heights: every fifth age, not yet landed and landed."""
    return [
        feet.Sighting(age, height + off, above, lean)
        for age, height in list(enumerate(heights))[::step]
        for off, above in ((-0.4, True), (0.4, False))
    ]


def test_a_curve_goes_through_its_sightings_and_between_them(feet):
    real = np.linspace(2.0, 6.0, 41)
    found, _ = feet.fit({(int(Character.FOX), int(st.ATTACK_AIR_N)): seen(feet, real)})
    heights = found[int(Character.FOX), int(st.ATTACK_AIR_N)]
    assert np.abs(heights - real).max() < 0.6


def test_states_alike_share_a_curve_where_one_was_not_seen(feet):
    found, _ = feet.fit({(int(Character.FOX), int(st.JUMP_F)): seen(feet, np.full(31, 5.0))})
    assert found[int(Character.FOX), int(st.JUMP_B)][15] == pytest.approx(5.0, abs=0.4)


def test_what_a_lean_adds_is_told_from_the_upright_fall(feet):
    who = int(Character.MEWTWO)
    sightings = [*seen(feet, np.full(41, 1.5), step=2), *seen(feet, np.full(41, 4.0), lean=-1.0, step=4)]
    found, leans = feet.fit({(who, int(st.FALL)): sightings})
    assert found[who, int(st.FALL)][10] == pytest.approx(1.5, abs=0.4)
    assert leans[who, int(st.FALL)][1] == pytest.approx(2.5, abs=0.5)


def test_one_sighting_that_contradicts_many_changes_little(feet):
    key = int(Character.FOX), int(st.ATTACK_AIR_B)
    sightings = [*seen(feet, np.full(41, 4.0), step=2), feet.Sighting(20, 9.0, True, 0.0)]
    found, _ = feet.fit({key: sightings})
    assert found[key][20] == pytest.approx(4.0, abs=0.4)


def test_falls_alike_keep_heights_of_their_own(feet):
    who = int(Character.MEWTWO)
    low, high = seen(feet, np.full(31, 1.5), step=3), seen(feet, np.full(31, 5.0), step=6)
    found, _ = feet.fit({(who, int(st.FALL)): low, (who, int(st.FALL_AERIAL)): high})
    assert found[who, int(st.FALL)][30] == pytest.approx(1.5, abs=0.4)
    assert np.abs(found[who, int(st.FALL_AERIAL)] - 5.0).max() < 0.5


def test_who_was_never_seen_has_the_model_or_the_middle_one(feet):
    levels = {Character.FOX: 4.0, Character.MEWTWO: 1.5, Character.PEACH: 2.0}
    usual = feet.usual({(int(who), int(st.FALL)): seen(feet, np.full(31, level)) for who, level in levels.items()})
    assert usual[int(Character.FALCO), "ecb_fall"] == usual[int(Character.FOX), "ecb_fall"]
    assert usual[int(Character.NESS), "ecb_fall"] == pytest.approx(2.0, abs=0.4)
