"""Worker processes: every file is one row, whatever the parser does with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from exphil_rt.replays import BadReplay, Replay, read_many, read_replay


@pytest.fixture(scope="module")
def good(replays_dir):
    return replays_dir / "short" / "v3.18.slp"


@pytest.fixture
def panicking(good, tmp_path):
    """A real replay whose first pre-frame event names port 200: peppi's Rust code panics on it."""
    data = bytearray(good.read_bytes())
    event = data.index(b"\x37" + (-123).to_bytes(4, "big", signed=True))
    data[event + 5] = 200
    path = tmp_path / "panic.slp"
    path.write_bytes(data)
    return path


def script(tmp_path, text):
    """A worker command that runs ``text`` for each request and otherwise serves like the real one."""
    file = tmp_path / "worker.py"
    file.write_text(
        "import os, signal, sys, time\n"
        "import exphil_rt.replays.worker as worker\n"
        "import exphil_rt.replays.reader as reader\n"
        "real = reader.read_buffer\n"
        "def read_buffer(path, rollback):\n"
        f"    {text}\n"
        "    return real(path, rollback)\n"
        "reader.read_buffer = read_buffer\n"
        "worker.main()\n"
    )
    return (sys.executable, str(file))


def test_frames_through_a_worker_equal_those_of_this_process(replays_dir):
    paths = [replays_dir / "matches" / name for name in ("ics2.slp", "fox_multishine.slp", "items.slp")]
    results = list(read_many(paths, rollback="first", workers=2))
    assert [result.path for result in results] == paths
    for result in results:
        assert isinstance(result, Replay)
        here = read_replay(result.path, rollback="first")
        assert result.meta == here.meta
        for name, values in here.frames.arrays().items():
            assert np.array_equal(values, result.frames.arrays()[name]), name


def test_every_bad_file_is_a_row_with_its_reason_and_the_rest_go_on(good, panicking, tmp_path):
    files = {
        "empty.slp": b"",
        "truncated.slp": good.read_bytes()[:50_000],
        "garbage.slp": bytes(range(256)) * 20,
        "begins.slp": good.read_bytes()[:15] + bytes(range(256)) * 20,
        "text.slp": b"this is no replay",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with zipfile.ZipFile(tmp_path / "zip.slp", "w") as archive:
        archive.writestr("game.slp", good.read_bytes())
    (tmp_path / "folder.slp").mkdir()
    os.mkfifo(tmp_path / "pipe.slp")
    names = ["empty", "truncated", "garbage", "begins", "text", "zip", "folder", "pipe", "missing"]
    paths = [tmp_path / f"{name}.slp" for name in names]
    results = list(read_many([good, *paths, panicking, good], rollback="first", workers=2, deadline_s=20))
    assert isinstance(results[0], Replay)
    assert isinstance(results[-1], Replay)
    bad = results[1:-1]
    assert all(isinstance(row, BadReplay) for row in bad)
    assert [row.path for row in bad] == [*paths, panicking]
    reasons = dict(zip([*names, "panic"], [row.reason for row in bad], strict=True))
    assert reasons["empty"] == "is empty"
    assert reasons["folder"] == "is a folder"
    assert reasons["pipe"] == "is not a file"
    assert "No such file" in reasons["missing"]
    assert "PanicException" in reasons["panic"]
    assert reasons["text"] == "is too small for a game (17 bytes)"
    for name in ("garbage", "zip"):
        assert reasons[name] == "does not begin like a Slippi replay"
    for name in ("truncated", "begins"):
        assert reasons[name].startswith("cannot be parsed (OSError"), reasons[name]


def test_a_worker_that_hangs_is_killed_at_the_deadline(good, replays_dir, tmp_path):
    slow = replays_dir / "short" / "ics.slp"
    command = script(tmp_path, "while path.name == 'ics.slp': time.sleep(60)")
    started = time.monotonic()
    results = list(read_many([good, slow, good], rollback="first", workers=1, deadline_s=3, command=command))
    assert [type(result) for result in results] == [Replay, BadReplay, Replay]
    assert results[1].reason == "took the parser longer than 3 s"
    assert time.monotonic() - started < 50, "not the minute that it would take"


def test_a_worker_that_dies_is_a_row_and_another_one_goes_on(good, replays_dir, tmp_path):
    fatal = replays_dir / "short" / "ics.slp"
    command = script(tmp_path, "if path.name == 'ics.slp': os.kill(os.getpid(), signal.SIGSEGV)")
    results = list(read_many([fatal, good, fatal, good], rollback="first", workers=2, command=command))
    assert [type(result) for result in results] == [BadReplay, Replay, BadReplay, Replay]
    assert results[0].reason == "ended the process that parsed it (by SIGSEGV)"


def test_a_worker_that_talks_nonsense_is_a_row(good, tmp_path):
    for text in ("print('x' * 4000, flush=True)", "sys.stdout.buffer.write(b'\\0\\0\\0\\1\\xff'); sys.stdout.flush()"):
        results = list(read_many([good], rollback="first", command=script(tmp_path, text)))
        assert isinstance(results[0], BadReplay)
        assert "ended the process" in results[0].reason


def test_no_worker_outlives_an_iterator_that_is_closed(good, tmp_path):
    pids = tmp_path / "pids"
    command = script(tmp_path, f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}} ')")
    results = read_many([good] * 4, rollback="first", workers=2, command=command)
    assert isinstance(next(results), Replay)
    results.close()
    found = {int(pid) for pid in pids.read_text().split()}
    assert found
    for pid in found:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_worker_dies_with_its_parent_even_while_it_parses(good, tmp_path):
    pid_file = tmp_path / "pid"
    unfinished = f"{pid_file}~"
    text = (
        f"open({unfinished!r}, 'w').write(str(os.getpid())); os.rename({unfinished!r}, {str(pid_file)!r}); "
        "time.sleep(60)"
    )
    command = script(tmp_path, text)
    code = (
        "from pathlib import Path; from exphil_rt.replays import read_many\n"
        f"list(read_many([Path({str(good)!r})], rollback='first', command={command!r}))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 30
    while not pid_file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker = int(pid_file.read_text())
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    while alive(worker):
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.02)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_load_neither_torch_nor_numba(good, tmp_path):
    heavy = tmp_path / "heavy"
    command = script(
        tmp_path,
        f"open({str(heavy)!r}, 'w').write(' '.join({{'torch', 'numba', 'melee', 'textual'}} & set(sys.modules)))",
    )
    assert isinstance(next(iter(read_many([good], rollback="first", command=command))), Replay)
    assert heavy.read_text() == ""


def test_no_files_are_no_rows():
    assert list(read_many([], rollback="first")) == []
