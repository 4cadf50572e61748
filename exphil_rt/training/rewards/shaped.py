"""Small helpers towards fighting at all: coming closer, and getting back to the stage.

Both are differences of a potential over states, so that they do not change which policy is best (Ng, Harada and
Russell 1999, with a discount near 1). Steps in which somebody loses a stock or comes back have none.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from exphil_rt.game.frames import F32, U8, Frames
from exphil_rt.game.ids import NUM_STAGES, Stage
from exphil_rt.training.rewards.standard import against, stocks_lost

_EDGES: Final = {
    # x of the ledge, world units: libmelee's melee/stages.py, EDGE_GROUND_POSITION.
    Stage.FOUNTAIN_OF_DREAMS: 63.35,
    Stage.POKEMON_STADIUM: 87.75,
    Stage.YOSHIS_STORY: 56.0,
    Stage.DREAM_LAND: 77.27,
    Stage.BATTLEFIELD: 68.4,
    Stage.FINAL_DESTINATION: 85.5657,
}
_EDGE_BY_STAGE: Final[F32] = np.array([_EDGES.get(s, 80.0) for s in range(NUM_STAGES)], np.float32)  # type: ignore[call-overload]
_DEAD_UNTIL: Final = 13
"""Action states 0..10 are deaths, 12 and 13 the platform that brings a fighter back (Slippi's state ids)."""
_NEAR: Final = np.float32(15.0)
_FAR: Final = np.float32(150.0)


def _steady(frames: Frames) -> F32:
    """1 where both players live through the step, ``[T, N, 1]``."""
    alive = (frames.players.state > _DEAD_UNTIL) & (frames.players.exists == 1)
    both = alive.all(axis=-1)
    steady: F32 = (both[:-1] & both[1:] & (stocks_lost(frames).sum(axis=-1) == 0)).astype(np.float32)
    return steady[..., None]


def approach(frames: Frames, ended: U8) -> F32:
    """Units by which the distance between the players shrank, between 15 and 150 units; the same for both."""
    players = frames.players
    gap = np.hypot(
        players.position_x[..., 0] - players.position_x[..., 1], players.position_y[..., 0] - players.position_y[..., 1]
    )
    gap = np.clip(gap, _NEAR, _FAR)
    return np.repeat((gap[:-1] - gap[1:])[..., None], 2, axis=-1) * _steady(frames)


def recovery(frames: Frames, ended: U8) -> F32:
    """Units by which a player came back towards the stage, less the other's: off the edge or below the floor."""
    players = frames.players
    stage = np.minimum(frames.stage, NUM_STAGES - 1)
    beyond = np.maximum(np.abs(players.position_x) - _EDGE_BY_STAGE[stage][..., None], np.float32(0))
    below = np.maximum(np.float32(-5) - players.position_y, np.float32(0))
    off = np.minimum(beyond + below, _FAR)
    return against(off[:-1] - off[1:]) * _steady(frames)
