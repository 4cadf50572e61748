"""A run's folder: making it, opening it, reading it as columns, locking it, keeping it within its disk budget."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from exphil_rt.config import Config, Resolved, load_config, to_toml
from exphil_rt.errors import ExphilError
from exphil_rt.store import policies
from exphil_rt.store.database import Database
from exphil_rt.store.files import GB, folder_bytes, fsync_folder, naming_full_disk, remove_folder, write_whole
from exphil_rt.store.home import Home
from exphil_rt.store.lock import LockHolder, RunLock, lock_holder

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
_RESERVED: Final = re.compile(r"random|current|cpu[1-9]", re.IGNORECASE)
_HOW: Final = (
    "airborne", "brisk", "calm", "daring", "eager", "fearless", "gentle", "hasty", "keen", "lucky", "nimble", "patient",
    "quick", "restless", "sly", "steady", "stubborn", "tireless", "wild", "wry",
)  # fmt: skip
_WHO: Final = (
    "bowser", "doc", "falco", "falcon", "fox", "ganon", "gnw", "kirby", "link", "luigi", "mario", "marth", "mewtwo",
    "ness", "peach", "pichu", "pika", "puff", "roy", "samus", "sheik", "yoshi", "zelda",
)  # fmt: skip
_FOLDERS: Final = ("learner", "replays", "logs")
_STALE_S: Final = 3600.0


class RunError(ExphilError):
    """A run that is not there, is there already, or has no possible name."""

    exit_code = 2


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a run takes of the disk, in bytes."""

    policies: int
    replays: int
    other: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.policies + self.replays + self.other


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed to keep the disk budget."""

    policies: tuple[str, ...] = ()
    replays: int = 0
    bytes: int = 0
    over: int = 0
    """Bytes that the run is still over its budget."""


class Run:
    """One run on disk. Reading needs no daemon: every reading method opens ``run.db`` for itself, read-only."""

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.folder = home.runs / name
        self.config_file = self.folder / "config.toml"
        self.plan_file = self.folder / "plan.json"
        """Of an imitation: what it learns from; a run of self-play has none."""
        self.outcome_file = self.folder / "outcome.json"
        """Of an imitation: what it has come to, once something was published."""
        self.database_file = self.folder / "run.db"
        self.lock_file = self.folder / "daemon.lock"
        self.processes_file = self.folder / "processes.json"
        self.learner = self.folder / "learner"
        self.replays = self.folder / "replays"
        self.logs = self.folder / "logs"

    # --- finding and making

    @classmethod
    def create(
        cls, home: Home, config: Resolved, name: str | None = None, *, plan: bytes = b"", policy_name: str = ""
    ) -> Self:
        """Make a run's folder, whole or not at all.

        Args:
            home: where; its folders are made if missing.
            config: written to ``config.toml``.
            name: else ``config.run.name``, else one is made up.
            plan: of an imitation: what is learned from (``training.imitation_plan``), written to ``plan.json``.
            policy_name: of the bundles that it publishes; by default the run's own name.

        Raises:
            RunError: the name is taken or impossible.
            DiskFull: no room.
        """
        home.create()
        _sweep(home.runs)
        wanted = name or config.config.run.name
        run = cls(home, _check_name(wanted) if wanted else _new_name(home))
        making = home.runs / f".{run.name}.{secrets.token_hex(4)}.new"
        with naming_full_disk(run.folder):
            making.mkdir()
            try:
                for folder in _FOLDERS:
                    (making / folder).mkdir()
                write_whole(making / "config.toml", to_toml(config))
                if plan:
                    write_whole(making / "plan.json", plan)
                with Database.open(making / "run.db") as database:
                    database.set_meta(
                        run_id=secrets.token_hex(16),
                        policy_name=policy_name or _policy_name(home, run.name),
                        created_ns=str(time.time_ns()),
                    )
                if run.folder.exists():
                    raise _taken(run.name)
                try:
                    making.rename(run.folder)
                except OSError as error:
                    if run.folder.exists():
                        raise _taken(run.name) from error
                    raise
            except BaseException:
                shutil.rmtree(making, ignore_errors=True)
                raise
            fsync_folder(home.runs)
        return run

    @classmethod
    def open(cls, name: str, home: Home | str | Path | None = None) -> Self:
        """A run that is there.

        Raises:
            RunError: it is not; the sentence lists the nearest or the newest names.
        """
        home = home if isinstance(home, Home) else Home.find(home)
        run = cls(home, _check_name(name))
        if not run.database_file.is_file():
            names = [other.name for other in list_runs(home)]
            known = f"Runs are: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}." if names else ""
            raise RunError(f"There is no run {name} in {home.runs}.", hint=known or "There are no runs yet.")
        return run

    # --- the daemon's side

    def lock(self) -> RunLock:
        """Take the run for this process, and make its runtime folder.

        Raises:
            RunLocked: another daemon has it.
            HomeError: the runtime folder cannot be used.
        """
        socket = self.home.make_runtime_folder(self.name)
        return RunLock(self.lock_file, self.name, socket)

    def holder(self) -> LockHolder | None:
        """The daemon on this run, None for none."""
        return lock_holder(self.lock_file)

    @property
    def socket(self) -> Path:
        """Where the control socket is: as the daemon on the run says, else where it would be."""
        holder = self.holder()
        return Path(holder.socket) if holder and holder.socket else self.home.socket(self.name)

    def database(self) -> Database:
        """``run.db`` for writing, in the thread that calls this. Only the store of the daemon does."""
        return Database.open(self.database_file)

    def reconcile_policies(self, database: Database) -> list[str]:
        """Remove bundles of this very run that have no row, and give their refs. For the holder of the lock."""
        return policies.reconcile(
            self.home.policies, database.meta("run_id"), database.meta("policy_name"), database.policies()
        )

    def usage(self, run_id: str) -> Usage:
        """What the run takes of the disk."""
        own = sum(bundle.bytes for bundle in policies.list_bundles(self.home.policies) if bundle.run == run_id)
        replays = folder_bytes(self.replays)
        return Usage(policies=own, replays=replays, other=folder_bytes(self.folder) - replays)

    def prune(self, database: Database, keep: Collection[str], max_gb: float) -> Pruned:
        """Bring the run back within its disk budget: the oldest recordings go first, then versions.

        Args:
            database: open for writing; versions that go are marked there.
            keep: refs of versions that stay: the population, the best. Promoted ones stay anyway.
            max_gb: the budget.
        """
        run_id = database.meta("run_id")
        excess = self.usage(run_id).total - int(max_gb * GB)
        if excess <= 0:
            return Pruned()
        replays, freed = self._prune_replays(excess)
        own = {b.ref: b for b in policies.list_bundles(self.home.policies) if b.run == run_id}
        sizes = {ref: bundle.bytes for ref, bundle in own.items()}
        chosen = policies.choose_pruned(database.policies(), sizes, keep, excess - freed)
        for row in chosen:
            remove_folder(own[row.ref].path)
            freed += sizes[row.ref]
        refs = tuple(row.ref for row in chosen)
        database.mark_policies(refs, pruned=True)
        return Pruned(policies=refs, replays=replays, bytes=freed, over=max(0, excess - freed))

    def _prune_replays(self, excess: int) -> tuple[int, int]:
        files = sorted((file.stat().st_mtime_ns, file) for file in self.replays.rglob("*") if file.is_file())
        count = freed = 0
        for _, file in files:
            if freed >= excess:
                break
            freed += file.stat().st_size
            file.unlink(missing_ok=True)
            count += 1
        return count, freed

    # --- reading

    def reader(self) -> Database:
        """``run.db`` read-only, also while a daemon writes it."""
        return Database.open(self.database_file, readonly=True)

    @property
    def resume_command(self) -> str:
        """What goes on with it: ``exphil-rt self-play --resume NAME``."""
        if self.config().run.kind == "match":
            return f"exphil-rt daemon start --resume {self.name}"
        verb = "train imitation" if self.plan_file.is_file() else "self-play"
        return f"exphil-rt {verb} --resume {self.name}"

    def config(self) -> Config:
        """The settings that the run was created with."""
        return load_config(files=[self.config_file], env={}).config

    def metrics(self, name: str | None = None) -> dict[str, Any]:
        """Columns ``name``, ``frames``, ``time_ns``, ``value``; of one series, if named. Numbers are numpy arrays."""
        if name is None:
            return self._columns("metrics", "ORDER BY name, frames")
        return self._columns("metrics", "WHERE name = ? ORDER BY frames", (name,))

    def matches(self) -> dict[str, Any]:
        """Columns of all finished games that were kept, oldest first; ``score`` is that of port 0."""
        return self._columns("matches", "ORDER BY time_ns, game_id")

    def ratings(self) -> dict[str, Any]:
        """Columns of the Elo table, best first."""
        return self._columns("ratings", "ORDER BY elo DESC, policy")

    def policies(self) -> dict[str, Any]:
        """Columns of the run's policy versions, oldest first."""
        return self._columns("policies", "ORDER BY frames, version")

    def _columns(self, table: str, rest: str, values: tuple[object, ...] = ()) -> dict[str, Any]:
        import numpy as np

        with self.reader() as database:
            columns = database.columns(table, rest, values)
            kinds = database.column_kinds(table)
        types = {"INTEGER": np.int64, "REAL": np.float64}
        return {
            column: np.array([np.nan if v is None else v for v in cells], dtype=types[kinds[column]])
            if kinds[column] in types
            else cells
            for column, cells in columns.items()
        }

    def __repr__(self) -> str:
        return f"Run({self.name!r}, folder={str(self.folder)!r})"


