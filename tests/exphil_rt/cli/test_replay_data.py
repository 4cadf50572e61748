"""``replay validate``, ``replay stats``, ``replay build-dataset``, and training on what they make."""

from __future__ import annotations

import os

import msgspec
import pytest

from exphil_rt.cli.app import run
from exphil_rt.replays import SideFilter
from exphil_rt.store.home import Home
from exphil_rt.training.dataset import BuildSettings
from exphil_rt.training.dataset.find import open_or_build


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPHIL_RT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPHIL_RT_IMITATION__REPORT_GAMES", "0")  # it wants the compiled game
    return tmp_path / "home"


@pytest.fixture
def folder(replays_dir, tmp_path):
    """Four good replays, one of them twice, and a broken one."""
    made = tmp_path / "replays"
    made.mkdir()
    for name in ("v3.16", "v3.18", "ics", "buttons_abxy"):
        (made / f"{name}.slp").symlink_to(replays_dir / "short" / f"{name}.slp")
    (made / "twin.slp").symlink_to(replays_dir / "short" / "ics.slp")
    (made / "zz-broken.slp").symlink_to(replays_dir / "broken" / "corrupt.slp")
    return made


@pytest.fixture
def marth(replays_dir, tmp_path):
    """Three short games of a Marth."""
    made = tmp_path / "marth"
    made.mkdir()
    for name in ("buttons_abxy", "dash_back", "shield_drop"):
        (made / f"{name}.slp").symlink_to(replays_dir / "short" / f"{name}.slp")
    return made


