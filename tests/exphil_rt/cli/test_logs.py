"""Logs: order over files, rotation while following, filters, lines of any content."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exphil_rt.cli.logfiles import LogReader, parse_line
from exphil_rt.cli.logs import describe, wanted
from exphil_rt.config import load_config
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run

Cli = Callable[..., Any]


def line(second: int, event: str, **fields: object) -> str:
    stamp = f"2026-01-01T00:00:{second:02d}Z"
    return json.dumps({"ts": stamp, "level": "info", "actor": "root/games/runner-1", "event": event} | fields) + "\n"


def events(reader: LogReader) -> list[str]:
    return [str(found.fields.get("event", found.raw)) for found in reader.read()]


def test_files_are_merged_by_time_and_old_ones_come_first(tmp_path: Path) -> None:
    (tmp_path / "daemon.jsonl.2").write_text(line(1, "a"))
    (tmp_path / "daemon.jsonl.1").write_text(line(3, "c"))
    (tmp_path / "daemon.jsonl").write_text(line(5, "e") + line(6, "f"))
    (tmp_path / "trainer.jsonl").write_text(line(2, "b") + line(4, "d"))
    (tmp_path / "notes.txt").write_text("no log")
    reader = LogReader(tmp_path)
    assert events(reader) == list("abcdef")
    assert events(reader) == []
    reader.close()


def test_following_goes_on_across_rotation_truncation_and_new_files(tmp_path: Path) -> None:
    log = tmp_path / "daemon.jsonl"
    reader = LogReader(tmp_path)
    assert events(reader) == []
    with log.open("a") as file:
        file.write(line(1, "a") + line(2, "b")[:20])
        file.flush()
        assert events(reader) == ["a"]
        file.write(line(2, "b")[20:])
        file.flush()
        assert events(reader) == ["b"]
        file.write(line(3, "c"))
    log.rename(tmp_path / "daemon.jsonl.1")
    log.write_text(line(4, "d"))
    (tmp_path / "trainer.jsonl").write_text(line(4, "t"))
    assert events(reader) == ["c", "d", "t"]
    log.rename(tmp_path / "daemon.jsonl.1")
    assert events(reader) == []
    log.write_text(line(5, "e"))
    assert events(reader) == ["e"]
    log.write_text("")
    assert events(reader) == []
    with log.open("a") as file:
        file.write(line(6, "f"))
    assert events(reader) == ["f"]
    reader.close()


def test_only_rotated_files_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "daemon.jsonl.1").write_text(line(1, "a") + "unfinished")
    reader = LogReader(tmp_path)
    assert events(reader) == ["a", "unfinished"]
    assert events(reader) == []
    (tmp_path / "daemon.jsonl").write_text(line(2, "b"))
    assert events(reader) == ["b"]
    reader.close()


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1, 2]", b"[" * 100_000, b'{"ts": 5}', b"null"])
def test_a_line_may_be_anything(data: bytes) -> None:
    found = parse_line(data)
    assert found.stamp == ""
    assert "\n" not in describe(found)
    assert wanted(found, None, "error")


def test_filters() -> None:
    found = parse_line(line(1, "child_exit", level="warning").encode())
    for actor in (None, "root/games/runner-1", "root/games", "runner-1", "games"):
        assert wanted(found, actor, "warn")
    for actor in ("runner", "runner-10", "root/runner-1"):
        assert not wanted(found, actor, "debug")
    assert not wanted(found, None, "error")


def test_a_line_for_people() -> None:
    shown = describe(parse_line(line(1, "child_exit", text="The runner ended.", restarts=2).encode()))
    for part in ("INFO", "root/games/runner-1", "child_exit", "The runner ended.", "restarts=2"):
        assert part in shown
    shown = describe(parse_line(line(1, "e", level="warning", actor="trainer", author="trainer").encode()))
    assert "WARN " in shown
    assert "author" not in shown
    assert describe(parse_line(line(1, "crash", exception="Traceback\n  here").encode())).endswith("Traceback\n  here")


def test_the_command(cli: Cli, home: Home) -> None:
    run = Run.create(home, load_config(env={}), "resting")
    written = [line(n, f"e{n}", level=level) for n, level in enumerate(["debug", "info", "warn", "error"])]
    (run.logs / "daemon.jsonl").write_text("".join(written))
    assert len(cli("logs").out.splitlines()) == 4
    assert cli("logs", "--json", "--level", "warn").out == "".join(written[2:])
    assert cli("logs", "--json", "-n", "1", "--run", "resting").out == written[3]
    assert cli("logs", "-n", "0").out == ""
    assert cli("logs", "--actor", "nobody").out == ""
    assert cli("logs", "--run", "restin").code == 2
