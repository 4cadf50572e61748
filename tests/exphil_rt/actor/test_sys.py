"""``sys`` on every kind of actor, also suspended ones; and code change with its roll-back; on both loops."""

from __future__ import annotations

import copy
from typing import Any

import anyio
import msgspec
import pytest

from exphil_rt.actor import (
    CallTimeout,
    ChildSpec,
    CodeChangeFailed,
    DynamicSupervisor,
    From,
    GenServer,
    Killed,
    MailboxSpec,
    NoProc,
    Normal,
    NotSuspended,
    Pid,
    ProcessChild,
    Shutdown,
    Supervisor,
    Timeout,
    handle_call,
    handle_cast,
    start_child,
    sys,
    which_children,
)
from exphil_rt.testing.actors import Break, Probe, Seen, SleepFor, WhoAreYou, dynamic, probe
from exphil_rt.testing.clocks import both_backends, both_backends_real_time
from exphil_rt.testing.process_child import Echo, Proxy
from exphil_rt.testing.trees import StaticSupervisor, start_tree

KINDS = ("worker", "pool", "sup")


class Add(msgspec.Struct, frozen=True):
    amount: int = 1


class Get(msgspec.Struct, frozen=True):
    pass


class Count(msgspec.Struct):
    value: int = 0
    who: Pid | None = None


class Counter(GenServer[Count]):
    async def init(self, args: Any) -> Count:
        return Count(who=self.pid)

    @handle_cast
    async def add(self, message: Add) -> None:
        self.state.value += message.amount

    @handle_call
    async def get(self, message: Get, sender: From) -> Any:
        return self.state.value


class Counts(msgspec.Struct):
    values: list[int]
    who: Pid | None


class CounterTwo(Counter):
    """The next version: keeps every amount."""

    vsn = 2
    mailbox = MailboxSpec(capacity=2, overflow="drop_new")

    def code_change(self, old_vsn: Any, state: Any, extra: Any) -> Any:
        assert old_vsn == 1
        return Counts([state.value, extra], state.who)

    @handle_cast
    async def add(self, message: Add) -> None:
        self.state.values.append(message.amount)

    @handle_call
    async def get(self, message: Get, sender: From) -> Any:
        return list(self.state.values)


def counter(**fields: Any) -> ChildSpec:
    return ChildSpec(**{"id": "c", "name": "c", "start": Counter, **fields})


async def settle() -> None:
    await anyio.sleep(0.001)


# Every kind, suspended or not


@both_backends
@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("name", KINDS)
async def test_every_request_is_served_by_every_kind_also_suspended(name: str, suspended: bool) -> None:
    async with start_tree(probe("worker"), dynamic("pool")) as tree:
        pid = tree.pid(name)
        if suspended:
            await sys.suspend(name)
        state = await sys.get_state(name)
        assert state is pid.cell.actor.state
        assert await sys.replace_state(name, copy.copy) is not state
        status = await sys.get_status(name)
        assert (status.pid, status.path, status.start) == (pid, pid.cell.path, type(pid.cell.actor))
        assert (status.suspended, status.kind) == (suspended, "worker" if name == "worker" else "supervisor")
        assert (await sys.statistics(name)).suspended == suspended
        assert isinstance(await sys.trace(name), tuple)
        if suspended:
            await sys.change_code(name, type(pid.cell.actor))
            await sys.resume(name)
        else:
            with pytest.raises(NotSuspended, match=f"{name} is not suspended"):
                await sys.change_code(name, type(pid.cell.actor))
        await (which_children(name) if name != "worker" else tree.runtime.call(name, WhoAreYou()))
        await sys.suspend(name)
        await sys.terminate(name, Shutdown("over"))
        assert await tree.runtime.wait_ended(pid, 1.0) == Shutdown("over")


@both_backends
async def test_a_suspended_actor_serves_nobody_else_until_it_is_resumed() -> None:
    async with start_tree(counter(), probe("other")) as tree:
        await sys.suspend("c")
        tree.runtime.cast("c", Add(2))
        with pytest.raises(CallTimeout):
            await tree.runtime.call("c", Get(), timeout=1.0)
        assert (await sys.statistics("c")).waiting == 2
        await sys.resume("c")
        assert await tree.runtime.call("c", Get()) == 2


