"""ProcessChild with real processes: starts, ends of every kind, hangs, descriptors, and the death of the parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
    ChildSpec,
    Crash,
    Killed,
    NoProc,
    Normal,
    Shutdown,
    SlotPool,
    StartError,
    SupFlags,
    map_slots,
    start_child,
    terminate_child,
)
from exphil_rt.actor.forkserver import forkserver_pid
from exphil_rt.actor.parent_death import end_leftover, start_time
from exphil_rt.testing.clocks import both_backends_real_time
from exphil_rt.testing.process_child import (
    ChildArgs,
    Die,
    Echo,
    Echoed,
    Hang,
    Proxy,
    QuickProxy,
    ReadFd,
    Spawn,
    ToChild,
)
from exphil_rt.testing.trees import StartedTree, start_tree

pytestmark = pytest.mark.usefixtures("forkserver")

DEADLINE_S = 20.0
LIMIT = SupFlags("one_for_one", 5, 60.0)


def proxy(args: object = None, **fields: object) -> ChildSpec:
    return ChildSpec(**{"id": "p", "name": "p", "start": Proxy, "args": args, **fields})  # type: ignore[arg-type]


async def until(condition: Callable[[], object]) -> None:
    """Wait for a fact about processes, which nobody announces."""
    with anyio.fail_after(DEADLINE_S):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.005)


def gone(pid: int) -> bool:
    """Whether no process of this pid runs (a zombie that nobody reaped yet does not run)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def os_pid(tree: StartedTree) -> int:
    return next((row.os_pid for row in tree.runtime.tree() if row.name == "p"), 0)


@both_backends_real_time
async def test_messages_go_to_the_process_and_come_back() -> None:
    async with start_tree(proxy()) as tree:
        assert await tree.runtime.call("p", Echo("hello")) == Echoed("hello")
        answer = await tree.runtime.call("p", Echo("long", 3_000_000))
        assert len(answer.padding) == 3_000_000
        pid = os_pid(tree)
        assert not gone(pid)
        assert os.getpgid(pid) == pid
        assert tree.runtime.tree()[1].detail == "turning"
    await until(lambda: gone(pid))


@both_backends_real_time
async def test_a_process_killed_from_outside_is_a_crash_with_its_last_words_and_a_restart() -> None:
    async with start_tree(proxy(), flags=LIMIT) as tree:
        old = tree.pid("p")
        tree.runtime.cast("p", Die(-signal.SIGKILL, "last words"))
        reason = await tree.runtime.wait_ended(old, DEADLINE_S)
        assert reason == Crash("ProcessExit", "testing process child ended by SIGKILL", "last words")
        await until(lambda: tree.runtime.whereis("p") is not None)
        assert await tree.runtime.call("p", Echo("again")) == Echoed("again")


@both_backends_real_time
async def test_exit_codes_become_reasons() -> None:
    for code, expected in ((0, Normal()), (3, Crash("ProcessExit", "testing process child ended by exit code 3", ""))):
        async with start_tree(proxy(restart="temporary")) as tree:
            pid = tree.pid("p")
            tree.runtime.cast("p", Die(code))
            assert await tree.runtime.wait_ended(pid, DEADLINE_S) == expected


@both_backends_real_time
async def test_an_exception_in_the_process_is_a_crash_with_its_traceback() -> None:
    async with start_tree() as tree:
        with pytest.raises(StartError, match="ended by exit code 1") as refused:
            await start_child("sup", proxy(ChildArgs(die_before_ready="no luck")))
        assert "RuntimeError: no luck" in str(refused.value)
        assert tree.runtime.whereis("p") is None


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (ChildArgs(ready_after_s=60.0), "not ready within 1 s"),
        (ChildArgs(phases_s=(60.0,)), "stayed in phase 1 for 1 s"),
    ],
)
@both_backends_real_time
async def test_a_process_that_is_not_ready_in_time_does_not_start_and_does_not_live_on(
    args: ChildArgs, says: str
) -> None:
    async with start_tree() as tree:
        started = time.monotonic()
        with pytest.raises(StartError, match=says):
            await start_child("sup", proxy(args, start=QuickProxy))
        assert time.monotonic() - started < 10.0
        assert tree.runtime.statistics().actors == 1


