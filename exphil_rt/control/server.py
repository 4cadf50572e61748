"""The daemon's side of the control socket: ``serve`` and the ``Hub`` that its actors publish into.

A client can slow down, lie or vanish without anybody else noticing: topics are conflated per client, every write has
a deadline, every frame a size, and the number of clients and of their open requests is bounded.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import stat
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio
import structlog
from anyio.abc import SocketStream, TaskGroup, TaskStatus

from exphil_rt.control.framing import (
    MAX_COMMAND,
    ControlError,
    Deframer,
    ProtocolError,
    decode_client_frame,
    encode_frame,
    merge,
    mismatch,
)
from exphil_rt.control.wire import (
    Answer,
    Checkpoint,
    Command,
    Done,
    Fault,
    Hello,
    Pause,
    Publish,
    Refused,
    Reply,
    Request,
    RestartActor,
    Resume,
    Stop,
    Subscribe,
    Topic,
    Unsubscribe,
    Update,
)
from exphil_rt.errors import ExphilError

Handler = Callable[[Command, str], Awaitable[Answer]]
"""Carries out a command said by an author (``tui``, ``cli``); Subscribe and Unsubscribe never reach it."""

MAX_CLIENTS: Final = 32
MAX_OPEN_REQUESTS: Final = 16
"""Requests of one client that may be in work at once; more wait in its socket."""
MAX_HZ: Final = 60.0
HELLO_S: Final = 5.0
HANDLE_S: Final = 60.0
WRITE_S: Final = 30.0
FLUSH_S: Final = 0.5
"""How long a connection that ends may take to send the answers it still owes."""
MAX_PATH: Final = 103
"""Longest socket path in bytes (``sun_path`` holds 104 on macOS, 108 on Linux, with a final NUL)."""

_STAGING: Final = ".new.sock"
"""Not longer than the socket's own name, whose path has just been checked."""

_CHANGING: Final = (Pause, Resume, RestartActor, Checkpoint, Stop)
_GONE: Final = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)

log = structlog.get_logger(__name__, actor="control")


class AlreadyServing(ControlError):
    """Another daemon answers on this socket."""

    exit_code = 4


class SocketUnusable(ControlError):
    """The socket cannot be made at this path."""


class _Subscription:
    """One topic of one client: what waits, and when it may go."""

    __slots__ = ("due", "pending", "period")

    def __init__(self, max_hz: float) -> None:
        self.period = 1.0 / min(max_hz, MAX_HZ)
        self.pending: Update | None = None
        self.due = -math.inf


class Hub:
    """Where the daemon's actors leave updates for whoever watches. For the loop's own thread only."""

    def __init__(self) -> None:
        self._sessions: set[_Session] = set()

    def publish(self, topic: Topic, update: Update) -> None:
        """Leave ``update`` for every subscriber of ``topic``. Never blocks; encoding happens in the senders."""
        for session in self._sessions:
            session.offer(topic, update)

    def wanted(self, topic: Topic) -> bool:
        """Whether anybody watches ``topic``, so that nobody computes what nobody sees."""
        return any(topic in session.topics for session in self._sessions)

    @property
    def clients(self) -> int:
        """Connections open now."""
        return len(self._sessions)


