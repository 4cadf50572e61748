"""The diamond's lowest point: the game's own figures before what replays showed, a fighter's own before its model's."""

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim import kernel, learned


def bottoms(who, state):
    tables = kernel.load().tables[0]
    row = tables["anim"][who, state]
    return tables["ecb"][row["ecb_offset"] : row["ecb_offset"] + row["ecb_frames"]]


def test_the_lowest_point_is_the_games_own_where_it_is_known():
    assert bottoms(Character.FOX, st.ATTACK_AIR_N)[20] == pytest.approx(2.788)
    assert bottoms(Character.MARTH, st.ATTACK_AIR_F)[10] == pytest.approx(3.561)
    assert bottoms(Character.CAPTAIN_FALCON, st.ESCAPE_AIR)[35] == pytest.approx(0.523)


def test_falco_moves_like_fox_in_a_bigger_body_but_hops_upright():
    scale = 1.1 / 0.96
    for state in (st.ATTACK_AIR_N, st.ATTACK_AIR_F, st.ATTACK_AIR_B, st.ATTACK_AIR_LW, st.FALL):
        fox, falco = bottoms(Character.FOX, state), bottoms(Character.FALCO, state)
        np.testing.assert_allclose(falco, fox * scale, atol=0.06)
    assert bottoms(Character.FALCO, st.JUMP_F).max() < 4.5 < 6 < bottoms(Character.FOX, st.JUMP_F).max()


def test_jigglypuffs_lowest_point_is_where_it_stands():
    for state in (st.JUMP_F, st.FALL, st.FALL_SPECIAL, st.ATTACK_AIR_LW, st.DAMAGE_FLY_N, st.ESCAPE_AIR, st.PASS):
        assert bottoms(Character.JIGGLYPUFF, state).tolist() == [0.0]


def test_a_known_state_has_no_age_of_a_learned_one(monkeypatch):
    rows = {
        "learned_ecb.csv": [{"character": "22", "state": "88", "age": str(age), "bottom": "9"} for age in range(40)],
        "known_ecb.csv": [{"character": "22", "state": "88", "age": str(age), "bottom": "5"} for age in (0, 28)],
        "learned_lean.csv": [],
    }
    monkeypatch.setattr(learned, "read_rows", rows.__getitem__)
    anim = kernel.load().tables[0]["anim"].copy()
    flat = learned.ecb_table(anim)
    row = anim[Character.FALCO, st.DAMAGE_FLY_N]
    assert row["ecb_frames"] == 29
    assert (flat[row["ecb_offset"] : row["ecb_offset"] + 29] == 5).all()


def test_who_is_caught_is_pulled_to_the_hand_and_held_before_the_catcher():
    fighters = kernel.load().tables[0]["fighters"]
    fox, roy, mewtwo = fighters[Character.FOX], fighters[Character.ROY], fighters[Character.MEWTWO]
    assert (fox["held_pull"], fox["held_wait"]) == (pytest.approx(5.74), pytest.approx(8.28))
    assert roy["held_wait"] == fighters[Character.MARTH]["held_wait"] > 9
    assert mewtwo["held_back"] == pytest.approx(4.55)
    assert (fox["held_back"], fighters[Character.BOWSER]["held_back"]) == (0, 0)
    assert 5 < fighters[Character.BOWSER]["held_wait"] < 12
