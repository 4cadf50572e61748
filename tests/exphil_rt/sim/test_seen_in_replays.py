"""Rules that no public table states, as real replays show them: falls, edges, walls, the c-stick, lying, landing."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character

FOX, MEWTWO = Character.FOX, Character.MEWTWO
EDGE = 85.5657  # of Final Destination


def falling(game, x, y, **fields):
    """Player 0 in the air, past the frames in which its feet are its own place."""
    body = game.enter(
        st.FALL, airborne=1, line=-1, last_line=-1, air_frames=30, x=x, y=y, prev_x=x, prev_y=y, gv=0.0, **fields
    )
    body["jumps"] = 0


@pytest.mark.parametrize(("push", "state"), [(0.75, st.WAIT), (0.81, st.ATTACK_S4_S)])
def test_a_smash_takes_the_c_stick_as_far_as_the_stick(new_game, push, state):
    game = new_game((MEWTWO, FOX))
    game.pad(cx=push)
    game.step()
    assert game.state() == state


def test_late_in_a_dash_the_c_stick_smashes_no_more(new_game):
    game = new_game((MEWTWO, FOX))
    game.pad(x=1.0)
    game.step(5)
    game.pad(x=1.0, cx=1.0)
    game.step()
    assert game.state() == st.DASH


@pytest.mark.parametrize(("launch", "state"), [(0.7, st.LANDING), (0.4, st.DAMAGE_N1)])
def test_only_a_fast_launch_lands_like_a_jump(new_game, launch, state):
    game = new_game((MEWTWO, FOX))
    floor = float(game.player().position_y)
    game.enter(st.DAMAGE_N1, airborne=1, line=-1, y=floor + 0.2, prev_y=floor + 0.2, kx=launch, ky=0.0, vy=-1.0,
               hitstun=9.0, air_frames=0, ecb=0.0)  # fmt: skip
    game.step()
    assert not game.player().airborne
    assert game.state() == state


def test_a_body_that_fell_bounces_off_the_ground_for_a_while(new_game):
    game = new_game((FOX, MEWTWO))
    game.enter(st.DOWN_BOUND_D)
    flown = []
    for _ in range(24):
        game.step()
        flown.append(bool(game.player().airborne))
    assert flown.index(True) + 1 == 2  # ages at which a real Fox is off the ground, and back on it
    assert flown[1:].index(False) + 2 == 22
    assert float(game.player().position_y) == pytest.approx(0.0, abs=1e-3)


def test_a_body_that_bounces_at_once_keeps_its_feet_where_they_were_in_the_air(new_game):
    game = new_game((Character.POPO, MEWTWO))
    floor = float(game.player().position_y)
    game.enter(st.DAMAGE_FLY_N, airborne=1, line=-1, y=floor + 4.0, prev_y=floor + 4.0, vy=-1.6, hitstun=30.0,
               tumble=1, air_frames=30, age=24.0)  # fmt: skip
    game.until(lambda: game.state() == st.DOWN_BOUND_D)
    heights = [float(game.player().position_y) - floor]
    for _ in range(11):
        game.step()
        heights.append(float(game.player().position_y) - floor)
    assert heights[0] == pytest.approx(0.0, abs=0.01)
    assert heights[1] < -0.5  # real ones: -.8 to -2.3, for ten frames
    assert heights[1:10] == pytest.approx([heights[1]] * 9)
    assert heights[11] == pytest.approx(0.0, abs=0.01)


def test_a_fall_is_no_faster_sideways_than_air_drift(new_game):
    game = new_game((Character.POPO, MEWTWO))
    limit = float(game.lane.tables["fighters"][Character.POPO]["drift_max"])
    game.enter(st.JUMP_F, airborne=1, line=-1, y=30.0, prev_y=30.0, vx=limit + 0.6, vy=1.0, air_frames=5)
    game.step()
    speeds = []
    while game.state() == st.JUMP_F:
        speeds.append(float(game.player().self_x_air))
        game.step()
    assert speeds[-1] > limit
    assert game.state() == st.FALL
    assert float(game.player().self_x_air) <= limit + 1e-6


@pytest.mark.parametrize(("fresh", "state"), [(False, st.DOWN_DAMAGE_D), (True, st.DAMAGE_FLY_TOP)])
def test_a_weak_blow_leaves_one_who_lies_lying(new_game, fresh, state):
    game = new_game((MEWTWO, FOX))
    game.put(0, 0.0, 1.0)
    game.put(1, 9.0, -1.0)
    game.enter(st.DOWN_WAIT_D, port=1, percent=100.0)
    game.lane.games["stale"][0, 0] = 0 if fresh else 9  # a down tilt of nine percent, or a stale one of five
    game.pad(y=-0.5, buttons=Button.A)
    game.step()
    game.pad()
    game.until(lambda: bool(game.player(1).hitlag > 0), 20)
    assert (float(game.player(1).percent) >= 107.0) == fresh
    assert game.state(1) == state


def test_a_wall_keeps_half_the_diamond_away(new_game):
    game = new_game((MEWTWO, FOX))
    falling(game, EDGE + 2.3, -6.0, vx=-1.0, vy=-1.0, facing=1.0)
    game.pad(x=-1.0)
    game.step(2)
    assert float(game.player().position_x) == pytest.approx(EDGE + 2.0, abs=1e-3)


def test_the_diamond_slides_off_the_edge(new_game):
    game = new_game((MEWTWO, FOX))
    falling(game, EDGE + 0.05, -1.0, vx=0.0, vy=-0.5, facing=1.0)
    before = float(game.player().position_x)
    game.step(4)
    assert float(game.player().position_x) > before + 0.3


def test_a_ledge_is_left_by_a_stick_that_was_in_its_middle(new_game):
    game = new_game((MEWTWO, FOX))
    falling(game, EDGE + 6.0, -6.0, vx=0.0, vy=-1.0, facing=-1.0)
    game.pad(x=1.0)  # held away from the stage since before the catch
    game.until(lambda: game.state() == st.CLIFF_WAIT, 30)
    game.step(10)
    assert game.state() == st.CLIFF_WAIT
    game.pad()
    game.step()
    game.pad(x=1.0)
    game.step()
    assert game.state() == st.FALL


def test_a_shield_is_let_go_before_a_jump(new_game):
    game = new_game((MEWTWO, FOX))
    game.pad(buttons=Button.L)
    game.until(lambda: game.state() == st.GUARD, 20)
    game.pad(buttons=Button.X)
    game.step()
    assert game.state() == st.GUARD_OFF


@pytest.mark.parametrize(("c", "state"), [((0.0, 1.0), st.KNEE_BEND), ((0.0, -1.0), st.ESCAPE_N),
                                          ((1.0, 0.0), st.ESCAPE_F), ((-1.0, 0.0), st.ESCAPE_B)])  # fmt: skip
def test_the_c_stick_acts_out_of_shield(new_game, c, state):
    game = new_game((MEWTWO, FOX))
    game.put(0, 0.0, 1.0)
    game.pad(buttons=Button.L)
    game.until(lambda: game.state() == st.GUARD, 20)
    game.pad(buttons=Button.L, cx=c[0], cy=c[1])
    game.step()
    assert game.state() == state


def test_a_dash_loses_its_speed_in_a_shield(new_game):
    game = new_game((MEWTWO, FOX))
    game.pad(x=1.0)
    game.step(4)
    before = abs(float(game.player().self_x_ground))
    game.pad(trigger=1.0, buttons=Button.L)
    game.step()
    assert abs(float(game.player().self_x_ground)) < 0.3 * before


def test_an_early_press_queues_the_next_jab(new_game):
    game = new_game((FOX, MEWTWO))
    game.put(0, 0.0, 1.0)
    game.put(1, 60.0, -1.0)
    game.tap(buttons=Button.A)
    game.step()
    game.tap(buttons=Button.A)
    taken = 3 + game.until(lambda: game.state() != st.ATTACK_11, 20)
    assert game.state() == st.ATTACK_12
    assert taken == 6


@pytest.mark.parametrize(("early", "jumps"), [(8, True), (9, False)])
def test_a_jump_pressed_late_in_hitstun_comes_at_its_end(new_game, early, jumps):
    game = new_game((FOX, MEWTWO))
    game.enter(st.DAMAGE_FLY_N, airborne=1, line=-1, y=60.0, prev_y=60.0, x=0.0, kx=0.5, ky=1.0, jumps=1, tumble=1,
               hitstun=early + 1.0, air_frames=30)  # fmt: skip
    game.tap(buttons=Button.X)
    game.step(early - 1)
    assert game.state() == st.DAMAGE_FLY_N
    game.step()
    assert (game.state() == st.JUMP_AERIAL_F) == jumps


def test_a_tech_slides_on_with_its_launch(new_game):
    game = new_game((FOX, MEWTWO))
    game.enter(st.DAMAGE_FLY_N, airborne=1, line=-1, y=0.5, prev_y=0.5, x=0.0, kx=1.0, ky=0.0, vy=-2.0, tumble=1,
               hitstun=20.0, air_frames=0, ecb=0.0, since_lr=1, since_lr_before=200)  # fmt: skip
    game.step()
    assert game.state() == st.PASSIVE
    before = float(game.player().position_x)
    game.step()
    assert float(game.player().position_x) - before > 0.8  # nothing but friction slows it


def test_who_is_thrown_is_carried_around_and_turned(new_game):
    game = new_game((Character.CAPTAIN_FALCON, Character.PEACH))
    game.put(0, 0.0, 1.0)
    game.put(1, 7.0, -1.0)
    game.tap(buttons=Button.Z)
    game.until(lambda: game.state() == st.CATCH_WAIT, 60)
    game.pad(y=-1.0)
    game.until(lambda: game.state(1) == st.THROWN_LW, 5)
    game.pad()
    game.until(lambda: float(game.player(1).position_y) > 9.0, 20)
    assert -11.0 < float(game.player(1).position_x) < -5.0  # a real one is 10 up, and 6 to 10 behind, on two frames
    assert game.player(1).facing == game.player().facing


@pytest.mark.parametrize("runs", [0, 14])
def test_a_dash_or_run_takes_a_lower_tap_for_a_jump_than_standing(new_game, runs):
    game = new_game((FOX, MEWTWO))
    game.pad(x=1.0 if runs else 0.0)
    game.step(runs)
    game.pad(x=0.8 if runs else 0.0, y=0.6)
    game.step()
    assert (game.state() == st.KNEE_BEND) == bool(runs)


def test_nobody_walks_off_out_of_a_teeter(new_game):
    game = new_game((MEWTWO, FOX))
    game.put(0, EDGE)
    game.enter(st.OTTOTTO, facing=1.0)
    game.pad(x=0.69)
    game.step(20)
    assert game.state() in (st.OTTOTTO, st.OTTOTTO_WAIT)
    game.pad(x=-0.69)
    game.step()
    assert game.state() == st.TURN


@pytest.mark.parametrize(("x", "y", "state"), [(-0.69, -0.68, st.ATTACK_11), (0.69, 0.0, st.ATTACK_S3_S),
                                               (-0.3, -0.9, st.ATTACK_LW_3)])  # fmt: skip
def test_a_stick_flat_behind_the_back_does_no_tilt(new_game, x, y, state):
    game = new_game((MEWTWO, FOX))
    game.enter(st.WAIT, facing=1.0, stick_x=x, stick_y=y, tilt_x=20, tilt_y=20)
    game.pad(x=x, y=y, buttons=Button.A)
    game.step()
    assert (game.state(), float(game.player().facing)) == (state, 1.0)


def test_a_run_out_of_a_turn_does_not_brake_at_once(new_game):
    game = new_game((MEWTWO, FOX))
    game.enter(st.TURN_RUN, facing=1.0, flag=1, gv=1.0, stick_x=1.0)
    game.pad(x=1.0)
    game.until(lambda: game.state() == st.RUN, 60)
    game.pad()
    game.step(9)
    assert game.state() == st.RUN
    game.step(2)
    assert game.state() == st.RUN_BRAKE


def test_a_fall_leans_the_way_it_drifts(new_game):
    game = new_game((MEWTWO, FOX))
    falling(game, 0.0, 60.0, vx=-1.2, vy=-1.0, facing=1.0)
    game.pad(x=-1.0)
    game.step(6)
    back = game.lane.players[0, 0].copy()
    assert back["lean"] == pytest.approx(-1.0, abs=0.05)
    falling(game, 0.0, 60.0, vx=0.0, vy=-1.0, facing=1.0)
    game.pad()
    game.lane.players["lean"][0, 0] = 0.0
    game.step(6)
    upright = game.lane.players[0, 0]
    assert upright["lean"] == 0.0
    assert back["ecb"] > upright["ecb"] + 1.0  # its legs fly up (real replays: 3.8 and 1.3)


def test_solid_ground_holds_a_body_that_was_taken_to_be_in_it(new_game):
    game = new_game((MEWTWO, FOX))
    falling(game, 10.0, -3.0, vx=0.0, vy=-1.0, facing=1.0, ecb=2.0)
    game.step()
    assert not game.player().airborne


def test_legs_tuck_in_on_the_tenth_frame_in_the_air(new_game):
    game = new_game((FOX, MEWTWO))
    game.enter(st.KNEE_BEND, age=2.0, t=2, buttons=int(Button.X))
    heights = []
    for _ in range(11):
        game.pad(buttons=Button.X)
        game.step()
        heights.append(float(game.lane.players["ecb"][0, 0]))
    assert game.state() in (st.JUMP_F, st.JUMP_B)
    assert heights[:9] == [0.0] * 9
    assert min(heights[9:]) > 2.0


def test_a_fall_begins_in_the_pose_that_the_jump_left(new_game):
    game = new_game((FOX, MEWTWO))
    falling(game, 0.0, 60.0)
    game.enter(st.JUMP_AERIAL_F, age=49.0, t=49, vy=-2.0)
    heights = []
    for _ in range(3):
        game.step()
        heights.append(float(game.lane.players["ecb"][0, 0]))
    assert game.state() == st.FALL_AERIAL
    assert heights == pytest.approx([4.44, 4.21, 4.21], abs=0.06)  # the game's memory: 4.402, 4.168, 4.163


@pytest.mark.parametrize(("y", "caught"), [(-8.0, False), (-12.0, True), (-18.5, False)])
def test_fox_catches_a_ledge_within_the_box_of_the_games_memory(new_game, y, caught):
    game = new_game((FOX, MEWTWO))
    falling(game, EDGE + 5.0, y, facing=-1.0, vy=-0.1)
    game.step()
    assert (game.state() == st.CLIFF_CATCH) == caught


def test_the_sides_of_the_diamond_are_midway_between_its_ends(new_game):
    """A real Fox beside Final Destination's upright wall: out by half its width as long as its sides are beside it."""
    game = new_game((FOX, MEWTWO))
    falling(game, EDGE + 2.1, -14.0, facing=1.0, vx=-0.8, vy=-1.0)
    game.pad(x=-1.0)
    game.step(2)
    assert float(game.player().position_x) == pytest.approx(EDGE + 2.0, abs=0.06)
    falling(game, EDGE + 2.1, 0.0, facing=1.0, vx=-0.8, vy=-1.0)  # its sides are above the edge now
    game.pad(x=-1.0)
    game.step()
    assert float(game.player().position_x) < EDGE + 1.5


