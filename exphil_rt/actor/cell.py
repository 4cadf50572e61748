"""One incarnation of an actor as the kernel sees it: its phase, its scope, its signals, and how it is buried.

What an actor does between start and end lives in ``lifecycle``; what users may touch of a cell is its Pid.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
import msgspec
import structlog
from anyio.lowlevel import checkpoint

from exphil_rt.actor.calls import From
from exphil_rt.actor.children import TryAgain
from exphil_rt.actor.errors import NoProc
from exphil_rt.actor.mailbox import Mailbox
from exphil_rt.actor.pid import Down, Exit, Pid, Ref
from exphil_rt.actor.reasons import ExitReason, Killed, Normal

if TYPE_CHECKING:
    from exphil_rt.actor.calls import Waiter
    from exphil_rt.actor.genserver import GenServer
    from exphil_rt.actor.loop import Event
    from exphil_rt.actor.runtime import Runtime
    from exphil_rt.actor.specs import ChildSpec

_log = structlog.get_logger(__name__)

Phase = Literal["starting", "running", "ending", "dead"]
KILL_GRACE_S: Final = 1.0
"""Seconds that a killed actor gets to obey; then it is a zombie and no longer of the tree."""
RECENT: Final = 16


class ParentExit(msgspec.Struct, frozen=True):
    """System message: the supervisor tells the actor to end."""

    reason: ExitReason


class ChildExit(msgspec.Struct, frozen=True):
    """Info message to a supervisor: a child that had started ended."""

    cell: Any
    reason: ExitReason


class Cell:
    """See the module."""

    __slots__ = (
        "_deferred",
        "_monitors",
        "_tasks",
        "_tasks_done",
        "_tasks_refuse",
        "_watchers",
        "actor",
        "args",
        "children",
        "coroutine",
        "end_scope",
        "had_started",
        "handled",
        "id",
        "ignored",
        "info",
        "interrupt",
        "killed",
        "label",
        "links",
        "mailbox",
        "name",
        "number",
        "open_calls",
        "parent",
        "path",
        "phase",
        "pid",
        "reason",
        "recent",
        "runtime",
        "scope",
        "shutdown_s",
        "started_at",
        "suspended",
        "unknown",
        "waiting_on",
        "want",
        "watching",
    )

    def __init__(self, runtime: Runtime, number: int, spec: ChildSpec, parent: Cell | None) -> None:
        self.runtime = runtime
        self.number = number
        self.id = spec.id
        self.name = spec.name
        self.parent = parent
        self.path: str = f"{parent.path}/{spec.id}" if parent is not None else spec.id
        self.label = spec.name or self.path
        self.pid = Pid(number, self.label, self)
        self.shutdown_s = spec.shutdown_s
        self.args: Any = spec.args
        self.actor: GenServer[Any] = spec.start()
        self.actor._cell = self
        self.mailbox = Mailbox(self.actor.mailbox, runtime.loop)
        self.scope = runtime.loop.shield()
        self.end_scope: anyio.CancelScope | None = None
        self.phase: Phase = "starting"
        self.reason: ExitReason | None = None
        self.want: ExitReason | None = None
        self.killed = False
        self.had_started = False
        self.ignored = False
        self.info: Any = None
        self.suspended = False
        self.started_at = runtime.loop.now()
        self.handled = 0
        self.unknown = 0
        self.recent: deque[Any] | None = None
        self.open_calls: set[From] | None = None
        """Calls whose reply it owes."""
        self.waiting_on: list[Waiter] = []
        self.children: set[Cell] | None = None
        self.links: dict[Cell, None] | None = None
        """Peers that share its fate, in the order in which they were linked."""
        self.watching: dict[Ref, Cell] | None = None
        """Whom it monitors."""
        self.interrupt: Event | None = None
        """Set when the supervisor above wants this one to end while it waits for a child."""
        self._monitors: dict[Ref, Callable[[Down], None]] | None = None
        self._deferred: list[Callable[[], object]] | None = None
        self.coroutine: Coroutine[Any, Any, None] | None = None
        """What its task runs; None before and after."""
        self._tasks: dict[anyio.CancelScope, Coroutine[Any, Any, None]] | None = None
        self._tasks_done: Event | None = None
        self._tasks_refuse = False
        self._watchers: list[Event] | None = None

    def __repr__(self) -> str:
        return f"<cell {self.number} {self.label} {self.phase}>"

    @property
    def dead(self) -> bool:
        """Whether it was buried."""
        return self.phase == "dead"

    @property
    def room(self) -> bool:
        """Whether the mailbox takes one more cast or call."""
        return len(self.mailbox.user) < self.mailbox.capacity

    # Signals

    def exit_from_parent(self, reason: ExitReason) -> None:
        """The supervisor wants it to end: a message for one that traps exits, a cancellation else."""
        if self.phase in ("ending", "dead"):
            return
        idle = self.mailbox.parked  # then a message is as good as a cancellation, and cheaper
        if (self.phase == "running" and (idle or self.actor.trap_exit)) or self.actor.kind == "supervisor":
            self.mailbox.put_system(ParentExit(reason))
            if self.interrupt is not None:
                self.interrupt.set()
        else:
            self.request_stop(reason)

    def exit_signal(self, sender: Pid | None, reason: ExitReason) -> None:
        """OTP's ``exit(Pid, Reason)`` by anybody."""
        if self.dead:
            return
        if isinstance(reason, Killed):
            self.kill()
        elif isinstance(reason, Normal) and sender is self.pid:  # ``exit(self(), normal)`` ends even those
            self.request_stop(reason)
        else:
            self.link_signal(sender, reason)

    def link_signal(self, sender: Pid | None, reason: ExitReason) -> None:
        """A linked peer ended so: a message for one that traps exits, its own end for others but after ``Normal``.

        A peer that was killed ends with ``Killed``, which can be trapped; only ``exit_signal`` kills.
        """
        if self.dead:
            return
        if self.actor.trap_exit:
            self.mailbox.put_info(Exit(sender, reason))
        elif not isinstance(reason, Normal):
            self.request_stop(reason)

    def request_stop(self, reason: ExitReason) -> None:
        """Cancel what the actor does and let it end with ``reason``, unless it is ending already."""
        if self.phase in ("starting", "running") and self.want is None:
            self.want = reason
            self.scope.cancel()

    def kill(self) -> None:
        """End it without asking. One that refuses cancellation is a zombie after KILL_GRACE_S."""
        if self.dead or self.killed:
            return
        self.killed = True
        self.want = Killed()
        self.scope.cancel()
        if self.end_scope is not None:
            self.end_scope.cancel()
        self.cancel_tasks()
        self.runtime.timers.after(KILL_GRACE_S, self.bury_zombie)

    def bury_zombie(self) -> None:
        """Drop from the tree what a kill did not end; its task still runs somewhere."""
        if self.dead:
            return
        if self.children:  # it waits for its children, whose own ends are bounded
            self.runtime.timers.after(KILL_GRACE_S, self.bury_zombie)
            return
        self.bury(Killed())
        self.runtime.add_zombie(self)

    # Tasks of its own, clean-up, watchers

    def add_task(self, scope: anyio.CancelScope, coroutine: Coroutine[Any, Any, None]) -> None:
        """A start_task task begins."""
        if self._tasks is None:
            self._tasks = {}
        self._tasks[scope] = coroutine

    def remove_task(self, scope: anyio.CancelScope) -> None:
        """A start_task task ended."""
        assert self._tasks is not None
        self._tasks.pop(scope, None)
        if not self._tasks and self._tasks_done is not None:
            self._tasks_done.set()

    @property
    def busy_ending(self) -> bool:
        """Whether its end takes awaits: tasks or children to be waited for."""
        return bool(self._tasks or self.children)

    def cancel_tasks(self) -> None:
        """Cancel every start_task task."""
        for scope in tuple(self._tasks or ()):
            scope.cancel()

    async def end_tasks(self) -> None:
        """Cancel every start_task task and wait for them, at most KILL_GRACE_S."""
        if not self._tasks:
            return
        self.cancel_tasks()
        self._tasks_done = self.runtime.loop.event()
        with anyio.CancelScope(shield=True, deadline=self.runtime.loop.now() + KILL_GRACE_S):
            await self._tasks_done.wait()
        if self._tasks:  # one turn more: it may be the loop that was busy for as long
            with anyio.CancelScope(shield=True):
                await checkpoint()
        if self._tasks:
            self._tasks_refuse = True
            self.runtime.add_zombie(self)

    def coroutines(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs in its name: its own task, and those of start_task."""
        own = () if self.coroutine is None else (self.coroutine,)
        return (*own, *(self._tasks or {}).values())

    def owe(self, pending: From) -> None:
        """A call is to be answered, or failed at its end."""
        if self.open_calls is None:
            self.open_calls = set()
        self.open_calls.add(pending)

    def owe_no_more(self, pending: From) -> None:
        """Undo ``owe``."""
        if self.open_calls is not None:
            self.open_calls.discard(pending)

    @property
    def told(self) -> bool:
        """Whether its task was told to end."""
        return self.killed or (self.want is not None and self.phase in ("starting", "running"))

    @property
    def tasks_given_up(self) -> bool:
        """Whether its start_task tasks are not to be resumed."""
        return self._tasks_refuse or self.dead

    def defer(self, callback: Callable[[], object]) -> None:
        """Have ``callback`` called when the actor is buried, however it ended."""
        if self._deferred is None:
            self._deferred = []
        self._deferred.append(callback)

    def link(self, peer: Cell) -> None:
        """Bind both to one another's end; twice is as once."""
        for one, other in ((self, peer), (peer, self)):
            if one.links is None:
                one.links = {}
            one.links[other] = None

    def unlink(self, peer: Cell) -> None:
        """Undo ``link``."""
        for one, other in ((self, peer), (peer, self)):
            if one.links is not None:
                one.links.pop(other, None)

    def monitor(self, ref: Ref, notify: Callable[[Down], None]) -> None:
        """Have ``notify`` called once with the Down of this cell."""
        if self._monitors is None:
            self._monitors = {}
        self._monitors[ref] = notify

    def demonitor(self, ref: Ref) -> None:
        """Forget a monitor."""
        if self._monitors is not None:
            self._monitors.pop(ref, None)

    def watch(self, event: Event) -> None:
        """Have ``event`` set when the phase changes to running or dead."""
        if self._watchers is None:
            self._watchers = []
        self._watchers.append(event)

    def unwatch(self, event: Event) -> None:
        """Undo ``watch``."""
        if self._watchers is not None and event in self._watchers:
            self._watchers.remove(event)

    def mark_running(self) -> None:
        """``init`` is through."""
        self.had_started = True
        self.phase = "running"
        if self.parent is not None and self in self.parent.waiting_on:  # from here on it may call who started it
            self.parent.waiting_on.remove(self)
        self._notify_watchers()

    def _notify_watchers(self) -> None:
        watchers, self._watchers = self._watchers, None
        for event in watchers or ():
            event.set()

    async def wait_dead(self, deadline: float) -> bool:
        """Wait until it is buried; False at the deadline."""
        while not self.dead and self.runtime.loop.now() < deadline:
            event = self.runtime.loop.event()
            self.watch(event)
            timer = self.runtime.timers.at(deadline, event.set)
            await event.wait()
            timer.cancel()
        return self.dead

    def remember(self, message: Any) -> None:
        """Keep ``message`` among the last few that were handled."""
        if self.recent is None:
            self.recent = deque(maxlen=RECENT)
        self.recent.append(message)

    # The end

    def begin_end(self, reason: ExitReason) -> None:
        """Nothing is handled any more: calls that wait in the mailbox, and those still to come, fail at once."""
        if self.dead:
            return
        self.phase = "ending"
        self.reason = reason
        for message in self.mailbox.user:
            if type(message) is From:
                message.fail(NoProc(self.label, reason))

    def bury(self, reason: ExitReason) -> None:
        """Everything that follows from an end, once: names, callers, clean-up, monitors, the supervisor."""
        if self.dead:
            return
        self.phase = "dead"
        self.reason = reason
        runtime = self.runtime
        runtime.forget(self)
        for message in self.mailbox.close():
            if type(message) not in (From, TryAgain):
                runtime.dead_letter(self.label, message, "ended")
        for pending in tuple(self.open_calls or ()):
            pending.fail(NoProc(self.label, reason))
        for callback in reversed(self._deferred or ()):
            try:
                callback()
            except Exception:
                _log.exception("deferred_failed", actor=self.path)
        for ref, notify in tuple((self._monitors or {}).items()):
            notify(Down(ref, self.pid, self.label, reason))
        self._deferred = self._monitors = None
        for ref, watched in (self.watching or {}).items():
            watched.demonitor(ref)
        for peer in tuple(self.links or ()):
            self.unlink(peer)
            peer.link_signal(self.pid, reason)
        self.links = self.watching = None
        parent = self.parent
        if parent is not None:
            if parent.children is not None:
                parent.children.discard(self)
            if self.had_started and parent.phase in ("starting", "running"):
                parent.mailbox.put_info(ChildExit(self, reason))
        self.cancel_tasks()
        self._notify_watchers()
