"""GenServer: an actor with typed handlers, one state and one mailbox. Its task lives in ``lifecycle``."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import anyio
import structlog

from exphil_rt.actor.calls import From
from exphil_rt.actor.handlers import tables
from exphil_rt.actor.lifecycle import run_task
from exphil_rt.actor.mailbox import MailboxSpec
from exphil_rt.actor.pid import Down, Pid, Ref, Target
from exphil_rt.actor.reasons import ExitReason
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

    def send_after(self, seconds: float, message: Any) -> Timer:
        """Have ``message`` in this actor's own mailbox in ``seconds``; it is dispatched like a cast."""
        cell = self._cell
        return cell.runtime.timers.after(seconds, lambda: None if cell.dead else cell.mailbox.put_info(message))

    def monitor(self, target: Target) -> Ref:
        """Have one Down sent to this actor when ``target`` ends; at once where it does not exist."""
        cell = self._cell
        return cell.runtime.monitor(target, lambda down: None if cell.dead else cell.mailbox.put_info(down))

    def demonitor(self, target: Target, ref: Ref) -> None:
        """Take a monitor back, and its Down if that waits already."""
        self._cell.runtime.demonitor(target, ref)
        info = self._cell.mailbox.info
        for message in tuple(info):
            if type(message) is Down and message.ref == ref:
                info.remove(message)

    def start_task(self, function: Callable[..., Awaitable[object]], *args: Any) -> anyio.CancelScope:
        """Run ``function(*args)`` beside the handlers. Its crash is the actor's; it ends when the actor does.

        Returns:
            Its scope; ``cancel()`` ends the task alone.
        """
        scope = anyio.CancelScope(shield=True)
        cell = self._cell
        cell.add_task(scope)
        cell.runtime.start_soon(run_task, cell, scope, function, args)
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