@pytest.mark.parametrize(("pause", "uses"), [(0, 1), (3, 2)])
def test_a_move_that_follows_itself_at_once_is_the_same_use(new_game, pause, uses):
    game = new_game((MEWTWO, FOX))
    body = game.lane.players[0, 0]
    first = int(body["attack_serial"])
    for wait in (0, pause):
        game.pad()
        game.step(wait)
        game.pad(y=0.5, buttons=Button.A)
        game.step()
        assert game.state() == st.ATTACK_HI_3
        game.pad()
        if pause:
            game.until(lambda: game.state() == st.WAIT, 60)
        else:
            game.until(lambda: bool(game.player().state_age >= 27.0), 60)  # free from the next frame on
    assert int(body["attack_serial"]) == first + uses


@pytest.mark.parametrize(("ago", "before", "share"), [(0, 99, 0.95), (2, 99, 0.95), (4, 99, 1.0), (0, 20, 1.0)])
def test_a_press_of_l_just_before_a_hit_in_the_air_slows_the_launch(new_game, ago, before, share):
    speeds = []
    for since in (ago, 99):
        game = new_game((FOX, MEWTWO))
        game.put(0, 0.0, 1.0)
        game.tap(cy=1.0)
        while not game.player(1).hitlag > 0:
            game.enter(st.FALL, port=1, airborne=1, line=-1, x=4.0, y=4.0, prev_y=4.0, vy=0.0, air_frames=0,
                       since_lr=since - 1, since_lr_before=before)  # fmt: skip
            game.step()
        victim = game.player(1)
        speeds.append(float(np.hypot(victim.knockback_x, victim.knockback_y)))
    assert speeds[0] == pytest.approx(share * speeds[1], rel=1e-5)


