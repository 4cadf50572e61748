"""run.db: transactions, upgrades, readers beside the writer, and what a kill or a full disk leaves."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.messages.rows import Match, Metric, PolicyRow
from exphil_rt.messages.telemetry import Event, Rating
from exphil_rt.store import database as database_module
from exphil_rt.store.database import KEEP_EVENTS, Database, StoreInvalid
from exphil_rt.store.progress import Progress
from exphil_rt.store.schema import SCHEMA, UPGRADES

S = 1_000_000_000


def match(game_id: int, **changes) -> Match:
    made = Match(
        game_id=game_id,
        time_ns=game_id * S,
        run_frames=game_id * 100,
        policies=("p@v1", "p@v2"),
        characters=(16, 2),
        stage=32,
        score=1.0,
        reason="stocks",
        stocks=(2, 0),
        percent=(55.5, 0.0),
        frames=3000,
        physics="sim-1",
    )
    return msgspec.structs.replace(made, **changes)


def rating(policy: str, elo: float = 1000.0, games: int = 0, physics: str = "sim-1") -> Rating:
    return Rating(policy=policy, elo=elo, games=games, physics=physics)


def version(n: int, **changes) -> PolicyRow:
    row = PolicyRow(ref=f"p@v{n}", name="p", version=n, frames=n * 1000, generation=n, created_ns=n * S)
    return msgspec.structs.replace(row, **changes)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "run.db"


def test_a_new_database_has_the_schema_and_stands_at_zero(path):
    with Database.open(path) as database:
        assert database.progress() == Progress()
        assert database.policies() == database.ratings() == database.events() == []
        assert database.played("sim-1") == {}
        assert database.meta("nothing", "else") == "else"
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (SCHEMA,)


def test_a_match_and_both_ratings_are_one_transaction(path):
    with Database.open(path) as database:
        assert database.record_match(match(1), [rating("p@v1", 1020, 1), rating("p@v2", 980, 1)])
        # The second rating cannot be stored, and with it goes the match.
        with pytest.raises(sqlite3.IntegrityError):
            database.record_match(match(2), [rating("p@v1", 1040, 2), rating(None, 960, 2)])  # type: ignore[arg-type]
        assert database.played("sim-1") == {("p@v1", "p@v2"): (1, 0, 0)}
        assert [(r.policy, r.elo, r.games) for r in database.ratings()] == [("p@v1", 1020, 1), ("p@v2", 980, 1)]
        columns = database.columns("matches")
        assert (columns["elo_0"], columns["elo_1"], columns["percent_0"]) == ([1020.0], [980.0], [55.5])


def test_a_game_counts_once(path):
    with Database.open(path) as database:
        assert database.record_match(match(1), [rating("p@v1", 1020, 1)])
        assert not database.record_match(match(1, score=0.0), [rating("p@v1", 1040, 2)])
        assert database.ratings()[0].elo == 1020
        assert database.played("sim-1") == {("p@v1", "p@v2"): (1, 0, 0)}


def test_rated_games_are_summed_by_port_and_physics(path):
    with Database.open(path) as database:
        for game_id, score in enumerate([1.0, 1.0, 0.5, 0.0]):
            database.record_match(match(game_id, score=score))
        database.record_match(match(10, policies=("p@v2", "p@v1")))
        database.record_match(match(11, kind="exhibition"))
        database.record_match(match(12, physics="sim-2"))
        assert database.played("sim-1") == {("p@v1", "p@v2"): (2, 1, 1), ("p@v2", "p@v1"): (1, 0, 0)}
        assert database.played("sim-2") == {("p@v1", "p@v2"): (1, 0, 0)}


def test_ratings_of_two_physics_versions_are_apart(path):
    with Database.open(path) as database:
        database.put_ratings([rating("p@v1", 1100), rating("p@v1", 1300, physics="sim-2"), rating("random", 1000)])
        assert [r.policy for r in database.ratings("sim-1")] == ["p@v1", "random"]
        assert [r.elo for r in database.ratings()] == [1300, 1100, 1000]


def test_versions_are_kept_with_their_first_rating_and_marked(path):
    with Database.open(path) as database:
        database.add_policy(version(1), rating("p@v1"))
        database.add_policy(version(2, parent="p@v1"), rating("p@v2"))
        database.put_ratings([rating("p@v1", 1234, 5)])
        database.add_policy(version(1, frames=99), rating("p@v1"))
        assert database.policies() == [version(1), version(2, parent="p@v1")]
        assert database.ratings()[0].elo == 1234
        database.mark_policies(["p@v1"], promoted=True)
        database.mark_policies(["p@v1", "p@v2"], pruned=True)
        assert [(p.promoted, p.pruned) for p in database.policies()] == [(True, True), (False, True)]


def test_game_ids_are_never_given_twice(path):
    with Database.open(path) as database:
        database.update_progress(frames=500)
        assert database.reserve_games(64) == 0
    with Database.open(path) as database:
        assert database.reserve_games(64) == 64
        assert database.progress() == Progress(frames=500, next_game_id=128)
        assert database.update_progress(ended="timesteps").next_game_id == 128


def test_what_is_not_finite_is_no_metric(path):
    with Database.open(path) as database:
        database.add_metrics(
            Metric(name="loss", frames=n, time_ns=n, value=value)
            for n, value in enumerate([1.0, float("nan"), float("inf"), 2.0])
        )
        database.add_metrics([Metric(name="loss", frames=3, time_ns=9, value=4.0)])
        assert database.recent_metrics("loss", 10) == [(0, 1.0), (3, 4.0)]
        assert database.recent_metrics("loss", 1) == [(3, 4.0)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 90 * 86_400), min_size=1, max_size=300, unique=True), st.integers(0, 86_400))
def test_thinning_keeps_the_last_hour_whole_and_bounds_the_rest(tmp_path_factory, seconds, now):
    now_s = max(seconds) + now
    with Database.open(tmp_path_factory.mktemp("thin") / "run.db") as database:
        database.add_metrics(Metric(name="loss", frames=s, time_ns=s * S, value=float(s)) for s in seconds)
        gone = database.thin_metrics(now_s * S)
        columns = database.columns("metrics")
        assert gone == len(seconds) - len(columns["frames"])
        assert set(columns["frames"]) >= {s for s in seconds if s >= now_s - 3600}
        assert max(columns["frames"]) == max(seconds)
        old = [t // (60 * S) for t in columns["time_ns"] if t < (now_s - 3600) // 60 * 60 * S]
        assert len(old) == len(set(old))
        assert min(seconds) <= min(columns["value"])
        assert max(columns["value"]) <= max(seconds)
        assert database.thin_metrics(now_s * S) == 0


def test_thinned_values_are_means(path):
    with Database.open(path) as database:
        database.add_metrics(Metric(name="loss", frames=s, time_ns=s * S, value=float(s)) for s in range(120))
        database.add_metrics([Metric(name="kl", frames=5, time_ns=5 * S, value=7.0)])
        assert database.thin_metrics(7200 * S) == 118
        assert database.recent_metrics("loss", 9) == [(59, 29.5), (119, 89.5)]
        assert database.recent_metrics("kl", 9) == [(5, 7.0)]


def test_the_newest_events_stay(path):
    def event(seq: int) -> Event:
        return Event(
            seq=seq,
            time_ns=seq,
            level="warn",
            actor="root/x",
            event="e",
            text=f"{seq}.",
            author="cli",
            report={"a": "b"},
        )

    with Database.open(path) as database:
        database.add_events([event(1), event(2), event(3)])
        assert database.events() == [event(1), event(2), event(3)]
        assert database.events(after=1, limit=1) == [event(3)]
        database.add_events([event(KEEP_EVENTS + 2)])
        assert [e.seq for e in database.events()] == [3, KEEP_EVENTS + 2]


def test_a_reader_sees_what_was_committed_and_may_not_write(path):
    with Database.open(path) as writer, Database.open(path, readonly=True) as reader:
        writer.record_match(match(1), [rating("p@v1", 1020, 1)])
        assert reader.ratings()[0].elo == 1020
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.set_meta(a="b")
        writer.set_meta(a="b")
        assert reader.meta("a") == "b"


def test_reading_what_is_not_there_is_one_sentence_and_makes_nothing(path):
    with pytest.raises(StoreInvalid, match=r"There is no .*run\.db"):
        Database.open(path, readonly=True)
    assert not path.exists()


def test_a_file_of_version_zero_is_upgraded_and_a_reader_waits_for_that(path):
    path.touch()
    with pytest.raises(StoreInvalid, match="older schema 0"):
        Database.open(path, readonly=True)
    with Database.open(path) as database:
        database.record_match(match(1))
    with Database.open(path, readonly=True) as database:
        assert len(database.columns("matches")["game_id"]) == 1


def test_each_upgrade_step_keeps_what_was_there_and_a_failing_one_changes_nothing(path, monkeypatch):
    with Database.open(path) as database:
        database.set_meta(run_id="abc")
    monkeypatch.setattr(database_module, "SCHEMA", SCHEMA + 1)
    broken = (*UPGRADES, ("ALTER TABLE meta ADD COLUMN note TEXT", "ALTER TABLE nothing ADD COLUMN x TEXT"))
    monkeypatch.setattr(database_module, "UPGRADES", broken)
    with pytest.raises(sqlite3.OperationalError, match="nothing"):
        Database.open(path)
    monkeypatch.setattr(database_module, "UPGRADES", (*UPGRADES, ("ALTER TABLE meta ADD COLUMN note TEXT",)))
    with Database.open(path) as database:
        assert database.columns("meta") == {"key": ["run_id"], "value": ["abc"], "note": [None]}


def test_a_newer_schema_is_refused(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreInvalid, match=rf"newer exphil_rt \(schema 99, this one knows {SCHEMA}\)") as caught:
        Database.open(path)
    assert caught.value.hint == "Update exphil_rt."


@pytest.mark.parametrize("readonly", [False, True])
def test_what_is_no_database_is_refused(path, readonly):
    path.write_bytes(b"garbage " * 1000)
    with pytest.raises(StoreInvalid, match="damaged or no database"):
        Database.open(path, readonly=readonly)


def test_a_damaged_page_is_named(path):
    with Database.open(path) as database:
        for game_id in range(400):
            database.record_match(match(game_id))
        database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\xa5" * (len(data) - 4096 * 2)
    path.write_bytes(data)
    with pytest.raises(StoreInvalid, match="damaged"), Database.open(path, readonly=True) as database:
        database.columns("matches")


PRELUDE = """
import msgspec, pathlib, resource, sys
from exphil_rt.messages.telemetry import Rating
from exphil_rt.store.database import Database
from exphil_rt.store.files import DiskFull
from exphil_rt.messages.rows import Match
template = msgspec.json.decode(sys.argv[2], type=Match)
def record(database, n):
    ratings = [Rating(policy=p, elo=1000.0 + s * n, games=n, physics="sim-1") for p, s in (("p@v1", 1), ("p@v2", -1))]
    database.record_match(msgspec.structs.replace(template, game_id=n), ratings)
