"""Standings of the league's table as ratings of the database and of the screen, and back."""

from __future__ import annotations

from exphil_rt.league.elo import START, Standing, error_bar
from exphil_rt.league.table import Table
from exphil_rt.messages.rollout import RANDOM
from exphil_rt.messages.store import LeagueRows
from exphil_rt.messages.telemetry import Rating


def table_of(rows: LeagueRows) -> Table:
    """What the league knew; random is the anchor."""
    standings = {rating.policy: standing_of(rating) for rating in rows.ratings}
    standings.setdefault(RANDOM, Standing(policy=RANDOM, elo=START, anchor=True))
    played = {(a, b): counts for a, games in rows.played.items() for b, counts in games.items()}
    return Table(standings=standings, played=played)


def standing_of(rating: Rating) -> Standing:
    """A rating as the table holds it."""
    return Standing(
        policy=rating.policy,
        elo=rating.elo,
        games=rating.games,
        wins=rating.wins,
        losses=rating.losses,
        draws=rating.draws,
        anchor=rating.anchor,
    )


def rating_of(standing: Standing, physics: str) -> Rating:
    """A standing as it is kept and shown."""
    return Rating(
        policy=standing.policy,
        elo=standing.elo,
        error=error_bar(standing),
        games=standing.games,
        wins=standing.wins,
        losses=standing.losses,
        draws=standing.draws,
        anchor=standing.anchor,
        physics=physics,
    )


def ranked(table: Table, physics: str) -> tuple[Rating, ...]:
    """All ratings, best first."""
    return tuple(sorted((rating_of(one, physics) for one in table.standings.values()), key=lambda r: -r.elo))
