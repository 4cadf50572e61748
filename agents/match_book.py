"""MatchBook: the results of a match's games on a console, as rows of the run's database; rated where two policies met.

Part of the match manager. A game that nobody ended (a fault, the end of the match) leaves no row.
"""

from __future__ import annotations

import time
from typing import Any, Final

from agents.match_context import MatchContext
from agents.notes import note
from agents.ratings import ranked, rating_of, table_of
from exphil_rt.actor import ActorError, GenServer
from exphil_rt.league.table import Table
from exphil_rt.messages.dolphin import ConsoleGameEnded
from exphil_rt.messages.rows import Match
from exphil_rt.messages.run import RatingsChanged
from exphil_rt.messages.store import CommitMatch, Committed, LoadLeague

STORE_S: Final = 30.0
"""A commit may wait for a slow disk."""


class MatchBook:
    """Keeps results.

    Args:
        actor: in whose name the store is asked.
        context: of the match.
    """

    def __init__(self, actor: GenServer[Any], context: MatchContext) -> None:
        self._actor = actor
        self._context = context
        self._table: Table | None = None

    async def keep(self, ended: ConsoleGameEnded, run_frames: int) -> None:
        """Commit a game that was ended, and both ratings where two policies played it from its beginning to its end."""
        reason = ended.reason
        if reason == "fault" or reason == "stopped":
            return
        actor, physics = self._actor, self._context.physics
        score = 0.5 if ended.winner is None else 1.0 - ended.winner
        bots = (
            all(seat.who == "bot" for seat in self._context.plan.console.seats) and ended.players[0] != ended.players[1]
        )
        rated = bots and reason != "no_contest" and not ended.swapped
        try:
            if self._table is None:
                rows = await actor.call("store", LoadLeague(physics=physics), timeout=STORE_S)
                self._table = table_of(rows)
            table = self._table
            after = table.after(ended.players, score, versions=(), first="", anchor_games=0) if rated else ()
            match = Match(
                game_id=ended.game_id,
                time_ns=time.time_ns(),
                run_frames=run_frames,
                kind="rated" if rated else "match",
                policies=ended.players,
                characters=ended.characters,
                stage=ended.stage,
                score=score,
                reason=reason,
                stocks=ended.stocks,
                percent=ended.percents,
                frames=ended.frames,
                physics=physics,
            )
            ratings = tuple(rating_of(standing, physics) for standing in after)
            committed: Committed = await actor.call("store", CommitMatch(match=match, ratings=ratings), timeout=STORE_S)
        except ActorError as error:
            note(actor, "warn", "result_not_kept", f"The result of game {ended.game_id} was not kept: {error}")
            return
        if committed.done and after:
            table.record(ended.players, score, after)
            changed = RatingsChanged(ratings=ranked(table, physics), matches=table.matches, win_rate_vs_first=None)
            actor.cast("telemetry", changed)
