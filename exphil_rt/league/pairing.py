"""Which rated game is played next. Pure: whoever asks passes in all that was played and is being played.

Only frozen versions (and ``random``) are entrants; the policy that is being trained is a moving target and never one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen policy that may be rated."""

    policy: str
    elo: float
    anchor: bool = False


class Pairing(NamedTuple):
    """A game to play: the policy on port 0, the policy on port 1."""

    first: str
    second: str


def next_match(
    entrants: Sequence[Entrant],
    played: Mapping[tuple[str, str], int],
    *,
    band: float,
    first_version: str = "",
    calibration: tuple[str, str] | None = None,
    calibration_games: int = 20,
    anchor_games: int = 2,
) -> Pairing | None:
    """The next rated game, None where nobody is left to rate.

    In this order:

    1. the return game of a pairing that was played on one side only, so that ports are balanced;
    2. the games of ``calibration`` (random and the first version), until there are ``calibration_games``;
    3. ``anchor_games`` of the newest entrant against the first version, which shows progress;
    4. for whoever has the fewest games, the opponent within ``band`` Elo whom it met least (then the nearest); with
       nobody in the band, the nearest of all.

    Args:
        entrants: oldest first, each once.
        played: rated games by (port 0, port 1), those in play included.
        band: Elo difference.
        first_version: the run's first version; it must be among the entrants to be used.
        calibration: the pair whose games fix the first version's rating; both must be among the entrants.
        calibration_games: how many.
        anchor_games: how many.

    Raises:
        ValueError: an entrant stands there twice.
    """
    by_name = {entrant.policy: entrant for entrant in entrants}
    if len(by_name) != len(entrants):
        raise ValueError("an entrant stands there twice")

    for (one, other), games in sorted(played.items()):
        if one != other and one in by_name and other in by_name and games > played.get((other, one), 0):
            return Pairing(other, one)

    if calibration and all(name in by_name for name in calibration) and _met(played, *calibration) < calibration_games:
        return Pairing(*calibration)

    rated = [entrant for entrant in entrants if not entrant.anchor]
    if not rated or len(entrants) < 2:
        return None
    newest = rated[-1].policy
    if first_version in by_name and newest != first_version and _met(played, newest, first_version) < anchor_games:
        return Pairing(newest, first_version)

    games_of = dict.fromkeys(by_name, 0)
    for pair, games in played.items():
        for name in pair:
            if name in games_of:
                games_of[name] += games
    seeker = min(rated, key=lambda entrant: (games_of[entrant.policy], entrant.policy))

    def distance(entrant: Entrant) -> float:
        return abs(entrant.elo - seeker.elo)

    others = [entrant for entrant in entrants if entrant is not seeker]
    near = [entrant for entrant in others if distance(entrant) <= band]
    if near:
        opponent = min(near, key=lambda e: (_met(played, seeker.policy, e.policy), distance(e), e.policy))
    else:
        opponent = min(others, key=lambda e: (distance(e), e.policy))
    return Pairing(seeker.policy, opponent.policy)


def _met(played: Mapping[tuple[str, str], int], one: str, other: str) -> int:
    return played.get((one, other), 0) + played.get((other, one), 0)
