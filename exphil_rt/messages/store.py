"""The edge between any actor and the store: what is committed, and what a resumed run reads back.

Commits are calls, answered when the rows are on disk: what depends on them is published after that. Metrics and
events are casts.
"""

from __future__ import annotations

import msgspec

from exphil_rt.messages.rows import Match, Metric, PolicyRow
from exphil_rt.messages.telemetry import Event, Rating


class CommitPolicy(msgspec.Struct, frozen=True, kw_only=True, tag="commit_policy"):
    """Call: keep a published version and its first rating; answered with Committed."""

    row: PolicyRow
    rating: Rating | None = None


class CommitMatch(msgspec.Struct, frozen=True, kw_only=True, tag="commit_match"):
    """Call: keep a finished game and the ratings that it made, all or nothing; answered with Committed."""

    match: Match
    ratings: tuple[Rating, ...] = ()


class CommitRatings(msgspec.Struct, frozen=True, kw_only=True, tag="commit_ratings"):
    """Call: set ratings outside a match; answered with Committed."""

    ratings: tuple[Rating, ...]


class Committed(msgspec.Struct, frozen=True, kw_only=True, tag="committed"):
    """Whether it is on disk now; not when it was there before, or when ``problem`` says why it could not be."""

    done: bool
    problem: str = ""


class ReserveGames(msgspec.Struct, frozen=True, kw_only=True, tag="reserve_games"):
    """Call: the first of ``count`` game ids that nobody else gets, also not after a crash; None on a full disk."""

    count: int


class PutMetrics(msgspec.Struct, frozen=True, tag="put_metrics"):
    """Cast."""

    metrics: tuple[Metric, ...]


class PutEvents(msgspec.Struct, frozen=True, tag="put_events"):
    """Cast."""

    events: tuple[Event, ...]


class PutProgress(msgspec.Struct, frozen=True, kw_only=True, tag="put_progress"):
    """Cast: where the run stands."""

    frames: int
    generation: int
    ended: str = ""


class KeepBudget(msgspec.Struct, frozen=True, kw_only=True, tag="keep_budget"):
    """Cast: prune what the disk budget does not allow; never the population nor the best version."""

    population: tuple[str, ...]
    """Oldest first; a resumed run begins with it."""
    best: str = ""


class AllWritten(msgspec.Struct, frozen=True, tag="all_written"):
    """Call: answered when all that the caller sent before is on disk (or refused)."""


class LoadLeague(msgspec.Struct, frozen=True, kw_only=True, tag="load_league"):
    """Call: what the league knew when the run ended last, of one physics version."""

    physics: str


class LeagueRows(msgspec.Struct, frozen=True, kw_only=True, tag="league_rows"):
    """Answer to LoadLeague."""

    ratings: tuple[Rating, ...]
    played: dict[str, dict[str, tuple[int, int, int]]]
    """By the policy on port 0, by the one on port 1: wins, draws and losses of port 0."""


class LoadPolicies(msgspec.Struct, frozen=True, tag="load_policies"):
    """Call: all versions of the run, oldest first, and who was in the population; answered with PolicyRows."""


class PolicyRows(msgspec.Struct, frozen=True, tag="policy_rows"):
    """Answer to LoadPolicies."""

    rows: tuple[PolicyRow, ...]
    population: tuple[str, ...] = ()
    """Of the last KeepBudget."""
    best: str = ""
    """The version with the highest Elo; empty before there is one."""
