"""GenServer: an actor with typed handlers, one state and one mailbox. Its task lives in ``lifecycle``."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import anyio
import structlog

from exphil_rt.actor.calls import NO_REPLY, AnsweringTask, From, NoReply
from exphil_rt.actor.handlers import tables
from exphil_rt.actor.lifecycle import own_task, run_task
from exphil_rt.actor.mailbox import MailboxSpec
from exphil_rt.actor.pid import Down, Exit, Pid, Ref, Target
from exphil_rt.actor.reasons import ExitReason, noproc
from exphil_rt.actor.specs import Kind

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.runtime import Runtime
    from exphil_rt.actor.timers import Timer

_log = structlog.get_logger(__name__)

S = TypeVar("S")


class GenServer(Generic[S]):
    """One actor. Subclasses write ``init``, handlers marked @handle_call and @handle_cast, and ``terminate``.

    All that a restart or ``sys.get_state`` needs is ``self.state``, one msgspec Struct; sockets, processes and arrays
    are attributes that ``init`` builds. An actor is asked to end by its supervisor: at once, in the middle of an
    await, or as a message after the running handler where ``trap_exit`` is set. ``terminate`` runs in both cases, and
    after a crash; not after a kill. What must happen even then is given to ``defer``.
    """

    mailbox: ClassVar[MailboxSpec] = MailboxSpec()
    trap_exit: ClassVar[bool] = False
    init_timeout: ClassVar[float] = 60.0
    """Seconds that ``init`` may take."""
    idle_timeout: float | None = None
    """Seconds without a message after which, each time anew, a Timeout arrives; an actor may set it at any time."""
    vsn: ClassVar[Any] = 1
    """Version of the class; the next one's ``code_change`` is told which it follows."""
    kind: ClassVar[Kind] = "worker"
    strategy: str = ""
    os_pid: int = 0

    state: S
    _cell: Cell
    _calls: ClassVar[dict[type, Callable[..., Any]]] = {}
    _casts: ClassVar[dict[type, Callable[..., Any]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._calls, cls._casts = tables(cls)

    # To be overridden

    def init(self, args: Any) -> Any:
        """Build the state: ``async def init(self, args) -> S | Ignore | Continue[S] | Extra[S]``.

        Messages wait until this returned; raising makes the start fail. (Not async here, since a supervisor's need not
        be.)
        """
        raise NotImplementedError(f"{type(self).__name__} has no init")

    async def handle_continue(self, then: Any) -> None:
        """What ``Continue`` announced; runs before any message."""

    async def handle_info(self, message: object) -> None:
        """Everything without a handler of its own: Down, Exit, timers. Unknown messages are counted and logged."""
        self._cell.unknown += 1
        count = self._cell.unknown
        if count & (count - 1) == 0:
            _log.warning("unknown_message", actor=self.path, message=type(message).__name__, count=count)

    async def terminate(self, reason: ExitReason) -> None:
        """Put things in order; cut off after the child specification's shutdown time."""

    def code_change(self, old_vsn: Any, state: S, extra: Any) -> Any:
        """Answer the state that this class wants, from a copy of the one that class ``old_vsn`` left; may be async.

        Called by ``sys.change_code`` on the new class. What it raises is raised there, and nothing has changed.
        """
        return state

    def format_status(self, state: S) -> Any:
        """What ``sys.get_status`` and crash reports show of the state; the place to leave out secrets and bulk."""
        return state

    def detail(self) -> str:
        """A few words for the tree view; must be cheap."""
        return ""

    # What an actor knows of itself

    @property
    def pid(self) -> Pid:
        """This incarnation."""
        return self._cell.pid

    @property
    def name(self) -> str:
        """The registered name, or the path in the tree."""
        return self._cell.label

    @property
    def path(self) -> str:
        """Slash-joined ids from the root."""
        return self._cell.path

    @property
    def runtime(self) -> Runtime:
        """The runtime that it lives in."""
        return self._cell.runtime

    # What an actor does

    async def call(self, target: Target, message: Any, timeout: float = 5.0) -> Any:
        """Send a call and wait for the reply.

        Raises:
            CallTimeout, NoProc, CallingCycle, MailboxFull, NoHandler.
        """
        return await self._cell.runtime.call(target, message, timeout)

    def cast(self, target: Target, message: Any) -> None:
        """Send without waiting; what cannot be delivered is a dead letter.

        Raises:
            MailboxFull: only where the target's policy is ``error``.
        """
        self._cell.runtime.cast(target, message)

    async def cast_wait(self, target: Target, message: Any, timeout: float = 60.0) -> None:
        """Send, waiting for room in a mailbox whose policy is ``block``.

        Raises:
            MailboxFull: there was none within ``timeout`` seconds.
        """
        await self._cell.runtime.cast_wait(target, message, timeout)

    def reply(self, sender: From, value: Any) -> None:
        """Answer a call whose handler returned NO_REPLY; from anywhere, at any time, once."""
        if not sender.resolve(value):
            self._cell.runtime.dead_letter(sender.callee.label, value, "late_reply")

    def forward(self, sender: From, target: Target) -> NoReply:
        """Hand a call over to ``target``, which answers it as if it had been called; a handler returns this.

        The caller waits for ``target`` from here on: it learns of its end, and of a cycle through it.
        """
        self._cell.runtime.forward(sender, target)
        return NO_REPLY

    def answer_later(self, sender: From, function: Callable[..., Awaitable[object]], *args: Any) -> NoReply:
        """Answer a call with what ``function(*args)`` returns, in a task beside the handlers; a handler returns this.

        Calls that the task makes count as the caller's waiting, so a cycle through it is found.
        """

        async def answer() -> None:
            self.reply(sender, await function(*args))

        task = AnsweringTask(f"{self.name} (answering {type(sender.message).__name__})")
        sender.hand_to(task)
        self._start_task(task, answer, ())
        return NO_REPLY

    def send_after(self, seconds: float, message: Any) -> Timer:
        """Have ``message`` in this actor's own mailbox in ``seconds``; it is dispatched like a cast."""
        cell = self._cell
        return cell.runtime.timers.after(seconds, lambda: None if cell.dead else cell.mailbox.put_info(message))

    def monitor(self, target: Target) -> Ref:
        """Have one Down sent to this actor when ``target`` ends; at once where it does not exist."""
        cell = self._cell
        if cell.watching is None:
            cell.watching = {}
        watching, watched = cell.watching, cell.runtime.find(target)

        def notify(down: Down) -> None:
            watching.pop(down.ref, None)
            if not cell.dead:
                cell.mailbox.put_info(down)

        ref = cell.runtime.monitor(target, notify)
        if watched is not None and not watched.dead:
            watching[ref] = watched
        return ref

    def demonitor(self, target: Target, ref: Ref) -> None:
        """Take a monitor back, and its Down if that waits already."""
        watched = (self._cell.watching or {}).pop(ref, None)
        if watched is not None:  # not by ``target``, whose name may have another holder by now
            watched.demonitor(ref)
        self._take_back(lambda message: type(message) is Down and message.ref == ref)

    def link(self, target: Target) -> None:
        """Share the fate of ``target``: when one of the two ends, the other does, with the same reason.

        Not after ``Normal``; and one with ``trap_exit`` gets an Exit instead. Where ``target`` does not live, the
        signal comes at once, with the reason NoProc.
        """
        cell = self._cell
        peer = cell.runtime.find(target)
        if peer is None:
            cell.link_signal(None, noproc(str(target)))
        elif peer.dead:
            cell.link_signal(peer.pid, noproc(peer.label))
        elif peer is not cell:
            cell.link(peer)

    def unlink(self, target: Target) -> None:
        """Undo ``link``, from either side; an Exit of ``target`` that waits is taken back."""
        peer = self._cell.runtime.find(target)
        if peer is not None:
            self._cell.unlink(peer)
            self._take_back(lambda message: type(message) is Exit and message.sender is peer.pid)

    def _take_back(self, unwanted: Callable[[Any], bool]) -> None:
        info = self._cell.mailbox.info
        if info is not None:
            for message in tuple(info):
                if unwanted(message):
                    info.remove(message)

    def start_task(self, function: Callable[..., Awaitable[object]], *args: Any) -> anyio.CancelScope:
        """Run ``function(*args)`` beside the handlers. Its crash is the actor's; it ends when the actor does.

        Returns:
            Its scope; ``cancel()`` ends the task alone.
        """
        return self._start_task(None, function, args)

    def _start_task(
        self, answers: AnsweringTask | None, function: Callable[..., Awaitable[object]], args: Any
    ) -> anyio.CancelScope:
        scope = anyio.CancelScope(shield=True)
        cell = self._cell
        task = own_task(cell, scope, answers, function, args)
        cell.add_task(scope, task)
        cell.runtime.start_soon(run_task, cell, scope, task)
        return scope

    def defer(self, callback: Callable[[], object]) -> None:
        """Have ``callback`` (not async) called when this actor ended, however it ended; last deferred, first called."""
        self._cell.defer(callback)

    # For kinds of actors within the kernel

    async def _start(self, args: Any) -> Any:
        outcome = self.init(args)
        return await outcome if inspect.isawaitable(outcome) else outcome

    @classmethod
    def _has_finish(cls) -> bool:
        """Whether there is anything to do at its end; where not, the end needs no deadline."""
        return cls._finish is not GenServer._finish or cls.terminate is not GenServer.terminate

    async def _finish(self, reason: ExitReason) -> None:
        await self.terminate(reason)

    async def _change_code(self, old_vsn: Any, extra: Any) -> Any:
        outcome = self.code_change(old_vsn, copy.deepcopy(self.state), extra)
        return await outcome if inspect.isawaitable(outcome) else outcome

    @classmethod
    def _family(cls) -> type[GenServer[Any]]:
        """Of which class another must be to take over in a code change."""
        return GenServer

    def _child_changed(self, cell: Cell, new: type[GenServer[Any]]) -> None:
        """The class of a child was changed; for supervisors."""

    def _traced(self, message: Any) -> Any:
        """What is kept of a message that was handled."""
        return message