def list_runs(home: Home) -> list[Run]:
    """All runs, the last used one first."""
    found = [
        (entry.stat().st_mtime_ns, entry.parent.name)
        for entry in home.runs.glob("*/run.db")
        if _NAME.fullmatch(entry.parent.name)
    ]
    return [Run(home, name) for _, name in sorted(found, reverse=True)]


def live_runs(home: Home) -> list[Run]:
    """The runs that a daemon holds."""
    return [run for run in list_runs(home) if run.holder() is not None]


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise RunError(
            f"{name!r} cannot be the name of a run.",
            hint="Use up to 48 letters, digits, - and _, and none of random, current, cpu1 to cpu9.",
        )
    return name


def _taken(name: str) -> RunError:
    return RunError(
        f"The run {name} is there already.", hint=f"Go on with it (--resume {name}), or choose another name."
    )


def _new_name(home: Home) -> str:
    while True:
        name = f"{secrets.choice(_HOW)}-{secrets.choice(_WHO)}-{secrets.randbelow(100):02d}"
        if not (home.runs / name).exists() and not any(home.policies.glob(f"{name}@v*")):
            return name


def _policy_name(home: Home, run: str) -> str:
    """The name of the run's bundles: its own, unless an earlier run (since removed) left bundles of that name."""
    name = run
    while any(home.policies.glob(f"{name}@v*")):
        name = f"{run}-{secrets.token_hex(2)}"
    return name


def _sweep(runs: Path) -> None:
    """Remove what a killed ``create`` left behind."""
    for leftover in runs.glob(".*.new"):
        if time.time() - leftover.stat().st_mtime > _STALE_S:
            shutil.rmtree(leftover, ignore_errors=True)
