"""How reports read, and which structlog events carry them; format_log of OTP's supervisor_SUITE by its own names."""

from __future__ import annotations

from typing import Any

import anyio
import msgspec
import pytest
import structlog

from exphil_rt.actor import (
    Crash,
    CrashReport,
    DeadLetter,
    FailedToStartChild,
    Killed,
    ProgressReport,
    Shutdown,
    StartError,
    SupervisorReport,
    SupFlags,
    format_log,
    start_child,
    sys,
    terminate_child,
)
from exphil_rt.testing.actors import Break, Probe, SleepFor, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree

TERM = list(range(1, 16))
OFFENDER: dict[str, Any] = {
    "child": "any_id",
    "name": "",
    "restart": "temporary",
    "pid": 7,
    "start": "Probe",
    "shutdown": "brutal_kill",
}
REPORT = SupervisorReport(supervisor="my_supervisor", context="shutdown_error", reason=Shutdown(TERM), **OFFENDER)
PROGRESS = ProgressReport(supervisor="my_supervisor", **OFFENDER)
CHILD = (
    "pid=7, id='any_id', name='', start='Probe', restart='temporary', shutdown='brutal_kill', significant=False,"
    " kind='worker', restarts=0"
)


@both_backends
async def test_format_log_1() -> None:
    """Fields in OTP's order, one a line; values only to the given depth."""
    whole = format_log(REPORT, depth=20).splitlines()
    assert whole == [
        "    supervisor: my_supervisor",
        "    context: shutdown_error",
        "    reason: was shut down ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...])",
        f"    offender: {CHILD}",
    ]
    assert format_log(PROGRESS).splitlines() == ["    supervisor: my_supervisor", f"    started: {CHILD}"]
    assert "was shut down ([...])" in format_log(REPORT, depth=2)
    nested: Any = FailedToStartChild("inner", Shutdown(FailedToStartChild("bad", Crash("E", "boom", "x" * 100_000))))
    deep = SupervisorReport(supervisor="s", context="start_error", reason=Shutdown(nested), **OFFENDER)
    said = "was shut down (FailedToStartChild(id='inner', reason=Shutdown(info=FailedToStartChild(...))))"
    assert f"    reason: {said}" in format_log(deep, depth=4).splitlines()
    assert "boom" in format_log(deep)
    assert len(format_log(deep)) < 5000


@both_backends
async def test_format_log_2() -> None:
    """One line, and a limit of characters."""
    text = "Supervisor: my_supervisor. Context: shutdown_error. Reason: was shut down ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10,"
    assert format_log(REPORT, single_line=True) == f"{text} ...]). Offender: id=any_id,pid=7."
    assert format_log(PROGRESS, single_line=True) == "Supervisor: my_supervisor. Started: id=any_id,pid=7."
    for single_line in (False, True):
        for report in (REPORT, PROGRESS):
            whole = format_log(report, single_line=single_line, chars_limit=None)
            for limit in range(len(whole)):
                short = format_log(report, single_line=single_line, chars_limit=limit)
                assert len(short) <= max(limit, 3)
                assert whole.startswith(short[:-3])
            assert format_log(report, single_line=single_line, chars_limit=len(whole)) == whole
    letter = DeadLetter(target="a", message="first\nsecond", reason="full")
    assert format_log(letter, single_line=True) == "Target: a. Message: 'first\\nsecond'. Reason: full."


class Odd(msgspec.Struct):
    text: str = "x" * 1_000_000
    blob: bytes = b"y" * 1_000_000
    itself: Any = None
    failing: Any = None


class Failing:
    def __repr__(self) -> str:
        raise OSError


@both_backends
async def test_any_state_is_rendered_within_bounds() -> None:
    odd = Odd(failing=Failing())
    odd.itself = {"again": [odd] * 1_000_000}
    report = CrashReport(
        actor="a",
        name="",
        pid=1,
        start="A",
        reason=Crash("E", "t"),
        message=None,
        state=odd,
        waiting=0,
        links=(),
        uptime_s=1.0,
    )
    text = format_log(report)
    assert "<1000000 bytes>" in text
    assert "repr failed with OSError" in format_log(msgspec.structs.replace(report, state=Failing()))
    assert len(text) <= 4000


