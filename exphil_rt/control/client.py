"""The async client of the control socket: works on asyncio (the TUI) and on trio.

It knows a socket path, not where runs live; ``sync`` finds the only live run for scripts and commands.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream

from exphil_rt import __version__
from exphil_rt.control.framing import (
    DaemonGone,
    DaemonNotRunning,
    Deframer,
    ProtocolError,
    accepted,
    decode_server_frame,
    encode_frame,
    hello_of_client,
    merge,
    mismatch,
)
from exphil_rt.control.wire import (
    Answer,
    Command,
    Fault,
    Hello,
    Publish,
    Reply,
    Request,
    Subscribe,
    Topic,
    Unsubscribe,
    Update,
)

__all__ = ("AsyncClient", "DaemonGone", "DaemonNotRunning", "connect_async")

CLOSE_S = 0.5
"""Seconds that leaving may wait for the daemon to close its side."""

_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


async def open_stream(path: str | Path) -> ByteStream:
    """The bytes to and from the daemon: the one place that knows what carries them.

    Raises:
        DaemonNotRunning: nobody listens there.
    """
    try:
        return await anyio.connect_unix(path)
    except OSError as error:
        raise DaemonNotRunning(
            f"No daemon answers on {path} ({error.strerror or error}).", hint="Start one with `exphil-rt self-play`."
        ) from None


@asynccontextmanager
async def connect_async(
    path: str | Path, *, deadline: float = 5.0, author: str = "tui", readonly: bool = False
) -> AsyncGenerator[AsyncClient]:
    """Connect, exchange Hello, and keep reading until the block ends.

    Losing the daemon never cancels the block: it shows as ``DaemonGone`` from ``request`` and ``updates``.

    Args:
        path: the daemon's socket.
        deadline: seconds for connecting and for the daemon's Hello.
        author: who is named in events for this client's commands.
        readonly: have the daemon refuse every changing command.

    Raises:
        DaemonNotRunning: nobody listens.
        DaemonGone: it did not say Hello in time, or ended the connection.
        ProtocolError: it speaks another protocol, or has no room for another client.
    """
    stream: ByteStream | None = None
    try:
        try:
            with anyio.fail_after(deadline):
                stream = await open_stream(path)
                client = AsyncClient(stream, author)
                await client._greet(hello_of_client(__version__, pid=os.getpid(), readonly=readonly))
        except TimeoutError:
            raise DaemonGone(
                f"The daemon on {path} did not answer within {deadline:g} s.", hint="See `exphil-rt logs`."
            ) from None
        async with anyio.create_task_group() as group:
            group.start_soon(client._read)
            failure: Exception | None = None
            try:
                yield client
            except Exception as error:
                failure = error  # the task group would wrap it
            finally:
                # Ask the daemon to close, so that reading ends by itself: on asyncio a cancelled receive that races
                # with arriving bytes makes anyio's callback raise InvalidStateError into the loop.
                with anyio.move_on_after(CLOSE_S, shield=True), contextlib.suppress(*_BROKEN):
                    await stream.send_eof()
                    await client._ended.wait()
                group.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        if stream is not None:
            with anyio.CancelScope(shield=True):
                await anyio.aclose_forcefully(stream)


class AsyncClient(AsyncIterator[Update]):
    """A connection to the daemon, made by ``connect_async``."""

    hello: Hello
    """What the daemon said of itself: run, version, pid."""

    def __init__(self, stream: ByteStream, author: str) -> None:
        self._stream = stream
        self._author = author
        self._deframer = Deframer()
        self._early: list[bytes] = []
        self._next_id = 0
        self._waiting: dict[int, tuple[anyio.Event, list[Answer]]] = {}
        self._pending: dict[Topic, Update] = {}
        self._news = anyio.Event()
        self._ended = anyio.Event()
        self._sending = anyio.Lock()
        self._gone: DaemonGone | None = None

    @property
    def connected(self) -> bool:
        """False once the daemon is lost."""
        return self._gone is None

    async def request(self, command: Command, timeout: float = 5.0) -> Answer:
        """Say a command; the answer may be ``Refused`` (``framing.accepted`` turns that into an error).

        Raises:
            DaemonGone: the connection is lost, or no answer came within ``timeout`` seconds.
        """
        self._next_id += 1
        ident = self._next_id
        done, slot = self._waiting[ident] = (anyio.Event(), [])
        try:
            with anyio.fail_after(timeout):
                await self._send(Request(ident, self._author, command))
                await done.wait()
        except TimeoutError:
            name = type(command).__name__
            raise DaemonGone(f"The daemon did not answer {name} within {timeout:g} s.") from None
        finally:
            del self._waiting[ident]
        if not slot:
            raise self._gone or DaemonGone("The daemon ended the connection.")
        return slot[0]

    async def subscribe(self, topic: Topic, max_hz: float = 4.0, timeout: float = 5.0) -> None:
        """Have ``topic`` come out of ``updates``, at most ``max_hz`` times a second."""
        accepted(await self.request(Subscribe(topic, max_hz), timeout))

    async def unsubscribe(self, topic: Topic, timeout: float = 5.0) -> None:
        """End a subscription; what waits of it is dropped."""
        accepted(await self.request(Unsubscribe(topic), timeout))
        self._pending.pop(topic, None)

    def updates(self) -> AsyncIterator[Update]:
        """Updates as they come, for one reader; a slow one gets the latest of each topic, and every recent event.

        Raises:
            DaemonGone: the connection is lost; what had arrived was yielded before.
        """
        return self

    async def __anext__(self) -> Update:
        # A method, not an async generator: one left in the middle would have to be closed by hand on trio.
        await anyio.lowlevel.checkpoint()
        while not self._pending:
            if self._gone is not None:
                raise self._gone
            await self._news.wait()
            self._news = anyio.Event()
        return self._pending.pop(next(iter(self._pending)))

    async def _greet(self, mine: Hello) -> None:
        """The daemon speaks first, so that a full or foreign one is heard before anything is sent."""
        try:
            while not self._early:
                self._early.extend(self._deframer.feed(await self._stream.receive(65_536)))
            frame = decode_server_frame(self._early.pop(0))
            if isinstance(frame, Fault):
                raise ProtocolError(frame.message)
            if not isinstance(frame, Hello):
                raise ProtocolError("The daemon did not begin with Hello.")
            if problem := mismatch(frame, mine):
                raise ProtocolError(problem)
            self.hello = frame
            await self._stream.send(encode_frame(mine))
        except _BROKEN:
            raise DaemonGone("The daemon ended the connection before it said Hello.") from None

    async def _send(self, frame: Request) -> None:
        if self._gone is not None:
            raise self._gone
        try:
            async with self._sending:
                # Shielded: half a frame would make all later ones garbage. The daemon always reads, so this is short.
                with anyio.move_on_after(5.0, shield=True) as scope:
                    await self._stream.send(encode_frame(frame))
                if scope.cancelled_caught:
                    self._lose("The daemon does not read any more.")
        except _BROKEN:
            self._lose("The daemon ended the connection.")
        if self._gone is not None:
            raise self._gone

    async def _read(self) -> None:
        try:
            for body in self._early:
                self._take(body)
            while True:
                for body in self._deframer.feed(await self._stream.receive(262_144)):
                    self._take(body)
        except _BROKEN:
            self._lose("The daemon ended the connection.")
        except ProtocolError as error:
            self._lose(error.message)
        finally:
            self._ended.set()

    def _take(self, body: bytes) -> None:
        match decode_server_frame(body):
            case Reply(ident, answer):
                if ident in self._waiting:
                    done, slot = self._waiting[ident]
                    slot.append(answer)
                    done.set()
            case Publish(topic, update):
                self._pending[topic] = merge(self._pending.get(topic), update)
                self._news.set()
            case Fault(message):
                raise ProtocolError(message)
            case Hello():
                raise ProtocolError("The daemon said Hello twice.")

    def _lose(self, message: str) -> None:
        if self._gone is None:
            self._gone = DaemonGone(message)
        self._news.set()
        for done, _ in self._waiting.values():
            done.set()
