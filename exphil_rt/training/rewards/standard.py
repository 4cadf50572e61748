"""The terms that the result of a game is made of: stocks, damage, the win. All zero-sum.

Every term takes the frames ``[T + 1, N]`` and ``ended [T + 1, N]`` (0 in play, 1 over, 2 cut at the frame limit) and
gives ``[T, N, 2]``: the reward of each player for the step from row t to row t + 1. What lies across two games is
thrown away by the mix, so a term need not look for it.
"""

from __future__ import annotations

import numpy as np

from exphil_rt.game.frames import F32, U8, Frames
from exphil_rt.rollout.experience import OVER


def against(gain: F32) -> F32:
    """Zero-sum: each player's gain ``[T, N, 2]`` less the other's."""
    other: F32 = gain[..., ::-1]
    difference: F32 = gain - other
    return difference


def stocks_lost(frames: Frames) -> F32:
    """Stocks that each player lost in the step, ``[T, N, 2]``."""
    stocks = frames.players.stocks.astype(np.float32)
    lost: F32 = np.maximum(stocks[:-1] - stocks[1:], np.float32(0))
    return lost


def stock(frames: Frames, ended: U8) -> F32:
    """+1 for a stock taken, -1 for a stock lost."""
    return against(-stocks_lost(frames))


def damage(frames: Frames, ended: U8) -> F32:
    """Percent dealt less percent taken (a rise only: a new stock's 0 % is no healing)."""
    percent = frames.players.percent
    return against(-np.maximum(percent[1:] - percent[:-1], np.float32(0)))


def win(frames: Frames, ended: U8) -> F32:
    """+1 and -1 at the last frame of a decided game: by more stocks, then lower percent; 0 for a draw."""
    stocks = frames.players.stocks[1:].astype(np.float32)
    percent = frames.players.percent[1:]
    lead = against(stocks)
    lead = np.where(lead == 0, against(-percent), lead)
    return np.where((ended[1:] == OVER)[..., None], np.sign(lead), np.float32(0)).astype(np.float32)
