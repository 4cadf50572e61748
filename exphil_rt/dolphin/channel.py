"""What comes from Dolphin's spectator server, in place of libmelee's SlippstreamClient: nothing in it waits for ever.

The ENet side is a process (``worker``). Every packet is checked before libmelee sees it (``events``), a packet of two
frames is cut in two, and each wait looks at deadline, Dolphin's life and the order to stop (``watch``).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, Final

from exphil_rt.actor.parent_death import wrapped
from exphil_rt.actor.process_wire import FrameBuffer
from exphil_rt.dolphin.events import EventLog
from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.dolphin.watch import SLICE_S, Watch
from exphil_rt.dolphin.worker import CLOSED, CONNECTED, PACKET

_CHUNK: Final = 256 * 1024
_WORKER_LOST: Final = "The process that speaks with Dolphin has ended."
_END_S: Final = 1.0
_BOUND_S: Final = 0.02
_TYPES: Final = frozenset({"connect_reply", "game_event", "menu_event", "start_game", "end_game", "dolphin_closed"})


class Channel:
    """The way to one Dolphin. What libmelee's Console calls on its client stands here under the same names.

    Args:
        address, port: of the spectator server.
        watch: looked at in every wait.
        event_s: how long a server may be silent between games.
        label: shown in a list of processes, so that whoever looks there sees whose worker it is.
    """

    playedOn = "dolphin"
    timestamp = ""
    consoleNick = ""

    def __init__(self, address: str, port: int, watch: Watch, event_s: float, label: str) -> None:
        self.address = address
        self.port = port
        self.players: dict[str, Any] = {}
        self.events = EventLog()
        self.shaken = False
        """Whether the server has answered the handshake."""
        self.arrived_ns = 0
        """``time.monotonic_ns`` when the latest packet was taken in."""
        self._watch = watch
        self._label = label
        self._event_s = event_s
        self._messages: deque[dict[str, Any]] = deque()
        self._frames_waiting = 0
        self._connected: bool | None = None
        self._closed = False
        self._buffer = FrameBuffer()
        self._start_worker()

    def _start_worker(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "exphil_rt.dolphin.worker", str(theirs.fileno())]
        with theirs:
            self._worker = subprocess.Popen(
                wrapped([*command, self.address, str(self.port), self._label]),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._sock = ours
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        self._connected = None

    def connect(self) -> bool:
        """Connect by the watch's deadline, which raises otherwise; a worker that gave up is replaced."""
        bound = _bound_ports()
        while bound is not None and self.port not in bound:
            self._watch.sleep(_BOUND_S)
            bound = _bound_ports()
        while True:
            try:
                self._sock.send(b"g")
            except OSError:
                raise DolphinFault("worker_lost", _WORKER_LOST) from None
            while self._connected is None:
                self._wait()
            if self._connected:
                return True
            self._end_worker()
            self._start_worker()

    def dispatch(self, polling_mode: bool, timeout: float = 0) -> dict[str, Any]:
        """The next message, waited for until the watch's deadline."""
        del polling_mode, timeout
        if self._watch.left() <= 0.0:
            self._watch.check()  # also where messages come and come, and none of them is what is waited for
        while not self._messages:
            self._wait()
        message = self._messages.popleft()
        if message["type"] == "game_event" and message["closes"]:
            self._frames_waiting -= 1
        return message

    def frames_waiting(self) -> int:
        """Whole frames that have come and were not taken: whoever acts now acts on an old one."""
        self._take_in()
        return self._frames_waiting

    def interrupt(self) -> None:
        """Of libmelee's client; nothing here waits for ever."""

    def shutdown(self) -> None:
        """End the worker. May be called twice."""
        self._end_worker()

    def _end_worker(self) -> None:
        self._sock.close()
        self._worker.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._worker.wait(_END_S)

    def _wait(self) -> None:
        """Take in what is there, after at most a slice; look at the watch where there is nothing."""
        self._poll.poll(max(0.0, min(SLICE_S, self._watch.left())) * 1000.0)
        if not self._take_in():
            self._watch.check()
            if self._watch.on_quiet is not None:
                self._watch.on_quiet()

    def _take_in(self) -> bool:
        """Whether anything had come.

        Raises:
            DolphinFault: nonsense came, or the worker is gone.
        """
        found = False
        while True:
            try:
                data = self._sock.recv(_CHUNK)
            except BlockingIOError:
                break
            except ConnectionError:
                data = b""
            if not data:
                if found or self._messages:
                    return True  # what came before the end first
                self._watch.beat()
                if self._closed:
                    raise DolphinFault("disconnected", "Dolphin closed the connection, or fell silent.")
                raise DolphinFault("worker_lost", _WORKER_LOST)
            found = True
            self._buffer.feed(data)
            self.arrived_ns = time.monotonic_ns()
            for kind, body in self._buffer.frames():
                if kind == PACKET:
                    self._take(body)
                elif kind == CLOSED:
                    self._closed = True
                else:
                    self._connected = kind == CONNECTED
        return found

    def _take(self, body: bytes) -> None:
        message = json.loads(body)
        kind = message.get("type") if isinstance(message, dict) else None
        if kind not in _TYPES:
            raise DolphinFault("bad_data", f"Dolphin sent a message of the type {str(kind)[:40]!r}.")
        if kind == "connect_reply":
            self.shaken = True
            self._watch.arm("no_menu_events", self._event_s, "Dolphin sent no menu event")
        elif kind == "menu_event":
            _decoded(message)
        elif kind == "game_event":
            self._take_game(message)
            return
        self._messages.append(message)

    def _take_game(self, message: dict[str, Any]) -> None:
        packet = _decoded(message)
        if not packet:
            return
        games, over = self.events.started, self.events.ended is not None
        cuts = self.events.look(packet)
        if self.events.started != games or (self.events.ended is not None) != over:
            self._watch.arm("no_frame", self._event_s, "Between games, Dolphin sent nothing")
        if not cuts or cuts[0][0] == len(packet):
            self._append(message["payload"], bool(cuts) and cuts[0][1])
            return
        start = 0
        for end, new in (*cuts, (len(packet), False)):  # libmelee drops what stands behind a packet's first bookend
            if end > start:
                self._append(base64.b64encode(packet[start:end]).decode(), new)
            start = end

    def _append(self, payload: str, closes: bool) -> None:
        self._messages.append({"type": "game_event", "payload": payload, "closes": closes})
        self._frames_waiting += closes


def _decoded(message: dict[str, Any]) -> bytes:
    payload = message.get("payload")
    if not isinstance(payload, str):
        raise DolphinFault("bad_data", "Dolphin sent an event without a payload.")
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise DolphinFault("bad_data", "Dolphin sent an event that is no base64.") from None


def _bound_ports() -> set[int] | None:
    """UDP ports that somebody listens at (proc(5), /proc/net/udp); None where that cannot be known."""
    found: set[int] = set()
    for name in ("udp", "udp6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            if name == "udp":
                return None
            continue
        found.update(int(line.split()[1].rpartition(":")[2], 16) for line in lines)
    return found