@both_backends_real_time
async def test_a_process_that_comes_on_while_it_starts_may_take_longer_than_one_phase_may() -> None:
    async with start_tree() as tree:
        started = time.monotonic()
        await start_child("sup", proxy(ChildArgs(phases_s=(0.4, 0.4, 0.4)), start=QuickProxy))
        assert time.monotonic() - started > QuickProxy.ready_s
        assert tree.runtime.whereis("p") is not None


@both_backends_real_time
async def test_a_process_that_hangs_is_found_by_its_missing_heartbeat() -> None:
    async with start_tree(proxy(start=QuickProxy), flags=LIMIT) as tree:
        old, process = tree.pid("p"), os_pid(tree)
        await anyio.sleep(1.5)  # longer than the deadline: an idle process beats while it waits for messages
        assert old.alive
        tree.runtime.cast("p", Hang())
        reason = await tree.runtime.wait_ended(old, DEADLINE_S)
        assert isinstance(reason, Crash)
        assert reason.type == "HeartbeatLost"
        assert "1 s in turning" in reason.text
        await until(lambda: gone(process))
        await until(lambda: tree.runtime.whereis("p") is not None)


@both_backends_real_time
async def test_an_obedient_process_ends_by_message() -> None:
    async with start_tree(proxy(shutdown=10.0)) as tree:
        started, process, pid = time.monotonic(), os_pid(tree), tree.pid("p")
        await terminate_child("sup", "p")
        assert pid.cell.reason == Shutdown()
        assert time.monotonic() - started < 3.0
        assert gone(process)


@both_backends_real_time
@pytest.mark.parametrize("deaf", [False, True])
async def test_the_shutdown_ladder_ends_what_does_not_obey(deaf: bool) -> None:
    args = ChildArgs(ignore_shutdown=True, ignore_sigterm=deaf)
    async with start_tree(proxy(args, shutdown=1.0)) as tree:
        started, process, pid = time.monotonic(), os_pid(tree), tree.pid("p")
        await terminate_child("sup", "p")
        took = time.monotonic() - started
        assert (0.85 if deaf else 0.55) < took < 5.0
        assert pid.cell.reason in (Shutdown(), Killed())
        await until(lambda: gone(process))


@both_backends_real_time
async def test_a_kill_ends_the_process_and_what_it_started() -> None:
    async with start_tree(proxy(restart="temporary")) as tree:
        process, pid = os_pid(tree), tree.pid("p")
        grandchild = (await tree.runtime.call("p", Spawn(wrap=False))).pid
        assert not gone(grandchild)
        tree.runtime.exit("p", Killed())
        assert await tree.runtime.wait_ended(pid, DEADLINE_S) == Killed()
        await until(lambda: gone(process) and gone(grandchild))


@both_backends_real_time
async def test_a_process_that_ends_by_itself_leaves_no_grandchild() -> None:
    async with start_tree(proxy(restart="temporary")) as tree:
        grandchild = (await tree.runtime.call("p", Spawn(wrap=False))).pid
        tree.runtime.cast("p", Die(0))
        await until(lambda: gone(grandchild))


@both_backends_real_time
async def test_what_the_process_sent_before_its_end_is_handled_first() -> None:
    async with start_tree(proxy(restart="temporary")) as tree:
        pid = tree.pid("p")
        answers: list[Echoed] = []

        async def ask() -> None:
            answers.append(await tree.runtime.call("p", Echo("x", 200_000)))

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)
            await anyio.sleep(0.01)
            tree.runtime.cast("p", Die(0))
        assert len(answers) == 10
        assert await tree.runtime.wait_ended(pid, DEADLINE_S) == Normal()


@both_backends_real_time
async def test_what_the_classes_do_not_name_is_refused() -> None:
    class Odd(msgspec.Struct, tag="odd"):
        pass

    class Mute(Proxy):
        receives = Odd

    async with start_tree(proxy(start=Mute, restart="temporary")) as tree:
        pid = tree.pid("p")
        with pytest.raises(NoProc, match=r"sent what Mute\.receives does not name"):
            await tree.runtime.call("p", Echo("x"))
        assert isinstance(await tree.runtime.wait_ended(pid, DEADLINE_S), Crash)


@both_backends_real_time
async def test_descriptors_and_slots_reach_the_process() -> None:
    pool = SlotPool(2, 100)
    try:
        view = map_slots(pool.fd, pool.count, pool.size)[0]
        view[:6] = b"shared"
        with tempfile.TemporaryFile() as file:
            file.write(b"a file")
            file.flush()
            async with start_tree(proxy((ChildArgs(), [file.fileno(), pool.fd]))) as tree:
                assert await tree.runtime.call("p", ReadFd(0)) == Echoed("a file")
                answer = await tree.runtime.call("p", ReadFd(1))
                assert answer.text.rstrip("\0") == "shared"
    finally:
        pool.close()