@pytest.mark.parametrize(("buttons", "state"), [(Button.A, st.ATTACK_S3_S), (Button.Z, st.CATCH)])
def test_a_blow_in_a_turn_faces_the_way_that_it_turns(new_game, buttons, state):
    game = new_game((MEWTWO, FOX))
    game.put(0, 0.0, 1.0)
    game.pad(x=-0.5)
    game.step(2)
    assert (game.state(), float(game.player().facing)) == (st.TURN, 1.0)
    game.pad(x=-0.5, buttons=buttons)
    game.step()
    assert (game.state(), float(game.player().facing)) == (state, -1.0)


def test_a_throw_into_the_ground_leaves_what_influence_makes_of_it(new_game):
    game = new_game((FOX, MEWTWO))
    game.put(0, 0.0, 1.0)
    game.put(1, 7.0, -1.0)
    game.tap(buttons=Button.Z)
    game.until(lambda: game.state() == st.CATCH_WAIT, 60)
    game.lane.players[0, 1]["percent"] = 13.0607
    game.pad(y=-1.0)
    game.pad(1, x=-1.0)
    game.step()
    game.pad()
    game.until(lambda: game.state(1) != st.THROWN_LW, 60)
    victim = game.player(1)
    assert game.state(1) == st.DOWN_BOUND_U
    assert float(victim.knockback_x) == pytest.approx(-1.452, abs=2e-3)  # as recorded
    assert float(victim.knockback_y) == 0.0


