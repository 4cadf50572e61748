"""ProcessChild: an actor whose work is done by one OS process, so that it can really be killed.

Native code, torch and numba live in such processes; the actor is their face in the tree. The process's code gets a
ChildPort (``child``). Heartbeats are the work loop's own, so a process that hangs is found and ended.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeVar

import anyio
import msgspec
import structlog

from exphil_rt.actor.errors import ActorError
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.handlers import handle_cast
from exphil_rt.actor.os_process import OsProcess
from exphil_rt.actor.outcomes import Stop
from exphil_rt.actor.process_wire import HEARTBEAT, MESSAGE, READY, SHUTDOWN, WireError, pack
from exphil_rt.actor.reasons import Crash, ExitReason, Normal

_log = structlog.get_logger(__name__)

S = TypeVar("S")

_FORK_S: Final = 60.0
"""Seconds that the forkserver gets to give a process; its preloading may still run."""
_DRAIN_S: Final = 1.0
_LINES: Final = 500
"""Lines of output that are logged of one process; its tail is kept in any case."""
_MESSAGE_SHARE: Final = 0.6
_TERM_SHARE: Final = 0.9
"""Shares of the shutdown time at which a process that did not obey gets SIGTERM, and SIGKILL."""


class ProcessEnded(msgspec.Struct, frozen=True):
    """The process's end, in the mailbox behind everything that it sent before."""

    exit_code: int


