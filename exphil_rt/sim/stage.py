"""What moves on a stage: Randall, Fountain of Dreams' side platforms, the wind of Dream Land.

A moving line lies in the tables at its place of rest; a game's record holds how far each one is from there now and
was a frame ago. Randall's way is the game's own; when platforms move and the wind blows is drawn by the real game from
a seed that no frame shows, so here they follow a schedule of our own within its limits. Pokemon Stadium is frozen.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.jit import njit
from exphil_rt.sim.random import uniform
from exphil_rt.sim.stage_facts import (
    DOMAIN_PLATFORM,
    DOMAIN_WIND,
    LEFT_PLATFORM,
    PLATFORM_BASE,
    PLATFORM_HIGH,
    PLATFORM_LOW,
    PLATFORM_REST,
    PLATFORM_SCALE,
    PLATFORM_SPEED,
    PLATFORM_START,
    RANDALL,
    WIND_FAR,
    WIND_FRAMES,
    WIND_HIGH,
    WIND_LOW,
    WIND_NEAR,
    WIND_REST,
    WIND_SPEED,
)


@njit
def begin_stage(game: Any, t: Any) -> None:
    """Put everything that moves where it is on the first frame."""
    game.height_0 = PLATFORM_START[0]
    game.height_1 = PLATFORM_START[1]
    game.goal_0 = game.height_0
    game.goal_1 = game.height_1
    game.rest_0 = int(PLATFORM_REST[1])
    game.rest_1 = int(PLATFORM_REST[0])
    game.wind = 0
    game.wind_frames = int(WIND_REST[0])
    place(game, t)
    game.last_x = game.randall_x
    game.last_y = game.randall_y
    game.last_0 = game.height_0
    game.last_1 = game.height_1


@njit
def place(game: Any, t: Any) -> None:
    """Randall at this frame."""
    row = t.randall[game.frame % t.randall.shape[0]]
    game.randall_x = row[0]
    game.randall_y = row[1]


@njit
def toward(height: float, goal: float) -> float:
    """A platform one frame on its way."""
    if goal > height:
        return min(height + PLATFORM_SPEED, goal)
    return max(height - PLATFORM_SPEED, goal)


@njit
def move_stage(game: Any, t: Any) -> None:
    """Start of a frame: everything that moves takes its step."""
    game.last_x = game.randall_x
    game.last_y = game.randall_y
    game.last_0 = game.height_0
    game.last_1 = game.height_1
    moving = t.stages[game.stage].moving
    if moving == RANDALL:
        place(game, t)
    elif moving == LEFT_PLATFORM:
        game.height_0 = toward(game.height_0, game.goal_0)
        game.height_1 = toward(game.height_1, game.goal_1)
        low, span = PLATFORM_REST[0], PLATFORM_REST[1] - PLATFORM_REST[0]
        if game.height_0 == game.goal_0:
            game.rest_0 -= 1
            if game.rest_0 <= 0:
                game.goal_0 = goal(game, 0)
                game.rest_0 = int(low + span * uniform(game.seed, DOMAIN_PLATFORM, game.game_id, game.frame, 2))
        if game.height_1 == game.goal_1:
            game.rest_1 -= 1
            if game.rest_1 <= 0:
                game.goal_1 = goal(game, 1)
                game.rest_1 = int(low + span * uniform(game.seed, DOMAIN_PLATFORM, game.game_id, game.frame, 3))


@njit
def goal(game: Any, side: int) -> float:
    """Where a platform goes next."""
    share = uniform(game.seed, DOMAIN_PLATFORM, game.game_id, game.frame, side)
    return float(PLATFORM_LOW + (PLATFORM_HIGH - PLATFORM_LOW) * share)


@njit
def weather(game: Any, t: Any) -> None:
    """Dream Land: the tree begins and ends to blow."""
    if t.stages[game.stage].windy == 0:
        return
    game.wind_frames -= 1
    if game.wind_frames > 0:
        return
    if game.wind != 0:
        game.wind = 0
        share = uniform(game.seed, DOMAIN_WIND, game.game_id, game.frame, 0)
        game.wind_frames = int(WIND_REST[0] + (WIND_REST[1] - WIND_REST[0]) * share)
    else:
        game.wind = 1 if uniform(game.seed, DOMAIN_WIND, game.game_id, game.frame, 1) < 0.5 else -1
        game.wind_frames = WIND_FRAMES


@njit
def blow(pl: Any, game: Any) -> None:
    """The wind pushes a fighter that stands or flies in it."""
    if game.wind == 0 or pl.state <= st.REBIRTH_WAIT or pl.hitlag > 0.0 or pl.held or pl.ledge != 0:
        return
    if pl.prev_y < WIND_LOW or pl.prev_y > WIND_HIGH:
        return
    if game.wind > 0:
        if WIND_NEAR < pl.x < WIND_FAR[1]:
            pl.x += WIND_SPEED
    elif WIND_FAR[0] < pl.x < WIND_NEAR:
        pl.x -= WIND_SPEED


@njit
def shift_x(line: Any, game: Any) -> float:
    """How far a line is from its place in the tables, sideways."""
    return float(game.randall_x) if line.moving == RANDALL else 0.0


@njit
def shift_y(line: Any, game: Any) -> float:
    """How far a line is from its place in the tables, upward."""
    if line.moving == 0:
        return 0.0
    if line.moving == RANDALL:
        return float(game.randall_y)
    h = game.height_0 if line.moving == LEFT_PLATFORM else game.height_1
    return float(h * PLATFORM_SCALE + PLATFORM_BASE)


@njit
def shift_last_x(line: Any, game: Any) -> float:
    """As ``shift_x``, a frame ago."""
    return float(game.last_x) if line.moving == RANDALL else 0.0


@njit
def shift_last_y(line: Any, game: Any) -> float:
    """As ``shift_y``, a frame ago."""
    if line.moving == 0:
        return 0.0
    if line.moving == RANDALL:
        return float(game.last_y)
    h = game.last_0 if line.moving == LEFT_PLATFORM else game.last_1
    return float(h * PLATFORM_SCALE + PLATFORM_BASE)
