"""StoreWriter: the only writer of ``run.db``, in a thread of its own. Commit first, publish after.

What the rows mean stands in ``exphil_rt.store``. A full disk refuses a commit, it does not end the run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import msgspec

from agents.context import RunContext
from agents.notes import note
from exphil_rt.actor import ExitReason, From, GenServer, MailboxSpec, handle_call, handle_cast
from exphil_rt.errors import ExphilError
from exphil_rt.messages.run import SayAgain, WriteFailed
from exphil_rt.messages.store import (
    AllWritten,
    CommitMatch,
    CommitPolicy,
    CommitRatings,
    Committed,
    KeepBudget,
    LeagueRows,
    LoadLeague,
    LoadPolicies,
    PolicyRows,
    PutEvents,
    PutMetrics,
    PutProgress,
    ReserveGames,
)
from exphil_rt.store.database import Database
from exphil_rt.store.run import Pruned

T = TypeVar("T")
COMPLAIN_EVERY_S: Final = 60.0
THIN_EVERY: Final = 300
"""Writes of metrics between two thinnings of old ones."""


class StoreState(msgspec.Struct, kw_only=True):
    """What was written."""

    commits: int = 0
    refused: int = 0
    metric_writes: int = 0


class StoreWriter(GenServer[StoreState]):
    """The writer."""

    mailbox = MailboxSpec(capacity=8192, overflow="block")

    async def init(self, args: RunContext) -> StoreState:
        """Open the database and remove bundles of this run that a crash left without a row."""
        self.context = args
        self.complained = -math.inf
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self.database: Database = await self._in_thread(args.run.database)
        self.gone = await self._in_thread(lambda: args.run.reconcile_policies(self.database))
        return StoreState()

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """Telemetry is there."""
        for ref in self.gone:
            note(self, "warn", "policy_dropped", f"{ref} was written but never committed, and was removed.")
        self.gone = []

    async def terminate(self, reason: ExitReason) -> None:
        """Close the file and the thread."""
        if hasattr(self, "database"):
            await self._in_thread(self.database.close)
        self.thread.shutdown(wait=False)

    @handle_call
    async def on_policy(self, message: CommitPolicy, sender: From) -> Committed:
        """A version's row."""
        return await self._commit(lambda: self.database.add_policy(message.row, message.rating))

    @handle_call
    async def on_match(self, message: CommitMatch, sender: From) -> Committed:
        """A match and both ratings, one transaction."""
        return await self._commit(lambda: self.database.record_match(message.match, message.ratings))

    @handle_call
    async def on_ratings(self, message: CommitRatings, sender: From) -> Committed:
        """Ratings outside a match."""
        return await self._commit(lambda: self.database.put_ratings(message.ratings))

    @handle_call
    async def on_reserve(self, message: ReserveGames, sender: From) -> int | None:
        """Game ids."""
        return await self._or_complain(lambda: self.database.reserve_games(message.count))

    @handle_call
    async def on_league(self, message: LoadLeague, sender: From) -> LeagueRows:
        """What the league knew."""

        def read() -> LeagueRows:
            played: dict[str, dict[str, tuple[int, int, int]]] = {}
            for (one, other), counts in self.database.played(message.physics).items():
                played.setdefault(one, {})[other] = counts
            return LeagueRows(ratings=tuple(self.database.ratings(message.physics)), played=played)

        return await self._in_thread(read)

    @handle_call
    async def on_all_written(self, message: AllWritten, sender: From) -> None:
        """What came before is handled: messages are served in order."""

    @handle_call
    async def on_policies(self, message: LoadPolicies, sender: From) -> PolicyRows:
        """Versions that are there."""

        def read() -> PolicyRows:
            rows = self.database.policies()
            own = {row.ref for row in rows}
            best = next((rating.policy for rating in self.database.ratings() if rating.policy in own), "")
            population = msgspec.json.decode(self.database.meta("population", "[]"), type=tuple[str, ...])
            return PolicyRows(tuple(rows), population=population, best=best)

        return await self._in_thread(read)

    @handle_cast
    async def on_metrics(self, message: PutMetrics) -> None:
        """Values of the series; old ones are thinned now and then."""
        await self._or_complain(lambda: self.database.add_metrics(message.metrics))
        self.state.metric_writes += 1
        if self.state.metric_writes % THIN_EVERY == 0:
            await self._or_complain(lambda: self.database.thin_metrics(time.time_ns()))

    @handle_cast
    async def on_events(self, message: PutEvents) -> None:
        """Events."""
        await self._or_complain(lambda: self.database.add_events(message.events))

    @handle_cast
    async def on_progress(self, message: PutProgress) -> None:
        """Where the run stands."""
        await self._or_complain(
            lambda: self.database.update_progress(
                frames=message.frames, generation=message.generation, ended=message.ended
            )
        )

    @handle_cast
    async def on_budget(self, message: KeepBudget) -> None:
        """Keep who is in the population, prune, and say what went."""
        max_gb = self.context.config.store.max_gb

        def prune() -> Pruned:
            self.database.set_meta(population=msgspec.json.encode(message.population).decode())
            return self.context.run.prune(self.database, (*message.population, message.best), max_gb)

        pruned = await self._or_complain(prune)
        if pruned is None:
            return
        if pruned.bytes:
            note(
                self,
                "info",
                "disk_pruned",
                f"To keep {max_gb:g} GB, {len(pruned.policies)} policies and {pruned.replays} replays went"
                f" ({pruned.bytes / 1e6:.0f} MB).",
            )
        if pruned.over:
            note(self, "warn", "disk_over", f"The run is {pruned.over / 1e6:.0f} MB over its budget of {max_gb:g} GB.")

    async def _commit(self, work: Callable[[], bool | None]) -> Committed:
        try:
            done = await self._in_thread(work)
        except ExphilError as error:
            self.state.refused += 1
            self._complain(str(error))
            return Committed(done=False, problem=str(error))
        self.state.commits += 1
        return Committed(done=done is not False)

    async def _or_complain(self, work: Callable[[], T]) -> T | None:
        try:
            done = await self._in_thread(work)
        except ExphilError as error:
            self.state.refused += 1
            self._complain(str(error))
            return None
        return done

    def _complain(self, text: str) -> None:
        self.cast("run_manager", WriteFailed(text=text))
        now = anyio.current_time()
        if now - self.complained >= COMPLAIN_EVERY_S:  # not for every row; and an event's row may be what failed
            self.complained = now
            note(self, "error", "store_refused", text)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # SQLite's connection belongs to one thread: anyio's worker waits for ours, at most as long as the disk takes.
        return await anyio.to_thread.run_sync(lambda: self.thread.submit(work).result(timeout=60.0))
