"""A console at 60 frames a second beside other work: late and skipped frames, and how fast an input is sent.

One Dolphin (the stand-in, fighters that only walk), non-blocking input, delay 2 with nothing of it in the console, a
brain that answers at once, so that what is measured is the console process itself: from the state in hand to the flush
of every controller, with and without the wait for a processor. Beside it, ``--busy`` processes that only compute, at
nice 10 as a trainer runs.

    python benchmarks/bench_console.py --seconds 600 --busy 1
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio

from exphil_rt.actor import start_forkserver, stop_forkserver
from exphil_rt.messages.dolphin import ConsoleArgs, ConsoleStats, Seat
from exphil_rt.testing.consoles import play_console
from exphil_rt.testing.stand_in_dolphin import StandInConfig, write_stand_in

BUSY = "import os\nos.nice(10)\nwhile True: sum(range(100000))"


async def play(folder: Path, seconds: float, fps: float) -> ConsoleStats | None:
    """One game of that length; its last figures."""
    config = StandInConfig(fps=fps, menus="skip", menu_frames=3, time_limit_frames=int(seconds * fps))
    args = ConsoleArgs(
        executable=str(write_stand_in(folder / "stand-in", config)),
        seats=(Seat(port=1, who="bot", fighter=1), Seat(port=2, who="bot", fighter=18)),
        stage=31,
        on_game_end="stop",
        temporary=str(folder / "temporary"),
    )
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: False, seconds + 60.0)
    if played.heard.fault is not None:
        print(f"fault: {played.heard.fault.text}")
    return played.heard.stats


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--busy", type=int, default=1, help="processes that compute beside it, at nice 10")
    parser.add_argument("--fps", type=float, default=60.0)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}")
    start_forkserver()
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(options.busy)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            stats = anyio.run(play, Path(folder), options.seconds, options.fps, backend="trio")
    finally:
        for process in busy:
            process.kill()
            process.wait()
        stop_forkserver()
    if stats is None:
        raise SystemExit("no figures")
    print(f"{stats.frames} frames at {stats.fps:.2f} a second, {options.busy} busy processes beside it")
    print(f"late {stats.late}, skipped {stats.skipped}, dropped {stats.dropped}, unasked {stats.unasked}")
    print(f"lag of inputs {stats.echo_lag} frames, ages {dict(sorted(stats.ages.items()))}")
    for name, (median, high) in stats.latency_us.items():
        print(f"{name:>10}: median {median / 1e3:6.2f} ms, p99 {high / 1e3:6.2f} ms (last 10 s)")


if __name__ == "__main__":
    main()