@pytest.mark.parametrize(("when", "dealt"), [("before", 3.0 * 0.91), ("in flight", 3.0)])
def test_a_projectile_is_as_stale_as_its_move_was_when_it_flew(new_game, when, dealt):
    game = new_game((FOX, MEWTWO))
    game.put(0, 0.0, 1.0)
    game.put(1, 60.0, -1.0)
    queue = game.lane.games[0]
    if when == "before":
        queue["stale"][0, 8], queue["stale_serial"][0, 8] = 18, -99
    game.tap(buttons=Button.B)
    game.until(lambda: int(game.lane.games["num_items"][0]) > 0, 30)
    if when == "in flight":
        queue["stale"][0, 8], queue["stale_serial"][0, 8] = 18, -99
    game.until(lambda: bool(game.player(1).percent > 0.0), 60)
    assert float(game.player(1).percent) == pytest.approx(dealt, rel=1e-5)


@pytest.mark.parametrize(("charge", "speed", "percent"), [(0.1, 1.6, 3.0), (0.2, 1.6 + 1 / 70, 6.0)])
def test_a_shadow_ball_grows_in_whole_steps(new_game, charge, speed, percent):
    game = new_game((MEWTWO, FOX))
    game.put(0, 0.0, 1.0)
    game.put(1, 40.0, -1.0)
    game.tap(buttons=Button.B)
    game.until(lambda: game.state() == 342, 40)
    game.lane.players[0, 0]["store"] = charge
    game.tap(buttons=Button.B)
    game.until(lambda: bool(game.lane.games["items"]["vx"][0, 0] > 0.0), 30)
    assert float(game.lane.games["items"]["vx"][0, 0]) == pytest.approx(speed, rel=1e-5)
    game.until(lambda: bool(game.player(1).percent > 0.0), 60)
    assert float(game.player(1).percent) == percent


