"""Turns the kernel's reports into what telemetry tells a person.

One note for every child that ended otherwise than told, and for what blocked the daemon's loop; the loop's lag as is.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

from exphil_rt.actor import (
    BlockedLoop,
    Crash,
    DeadLetter,
    ExitReason,
    LagReport,
    Runtime,
    Shutdown,
    SupervisorReport,
    describe,
)
from exphil_rt.actor.children import FailedToStartChild
from exphil_rt.actor.reports import Report
from exphil_rt.messages.run import Note

KEPT: Final = 100
BLOCKED_EVERY_S: Final = 60.0
"""An actor that blocks the loop with the same kind of message again and again is told once in so long."""


def tell_reports(runtime: Runtime) -> Callable[[Report], None]:
    """A subscriber for ``runtime.subscribe_reports`` that casts Notes, and each LagReport, to telemetry.

    What is reported while telemetry itself is down is told once it is back.
    """
    notes: deque[Note | LagReport] = deque(maxlen=KEPT)
    blocked_at: dict[tuple[str, str], float] = {}

    def tell(report: Report) -> None:
        match report:
            case SupervisorReport() if not _told(report):
                notes.append(note_of(report))
            case BlockedLoop(cause="blocked"):
                now, culprit = runtime.loop.now(), (report.actor, report.message)
                if now - blocked_at.get(culprit, -math.inf) >= BLOCKED_EVERY_S:
                    blocked_at[culprit] = now
                    notes.append(blocked_note_of(report))
            case LagReport():
                notes.append(report)
        if notes and not isinstance(report, DeadLetter) and runtime.whereis("telemetry") is not None:
            waiting = list(notes)
            notes.clear()
            for one in waiting:
                runtime.cast("telemetry", one)

    return tell


def note_of(report: SupervisorReport) -> Note:
    """What a person is told of it."""
    who = report.name or report.child
    match report.context:
        case "shutdown":
            text = f"{report.supervisor} gave up: {who} was restarted too often."
        case "zombie":
            text = f"{who} does not end and was dropped from the tree."
        case "start_error":
            text = f"{who} could not be started: {root_cause(report.reason)}"
        case _:
            text = f"{who}: {root_cause(report.reason)}"
    if report.context in ("child_terminated", "start_error") and report.restart != "temporary":
        wait = f" in {report.restart_in_s:.1f} s" if report.restart_in_s else ""
        text = f"{text.rstrip('.')}; it is restarted{wait}."
    trace = report.reason.trace if isinstance(report.reason, Crash) else ""
    return Note(
        level="warn" if report.context in ("child_terminated", "shutdown_error") else "error",
        actor=who,
        event="child_exit" if report.context == "child_terminated" else report.context,
        text=text,
        author=report.supervisor,
        report={"restarts": str(report.restarts), "restart": report.restart, "trace": trace[-4000:]},
    )


def blocked_note_of(report: BlockedLoop) -> Note:
    """What a person is told of it."""
    who = report.actor.rpartition("/")[2] or "something"
    what = f" with {report.message}" if report.message else ""
    return Note(
        level="warn",
        actor=who if report.actor else "lag_monitor",
        event="loop_blocked",
        text=f"{who} held up the daemon for {report.lag_ms - report.run_queue_ms:.0f} ms{what}.",
        author="lag_monitor",
        report={"lag_ms": f"{report.lag_ms:.0f}", "run_queue_ms": f"{report.run_queue_ms:.0f}", "stack": report.stack},
    )


def _told(report: SupervisorReport) -> bool:
    """Whether it only passes on what the supervisor below has reported."""
    reason = report.reason
    return isinstance(reason, Shutdown) and isinstance(reason.info, FailedToStartChild)


def root_cause(reason: ExitReason) -> str:
    """What lies behind an end, in one line: the child that failed to start, the last line of what a crash said."""
    while isinstance(reason, Shutdown) and isinstance(reason.info, FailedToStartChild):
        if not isinstance(reason.info.reason, Shutdown):
            return f"{reason.info.id} {root_cause(reason.info.reason)}"
        reason = reason.info.reason
    if isinstance(reason, Crash):
        said = [line for text in (reason.text, reason.trace) for line in text.strip().splitlines()[-1:]]
        return f"crashed: {said[0] if said else reason.type}"
    return describe(reason)
