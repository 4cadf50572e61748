"""Does a long run stay within its memory and its disk, without an unplanned restart?

    python benchmarks/bench_soak.py --minutes 35 --timesteps 3200000

Starts a headless self-play run in a home of its own, reads the PSS (smaps_rollup) of the daemon and all processes below
it every few seconds, fits a line through the last 80 % of the readings and prints its growth over that span, with the
restarts, the population and the disk that the run took. Linux only. Other processes that map the same libraries change
the PSS of files as they come and go, so the anonymous part, which they cannot change, is printed beside the whole.
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


def pss(pid: int) -> tuple[float, float]:
    """MiB of PSS of the whole family, and of its anonymous part; a process that ends meanwhile counts nothing."""
    whole = anonymous = 0
    for one in children(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
        whole += kilobytes["Pss"]
        anonymous += kilobytes["Pss_Anon"]
    return whole / 1024, anonymous / 1024


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
    readings: list[tuple[float, float, float]] = []
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
                readings.append((spent, *pss(status.daemon_pid)))
            if spent >= args.minutes * 60 and status.frames >= args.timesteps:
                break
    finally:
        subprocess.run([*CLI, "daemon", "stop", "--run", RUN], check=False, capture_output=True, timeout=180)
        code = client.wait(180)
    if status is None or len(readings) < 10:
        print((home / "talk.txt").read_text()[-2000:])
        return 1
    seconds, whole, anonymous = np.array(readings).T
    late = seconds >= seconds[0] + 0.2 * (seconds[-1] - seconds[0])

    def growth(values: np.ndarray) -> str:
        slope, start = np.polyfit(seconds[late], values[late], 1)
        first, last = (start + slope * seconds[late][i] for i in (0, -1))
        return f"{first:.0f} to {last:.0f} MiB, {(last / first - 1) * 100:+.2f} %"

    policies = sorted((home / "policies").iterdir())
    print(f"{status.frames:,} game frames in {seconds[-1] / 60:.1f} min, {status.frames / seconds[-1]:,.0f} frames/s")
    print(f"restarts {status.restarts}, exit code {code}, {status.matches} rated matches")
    print(f"PSS fitted over the last 80 %: {growth(whole)}; its anonymous part: {growth(anonymous)}")
    print(f"population {status.population}, policies on disk {len(policies)}")
    print(
        f"disk: run {folder_bytes(home / 'runs') / 1e6:.0f} MB, policies {folder_bytes(home / 'policies') / 1e6:.0f} MB"
    )
    if args.home is None:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