@pytest.mark.parametrize(("pushed", "state"), [(0.6875, st.WAIT), (0.7, st.SQUAT)])
def test_a_crouch_takes_a_stick_that_points_down_enough(new_game, pushed, state):
    game = new_game((FOX, MEWTWO))
    game.pad(y=-pushed)
    game.step()
    assert game.state() == state


@pytest.mark.parametrize(
    ("stick", "leaves"), [((0.325, -0.475), True), ((0.0, -0.675), False), ((0.0, -0.8875), True), ((0.0, 0.5), False)]
)
def test_who_comes_back_leaves_the_platform_as_from_standing(new_game, stick, leaves):
    game = new_game((FOX, MEWTWO))
    game.enter(st.REBIRTH_WAIT, airborne=1, line=-1, last_line=-1)
    game.step()
    game.pad(x=stick[0], y=stick[1])
    game.step()
    assert (game.state() == st.FALL) is leaves


@pytest.mark.parametrize(("after", "state"), [(1, st.CATCH_DASH), (6, st.ATTACK_DASH)])
def test_a_dash_attack_becomes_a_grab_in_its_first_frames(new_game, after, state):
    game = new_game((FOX, MEWTWO))
    game.pad(x=1.0)
    game.step(8)
    game.pad(x=1.0, buttons=Button.A)
    game.step(after)
    game.pad(x=1.0, buttons=Button.A, trigger=1.0)
    game.step()
    assert game.state() == state


