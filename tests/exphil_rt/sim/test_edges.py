"""What edges do to those who slide to them, and how fighters push each other, as real replays show it."""

from __future__ import annotations

import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character

FOX, MEWTWO = Character.FOX, Character.MEWTWO
EDGE = 85.5657  # of Final Destination


@pytest.mark.parametrize(
    ("state", "facing", "stick", "after"),
    [
        (st.WAIT, 1.0, 0.0, st.OTTOTTO),
        (st.WAIT, -1.0, 0.0, st.FALL),
        (st.LANDING, 1.0, 0.7125, st.OTTOTTO),
        (st.LANDING, 1.0, 0.75, st.FALL),
        (st.LANDING, -1.0, 0.0, st.FALL),
        (st.LANDING_AIR_LW, 1.0, 0.575, st.OTTOTTO),
        (st.SQUAT_WAIT, 1.0, 0.0, st.FALL),
        (st.GUARD_SET_OFF, -1.0, 0.0, st.MISS_FOOT),
        (st.GUARD_SET_OFF, 1.0, 0.0, st.FALL),
        (st.DAMAGE_N1, -1.0, 0.0, st.MISS_FOOT),
        (st.CATCH, -1.0, 0.0, st.CATCH),
    ],
)
def test_what_becomes_of_one_who_slides_over_an_edge(new_game, state, facing, stick, after):
    game = new_game((MEWTWO, FOX))
    game.put(0, EDGE - 0.1, facing)
    crouch = state == st.SQUAT_WAIT
    game.enter(state, gv=0.5, stick_x=stick, stick_y=-1.0 if crouch else 0.0, tilt_x=20, hitstun=9.0)
    game.pad(x=stick, y=-1.0 if crouch else 0.0)
    game.step()
    assert game.state() == after
    if after in (st.FALL, st.MISS_FOOT):
        assert game.player().airborne
        assert game.player().self_x_air == pytest.approx(0.46)
    else:
        assert game.player().position_x == pytest.approx(EDGE, abs=1e-3)


def test_who_is_stopped_by_an_edge_keeps_his_speed_and_falls_when_free(new_game):
    game = new_game((MEWTWO, FOX))
    game.put(0, EDGE - 0.1, -1.0)
    game.enter(st.CATCH, gv=1.4)
    game.step()
    assert game.player().position_x == pytest.approx(EDGE, abs=1e-3)
    assert game.player().self_x_ground == pytest.approx(1.36)  # a grab slows down by the plain friction, see physics
    game.until(lambda: game.state() != st.CATCH, 60)
    assert game.state() == st.FALL


def test_who_slips_off_tumbles_after_a_while(new_game):
    game = new_game((MEWTWO, FOX))
    game.put(0, EDGE - 0.1, -1.0)
    game.enter(st.GUARD_SET_OFF, gv=1.0)
    game.step()
    game.lane.players[0, 0]["y"] = 80.0  # high enough
    game.until(lambda: game.state() != st.MISS_FOOT, 60)
    assert game.state() == st.DAMAGE_FALL


def test_a_push_is_no_older_than_the_frame(new_game):
    game = new_game((MEWTWO, FOX))
    game.put(0, 0.0)
    game.put(1, 2.0)
    game.step(2)
    left, right = (float(game.player(port).position_x) for port in range(2))
    game.step()
    assert float(game.player(0).position_x) == pytest.approx(left - 0.3)
    assert float(game.player(1).position_x) == pytest.approx(right + 0.3)
    game.lane.players[0, 0]["hitlag"] = 4.0
    game.step(2)
    game.put(1, 60.0)
    stays = float(game.player(0).position_x)
    game.step(4)
    assert game.player(0).position_x == stays  # what was due before it froze is forgotten


def test_the_second_players_jump_is_in_the_way_for_a_frame_more_than_the_firsts(new_game):
    def pushed(jumper: int) -> float:
        game = new_game((FOX, FOX))
        game.put(0, 0.0)
        game.put(1, 2.0)
        game.pad(port=jumper, buttons=Button.X)
        game.until(lambda: game.state(jumper) == st.KNEE_BEND, 4)
        game.step(2)
        before = float(game.player(1 - jumper).position_x)
        game.step()
        assert game.player(jumper).airborne
        return float(game.player(1 - jumper).position_x) - before

    assert pushed(1) == pytest.approx(-0.3)
    assert pushed(0) == 0.0


def test_nobody_pushes_who_climbs(new_game):
    game = new_game((MEWTWO, FOX))
    game.put(0, 60.0)
    game.put(1, 61.0)
    game.enter(st.CLIFF_CLIMB_QUICK, age=25.0)
    game.step()
    assert game.player(1).position_x == 61.0


@pytest.mark.parametrize(("stun", "falls"), [(0.0, True), (9.0, False)])
def test_one_who_was_launched_falls_fast_after_hitstun_alone(new_game, stun, falls):
    game = new_game((MEWTWO, FOX))
    game.enter(st.DAMAGE_AIR_2, age=20.0, airborne=1, line=-1, y=60.0, prev_y=60.0, vy=-1.5, hitstun=stun)
    game.pad(y=-0.9)
    game.step()
    assert (float(game.player().self_y) == pytest.approx(-2.3)) == falls


def test_the_side_of_a_diamond_slides_off_the_upper_end_of_a_wall(new_game):
    game = new_game((MEWTWO, FOX))
    game.enter(st.FALL, airborne=1, line=-1, last_line=-1, air_frames=30, x=EDGE + 2.0, y=-6.0, prev_y=-6.0,
               vx=-1.0, vy=4.0, gv=0.0, jumps=0)  # fmt: skip
    game.step()
    assert -2.5 < float(game.player().position_y) < -1.5
    assert float(game.player().position_x) < EDGE + 1.6  # its side is above the edge now
