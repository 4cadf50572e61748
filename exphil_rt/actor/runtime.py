"""Runtime: the one task group in which all actors of a program live, their names, timers and dead letters.

Supervision is messages between actors, not nesting of task groups, so an actor that refuses to end holds up nobody
but the process's very last step.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal

import anyio
import msgspec
import structlog

from exphil_rt.actor.calls import From, Waiter, check_cycle
from exphil_rt.actor.cell import KILL_GRACE_S, Cell
from exphil_rt.actor.context import current_cell, current_waiter, set_runtime
from exphil_rt.actor.dead_letters import DeadLetters
from exphil_rt.actor.errors import ActorError, MailboxFull, NoProc, StartError
from exphil_rt.actor.gc_policy import rare_collections
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.inspection import ActorInfo, ActorReport, read_report, read_tree
from exphil_rt.actor.lifecycle import run_actor
from exphil_rt.actor.loop import Loop, running_loop
from exphil_rt.actor.names import Names
from exphil_rt.actor.nursery import StartSoon, open_nursery
from exphil_rt.actor.pid import Down, Pid, Ref, Target, label_of
from exphil_rt.actor.reasons import Crash, ExitReason, Normal, Shutdown, noproc
from exphil_rt.actor.registry import Keys, Registry
from exphil_rt.actor.report_format import bound_logger, log_report
from exphil_rt.actor.reports import DeadLetter, Report, SupervisorReport
from exphil_rt.actor.specs import ChildSpec, check_spec
from exphil_rt.actor.sys import SystemRequest
from exphil_rt.actor.timers import TimerQueue
from exphil_rt.actor.zombies import is_misnesting, stack_of

_log = structlog.get_logger(__name__)

STOP_S: Final = 10.0
EXIT_ZOMBIES: Final = 70
"""Exit status of a process that had to be ended under actors that refused to end (EX_SOFTWARE)."""


class RuntimeStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a runtime since it was opened."""

    uptime_s: float
    actors: int
    started: int
    dead_letters: int
    dropped: int
    """Messages that mailboxes dropped by their own policy."""
    zombies: int


