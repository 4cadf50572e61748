"""Run folders: made whole, found, read as columns, and kept within their budget without touching another's bundles."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import exphil_rt
from exphil_rt.config import load_config
from exphil_rt.messages.rows import Match, Metric, PolicyRow
from exphil_rt.messages.telemetry import Rating
from exphil_rt.store.home import Home
from exphil_rt.store.policies import choose_pruned, list_bundles
from exphil_rt.store.run import Run, RunError, list_runs

HOUR = 3_600_000_000_000
DEFAULTS = load_config(env={})


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


def bundle(home: Home, ref: str, run: str = "", size: int = 1000) -> Path:
    folder = home.policies / ref
    folder.mkdir(parents=True)
    (folder / "policy.safetensors").write_bytes(b"\0" * size)
    name, _, version = ref.partition("@v")
    (folder / "manifest.json").write_text(json.dumps({"name": name, "version": int(version), "run": run}))
    return folder


def row(n: int, name: str = "fox-01", hour: float = 0.0, **more) -> PolicyRow:
    return PolicyRow(
        ref=f"{name}@v{n}", name=name, version=n, frames=n, generation=n, created_ns=int(hour * HOUR) + n, **more
    )


def test_a_run_is_made_whole_and_opens_with_the_settings_it_was_made_with(home):
    config = load_config("ditto", env={}, overrides={"run.seed": 9})
    run = Run.create(home, config, "fox-01")
    assert sorted(os.listdir(run.folder)) == ["config.toml", "learner", "logs", "replays", "run.db"]
    assert "seed = 9  # flag" in run.config_file.read_text()
    opened = exphil_rt.Run.open("fox-01", home.root)
    assert opened.folder == run.folder
    assert opened.config() == config.config
    with run.reader() as database:
        assert len(database.meta("run_id")) == 32
        assert database.meta("policy_name") == "fox-01"


def test_a_name_is_taken_once(home):
    Run.create(home, DEFAULTS, "fox-01")
    with pytest.raises(
        RunError, match=r"The run fox-01 is there already\. Go on with it \(--resume fox-01\)"
    ) as caught:
        Run.create(home, DEFAULTS, "fox-01")
    assert caught.value.exit_code == 2
    assert os.listdir(home.runs) == ["fox-01"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "-x", "a b", "x" * 49, "random", "CPU3", "current", "x\n", "ü"])
def test_names_that_could_do_harm_are_refused(home, name):
    for act in (lambda: Run.create(home, DEFAULTS, name), lambda: Run.open(name, home)):
        with pytest.raises(RunError, match="cannot be the name of a run"):
            act()


def test_a_made_up_name_is_readable_and_free(home):
    names = {Run.create(home, DEFAULTS).name for _ in range(5)}
    assert len(names) == 5
    assert all(len(name.split("-")) == 3 for name in names)


def test_the_name_of_the_settings_is_used(home):
    assert Run.create(home, load_config(env={}, overrides={"run.name": "m2"})).name == "m2"


def test_bundles_of_an_earlier_run_of_that_name_are_not_continued(home):
    bundle(home, "fox-01@v1", run="earlier")
    with Run.create(home, DEFAULTS, "fox-01").reader() as database:
        name = database.meta("policy_name")
    assert name.startswith("fox-01-")


def test_a_run_that_is_not_there_lists_those_that_are(home):
    with pytest.raises(RunError, match=r"There is no run fox-01 in .*\. There are no runs yet\."):
        Run.open("fox-01", home)
    Run.create(home, DEFAULTS, "fox-02")
    with pytest.raises(RunError, match=r"Runs are: fox-02\."):
        Run.open("fox-01", home)
    (home.runs / "half").mkdir()
    assert [run.name for run in list_runs(home)] == ["fox-02"]


def test_a_failing_creation_leaves_nothing(home, monkeypatch):
    monkeypatch.setattr("exphil_rt.store.run.to_toml", lambda resolved: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Run.create(home, DEFAULTS, "fox-01")
    assert os.listdir(home.runs) == []


def test_what_a_killed_creation_left_is_swept_when_it_is_old(home):
    old, young = home.runs / ".a.1234.new", home.runs / ".b.1234.new"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    Run.create(home, DEFAULTS, "fox-01")
    assert not old.exists()
    assert young.exists()


def test_a_run_reads_as_columns_beside_its_writer(home):
    run = Run.create(home, DEFAULTS, "fox-01")
    assert run.matches()["score"].shape == (0,)
    with run.database() as database:
        database.add_policy(row(1))
        database.add_metrics(
            Metric(name=name, frames=n, time_ns=n, value=n / 2) for name in ("loss", "kl") for n in range(3)
        )
        database.record_match(
            Match(
                game_id=7,
                time_ns=1,
                run_frames=50,
                policies=("fox-01@v1", "random"),
                characters=(2, 16),
                stage=31,
                score=0.5,
                reason="timer",
                stocks=(1, 1),
                percent=(10.0, 10.0),
                frames=500,
                physics="sim-1",
            ),
            [Rating(policy="fox-01@v1", elo=1010.0, physics="sim-1", games=1, draws=1)],
        )
        metrics = run.metrics("loss")
        assert metrics["value"].dtype == np.float64
        assert metrics["value"].tolist() == [0.0, 0.5, 1.0]
        assert metrics["frames"].dtype == np.int64
        assert run.metrics()["name"] == ["kl"] * 3 + ["loss"] * 3
        matches = run.matches()
        assert (matches["policy_1"], matches["score"].tolist()) == (["random"], [0.5])
        assert np.isnan(matches["elo_1"]).all()
        assert run.ratings()["elo"].tolist() == [1010.0]
        assert run.policies()["ref"] == ["fox-01@v1"]


def test_only_this_runs_bundles_without_a_row_are_removed(home):
    run = Run.create(home, DEFAULTS, "fox-01")
    with run.database() as database:
        mine = database.meta("run_id")
        database.add_policy(row(1))
        for ref, owner in [
            ("fox-01@v1", mine),
            ("fox-01@v2", mine),
            ("fox-01@v3", "another run"),
            ("cloned@v1", ""),
            ("elsewhere@v1", mine),
        ]:
            bundle(home, ref, owner)
        damaged = bundle(home, "fox-01@v4", mine)
        (damaged / "manifest.json").write_text("{")
        (home.policies / ".fox-01@v2.77.abcd.tmp").mkdir()
        (home.policies / ".cloned@v2.77.abcd.tmp").mkdir()
        assert run.reconcile_policies(database) == ["elsewhere@v1", "fox-01@v2"]
        assert run.reconcile_policies(database) == []
    left = [".cloned@v2.77.abcd.tmp", "cloned@v1", "fox-01@v1", "fox-01@v3", "fox-01@v4"]
    assert sorted(os.listdir(home.policies)) == left


def test_listing_tells_what_is_wrong_with_a_manifest(home):
    bundle(home, "a@v2", "r")
    bundle(home, "a@v10")
    (home.policies / "a@v10" / "manifest.json").unlink()
    deep = bundle(home, "b@v1")
    (deep / "manifest.json").write_text("[" * 100_000)
    odd = bundle(home, "c@v1")
    (odd / "manifest.json").write_text('{"run": 5}')
    (home.policies / "notes.txt").touch()
    (home.policies / "d@v0").mkdir()
    found = {info.ref: info for info in list_bundles(home.policies)}
    assert list(found) == ["a@v2", "a@v10", "b@v1", "c@v1"]
    assert (found["a@v2"].run, found["a@v2"].problem) == ("r", "")
    assert found["a@v2"].bytes > 1000
    assert "cannot be read" in found["a@v10"].problem
    assert "damaged" in found["b@v1"].problem
    assert found["c@v1"].run == ""
    assert list_bundles(home.root / "nowhere") == []


def test_a_run_within_its_budget_is_let_be_and_one_over_it_is_thinned(home):
    run = Run.create(home, DEFAULTS, "fox-01")
    with run.database() as database:
        mine = database.meta("run_id")
        for n in range(1, 9):
            database.add_policy(row(n, hour=n // 4))
            bundle(home, f"fox-01@v{n}", mine, size=100_000)
        bundle(home, "cloned@v1", "another run", size=100_000)
        database.mark_policies(["fox-01@v2"], promoted=True)
        replay = run.replays / "old.rec"
        replay.write_bytes(b"\0" * 50_000)
        os.utime(replay, (1, 1))
        usage = run.usage(mine)
        assert usage.policies > 800_000
        assert usage.replays == 50_000
        assert run.prune(database, [], max_gb=usage.total / 1e9 + 0.001).policies == ()
        pruned = run.prune(database, ["fox-01@v1", "fox-01@v8"], max_gb=(usage.total - 300_000) / 1e9)
        assert pruned.replays == 1
        assert pruned.policies == ("fox-01@v3", "fox-01@v5", "fox-01@v6"), "v4 is the first of its hour"
        assert pruned.over == 0
        assert [p.version for p in database.policies() if p.pruned] == [3, 5, 6]
        everything = run.prune(database, ["fox-01@v1", "fox-01@v8"], max_gb=1e-6)
        assert everything.policies == ("fox-01@v7", "fox-01@v4")
        assert everything.over > 0
    left = ["cloned@v1", "fox-01@v1", "fox-01@v2", "fox-01@v8"]
    assert sorted(os.listdir(home.policies)) == left


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans(), st.integers(1, 100)), max_size=30),
    st.integers(0, 2000),
)
def test_pruning_frees_enough_or_all_it_may_and_no_more(versions, excess):
    rows = [row(n, hour=hour, promoted=promoted) for n, (hour, promoted, _, _) in enumerate(versions, 1)]
    keep = {f"fox-01@v{n}" for n, (_, _, kept, _) in enumerate(versions, 1) if kept}
    sizes = {f"fox-01@v{n}": size for n, (_, _, _, size) in enumerate(versions, 1)}
    chosen = choose_pruned(rows, sizes, keep, excess)
    freed = [sizes[r.ref] for r in chosen]
    assert not [r for r in chosen if r.promoted or r.ref in keep]
    may_go = [r for r in rows if not r.promoted and r.ref not in keep]
    assert sum(freed) >= excess or len(chosen) == len(may_go)
    assert sum(freed[:-1]) < excess or not chosen
