"""What presses do, as real replays show it: L-cancels, the c-stick, attacks out of a turn, rapid jabs, brakes."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character
from exphil_rt.sim.fidelity.recording import snap

FOX, MEWTWO = Character.FOX, Character.MEWTWO


@pytest.mark.parametrize(
    ("presses", "good"),
    [
        ({6: (Button.L, 1.0)}, True),
        ({7: (Button.L, 1.0)}, False),
        ({6: (0, 0.42)}, True),
        ({7: (0, 0.42), 6: (Button.L, 1.0)}, False),
        ({3: (0, 0.25)}, False),
    ],
)
def test_a_light_press_cancels_a_landing_too(new_game, presses, good):
    """``presses`` by how many frames before the landing; each is held."""
    game = new_game((FOX, MEWTWO))
    high = float(game.player().position_y) + 0.5
    game.enter(st.ATTACK_AIR_N, age=10.0, airborne=1, line=-1, x=0.0, y=high + 8.0, prev_y=high + 8.0, air_frames=0)
    for left in range(8, 0, -1):
        buttons, trigger = presses.get(left, (None, None))
        if buttons is not None:
            game.pad(buttons=buttons, trigger=trigger)
        game.lane.players[0, 0]["vy"] = -1.0
        game.lane.players[0, 0]["y"] = high + left
        game.step()
    game.lane.players[0, 0]["y"], game.lane.players[0, 0]["vy"] = high, -3.0
    game.step()
    assert game.state() == st.LANDING_AIR_N
    assert (int(game.player().l_cancel) == 1) == good


@pytest.mark.parametrize(("c", "before", "state"), [
    ((0.0, 0.89), (0.0, 0.44), st.JUMP_F), ((-0.45, 0.89), (0.0, 0.44), st.ATTACK_AIR_HI),
    ((-0.81, 0.56), (-0.96, 0.0), st.ATTACK_AIR_B),
])  # fmt: skip
def test_an_aerial_takes_the_c_stick_out_of_the_middle_of_either_axis(new_game, c, before, state):
    game = new_game((MEWTWO, FOX))
    game.enter(st.JUMP_F, airborne=1, line=-1, y=40.0, prev_y=40.0, facing=1.0, c_x=before[0], c_y=before[1])
    game.pad(cx=c[0], cy=c[1])
    game.step()
    assert game.state() == state


def test_a_held_c_stick_rolls_out_of_a_shield_that_comes_up(new_game):
    game = new_game((MEWTWO, FOX))
    game.enter(st.GUARD_ON, facing=-1.0, c_x=0.73, c_y=-0.68)
    game.pad(cx=0.73, cy=-0.68, trigger=1.0)
    game.step()
    assert game.state() == st.ESCAPE_B


def test_the_c_stick_rolls_one_who_lies(new_game):
    game = new_game((MEWTWO, FOX))
    game.enter(st.DOWN_WAIT_D, facing=-1.0, t=3)
    game.pad(cx=0.99)
    game.step()
    assert game.state() == st.DOWN_BACK_D


@pytest.mark.parametrize(
    ("pads", "state"),
    [({"buttons": Button.A, "y": 0.5}, st.ATTACK_HI_3), ({"buttons": Button.A, "x": -0.7}, st.ATTACK_S3_S),
     ({"cy": -1.0}, st.ATTACK_LW_4), ({"buttons": Button.Z}, st.CATCH)],
)  # fmt: skip
def test_what_begins_in_a_turn_goes_where_it_ends(new_game, pads, state):
    game = new_game((MEWTWO, FOX))
    game.enter(st.TURN, facing=1.0, age=2.0, t=2, count=5, flag=0, stick_x=-0.7, tilt_x=20)
    game.pad(**pads)
    game.step()
    assert (game.state(), float(game.player().facing)) == (state, -1.0)


def test_a_shield_in_a_turn_keeps_its_side(new_game):
    game = new_game((MEWTWO, FOX))
    game.enter(st.TURN, facing=1.0, age=2.0, t=2, count=5, flag=0, stick_x=-0.7, tilt_x=20)
    game.pad(x=-0.7, trigger=1.0)
    game.step()
    assert (game.state(), float(game.player().facing)) == (st.GUARD_ON, 1.0)


def test_rapid_jabs_go_round_once_and_end_after_a_blow_without_a_press(new_game):
    game = new_game((FOX, MEWTWO))
    game.put(0, -60.0, -1.0)
    game.enter(st.ATTACK_100_START, age=1.0)
    game.until(lambda: game.state() == st.ATTACK_100_LOOP, 12)
    ages = []
    while game.state() == st.ATTACK_100_LOOP:
        ages.append(float(game.player().state_age))
        game.step()
    assert game.state() == st.ATTACK_100_END
    assert (ages.count(0.0), ages[-1]) == (2, 3.0)  # a real replay of Fox


@pytest.mark.parametrize(("speed", "frames", "waits", "last"), [(0.58, 24, 5, 19), (1.4, 29, 18, 11)])
def test_a_brake_waits_for_the_run_and_is_over_after_thirty_frames(new_game, speed, frames, waits, last):
    game = new_game((MEWTWO, FOX))
    game.put(0, -60.0, 1.0)
    game.enter(st.RUN_BRAKE, age=-1.0, gv=speed)
    game.step()
    ages = []
    while game.state() == st.RUN_BRAKE:
        ages.append(int(game.player().state_age))
        game.step()
    assert game.state() == st.WAIT
    assert (len(ages), ages.count(11), ages[-1]) == (frames, waits, last)  # but for the frame on which it began


@pytest.mark.parametrize(("x", "raw", "snapped"), [(-0.9875, (-98, 5), -1.0), (0.9875, (98, 7), 0.9875),
                                                   (0.9875, (79, 2), 0.9875)])  # fmt: skip
def test_sticks_are_pushed_out_as_ucf_does_once_the_raw_y_was_seen(x, raw, snapped):
    pads = {
        "joystick_x": np.full((2, 1, 4), x, np.float32), "joystick_y": np.zeros((2, 1, 4), np.float32),
        "raw_x": np.full((2, 1, 4), raw[0], np.int8), "raw_y": np.full((2, 1, 4), raw[1], np.int8),
    }  # fmt: skip
    pads["raw_y"][0] = 0
    snap(pads)
    assert pads["joystick_x"][0] == pytest.approx(x)  # an old recording might look so
    assert pads["joystick_x"][1] == pytest.approx(snapped)


def test_a_throw_begins_as_the_pull_ends_where_the_stick_was_pushed(new_game):
    game = new_game((FOX, MEWTWO))
    game.put(0, 0.0, 1.0)
    game.put(1, 8.0, -1.0)
    game.enter(st.CATCH_PULL, age=6.0)
    game.enter(st.CAPTURE_PULLED_LW, port=1, age=1.0, held=1, facing=-1.0, grab_timer=200.0)
    game.step()
    assert float(game.player(1).position_x) == pytest.approx(5.74 + 4.55, abs=0.01)
    game.pad(y=0.4)
    game.step()
    assert (game.state(), game.state(1)) == (st.THROW_HI, st.THROWN_HI)
    assert float(game.player(1).facing) == 1.0
    assert abs(float(game.player(1).position_x) - 8.28 - 4.55) > 1.0  # carried from the first frame on
