"""Runs that end by themselves, and runs that cannot begin."""

from __future__ import annotations

import shutil
import signal

import pytest

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
    (daemon,) = [pid for pid in processes if pid == live.pid]
    import os

    os.kill(daemon, signal.SIGTERM)
    assert process.wait(90.0) == 0, process.output
    assert not place.living(processes)


def test_a_nearly_full_disk_pauses_the_run_and_says_so(place):
    process = place.start(
        "self-play", "--headless", "--run", "six", "--set", "store.min_free_gb=1000000000", *place.small
    )
    live = place.live("six")
    place.until(lambda: live.events("disk_low"), "an event about the disk")
    place.until(lambda: live.status.state == "paused", "the pause")
    assert "are free in" in live.status.message
    assert live.node("trainer").restarts == 0
    live.client.close()
    assert place.do("daemon", "stop", "--run", "six").returncode == 0
    assert process.wait() == 0, process.output
    with Run(place.home, "six").reader() as database:
        assert len([event for event in database.events() if event.event == "disk_low"]) == 1
