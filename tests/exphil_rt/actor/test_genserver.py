"""Calls, casts, deadlines, cycles, monitors, names, timers, tasks and ends of single actors, on both loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
import structlog

from exphil_rt.actor import (
    NO_REPLY,
    ActorError,
    AlreadyStarted,
    CallingCycle,
    CallTimeout,
    ChildSpec,
    Continue,
    Crash,
    DeadLetter,
    Down,
    Exit,
    ExitReason,
    From,
    GenServer,
    Killed,
    NoHandler,
    NoProc,
    Normal,
    Pid,
    Ref,
    Refused,
    Runtime,
    Shutdown,
    StartError,
    Stop,
    SupFlags,
    handle_call,
    handle_cast,
    start_child,
    sys,
)
from exphil_rt.testing.actors import Break, End, Probe, ProbeArgs, Seen, SleepFor, WhoAreYou, probe
from exphil_rt.testing.clocks import both_backends
from exphil_rt.testing.trees import start_tree

if TYPE_CHECKING:
    from decimal import Decimal


class Deposit(msgspec.Struct, frozen=True):
    amount: int


class Withdraw(msgspec.Struct, frozen=True):
    amount: int


class Close(msgspec.Struct, frozen=True):
    pass


class Account(msgspec.Struct):
    balance: int = 0


class Bank(GenServer[Account]):
    async def init(self, args: int) -> Account:
        self.later: list[tuple[From, int]] = []
        return Account(args)

    @handle_call
    async def change(self, message: Deposit | Withdraw, sender: From) -> int | Refused:
        sign = 1 if isinstance(message, Deposit) else -1
        if self.state.balance + sign * message.amount < 0:
            return Refused(ActorError("The account is empty."))
        self.state.balance += sign * message.amount
        return self.state.balance

    @handle_cast
    async def donate(self, message: Deposit) -> None:
        self.state.balance += message.amount

    @handle_call
    async def close(self, message: Close, sender: From) -> int:
        raise Stop(Normal(), reply=self.state.balance)


def bank(**fields: Any) -> ChildSpec:
    return ChildSpec(**{"id": "bank", "name": "bank", "start": Bank, "args": 10, **fields})


@both_backends
async def test_call_and_cast_reach_the_handler_of_the_message_type() -> None:
    async with start_tree(bank()) as tree:
        assert await tree.runtime.call("bank", Deposit(5)) == 15
        tree.runtime.cast("bank", Deposit(5))
        assert await tree.runtime.call("bank", Withdraw(2)) == 18


@both_backends
async def test_a_refusal_is_raised_in_the_caller_and_leaves_the_callee_alone() -> None:
    async with start_tree(bank()) as tree:
        with pytest.raises(ActorError, match="The account is empty"):
            await tree.runtime.call("bank", Withdraw(11))
        with pytest.raises(NoHandler, match="bank has no @handle_call for WhoAreYou"):
            await tree.runtime.call("bank", WhoAreYou())
        assert await tree.runtime.call("bank", Withdraw(1)) == 9


@both_backends
async def test_stop_with_a_reply_answers_and_then_ends() -> None:
    async with start_tree(bank(restart="temporary")) as tree:
        pid = tree.pid("bank")
        assert await tree.runtime.call("bank", Close()) == 10
        assert await tree.runtime.wait_ended(pid, 1.0) == Normal()
        with pytest.raises(NoProc) as gone:
            await tree.runtime.call("bank", Close())
        assert gone.value.reason is None
        with pytest.raises(NoProc) as dead:
            await tree.runtime.call(pid, Close())
        assert dead.value.reason == Normal()


@both_backends
async def test_a_call_ends_at_its_deadline_and_the_late_reply_is_dropped() -> None:
    async with start_tree(probe("a")) as tree:
        started = tree.runtime.loop.now()
        with pytest.raises(CallTimeout, match="SleepFor to a had no reply within 2 s"):
            await tree.runtime.call("a", SleepFor(3.0), timeout=2.0)
        assert tree.runtime.loop.now() - started == pytest.approx(2.0, abs=0.01)
        assert await tree.runtime.call("a", WhoAreYou()) == tree.pid("a")  # the callee went on working


@both_backends
async def test_a_call_that_expired_in_the_queue_is_not_handled() -> None:
    async with start_tree(probe("slow"), bank()) as tree:

        async def deposit() -> None:
            with pytest.raises(CallTimeout):
                await tree.runtime.call("bank", Deposit(1), timeout=0.5)

        await sys.suspend("bank")
        await deposit()
        await sys.resume("bank")
        assert await tree.runtime.call("bank", Deposit(0)) == 10


@both_backends
async def test_every_caller_of_an_actor_that_ends_learns_why() -> None:
    async with start_tree(probe("a")) as tree:
        reasons: list[ExitReason | None] = []

        async def caller() -> None:
            with pytest.raises(NoProc) as error:
                await tree.runtime.call("a", SleepFor(100.0), timeout=200.0)
            reasons.append(error.value.reason)

        async with anyio.create_task_group() as group:
            group.start_soon(caller)
            group.start_soon(caller)
            await anyio.sleep(1.0)
            tree.runtime.exit("a", Killed())
        assert reasons == [Killed(), Killed()]


@both_backends
async def test_a_call_to_a_dying_actor_fails_at_once_with_the_reason() -> None:
    async with start_tree(probe("a", ProbeArgs(terminate_s=3.0), restart="temporary")) as tree:
        tree.runtime.cast("a", SleepFor(1.0))
        tree.runtime.cast("a", End(Shutdown("done")))
        started = tree.runtime.loop.now()
        for at in (1.0, 2.0):  # one that waits when the end begins, one that comes later
            await anyio.sleep(started + at - 0.5 - tree.runtime.loop.now())
            with pytest.raises(NoProc) as dying:
                await tree.runtime.call("a", WhoAreYou(), timeout=50.0)
            assert dying.value.reason == Shutdown("done")
            assert tree.runtime.loop.now() == pytest.approx(max(started + 1.0, started + at - 0.5), abs=0.01)


class Forward(msgspec.Struct, frozen=True):
    """Call: call the next of these names with the rest."""

    names: tuple[str, ...]


class Relay(GenServer[None]):
    async def init(self, args: Any) -> None:
        return None

    @handle_call
    async def forward(self, message: Forward, sender: From) -> Any:
        if not message.names:
            return "end"
        try:
            return await self.call(message.names[0], Forward(message.names[1:]), timeout=30.0)
        except CallingCycle as error:
            return error.path


def relays(*names: str) -> list[ChildSpec]:
    return [ChildSpec(id=name, name=name, start=Relay) for name in names]


@both_backends
async def test_a_calling_cycle_fails_at_once_with_its_path() -> None:
    async with start_tree(*relays("a", "b", "c")) as tree:
        started = tree.runtime.loop.now()
        assert await tree.runtime.call("a", Forward(("b", "c"))) == "end"
        assert await tree.runtime.call("a", Forward(("b", "c", "a"))) == ("c", "a", "b", "c")
        assert await tree.runtime.call("a", Forward(("a",))) == ("a", "a")
        assert tree.runtime.loop.now() == pytest.approx(started, abs=0.01)


@both_backends
async def test_a_child_that_calls_its_supervisor_in_init_is_a_cycle_not_a_hang() -> None:
    class Eager(Probe):
        async def init(self, args: Any) -> Any:
            await start_child("sup", probe("other"))

    async with start_tree() as tree:
        with pytest.raises(StartError, match="A call would wait for itself: eager -> sup -> eager"):
            await start_child("sup", probe("eager", start=Eager))
        assert tree.supervisor.alive


@both_backends
async def test_a_call_from_a_task_of_the_actor_is_no_cycle() -> None:
    class Tasker(Relay):
        async def init(self, args: Any) -> None:
            self.start_task(self.ask)

        async def ask(self) -> None:
            answers.append(await self.call("b", Forward(("a",))))

    answers: list[Any] = []
    async with start_tree(*relays("b"), ChildSpec(id="a", name="a", start=Tasker)):
        await anyio.sleep(0.01)
        assert answers == ["end"]


@both_backends
async def test_a_deferred_reply_may_come_from_anywhere_and_only_once() -> None:
    class Desk(GenServer[None]):
        async def init(self, args: Any) -> None:
            self.waiting: list[From] = []

        @handle_call
        async def ask(self, message: Deposit, sender: From) -> Any:
            self.waiting.append(sender)
            self.send_after(1.0, Close())
            return NO_REPLY

        @handle_cast
        async def answer(self, message: Close) -> None:
            self.reply(self.waiting[0], "first")
            self.reply(self.waiting[0], "second")

    async with start_tree(ChildSpec(id="desk", start=Desk, name="desk")) as tree:
        assert await tree.runtime.call("desk", Deposit(1)) == "first"
        (letter,) = tree.runtime.dead_letters
        assert (letter.message, letter.reason) == ("second", "late_reply")


@both_backends
async def test_a_monitor_gives_one_down() -> None:
    class Watcher(Probe):
        @handle_call
        async def watch(self, message: Forward, sender: From) -> Ref:
            return self.monitor(message.names[0])

    async with start_tree(probe("w", start=Watcher), probe("a"), probe("b", restart="temporary")) as tree:
        a, b = tree.pid("a"), tree.pid("b")
        refs = [await tree.runtime.call("w", Forward((name,))) for name in ("a", "b", "nobody")]
        tree.runtime.cast("a", Break("why"))
        tree.runtime.cast("b", End(Shutdown("done")))
        await anyio.sleep(0.01)
        nobody, *downs = await tree.runtime.call("w", Seen())
        down_a, down_b = sorted(downs, key=lambda down: down.name)  # two actors have no order among them
        assert nobody == Down(refs[2], None, "nobody", Crash("NoProc", "no such actor: nobody"))
        assert (down_a.ref, down_a.pid, down_a.reason.text) == (refs[0], a, "why")
        assert (down_b.ref, down_b.pid, down_b.reason) == (refs[1], b, Shutdown("done"))
        await anyio.sleep(10.0)
        tree.runtime.cast("a", Break())  # another incarnation, which nobody monitors
        await anyio.sleep(0.01)
        assert len(await tree.runtime.call("w", Seen())) == 3


@both_backends
async def test_demonitor_takes_back_a_down_that_waits() -> None:
    class Watcher(Probe):
        @handle_call
        async def watch(self, message: Forward, sender: From) -> None:
            ref = self.monitor("a")
            self.runtime.exit("a", Killed())
            await anyio.sleep(1.0)
            self.demonitor("a", ref)

    async with start_tree(probe("w", start=Watcher), probe("a")) as tree:
        await tree.runtime.call("w", Forward(()))
        assert await tree.runtime.call("w", Seen()) == []


@both_backends
async def test_a_name_follows_the_incarnation_and_is_unique() -> None:
    async with start_tree(probe("a")) as tree:
        old = tree.pid("a")
        with pytest.raises(StartError, match="The actor a runs already"):
            await start_child("sup", probe("other", name="a"))
        tree.runtime.cast("a", Break())
        await anyio.sleep(0.01)
        assert tree.pid("a") not in (None, old)
        assert await tree.runtime.call("a", WhoAreYou()) == tree.pid("a")
        with pytest.raises(AlreadyStarted):
            await tree.runtime.start_root(probe("a"))
        assert tree.runtime.whereis("nobody") is None


@both_backends
async def test_what_cannot_be_delivered_is_a_counted_dead_letter() -> None:
    async with start_tree(probe("a", restart="temporary")) as tree:
        a = tree.pid("a")
        tree.runtime.cast("nobody", Deposit(1))
        tree.runtime.cast(a, SleepFor(100.0))
        await anyio.sleep(0.01)
        tree.runtime.cast(a, Deposit(2))
        tree.runtime.exit(a, Killed())
        await anyio.sleep(0.01)
        tree.runtime.cast(a, Deposit(3))
        letters = [(letter.target, letter.message, letter.reason) for letter in tree.runtime.dead_letters]
        assert letters == [("nobody", Deposit(1), "noproc"), ("a", Deposit(2), "ended"), ("a", Deposit(3), "noproc")]
        assert tree.runtime.statistics().dead_letters == 3
        assert [report for report in tree.reports if isinstance(report, DeadLetter)] == list(tree.runtime.dead_letters)
        for _ in range(1000):
            tree.runtime.cast("nobody", Deposit(1))
        assert tree.runtime.statistics().dead_letters == 1003
        assert len(tree.runtime.dead_letters) == 256


@both_backends
async def test_timers_arrive_in_order_and_can_be_cancelled() -> None:
    class Clock(Probe):
        async def init(self, args: Any) -> Any:
            self.send_after(3.0, "three")
            self.send_after(1.0, "one")
            self.send_after(2.0, "two").cancel()
            return await super().init(args)

    async with start_tree(probe("clock", start=Clock)) as tree:
        await anyio.sleep(2.5)
        assert await tree.runtime.call("clock", Seen()) == ["one"]
        await anyio.sleep(1.0)
        assert await tree.runtime.call("clock", Seen()) == ["one", "three"]


@both_backends
async def test_continue_runs_after_the_start_and_before_any_message() -> None:
    class Lazy(GenServer[Account]):
        async def init(self, args: Any) -> Continue[Account]:
            return Continue(Account(1), "load")

        async def handle_continue(self, then: Any) -> None:
            await anyio.sleep(5.0)
            self.state.balance = {"load": 100}[then]

        @handle_call
        async def read(self, message: Close, sender: From) -> int:
            return self.state.balance

    async with start_tree(ChildSpec(id="lazy", start=Lazy, name="lazy")) as tree:
        assert tree.runtime.loop.now() < 5.0 or tree.runtime.tree()[1].uptime_s < 1.0
        assert await tree.runtime.call("lazy", Close(), timeout=10.0) == 100


@both_backends
async def test_a_task_of_the_actor_ends_with_it_and_its_crash_is_the_actors() -> None:
    ended: list[str] = []

    class Tasker(Probe):
        async def init(self, args: Any) -> Any:
            self.start_task(self.tick)
            return await super().init(None)

        async def tick(self) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                ended.append("tick")

        @handle_cast
        async def crash_in_a_task(self, message: Close) -> None:
            self.start_task(self.fail)

        async def fail(self) -> None:
            await anyio.sleep(1.0)
            raise ValueError("task")

    async with start_tree(probe("t", start=Tasker)) as tree:
        pid = tree.pid("t")
        tree.runtime.cast("t", Close())
        reason = await tree.runtime.wait_ended(pid, 5.0)
        assert isinstance(reason, Crash)
        assert (reason.type, reason.text) == ("ValueError", "task")
        assert ended == ["tick"]
        await anyio.sleep(0.01)
        tree.runtime.exit("t", Killed())
        await anyio.sleep(0.01)
        assert ended == ["tick", "tick"]


@both_backends
async def test_terminate_runs_after_a_crash_and_a_stop_but_deferred_calls_run_after_everything() -> None:
    ends: list[str] = []

    class Resource(Probe):
        async def init(self, args: Any) -> Any:
            self.defer(lambda: ends.append("closed"))
            self.defer(lambda: 1 / 0)  # one that fails does not keep the others from running
            return await super().init(None)

        async def terminate(self, reason: ExitReason) -> None:
            ends.append(type(reason).__name__)

    for send, expected in ((Break(), ["Crash", "closed"]), (End(Normal()), ["Normal", "closed"])):
        ends.clear()
        async with start_tree(probe("r", start=Resource, restart="temporary")) as tree:
            tree.runtime.cast("r", send)
            await anyio.sleep(0.01)
            assert ends == expected
    ends.clear()
    async with start_tree(probe("r", start=Resource, restart="temporary")) as tree:
        tree.runtime.exit("r", Killed())
        await anyio.sleep(0.01)
        assert ends == ["closed"]


@both_backends
async def test_an_exception_in_terminate_becomes_the_reason() -> None:
    class Clumsy(Probe):
        async def terminate(self, reason: ExitReason) -> None:
            raise OSError("terminate failed")

    async with start_tree(probe("c", start=Clumsy, restart="temporary")) as tree:
        pid = tree.pid("c")
        tree.runtime.cast("c", End(Normal()))
        reason = await tree.runtime.wait_ended(pid, 1.0)
        assert isinstance(reason, Crash)
        assert reason.type == "OSError"


@both_backends
async def test_exit_signals_reach_those_who_trap_them_as_messages() -> None:
    async with start_tree(probe("trap", trap_exit=True), probe("plain", restart="temporary")) as tree:
        tree.runtime.exit("trap", Shutdown("please"))
        tree.runtime.exit("plain", Normal())
        await anyio.sleep(0.01)
        assert await tree.runtime.call("trap", Seen()) == [Exit(None, Shutdown("please"))]
        plain: Pid = tree.pid("plain")
        tree.runtime.exit("plain", Shutdown("please"))
        assert await tree.runtime.wait_ended(plain, 1.0) == Shutdown("please")
        trap = tree.pid("trap")
        tree.runtime.exit("trap", Killed())
        assert await tree.runtime.wait_ended(trap, 1.0) == Killed()


@both_backends
async def test_a_group_of_one_counts_as_its_member() -> None:
    class Grouper(Probe):
        @handle_cast
        async def work(self, message: Deposit) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(self.part, message.amount)

        async def part(self, amount: int) -> None:
            raise Stop(Shutdown("enough")) if amount else ValueError("nothing")

    async with start_tree(probe("g", start=Grouper, restart="temporary")) as tree:
        pid = tree.pid("g")
        tree.runtime.cast("g", Deposit(1))
        assert await tree.runtime.wait_ended(pid, 1.0) == Shutdown("enough")
        pid2 = await start_child("sup", probe("g2", start=Grouper, restart="temporary"))
        assert pid2 is not None
        tree.runtime.cast("g2", Deposit(0))
        reason = await tree.runtime.wait_ended(pid2, 1.0)
        assert isinstance(reason, Crash)
        assert (reason.type, reason.text) == ("ValueError", "nothing")


def test_handlers_that_cannot_work_are_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"must be `async def f\(self, message: M, sender: From\)`"):

        class NoSender(GenServer[None]):
            @handle_call
            async def f(self, message: Deposit) -> None: ...

    with pytest.raises(TypeError, match="does not annotate"):

        class NoAnnotation(GenServer[None]):
            @handle_cast
            async def f(self, message) -> None: ...  # type: ignore[no-untyped-def]

    with pytest.raises(TypeError, match="import it outside TYPE_CHECKING"):

        class OnlyForTheChecker(GenServer[None]):
            @handle_cast
            async def f(self, message: Decimal) -> None: ...


@both_backends
async def test_a_subclass_overrides_and_adds_handlers() -> None:
    class Strict(Bank):
        async def change(self, message: Deposit | Withdraw, sender: From) -> int | Refused:
            return -1

        @handle_call
        async def who(self, message: WhoAreYou, sender: From) -> str:
            return "strict"

    async with start_tree(bank(start=Strict)) as tree:
        assert await tree.runtime.call("bank", Deposit(1)) == -1
        assert await tree.runtime.call("bank", WhoAreYou()) == "strict"
        assert await tree.runtime.call("bank", Close()) == 10


@both_backends
async def test_a_flood_of_messages_does_not_starve_the_others() -> None:
    async with start_tree(bank(), probe("other")) as tree:
        for _ in range(1000):
            tree.runtime.cast("bank", Deposit(1))
        with anyio.fail_after(1.0):
            await tree.runtime.call("other", WhoAreYou())
        assert 0 < tree.pid("bank").cell.handled < 1000


async def test_outside_of_a_runtime_the_functions_say_so() -> None:
    with pytest.raises(ActorError, match="No actor runtime is open"):
        await start_child("sup", probe("a"))


test_outside_of_a_runtime_the_functions_say_so = both_backends(test_outside_of_a_runtime_the_functions_say_so)  # type: ignore[assignment]


@both_backends
async def test_a_runtime_that_is_closed_starts_nothing() -> None:
    async with Runtime.open() as runtime:
        pass
    with pytest.raises(ActorError, match="closed"):
        await runtime.start_root(probe("a"))


@both_backends
async def test_a_watcher_that_ended_leaves_no_monitor_behind() -> None:
    class Watcher(Probe):
        async def init(self, args: Any) -> Any:
            self.monitor("a")
            return await super().init(None)

    async with start_tree(probe("a")) as tree:
        for _ in range(20):
            await start_child("sup", probe("w", start=Watcher, restart="temporary"))
            assert (await sys.get_status("w")).monitors == (tree.pid("a"),)
            tree.runtime.exit("w", Killed())
            await anyio.sleep(0.001)
        assert not tree.pid("a").cell._monitors


@both_backends
async def test_a_demonitor_by_name_is_of_the_one_that_was_monitored() -> None:
    class Watcher(Probe):
        @handle_call
        async def watch(self, message: Forward, sender: From) -> Ref:
            return self.monitor(message.names[0])

        @handle_cast
        async def unwatch(self, message: Ref) -> None:
            self.demonitor("a", message)

    async with start_tree(probe("w", start=Watcher), probe("a"), flags=SupFlags(intensity=9)) as tree:
        first = await tree.runtime.call("w", Forward(("a",)))
        tree.runtime.exit("a", Killed())
        await anyio.sleep(0.001)
        await tree.runtime.call("w", Forward(("a",)))
        tree.runtime.cast("w", first)  # of the incarnation that is gone: the second one stays
        await anyio.sleep(0.001)
        assert len(await tree.runtime.call("w", Seen())) == 1
        tree.runtime.exit("a", Killed())
        await anyio.sleep(0.001)
        assert len(await tree.runtime.call("w", Seen())) == 2


@both_backends
async def test_an_exit_to_oneself_ends_even_with_normal() -> None:
    class Leaving(Probe):
        @handle_cast
        async def leave(self, message: Close) -> None:
            self.runtime.exit(self.pid, Normal())
            await anyio.sleep_forever()

    async with start_tree(probe("l", start=Leaving, restart="temporary")) as tree:
        pid = tree.pid("l")
        tree.runtime.exit("l", Normal())  # by somebody else it is ignored
        await anyio.sleep(0.001)
        assert pid.alive
        tree.runtime.cast("l", Close())
        assert await tree.runtime.wait_ended(pid, 1.0) == Normal()


@both_backends
async def test_unknown_messages_are_counted_and_logged_ever_more_rarely() -> None:
    with structlog.testing.capture_logs() as events:
        async with start_tree(bank()) as tree:
            for _ in range(9):
                tree.runtime.cast("bank", WhoAreYou())
            with pytest.raises(NoHandler):
                await tree.runtime.call("bank", WhoAreYou())
            assert (await sys.statistics("bank")).unknown == 10
            assert await tree.runtime.call("bank", Deposit(1)) == 11
    logged = [event for event in events if event["event"] == "unknown_message"]
    assert [event["count"] for event in logged] == [1, 2, 4, 8]
    assert {(event["actor"], event["message"], event["log_level"]) for event in logged} == {
        ("sup/bank", "WhoAreYou", "warning")
    }
