"""The tables of ``run.db`` and the steps that bring an older file up to them."""

from __future__ import annotations

from typing import Final

UPGRADES: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE meta (
            key TEXT PRIMARY KEY,
            value TEXT NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE policies (
            ref TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            parent TEXT NOT NULL,
            frames INTEGER NOT NULL,
            generation INTEGER NOT NULL,
            created_ns INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            promoted INTEGER NOT NULL,
            pruned INTEGER NOT NULL,
            UNIQUE (name, version)
        ) WITHOUT ROWID""",
        """CREATE TABLE ratings (
            policy TEXT NOT NULL,
            physics TEXT NOT NULL,
            elo REAL NOT NULL,
            error REAL NOT NULL,
            games INTEGER NOT NULL,
            wins INTEGER NOT NULL,
            losses INTEGER NOT NULL,
            draws INTEGER NOT NULL,
            anchor INTEGER NOT NULL,
            PRIMARY KEY (policy, physics)
        ) WITHOUT ROWID""",
        """CREATE TABLE matches (
            game_id INTEGER PRIMARY KEY,
            time_ns INTEGER NOT NULL,
            run_frames INTEGER NOT NULL,
            kind TEXT NOT NULL,
            policy_0 TEXT NOT NULL,
            policy_1 TEXT NOT NULL,
            character_0 INTEGER NOT NULL,
            character_1 INTEGER NOT NULL,
            stage INTEGER NOT NULL,
            score REAL NOT NULL,
            reason TEXT NOT NULL,
            stocks_0 INTEGER NOT NULL,
            stocks_1 INTEGER NOT NULL,
            percent_0 REAL NOT NULL,
            percent_1 REAL NOT NULL,
            frames INTEGER NOT NULL,
            physics TEXT NOT NULL,
            elo_0 REAL,
            elo_1 REAL,
            recording TEXT NOT NULL
        )""",
        "CREATE INDEX matches_by_pair ON matches (policy_0, policy_1)",
        """CREATE TABLE metrics (
            name TEXT NOT NULL,
            frames INTEGER NOT NULL,
            time_ns INTEGER NOT NULL,
            value REAL NOT NULL,
            PRIMARY KEY (name, frames)
        ) WITHOUT ROWID""",
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            time_ns INTEGER NOT NULL,
            level TEXT NOT NULL,
            actor TEXT NOT NULL,
            event TEXT NOT NULL,
            text TEXT NOT NULL,
            author TEXT NOT NULL,
            report TEXT NOT NULL
        )""",
    ),
)
"""Statements that lead from schema version i to i + 1. A step that has shipped is never edited."""

SCHEMA: Final = len(UPGRADES)
"""The schema version that this code writes (``PRAGMA user_version``)."""
