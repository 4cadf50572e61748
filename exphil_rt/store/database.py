"""``run.db``: the one place where matches, ratings, policy versions, metrics and events are kept.

A ``Database`` opened for writing belongs to one thread (the store actor's); any process may open another read-only
beside it (WAL). Every method is one transaction: when it has returned, what it wrote survives a kill.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.messages.rows import Match, Metric, PolicyRow
from exphil_rt.messages.telemetry import Event, Rating
from exphil_rt.store.files import disk_full
from exphil_rt.store.progress import Progress
from exphil_rt.store.schema import SCHEMA, UPGRADES

BUSY_S: Final = 5.0
"""How long a reader or writer waits for a lock of the database."""
KEEP_EVENTS: Final = 10_000
_NS: Final = 1_000_000_000
THINNING: Final = ((3600, 60), (86_400, 600), (30 * 86_400, 7200))
"""Metrics older than (seconds) are thinned to one value, the mean, a bucket of (seconds)."""
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})


class StoreInvalid(ExphilError):
    """A database that is no run's, is damaged, or is of a newer exphil_rt."""


class Database:
    """An open ``run.db``. Make it with ``open``; close it, or use it in a ``with`` block."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, readonly: bool) -> None:
        self.path = path
        self.readonly = readonly
        self._connection = connection

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> Self:
        """Open the database; for writing, make it and bring its schema up to date.

        Raises:
            StoreInvalid: missing (read-only), no database, or written by a newer exphil_rt.
            DiskFull: no room.
        """
        if readonly and not path.is_file():
            raise StoreInvalid(f"There is no {path}.", hint="List runs with `exphil-rt runs list`.")
        # WAL readers need the -shm file, so "read-only" is a pragma and not the mode of opening.
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        database = cls(path, connection, readonly=readonly)
        try:
            with database._naming_errors():
                version = int(connection.execute("PRAGMA user_version").fetchone()[0])
                if version > SCHEMA:
                    raise StoreInvalid(
                        f"{path} was written by a newer exphil_rt (schema {version}, this one knows {SCHEMA}).",
                        hint="Update exphil_rt.",
                    )
                if readonly:
                    connection.execute("PRAGMA query_only=ON")
                    if version < SCHEMA:
                        raise StoreInvalid(
                            f"{path} has the older schema {version}.", hint="It is upgraded when its run is resumed."
                        )
                    return database
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")  # a committed match survives a power cut, too
                connection.execute("PRAGMA journal_size_limit=16000000")
            database._upgrade(version)
        except BaseException:
            connection.close()
            raise
        return database

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def _naming_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code in _FULL:
                raise disk_full(self.path) from error
            if code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise StoreInvalid(
                    f"{self.path} is damaged or no database ({error}).", hint="Restore it, or start another run."
                ) from error
            raise

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._naming_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back by itself
                    self._connection.execute("ROLLBACK")
                raise

    def _upgrade(self, version: int) -> None:
        for step in range(version, SCHEMA):
            with self._transaction() as connection:
                for statement in UPGRADES[step]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={step + 1}")

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._naming_errors():
            return self._connection.execute(query, values).fetchall()

    # --- meta and progress

    def set_meta(self, **values: str) -> None:
        """Keep texts by name."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def meta(self, key: str, default: str = "") -> str:
        """A kept text."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else default

    def progress(self) -> Progress:
        """Where the run stands."""
        text = self.meta("progress")
        return msgspec.json.decode(text, type=Progress) if text else Progress()

    def update_progress(self, **changes: int | str) -> Progress:
        """Change fields of the progress, and give it as it is now."""
        progress = msgspec.structs.replace(self.progress(), **changes)
        self.set_meta(progress=msgspec.json.encode(progress).decode())
        return progress

    def reserve_games(self, count: int) -> int:
        """Reserve ``count`` game ids, never to be given again, also not after a crash: the first of them."""
        first = self.progress().next_game_id
        self.update_progress(next_game_id=first + count)
        return first

    # --- policies, matches, ratings

    def add_policy(self, row: PolicyRow, rating: Rating | None = None) -> None:
        """Keep a version, with its first rating. One that is there already stands as it is."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO policies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(row)
            )
            if rating is not None:
                connection.execute("INSERT OR IGNORE INTO ratings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _rating(rating))

    def mark_policies(self, refs: Collection[str], *, promoted: bool | None = None, pruned: bool | None = None) -> None:
        """Set what is given on each of the versions."""
        with self._transaction() as connection:
            for column, value in (("promoted", promoted), ("pruned", pruned)):
                if value is not None:
                    connection.executemany(
                        f"UPDATE policies SET {column} = ? WHERE ref = ?", [(value, ref) for ref in refs]
                    )

    def policies(self) -> list[PolicyRow]:
        """All versions, oldest first."""
        rows = self._rows("SELECT * FROM policies ORDER BY frames, version")
        names = PolicyRow.__struct_fields__
        return [msgspec.convert(dict(zip(names, row, strict=True)), PolicyRow, strict=False) for row in rows]

    def record_match(self, match: Match, ratings: Sequence[Rating] = ()) -> bool:
        """Keep a match and the ratings that it made, all or nothing.

        Returns:
            False where this game was recorded before; nothing is changed then, ratings included.
        """
        by_policy = {rating.policy: rating.elo for rating in ratings}
        elo = [by_policy.get(policy) for policy in match.policies]
        with self._transaction() as connection:
            done = connection.execute(
                f"INSERT OR IGNORE INTO matches VALUES ({', '.join('?' * 20)})",
                (
                    match.game_id, match.time_ns, match.run_frames, match.kind, *match.policies, *match.characters,
                    match.stage, match.score, match.reason, *match.stocks, *match.percent, match.frames,
                    match.physics, *elo, match.recording,
                ),
            )  # fmt: skip
            if done.rowcount == 0:
                return False
            self._put_ratings(connection, ratings)
        return True

    def put_ratings(self, ratings: Sequence[Rating]) -> None:
        """Set ratings outside a match: an anchor being fixed, a newcomer."""
        with self._transaction() as connection:
            self._put_ratings(connection, ratings)

    @staticmethod
    def _put_ratings(connection: sqlite3.Connection, ratings: Sequence[Rating]) -> None:
        connection.executemany(
            "INSERT OR REPLACE INTO ratings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [_rating(rating) for rating in ratings]
        )

    def ratings(self, physics: str | None = None) -> list[Rating]:
        """The Elo table, best first; of one physics version, or of all."""
        where, values = ("WHERE physics = ?", (physics,)) if physics is not None else ("", ())
        rows = self._rows(
            "SELECT policy, elo, error, games, wins, losses, draws, anchor, physics FROM ratings "
            f"{where} ORDER BY elo DESC, policy",
            values,
        )
        return [Rating(policy=p, elo=e, error=r, games=g, wins=w, losses=lo, draws=d, anchor=bool(a), physics=ph)
                for p, e, r, g, w, lo, d, a, ph in rows]  # fmt: skip

    def last_physics(self) -> str:
        """The physics version of the newest rated game; empty before the first."""
        rows = self._rows("SELECT physics FROM matches ORDER BY rowid DESC LIMIT 1")
        return str(rows[0][0]) if rows else ""

    def played(self, physics: str) -> dict[tuple[str, str], tuple[int, int, int]]:
        """Rated games by (port 0's policy, port 1's policy): wins, draws and losses of port 0."""
        rows = self._rows(
            "SELECT policy_0, policy_1, sum(score = 1.0), sum(score = 0.5), sum(score = 0.0) FROM matches "
            "WHERE kind = 'rated' AND physics = ? GROUP BY policy_0, policy_1",
            (physics,),
        )
        return {(a, b): (int(won), int(drawn), int(lost)) for a, b, won, drawn, lost in rows}

    # --- metrics and events

    def add_metrics(self, metrics: Iterable[Metric]) -> None:
        """Keep values; one at the same frames replaces the one before. What is not finite is left out."""
        rows = [(m.name, m.frames, m.time_ns, m.value) for m in metrics if math.isfinite(m.value)]
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)", rows)

    def recent_metrics(self, name: str, count: int) -> list[tuple[int, float]]:
        """The last ``count`` (frames, value) of a series, oldest first."""
        rows = self._rows(
            "SELECT frames, value FROM metrics WHERE name = ? ORDER BY frames DESC LIMIT ?", (name, count)
        )
        return rows[::-1]

    def metric_names(self) -> list[str]:
        """Names of all series, sorted."""
        return [str(name) for (name,) in self._rows("SELECT DISTINCT name FROM metrics ORDER BY name")]

    def add_events(self, events: Iterable[Event]) -> None:
        """Keep events; the newest 10,000 stay."""
        rows = [
            (e.seq, e.time_ns, e.level, e.actor, e.event, e.text, e.author, msgspec.json.encode(e.report).decode())
            for e in events
        ]
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", (KEEP_EVENTS,))

    def events(self, after: int = -1, limit: int = 1000) -> list[Event]:
        """The newest ``limit`` events with a higher number than ``after``, oldest first."""
        rows = self._rows("SELECT * FROM events WHERE seq > ? ORDER BY seq DESC LIMIT ?", (after, limit))
        return [
            Event(seq=s, time_ns=t, level=lv, actor=a, event=e, text=tx, author=au,
                  report=msgspec.json.decode(report, type=dict[str, str]))
            for s, t, lv, a, e, tx, au, report in reversed(rows)
        ]  # fmt: skip

    def thin_metrics(self, now_ns: int) -> int:
        """Thin old metrics (see ``THINNING``), and give the number of rows that went. Call it now and then."""
        gone = 0
        with self._transaction() as connection:
            before = connection.execute("SELECT count(*) FROM metrics").fetchone()[0]
            for older_s, bucket_s in THINNING:
                bucket = bucket_s * _NS
                cutoff = (now_ns - older_s * _NS) // bucket * bucket  # whole buckets only, or a mean would be thinned
                crowded = connection.execute(
                    "SELECT name, min(frames), max(frames), min(time_ns), max(time_ns), avg(value) FROM metrics "
                    "WHERE time_ns < ? GROUP BY name, time_ns / ? HAVING count(*) > 1",
                    (cutoff, bucket),
                ).fetchall()
                connection.executemany(
                    "DELETE FROM metrics WHERE name = ? AND frames BETWEEN ? AND ? AND time_ns BETWEEN ? AND ?",
                    [row[:5] for row in crowded],
                )
                connection.executemany(
                    "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)",
                    [(name, frames, time_ns, mean) for name, _, frames, _, time_ns, mean in crowded],
                )
            gone = before - connection.execute("SELECT count(*) FROM metrics").fetchone()[0]
        return int(gone)

    # --- columns, for the Python face

    def columns(self, table: str, where: str = "", values: Sequence[object] = ()) -> dict[str, list[Any]]:
        """A whole table by column, in the order of its key."""
        with self._naming_errors():
            cursor = self._connection.execute(f"SELECT * FROM {table} {where}", values)
            names = [column[0] for column in cursor.description]
            columns = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(names)
        return {name: list(column) for name, column in zip(names, columns, strict=True)}

    def column_kinds(self, table: str) -> dict[str, str]:
        """Declared type (``TEXT``, ``INTEGER``, ``REAL``) by column."""
        return {row[1]: row[2] for row in self._rows(f"PRAGMA table_info({table})")}


def _rating(rating: Rating) -> tuple[object, ...]:
    return (
        rating.policy, rating.physics, rating.elo, rating.error, rating.games, rating.wins, rating.losses,
        rating.draws, rating.anchor,
    )  # fmt: skip
