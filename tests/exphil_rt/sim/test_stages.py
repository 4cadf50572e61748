"""What moves on the stages, and what stands on it."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character, Stage
from exphil_rt.game.randall import RANDALL_WIDTH, randall
from exphil_rt.sim import STAGES, fidelity_of


def moving_line(game, kind: int) -> int:
    lines = game.lane.tables["lines"]
    stage = game.lane.tables["stages"][int(game.lane.games["stage"][0])]
    first = int(stage["line_offset"])
    return next(n for n in range(first, first + int(stage["lines"])) if lines[n]["moving"] == kind)


def stand_on(game, line: int, x: float, y: float) -> None:
    body = game.lane.players[0, 0]
    body["x"], body["y"], body["line"], body["last_line"] = x, y, line, line


def test_a_fighter_rides_on_randall(new_game):
    game = new_game(stage=Stage.YOSHIS_STORY)
    game.until(lambda: 20 < game.frame % 1200 < 300 or 500 < game.frame % 1200 < 900, limit=1300)
    left, height = randall(np.array([game.frame], np.int32))[0]
    stand_on(game, moving_line(game, 1), float(left) + 5.0, float(height))
    for _ in range(60):
        game.step()
        left, height = randall(np.array([game.frame], np.int32))[0]
        assert game.player().position_x == pytest.approx(left + 5.0, abs=0.01)
        assert game.player().position_y == pytest.approx(height, abs=0.01)
        assert not game.player().airborne
        shown = game.lane.frames(np.zeros(1, np.int32)).randall[0]
        assert shown == pytest.approx([left, height])
    assert RANDALL_WIDTH > 5.0


def test_fountain_platforms_carry_and_show_their_heights(new_game):
    game = new_game(stage=Stage.FOUNTAIN_OF_DREAMS)
    game.until(lambda: game.lane.games["goal_0"][0] != game.lane.games["height_0"][0], limit=1500)
    h = float(game.lane.games["height_0"][0])
    stand_on(game, moving_line(game, 2), -35.0, 0.75 * h + 1.125)
    heights = []
    for _ in range(40):
        game.step()
        heights.append(float(game.lane.frames(np.zeros(1, np.int32)).platforms[0, 0]))
        assert game.player().position_y == pytest.approx(0.75 * heights[-1] + 1.125, abs=0.01)
    assert len(set(heights)) > 10


def test_the_wind_of_dream_land_blows_for_a_while(new_game):
    game = new_game(stage=Stage.DREAM_LAND)
    lines = game.lane.tables["lines"]
    floor = int(np.flatnonzero((lines["x0"] < -67) & (lines["x1"] > 67) & (lines["x1"] < 68))[0])
    stand_on(game, floor, 40.0, float(lines[floor]["y0"]))
    game.lane.games["wind"], game.lane.games["wind_frames"] = 1, 30
    game.step(20)
    assert game.player().position_x == pytest.approx(44.0, abs=0.01)
    game.step(20)
    assert game.lane.games["wind"][0] == 0
    assert game.player().position_x == pytest.approx(45.8, abs=0.01)


@pytest.mark.parametrize("stage", STAGES)
def test_a_game_on_each_stage_comes_back_after_a_fall(new_game, stage):
    game = new_game(stage=stage)
    game.lane.players[0, 0]["x"] = 400.0
    game.lane.players[0, 0]["airborne"], game.lane.players[0, 0]["line"] = 1, -1
    game.until(lambda: game.state() == st.REBIRTH)
    high = float(game.player().position_y)
    game.until(lambda: game.state() == st.REBIRTH_WAIT)
    assert game.player().position_y < high - 60
    game.pad(y=-1.0)
    game.until(lambda: game.state() not in (st.REBIRTH, st.REBIRTH_WAIT))
    game.until(lambda: not game.player().airborne or game.state() <= st.REBIRTH)


def test_a_wall_jump_of_a_fighter_that_can(new_game):
    for who, jumps in ((Character.FOX, True), (Character.MARTH, False)):
        game = new_game(characters=(who, Character.MEWTWO))
        body = game.lane.players[0, 0]
        body["x"], body["y"], body["airborne"], body["line"] = 95.0, -20.0, 1, -1
        body["vx"] = body["vy"] = 0.0
        body["state"], body["wall_side"], body["wall_frames"] = st.FALL, 1, 0
        game.pad(x=1.0)
        game.step()
        assert (game.state() == st.PASSIVE_WALL_JUMP) is jumps


def test_scores_are_read_without_measuring():
    assert fidelity_of(Character.MEWTWO).measured
    assert fidelity_of(Character.PICHU).score is None
