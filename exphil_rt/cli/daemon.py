"""``daemon start``, ``stop`` and ``status``: the process that holds a run, seen from outside."""

from __future__ import annotations

import time
from typing import Final

from exphil_rt.cli.config import resolve
from exphil_rt.cli.options import ConfigFiles, Json, Preset, Run, Settings
from exphil_rt.cli.output import say, show, show_json
from exphil_rt.config import ConfigError
from exphil_rt.control.framing import DaemonGone
from exphil_rt.control.sync import SyncClient, find_live_run
from exphil_rt.control.wire import Stop
from exphil_rt.errors import ExphilError
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run as StoredRun
from exphil_rt.store.run import live_runs

STOP_S: Final = 120.0
"""How long an orderly stop may take: a checkpoint, then the tree in reverse order."""


class StopFailed(ExphilError):
    """A daemon that was told to stop and is still there."""


def start(
    *,
    resume: str | None = None,
    run: Run = None,
    preset: Preset = None,
    config: ConfigFiles = (),
    settings: Settings = (),
) -> None:
    """Start a run in the background, a new one or one to go on with; returns when its daemon answers.

    Args:
        resume: go on with this run, with its own settings.
        run: name of the new run; one is made up without it.
        preset: a named set of settings.
        config: a settings file; may be repeated, the last one wins.
        settings: one setting, as section.key=value; may be repeated.
    """
    from exphil_rt.cli.launch import free_run, start_daemon

    home = Home.find()
    if resume is not None:
        found = free_run(home, resume)
        if preset or config or settings or run:
            raise ConfigError(
                "A run is gone on with here as it is, with its own settings.",
                hint=f"Give changes to `{found.resume_command}`, which says what may change.",
            )
    else:
        found = StoredRun.create(home, resolve(preset, config, settings, {"run.name": run}))
    start_daemon(found)
    show(found.name)
    say("next: exphil-rt attach, or exphil-rt daemon stop")


def stop(*, run: Run = None, timeout: float = STOP_S) -> None:
    """Checkpoint, stop the tree in reverse order, end the daemon; returns when it has ended.

    Args:
        run: name of the run; the only live one by default.
        timeout: seconds to wait.
    """
    name, socket = find_live_run(run)
    until = time.monotonic() + timeout
    stored = StoredRun(Home.find(), name)
    say(f"Stopping {name} ...")
    with SyncClient(socket) as client:
        try:
            client.do(Stop(), timeout)
        except DaemonGone:
            if stored.holder() is not None and time.monotonic() >= until:
                raise
    while (holder := stored.holder()) is not None:
        if time.monotonic() >= until:
            raise StopFailed(
                f"The daemon of {name} (pid {holder.pid}) has not ended within {timeout:g} s.",
                hint=f"See `exphil-rt logs --run {name}`; `kill -9 {holder.pid}` loses nothing that was committed.",
            )
        time.sleep(0.05)
    show(f"Stopped {name}.")
    say(f"next: {stored.resume_command}")


def status(*, json: Json = False) -> int:
    """Say which daemons run: exit code 0 when one does, else 3.

    Args:
        json: print them as JSON.
    """
    found = [(run.name, holder) for run in live_runs(Home.find()) if (holder := run.holder()) is not None]
    if json:
        show_json([{"run": name, "pid": holder.pid, "socket": holder.socket} for name, holder in found])
    else:
        for name, holder in found:
            show(f"{name}  pid {holder.pid}  {holder.socket}")
        if not found:
            say("No daemon is running.")
    return 0 if found else 3
