"""Launched into a wall or a ceiling: thrown back, or a tech on it."""

from __future__ import annotations

import numpy as np
import pytest

from exphil_rt.game import states as st
from exphil_rt.sim.surface import PASSIVE_CEIL, PASSIVE_WALL, PASSIVE_WALL_JUMP


def launched(new_game, x, y, kx, ky, pressed=None, up=False):
    """Player 0 of Final Destination, flying from a place; L or R was pressed ``pressed`` frames ago."""
    game = new_game()
    body = game.lane.players[0, 0]
    for name, value in (
        ("x", x), ("y", y), ("prev_x", x), ("prev_y", y), ("kx", kx), ("ky", ky), ("vx", 0.0), ("vy", 0.0), ("gv", 0.0),
        ("airborne", 1), ("line", -1), ("air_frames", 20), ("state", st.DAMAGE_FLY_N), ("age", 5.0), ("hitstun", 40.0),
        ("tumble", 1), ("since_lr", 1000 if pressed is None else pressed), ("since_lr_before", 1000),
    ):  # fmt: skip
        body[name] = value
    if up:
        game.pad(y=1.0)
    seen = []
    for _ in range(8):
        game.step()
        seen.append((game.state(), float(game.player().knockback_x), float(game.player().knockback_y)))
    return game, seen


def test_a_wall_throws_back(new_game):
    game, seen = launched(new_game, -90.0, -25.0, 6.0, 0.0)
    assert seen[-1][0] == st.DAMAGE_FLY_N
    assert -5.0 < seen[-1][1] < -3.5  # four fifths of what was left
    assert float(game.player().position_x) < -50.0


@pytest.mark.parametrize(("up", "state"), [(False, PASSIVE_WALL), (True, PASSIVE_WALL_JUMP)])
def test_a_wall_tech_takes_the_speed_and_protects(new_game, up, state):
    game, seen = launched(new_game, -90.0, -25.0, 6.0, 0.0, pressed=2, up=up)
    assert state in {name for name, _, _ in seen}
    assert game.player().knockback_x == 0
    assert game.player().hurtbox_state == 2
    assert game.player().facing == -1.0  # away from the wall
    assert (float(game.player().self_y) > 0.0) == up


def test_pressing_too_early_locks_the_tech(new_game):
    game, seen = launched(new_game, -90.0, -25.0, 6.0, 0.0, pressed=25)
    assert PASSIVE_WALL not in {name for name, _, _ in seen}
    assert game.state() == st.DAMAGE_FLY_N


def test_a_ceiling_throws_down_or_is_teched(new_game):
    below = 0.0, -88.0
    _, seen = launched(new_game, *below, 0.0, 8.0)
    assert min(ky for _, _, ky in seen) < -3.0
    game, seen = launched(new_game, *below, 0.0, 8.0, pressed=2)
    assert PASSIVE_CEIL in {name for name, _, _ in seen}
    assert np.hypot(game.player().knockback_x, game.player().knockback_y) == 0
