"""Elo ratings and what a score says about strength. Pure functions, no policies and no storage.

Scale, start and K are those of ExPhil's ``self_play/elo.ex``: logistic with base 10 and 400 points (Elo, *The Rating
of Chessplayers*, 1978), start 1000, K 40 below 30 games, 32 below 100, then 24.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec

SCALE: Final = 400.0
START: Final = 1000.0
Z95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
_PER_LOGIT: Final = SCALE / math.log(10.0)
"""Elo points a unit of log-odds: 173.7."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Rating of one frozen policy."""

    policy: str
    elo: float = START
    games: int = 0
    wins: int = 0
    losses: int = 0
    draws: int = 0
    anchor: bool = False
    """Whether its Elo is fixed. Its games are counted all the same."""


class EloDifference(NamedTuple):
    """How much stronger one side is, in Elo points, with a 95 % interval."""

    estimate: float
    low: float
    high: float


def expected(elo: float, opponent: float) -> float:
    """Expected score, 0..1, of ``elo`` against ``opponent``."""
    return 1.0 / (1.0 + math.exp(min(max((opponent - elo) / _PER_LOGIT, -700.0), 700.0)))


def k_factor(games: int) -> float:
    """Points that one game may move a policy of so many games."""
    return 40.0 if games < 30 else 32.0 if games < 100 else 24.0


def update(first: Standing, second: Standing, score: float) -> tuple[Standing, Standing]:
    """Both standings after a game.

    Args:
        first: one side.
        second: the other side.
        score: of ``first``: 1, 0.5 (a draw) or 0.

    Raises:
        ValueError: a policy against itself, or a score that is none of the three.
    """
    if first.policy == second.policy:
        raise ValueError(f"{first.policy} cannot be rated against itself")
    if score not in (0.0, 0.5, 1.0):
        raise ValueError(f"a game scores 0, 0.5 or 1, not {score}")
    surprise = score - expected(first.elo, second.elo)
    return _after(first, score, surprise), _after(second, 1.0 - score, -surprise)


def _after(standing: Standing, score: float, surprise: float) -> Standing:
    return msgspec.structs.replace(
        standing,
        elo=standing.elo if standing.anchor else standing.elo + k_factor(standing.games) * surprise,
        games=standing.games + 1,
        wins=standing.wins + (score == 1.0),
        losses=standing.losses + (score == 0.0),
        draws=standing.draws + (score == 0.5),
    )


def error_bar(standing: Standing) -> float:
    """Half width, in Elo points, of the 95 % interval of a rating; 0 for an anchor.

    The larger of two standard deviations: what ``n`` games between equals can tell at all (a game's Fisher
    information about the log-odds is 1/4 at even strength, so ``2 * 173.7 / sqrt(n)``), and the unrest of a running
    Elo of that K, which no number of games takes away (``sqrt(K * 173.7 / 2)``: the stationary variance of
    ``r += K (s - p)`` linearised at even strength). Draws make it an upper bound.
    """
    if standing.anchor:
        return 0.0
    information = 2.0 * _PER_LOGIT / math.sqrt(max(standing.games, 1))
    unrest = math.sqrt(k_factor(standing.games) * _PER_LOGIT / 2.0)
    return Z95 * max(information, unrest)


def score_interval(wins: int, draws: int, losses: int) -> tuple[float, float]:
    """95 % Wilson interval of the mean score (Wilson 1927, JASA 22:209), a draw counted as half a win.

    With draws the variance of a score is smaller than the binomial's that Wilson takes: the interval is then too
    wide, never too narrow. Without games it is (0, 1).
    """
    games = wins + draws + losses
    if games == 0:
        return 0.0, 1.0
    score = (wins + 0.5 * draws) / games
    z2 = Z95 * Z95
    centre = (score + z2 / (2.0 * games)) / (1.0 + z2 / games)
    half = Z95 / (1.0 + z2 / games) * math.sqrt(score * (1.0 - score) / games + z2 / (4.0 * games * games))
    return (0.0 if score == 0.0 else max(0.0, centre - half)), (1.0 if score == 1.0 else min(1.0, centre + half))


def elo_difference(wins: int, draws: int, losses: int) -> EloDifference:
    """Strength of one side over the other from their games, with the Wilson interval of the score.

    Where one side won all games the estimate, and that end of the interval, is infinite; the other end is not.

    Raises:
        ValueError: a negative count, or no games at all.
    """
    if min(wins, draws, losses) < 0 or wins + draws + losses == 0:
        raise ValueError(f"no games to compare: {wins} wins, {draws} draws, {losses} losses")
    low, high = score_interval(wins, draws, losses)
    return EloDifference(_elo((wins + 0.5 * draws) / (wins + draws + losses)), _elo(low), _elo(high))


def calibrated(anchor_elo: float, wins: int, draws: int, losses: int) -> float:
    """Elo at which a policy is fixed after its games against an anchor.

    One drawn game is added, which keeps a clean sweep finite (400 games won: about +1160).
    """
    games = wins + draws + losses
    return anchor_elo + _elo((wins + 0.5 * draws + 0.5) / (games + 1.0))


def _elo(score: float) -> float:
    if score <= 0.0:
        return -math.inf
    if score >= 1.0:
        return math.inf
    return _PER_LOGIT * math.log(score / (1.0 - score))
