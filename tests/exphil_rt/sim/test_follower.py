"""Nana: she follows, fights and falls as a fighter of her own, and counts for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Stage
from exphil_rt.sim.state import ECHO_FRAMES

SLOT = np.zeros(1, np.int32)


@pytest.fixture
def climbers(new_game):
    """Popo and Nana against Fox on Final Destination, all standing."""
    game = new_game((Character.POPO, Character.FOX))
    game.step(ECHO_FRAMES)
    game.put(1, 60.0, -1.0)
    place(game, 0.0, 0.0)
    return game


def nana(game, port=0):
    return game.lane.frames(SLOT).nanas[0, port]


def place(game, popo, her):
    """Put the pair on the floor, in Wait."""
    for record, x in ((game.lane.players[0, 0], popo), (game.lane.followers[0, 0], her)):
        record["x"], record["facing"], record["line"], record["airborne"] = x, 1.0, game.floor(), 0
        record["state"], record["gv"], record["vx"] = st.WAIT, 0.0, 0.0
        record["y"] = game.lane.players[0, 1]["y"]


def throw_off(record):
    """Beyond the right side of the stage."""
    record["x"], record["y"], record["airborne"], record["line"], record["state"] = 300.0, 10.0, 1, -1, st.FALL


def test_she_does_what_he_did_six_frames_ago(climbers):
    climbers.pad(0, buttons=Button.X)
    popo = climbers.until(lambda: climbers.state(0) == st.KNEE_BEND)
    later = climbers.until(lambda: nana(climbers).state == st.KNEE_BEND)
    assert (popo, later) == (1, ECHO_FRAMES)
    climbers.step(2)
    assert climbers.lane.frames(SLOT).nana_controllers.buttons[0, 0] == Button.X


def test_what_he_lands_makes_her_moves_stale(climbers):
    climbers.put(1, 7.0, -1.0)
    climbers.pad(0, buttons=Button.A)
    climbers.step()
    climbers.pad(0)
    dealt = []
    for _ in range(2):
        before = float(climbers.player(1).percent)
        climbers.until(lambda before=before: bool(climbers.player(1).percent > before), 30)
        dealt.append(float(climbers.player(1).percent) - before)
    assert nana(climbers).state == st.ATTACK_11
    assert dealt == pytest.approx([2.0, 2.0 * 0.91], rel=1e-5)


def test_a_game_without_climbers_has_nobody(new_game):
    game = new_game()
    assert not game.lane.frames(SLOT).nanas.exists.any()
    assert game.lane.games["fighters"][0] == 2


def test_she_is_drawn_to_him_where_both_stand(climbers):
    place(climbers, 10.0, 0.0)
    climbers.step(ECHO_FRAMES)
    before = float(nana(climbers).position_x)
    climbers.step()
    assert float(nana(climbers).position_x) - before == pytest.approx(0.05 * (10.0 - before), abs=1e-4)
    climbers.step(100)
    assert float(nana(climbers).position_x) == pytest.approx(10.0, abs=0.1)


def test_one_blow_hits_both_and_each_has_a_percent_of_its_own(climbers):
    climbers.put(1, 9.0, -1.0)
    climbers.pad(1, cy=-1.0)
    climbers.until(lambda: nana(climbers).percent > 0 and climbers.player(0).percent > 0)
    assert nana(climbers).hitlag > 0
    assert nana(climbers).percent == climbers.player(0).percent
    climbers.pad(1)
    climbers.step(60)
    assert nana(climbers).last_hit_by == 1


def test_a_blow_that_met_one_waits_in_its_hitlag_for_the_other(climbers):
    climbers.put(1, 9.0, -1.0)
    place(climbers, -40.0, 0.0)
    climbers.pad(1, cy=-1.0)
    climbers.until(lambda: nana(climbers).percent > 0)
    assert climbers.player(1).hitlag > 2
    assert climbers.player(0).percent == 0
    climbers.lane.players[0, 0]["x"] = 0.0
    climbers.step(2)
    assert climbers.player(0).percent == nana(climbers).percent


def test_she_hits_the_foe_but_never_her_leader(climbers):
    place(climbers, 0.0, 40.0)
    climbers.put(1, 50.0, -1.0)
    game = climbers.lane.games[0]
    game["led"] = 1
    game["fed"][0, 3] = 1.0  # c-stick: a smash toward Fox
    climbers.until(lambda: climbers.player(1).percent > 0, 60)
    assert climbers.player(1).last_hit_by == 0
    game["fed"][:] = 0
    climbers.step(60)
    place(climbers, 10.0, 0.0)
    game["fed"][0, 3] = 1.0
    climbers.step(60)
    assert climbers.player(0).percent == 0


def test_she_is_caught_while_he_is_free_and_catches_herself(climbers):
    place(climbers, -12.0, 0.0)
    climbers.put(1, 7.0, -1.0)
    climbers.pad(1, buttons=Button.Z)
    climbers.until(lambda: nana(climbers).state == st.CAPTURE_PULLED_LW, 60)
    assert climbers.lane.followers["held"][0, 0] == 2
    assert climbers.lane.players["held"][0].tolist() == [0, 0]
    climbers.pad(1)
    climbers.until(lambda: climbers.lane.followers["held"][0, 0] == 0, 400)
    place(climbers, -30.0, 0.0)
    climbers.put(1, 9.0, -1.0)
    climbers.lane.players[0, 1]["state"] = st.WAIT
    climbers.lane.followers["buttons"] = 0
    climbers.lane.games["led"] = 1
    climbers.lane.games["fed"][0, 0, 0] = Button.Z
    climbers.until(lambda: climbers.lane.players["held"][0, 1] == 3, 60)
    assert climbers.state(0) != st.CATCH_PULL


def test_she_dies_for_good_until_he_comes_back(climbers):
    throw_off(climbers.lane.followers[0, 0])
    climbers.step()
    assert nana(climbers).state == st.DEAD_RIGHT
    climbers.step(61)
    assert not nana(climbers).exists
    assert nana(climbers).last_hit_by == 6
    assert climbers.player(0).stocks == 4
    climbers.step(100)
    assert not nana(climbers).exists
    throw_off(climbers.lane.players[0, 0])
    climbers.until(lambda: climbers.state(0) == st.REBIRTH)
    assert nana(climbers).exists
    assert nana(climbers).state == st.REBIRTH
    assert nana(climbers).stocks == 3
    behind = (climbers.player(0).position_x - nana(climbers).position_x) * climbers.player(0).facing
    assert float(behind) == 10.0


def test_the_game_ends_with_her_leader(climbers):
    climbers.lane.players["stocks"][0, 0] = 1
    throw_off(climbers.lane.players[0, 0])
    climbers.step()
    assert climbers.over[0].winner == 1


def test_alone_she_walks_back_and_recovers(climbers):
    place(climbers, -50.0, 60.0)
    climbers.until(lambda: abs(nana(climbers).position_x + 50.0) < 15.0, 200)
    her = climbers.lane.followers[0, 0]
    her["x"], her["y"], her["airborne"], her["state"], her["line"] = 100.0, 10.0, 1, st.FALL, -1
    her["jumps"] = 1
    climbers.until(lambda: abs(nana(climbers).position_x) < 85.0 and not nana(climbers).airborne, 300)


def test_both_players_may_have_one(new_game):
    game = new_game((Character.POPO, Character.POPO), stage=Stage.BATTLEFIELD)
    assert game.lane.frames(SLOT).nanas.exists[0].tolist() == [1, 1]
    game.step(60)
    assert np.isfinite(game.lane.frames(SLOT).nanas.position_x).all()