@both_backends_real_time
async def test_a_lost_forkserver_is_a_crash_of_its_processes_and_is_replaced() -> None:
    async with start_tree(proxy(), flags=LIMIT) as tree:
        old, process, server = tree.pid("p"), os_pid(tree), forkserver_pid()
        os.kill(server, signal.SIGKILL)
        reason = await tree.runtime.wait_ended(old, DEADLINE_S)
        assert isinstance(reason, Crash)
        await until(lambda: gone(process))
        await until(lambda: tree.runtime.whereis("p") is not None and os_pid(tree) > 0)
        assert await tree.runtime.call("p", Echo("again"), timeout=DEADLINE_S) == Echoed("again")
        assert forkserver_pid() not in (0, server)


@both_backends_real_time
async def test_open_descriptors_do_not_grow_over_restarts() -> None:
    async with start_tree(flags=LIMIT) as tree:

        async def once() -> int:
            pid = await start_child("sup", proxy(restart="temporary"))
            assert pid is not None
            tree.runtime.cast(pid, Die(-signal.SIGKILL))
            await tree.runtime.wait_ended(pid, DEADLINE_S)
            return len(os.listdir("/proc/self/fd"))

        first = await once()
        for _ in range(5):
            last = await once()
        assert last <= first


DAEMON = """
import anyio, sys
from exphil_rt.actor import start_forkserver
from exphil_rt.testing.process_child import Spawn
from exphil_rt.testing.trees import start_tree
from exphil_rt.testing.process_child import Proxy
from exphil_rt.actor import ChildSpec

async def main():
    async with start_tree(ChildSpec(id="p", name="p", start=Proxy)) as tree:
        plain = (await tree.runtime.call("p", Spawn(wrap=False))).pid
        wrapped = (await tree.runtime.call("p", Spawn(wrap=True))).pid
        print(tree.runtime.tree()[1].os_pid, plain, wrapped, flush=True)
        await anyio.sleep_forever()

start_forkserver()
anyio.run(main, backend="trio")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_killed_daemon(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", DAEMON], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        line = daemon.stdout.readline()
        pids = [int(word) for word in line.split()]
        assert len(pids) == 3
        assert not any(gone(pid) for pid in pids)
        daemon.send_signal(number)
        daemon.wait(DEADLINE_S)
        deadline = time.monotonic() + DEADLINE_S
        while not all(gone(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert [gone(pid) for pid in pids] == [True] * 3


def test_a_killed_forkserver_takes_its_processes_with_it() -> None:
    """The second link of the chain: the child's own parent-death signal."""
    program = DAEMON.replace("wrapped, flush", "wrapped, forkserver_pid(), flush").replace(
        "import start_forkserver", "import start_forkserver\nfrom exphil_rt.actor.forkserver import forkserver_pid"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        child, plain, grandchild, server = (int(word) for word in daemon.stdout.readline().split())
        started = start_time(child)
        daemon.send_signal(signal.SIGSTOP)  # it cannot help
        os.kill(server, signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        while not (gone(child) and gone(grandchild)) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert gone(child)
        assert gone(grandchild)
        daemon.kill()
        assert not gone(plain)  # nobody was left to end it: the next start does, by the child's group
        assert end_leftover(child, started)
        while not gone(plain) and time.monotonic() < deadline + DEADLINE_S:
            time.sleep(0.005)
        assert gone(plain)


def test_a_leftover_is_ended_only_if_it_is_the_same_process() -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as process:
        started = start_time(process.pid)
        assert started > 0
        assert not end_leftover(process.pid, started + 1)
        assert not gone(process.pid)
        assert end_leftover(process.pid, started)
        assert process.wait(DEADLINE_S) == -signal.SIGKILL
    assert not end_leftover(process.pid, started)
    assert start_time(2**22 + 1) == 0


def test_the_kernel_loads_nothing_heavy() -> None:
    code = "import sys, exphil_rt.actor; print([m for m in ('torch', 'numba', 'textual', 'melee') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_messages_of_the_test_child_are_a_union() -> None:
    assert isinstance(Echo("x"), ToChild)
