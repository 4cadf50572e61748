"""Daemons killed with SIGKILL at random moments: after the next start nothing of the one before is left.

``EXPHIL_RT_KILLS`` sets how many the slow test kills (1,000), several daemons side by side; it prints what it saw.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exphil_rt.actor.leftovers import Leftovers
from exphil_rt.testing.lean_daemon import MARK

DEADLINE_S = 60.0
LANES = 4
"""Daemons side by side: most of a kill is the wait for its moment."""
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc to find what is left")


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "exphil_rt.testing.lean_daemon", str(folder)]
    environment = {**os.environ, MARK: str(folder)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)


def read_until(daemon: subprocess.Popen[str], word: str) -> list[str]:
    assert daemon.stdout is not None
    words = []
    for line in daemon.stdout:
        words.append(line.strip())
        if words[-1] == word:
            return words
    raise AssertionError(f"the daemon ended before {word}: {words}")


def processes(folder: Path) -> set[int]:
    """Those that carry the folder's mark; dead ones that nobody reaped yet do not count."""
    found = set()
    mark = f"{MARK}={folder}".encode()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                environment = Path(f"/proc/{entry}/environ").read_bytes()
                state = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark in environment.split(b"\0") and state not in "ZX":
                found.add(int(entry))
    return found


def memory(pids: set[int]) -> int:
    """Descriptors of the pool's memory that these processes hold."""
    count = 0
    for pid in pids:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                count += "memfd:exphil-slots" in os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
    return count


def left_of_earlier(folder: Path, daemon: int = 0) -> set[int]:
    """Processes that are still there in a moment, and not of ``daemon``."""
    deadline = time.monotonic() + DEADLINE_S
    while left := {pid for pid in processes(folder) if not is_child_of(pid, daemon)}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return left


def kill_in_lanes(folder: Path, kills: int) -> dict[str, int]:
    """``kill_daemons`` in folders of their own, at the same time; the sums of what they saw."""
    lanes = min(LANES, kills)
    folders = [folder / f"lane{lane}" for lane in range(lanes)]
    for one in folders:
        one.mkdir()
    shares = [kills // lanes + (lane < kills % lanes) for lane in range(lanes)]
    with ThreadPoolExecutor(lanes) as pool:
        seen = list(pool.map(kill_daemons, folders, shares, range(lanes)))
    return {name: sum(one[name] for one in seen) for name in seen[0]}


def kill_daemons(folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Start, wait a random while, kill; look at what is left once the next one began."""
    draws = random.Random(seed)
    seen = {"kills": 0, "processes": 0, "paths": 0, "serving": 0}
    daemon = start(folder)
    while seen["kills"] < kills:
        if draws.random() < 0.2:
            words = read_until(daemon, "serving")
            assert sum(word.startswith("grandchild") for word in words) == 2, words
            mine = processes(folder)
            assert len(mine) == 6, mine  # daemon, forkserver, two children, two grandchildren
            assert memory(mine) >= 3
            seen["serving"] += 1
        else:
            time.sleep(draws.random() * 0.8)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait(DEADLINE_S)
        assert daemon.stdout is not None
        daemon.stdout.close()
        seen["kills"] += 1
        former = daemon
        daemon = start(folder)
        read_until(daemon, "cleaned")
        seen["processes"] += len(left_of_earlier(folder, daemon.pid))
        paths = [path for path in folder.iterdir() if path.name not in ("leftovers.json", "leftovers.json.tmp")]
        fresh = {f"scratch-{daemon.pid}", "daemon.sock"}
        seen["paths"] += sum(path.name not in fresh for path in paths)
        assert former.returncode == -signal.SIGKILL
    daemon.kill()
    daemon.wait(DEADLINE_S)
    assert daemon.stdout is not None
    daemon.stdout.close()
    assert left_of_earlier(folder) == set()
    Leftovers(folder / "leftovers.json").end_earlier()
    # A daemon that was killed before it had anything to note has no list.
    assert {path.name for path in folder.iterdir()} <= {"leftovers.json", "leftovers.json.tmp"}
    return seen


def is_child_of(pid: int, ancestor: int) -> bool:
    """Whether ``pid`` is, or descends from, ``ancestor``."""
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def test_nothing_is_left_of_a_few_killed_daemons(tmp_path: Path) -> None:
    seen = kill_in_lanes(tmp_path, 4)
    assert seen["kills"] == 4
    assert (seen["processes"], seen["paths"]) == (0, 0)


@pytest.mark.slow
def test_nothing_is_left_of_a_thousand_killed_daemons(tmp_path: Path) -> None:
    started = time.monotonic()
    kills = int(os.environ.get("EXPHIL_RT_KILLS", "1000"))
    seen = kill_in_lanes(tmp_path, kills)
    assert seen["kills"] == kills
    print(seen, f"{time.monotonic() - started:.0f} s")  # noqa: T201
    assert (seen["processes"], seen["paths"]) == (0, 0)