@both_backends
async def test_a_suspended_supervisor_restarts_when_it_is_resumed() -> None:
    async with start_tree(probe("a")) as tree:
        await sys.suspend("sup")
        tree.runtime.exit("a", Killed())
        await anyio.sleep(1.0)
        assert tree.runtime.whereis("a") is None
        await sys.resume("sup")
        await settle()
        assert tree.pid("a").alive


@both_backends
@pytest.mark.parametrize("name", KINDS)
async def test_a_suspended_actor_can_be_stopped(name: str) -> None:
    async with start_tree(probe("worker"), dynamic("pool")) as tree:
        await sys.suspend(name)
        started = tree.runtime.loop.now()
        assert await tree.runtime.stop()
        assert tree.runtime.loop.now() - started < 0.1


@both_backends
async def test_a_request_to_a_busy_or_dead_actor_ends_at_its_deadline_or_at_once() -> None:
    async with start_tree(probe("a", restart="temporary")) as tree:
        a = tree.pid("a")
        tree.runtime.cast("a", SleepFor(100.0))
        await settle()
        for request in (sys.get_state, sys.get_status, sys.suspend, sys.statistics, sys.trace, sys.terminate):
            with pytest.raises(CallTimeout):
                await request("a", timeout=0.5)
        tree.runtime.exit("a", Killed())
        await settle()
        for request in (sys.get_state, sys.get_status, sys.resume, sys.statistics, sys.trace, sys.terminate):
            with pytest.raises(NoProc):
                await request(a)


@both_backends
async def test_terminate_ends_as_a_stop_does_and_the_supervisor_restarts() -> None:
    async with start_tree(probe("a")) as tree:
        a = tree.pid("a")
        await sys.terminate("a")
        assert await tree.runtime.wait_ended(a, 1.0) == Normal()
        await settle()
        assert tree.pid("a") != a