@pytest.mark.parametrize(("who", "step"), [(FOX, 3.36), (Character.FALCO, 3.85)])
def test_the_second_jab_steps_twice(new_game, who, step):
    game = new_game((who, MEWTWO))
    game.enter(st.ATTACK_12)
    places = [float(game.player().position_x)]
    for _ in range(4):
        game.step()
        places.append(float(game.player().position_x))
    assert abs(places[-1] - places[0]) == pytest.approx(2 * step, abs=0.01)


def test_attacks_cancel_themselves_only_after_their_table_says_so(new_game):
    states = []
    for age in (23.0, 24.0):
        game = new_game((Character.MARTH, MEWTWO))
        floor = float(game.player().position_y)
        body = game.enter(st.ATTACK_AIR_N, airborne=1, line=-1, last_line=-1, y=floor + 0.1, vy=-9.0, air_frames=1)
        body["age"], body["t"], body["ecb"] = age, 20, 0.0
        game.step()
        states.append(game.state())
    assert states == [st.LANDING_AIR_N, st.LANDING]  # real ones: lag at 24, none at 25


@pytest.mark.parametrize(("hitstun", "fast"), [(9.0, False), (0.0, True)])
def test_a_flick_down_falls_fast_once_hitstun_is_over(new_game, hitstun, fast):
    game = new_game((MEWTWO, FOX))
    game.enter(st.DAMAGE_AIR_2, airborne=1, line=-1, last_line=-1, y=60.0, prev_y=60.0, vy=-1.0, air_frames=20,
               hitstun=hitstun, age=12.0)  # fmt: skip
    game.pad(y=-1.0)
    game.step(2)
    speed = float(game.lane.tables["fighters"][MEWTWO]["fastfall_vel"])
    assert (float(game.player().self_y) == pytest.approx(-speed)) is fast


@pytest.mark.parametrize(("side", "state"), [(1.0, st.ATTACK_S4_S), (-1.0, st.ATTACK_DASH)])
def test_a_smash_early_in_a_dash_unless_a_turn_began_it(new_game, side, state):
    game = new_game((MEWTWO, FOX))
    game.put(0, 0.0, 1.0)
    game.pad(x=side)
    game.until(lambda: game.state() == st.DASH, 5)
    game.pad(x=side, buttons=Button.A)
    game.step()
    assert (game.state(), float(game.player().facing)) == (state, side)
