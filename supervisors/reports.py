"""Turns the kernel's reports into notes for a person: one event for every child that ended otherwise than told."""

from __future__ import annotations

from collections.abc import Callable

from exphil_rt.actor import Crash, Runtime, SupervisorReport, describe
from exphil_rt.actor.reports import Report
from exphil_rt.messages.run import Note


def tell_reports(runtime: Runtime) -> Callable[[Report], None]:
    """A subscriber for ``runtime.subscribe_reports`` that casts a Note for each supervisor report."""

    def tell(report: Report) -> None:
        if not isinstance(report, SupervisorReport) or runtime.whereis("telemetry") is None:
            return
        who = report.name or report.child
        match report.context:
            case "shutdown":
                text = f"{report.supervisor} gave up: {who} was restarted too often."
            case "zombie":
                text = f"{who} does not end and was dropped from the tree."
            case "start_error":
                text = f"{who} could not be started: it {describe(report.reason)}"
            case _:
                text = f"{who} {describe(report.reason)}"
        if report.context in ("child_terminated", "start_error") and report.restart != "temporary":
            wait = f" in {report.restart_in_s:.1f} s" if report.restart_in_s else ""
            text = f"{text.rstrip('.')}; it is restarted{wait}."
        trace = report.reason.trace if isinstance(report.reason, Crash) else ""
        runtime.cast(
            "telemetry",
            Note(
                level="warn" if report.context in ("child_terminated", "shutdown_error") else "error",
                actor=who,
                event="child_exit" if report.context == "child_terminated" else report.context,
                text=text,
                author=report.supervisor,
                report={"restarts": str(report.restarts), "restart": report.restart, "trace": trace[-4000:]},
            ),
        )

    return tell
