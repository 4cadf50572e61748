"""``setup`` and what ``doctor`` says of Dolphin."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from exphil_rt.cli.doctor_dolphin import dolphin_version, running
from exphil_rt.cli.setup import with_section
from exphil_rt.store.home import user_settings_file


@pytest.fixture
def machine(cli, home, monkeypatch, tmp_path):
    """A machine whose Dolphin and ISO are named by the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOLPHIN_PATH", raising=False)
    monkeypatch.delenv("ISO_PATH", raising=False)
    dolphin, iso = tmp_path / "dolphin", tmp_path / "melee.iso"
    dolphin.write_text("#!/bin/sh\necho Faster Melee - Slippi 3.4.0\n")
    dolphin.chmod(0o755)
    iso.write_bytes(b"no game")
    return dolphin, iso


def found(cli):
    return {row["name"]: row for row in json.loads(cli("doctor", "--json").out)}


def test_setup_writes_what_it_is_given_and_keeps_the_rest(cli, machine):
    dolphin, iso = machine
    file = user_settings_file()
    file.parent.mkdir(parents=True)
    file.write_text("[tui]\nascii = true # mine\n\n[dolphin]\npath = '/old'\n\n[run]\nseed = 4\n")
    refused = cli("setup")
    assert (refused.code, "dolphin.path names /old" in refused.err) == (5, True)
    done = cli("setup", "--dolphin", str(dolphin), "--iso", str(iso))
    assert done.code == 0
    written = tomllib.loads(file.read_text())
    assert written == {"tui": {"ascii": True}, "dolphin": {"path": str(dolphin), "iso": str(iso)}, "run": {"seed": 4}}
    assert "# mine" in file.read_text()
    assert "next: exphil-rt play dolphin" in done.err
    again = cli("setup")
    assert again.code == 0
    assert tomllib.loads(file.read_text()) == written


def test_setup_without_anything_to_write_says_what_to_do(cli, machine):
    ended = cli("setup")
    assert (ended.code, ended.err.count("Slippi Launcher")) == (5, 1)
    assert not user_settings_file().exists()


def test_setup_can_only_say_what_it_would_write(cli, machine):
    dolphin, _ = machine
    shown = cli("setup", "--dolphin", str(dolphin), "--dry-run")
    assert f'path = "{dolphin}"' in shown.out
    assert not user_settings_file().exists()


def test_a_section_is_put_where_there_is_none():
    assert with_section("", {"iso": "/a"}) == '[dolphin]\niso = "/a"\n'
    assert with_section("[run]\nseed = 1\n", {"iso": 'a"\\b'}) == '[run]\nseed = 1\n\n[dolphin]\niso = "a\\"\\\\b"\n'


def test_doctor_without_dolphin_only_notes_it(cli, machine):
    rows = found(cli)
    assert rows["dolphin"]["state"] == "note"
    assert {"iso", "adapter", "other Dolphin"}.isdisjoint(rows)
    assert (rows["udp port"]["state"], rows["menu codes"]["state"]) == ("ok", "ok")


def test_doctor_looks_at_what_is_there(cli, machine, monkeypatch):
    dolphin, iso = machine
    monkeypatch.setenv("DOLPHIN_PATH", str(dolphin))
    rows = found(cli)
    assert rows["dolphin"]["text"].startswith("Faster Melee - Slippi 3.4.0")
    assert (rows["iso"]["state"], rows["controllers"]["state"]) == ("FAIL", "note")
    monkeypatch.setenv("ISO_PATH", str(iso))
    assert "no copy of Melee 1.02" in found(cli)["iso"]["text"]
    monkeypatch.setenv("DOLPHIN_PATH", "/nowhere")
    assert found(cli)["dolphin"]["text"] == "DOLPHIN_PATH names /nowhere, and there is no Dolphin"


def test_a_dolphin_that_does_not_answer_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("exphil_rt.cli.doctor_dolphin.VERSION_S", 0.2)
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nsleep 60\n")
    silent.chmod(0o755)
    assert dolphin_version(str(silent)) == (False, "it did not say its version within 0.2 s")
    silent.chmod(0o644)
    assert dolphin_version(str(silent)) == (False, "it cannot be started (Permission denied)")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_programs_are_seen_by_their_name():
    name = Path(os.path.realpath(sys.executable)).name[:6]
    assert any(pid == os.getpid() for pid in running((Path(sys.orig_argv[0]).name, name)))
