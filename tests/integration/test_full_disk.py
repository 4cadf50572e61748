"""A disk that fills up while a run plays: a small tmpfs, so it needs the right to mount one."""

from __future__ import annotations

import contextlib
import subprocess

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(place):
    """A folder on a disk of 24 MB, at the place of the home's runs and policies."""
    disk = place.folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, timeout=10, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        for folder in (place.home.runs, place.home.policies):
            folder.rmdir()
            (disk / folder.name).mkdir()
            folder.symlink_to(disk / folder.name, target_is_directory=True)
        yield disk
    finally:
        place.end()
        subprocess.run(["umount", str(disk)], capture_output=True, timeout=10, check=True)


def test_a_disk_that_fills_up_pauses_the_run_until_there_is_room(place, small_disk):
    process = place.start("self-play", "--headless", "--run", "full", "--set", "store.min_free_gb=0", *place.small)
    live = place.live("full")
    live.plays_on()
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    place.until(lambda: live.status.state == "paused", "the pause")
    assert "No space left" in live.status.message or "no room left" in live.status.message
    paused = live.status

    ballast.unlink()
    place.until(lambda: live.status.state == "running", "the run goes on")
    live.plays_on()
    place.until(lambda: live.status.matches > paused.matches, "rated games go on", 120.0)
    overview = live.overview
    assert overview.status.restarts == 0
    errors = [event.event for event in overview.events if event.level == "error"]
    assert set(errors) <= {"learner_trouble", "store_refused"}
    assert len(errors) == len({event.text for event in overview.events if event.level == "error"})  # each once
    assert [event.event for event in overview.events].count("disk_freed") == 1
    live.client.close()
    assert place.do("daemon", "stop", "--run", "full").returncode == 0
    assert process.wait() == 0, process.output
    assert (live.run.logs / "daemon.out").read_text() == ""
