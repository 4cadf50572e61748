"""Turns the kernel's reports into notes for a person: one event for every child that ended otherwise than told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from exphil_rt.actor import Crash, DeadLetter, ExitReason, Runtime, Shutdown, SupervisorReport, describe
from exphil_rt.actor.children import FailedToStartChild
from exphil_rt.actor.reports import Report
from exphil_rt.messages.run import Note

KEPT: Final = 100


def tell_reports(runtime: Runtime) -> Callable[[Report], None]:
    """A subscriber for ``runtime.subscribe_reports`` that casts a Note for each supervisor report.

    What is reported while telemetry itself is down is told once it is back.
    """
    notes: deque[Note] = deque(maxlen=KEPT)

    def tell(report: Report) -> None:
        if isinstance(report, SupervisorReport) and not _told(report):
            notes.append(note_of(report))
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