database = Database.open(pathlib.Path(sys.argv[1]))
"""


def child(path: Path, code: str) -> list[str]:
    return [sys.executable, "-c", PRELUDE + textwrap.dedent(code), str(path), msgspec.json.encode(match(0)).decode()]


def test_nothing_that_was_told_is_lost_when_the_writer_is_killed(path):
    code = """
    n = 0
    while True:
        n += 1
        record(database, n)
        print(n, flush=True)
    """
    told = 0
    with subprocess.Popen(child(path, code), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while told < 60:
            told = int(process.stdout.readline())
        process.kill()
        told = max([told, *(int(line) for line in process.stdout.read().split())])
        assert process.wait(timeout=30) == -signal.SIGKILL
    with Database.open(path) as database:
        kept = database.columns("matches")["game_id"]
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) >= told
        ratings = {r.policy: r for r in database.ratings()}
        assert ratings["p@v1"].games == ratings["p@v2"].games == len(kept)
        assert ratings["p@v1"].elo + ratings["p@v2"].elo == 2000


def test_a_full_disk_is_one_sentence_and_loses_nothing(path):
    """A limit on the size of files stands for the full disk; lifting it, for freed space."""
    code = """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    n = 0
    try:
        while n < 10_000:
            record(database, n + 1)
            n += 1
    except DiskFull as error:
        print(n)
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    record(database, n + 1)
    """
    done = subprocess.run(child(path, code), capture_output=True, text=True, timeout=120, check=True)
    count, sentence = done.stdout.splitlines()
    assert sentence.startswith(f"The disk has no room left for {path} (")
    with Database.open(path) as database:
        assert database.columns("matches")["game_id"] == list(range(1, int(count) + 2))
        assert {r.games for r in database.ratings()} == {int(count) + 1}
