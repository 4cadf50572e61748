"""Reward terms over frames, their mix, and what happens to terms that fail."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Stage
from exphil_rt.rollout.experience import CUT, OVER
from exphil_rt.training.rewards import RewardInvalid, RewardMix
from exphil_rt.training.rewards.mix import PRESETS, TERMS


def frames_of(rows):
    """Rows of ((x, y, percent, stocks) of player 0, the same of player 1), one game."""
    frames = Frames.allocate((len(rows), 1))
    frames.stage[:] = Stage.FINAL_DESTINATION
    frames.players.exists[:] = 1
    frames.players.state[:] = 14
    for t, row in enumerate(rows):
        for p, (x, y, percent, stocks) in enumerate(row):
            frames.players.position_x[t, 0, p] = x
            frames.players.position_y[t, 0, p] = y
            frames.players.percent[t, 0, p] = percent
            frames.players.stocks[t, 0, p] = stocks
    return frames


def ended_of(*kinds):
    return np.array(kinds, np.uint8)[:, None]


IN_PLAY_2 = ended_of(0, 0)


def value(name, frames, ended):
    return TERMS[name](frames, ended)[:, 0].tolist()


def test_damage_and_stock_are_zero_sum_and_a_new_stock_heals_nobody():
    frames = frames_of([((0, 0, 10, 4), (5, 0, 80, 4)), ((0, 0, 22, 4), (5, 0, 0, 3))])
    assert value("damage", frames, IN_PLAY_2) == [[-12, 12]]
    assert value("stock", frames, IN_PLAY_2) == [[1, -1]]


@pytest.mark.parametrize(
    ("last", "kind", "expected"),
    [
        (((0, 0, 10, 1), (0, 0, 0, 0)), OVER, [1, -1]),
        (((0, 0, 90, 2), (0, 0, 10, 2)), OVER, [-1, 1]),
        (((0, 0, 10, 2), (0, 0, 10, 2)), OVER, [0, 0]),
        (((0, 0, 10, 3), (0, 0, 10, 2)), CUT, [0, 0]),
    ],
)
def test_win_is_paid_where_the_game_was_decided(last, kind, expected):
    frames = frames_of([((0, 0, 0, 4), (0, 0, 0, 4)), last])
    assert value("win", frames, ended_of(0, kind)) == [expected]


def test_approach_pays_both_and_not_across_a_lost_stock():
    frames = frames_of([((-60, 0, 0, 4), (60, 0, 0, 4)), ((-50, 0, 0, 4), (60, 0, 0, 4)), ((0, 0, 0, 4), (0, 0, 0, 3))])
    assert value("approach", frames, ended_of(0, 0, 0)) == [[10, 10], [0, 0]]


def test_recovery_pays_the_way_back_to_the_stage():
    frames = frames_of([((100, -20, 0, 4), (0, 0, 0, 4)), ((95, -10, 0, 4), (0, 0, 0, 4))])
    assert value("recovery", frames, IN_PLAY_2) == [[15, -15]]


def test_presets_mix_by_weight():
    frames = frames_of([((0, 0, 0, 4), (5, 0, 0, 4)), ((0, 0, 0, 4), (5, 0, 30, 4))])
    valid = np.ones((1, 1), bool)
    total, parts, faults = RewardMix("standard", {"damage": 0.02})(frames, IN_PLAY_2, valid)
    assert total[0, 0].tolist() == pytest.approx([0.6, -0.6])
    assert set(parts) == set(PRESETS["standard"])
    assert faults == []
    assert RewardMix().weights == PRESETS["shaped"]
    assert set(RewardMix("shaped", {"approach": 0, "win": 2}).weights) == {"stock", "damage", "win", "recovery"}


def test_steps_across_games_pay_nothing():
    frames = frames_of([((0, 0, 0, 4), (5, 0, 0, 4)), ((0, 0, 0, 4), (5, 0, 30, 4))])
    total, parts, _ = RewardMix("standard")(frames, IN_PLAY_2, np.zeros((1, 1), bool))
    assert not total.any()
    assert not parts["damage"].any()


def test_a_users_term_works_and_failing_ones_are_named_and_skipped(monkeypatch):
    module = types.ModuleType("my_rewards")
    module.height = lambda frames, ended: frames.players.position_y[1:]

    def broken(frames, ended):
        raise ZeroDivisionError("by zero")

    module.broken = broken
    module.nan = lambda frames, ended: np.full((1, 1, 2), np.nan)
    module.flat = lambda frames, ended: np.zeros(3)
    module.number = 7
    monkeypatch.setitem(sys.modules, "my_rewards", module)
    mix = RewardMix(
        "sparse",
        {"win": 0, "my_rewards:height": 0.5, "my_rewards:broken": 1, "my_rewards:nan": 1, "my_rewards:flat": 1},
    )
    frames = frames_of([((0, 0, 0, 4), (0, 0, 0, 4)), ((0, 8, 0, 4), (0, 0, 0, 4))])
    total, parts, faults = mix(frames, IN_PLAY_2, np.ones((1, 1), bool))
    assert total[0, 0].tolist() == [4, 0]
    assert list(parts) == ["my_rewards:height"]
    assert [f.split("'")[1] for f in faults] == ["my_rewards:broken", "my_rewards:nan", "my_rewards:flat"]
    assert "ZeroDivisionError: by zero" in faults[0]
    with pytest.raises(RewardInvalid, match="not a function"):
        RewardMix("sparse", {"my_rewards:number": 1})


def test_unknown_terms_are_refused_with_the_nearest_name():
    with pytest.raises(RewardInvalid, match="Did you mean damage"):
        RewardMix("sparse", {"damge": 1})
    with pytest.raises(RewardInvalid, match="cannot be imported"):
        RewardMix("sparse", {"no_such_module_here:term": 1})
    with pytest.raises(RewardInvalid, match="Known: standard, shaped, sparse"):
        RewardMix("shapd")
