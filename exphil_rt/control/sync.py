"""The blocking client, for scripts and command-line verbs: a plain socket, no event loop.

``connect(run)`` finds the run's socket; without a name it takes the only live run, or lists them.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from exphil_rt import __version__
from exphil_rt.control.framing import (
    ControlError,
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
    ActorReply,
    Answer,
    Command,
    Done,
    Fault,
    GetActor,
    GetOverview,
    GetStatus,
    Hello,
    HotSwap,
    OverviewReply,
    Publish,
    Reply,
    Request,
    ServerFrame,
    StatusReply,
    Subscribe,
    Topic,
    Update,
)
from exphil_rt.messages.telemetry import ActorReport, Overview, RunStatus

A = TypeVar("A")


class SeveralRuns(ControlError):
    """No run was named and more than one is live."""

    exit_code = 2


def find_live_run(run: str | None = None, home: str | Path | None = None) -> tuple[str, Path]:
    """Name and socket of the run that is meant: ``run``, or the only live one.

    Raises:
        RunError: there is no such run.
        DaemonNotRunning: that run, or every run, is without a daemon.
        SeveralRuns: no run was named and more than one is live.
    """
    from exphil_rt.store.home import Home
    from exphil_rt.store.run import Run, live_runs

    if run is not None:
        named = Run.open(run, home)
        if named.holder() is None:
            raise DaemonNotRunning(f"No daemon holds the run {run}.", hint=f"Resume it with `{named.resume_command}`.")
        return run, named.socket
    live = live_runs(Home.find(home))
    if not live:
        raise DaemonNotRunning("No daemon is running.", hint="Start one with `exphil-rt self-play`.")
    if len(live) > 1:
        raise SeveralRuns(f"Several runs are live: {', '.join(one.name for one in live)}.", hint="Name one with --run.")
    return live[0].name, live[0].socket


def connect(run: str | None = None, home: str | Path | None = None) -> SyncClient:
    """A connection to the daemon of ``run``, or of the only live run.

    Args:
        run: name of the run.
        home: the home folder; ``EXPHIL_RT_HOME`` or the platform's data folder by default.

    Raises:
        RunError: there is no such run.
        DaemonNotRunning: no daemon holds it, or any run.
        SeveralRuns: no run was named and more than one is live.
        DaemonGone: the daemon does not answer.
        ProtocolError: it speaks another protocol, or has no room for another client.
    """
    return SyncClient(find_live_run(run, home)[1])


class SyncClient:
    """A connection to the daemon. Close it, or use it in a ``with`` block.

    Args:
        path: the daemon's socket.
        deadline: seconds for connecting and for the daemon's Hello.
        author: who is named in events for this client's commands.

    Raises:
        DaemonNotRunning: nobody listens.
        DaemonGone: it did not say Hello in time, or ended the connection.
        ProtocolError: it speaks another protocol, or has no room for another client.
    """

    hello: Hello
    """What the daemon said of itself: run, version, pid."""

    def __init__(self, path: str | Path, *, deadline: float = 5.0, author: str = "cli") -> None:
        self._author = author
        self._deframer = Deframer()
        self._frames: list[ServerFrame] = []
        self._next_id = 0
        self._pending: dict[Topic, Update] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(deadline)
            try:
                self._socket.connect(os.fspath(path))
            except OSError as error:
                raise DaemonNotRunning(
                    f"No daemon answers on {path} ({error.strerror or error}).",
                    hint="Start one with `exphil-rt self-play`.",
                ) from None
            self._greet(time.monotonic() + deadline)
        except BaseException:
            self._socket.close()
            raise

    def request(self, command: Command, timeout: float = 5.0) -> Answer:
        """Say a command; the answer may be ``Refused``.

        Raises:
            DaemonGone: the connection is lost, or no answer came within ``timeout`` seconds.
        """
        self._next_id += 1
        until = time.monotonic() + timeout
        self._send(Request(self._next_id, self._author, command), until)
        while True:
            frame = self._receive(until)
            if frame is None:
                raise DaemonGone(f"The daemon did not answer {type(command).__name__} within {timeout:g} s.")
            if isinstance(frame, Reply) and frame.id == self._next_id:
                return frame.body

    def status(self) -> RunStatus:
        """The head line of the run."""
        return self._ask(GetStatus(), StatusReply).status

    def overview(self) -> Overview:
        """All that the first screen shows: games, ratings, tree, metrics, events."""
        return self._ask(GetOverview(), OverviewReply).overview

    def actor(self, path: str) -> ActorReport:
        """What the actor page shows of the actor at ``path``."""
        return self._ask(GetActor(path), ActorReply).report

    def do(self, command: Command, timeout: float = 60.0) -> str:
        """Carry out a changing command; what came of it, in words.

        Raises:
            CommandRefused: the daemon did not carry it out.
        """
        return self._ask(command, Done, timeout).text

    def hot_swap(self, target: str, policy: str) -> str:
        """Put a policy into a running agent, to the end of its game; what came of it, in words.

        Args:
            target: ``exhibition`` or the number of a game, then ``:1`` or ``:2`` for the player.
            policy: ``NAME[@vN|@latest|@best]`` or a path.

        Raises:
            CommandRefused: it did not take over, and why.
        """
        return self.do(HotSwap(target=target, policy=policy))

    def updates(self, topic: Topic, max_hz: float = 1.0, timeout: float = 10.0) -> Iterator[Update]:
        """Subscribe and yield updates; ends when none came for ``timeout`` seconds.

        Raises:
            DaemonGone: the connection is lost.
        """
        self.do(Subscribe(topic, max_hz))
        while True:
            until = time.monotonic() + timeout
            while topic not in self._pending:
                if self._receive(until) is None:
                    return
            yield self._pending.pop(topic)

    def close(self) -> None:
        """End the connection; the daemon goes on."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, command: Command, kind: type[A], timeout: float = 5.0) -> A:
        answer = accepted(self.request(command, timeout))
        if not isinstance(answer, kind):
            raise ProtocolError(f"The daemon answered {type(command).__name__} with {type(answer).__name__}.")
        return answer

    def _greet(self, until: float) -> None:
        # The daemon speaks first, so that a full or foreign one is heard before anything is sent.
        frame = self._receive(until)
        if frame is None:
            raise DaemonGone("The daemon did not say Hello in time.", hint="See `exphil-rt logs`.")
        if not isinstance(frame, Hello):
            raise ProtocolError("The daemon did not begin with Hello.")
        mine = hello_of_client(__version__, pid=os.getpid())
        if problem := mismatch(frame, mine):
            raise ProtocolError(problem)
        self.hello = frame
        self._send(mine, until)

    def _send(self, frame: Hello | Request, until: float) -> None:
        self._socket.settimeout(max(until - time.monotonic(), 0.001))
        try:
            self._socket.sendall(encode_frame(frame))
        except OSError:
            # A half-sent frame cannot be continued, so a timeout ends the connection too.
            self._socket.close()
            raise DaemonGone("The daemon ended the connection, or does not read.") from None

    def _receive(self, until: float) -> ServerFrame | None:
        """The next frame, or None at the deadline. Updates are also put aside for ``updates``."""
        while not self._frames:
            self._socket.settimeout(max(until - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(262_144)
            except TimeoutError:
                return None
            except OSError:
                data = b""
            if not data:
                self._socket.close()
                raise DaemonGone("The daemon ended the connection.")
            self._frames += [decode_server_frame(body) for body in self._deframer.feed(data)]
        frame = self._frames.pop(0)
        if isinstance(frame, Fault):
            self._socket.close()
            raise ProtocolError(frame.message)
        if isinstance(frame, Publish):
            self._pending[frame.topic] = merge(self._pending.get(frame.topic), frame.body)
        return frame
