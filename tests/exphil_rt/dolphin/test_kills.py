"""kill -9 of everything that a console consists of, at random frames; and a soak of drawn faults.

``EXPHIL_RT_KILLS`` is how often each process is killed (10), ``EXPHIL_RT_SOAK`` how many faults are drawn (200),
``EXPHIL_RT_SOAK_SEED`` by which seed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from console_parts import console, left_behind, saved_frames, still_running, suffer

from exphil_rt.actor import Crash
from exphil_rt.messages.dolphin import ConsoleDeadlines
from exphil_rt.testing.consoles import play_console
from exphil_rt.testing.stand_in_dolphin import KINDS
from exphil_rt.testing.stand_in_dolphin.trace import read_trace

pytestmark = [pytest.mark.usefixtures("forkserver")]

KILLS = int(os.environ.get("EXPHIL_RT_KILLS", "10"))
SOAK = int(os.environ.get("EXPHIL_RT_SOAK", "200"))
SEED = int(os.environ.get("EXPHIL_RT_SOAK_SEED", "7"))
BOUND_S = 5.0
VICTIMS = {
    "worker": "exphil_rt.dolphin.worker",
    "stand-in": "stand_in_dolphin --config",
    "keeper": "exphil_rt.dolphin.keeper",
}
SAYS = {"worker": "worker_lost", "stand-in": "exited", "keeper": "exited"}


def pid_of(part: str, folder: Path) -> int:
    """The process of a console whose command line holds ``part``."""
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        # A keeper's command line ends with that of its Dolphin.
        if str(folder) in command and part in command and ("keeper" in part) == ("keeper" in command):
            return int(proc.name)
    raise AssertionError(f"no {part} in {still_running(folder)}")


@pytest.mark.slow
@pytest.mark.trio
@pytest.mark.parametrize("victim", ["console", *VICTIMS])
async def test_a_part_that_is_killed_ends_the_console_cleanly(tmp_path, victim):
    draw = random.Random(f"kills {victim}")
    worst = 0.0
    for number in range(KILLS):
        folder = tmp_path / str(number)
        blocking = bool(number % 2)
        runner = "sync" if blocking else "async"
        args = console(folder, {"fps": 60.0, "time_limit_frames": 6000}, blocking=blocking, runner=runner)
        async with play_console(args, delay=2) as played:
            heard, frames = played.heard, draw.randrange(1, 120)
            await heard.until(lambda heard=heard, frames=frames: heard.frames >= frames)
            shown = len(heard.shown)
            pid = heard.os_pid if victim == "console" else pid_of(VICTIMS[victim], folder)
            began = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await heard.until(lambda: False, BOUND_S)
            assert left_behind(folder) == []
            worst = max(worst, time.monotonic() - began)
        assert isinstance(heard.reason, Crash)
        if victim != "console":
            assert heard.fault.kind == SAYS[victim]
        assert saved_frames(folder)[-1] >= shown
    assert worst < BOUND_S
    print(f"{victim}: {KILLS} kills, at most {worst:.2f} s until nothing was left")  # noqa: T201


DAEMON = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
import anyio
from console_parts import console
from exphil_rt.actor import start_forkserver
from exphil_rt.testing.consoles import play_console

async def main():
    args = console(Path(sys.argv[1]), {"fps": 60.0, "time_limit_frames": 6000})
    async with play_console(args, delay=2) as played:
        await played.heard.until(lambda: played.heard.frames >= 20)
        print("playing", flush=True)
        await played.heard.until(lambda: False, 60.0)

start_forkserver()
anyio.run(main, backend="trio")
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", range(min(KILLS, 3)))
def test_nothing_is_left_when_the_daemon_is_killed(tmp_path, number):
    path = [folder for folder in sys.path if folder]
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(tmp_path), *path], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert daemon.stdout is not None
        line = ""
        while "playing" not in line:
            line = daemon.stdout.readline()
            assert line, "the daemon ended"
    finally:
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait(10.0)
        daemon.stdout.close()
    assert left_behind(tmp_path) == []
    assert saved_frames(tmp_path)[0] >= 20


@pytest.mark.slow
@pytest.mark.trio
async def test_a_soak_of_drawn_faults(tmp_path):
    """One stand-in, launched again and again, each time with a fault of a kind and at a frame that the seed draws."""
    kinds = sorted(KINDS)
    deadlines = ConsoleDeadlines(frame_s=1.5)  # the machine may be busy: of the start, the usual ones
    stand_in = {"fps": 120.0, "time_limit_frames": 60, "seed": SEED}
    stand_in["soak"] = {"kinds": kinds, "first": -110, "last": 20}
    came_to: Counter[str] = Counter()
    args = console(tmp_path, stand_in, deadlines=deadlines)
    for number in range(SOAK):
        (tmp_path / "trace").unlink(missing_ok=True)
        blocking = bool(number % 2)
        once = msgspec.structs.replace(args, blocking=blocking, runner="sync" if blocking else "async")
        came = await suffer(once, tmp_path)
        came_to[came.said] += 1
        drawn = [line for line in read_trace(tmp_path / "trace") if line["event"] == "fault"]
        assert came.said in ("played on", "exited", "no_frame", "disconnected", "bad_data", "echo"), (drawn, came)
        assert came.left == [], (drawn, came)
        assert came.seconds < BOUND_S, (drawn, came)
        assert max(saved_frames(tmp_path)) >= came.shown, (drawn, came)
        for path in tmp_path.glob("replays/*.slp"):
            path.unlink()
    print(f"{SOAK} faults: {dict(came_to)}")  # noqa: T201
