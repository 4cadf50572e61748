"""An inference process's loop beside the test, over a real link."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time

import msgspec
import pytest

from exphil_rt.actor import start_forkserver, stop_forkserver
from exphil_rt.actor.child import ChildPort
from exphil_rt.actor.process_wire import MESSAGE, SHUTDOWN, FrameBuffer, pack
from exphil_rt.dolphin.brain import Brain
from exphil_rt.dolphin.brain_main import Server
from exphil_rt.dolphin.link import Answer, Link, LinkLost, link_pair, send_end
from exphil_rt.messages.brain import BrainArgs, BrainSeat, FromBrain
from exphil_rt.policy.bundle import save_bundle

WAIT_S = 20.0


class Served:
    """A brain that serves in a thread: what a console, and what the daemon's actor, would have of it."""

    def __init__(self, args):
        self._daemon, theirs = socket.socketpair()
        self._door, door = socket.socketpair()
        self._daemon.settimeout(WAIT_S)
        self.port = ChildPort(theirs, [])
        self._sockets = [self._daemon, theirs, self._door, door]
        made = threading.Event()

        def run():  # a brain's clock is that of the thread that makes it
            self.brain = Brain(args)
            made.set()
            Server(self.brain, self.port, door).run()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert made.wait(WAIT_S)
        self._buffer = FrameBuffer()
        self.heard = []
        self.link, self.ready = self.connect()

    def connect(self):
        """A console's end of a fresh link, and what it is told first."""
        mine, its = link_pair()
        send_end(self._door, 0, its.fileno())
        its.close()
        link = Link(mine)
        return link, self.receive(link, len(self.brain.seats))

    def receive(self, link, count):
        found, until = [], time.monotonic() + WAIT_S
        while len(found) < count and time.monotonic() < until:
            found += link.receive(0.5)
        assert len(found) == count
        return found

    def ask(self, *asks):
        for one in asks:
            assert self.link.send(one)
        answers = self.receive(self.link, len(asks))
        assert all(isinstance(answer, Answer) for answer in answers)
        return answers

    def tell(self, message):
        self._daemon.sendall(pack(MESSAGE, message))

    def told(self, kind):
        """The messages of a kind to the daemon that have come."""
        while select.select([self._daemon], [], [], 0.0)[0]:
            self._hear()
        found = [one for one in self.heard if isinstance(one, kind)]
        self.heard = [one for one in self.heard if not isinstance(one, kind)]
        return found

    def until_told(self, kind):
        """The next message of a kind to the daemon."""
        while not (found := self.told(kind)):
            self._hear()
        self.heard = found[1:] + self.heard
        return found[0]

    def _hear(self):
        self._buffer.feed(self._daemon.recv(65536))
        frames = [body for frame, body in self._buffer.frames() if frame == MESSAGE]
        self.heard += [msgspec.msgpack.decode(body, type=FromBrain) for body in frames]

    def close(self):
        with contextlib.suppress(OSError):
            self._daemon.sendall(pack(SHUTDOWN))
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        with contextlib.suppress(LinkLost):
            self.link.close()
        for one in self._sockets:
            one.close()
        self.brain.close()


@pytest.fixture
def served(tmp_path):
    """Makes a served brain of one policy on one port."""
    made = []

    def make(policy, manifest, *, port=0, batch_steps=1, engine="torch", temperature=1.0, **more):
        folder = tmp_path / "policies" / manifest.ref
        if not folder.exists():
            save_bundle(folder, policy, manifest)
        seat = BrainSeat(port=port, policy=str(folder), delay=policy.config.delay, batch_steps=batch_steps)
        made.append(Served(BrainArgs(seats=(seat,), engine=engine, temperature=temperature, **more)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def forkserver():
    """One forkserver for every test that starts processes."""
    start_forkserver()
    yield
    stop_forkserver()