@both_backends
async def test_reports_are_structlog_events_with_otps_fields() -> None:
    config = structlog.get_config() if structlog.is_configured() else None
    structlog.configure()  # starts are logged where somebody configured
    try:
        with structlog.testing.capture_logs() as events:
            children = probe("a"), probe("slow", shutdown=0.5)
            async with start_tree(*children, flags=SupFlags("one_for_one", 1, 3600.0)) as tree:
                pid = tree.pid("a").number
                tree.runtime.cast("a", Break("why"))
                tree.runtime.cast("slow", SleepFor(None, shielded=False))
                await anyio.sleep(0.001)
                tree.runtime.exit("a", Killed())
                await anyio.sleep(1.0)
    finally:
        structlog.reset_defaults() if config is None else structlog.configure(**config)
    offender = {
        "pid": pid,
        "id": "a",
        "name": "a",
        "start": "Probe",
        "restart": "permanent",
        "shutdown": None,
        "significant": False,
        "kind": "worker",
        "restarts": 0,
    }
    started = [event["started"]["id"] for event in events if event["event"] == "progress_report"]
    assert started == ["a", "slow", "a"]
    crash = next(event for event in events if event["event"] == "crash_report")
    assert (crash["log_level"], crash["actor"], crash["start"]) == ("error", "sup/a", "Probe")
    assert (crash["reason"], crash["message"]) == ("crashed: RuntimeError: why", "Break(text='why')")
    assert "raise RuntimeError(message.text)" in crash["trace"]
    ends = [event for event in events if event["event"] == "supervisor_report"]
    assert [(event["context"], event["reason"]) for event in ends] == [
        ("child_terminated", "crashed: RuntimeError: why"),
        ("child_terminated", "was killed"),
        ("shutdown", "was shut down (reached_max_restart_intensity)"),
    ]
    assert ends[0]["offender"] == offender
    assert ends[0]["supervisor"] == "sup"


@both_backends
async def test_a_crash_report_tells_what_the_actor_was_doing() -> None:
    class Secretive(Probe):
        def format_status(self, state: Any) -> Any:
            return "hidden"

    async with start_tree(probe("a", start=Secretive), probe("b"), flags=SupFlags(intensity=9)) as tree:
        tree.runtime.cast("a", Break("first"))
        tree.runtime.cast("a", Break("never handled"))
        await anyio.sleep(0.5)
        (crash,) = [report for report in tree.reports if isinstance(report, CrashReport)]
        assert (crash.actor, crash.name, crash.message, crash.state) == ("sup/a", "a", Break("first"), "hidden")
        assert (crash.waiting, crash.links, crash.start.rpartition(".")[2]) == (1, (), "Secretive")
        assert "first" in format_log(crash, single_line=True)
        tree.reports.clear()
        tree.runtime.exit("b", Killed())  # ends that are no crash of the actor's own are its supervisor's to report
        await terminate_child("sup", "a")
        await sys.terminate("b", Shutdown("asked"))
        await anyio.sleep(0.5)
        assert not [report for report in tree.reports if isinstance(report, CrashReport)]


@both_backends
async def test_a_crash_in_a_task_or_in_init_is_reported_too() -> None:
    class Tasker(Probe):
        async def init(self, args: Any) -> Any:
            if args == "init":
                raise OSError("in init")
            self.start_task(self.fail)
            return await super().init(None)

        async def fail(self) -> None:
            await anyio.sleep(1.0)
            raise OSError("in a task")

    async with start_tree(probe("t", "task", start=Tasker, restart="temporary")) as tree:
        await anyio.sleep(2.0)
        reasons = [report.reason for report in tree.reports if isinstance(report, CrashReport)]
        assert [reason.text for reason in reasons if isinstance(reason, Crash)] == ["in a task"]
        with pytest.raises(StartError):
            await start_child("sup", probe("i", "init", start=Tasker))
        last = [report for report in tree.reports if isinstance(report, CrashReport)][-1]
        assert isinstance(last.reason, Crash)
        assert (last.reason.text, last.state) == ("in init", None)