class Runtime:
    """See the module. Made by ``open``."""

    def __init__(self, start_soon: StartSoon, loop: Loop, *, exit_on_zombies: bool) -> None:
        self.loop = loop
        self.timers = TimerQueue(loop)
        self.names = Names()
        self.dead_letters = DeadLetters()
        """The last messages that could not be delivered, oldest first, and their counts."""
        self.routes: dict[str, Callable[[Any], Cell | None]] = {}
        """For the kernel: what leads from a key to an actor, by the name of the registry or partition supervisor."""
        self.closing = loop.event()
        """Set when the runtime ends: what was abandoned in its tracks may go."""
        self.hurried = False
        """Set when the stop deadline passed: everything that lives is killed."""
        self._names = self.names.cells
        self._registries: dict[str, Registry] = {}
        self.start_soon = start_soon
        """For the kernel: start a task of the runtime's group."""
        self._exit_on_zombies = exit_on_zombies
        self._cells: dict[int, Cell] = {}
        self._roots: list[Cell] = []
        self._zombies: dict[int, Cell] = {}
        self._dropped = 0
        self._subscribers: list[Callable[[Report], None]] = []
        self._report_log = bound_logger()
        self._numbers = 0
        self._refs = 0
        self._opened_at = loop.now()
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(cls, *, stop_deadline: float = STOP_S, exit_on_zombies: bool = False) -> AsyncIterator[Runtime]:
        """A runtime for the body of an ``async with``; however that is left, the tree is stopped in order first.

        Args:
            stop_deadline: seconds for that stop; then everything is killed.
            exit_on_zombies: end the process with status 70 where an actor refuses even that. A daemon wants it; else
                leaving the body waits for the actor.
        """
        try:
            async with open_nursery() as start_soon:
                runtime = cls(start_soon, running_loop(), exit_on_zombies=exit_on_zombies)
                set_runtime(runtime)
                start_soon(runtime.timers.run)
                try:
                    with rare_collections():
                        yield runtime
                finally:
                    with anyio.CancelScope(shield=True):
                        await runtime.stop(stop_deadline)
                    runtime._close()
        except BaseExceptionGroup as group:
            rest = group.split(is_misnesting)[1]
            if rest is None:
                return
            if len(rest.exceptions) == 1:  # the body's own exception, as without a task group
                raise rest.exceptions[0] from rest.exceptions[0].__cause__
            raise rest from None

    # Starting and stopping

    async def start_root(self, spec: ChildSpec) -> Pid:
        """Start an actor that nobody supervises, usually the top supervisor, and wait until it is up.

        Raises:
            StartError: its ``init`` failed. AlreadyStarted: its name is taken.
        """
        check_spec(spec)
        cell = self.spawn(spec, None)
        self._roots.append(cell)
        event = self.loop.event()
        cell.watch(event)
        timeout = spec.start.init_timeout
        try:
            with anyio.CancelScope(deadline=self.loop.now() + timeout) as scope:
                await event.wait()
        except BaseException:  # the caller was cancelled: nobody holds the root, so it ends
            cell.exit_from_parent(Shutdown())
            raise
        if scope.cancelled_caught:
            cell.kill()
            raise StartError(cell.label, Crash("InitTimeout", f"init took longer than {timeout:g} s"))
        if cell.dead:
            self._roots.remove(cell)
            if cell.ignored:
                raise StartError(cell.label, Normal())
            assert cell.reason is not None
            raise StartError(cell.label, cell.reason)
        return cell.pid

    def spawn(self, spec: ChildSpec, parent: Cell | None) -> Cell:
        """Begin a new incarnation; ``cell.watch`` tells when it is up or dead."""
        if self._closed:
            raise ActorError("The actor runtime is closed.")
        self._numbers += 1
        cell = Cell(self, self._numbers, spec, parent)
        if spec.name is not None:
            self.names.register(spec.name, cell)
        self._cells[cell.number] = cell
        if parent is not None:
            if parent.children is None:
                parent.children = set()
            parent.children.add(cell)
        self.start_soon(run_actor, cell, name=cell.path)
        return cell

    async def stop(self, deadline: float = STOP_S) -> bool:
        """Stop the roots, last started first, each in its own order; kill what lives after ``deadline`` seconds.

        Returns:
            Whether everything ended in order and in time.

        Raises:
            ActorError: an actor's handler called it, which would wait for its own end.
        """
        caller = current_cell.get()
        if caller is not None:
            raise ActorError(
                f"The actor {caller.label} would wait for its own end.", hint="Stop from outside the tree."
            )
        until = self.loop.now() + deadline
        orderly = True
        for cell in reversed(tuple(self._roots)):
            cell.exit_from_parent(Shutdown())
            orderly = await cell.wait_dead(until) and orderly
        if self._cells:
            orderly = False
            self.hurried = True
            living = sorted(self._cells.values(), key=lambda cell: -cell.number)
            _log.warning("stop_deadline_passed", seconds=deadline, killed=[cell.path for cell in living[:20]])
            for cell in living:
                cell.kill()
            patience = self.loop.now() + 3 * KILL_GRACE_S
            for cell in living:
                await cell.wait_dead(patience)
        return orderly and not self._zombies

    def _close(self) -> None:
        self._closed = True
        self.closing.set()
        self.timers.close()
        if not self._zombies:
            return
        paths = sorted(cell.path for cell in self._zombies.values())
        _log.error("zombies_at_exit", actors=paths, exits=self._exit_on_zombies)
        if self._exit_on_zombies:
            os._exit(EXIT_ZOMBIES)

    async def wait_ended(self, target: Target, timeout: float = math.inf) -> ExitReason:
        """Wait for an actor's end.

        Raises:
            NoProc: there is no such actor. TimeoutError: it lives after ``timeout`` seconds. CallingCycle: it is, or
                waits for, the actor that asks.
        """
        cell = self.find(target)
        if cell is None:
            raise NoProc(label_of(target))
        with self.waiting(cell):
            if not await cell.wait_dead(self.loop.now() + timeout):
                raise TimeoutError(f"{cell.label} lives after {timeout:g} s")
        assert cell.reason is not None
        return cell.reason

    async def wait_root(self, timeout: float = math.inf) -> ExitReason:
        """Wait for the end of the root that was started first."""
        if not self._roots:
            raise NoProc("root")
        return await self.wait_ended(self._roots[0].pid, timeout)

    # Messages

    def registry(self, name: str, keys: Keys = "unique") -> Registry:
        """The registry of that name, made where there is none yet.

        Raises:
            ActorError: there is one with the other kind of keys.
        """
        registry = self._registries.get(name)
        if registry is None:
            if name in self.routes:
                raise ActorError(f"A partition supervisor is named {name} already.")
            registry = self._registries[name] = Registry(self, name, keys)
            self.routes[name] = registry.route
        if registry.kind != keys:
            raise ActorError(f"The registry {name} has {registry.kind} keys.", hint=f"Ask with keys={registry.kind!r}.")
        return registry

    def whereis(self, name: str | tuple[str, Any]) -> Pid | None:
        """The pid that runs under ``name``, or that a registry's or partition supervisor's key leads to, now."""
        cell = self.find(name)
        return None if cell is None else cell.pid

    def cast(self, target: Target, message: Any) -> None:
        """See GenServer.cast."""
        cell = target.cell if type(target) is Pid else self.find(target)
        if cell is None or cell.mailbox.closed:
            self.dead_letter(label_of(target) if cell is None else cell.label, message, "noproc")
            return
        box = cell.mailbox
        if len(box.user) < box.capacity or self._make_room(cell, message):
            box.put(message)

    async def cast_wait(self, target: Target, message: Any, timeout: float = 60.0) -> None:
        """See GenServer.cast_wait."""
        cell = self.find(target)
        if cell is not None and not cell.room and cell.mailbox.overflow == "block":
            with self.waiting(cell):
                await self._wait_for_room(cell, self.loop.now() + timeout)
        self.cast(target, message)

    async def call(self, target: Target, message: Any, timeout: float = 5.0) -> Any:
        """See GenServer.call."""
        cell = self.find(target)
        if cell is None or cell.phase in ("ending", "dead"):
            raise NoProc(label_of(target) if cell is None else cell.label, None if cell is None else cell.reason)
        return await self._exchange(cell, From(message, cell), timeout, None)

    async def request(self, target: Target, operation: Callable[[GenServer[Any]], Any], timeout: float) -> Any:
        """Have ``operation(actor)`` run as a system message and return what it returns; for ``sys``."""
        cell = self.find(target)
        if cell is None or cell.phase in ("ending", "dead"):
            raise NoProc(label_of(target) if cell is None else cell.label, None if cell is None else cell.reason)
        pending = From(operation, cell)
        return await self._exchange(cell, pending, timeout, SystemRequest(pending, operation))

    async def _exchange(self, cell: Cell, pending: From, timeout: float, request: SystemRequest | None) -> Any:
        caller = current_waiter.get()
        if caller is not None:
            check_cycle(caller, cell)
            pending.caller = caller
            caller.waiting_on.append(cell)
        try:
            deadline = self.loop.now() + timeout
            if request is not None:
                cell.mailbox.put_system(request)
            else:
                if not cell.room:
                    if cell.mailbox.overflow == "block":
                        await self._wait_for_room(cell, deadline)
                        if cell.mailbox.closed:
                            raise NoProc(cell.label, cell.reason)
                    elif not self._make_room(cell, None):
                        raise MailboxFull(cell.label)
                cell.mailbox.put(pending)
            cell.owe(pending)
            if timeout != math.inf:
                pending.timer = self.timers.at(deadline, lambda: pending.expire(timeout))
            return await pending.outcome()
        finally:
            if not pending.done:  # cancelled: a reply that still comes is late
                pending.settle()
            if caller is not None:
                caller.waiting_on.remove(pending.holder)

    def forward(self, sender: From, target: Target) -> None:
        """See GenServer.forward."""
        cell = self.find(target)
        if cell is None or cell.phase in ("ending", "dead"):
            reason = None if cell is None else cell.reason
            sender.fail(NoProc(label_of(target) if cell is None else cell.label, reason))
        elif not cell.room and (cell.mailbox.overflow != "drop_oldest" or not self._make_room(cell, None)):
            sender.fail(MailboxFull(cell.label))
        elif not sender.done:
            sender.callee.owe_no_more(sender)
            sender.callee = cell
            sender.hand_to(cell)
            if not sender.done:  # else that closed a calling cycle
                cell.owe(sender)
                cell.mailbox.put(sender)

    @contextmanager
    def waiting(self, cell: Cell) -> Iterator[None]:
        """The running actor waits for ``cell`` meanwhile; raises CallingCycle where that can never end."""
        waiter: Waiter | None = current_waiter.get()
        if waiter is None:
            yield
            return
        check_cycle(waiter, cell)
        waiter.waiting_on.append(cell)
        try:
            yield
        finally:
            waiter.waiting_on.remove(cell)

    def _make_room(self, cell: Cell, message: Any) -> bool:
        """Apply the overflow policy of a full mailbox; whether the new message goes in."""
        box = cell.mailbox
        match box.overflow:
            case "drop_oldest":
                oldest = box.take()
                if type(oldest) is From:
                    oldest.fail(MailboxFull(cell.label))
                box.dropped += 1
                self._dropped += 1
                return True
            case "drop_new":
                box.dropped += 1
                self._dropped += 1
                return False
            case "error":
                raise MailboxFull(cell.label)
            case "block":
                self.dead_letter(cell.label, message, "full")
                return False

    async def _wait_for_room(self, cell: Cell, deadline: float) -> None:
        while not cell.room and not cell.mailbox.closed:
            with anyio.CancelScope(deadline=deadline) as scope:
                await cell.mailbox.room()
            if scope.cancelled_caught:
                raise MailboxFull(cell.label)

    def exit(self, target: Target, reason: ExitReason) -> None:
        """Send an exit signal: ``Killed()`` ends at once; other reasons end an actor that does not trap exits."""
        cell = self.find(target)
        sender = current_cell.get()
        if cell is not None:
            cell.exit_signal(None if sender is None else sender.pid, reason)

    def monitor(self, target: Target, notify: Callable[[Down], None]) -> Ref:
        """Have ``notify`` called once when ``target`` ends; at once where it does not live. It must not block."""
        self._refs += 1
        ref = Ref(self._refs)
        cell = self.find(target)
        if cell is None:
            notify(Down(ref, None, label_of(target), noproc(label_of(target))))
        elif cell.dead:
            notify(Down(ref, cell.pid, cell.label, noproc(cell.label)))
        else:
            cell.monitor(ref, notify)
        return ref

    def demonitor(self, target: Target, ref: Ref) -> None:
        """Forget a monitor."""
        cell = self.find(target)
        if cell is not None:
            cell.demonitor(ref)

    def find(self, target: Target) -> Cell | None:
        """The cell behind a target, dead or alive; for the kernel."""
        if isinstance(target, Pid):
            return target.cell
        if isinstance(target, tuple):
            route = self.routes.get(target[0])
            return None if route is None else route(target[1])
        return self._names.get(target)

    # Watching

    def tree(self) -> tuple[ActorInfo, ...]:
        """Every actor of the tree, depth first, in the order of their specifications. Asks nobody, so never waits."""
        return read_tree(tuple(self._roots), self.loop.now())

    def actor_report(self, path: str) -> ActorReport:
        """State, recent messages and past ends of the actor at ``path``.

        Raises:
            NoProc: there is none.
        """
        return read_report(tuple(self._roots), path, self.loop.now())

    def statistics(self) -> RuntimeStatistics:
        """Counts since the runtime was opened."""
        return RuntimeStatistics(
            uptime_s=self.loop.now() - self._opened_at,
            actors=len(self._cells),
            started=self._numbers,
            dead_letters=self.dead_letters.total,
            dropped=self._dropped,
            zombies=len(self._zombies),
        )

    def subscribe_reports(self, function: Callable[[Report], None]) -> Callable[[], None]:
        """Have every report passed to ``function``, which must be quick; returns what unsubscribes it."""
        self._subscribers.append(function)

        def unsubscribe() -> None:
            if function in self._subscribers:
                self._subscribers.remove(function)

        return unsubscribe

    def report(self, report: Report) -> None:
        """Log it and tell the subscribers; what one of them raises is logged and goes no further."""
        log_report(self._report_log, report)
        for function in tuple(self._subscribers):
            try:
                function(report)
            except Exception:
                _log.exception("report_subscriber_failed", report=type(report).__name__)

    def dead_letter(self, target: str, message: Any, reason: Literal["noproc", "full", "ended", "late_reply"]) -> None:
        """Count and keep what could not be delivered, and tell those who want to know."""
        letter = DeadLetter(target=target, message=message, reason=reason)
        self.dead_letters.add(letter)
        if self._subscribers:
            self.report(letter)

    # For cells

    def forget(self, cell: Cell) -> None:
        """A cell was buried."""
        self._cells.pop(cell.number, None)
        self.names.unregister(cell)

    def add_zombie(self, cell: Cell) -> None:
        """A task of a cell refuses to end: name it and where it stands."""
        if cell.number in self._zombies:
            return
        self._zombies[cell.number] = cell
        stack = "\n".join(stack_of(coroutine) for coroutine in cell.coroutines())
        _log.error("zombie", actor=cell.path, stack=stack)
        self.report(
            SupervisorReport(
                supervisor="" if cell.parent is None else cell.parent.path,
                context="zombie",
                child=cell.id,
                name=cell.name or "",
                reason=Crash("Zombie", f"{cell.label} refuses to be cancelled", stack),
                restart="temporary",
                pid=cell.number,
            )
        )

    def remove_zombie(self, cell: Cell) -> None:
        """A task of a cell ended, or was abandoned, after all."""
        if not cell.coroutines():
            self._zombies.pop(cell.number, None)