@both_backends
async def test_what_a_replacement_raises_is_the_callers() -> None:
    async with start_tree(counter()) as tree:
        with pytest.raises(ZeroDivisionError):
            await sys.replace_state("c", lambda state: 1 // state.value)
        tree.runtime.cast("c", Add())
        assert await tree.runtime.call("c", Get()) == 1


@both_backends
async def test_trace_keeps_as_many_as_it_was_told() -> None:
    async with start_tree(counter(), dynamic("pool")) as tree:
        for n in range(40):
            tree.runtime.cast("c", Add(n))
        await settle()
        assert await sys.trace("c", keep=3) == tuple(Add(n) for n in range(24, 40))[-3:]
        for n in range(5):
            tree.runtime.cast("c", Add(n))
        await settle()
        assert await sys.trace("c") == (Add(2), Add(3), Add(4))
        assert await sys.trace("c", keep=0) == ()
        tree.runtime.cast("c", Add())
        await settle()
        assert await sys.trace("c") == ()
        pid = await start_child("pool", probe("p"))
        assert pid is not None
        tree.runtime.exit(pid, Killed())
        await settle()
        await which_children("pool")
        assert await sys.trace("pool") == ("StartChild p", "ChildExit p", "WhichChildren")


@both_backends
async def test_get_status_shows_what_format_status_lets_through() -> None:
    class Secretive(Counter):
        def format_status(self, state: Count) -> Any:
            return {"value": state.value}

    async with start_tree(counter(start=Secretive), probe("a")) as tree:
        tree.runtime.cast("c", Add(3))
        await settle()
        status = await sys.get_status("c")
        assert (status.state, status.vsn, status.trap_exit, status.trace) == ({"value": 3}, 1, False, (Add(3),))
        assert status.statistics.handled == 1


# Code change


@both_backends
async def test_code_change_on_a_live_actor_and_its_restart() -> None:
    async with start_tree(counter()) as tree:
        pid = tree.pid("c")
        tree.runtime.cast("c", Add(5))
        await settle()
        await sys.suspend("c")
        tree.runtime.cast("c", Add(7))
        await sys.change_code("c", CounterTwo, extra=100)
        assert await sys.get_state("c") == Counts([5, 100], pid)
        await sys.resume("c")
        assert await tree.runtime.call("c", Get()) == [5, 100, 7]
        assert (await sys.get_status("c")).vsn == 2
        assert (pid.cell.mailbox.capacity, pid.cell.mailbox.overflow) == (2, "drop_new")
        tree.runtime.exit("c", Killed())
        await settle()
        assert type(tree.pid("c").cell.actor) is CounterTwo


class Broken(Counter):
    def code_change(self, old_vsn: Any, state: Any, extra: Any) -> Any:
        state.value = -1
        self.half_done = True
        raise ValueError("cannot convert")


class Slotted(Counter):
    __slots__ = ("fixed",)


class BrokenLater(Counter):
    async def code_change(self, old_vsn: Any, state: Any, extra: Any) -> Any:
        await anyio.sleep(1.0)
        raise ValueError("cannot convert")


@both_backends
@pytest.mark.parametrize(
    ("new", "why"),
    [
        (Broken, "ValueError: cannot convert"),
        (BrokenLater, "ValueError: cannot convert"),
        (StaticSupervisor, "StaticSupervisor is not a kind of GenServer"),
        (ProcessChild, "ProcessChild is not a kind of GenServer"),
        (str, "str is not a kind of GenServer"),
        (Slotted, "TypeError: .*layout"),
    ],
)
async def test_an_error_leaves_the_old_class_and_the_old_state(new: Any, why: str) -> None:
    async with start_tree(counter()) as tree:
        tree.runtime.cast("c", Add(5))
        await settle()
        await sys.suspend("c")
        state = await sys.get_state("c")
        with pytest.raises(CodeChangeFailed, match=f"The code of c was not changed: .*{why}"):
            await sys.change_code("c", new)
        actor = tree.pid("c").cell.actor
        assert type(actor) is Counter
        assert await sys.get_state("c") is state
        assert state.value == 5
        assert not hasattr(actor, "half_done")
        await sys.resume("c")
        tree.runtime.cast("c", Add(1))
        assert await tree.runtime.call("c", Get()) == 6
        tree.runtime.exit("c", Killed())
        await settle()
        assert type(tree.pid("c").cell.actor) is Counter


class Slow(Counter):
    async def code_change(self, old_vsn: Any, state: Any, extra: Any) -> Any:
        self.half_done = True
        await anyio.sleep(1.0)
        return state


@both_backends
async def test_a_code_change_that_is_cut_off_has_not_happened() -> None:
    async with start_tree(counter()) as tree:
        await sys.suspend("c")
        with pytest.raises((CallTimeout, CodeChangeFailed)):
            await sys.change_code("c", Slow, timeout=0.5)
        await anyio.sleep(2.0)
        assert type(tree.pid("c").cell.actor) is Counter
        assert not hasattr(tree.pid("c").cell.actor, "half_done")
        await sys.change_code("c", Slow, timeout=2.0)
        await sys.resume("c")
        assert await tree.runtime.call("c", Get()) == 0
        assert type(tree.pid("c").cell.actor) is Slow


@both_backends
async def test_an_actor_can_be_stopped_in_the_middle_of_a_code_change() -> None:
    class Hanging(Supervisor):
        async def init(self, args: Any) -> Any:
            await anyio.sleep_forever()

    async with start_tree(counter(), probe("a")) as tree:
        outcomes: list[type[Exception]] = []

        async def change(name: str, new: Any) -> None:
            await sys.suspend(name)
            try:
                await sys.change_code(name, new, timeout=3.0)
            except (NoProc, CallTimeout, CodeChangeFailed) as error:
                outcomes.append(type(error))

        async with anyio.create_task_group() as group:
            group.start_soon(change, "c", Slow)
            await anyio.sleep(0.5)
            tree.runtime.exit("c", Killed())
        assert outcomes == [NoProc]
        async with anyio.create_task_group() as group:
            group.start_soon(change, "sup", Hanging)
            await anyio.sleep(0.5)
            assert await tree.runtime.stop()
        assert tree.supervisor.cell.reason == Shutdown()
        assert tree.runtime.loop.now() < 20.0


@both_backends
async def test_a_state_that_cannot_be_copied_is_not_changed() -> None:
    async with start_tree(counter()) as tree:
        lock = (n for n in "a")
        await sys.replace_state("c", lambda state: lock)
        await sys.suspend("c")
        with pytest.raises(CodeChangeFailed, match="TypeError"):
            await sys.change_code("c", CounterTwo)
        assert await sys.get_state("c") is lock
        assert type(tree.pid("c").cell.actor) is Counter


@both_backends
async def test_kinds_of_supervisors_do_not_become_one_another() -> None:
    async with start_tree(dynamic("pool")):
        for name, new in (("pool", StaticSupervisor), ("sup", DynamicSupervisor), ("sup", Counter)):
            await sys.suspend(name)
            with pytest.raises(CodeChangeFailed, match="is not a kind of"):
                await sys.change_code(name, new)
            await sys.resume(name)


@both_backends
async def test_a_supervisors_init_may_fail_and_nothing_has_changed() -> None:
    class Failing(Supervisor):
        async def init(self, args: Any) -> Any:
            await anyio.sleep(1.0)
            raise OSError("no such file")

    async with start_tree(probe("a"), probe("b")) as tree:
        before = await which_children("sup")
        await sys.suspend("sup")
        with pytest.raises(CodeChangeFailed, match="OSError: no such file"):
            await sys.change_code("sup", Failing)
        await sys.resume("sup")
        assert await which_children("sup") == before
        tree.runtime.exit("a", Killed())
        await settle()
        assert tree.pid("a").alive


# The idle timeout


class Idler(Probe):
    idle_timeout = 5.0

    @handle_cast
    async def stop_idling(self, message: Break) -> None:
        self.idle_timeout = None


@both_backends
async def test_an_idle_actor_gets_a_timeout_and_a_message_puts_it_off() -> None:
    async with start_tree(probe("i", start=Idler)) as tree:
        await anyio.sleep(4.0)
        assert await tree.runtime.call("i", Seen()) == []
        await anyio.sleep(4.0)
        assert await tree.runtime.call("i", Seen()) == []
        await anyio.sleep(5.5)
        assert await tree.runtime.call("i", Seen()) == [Timeout()]
        await anyio.sleep(10.5)
        assert await tree.runtime.call("i", Seen()) == [Timeout()] * 3
        tree.runtime.cast("i", Break())
        await anyio.sleep(100.0)
        assert await tree.runtime.call("i", Seen()) == [Timeout()] * 3


@both_backends
async def test_a_message_that_arrives_with_the_timeout_wins() -> None:
    async with start_tree(probe("i", start=Idler)) as tree:
        now = tree.runtime.loop.now()
        due = tree.pid("i").cell.started_at + 5.0
        tree.runtime.timers.at(due, lambda: None)
        tree.runtime.timers.at(due - 1e-9, lambda: tree.runtime.cast("i", "hello"))
        await anyio.sleep(due + 0.5 - now)
        assert await tree.runtime.call("i", Seen()) == ["hello"]


@both_backends
async def test_a_suspended_actor_is_not_idle() -> None:
    async with start_tree(probe("i", start=Idler)) as tree:
        await sys.suspend("i")
        await anyio.sleep(60.0)
        await sys.resume("i")
        assert await tree.runtime.call("i", Seen()) == []


# A process child is an actor like any other


class EchoTwo(Proxy):
    vsn = 2
    mailbox = MailboxSpec(capacity=7)


@both_backends_real_time
async def test_sys_on_a_process_child(forkserver: None) -> None:
    async with start_tree(ChildSpec(id="p", name="p", start=Proxy)) as tree:
        pid = tree.pid("p")
        await sys.suspend("p", timeout=30.0)
        state = await sys.get_state("p")
        status = await sys.get_status("p")
        assert (status.start, status.statistics.os_pid, status.suspended) == (Proxy, pid.cell.actor.os_pid, True)
        with pytest.raises(CodeChangeFailed, match="is not a kind of ProcessChild"):
            await sys.change_code("p", Counter)
        await sys.change_code("p", EchoTwo)
        await sys.resume("p")
        assert await sys.get_state("p") == state
        echoed = await tree.runtime.call("p", Echo("still here"), timeout=30.0)
        assert echoed.text == "still here"
        assert pid.cell.mailbox.capacity == 7
        await sys.terminate("p", Shutdown("over"))
        assert await tree.runtime.wait_ended(pid, 30.0) == Shutdown("over")
