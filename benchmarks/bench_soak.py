"""Does a long run stay within its memory and its disk, without an unplanned restart?

    python benchmarks/bench_soak.py --minutes 35 --timesteps 3200000

Starts a headless self-play run in a home of its own, reads the PSS (smaps_rollup) of the daemon and all processes below
it every few seconds, fits a line through the last 80 % of the readings and prints its growth over that span, with the
restarts, the population and the disk that the run took. Linux only.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from exphil_rt.control.framing import ControlError
from exphil_rt.control.sync import connect
from exphil_rt.store.files import folder_bytes

CLI = (sys.executable, "-m", "exphil_rt.cli.app")
RUN = "soak"


def children(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            below = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in below:
            found += children(child)
    return found


def pss_bytes(pid: int) -> int:
    """PSS of the whole family; a process that ends meanwhile counts nothing."""
    total = 0
    for one in children(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def main() -> int:
    """Run, read, fit, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=35.0, help="at least this long")
    parser.add_argument("--timesteps", type=int, default=3_200_000, help="and at least this many game frames")
    parser.add_argument("--games", type=int, default=16)
    parser.add_argument("--home", type=Path, help="where the run is left for a closer look; else it is removed")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two readings")
    args = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}, Python {platform.python_version()}")
    home = args.home or Path(tempfile.mkdtemp(prefix="exphil-soak-"))
    home.mkdir(parents=True, exist_ok=True)
    os.environ["EXPHIL_RT_HOME"] = str(home)
    command = [*CLI, "self-play", "--headless", "--run", RUN, "--games", str(args.games), "--seed", "1"]
    talk = (home / "talk.txt").open("wb")
    client = subprocess.Popen([*command, "--max-episode-frames", "3600", "--timesteps", "0"], stdout=talk, stderr=talk)
    begin = time.monotonic()
    readings: list[tuple[float, float]] = []
    status = None
    try:
        while client.poll() is None:
            time.sleep(args.every)
            try:
                with connect(RUN) as daemon:
                    status = daemon.status()
            except ControlError:
                continue
            spent = time.monotonic() - begin
            if status.state == "running":
                readings.append((spent, pss_bytes(status.daemon_pid) / 2**20))
            if spent >= args.minutes * 60 and status.frames >= args.timesteps:
                break
    finally:
        subprocess.run([*CLI, "daemon", "stop", "--run", RUN], check=False, capture_output=True, timeout=180)
        code = client.wait(180)
    if status is None or len(readings) < 10:
        print((home / "talk.txt").read_text()[-2000:])
        return 1
    seconds, pss = np.array(readings).T
    late = seconds >= seconds[0] + 0.2 * (seconds[-1] - seconds[0])
    slope, start = np.polyfit(seconds[late], pss[late], 1)
    first, last = (start + slope * seconds[late][i] for i in (0, -1))
    policies = sorted((home / "policies").iterdir())
    print(f"{status.frames:,} game frames in {seconds[-1] / 60:.1f} min, {status.frames / seconds[-1]:,.0f} frames/s")
    print(f"restarts {status.restarts}, exit code {code}, {status.matches} rated matches")
    print(f"PSS fitted over the last 80 %: {first:.0f} to {last:.0f} MiB, growth {(last / first - 1) * 100:+.2f} %")
    print(f"population {status.population}, policies on disk {len(policies)}")
    print(
        f"disk: run {folder_bytes(home / 'runs') / 1e6:.0f} MB, policies {folder_bytes(home / 'policies') / 1e6:.0f} MB"
    )
    if args.home is None:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
