"""Fighters that stand inside each other drift apart.

Measured on 3,300 frames of real replays: who stands in a player's way is asked after that player's animation has moved
on (the second player's has not when the first one asks: a jump that begins is in one's way and not in the other's), and
the push is taken where the body then moves over the ground. Who bounces off the ground is in the way until then.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.jit import njit

PUSH = 0.3  # units a frame


@njit
def rolls(pl: Any) -> bool:
    """States in which a grounded fighter pushes without being pushed."""
    return bool(st.ESCAPE_F <= pl.state <= st.ESCAPE_B)


@njit
def apart(pl: Any) -> bool:
    """Neither pushes nor is pushed: not in the game, held, or on the way up a ledge."""
    s = pl.state
    return bool(s <= st.SLEEP or pl.held or st.CLIFF_CATCH <= s <= st.CLIFF_JUMP_QUICK_2)


@njit
def push(pl: Any, foe: Any, t: Any, way: float) -> None:
    """How far ``foe`` pushes ``pl`` on this frame, ``way`` (-1, 1) where both are at one place; not for followers."""
    pl.push_x = 0.0
    if foe.airborne or rolls(pl) or apart(pl) or apart(foe) or abs(pl.y - foe.y) > 1.0:
        return
    gap = foe.x - pl.x
    if abs(gap) < t.fighters[pl.character].push_width + t.fighters[foe.character].push_width:
        pl.push_x = PUSH * way if gap == 0.0 else PUSH if gap < 0.0 else -PUSH
