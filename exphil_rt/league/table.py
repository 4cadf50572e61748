"""The table of a league: everybody's standing, who beat whom, and how a match changes both. Pure; nothing is kept.

Random is the anchor, the run's first version another one once it is calibrated; newcomers are placed by their first
games. What is committed and published is the matchmaker's business.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from exphil_rt.league.elo import START, Standing, calibrated, update

Counts = tuple[int, int, int]
"""Wins, draws and losses."""


class Table(msgspec.Struct, kw_only=True):
    """Ratings and results of one physics version."""

    standings: dict[str, Standing] = {}
    played: dict[tuple[str, str], Counts] = {}
    """Of port 0, by (port 0, port 1)."""

    @property
    def matches(self) -> int:
        """Rated games."""
        return sum(sum(counts) for counts in self.played.values())

    def score(self, one: str, other: str) -> Counts:
        """Wins, draws and losses of ``one`` against ``other``, from both ports."""
        won, drawn, lost = self.played.get((one, other), (0, 0, 0))
        other_won, other_drawn, other_lost = self.played.get((other, one), (0, 0, 0))
        return won + other_lost, drawn + other_drawn, lost + other_won

    def standing_of(self, policy: str, versions: Sequence[str]) -> Standing:
        """Its standing; a newcomer starts at the Elo of the newest of ``versions`` (oldest first) that has one."""
        if policy in self.standings:
            return self.standings[policy]
        rated = [self.standings[version].elo for version in versions if version in self.standings]
        return Standing(policy=policy, elo=rated[-1] if rated else START)

    def after(
        self, pair: tuple[str, str], score: float, *, versions: Sequence[str], first: str, anchor_games: int
    ) -> tuple[Standing, Standing]:
        """Both standings after a match; the table is left as it is.

        Args:
            pair: who played port 0 and port 1.
            score: of port 0: 1, 0.5 or 0.
            versions: of the population, oldest first.
            first: the run's first version.
            anchor_games: games of a newcomer against it by which it is placed.
        """
        one, two = update(self.standing_of(pair[0], versions), self.standing_of(pair[1], versions), score)
        return (
            self._placed(one, two.policy, score, first, anchor_games),
            self._placed(two, one.policy, 1.0 - score, first, anchor_games),
        )

    def record(self, pair: tuple[str, str], score: float, standings: tuple[Standing, Standing]) -> None:
        """A match was committed, with the standings that it made."""
        for standing in standings:
            self.standings[standing.policy] = standing
        won, drawn, lost = self.played.get(pair, (0, 0, 0))
        self.played[pair] = (won + (score == 1.0), drawn + (score == 0.5), lost + (score == 0.0))

    def calibrated_first(self, first: str, against: str, games: int) -> Standing | None:
        """The first version as an anchor, once it has played ``games`` against ``against``; None before and after."""
        standing = self.standings.get(first)
        if standing is None or standing.anchor:
            return None
        won, drawn, lost = self.score(first, against)
        if won + drawn + lost < games:
            return None
        return msgspec.structs.replace(standing, elo=calibrated(START, won, drawn, lost), anchor=True)

    def win_rate(self, versions: Sequence[str], first: str) -> float | None:
        """Points, draws half, of the newest version that has met the first one; None where none has."""
        for version in reversed(versions):
            won, drawn, lost = self.score(version, first)
            if version != first and won + drawn + lost:
                return (won + 0.5 * drawn) / (won + drawn + lost)
        return None

    def _placed(self, standing: Standing, opponent: str, score: float, first: str, games: int) -> Standing:
        """A newcomer's standing, set to what its first games say once it has had them, all against the first version.

        A chess federation's provisional rating: with a few games to each version, steps of K would not get there.
        """
        anchor = self.standings.get(first)
        if anchor is None or not anchor.anchor or opponent != first or standing.games != games:
            return standing
        won, drawn, lost = self.score(standing.policy, opponent)
        won, drawn, lost = won + (score == 1.0), drawn + (score == 0.5), lost + (score == 0.0)
        if won + drawn + lost != games:
            return standing
        return msgspec.structs.replace(standing, elo=calibrated(anchor.elo, won, drawn, lost))
