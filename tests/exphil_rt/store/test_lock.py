"""One daemon a run, and a dead one holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exphil_rt.config import load_config
from exphil_rt.store.home import Home
from exphil_rt.store.lock import RunLocked
from exphil_rt.store.run import Run, live_runs

HOLDER = """
import sys
from exphil_rt.store.run import Run
lock = Run.open(sys.argv[1], sys.argv[2]).lock()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path, runtime) -> Run:
    return Run.create(Home(tmp_path / "home"), load_config(env={}), "fox-01")


@pytest.fixture
def other_daemon(run) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, run.name, str(run.home.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_daemon_is_refused_and_told_of_the_first(run, other_daemon):
    with pytest.raises(RunLocked) as caught:
        run.lock()
    assert caught.value.exit_code == 4
    assert caught.value.message == f"The run fox-01 already has a daemon (pid {other_daemon.pid})."
    assert "attach fox-01" in caught.value.hint
    holder = run.holder()
    assert holder is not None
    assert (holder.pid, holder.socket) == (other_daemon.pid, str(run.socket))
    assert [live.name for live in live_runs(run.home)] == ["fox-01"]


def test_a_killed_daemon_holds_nothing(run, other_daemon):
    other_daemon.kill()
    other_daemon.wait(timeout=30)
    assert run.holder() is None
    with run.lock():
        holder = run.holder()
        assert holder is not None
        assert holder.pid == os.getpid()


def test_another_environment_meets_the_same_lock_and_finds_the_socket(run, runtime, monkeypatch):
    with run.lock():
        socket = run.socket
        elsewhere = runtime / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(elsewhere))
        assert run.home.socket(run.name) != socket
        assert run.socket == socket
        with pytest.raises(RunLocked):
            run.lock()


def test_a_released_run_may_be_taken_again(run):
    first = run.lock()
    first.release()
    first.release()
    with run.lock():
        assert run.holder() is not None
    assert run.holder() is None


def test_letting_go_also_frees_the_run_while_a_forked_child_has_the_descriptor(run):
    lock = run.lock()
    copy = os.dup(lock._descriptor)
    try:
        lock.release()
        assert run.holder() is None
    finally:
        os.close(copy)


def test_looking_does_not_take(run):
    for _ in range(50):
        assert run.holder() is None
    with run.lock():
        pass


def test_a_lock_file_with_rubbish_in_it_does_no_harm(run):
    Path(run.lock_file).write_bytes(b"\xff not json")
    assert run.holder() is None
    with run.lock():
        holder = run.holder()
        assert holder is not None
        assert holder.pid == os.getpid()