def test_validate_names_each_bad_file_and_exits_with_1(folder, home, tmp_path, capsys):
    log = tmp_path / "bad.tsv"
    assert run(["replay", "validate", str(folder), "--error-log", str(log)]) == 1
    out = capsys.readouterr().out
    assert "zz-broken.slp: cannot be parsed" in out
    assert "5 of 6 replays are good" in out
    assert log.read_text().startswith(f"{folder}/zz-broken.slp\tcannot be parsed (")
    (folder / "zz-broken.slp").unlink()
    assert run(["replay", "validate", str(folder), "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out) == {"files": 5, "good": 5, "bad": []}
    assert not home.exists(), "looking makes nothing"


def test_stats_are_bars(folder, home, capsys):
    assert run(["replay", "stats", str(folder), "--stage", "fd", "--stage", "ys"]) == 0
    out, err = capsys.readouterr()
    for word in ("fighter", "share", "Yoshi's Story", "SWZ#195", "█", "0.8 to 1.0"):
        assert word in out
    assert "a game seen before" in err
    assert "not on Yoshi's Story or Final Destination" in err
    assert run(["replay", "stats", str(folder), "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    assert set(found) == {"sides", "frames", "characters", "stages", "players", "quality"}


def test_a_data_set_is_built_told_gone_on_with_and_counted(folder, home, capsys):
    argv = ["replay", "build-dataset", str(folder), "-o", "mine", "--workers", "2"]
    assert run(argv) == 0
    out, err = capsys.readouterr()
    assert "data set: mine" in out
    assert "next: exphil-rt train imitation mine" in out
    assert "6 files, " in err
    assert "files/s)" in err
    assert "file dropped: " in err
    assert "Left to learn from: " in err
    assert run(argv) == 0
    assert "Nothing is new" in capsys.readouterr().err
    assert run([*argv, "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)
    assert found["manifest"]["files_dropped"] == {"cannot be parsed": 1, "a game seen before": 1}
    assert run(["replay", "stats", "mine", "--character", "marth"]) == 0
    assert "Marth" in capsys.readouterr().out
    assert run([*argv, "--character", "fox"]) == 1
    assert "was made with other settings (another characters)" in capsys.readouterr().err
    assert run([*argv, "--fail-fast", "--restart"]) == 1
    assert "corrupt.slp" not in capsys.readouterr().out


def test_training_takes_a_data_set_and_its_schema(marth, home, capsys):
    argv = ["replay", "build-dataset", str(marth), "-o", "short", "--character", "marth", "--no-items"]
    assert run(argv) == 0
    argv = ["train", "imitation", "short", "--epochs", "1", "--hidden", "16", "--policy-out", "m", "--vs", "ganon"]
    assert run(argv) == 0
    err = capsys.readouterr().err
    assert "Opening the data set" in err
    assert "Left to learn from: 3 games, " in err
    manifest = msgspec.json.decode((home / "policies" / "m@v1" / "manifest.json").read_bytes())
    groups = {field["source"].partition(".")[0] for field in manifest["config"]["schema"]["fields"]}
    assert "items" not in groups
    assert "own" in groups


def test_a_folder_is_parsed_once_for_all_trainings(marth, home):
    settings = BuildSettings(filter=SideFilter.parse(["marth"]), workers=1)
    place = Home(home).create()
    dataset, selection = open_or_build(place, marth, settings)
    assert selection is not None
    assert len(dataset.sides) == 3
    made = {path: path.stat().st_mtime_ns for path in (home / "datasets").rglob("*.shard")}
    assert len({path.parents[1] for path in made}) == 1
    open_or_build(place, marth, settings)
    assert {path: path.stat().st_mtime_ns for path in (home / "datasets").rglob("*.shard")} == made


def test_who_asked_not_to_be_learned_from_is_not_counted(folder, home, capsys):
    home.mkdir()
    (home / "do-not-learn-from.txt").write_text("SWZ#195\n")
    assert run(["replay", "stats", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "SWZ#195" not in out
    assert "CLWN#889" in out
    assert "asked not to be learned from" in err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["build-dataset", "-o", "a/b"], "'a/b' is no name for a data set"),
        (["build-dataset", "-o", "x", "--player-port", "5"], "5 is no controller port"),
        (["build-dataset", "-o", "x", "--min-version", "three"], "'three' is no version of Slippi"),
        (["build-dataset", "-o", "x", "--stage", "fb"], "'fb' is no stage"),
        (["validate", "--error-log", "/no/such/folder/log"], "cannot be written"),
        (["build-dataset"], "--output"),
    ],
)
def test_wrong_inputs_are_one_sentence(folder, home, monkeypatch, capsys, argv, sentence):
    monkeypatch.setenv("EXPHIL_RT_REPLAYS", str(folder))
    assert run(["replay", *argv]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence in last


def test_data_sets_are_listed_and_checked(marth, home, capsys):
    assert run(["replay", "datasets"]) == 0
    assert "No data sets" in capsys.readouterr().err
    assert run(["replay", "build-dataset", str(marth), "-o", "mine"]) == 0
    assert run(["replay", "datasets", "mine", "--verify"]) == 0
    assert "of Marth" in capsys.readouterr().out
    shard = next((home / "datasets" / "mine" / "shards").iterdir())
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    assert run(["replay", "datasets", "--json"]) == 0
    assert [row["name"] for row in msgspec.json.decode(capsys.readouterr().out)] == ["mine"]
    assert run(["replay", "datasets", "--verify"]) == 1
    assert "is damaged" in capsys.readouterr().out
    assert run(["replay", "datasets", "other"]) == 1


def test_a_file_name_that_is_no_text_breaks_nothing(marth, home, capsys):
    strange = os.fsdecode(os.fsencode(marth) + b"/\xff\xfe.slp")
    with open(strange, "wb") as file:
        file.write(b"no replay" * 200)
    assert run(["replay", "validate", str(marth), "--json"]) == 1
    assert "\\xff\\xfe.slp" in msgspec.json.decode(capsys.readouterr().out)["bad"][0]["path"]
    assert run(["replay", "build-dataset", str(marth), "-o", "odd"]) == 0
    assert "\\xff\\xfe.slp does not begin" in capsys.readouterr().err
