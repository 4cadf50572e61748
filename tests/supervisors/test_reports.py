"""What a person is told of an end."""

from __future__ import annotations

import anyio
import pytest

from exphil_rt.actor import (
    BlockedLoop,
    ChildSpec,
    Crash,
    FailedToStartChild,
    GenServer,
    LagMonitor,
    LagReport,
    LagSettings,
    Normal,
    Runtime,
    Shutdown,
    StartError,
    SupFlags,
    handle_cast,
    start_child,
)
from exphil_rt.messages.run import Note
from exphil_rt.testing.actors import Break, ProbeArgs, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import StaticSupervisor, Tree
from supervisors.reports import root_cause, tell_reports


class Listener(GenServer[list]):
    """Stands where telemetry does."""

    async def init(self, args):
        self.notes = args
        return []

    @handle_cast
    async def on_note(self, message: Note) -> None:
        self.notes.append(message)

    @handle_cast
    async def on_lag(self, message: LagReport) -> None:
        self.notes.append(message)

    @handle_cast
    async def on_break(self, message: Break) -> None:
        raise RuntimeError(message.text)


def tree(*children, flags=None):
    return ChildSpec(
        id="root", name="root", start=StaticSupervisor, args=Tree(children, flags or SupFlags(intensity=3))
    )


def listener(notes):
    return ChildSpec(id="telemetry", name="telemetry", start=Listener, args=notes)


async def settle():
    await anyio.sleep(1.0)


@both_backends
async def test_a_crash_is_one_event_with_its_cause_in_one_line():
    notes = []
    async with Runtime.open() as runtime:
        runtime.subscribe_reports(tell_reports(runtime))
        await runtime.start_root(tree(listener(notes), probe("trainer")))
        runtime.cast("trainer", Break("the disk\nis gone"))
        await settle()
        (note,) = notes
        assert (note.level, note.actor, note.event, note.author) == ("warn", "trainer", "child_exit", "root")
        assert "\n" not in note.text
        assert note.text.startswith("trainer: crashed: ")
        assert note.text.endswith("; it is restarted.")
        assert "RuntimeError" in note.report["trace"]


@both_backends
async def test_a_supervisor_that_gives_up_says_so():
    notes = []
    async with Runtime.open() as runtime:
        runtime.subscribe_reports(tell_reports(runtime))
        below = ChildSpec(
            id="games", name="games", start=StaticSupervisor, args=Tree((probe("runner"),), SupFlags(intensity=0))
        )
        await runtime.start_root(tree(listener(notes), below))
        runtime.cast("runner", Break())
        await settle()
        told = [(note.event, note.actor) for note in notes]
        assert told == [("child_exit", "runner"), ("shutdown", "runner"), ("child_exit", "games")]
        assert notes[1].text == "root/games gave up: runner was restarted too often."
        assert notes[1].level == "error"


@both_backends
async def test_a_start_that_fails_below_is_told_once():
    notes = []
    async with Runtime.open() as runtime:
        runtime.subscribe_reports(tell_reports(runtime))
        below = ChildSpec(
            id="games", name="games", start=StaticSupervisor, args=Tree((probe("runner", ProbeArgs(start="crash")),))
        )
        await runtime.start_root(tree(listener(notes)))
        with pytest.raises(StartError):
            await start_child("root", below)
        await settle()
        (note,) = notes
        assert note.actor == "runner"
        assert note.event == "start_error"
        assert "refuses to start" in note.text


@both_backends
async def test_a_crash_of_telemetry_itself_is_told_once_it_is_back():
    notes = []
    async with Runtime.open() as runtime:
        runtime.subscribe_reports(tell_reports(runtime))
        await runtime.start_root(tree(listener(notes)))
        runtime.cast("telemetry", Break("no screen"))
        await settle()
        assert [(note.actor, note.event) for note in notes] == [("telemetry", "child_exit")]


def blocked(actor="root/learning/experience", message="SlotFilled", cause="blocked"):
    return BlockedLoop(cause=cause, lag_ms=350.4, run_queue_ms=50.0, actor=actor, message=message, stack="File ...")


@both_backends
async def test_who_blocked_the_loop_is_told_once_a_minute():
    notes = []
    async with Runtime.open() as runtime:
        runtime.subscribe_reports(tell_reports(runtime))
        await runtime.start_root(tree(listener(notes)))
        for _ in range(3):
            runtime.report(blocked())
        runtime.report(blocked(message="Other"))
        runtime.report(blocked(actor="", message=""))
        runtime.report(blocked(cause="contention"))
        await settle()
        assert [(note.level, note.actor, note.event, note.text) for note in notes] == [
            ("warn", "experience", "loop_blocked", "experience held up the daemon for 300 ms with SlotFilled."),
            ("warn", "experience", "loop_blocked", "experience held up the daemon for 300 ms with Other."),
            ("warn", "lag_monitor", "loop_blocked", "something held up the daemon for 300 ms."),
        ]
        assert notes[0].report == {"lag_ms": "350", "run_queue_ms": "50", "stack": "File ..."}
        await anyio.sleep(60.0)
        runtime.report(blocked())
        await settle()
        assert len(notes) == 4


@both_backends
async def test_the_lag_of_the_loop_reaches_telemetry():
    notes = []
    async with Runtime.open() as runtime:
        runtime.subscribe_reports(tell_reports(runtime))
        spec = ChildSpec(id="lag_monitor", name="lag_monitor", start=LagMonitor, args=LagSettings(window_s=0.02))
        await runtime.start_root(tree(listener(notes), spec))
        with anyio.fail_after(3600.0):  # of virtual time, while the monitor's own clock is real
            while not notes:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert isinstance(notes[0], LagReport)
        assert notes[0].ticks > 0


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (Crash("ProcessExit", "training worker ended by SIGKILL", ""), "crashed: training worker ended by SIGKILL"),
        (Crash("ActorError", "not ready\nFileNotFoundError: no v1", ""), "crashed: FileNotFoundError: no v1"),
        (Crash("Oops", "", ""), "crashed: Oops"),
        (Shutdown(FailedToStartChild("trainer", Crash("E", "no bundle", ""))), "trainer crashed: no bundle"),
        (
            Shutdown(FailedToStartChild("learning", Shutdown(FailedToStartChild("founder", Crash("E", "bad", ""))))),
            "founder crashed: bad",
        ),
    ],
)
def test_the_root_cause_is_one_line(reason, line):
    assert root_cause(reason) == line


def test_a_normal_end_is_described():
    assert "\n" not in root_cause(Normal())
    assert root_cause(Normal())
