"""Real daemons of small runs: their processes, their sockets, their run folders."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from exphil_rt.actor.parent_death import start_time
from exphil_rt.control.framing import ControlError
from exphil_rt.control.sync import SyncClient
from exphil_rt.messages.telemetry import ActorNode, Event, Overview, RunStatus
from exphil_rt.sim.jit import cache_root
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run

T = TypeVar("T")
START_S = 300.0
"""A machine that has not compiled the game yet does so first."""
SMALL = (
    *("--games", "2", "--max-episode-frames", "200", "--frame-delay", "0", "--character", "fox"),
    *("--set", "rollout.length=16", "--set", "policy.hidden=16", "--set", "train.minibatches=1"),
    *("--set", "train.epochs=1", "--set", "train.publish_every_frames=1000", "--set", "league.calibration_games=2"),
    *("--set", "daemon.start_deadline_s=300"),
)


def until(look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first true answer of ``look``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:g} s")


class Place:
    """A home of its own, and the command line in it."""

    small = SMALL
    until = staticmethod(until)

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home").create()
        (self.home.cache / "sim").symlink_to(cache_root(), target_is_directory=True)
        runtime = folder / "run"
        runtime.mkdir(mode=0o700)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("EXPHIL_RT_")}
        self.env = ours | {
            "EXPHIL_RT_HOME": str(self.home.root),
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "TMPDIR": str(folder),
        }
        self.folder = folder
        self.started: list[Process] = []

    def start(self, *argv: str, **options: object) -> Process:
        """A command line that runs beside the test."""
        process = Process(self, argv, **options)
        self.started.append(process)
        return process

    def do(self, *argv: str, seconds: float = 120.0) -> subprocess.CompletedProcess[str]:
        """A command line, carried out to its end."""
        return subprocess.run(
            [sys.executable, "-m", "exphil_rt.cli.app", *argv],
            env=self.env, cwd=self.folder, text=True, capture_output=True, timeout=seconds, check=False,
        )  # fmt: skip

    def live(self, name: str) -> Live:
        """The run once its daemon answers."""
        return Live(Run(self.home, name))

    @staticmethod
    def living(processes: dict[int, int]) -> list[int]:
        """Those of ``Live.processes`` that have not ended; a zombie has."""
        found = []
        for pid, started in processes.items():
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and start_time(pid) == started:
                    found.append(pid)
        return found

    def end(self) -> None:
        """Leave nothing behind: neither command lines nor daemons."""
        for run in self.home.runs.glob("*/run.db"):
            holder = Run(self.home, run.parent.name).holder()
            if holder is not None and holder.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(holder.pid, signal.SIGKILL)
        for process in self.started:
            process.end()


class Process:
    """A command line that runs."""

    def __init__(self, place: Place, argv: tuple[str, ...], **options: object) -> None:
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "exphil_rt.cli.app", *argv],
            env=place.env, cwd=place.folder, text=True, stdin=subprocess.DEVNULL,
            stdout=self._output, stderr=subprocess.STDOUT, **options,  # type: ignore[call-overload]
        )  # fmt: skip

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float = 90.0) -> int:
        return self._process.wait(seconds)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    @property
    def output(self) -> str:
        self._output.seek(0)
        return self._output.read()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)
        self._output.close()


class Live:
    """A run with a daemon."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.client = until(self._connect, f"the daemon of {run.name} answers", START_S)
        self.pid = self.client.hello.pid

    def _connect(self) -> SyncClient | None:
        if self.run.holder() is None:
            return None
        try:
            return SyncClient(self.run.socket, deadline=30.0)
        except ControlError:
            return None

    def again(self) -> None:
        """Connect anew."""
        self.client.close()
        self.client = until(self._connect, "the daemon answers")

    @property
    def overview(self) -> Overview:
        return self.client.overview()

    @property
    def status(self) -> RunStatus:
        return self.client.status()

    def node(self, name: str) -> ActorNode:
        return next(node for node in self.overview.tree if node.name == name)

    def events(self, name: str = "") -> list[Event]:
        return [event for event in self.overview.events if name in ("", event.event)]

    def plays_on(self, frames: int = 32, seconds: float = START_S) -> None:
        """Wait until this many more frames are learned."""
        before = self.status.frames
        until(lambda: self.status.frames >= before + frames, f"{frames} more frames", seconds)

    def processes(self) -> dict[int, int]:
        """Start times by pid of the daemon and of all that it started."""
        parents = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = entry.read_text().rpartition(")")[2].split()
                parents[int(entry.parent.name)] = int(fields[1])
        family = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return {pid: start_time(pid) for pid in family}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    if sys.platform != "linux":
        pytest.skip("looks into /proc")
    with tempfile.TemporaryDirectory(prefix="ert") as folder:  # short: a socket's path is limited
        found = Place(Path(folder))
        try:
            yield found
        finally:
            found.end()
