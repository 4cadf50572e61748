"""Laws of movement, against the public attributes of the fighters and frame counts of the real game."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Stage

# character: jump squat, full hop, short hop, gravity, terminal, fast fall, friction, walk, dash (public tables)
KNOWN = {
    Character.FOX: (3, 3.68, 2.1, 0.23, 2.8, 3.4, 0.08, 1.6, 1.9),
    Character.MEWTWO: (5, 2.3, 1.4, 0.082, 1.5, 2.3, 0.04, 1.0, 1.4),
    Character.BOWSER: (8, 2.8, 1.6, 0.13, 1.9, 2.4, 0.06, 0.65, 1.0),
    Character.JIGGLYPUFF: (5, 1.6, 1.05, 0.064, 1.3, 1.6, 0.09, 0.7, 1.4),
}


@pytest.mark.parametrize("who", KNOWN)
def test_jump_squat_full_hop_and_gravity(new_game, who):
    squat, full, _, gravity, terminal, _, *_ = KNOWN[who]
    game = new_game((who, Character.FOX))
    game.pad(buttons=Button.X)
    game.step()
    assert game.state() == st.KNEE_BEND
    assert game.until(lambda: game.state() != st.KNEE_BEND) == squat
    assert game.state() == st.JUMP_F
    assert game.player().self_y == pytest.approx(full)
    game.pad()
    speeds = []
    while game.player().airborne:
        speeds.append(float(game.player().self_y))
        game.step()
    drops = -np.diff(speeds)
    assert drops.max() == pytest.approx(gravity, abs=1e-5)
    assert min(speeds) == pytest.approx(max(-terminal, speeds[-1]), abs=1e-5)


@pytest.mark.parametrize("who", KNOWN)
def test_short_hop_is_a_button_let_go_in_the_squat(new_game, who):
    squat, _, short, *_ = KNOWN[who]
    game = new_game((who, Character.FOX))
    game.pad(buttons=Button.Y)
    game.step()
    game.pad()
    game.step(squat)
    assert game.player().self_y == pytest.approx(short)


def test_fast_fall_only_on_a_flick_while_falling(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(buttons=Button.X)
    game.step(4)
    game.pad(y=-1.0)
    game.step()
    assert game.player().self_y > 0
    game.pad()
    game.until(lambda: bool(game.player().self_y < 0))
    game.pad(y=-1.0)
    game.step()
    assert game.player().self_y == pytest.approx(-3.4)


def test_dash_starts_at_once_and_moves_on_the_next_frame(new_game):
    game = new_game((Character.MEWTWO, Character.FOX))
    start = float(game.player().position_x)
    game.pad(x=0.875)
    game.step()
    assert (game.state(), float(game.player().state_age)) == (st.DASH, 1.0)
    assert game.player().position_x == start
    positions = []
    for _ in range(4):
        game.step()
        positions.append(float(game.player().position_x) - start)
    # a real replay of the same input
    assert positions == pytest.approx([1.36, 2.68, 3.96, 5.2], abs=1e-3)


def test_walk_reaches_its_speed_and_friction_stops_it(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(x=0.5)
    game.step(30)
    assert game.state() in (st.WALK_SLOW, st.WALK_MIDDLE)
    assert game.player().self_x_ground == pytest.approx(0.8, abs=0.02)
    game.pad()
    game.step()
    assert game.state() == st.WAIT
    before = float(game.player().self_x_ground)
    game.step()
    assert before - game.player().self_x_ground == pytest.approx(0.08, abs=1e-5)


def test_dash_back_turns_for_one_frame_then_dashes(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(x=1.0)
    game.step(8)
    game.pad(x=-1.0)
    game.step()
    assert (game.state(), float(game.player().facing)) == (st.TURN, 1.0)
    game.step()
    assert (game.state(), float(game.player().facing)) == (st.DASH, -1.0)
    assert game.player().self_x_ground < 0


def test_ucf_dash_back_out_of_a_slow_push(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(x=-0.5)
    game.step()
    assert game.state() == st.TURN
    game.pad(x=-1.0)
    game.step()
    assert game.state() == st.DASH


def test_tilt_turn_without_a_push_walks_after_its_frames(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(x=-0.5)
    game.step(5)
    assert (game.state(), float(game.player().facing)) == (st.TURN, 1.0)
    game.step()
    assert (game.state(), float(game.player().facing)) == (st.TURN, -1.0)
    game.step(6)
    assert game.state() == st.WALK_SLOW


def test_run_brake_and_run_turn(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(x=1.0)
    assert game.until(lambda: game.state() == st.RUN) == 12  # 11 frames of dash shown, then the run
    game.pad()
    game.step()
    assert game.state() == st.RUN_BRAKE
    game.pad(x=-1.0)
    game.step()
    assert game.state() == st.TURN_RUN


def test_wavedash(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.pad(buttons=Button.X)
    game.step(3)
    start = float(game.player().position_x)
    game.pad(x=0.9, y=-0.425, buttons=Button.X | Button.L)
    game.step()
    assert game.state() == st.LANDING_FALL_SPECIAL
    slide = 3.1 * 0.9 * 0.9 / np.hypot(0.9, 0.425)
    assert game.player().self_x_ground == pytest.approx(slide, abs=1e-4)
    game.pad()
    assert game.until(lambda: game.state() != st.LANDING_FALL_SPECIAL) == 10
    travelled, speed = 0.0, slide
    for _ in range(11):
        travelled += speed
        speed -= 0.16 if speed > 1.6 else 0.08  # friction counts twice above the walking speed
    assert game.player().position_x - start == pytest.approx(travelled, abs=1e-3)


def test_air_dodge_ends_helpless(new_game):
    game = new_game((Character.JIGGLYPUFF, Character.MEWTWO))
    game.pad(buttons=Button.X)
    game.step(20)
    game.pad(buttons=Button.L, y=1.0)
    game.step()
    assert game.state() == st.ESCAPE_AIR
    game.pad()
    assert game.until(lambda: game.state() == st.FALL_SPECIAL) == 49
    game.pad(buttons=Button.X)
    game.step(2)
    assert game.state() == st.FALL_SPECIAL


@pytest.mark.parametrize("who", [Character.FOX, Character.KIRBY, Character.JIGGLYPUFF])
def test_air_jumps_are_counted(new_game, who):
    game = new_game((who, Character.MEWTWO))
    allowed = int(game.player().jumps)
    game.pad(buttons=Button.X)
    game.step(10)
    used = 1
    for _ in range(allowed + 2):
        game.pad()
        game.step(2)
        game.pad(buttons=Button.X)
        game.step()
        jumps = {st.JUMP_AERIAL_F, st.JUMP_AERIAL_B, *range(st.FIRST_SPECIAL, st.FIRST_SPECIAL + 5)}
        used += game.state() in jumps and float(game.player().state_age) == 0.0
    assert used == allowed == {Character.FOX: 2}.get(who, 6)
    assert game.player().jumps == 0


def test_platforms_catch_and_let_go(new_game):
    game = new_game((Character.FOX, Character.MEWTWO), stage=Stage.BATTLEFIELD)
    assert game.player().position_y == pytest.approx(27.2, abs=1e-3)
    game.pad(y=-1.0)
    assert game.until(lambda: game.state() == st.PASS) == 4
    assert game.player().jumps == 1
    game.pad()
    game.until(lambda: not game.player().airborne)
    assert game.player().position_y == pytest.approx(0.0, abs=1e-3)


def test_who_dropped_through_a_platform_may_jump_back_onto_it(new_game):
    game = new_game((Character.FOX, Character.MEWTWO), stage=Stage.BATTLEFIELD)
    game.pad(y=-1.0)
    game.until(lambda: game.state() == st.PASS)
    game.pad()
    game.step(3)
    game.pad(buttons=Button.X)
    game.step()
    game.pad()
    game.until(lambda: not game.player().airborne)
    assert game.player().position_y == pytest.approx(27.2, abs=1e-3)


def test_crouch(new_game):
    game = new_game()
    game.pad(y=-1.0)
    game.step()
    assert game.state() == st.SQUAT
    game.step(8)
    assert game.state() == st.SQUAT_WAIT
    game.pad()
    game.step()
    assert game.state() == st.SQUAT_RV


def test_running_off_the_edge_falls_and_standing_does_not(new_game):
    game = new_game((Character.FOX, Character.MEWTWO))
    game.put(0, 70.0)
    game.pad(x=1.0)
    game.until(lambda: bool(game.player().airborne))
    assert game.state() == st.FALL
    assert game.player().self_x_air == pytest.approx(0.83)
    assert game.player().jumps == 1


def test_entry_and_first_playable_frame(new_game):
    game = new_game(ready=False)
    assert game.frame == -123
    assert game.state() == st.ENTRY
    game.pad(x=1.0)
    game.until(lambda: game.frame == -40)
    assert game.player().position_x == -60.0
    assert not game.lane.frames(np.zeros(1, np.int32)).controllers.joystick_x.any()
    game.step()
    assert game.state() == st.DASH
    assert game.player().position_y == pytest.approx(1e-4, abs=1e-5)
