"""Runs that end by themselves, and runs that cannot begin."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exphil_rt.actor.parent_death import start_time
from exphil_rt.store.run import Run


@pytest.fixture(scope="module")
def finished(place):
    """A run that was played to its end, and what its command line said."""
    process = place.start("self-play", "--headless", "--run", "two", "--timesteps", "600", "--seed", "3", *place.small)
    live = place.live("two")
    processes = live.processes()
    live.client.close()
    process.wait(300.0)
    place.until(lambda: not place.living(processes), "its processes end", 5.0)
    return process


def test_a_run_to_its_end_exits_with_0_and_leaves_its_rows(place, finished):
    assert finished.code == 0, finished.output
    assert "The run two is over at" in finished.output
    run = Run(place.home, "two")
    with run.reader() as database:
        progress = database.progress()
        policies = database.policies()
        losses = database.recent_metrics("loss", 100)
        events = database.events()
    assert progress.ended == "timesteps"
    assert progress.frames >= 600
    assert [row.version for row in policies] == list(range(1, len(policies) + 1))
    assert policies[-1].frames == progress.frames
    assert losses
    assert not [event for event in events if event.level in ("warn", "error")]
    assert "dead_letter" not in (run.logs / "daemon.jsonl").read_text()


def test_a_finished_run_that_is_resumed_is_finished(place, finished):
    before = Run(place.home, "two").metrics("loss")["frames"].max()
    done = place.do("self-play", "--headless", "--resume", "two")
    assert done.returncode == 0, done.stderr
    assert "The run two is over: all its 600 frames are played." in done.stderr
    assert Run(place.home, "two").metrics("loss")["frames"].max() == before


def sentence(done):
    """The one line that a refused command prints last, without a traceback before it."""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1].removeprefix("exphil-rt: ")


def test_a_misspelt_setting_is_answered_with_the_right_one(place):
    done = place.do("self-play", "--headless", "--set", "train.learning_rat=1e-4")
    assert done.returncode == 2
    assert "train.learning_rat" in sentence(done)
    assert "learning_rate" in sentence(done).replace("learning_rat ", "")


def test_a_truncated_bundle_is_named(place, finished):
    broken = place.folder / "broken@v1"
    shutil.copytree(place.home.policies / "two@v1", broken)
    weights = broken / "policy.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    done = place.do("self-play", "--headless", "--run", "three", "--policy", str(broken), *place.small)
    assert done.returncode == 1
    assert str(broken) in sentence(done)
    assert not list(place.home.policies.glob("three@*"))


def test_a_bundle_of_another_architecture_is_named(place, finished):
    other = place.folder / "other@v1"
    shutil.copytree(place.home.policies / "two@v1", other)
    manifest = other / "manifest.json"
    text = manifest.read_text()
    assert '"gru"' in text
    manifest.write_text(text.replace('"gru"', '"mlp"'))
    done = place.do("self-play", "--headless", "--run", "four", "--policy", str(other), *place.small)
    assert done.returncode == 1
    assert str(other) in sentence(done) or "other@v1" in sentence(done)


def test_sigterm_while_it_starts_leaves_nothing(place):
    process = place.start("self-play", "--headless", "--run", "five", *place.small)
    live = place.live("five")
    processes = live.processes()
    live.client.close()
    process.signal(signal.SIGTERM)  # as `timeout` does
    assert process.wait(90.0) == 0, process.output
    assert not place.living(processes)


def test_a_leftover_of_an_earlier_daemon_is_ended(place, finished):
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        listed = [(left.pid, start_time(left.pid)), (other.pid, start_time(other.pid) - 1)]
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        noted = {"boot": boot, "processes": listed, "paths": []}
        Run(place.home, "five").processes_file.write_text(json.dumps(noted))
        process = place.start("self-play", "--headless", "--resume", "five")
        assert left.wait(60.0) == -signal.SIGKILL
        live = place.live("five")
        process.signal(signal.SIGINT)
        live.client.close()
        assert process.wait(90.0) == 0, process.output
        assert other.poll() is None  # another process that has the pid by now
    finally:
        for one in (left, other):
            one.kill()
            one.wait(10)


def test_a_nearly_full_disk_pauses_the_run_and_says_so(place):
    process = place.start(
        "self-play", "--headless", "--run", "six", "--set", "store.min_free_gb=1000000000", *place.small
    )
    live = place.live("six")
    place.until(lambda: live.events("disk_low"), "an event about the disk")
    place.until(lambda: live.status.state == "paused", "the pause")
    assert "are free in" in live.status.message
    place.until(
        lambda: any(node.os_pid and node.name == "game_runner-1" for node in live.overview.tree), "the runner", 300.0
    )
    assert live.status.frames == 0
    assert live.status.restarts == 0
    live.client.close()
    assert place.do("daemon", "stop", "--run", "six").returncode == 0
    assert process.wait() == 0, process.output
    with Run(place.home, "six").reader() as database:
        assert len([event for event in database.events() if event.event == "disk_low"]) == 1
