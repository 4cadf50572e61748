"""How a report reads: OTP's ``format_log``, for people, and the structlog events that carry it.

Values are rendered to a bounded depth and length, so that no state, however large, costs more than a look at its edge.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import structlog

from exphil_rt.actor.reasons import Crash, ExitReason, describe
from exphil_rt.actor.reports import (
    BlockedLoop,
    CrashReport,
    DeadLetter,
    LagReport,
    ProgressReport,
    Report,
    SupervisorReport,
)

_DEPTH: Final = 6
_ITEMS: Final = 10
_CHARS: Final = 4_000
_TEXT: Final = 1_000
_WORD: Final = 200
_CHILD: Final = ("pid", "child", "name", "start", "restart", "shutdown", "significant", "kind", "restarts")
_ERROR: Final = 40
_DEBUG: Final = 10


def format_log(
    report: Report, *, single_line: bool = False, depth: int = _DEPTH, chars_limit: int | None = _CHARS
) -> str:
    """The report as text.

    Args:
        single_line: only what matters, in one line.
        depth: how deep into values; what lies deeper is ``...``.
        chars_limit: most characters; None for all.
    """
    parts = _brief(report, depth) if single_line else _whole(report, depth)
    if single_line:
        text = " ".join(f"{head[:1].upper()}{head[1:]}: {value}.".replace("\n", " ") for head, value in parts)
    else:
        text = "".join(f"    {head}: {value}\n" for head, value in parts)
    return text if chars_limit is None or len(text) <= chars_limit else text[: max(chars_limit - 3, 0)] + "..."


def log_report(log: Any, report: Report) -> None:
    """Write the report as a structlog event: crashes and supervisor reports as errors, starts for debugging.

    Starts only where structlog was configured: without that it prints everything, and a start is no news.
    """
    if isinstance(report, ProgressReport):  # the most common one first
        if structlog.is_configured() and _enabled(log, _DEBUG):
            log.debug("progress_report", supervisor=report.supervisor, started=_child(report))
    elif isinstance(report, DeadLetter | LagReport | BlockedLoop):  # counted and logged where they are made
        return
    elif _enabled(log, _ERROR):
        if isinstance(report, CrashReport):
            log.error("crash_report", **dict(_whole(report, _DEPTH)))
        else:
            log.error(
                "supervisor_report",
                supervisor=report.supervisor,
                context=report.context,
                reason=describe(report.reason),
                offender=_child(report),
                restart_in_s=report.restart_in_s,
            )


def short(value: Any, depth: int = _DEPTH, limit: int = _TEXT) -> str:
    """``repr`` with an end: containers and Structs to ``depth``, ten members each, ``limit`` characters.

    Nothing is rendered beyond that end, so the cost does not depend on the value's size.
    """
    text = ""
    for chunk in _chunks(value, depth):
        text += chunk
        if len(text) > limit:
            return text[: limit - 3] + "..."
    return text


def _chunks(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield repr(value if len(value) <= _WORD else value[:_WORD] + "...")
    elif isinstance(value, bytes | bytearray | memoryview):
        yield f"<{len(value)} bytes>"
    elif isinstance(value, msgspec.Struct):
        names = value.__struct_fields__
        members = ((f"{name}=", getattr(value, name, None)) for name in names)
        yield from _group(f"{type(value).__name__}()", members, depth)
    elif isinstance(value, Mapping):
        yield from _group("{}", ((f"{short(key, 1, _WORD)}: ", item) for key, item in value.items()), depth)
    elif isinstance(value, list | tuple | set | frozenset):
        brackets = "[]" if isinstance(value, list) else "()" if isinstance(value, tuple) else "{}"
        yield from _group(brackets, (("", item) for item in value), depth)
    else:
        try:
            yield repr(value)
        except Exception as error:
            yield f"<{type(value).__name__}: repr failed with {type(error).__name__}>"


def _group(brackets: str, members: Iterator[tuple[str, Any]], depth: int) -> Iterator[str]:
    yield brackets[:-1]
    between = ""
    for head, member in itertools.islice(members, _ITEMS if depth > 1 else 0):
        yield f"{between}{head}"
        yield from _chunks(member, depth - 1)
        between = ", "
    if next(members, None) is not None:
        yield f"{between}..."
    yield brackets[-1]


def _reason(reason: ExitReason, depth: int) -> str:
    info = getattr(reason, "info", None)
    return describe(reason) if info is None else f"was shut down ({short(info, depth - 1)})"


def _child(report: SupervisorReport | ProgressReport) -> dict[str, Any]:
    return {"id" if name == "child" else name: getattr(report, name) for name in _CHILD}


def _whole(report: Report, depth: int) -> list[tuple[str, Any]]:
    match report:
        case SupervisorReport():
            offender = ", ".join(f"{name}={short(value, depth)}" for name, value in _child(report).items())
            lines = [("supervisor", report.supervisor), ("context", report.context)]
            return [*lines, ("reason", _reason(report.reason, depth)), ("offender", offender), *_trace(report.reason)]
        case ProgressReport():
            started = ", ".join(f"{name}={short(value, depth)}" for name, value in _child(report).items())
            return [("supervisor", report.supervisor), ("started", started)]
        case CrashReport():
            return [
                ("actor", report.actor),
                ("pid", report.pid),
                ("start", report.start),
                ("reason", _reason(report.reason, depth)),
                ("message", short(report.message, depth)),
                ("state", short(report.state, depth)),
                ("waiting", report.waiting),
                ("links", short(report.links, depth)),
                ("uptime_s", round(report.uptime_s, 3)),
                *_trace(report.reason),
            ]
        case DeadLetter():
            return [("target", report.target), ("message", short(report.message, depth)), ("reason", report.reason)]
        case LagReport() | BlockedLoop():
            return _numbers(report)


def _numbers(report: LagReport | BlockedLoop) -> list[tuple[str, Any]]:
    values = msgspec.structs.asdict(report)
    return [(name, round(value, 3) if isinstance(value, float) else value) for name, value in values.items()]


def _brief(report: Report, depth: int) -> list[tuple[str, Any]]:
    match report:
        case SupervisorReport():
            offender = f"id={report.child},pid={report.pid}"
            lines = [("supervisor", report.supervisor), ("context", report.context)]
            return [*lines, ("reason", _reason(report.reason, depth)), ("offender", offender)]
        case ProgressReport():
            return [("supervisor", report.supervisor), ("started", f"id={report.child},pid={report.pid}")]
        case CrashReport():
            message = type(report.message).__name__
            return [("actor", report.actor), ("reason", _reason(report.reason, depth)), ("message", message)]
        case DeadLetter():
            return _whole(report, depth)
        case LagReport() | BlockedLoop():
            return [pair for pair in _numbers(report) if pair[0] != "stack"]


def _trace(reason: ExitReason) -> list[tuple[str, str]]:
    return [("trace", reason.trace)] if isinstance(reason, Crash) and reason.trace else []


def _enabled(log: Any, level: int) -> bool:
    """Whether it is worth building the event; loggers that cannot say get it."""
    ask = getattr(log, "is_enabled_for", None) or getattr(log, "isEnabledFor", None)
    return ask is None or bool(ask(level))


def bound_logger() -> Any:
    """A logger that is configured now, so that no report pays for looking that up."""
    return structlog.get_logger("exphil_rt.actor").bind()