class ProcessChild(GenServer[S]):
    """Subclasses set ``target``, ``receives`` and ``sends``, and call ``start_process`` in ``init``.

    What the process sends goes to the @handle_cast of its type. The process's end is the actor's: exit code 0 is
    Normal, everything else a Crash with the end of what it printed.
    """

    target: ClassVar[str] = ""
    """``package.module:function`` of what runs in the process; the function gets a ChildPort."""
    receives: ClassVar[Any] = None
    """Union of the messages that the process sends."""
    sends: ClassVar[Any] = None
    """Union of the messages that it is sent."""
    nice: ClassVar[int] = 0
    heartbeat_s: ClassVar[float] = 20.0
    """Seconds without a word after which the process counts as hung."""
    ready_s: float = 120.0
    """Seconds that it may stay in one phase before its ``ready``; ``init`` may set it for this incarnation."""
    init_timeout: ClassVar[float] = 3600.0  # start_process bounds each of its waits

    phase: str = ""
    """What the process said it is doing, with its last heartbeat."""
    _process: OsProcess | None = None
    _lines: int = 0

    @classmethod
    def _family(cls) -> type[GenServer[Any]]:
        return ProcessChild

    def detail(self) -> str:
        """The process's phase."""
        return self.phase

    async def start_process(self, args: Any, fds: Sequence[int] = ()) -> None:
        """Start the process and wait until it is ready. ``fds`` stay the caller's; the process gets copies.

        Raises:
            ActorError: it ended, or was not ready in time.
        """
        process = self._process = OsProcess(self._label(), self._log_line)
        self.defer(process.close)
        with anyio.CancelScope(deadline=self._now() + _FORK_S) as scope:
            await process.launch(self.target, args, self.nice, fds)
        if scope.cancelled_caught:
            raise ActorError(f"The forkserver gave no process for {self._label()} within {_FORK_S:g} s.")
        self.os_pid = process.pid
        self.start_task(process.read_output)
        self.start_task(process.flush)
        with anyio.CancelScope(deadline=self._now() + self.ready_s) as scope:
            await self._until_ready(process, scope)
        if scope.cancelled_caught:
            late = f"stayed in {self.phase} for" if self.phase else "was not ready within"
            raise ActorError(f"The {self._label()} {late} {self.ready_s:g} s. {process.last_words()}".rstrip())
        self.start_task(self._read, process)

    def send_process(self, message: Any) -> None:
        """Send a message to the process; it is dropped if that has ended.

        Raises:
            TypeError: the message is not of ``sends``. MailboxFull: the process takes nothing.
        """
        if self.sends is not None and not isinstance(message, self.sends):
            raise TypeError(f"{type(self).__name__}.sends does not name {type(message).__name__}.")
        if self._process is not None:
            self._process.send(pack(MESSAGE, message))

    @handle_cast
    async def process_ended(self, message: ProcessEnded) -> None:
        """The end of the process is the end of the actor."""
        assert self._process is not None
        raise Stop(self._reason(self._process, message.exit_code))

    async def _until_ready(self, process: OsProcess, scope: anyio.CancelScope) -> None:
        while True:
            frames = await process.receive()
            if frames is None:
                reason = self._reason(process, await process.wait())
                text = reason.text if isinstance(reason, Crash) else f"{self._label()} ended"
                raise ActorError(f"Before it was ready, the {text}. {process.last_words()}".rstrip())
            ready, phase = False, self.phase
            for kind, body in frames:
                ready = ready or kind == READY
                await self._take(kind, body)
            if self.phase != phase:  # it comes on, however slow the machine is
                scope.deadline = self._now() + self.ready_s
            if ready:
                return

    async def _read(self, process: OsProcess) -> None:
        """Pass on what the process sends until its end; a task of the actor."""
        while True:
            with anyio.CancelScope(deadline=self._now() + self.heartbeat_s) as scope:
                frames = await process.receive()
            if scope.cancelled_caught:
                process.signal_group(signal.SIGKILL)
                text = f"{self._label()} gave no sign of life for {self.heartbeat_s:g} s"
                raise Stop(
                    Crash("HeartbeatLost", f"{text} in {self.phase}" if self.phase else text, process.last_words())
                )
            if frames is None:
                break
            for kind, body in frames:
                await self._take(kind, body)
        with anyio.CancelScope(deadline=self._now() + _DRAIN_S):
            await process.wait()
        if process.exit_code is None:  # it closed its socket and lives
            process.signal_group(signal.SIGKILL)
        self._cell.mailbox.put(ProcessEnded(await process.wait()))

    async def _take(self, kind: int, body: bytes) -> None:
        if kind == MESSAGE:
            message = self._decode(body)
            await self.runtime.cast_wait(self.pid, message, math.inf)  # its own room, for as long as it lives
        elif kind == HEARTBEAT:
            self.phase = msgspec.msgpack.decode(body, type=str) if body else ""
        elif kind != READY:
            raise WireError(f"The {self._label()} sent a frame of kind {kind}.")

    def _decode(self, body: bytes) -> Any:
        if self.receives is None:
            raise WireError(f"The {self._label()} sent a message, but {type(self).__name__}.receives names none.")
        try:
            return msgspec.msgpack.decode(body, type=self.receives)
        except msgspec.MsgspecError as error:
            raise WireError(
                f"The {self._label()} sent what {type(self).__name__}.receives does not name: {error}."
            ) from None

    async def _finish(self, reason: ExitReason) -> None:
        try:
            await self.terminate(reason)
        finally:
            process = self._process
            if process is not None and process.exit_code is None:
                await self._end_process(process)

    async def _end_process(self, process: OsProcess) -> None:
        """Message, SIGTERM, SIGKILL, within the shutdown time; what remains the deferred ``close`` kills."""
        scope = self._cell.end_scope
        start = self._now()
        patience = (scope.deadline if scope is not None else start) - start
        process.send(pack(SHUTDOWN))
        async with anyio.create_task_group() as readers:
            readers.start_soon(process.flush)
            readers.start_soon(process.read_output)
            readers.start_soon(self._discard, process)
            if not await self._ended_by(process, min(start + patience * _MESSAGE_SHARE, math.inf)):
                _log.warning("process_ignores_shutdown", actor=self.path, os_pid=process.pid)
                process.signal_group(signal.SIGTERM)
                if not await self._ended_by(process, start + min(patience, 10.0) * _TERM_SHARE):
                    _log.warning("process_ignores_sigterm", actor=self.path, os_pid=process.pid)
                    process.signal_group(signal.SIGKILL)
                    await self._ended_by(process, self._now() + _DRAIN_S)
            readers.cancel_scope.cancel()

    async def _ended_by(self, process: OsProcess, deadline: float) -> bool:
        with anyio.CancelScope(deadline=deadline):
            await process.wait()
        return process.exit_code is not None

    async def _discard(self, process: OsProcess) -> None:
        """Keep the socket empty, so that a process that sends its last words can end; kill one that falls silent."""
        while True:
            with anyio.CancelScope(deadline=self._now() + self.heartbeat_s) as scope:
                if await process.receive() is None:
                    return
            if scope.cancelled_caught:
                process.signal_group(signal.SIGKILL)
                return

    def _log_line(self, line: str) -> None:
        self._lines += 1
        if self._lines <= _LINES:
            _log.info("process_output", actor=self.path, os_pid=self.os_pid, line=line)

    def _reason(self, process: OsProcess, exit_code: int) -> ExitReason:
        if exit_code == 0:
            return Normal()
        names = {number.value: number.name for number in signal.Signals}
        how = names.get(-exit_code, f"signal {-exit_code}") if exit_code < 0 else f"exit code {exit_code}"
        return Crash("ProcessExit", f"{self._label()} ended by {how}", process.last_words())

    def _label(self) -> str:
        """``rollout worker`` for ``exphil_rt.rollout.worker:main``."""
        words = self.target.partition(":")[0].split(".")
        return " ".join(words[-2:]).replace("_", " ")

    def _now(self) -> float:
        return self.runtime.loop.now()
