"""The home and the runtime folder: where they are, and whose."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

from exphil_rt.store import home as home_module
from exphil_rt.store.home import MAX_SOCKET_PATH, Home, HomeError, setting_files


def test_the_flag_comes_before_the_variable_before_the_platforms_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert Home.find("/a", env={"EXPHIL_RT_HOME": "/b"}).root == Path("/a")
    assert Home.find(env={"EXPHIL_RT_HOME": "/b"}).root == Path("/b")
    assert Home.find(env={"EXPHIL_RT_HOME": ""}).root.name == "exphil_rt"
    assert Home.find("~/x").root == Path.home() / "x"
    assert Home.find("x").root == Path.cwd() / "x"


def test_finding_makes_nothing_and_creating_makes_all(tmp_path):
    home = Home.find(tmp_path / "deep" / "home")
    assert not home.root.exists()
    assert home.create().create() == home
    assert sorted(os.listdir(home.root)) == ["cache", "datasets", "policies", "runs"]


def test_a_home_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(HomeError, match="is a file"):
        Home.find(file)
    with pytest.raises(HomeError, match="Not a directory"):
        Home.find(file / "inside").create()


def test_the_runtime_folder_is_for_this_user_only(tmp_path, runtime):
    home = Home(tmp_path / "home")
    base = runtime / "exphil_rt"
    base.mkdir(mode=0o755)
    socket = home.make_runtime_folder("fox-01")
    assert socket == home.socket("fox-01")
    assert socket.parent.parent == base
    assert socket.parent.name.startswith("fox-01")
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert home.make_runtime_folder("fox-01") == socket


def test_runs_of_the_same_name_in_two_homes_do_not_meet(tmp_path, runtime):
    assert Home(tmp_path / "a").socket("fox") != Home(tmp_path / "b").socket("fox")


def test_the_platforms_home_has_the_plain_name(tmp_path, runtime, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("EXPHIL_RT_HOME", raising=False)
    assert Home.find().socket("fox") == runtime / "exphil_rt" / "fox" / "control.sock"


@pytest.mark.parametrize("named", [None, "relative", "/not/there"])
def test_without_a_usable_runtime_folder_it_is_one_by_user_id(tmp_path, runtime, monkeypatch, named):
    monkeypatch.setattr(tempfile, "tempdir", str(runtime))
    if named is None:
        monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", named)
    socket = Home(tmp_path / "home").make_runtime_folder("fox")
    assert socket.parent.parent == runtime / f"exphil_rt-{os.getuid()}"


def test_a_runtime_folder_of_somebody_else_is_refused(tmp_path, runtime, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(runtime))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(home_module.os, "getuid", lambda: 4242)
    (runtime / "exphil_rt-4242").mkdir()
    with pytest.raises(HomeError, match="belongs to another user"):
        Home(tmp_path / "home").make_runtime_folder("fox")


def test_a_link_in_place_of_the_runtime_folder_is_refused(tmp_path, runtime):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (runtime / "exphil_rt").symlink_to(elsewhere)
    with pytest.raises(HomeError, match="is not a folder"):
        Home(tmp_path / "home").make_runtime_folder("fox")


def test_a_runtime_folder_with_too_long_a_path_gives_way_to_the_temporary_one(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    assert Home(tmp_path / "home").socket("fox").parent.parent == Path(f"/tmp/exphil_rt-{os.getuid()}")


def test_socket_paths_stay_short(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 45)  # about as long as macOS has them
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    socket = Home(tmp_path / "home").socket("n" * 48)
    assert len(os.fsencode(socket)) <= MAX_SOCKET_PATH
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "x" * 100)
    with pytest.raises(HomeError, match="too long a path for a socket"):
        Home(tmp_path / "home").socket("fox")


def test_settings_files_that_are_there_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert setting_files(tmp_path) == ()
    (tmp_path / "exphil_rt.toml").touch()
    assert setting_files(tmp_path) == (tmp_path / "exphil_rt.toml",)
