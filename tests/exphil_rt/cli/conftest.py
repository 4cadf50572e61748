"""A home of its own for every test of the command line, and a daemon that answers without a tree behind it."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from exphil_rt.cli import app
from exphil_rt.config import load_config
from exphil_rt.control.server import Hub, serve
from exphil_rt.control.wire import (
    PROTOCOL,
    Answer,
    Command,
    Done,
    GetOverview,
    GetStatus,
    Hello,
    OverviewReply,
    Refused,
    StatusReply,
    Stop,
)
from exphil_rt.messages.telemetry import ActorNode, Overview, RunStatus
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """An empty home; sockets and settings of the person who runs the tests are out of sight."""
    with tempfile.TemporaryDirectory(prefix="ert") as folder:  # short: a socket's path is limited
        runtime = Path(folder) / "runtime"
        runtime.mkdir(mode=0o700)
        for name in [name for name in os.environ if name.startswith("EXPHIL_RT_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("EXPHIL_RT_HOME", f"{folder}/home")
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        monkeypatch.setenv("XDG_CONFIG_HOME", f"{folder}/config")
        monkeypatch.chdir(folder)
        yield Home.find()


@dataclass
class Outcome:
    """How a command line ended."""

    code: int
    out: str
    err: str

    def sentence(self) -> str:
        """The one line that a failure prints."""
        assert self.err.startswith("exphil-rt: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("exphil-rt: ").strip()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], home: Home) -> Callable[..., Outcome]:
    """Carry out a command line in this process."""

    def carry_out(*argv: str) -> Outcome:
        capsys.readouterr()
        code = app.run(argv)
        return Outcome(code, *capsys.readouterr())

    return carry_out


STATUS = RunStatus(
    run="steady-fox-01",
    state="running",
    version="0.1.0",
    daemon_pid=4242,
    uptime_s=8077.0,
    frames=1_200_000,
    target_frames=3_200_000,
    frames_per_s=9800.0,
    games=16,
    policy="steady-fox-01@v7",
    origin="learning from zero",
    delay=0,
    win_rate_vs_first=0.75,
    eta_s=204.0,
)
TREE = (
    ActorNode(path="root", name="root", depth=0, kind="supervisor", strategy="rest_for_one", uptime_s=10.0),
    ActorNode(
        path="root/trainer", name="trainer", depth=1, kind="worker", mailbox=3, mailbox_cap=64, restarts=2, os_pid=77
    ),
)


@dataclass
class StandIn:
    """A daemon of a run: it holds the lock and the socket, and answers from constants."""

    run: Run
    said: list[tuple[Command, str]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    ready: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread = field(init=False)

    async def handle(self, command: Command, author: str) -> Answer:
        self.said.append((command, author))
        match command:
            case GetStatus():
                return StatusReply(STATUS)
            case GetOverview():
                return OverviewReply(Overview(status=STATUS, tree=TREE))
            case Stop():
                self.stopped.set()
                return Done("stopping")
            case _:
                return Refused("The stand-in does not do that.", "Ask a daemon.")

    def live(self) -> None:
        """Serve until stopped."""

        async def main() -> None:
            hello = Hello(protocol=PROTOCOL, version="0.1.0", run=self.run.name, pid=os.getpid())
            async with anyio.create_task_group() as group:
                await group.start(serve, self.run.socket, hello, self.handle, Hub())
                self.ready.set()
                await anyio.to_thread.run_sync(self.stopped.wait, 30)
                await anyio.sleep(0.05)  # the answer to Stop goes out
                group.cancel_scope.cancel()

        with self.run.lock():
            anyio.run(main, backend="trio")


@contextmanager
def stand_in(home: Home, name: str) -> Iterator[StandIn]:
    """A live run of this name."""
    daemon = StandIn(Run.create(home, load_config(env={}), name))
    daemon.thread = threading.Thread(target=daemon.live)
    daemon.thread.start()
    try:
        assert daemon.ready.wait(10)
        yield daemon
    finally:
        daemon.stopped.set()
        daemon.thread.join(10)
        assert not daemon.thread.is_alive()


@pytest.fixture
def daemon(home: Home) -> Iterator[StandIn]:
    with stand_in(home, "steady-fox-01") as found:
        yield found


@pytest.fixture
def second_daemon(home: Home) -> Iterator[StandIn]:
    with stand_in(home, "wry-link-02") as found:
        yield found
