"""``attach``, and ``exphil-rt`` alone: open the terminal client on a live run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from exphil_rt.cli.config import resolve
from exphil_rt.cli.output import say
from exphil_rt.control.framing import DaemonNotRunning
from exphil_rt.control.sync import find_live_run
from exphil_rt.errors import ExphilError


class NoTerminal(ExphilError):
    """A full-screen client without a terminal to draw on."""


def attach(
    run: str | None = None,
    *,
    readonly: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Open the terminal client on a live run. Leaving it does not end the run.

    Args:
        run: name of the run; the only live one by default.
        readonly: look only: refuse everything that changes the run.
    """
    name, socket = find_live_run(run)
    open_client(name, socket, readonly=readonly)


def open_or_start() -> int:
    """What ``exphil-rt`` alone does: attach to the live run, or begin self-play."""
    need_terminal()
    try:
        name, socket = find_live_run()
    except DaemonNotRunning:
        from exphil_rt.cli.self_play import self_play

        return self_play() or 0
    open_client(name, socket)
    return 0


def need_terminal() -> None:
    """Check that there is a terminal, before anything is started for its sake.

    Raises:
        NoTerminal: stdin or stdout is none.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal(
            "The terminal client needs a terminal.",
            hint="Without one, use `exphil-rt self-play --headless`, `exphil-rt status` or `exphil-rt logs -f`.",
        )


def open_client(run: str, socket: Path, *, readonly: bool = False, owns_daemon: bool = False) -> None:
    """Run the terminal client on the daemon at ``socket``, with the user's own settings of it.

    Raises:
        NoTerminal: stdin or stdout is none.
    """
    need_terminal()
    settings = resolve(None, (), ()).config.tui
    from tui.app import run_app

    left = run_app(
        socket,
        owns_daemon=owns_daemon,
        readonly=readonly,
        ascii_only=settings.ascii,
        theme=settings.theme,
        refresh_hz=settings.refresh_hz,
        exhibition_hz=settings.exhibition_hz,
    )
    if left != "stopped":
        say(f"The run {run} goes on. next: exphil-rt attach, or exphil-rt daemon stop")
