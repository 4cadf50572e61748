"""The runtime: its last step under actors that refuse to end, its reports, and the page on adding an actor."""

from __future__ import annotations

import subprocess
import sys

import anyio
import pytest

from exphil_rt.actor import (
    Crash,
    CrashReport,
    Killed,
    NoProc,
    ProgressReport,
    Report,
    Runtime,
    SupervisorReport,
    handle_cast,
)
from exphil_rt.actor.runtime import EXIT_ZOMBIES
from exphil_rt.testing.actors import Break, Probe, probe
from exphil_rt.testing.clocks import BACKENDS, Backend, both_backends
from exphil_rt.testing.trees import start_tree

ZOMBIE = """
import anyio
from exphil_rt.actor import Runtime
from exphil_rt.testing.actors import SleepFor, probe

async def main():
    async with Runtime.open(stop_deadline=0.2, exit_on_zombies=True) as runtime:
        await runtime.start_root(probe("a", shutdown=0.1))
        runtime.cast("a", SleepFor(None, shielded=True))
        await anyio.sleep(0.05)

anyio.run(main, backend={backend!r})
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_daemon_ends_under_an_actor_that_refuses_to(backend: Backend) -> None:
    done = subprocess.run([sys.executable, "-c", ZOMBIE.format(backend=backend)], timeout=60, check=False)
    assert done.returncode == EXIT_ZOMBIES


@both_backends
async def test_reports_tell_starts_and_ends_and_a_subscriber_that_fails_harms_nobody() -> None:
    got: list[Report] = []

    def fails(report: Report) -> None:
        raise RuntimeError("subscriber")

    async with start_tree(probe("a")) as tree:
        tree.runtime.subscribe_reports(fails)
        unsubscribe = tree.runtime.subscribe_reports(got.append)
        tree.runtime.cast("a", Break("why"))
        await anyio.sleep(0.001)
        crashed, ended, started = got
        assert isinstance(crashed, CrashReport)
        assert isinstance(ended, SupervisorReport)
        assert (ended.supervisor, ended.context, ended.child, ended.restart_in_s) == ("sup", "child_terminated", "a", 0)
        assert isinstance(started, ProgressReport)
        assert (started.child, started.pid, started.restarts) == ("a", tree.pid("a").number, 1)
        unsubscribe()
        await anyio.sleep(10.0)
        tree.runtime.exit("a", Killed())
        await anyio.sleep(0.001)
        assert len(got) == 3
        assert tree.pid("a").alive


@both_backends
async def test_waiting_for_what_never_was_or_does_not_end() -> None:
    async with Runtime.open() as runtime:
        with pytest.raises(NoProc):
            await runtime.wait_root(1.0)
        with pytest.raises(NoProc):
            await runtime.wait_ended("nobody", 1.0)
        pid = await runtime.start_root(probe("a"))
        with pytest.raises(TimeoutError):
            await runtime.wait_ended(pid, 1.0)


@both_backends
async def test_several_roots_stop_last_first() -> None:
    from exphil_rt.testing.actors import ProbeArgs

    diary: list[str] = []
    async with Runtime.open() as runtime:
        for name in "abc":
            await runtime.start_root(probe(name, ProbeArgs(diary=diary)))
        assert [row.path for row in runtime.tree()] == ["a", "b", "c"]
    assert diary == ["+a", "+b", "+c", "-c", "-b", "-a"]


@both_backends
async def test_an_actor_cannot_wait_for_its_own_runtime_to_stop() -> None:
    class Suicidal(Probe):
        @handle_cast
        async def stop_all(self, message: Break) -> None:
            await self.runtime.stop()

    async with start_tree(probe("a", start=Suicidal, restart="temporary")) as tree:
        pid = tree.pid("a")
        tree.runtime.cast("a", Break())
        reason = await tree.runtime.wait_ended(pid, 1.0)
        assert isinstance(reason, Crash)
        assert "wait for its own end" in reason.text