async def serve(
    path: str | Path,
    hello: Hello,
    handle: Handler,
    hub: Hub,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the control socket at ``path`` until cancelled; ``await group.start(serve, ...)`` returns when it listens.

    A stale socket file is replaced, the new one has mode 0600 before it listens, and is removed at the end. An
    ``ExphilError`` of ``handle`` becomes a Refused answer, any other exception is logged and refused too. A command
    is carried out even when its client leaves before the answer.

    Raises:
        AlreadyServing: a live daemon answers there.
        SocketUnusable: the path is too long, or something that is no socket is in the way.
    """
    path = Path(path)
    _clear_stale(path)
    staging = path.with_name(_STAGING)  # renamed into place, so that whoever sees the socket can connect
    try:
        staging.unlink(missing_ok=True)
        listener = await anyio.create_unix_listener(staging, mode=0o600, backlog=64)
        staging.rename(path)
    except OSError as error:
        raise SocketUnusable(f"The control socket {path} cannot be made: {error.strerror}.") from error
    inode = path.stat().st_ino
    try:
        async with listener, anyio.create_task_group() as group:
            task_status.started()
            while True:
                try:
                    stream = await listener.accept()
                except (OSError, anyio.BrokenResourceError) as error:
                    # Out of file descriptors, most likely: the clients at hand go on, new ones wait.
                    log.warning("control_accept_failed", error=str(error))
                    await anyio.sleep(0.2)
                    continue
                group.start_soon(_Session(stream, hello, handle, hub, group).run)
    finally:
        if path.exists() and path.stat().st_ino == inode:
            path.unlink()


def _clear_stale(path: Path) -> None:
    if len(os.fsencode(path)) > MAX_PATH:
        raise SocketUnusable(
            f"The control socket's path {path} is longer than {MAX_PATH} bytes.",
            hint="Set XDG_RUNTIME_DIR to a shorter folder, or give the run a shorter name.",
        )
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SocketUnusable(f"{path} is in the way of the control socket and is no socket.", hint="Move it away.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SocketUnusable(f"The control socket {path} cannot be probed: {error.strerror}.") from error
        else:
            raise AlreadyServing(f"A daemon already answers on {path}.", hint="Use `exphil-rt attach`.")


class _Session:
    """One connection."""

    def __init__(self, stream: SocketStream, hello: Hello, handle: Handler, hub: Hub, work: TaskGroup) -> None:
        self.topics: dict[Topic, _Subscription] = {}
        self._stream = stream
        self._hello = hello
        self._handle = handle
        self._hub = hub
        self._work = work
        self._peer = Hello(protocol=0, version="")
        self._replies: deque[bytes] = deque()
        self._open = anyio.Semaphore(MAX_OPEN_REQUESTS)
        self._wake = anyio.Event()
        self._closing = False
        self._torn = False  # a frame was sent in part: nothing more may follow it

    def offer(self, topic: Topic, update: Update) -> None:
        subscription = self.topics.get(topic)
        if subscription is not None:
            subscription.pending = merge(subscription.pending, update)
            self._wake.set()

    async def run(self) -> None:
        """Talk until either side ends it. No failure of the connection leaves this function."""
        try:
            if self._hub.clients >= MAX_CLIENTS:
                self._fault(f"The daemon already serves {MAX_CLIENTS} clients: close one and try again.")
                return
            self._hub._sessions.add(self)
            self._owe(encode_frame(self._hello))
            async with anyio.create_task_group() as group:
                group.start_soon(self._write, group)
                try:
                    await self._read()
                except ProtocolError as error:
                    log.info("control_protocol_error", error=error.message)
                    self._fault(error.message)
                except _GONE:
                    pass
                # The writer ends by itself once it sent what is owed: cut off in a frame, it would owe for ever.
                self._closing = True
                self._wake.set()
                group.cancel_scope.deadline = anyio.current_time() + FLUSH_S
        except Exception:
            log.exception("control_session_failed")
        finally:
            self._hub._sessions.discard(self)
            with anyio.move_on_after(FLUSH_S, shield=True), contextlib.suppress(*_GONE):
                await self._flush()
            with anyio.CancelScope(shield=True):
                await anyio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        """Take frames for ever; the end of the stream is an exception."""
        deframer = Deframer(MAX_COMMAND)
        greeted = False
        with anyio.move_on_after(HELLO_S) as deadline:
            while True:
                for body in deframer.feed(await self._stream.receive(65_536)):
                    frame = decode_client_frame(body)
                    if isinstance(frame, Request) and greeted:
                        await self._accept(frame)
                    elif isinstance(frame, Hello) and not greeted:
                        if problem := mismatch(self._hello, frame):
                            raise ProtocolError(problem)
                        self._peer, greeted, deadline.deadline = frame, True, math.inf
                    else:
                        raise ProtocolError("The first frame, and only the first, must be Hello.")
        raise ProtocolError(f"No Hello came within {HELLO_S:.0f} s.")

    async def _accept(self, request: Request) -> None:
        match request.body:
            case Subscribe(topic, max_hz):
                if math.isfinite(max_hz) and max_hz > 0:
                    self.topics[topic] = _Subscription(max_hz)
                    self._answer(request, Done(f"{topic} at up to {min(max_hz, MAX_HZ):g} Hz"))
                else:
                    self._answer(request, Refused(f"max_hz must be above 0, not {max_hz}."))
            case Unsubscribe(topic):
                self.topics.pop(topic, None)
                self._answer(request, Done())
            case command if self._peer.readonly and isinstance(command, _CHANGING):
                name = type(command).__name__
                self._answer(request, Refused(f"This client is read-only, so {name} was not carried out."))
            case _:
                await self._open.acquire()
                self._work.start_soon(self._carry_out, request)

    async def _carry_out(self, request: Request) -> None:
        name = type(request.body).__name__
        answer: Answer
        try:
            with anyio.fail_after(HANDLE_S):
                answer = await self._handle(request.body, request.author)
        except ExphilError as error:
            answer = Refused(error.message, error.hint, error.exit_code)
        except TimeoutError:
            answer = Refused(f"{name} was not done within {HANDLE_S:.0f} s.", hint="See `exphil-rt logs`.")
        except Exception as error:
            log.exception("control_command_failed", command=name)
            answer = Refused(f"{name} failed inside the daemon: {type(error).__name__}.", "See `exphil-rt logs`.")
        finally:
            self._open.release()
        self._answer(request, answer)

    def _answer(self, request: Request, answer: Answer) -> None:
        try:
            frame = encode_frame(Reply(request.id, answer))
        except ProtocolError as error:
            frame = encode_frame(Reply(request.id, Refused(error.message)))
        self._owe(frame)

    def _fault(self, message: str) -> None:
        self._owe(encode_frame(Fault(message)))

    def _owe(self, frame: bytes) -> None:
        self._replies.append(frame)
        self._wake.set()

    async def _write(self, group: TaskGroup) -> None:
        """Send what is owed, then each topic that is due; a client that takes nothing for WRITE_S is dropped."""
        try:
            while True:
                await self._flush()
                if self._closing:
                    return
                now = anyio.current_time()
                wait = math.inf
                for topic, subscription in tuple(self.topics.items()):
                    if subscription.pending is None:
                        continue
                    if subscription.due > now:
                        wait = min(wait, subscription.due - now)
                        continue
                    update, subscription.pending = subscription.pending, None
                    # Keeps the mean rate when a publisher beats against the period, without bursts after a pause.
                    subscription.due = max(subscription.due, now - subscription.period / 2) + subscription.period
                    wait = 0.0
                    try:
                        frame = encode_frame(Publish(topic, update))
                    except ProtocolError as error:
                        log.warning("control_update_dropped", topic=topic, error=error.message)
                    else:
                        await self._send(frame)
                if wait and not self._replies:
                    with anyio.move_on_after(wait):
                        await self._wake.wait()
                    self._wake = anyio.Event()
        except (TimeoutError, *_GONE):
            group.cancel_scope.cancel()

    async def _flush(self) -> None:
        while self._replies and not self._torn:
            await self._send(self._replies.popleft())

    async def _send(self, frame: bytes) -> None:
        self._torn = True
        with anyio.fail_after(WRITE_S):
            await self._stream.send(frame)
        self._torn = False
