"""``logs``: print, filter and follow what a run's processes wrote into its log."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from exphil_rt.cli.logfiles import Line, LogReader
from exphil_rt.cli.options import Json, Run
from exphil_rt.cli.output import show
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run as StoredRun
from exphil_rt.store.run import RunError, list_runs, live_runs

POLL_S: Final = 0.25
LEVELS: Final = {"debug": 0, "info": 1, "warn": 2, "warning": 2, "error": 3, "critical": 3}
_SHOWN: Final = frozenset({"ts", "timestamp", "level", "lvl", "actor", "event", "text", "run", "logger", "exception"})


def logs(
    *,
    follow: Annotated[bool, Parameter(name=("--follow", "-f"), negative="")] = False,
    actor: str | None = None,
    level: Literal["debug", "info", "warn", "error"] = "debug",
    lines: Annotated[int | None, Parameter(name=("--lines", "-n"))] = None,
    run: Run = None,
    json: Json = False,
) -> None:
    """Print a run's log, of all its processes in the order of time.

    Args:
        follow: go on printing what is added, until interrupted.
        actor: only this actor and those below it: a path, or the last part of one.
        level: the lowest level to print.
        lines: only so many of the last lines.
        run: name of the run; the only live one by default, else the one that was used last.
        json: print the lines as they stand in the file.
    """
    reader = LogReader(find_logs(run))

    def chosen(found: Iterable[Line]) -> Iterable[Line]:
        return (line for line in found if wanted(line, actor, level))

    def put(found: Iterable[Line]) -> None:
        for line in found:
            show(line.raw if json else describe(line))
        sys.stdout.flush()

    try:
        first = chosen(reader.read())
        put(first if lines is None else deque(first, maxlen=max(lines, 0)))
        while follow:
            time.sleep(POLL_S)
            put(chosen(reader.read()))
    finally:
        reader.close()


def find_logs(run: str | None) -> Path:
    """The log folder of ``run``, of the only live run, or of the run that was used last.

    Raises:
        RunError: there is no run.
    """
    home = Home.find()
    if run is not None:
        return StoredRun.open(run, home).logs
    live, every = live_runs(home), list_runs(home)
    if not every:
        raise RunError(f"There are no runs in {home.runs}.", hint="Start one with `exphil-rt self-play`.", exit_code=1)
    if len(live) > 1:
        raise RunError(f"Several runs are live: {', '.join(one.name for one in live)}.", hint="Name one with --run.")
    return (live or every)[0].logs


def wanted(line: Line, actor: str | None, level: str) -> bool:
    """Whether a line passes the filters. One that is no JSON passes when no actor is asked for."""
    name = str(line.fields.get("actor", ""))
    if actor is not None and not (name == actor or f"/{name}/".find(f"/{actor.strip('/')}/") >= 0):
        return False
    return LEVELS.get(str(line.fields.get("level", line.fields.get("lvl", "error"))).lower(), 3) >= LEVELS[level]


def describe(line: Line) -> str:
    """A line for a person: time of day, level, actor, event, the rest as ``name=value``."""
    fields = line.fields
    if not fields:
        return line.raw
    level = str(fields.get("level", fields.get("lvl", ""))).upper().replace("WARNING", "WARN")
    parts = [_time_of_day(line.stamp), f"{level:<5}", str(fields.get("actor", fields.get("logger", "-")))]
    parts += [str(fields.get("event", "")), str(fields.get("text", ""))]
    actor = fields.get("actor")
    parts += [
        f"{name}={value}"
        for name, value in fields.items()
        if name not in _SHOWN and not (name == "author" and value == actor)
    ]
    text = "  ".join(part for part in parts if part)
    trace = fields.get("exception")
    return f"{text}\n{trace}" if isinstance(trace, str) else text


def _time_of_day(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return stamp
