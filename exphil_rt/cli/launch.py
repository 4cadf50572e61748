"""Starting a run's daemon, and watching it from a command line until it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from exphil_rt.cli.output import say
from exphil_rt.control.framing import ControlError
from exphil_rt.control.sync import SyncClient
from exphil_rt.errors import ExphilError
from exphil_rt.store.home import Home
from exphil_rt.store.lock import RunLocked
from exphil_rt.store.run import Run, RunError

START_S: Final = 60.0
"""How long the daemon may take to open its socket; the games come later, on screen."""
OUTPUT: Final = "daemon.out"
"""What the daemon prints, among the run's logs: nothing, unless something is wrong."""
LAST_S: Final = 120.0
"""How long a daemon that is saving may go on after its socket closed."""


class DaemonFailed(ExphilError):
    """The daemon did not come up, or ended the run badly."""


def free_run(home: Home, name: str) -> Run:
    """A run that is there and that no daemon holds.

    Raises:
        RunError: it is not there, or is an imitation that is done.
        RunLocked: a daemon holds it.
    """
    found = Run.open(name, home)
    if found.plan_file.is_file():
        with found.reader() as database:
            if database.progress().ended == "done":
                raise RunError(f"The run {name} is over.", hint="`exphil-rt policies list` shows what it made.")
    holder = found.holder()
    if holder is not None:
        raise RunLocked(
            f"The run {name} already has a daemon (pid {holder.pid}).", hint=f"Watch it with `exphil-rt attach {name}`."
        )
    return found


def start_daemon(run: Run) -> subprocess.Popen[bytes]:
    """Start the run's daemon in a session of its own, and wait until its socket answers.

    Raises:
        DaemonFailed: it ended or does not answer; with what it printed last.
    """
    process = _launch(run)
    _await_answer(run, process)
    return process


def run_in_client(run: Run) -> subprocess.Popen[bytes]:
    """Start the run's daemon and open the terminal client on it until the person leaves; the daemon may live on.

    Raises:
        DaemonFailed: it ended or does not answer; with what it printed last.
    """
    from exphil_rt.cli.attach import open_client

    process = start_daemon(run)
    open_client(run.name, run.socket, owns_daemon=True)
    return process


def run_in_lines(run: Run, on_turn: Callable[[SyncClient], None], every: float) -> int:
    """Start the run's daemon and ask it every so many seconds until it has ended; its exit code.

    Ctrl-C and SIGTERM stop it, a second one leaves it.

    Args:
        run: whose daemon.
        on_turn: asks what it wants to know and tells it.
        every: seconds between two of these.

    Raises:
        DaemonFailed: it did not come up, or lives and does not answer.
    """
    process = _launch(run)
    with _stopping_on_signals(process):
        _await_answer(run, process)
        return _follow(run, process, on_turn, every)


def _launch(run: Run) -> subprocess.Popen[bytes]:
    with (run.logs / OUTPUT).open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "exphil_rt.cli.app", "daemon", "run", "--run", run.name],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=os.environ | {"EXPHIL_RT_HOME": str(run.home.root)},
        )


def _await_answer(run: Run, process: subprocess.Popen[bytes]) -> None:
    try:
        _poll_until_it_answers(run, process)
    except BaseException:  # also Ctrl-C: nobody knows of this daemon yet
        process.send_signal(signal.SIGTERM)
        raise
    say(f"run {run.name}  daemon pid {process.pid}  (exphil-rt status, attach, daemon stop)")


def _poll_until_it_answers(run: Run, process: subprocess.Popen[bytes]) -> None:
    output = run.logs / OUTPUT
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        code = process.poll()
        if code == 0:  # told to stop already
            return
        if code is not None:
            if code == -signal.SIGTERM:  # told to stop before it listened for that
                raise KeyboardInterrupt
            raise DaemonFailed(
                f"The daemon of {run.name} ended with exit code {code}: {_last_line(output)}", exit_code=max(code, 1)
            )
        try:
            with SyncClient(run.socket, deadline=2.0) as client:
                client.status()
        except ControlError:
            time.sleep(0.05)
        else:
            return
    raise DaemonFailed(
        f"The daemon of {run.name} did not answer within {START_S:.0f} s.",
        hint=f"See `exphil-rt logs --run {run.name}` and {output}.",
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("exphil-rt: ") if lines else "it said nothing."


def _follow(run: Run, process: subprocess.Popen[bytes], on_turn: Callable[[SyncClient], None], every: float) -> int:
    client: SyncClient | None = None
    heard, due = time.monotonic(), 0.0
    while (code := process.poll()) is None:
        try:
            if time.monotonic() >= due:
                client = client or SyncClient(run.socket)
                on_turn(client)
                heard = time.monotonic()
                due = heard + every
            time.sleep(min(0.2, every))
        except ControlError:  # an actor is being restarted, or the daemon ends and its exit code says how
            if client is not None:
                client.close()
                client = None
            if time.monotonic() - heard > LAST_S:
                raise DaemonFailed(
                    f"The daemon of {run.name} (pid {process.pid}) lives but has not answered for {LAST_S:.0f} s.",
                    hint=f"See `exphil-rt logs --run {run.name}`.",
                ) from None
            due = time.monotonic() + 0.5
    if client is not None:
        client.close()
    return code


def last_words(run: Run, code: int) -> str:
    """Why a daemon ended with this exit code, as it said itself."""
    return _last_line(run.logs / OUTPUT) if code > 0 else f"signal {-code}"


@contextlib.contextmanager
def _stopping_on_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Have the first Ctrl-C, or SIGTERM (of ``timeout``, say), stop the daemon, and a second one leave it."""
    asked: list[int] = []

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt
        process.send_signal(signal.SIGTERM)
        say("Saving and stopping; once more to leave it to itself.")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
