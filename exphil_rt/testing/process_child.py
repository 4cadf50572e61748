"""A process child for tests that misbehaves on request, and its proxy actor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import msgspec

from exphil_rt.actor import NO_REPLY, ChildPort, From, ProcessChild, handle_call, handle_cast
from exphil_rt.actor.parent_death import wrapped


class ChildArgs(msgspec.Struct, frozen=True):
    """How the process behaves from the start on."""

    ready_after_s: float = 0.0
    phases_s: tuple[float, ...] = ()
    """Phases of its start before that, which it names, and how long it stays in each."""
    die_before_ready: str = ""
    ignore_shutdown: bool = False
    ignore_sigterm: bool = False


class Echo(msgspec.Struct, frozen=True, tag="echo"):
    """Send Echoed back."""

    text: str
    bytes_of_padding: int = 0


class Die(msgspec.Struct, frozen=True, tag="die"):
    """End with this exit code, or by this signal if negative, after printing ``words``."""

    exit_code: int
    words: str = ""


class Hang(msgspec.Struct, frozen=True, tag="hang"):
    """Do nothing any more, not even heartbeats."""


class Spawn(msgspec.Struct, frozen=True, tag="spawn"):
    """Start a process of its own that sleeps, ``wrapped`` to die with its parent or not; send Spawned back."""

    wrap: bool


class ReadFd(msgspec.Struct, frozen=True, tag="read_fd"):
    """Read from the descriptor of this index and echo it."""

    index: int


class Echoed(msgspec.Struct, frozen=True, tag="echoed"):
    """Answer to Echo and ReadFd."""

    text: str
    padding: bytes = b""


class Spawned(msgspec.Struct, frozen=True, tag="spawned"):
    """Answer to Spawn."""

    pid: int


ToChild = Echo | Die | Hang | Spawn | ReadFd
FromChild = Echoed | Spawned


class ProxyState(msgspec.Struct):
    """State of Proxy."""

    received: int = 0


class Proxy(ProcessChild[ProxyState]):
    """Calls of a ToChild message are answered by what the process sends next."""

    target = "exphil_rt.testing.process_child:main"
    receives = FromChild
    sends = ToChild
    heartbeat_s = 5.0
    ready_s = 20.0

    async def init(self, args: Any) -> ProxyState:
        """Start the process; ``args`` are ChildArgs, or a tuple of them and descriptors."""
        self._waiting: list[From] = []
        child_args, fds = args if isinstance(args, tuple) else (args or ChildArgs(), ())
        await self.start_process(child_args, fds)
        return ProxyState()

    @handle_call
    async def ask(self, message: ToChild, sender: From) -> Any:
        """Pass on, and answer later."""
        self._waiting.append(sender)
        self.send_process(message)
        return NO_REPLY

    @handle_cast
    async def tell(self, message: ToChild) -> None:
        """Pass on."""
        self.send_process(message)

    @handle_cast
    async def heard(self, message: FromChild) -> None:
        """Answer the oldest call."""
        self.state.received += 1
        if self._waiting:
            self.reply(self._waiting.pop(0), message)


class QuickProxy(Proxy):
    """A proxy that soon gives a silent process up."""

    heartbeat_s = 1.0
    ready_s = 1.0


def main(port: ChildPort) -> None:
    """What runs in the process."""
    args = port.args(ChildArgs)
    if args.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for number, seconds in enumerate(args.phases_s, 1):
        port.heartbeat(f"phase {number}")
        time.sleep(seconds)
    time.sleep(args.ready_after_s)
    if args.die_before_ready:
        raise RuntimeError(args.die_before_ready)
    port.ready()
    while not port.stopping or args.ignore_shutdown:
        port.heartbeat("turning")
        message = port.receive(ToChild, timeout=0.05)
        if port.stopping:
            time.sleep(0.05)
        elif message is not None:
            _answer(port, message)


def _answer(port: ChildPort, message: ToChild) -> None:
    match message:
        case Echo(text=text, bytes_of_padding=count):
            port.send(Echoed(text, bytes(count)))
        case ReadFd(index=index):
            port.send(Echoed(os.pread(port.fds[index], 100, 0).decode()))
        case Spawn(wrap=wrap):
            command = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"]
            process = subprocess.Popen(wrapped(command) if wrap else command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.read(1)
            port.send(Spawned(process.pid))
        case Hang():
            time.sleep(600)
        case Die(exit_code=code, words=words):
            sys.stderr.write(words)
            sys.stderr.flush()
            if code < 0:
                os.kill(os.getpid(), -code)
            os._exit(code)
