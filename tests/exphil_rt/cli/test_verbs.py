"""The verbs: what they print about a live run, about runs and policies on disk, about settings and the machine."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exphil_rt
from exphil_rt.config import load_config
from exphil_rt.control.framing import CommandRefused, DaemonGone, DaemonNotRunning
from exphil_rt.control.wire import Checkpoint, Stop
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run

Cli = Callable[..., Any]  # the fixture's Outcome: code, out, err, sentence()


def test_status_and_tree_of_the_only_live_run(cli: Cli, daemon: Any) -> None:
    shown = cli("status")
    assert shown.code == 0
    for text in ("steady-fox-01", "running", "1,200,000 of 3,200,000 (38%)", "02:14:37", "75% against the first"):
        assert text in shown.out
    found = json.loads(cli("status", "--json", "--run", "steady-fox-01").out)
    assert (found["frames"], found["shares"]["game"]) == (1_200_000, 0.0)

    rows = cli("tree").out.splitlines()
    assert rows[0].split()[:2] == ["actor", "strategy"]
    assert rows[1].startswith("root")
    assert rows[2].startswith("  trainer")
    assert "3/64" in rows[2]
    assert [row["path"] for row in json.loads(cli("tree", "--json").out)] == ["root", "root/trainer"]


def test_without_a_daemon(cli: Cli, home: Home) -> None:
    for argv in (["status"], ["tree"], ["daemon", "stop"], ["attach"]):
        ended = cli(*argv)
        assert ended.code == 3
        assert ended.sentence() == "No daemon is running. Start one with `exphil-rt self-play`."
    assert cli("status", "--run", "nope").code == 2
    Run.create(home, load_config(env={}), "resting")
    ended = cli("status", "--run", "resting")
    assert ended.code == 3
    assert "--resume resting" in ended.sentence()


def test_several_live_runs_are_listed(cli: Cli, daemon: Any, second_daemon: Any) -> None:
    ended = cli("status")
    assert ended.code == 2
    assert "steady-fox-01" in ended.sentence()
    assert "wry-link-02" in ended.sentence()
    assert cli("status", "--run", "wry-link-02").code == 0
    assert cli("logs").code == 2


def test_daemon_status_and_stop(cli: Cli, daemon: Any) -> None:
    shown = cli("daemon", "status")
    assert shown.code == 0
    assert "steady-fox-01" in shown.out
    assert json.loads(cli("daemon", "status", "--json").out)[0]["run"] == "steady-fox-01"

    ended = cli("daemon", "stop")
    assert ended.code == 0
    assert ended.out == "Stopped steady-fox-01.\n"
    assert (Stop(), "cli") in daemon.said
    assert daemon.run.holder() is None
    assert cli("daemon", "status").code == 3


def test_connect_for_scripts(home: Home, daemon: Any) -> None:
    with exphil_rt.connect() as client:
        assert client.hello.run == "steady-fox-01"
        assert client.status().policy == "steady-fox-01@v7"
        assert len(client.overview().tree) == 2
        with pytest.raises(CommandRefused, match="Ask a daemon"):
            client.do(Checkpoint())
        with pytest.raises(CommandRefused):
            client.actor("root")
        assert list(client.updates("events", timeout=0.01)) == []
        daemon.stopped.set()
        with pytest.raises(DaemonGone):
            list(client.updates("events", timeout=10))
    daemon.thread.join(10)
    with pytest.raises(DaemonNotRunning):
        exphil_rt.connect("steady-fox-01", home.root)


def test_the_client_needs_a_terminal_before_anything_is_started(cli: Cli, home: Home, daemon: Any) -> None:
    for argv in (["attach"], [], ["self-play"], ["self-play", "--resume", "steady-fox-01"]):
        ended = cli(*argv)
        assert ended.code == 1
        assert "needs a terminal" in ended.sentence()
    assert len(list(home.runs.iterdir())) == 1


def test_runs_list(cli: Cli, home: Home, daemon: Any) -> None:
    Run.create(home, load_config(env={}), "resting")
    (home.runs / "resting" / "run.db").write_bytes(b"not a database, but long enough to look at" * 100)
    shown = cli("runs", "list")
    assert shown.code == 0
    states = {row.split()[0]: row for row in shown.out.splitlines()[1:]}
    assert "running" in states["steady-fox-01"]
    assert "damaged" in states["resting"]
    assert {run["run"] for run in json.loads(cli("runs", "list", "--json").out)} == set(states)


def test_policies_list(cli: Cli, home: Home) -> None:
    empty = cli("policies", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "next:" in empty.err
    good, bad = home.policies / "my-fox@v3", home.policies / "my-fox@v4"
    for folder in (good, bad):
        folder.mkdir(parents=True)
    (good / "manifest.json").write_text('{"config": {"backbone": "gru", "delay": 18}, "parent": "my-fox@v2"}')
    (bad / "manifest.json").write_text('{"config": ')
    rows = cli("policies", "list").out.splitlines()
    assert [row.split()[0] for row in rows] == ["policy", "my-fox@v3", "my-fox@v4"]
    assert {"gru", "18", "my-fox@v2"} <= set(rows[1].split())
    assert "damaged" in rows[2]
    assert cli("policies", "list", "link").out == ""
    assert json.loads(cli("policies", "list", "my-", "--json").out)[0]["delay"] == 18


def test_config_show_is_toml_that_says_where_each_value_came_from(
    cli: Cli, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[run]\nname = "two  # names"\n')
    monkeypatch.setenv("EXPHIL_RT_TRAIN__GAMMA", "0.9")
    argv = ("config", "show", "--config", str(mine), "--set", "run.games=4", "--set", "train.epochs=3")
    found = tomllib.loads(cli(*argv).out)
    assert found["run"] | {"name": "two  # names", "games": 4} == found["run"]
    assert (found["train"]["gamma"], found["train"]["epochs"]) == (0.9, 3)
    shown = cli(*argv, "--origin").out
    assert tomllib.loads(shown) == found
    for text in (f"# {mine}", "# environment EXPHIL_RT_TRAIN__GAMMA", "# flag", "# default"):
        assert text in shown
    assert "#" not in cli("config", "show").out
    assert json.loads(cli(*argv, "--json", "--origin").out)["origin"]["run.games"] == "flag"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("[train]\nlearning_rte = 1\n", "Did you mean train.learning_rate?"),
        ("[train]\nlearning_rate = 'fast'\n", "train.learning_rate is 'fast'"),
        ("[train\n", "not valid TOML"),
    ],
)
def test_config_validate_names_the_file_and_the_key(text: str, meant: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    ended = cli("config", "validate", str(file))
    assert ended.code == 2
    assert str(file) in ended.sentence()
    assert meant in ended.sentence()
    file.write_text("[run]\ngames = 3\n")
    assert cli("config", "validate", str(file)).out.startswith("ok: ")


@pytest.mark.parametrize("text", ["run.games", "run.gmes=3", "run.games=0"])
def test_a_wrong_set_is_a_usage_error(text: str, cli: Cli) -> None:
    ended = cli("config", "show", "--set", text)
    assert ended.code == 2
    assert text.partition("=")[0] in ended.sentence()


def test_paths_makes_nothing(cli: Cli, home: Home) -> None:
    shown = cli("paths")
    assert str(home.policies) in shown.out
    assert json.loads(cli("paths", "--json").out)["runs"] == str(home.runs)
    assert not home.root.exists()


def test_version_names_what_it_stands_on(cli: Cli) -> None:
    found = json.loads(cli("version", "--json").out)
    assert found["exphil_rt"] == exphil_rt.__version__
    assert found["torch"][0].isdigit()
    assert cli("--version").out.strip() == exphil_rt.__version__


def test_doctor_finds_nothing_wrong_here_and_says_how_to_mend_what_is(
    cli: Cli, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = cli("doctor", "--json")
    found = {row["name"]: row for row in json.loads(shown.out)}
    assert shown.code == (1 if any(row["state"] == "FAIL" for row in found.values()) else 0)
    assert {found[name]["state"] for name in ("python", "torch", "numba", "home", "packages", "socket")} == {"ok"}
    assert not home.root.exists()

    # Another distribution's packages, found before ours.
    (tmp_path / "tui").mkdir()
    (tmp_path / "tui" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tui", raising=False)
    full = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    ended = cli("doctor", "--json")
    wrong = {row["name"]: row for row in json.loads(ended.out) if row["state"] == "FAIL"}
    assert ended.code == 1
    assert {"tui", "disk"} <= set(wrong)
    assert all(row["fix"] for row in wrong.values())
    assert str(tmp_path) in wrong["tui"]["text"]


def test_doctor_sees_a_home_that_cannot_be_written(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPHIL_RT_HOME", "/proc/exphil")
    ended = cli("doctor", "--json")
    assert ended.code == 1
    row = next(row for row in json.loads(ended.out) if row["name"] == "home")
    assert row["state"] == "FAIL"
    assert "--home" in row["fix"]
