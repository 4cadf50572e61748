"""What does the stand-in Dolphin cost, and how even is it, with the unmodified libmelee stepping it?

    python benchmarks/bench_stand_in.py [--replay FILE.slp] [--frames 1500] [--repeats 3]

By source of games: frames a second as fast as it goes with blocking input (median), then at 60 frames a second without
blocking: processor time of the stand-in, how even its frames are, and the time from a state sent to ``step`` returned.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import multiprocessing
import os
import platform
import random
import statistics
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import melee
import msgspec

from exphil_rt.sim import warmup
from exphil_rt.testing.stand_in_dolphin import StandInConfig, write_stand_in
from exphil_rt.testing.stand_in_dolphin.trace import read_trace

RUNNING = melee.Menu.IN_GAME
LIVE_S = 10.0


def play(config: StandInConfig, frames: int, blocking: bool) -> dict[str, Any]:
    """Step one console for so many frames; what was measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trace = folder / "trace"
        exe = write_stand_in(folder, msgspec.structs.replace(config, trace=str(trace), die_with_parent=True))
        console = melee.Console(
            path=str(exe), slippi_port=random.SystemRandom().randint(20_000, 60_000), blocking_input=blocking,
            fullscreen=False, save_replays=False,
        )  # fmt: skip
        pads = [melee.Controller(console, port) for port in (1, 2)]
        console.run()
        process: Any = console._process
        assert console.connect(), "no connection"
        for pad in pads:
            pad.connect()
        returned: dict[int, int] = {}
        begun, spent = 0.0, 0.0
        while len(returned) < frames:
            state = console.step()
            now = time.monotonic_ns()
            if state is None or state.menu_state is not RUNNING:
                continue
            if len(returned) == 100:  # past the start
                begun, spent = time.monotonic(), _processor_s(process.pid)
            returned.setdefault(int(state.frame), now)
            for pad in pads:
                pad.tilt_analog(melee.Button.BUTTON_MAIN, 0.5 + 0.3 * (state.frame % 3 - 1), 0.5)
        seconds = time.monotonic() - begun
        spent = _processor_s(process.pid) - spent
        process.kill()
        worker: Any = console._slippstream._worker
        worker.kill()
        console.stop()
        sent = {line["frame"]: line["sent"] for line in read_trace(trace) if line["event"] == "frame"}
        later = sorted(sent)[100:]
        gaps = [(sent[b] - sent[a]) / 1e6 for a, b in itertools.pairwise(later)]
        lags = [(returned[frame] - sent[frame]) / 1e3 for frame in later if frame in returned]
        return {"fps": (frames - 100) / seconds, "processor": spent / seconds, "gaps": gaps, "lags": lags}


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--replay", type=Path, help="a .slp file of Slippi 3.0 or later")
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    multiprocessing.set_start_method("forkserver")
    warmup()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f},"
          f" Python {platform.python_version()}, melee {metadata.version('melee')}")  # fmt: skip
    sources = ["still", "game", *([str(arguments.replay)] if arguments.replay else [])]
    print("\nas fast as it goes, blocking input\nsource      frames/s   sent -> step p50 us   p99 us")
    for source in sources:
        config = StandInConfig(source=source, menus="skip", fps=0.0, stocks=99)
        runs = [play(config, arguments.frames, True) for _ in range(arguments.repeats)]
        lags = [lag for run in runs for lag in run["lags"]]
        rate = statistics.median(run["fps"] for run in runs)
        print(f"{Path(source).stem[:10]:10}  {rate:8.0f}   {_at(lags, 0.5):19.0f}   {_at(lags, 0.99):6.0f}")
    print("\n60 frames a second, no blocking")
    print("source      frames/s   processor   frame ms p1 / p50 / p99   sent -> step p50 us   p99 us")
    for source in sources:
        config = StandInConfig(source=source, menus="skip", fps=60.0, stocks=99)
        run = play(config, int(LIVE_S * 60), False)
        gaps, lags = run["gaps"], run["lags"]
        print(
            f"{Path(source).stem[:10]:10}  {run['fps']:8.2f}   {run['processor']:8.1%}"
            f"   {_at(gaps, 0.01):7.2f} / {_at(gaps, 0.5):.2f} / {_at(gaps, 0.99):.2f}"
            f"   {_at(lags, 0.5):19.0f}   {_at(lags, 0.99):6.0f}"
        )


if __name__ == "__main__":
    main()
