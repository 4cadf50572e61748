"""How good a side is to learn from: 1.0 for somebody who plays, less for chains of self-destructs, idling, sandbagging.

Every count is of what one player did in one game; none of it needs the player's name. Times are in seconds of play.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import FIRST_PLAYABLE_FRAME, Frames

FRAMES_PER_SECOND: Final = 60
SD_CHAIN: Final = 3
"""Self-destructs that make a chain when they fall within ``SD_WINDOW_S``."""
SD_WINDOW_S: Final = 30
SD_UNTOUCHED_S: Final = 6
"""A stock lost that long after the last hit was lost by its owner."""
AFK_S: Final = 10
"""Without any change of the controller for this long nobody is there."""
SANDBAG_S: Final = 60
"""Only a game of this length can show that somebody does not try."""
SANDBAG_DAMAGE: Final = 10.0
"""Percent dealt a minute below which nobody tries, if the game also ends against them."""


class SideQuality(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of one side."""

    score: float
    """0..1."""
    self_destructs: int = 0
    sd_chain: bool = False
    """Three self-destructs within 30 s."""
    idle_s: float = 0.0
    """Longest stretch in play without any change of the controller."""
    idle_share: float = 0.0
    """Share of the game in stretches of 10 s and longer without any change."""
    sandbag: bool = False
    touched: bool = True
    """The controller moved at all."""

    def words(self) -> str:
        """Why the score is what it is, for people; empty for a full score."""
        found = []
        if self.sd_chain:
            found.append(f"{SD_CHAIN} self-destructs within {SD_WINDOW_S} s")
        if self.idle_s >= AFK_S:
            found.append(f"{self.idle_s:.0f} s without input")
        if self.sandbag:
            found.append("sandbagging")
        return ", ".join(found)


def side_quality(frames: Frames, side: int) -> SideQuality:
    """Count one side of a game, frames ``[T]`` from -123."""
    play = slice(min(FIRST_PLAYABLE_FRAME - int(frames.frame[0]), frames.lead[0]), None)
    still, touched = _still(frames, side, play)
    deaths = _self_destructs(frames, side)
    window = SD_WINDOW_S * FRAMES_PER_SECOND
    chain = any(later - first <= window for first, later in zip(deaths, deaths[SD_CHAIN - 1 :], strict=False))
    sandbag = _sandbags(frames, side)
    longest = float(still.max(initial=0)) / FRAMES_PER_SECOND
    long = still[still >= AFK_S * FRAMES_PER_SECOND].sum()
    length = max(frames.lead[0] - play.start, 1)
    idle_share = float(long / length)
    score = 1.0
    score -= 0.4 if chain else 0.0
    score -= min(0.2 + idle_share, 0.8) if longest >= AFK_S else 0.0
    score -= 0.4 if sandbag else 0.0
    return SideQuality(
        score=round(max(score, 0.0), 3) if touched else 0.0,
        self_destructs=len(deaths),
        sd_chain=chain,
        idle_s=round(longest, 2),
        idle_share=round(idle_share, 4),
        sandbag=sandbag,
        touched=touched,
    )


def _still(frames: Frames, side: int, play: slice) -> tuple[NDArray[np.int64], bool]:
    """Lengths of the stretches without a change of the controller while the fighter is there, and any change at all."""
    held = frames.controllers[:, side]
    changed = np.zeros(frames.lead[0], bool)
    for values in (held.buttons, held.joystick_x, held.joystick_y, held.cstick_x, held.cstick_y, held.trigger):
        changed[1:] |= values[1:] != values[:-1]
    touched = bool(changed.any())
    gone = frames.players.exists[:, side] == 0
    edges = np.flatnonzero(changed[play] | gone[play])
    lengths = np.diff(np.concatenate([[0], edges, [len(changed[play])]]))
    return lengths.astype(np.int64), touched


def _self_destructs(frames: Frames, side: int) -> list[int]:
    """Frames on which a stock was lost that nobody had touched for some seconds."""
    me = frames.players[:, side]
    lost = np.flatnonzero((me.stocks[1:] < me.stocks[:-1]) & (me.exists[:-1] != 0)) + 1
    if not len(lost):
        return []
    hit = np.flatnonzero((me.percent[1:] > me.percent[:-1]) | (me.hitstun[1:] > 0)) + 1
    last: NDArray[Any] = np.searchsorted(hit, lost) - 1
    found = []
    for at, index in zip(lost.tolist(), last.tolist(), strict=True):
        if index < 0 or at - int(hit[index]) > SD_UNTOUCHED_S * FRAMES_PER_SECOND:
            found.append(at)
    return found


def _sandbags(frames: Frames, side: int) -> bool:
    length = frames.lead[0] - (FIRST_PLAYABLE_FRAME - int(frames.frame[0]))
    if length < SANDBAG_S * FRAMES_PER_SECOND:
        return False
    me, other = frames.players[:, side], frames.players[:, 1 - side]
    dealt = float(np.maximum(np.diff(other.percent), 0.0).sum())
    stocks_lost = int(me.stocks[0]) - int(me.stocks[-1] if me.exists[-1] else 0)
    minutes = length / FRAMES_PER_SECOND / 60
    return dealt < SANDBAG_DAMAGE * minutes and stocks_lost > 0
