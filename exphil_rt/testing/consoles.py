"""Consoles for tests: a proxy actor that keeps what its process says, and a brain without a policy in a thread."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import numpy as np

from exphil_rt.actor import ChildSpec, ExitReason, ProcessChild, handle_cast, start_child
from exphil_rt.dolphin.link import Answer, Ask, Link, LinkLost, Ready, link_pair
from exphil_rt.game.frames import U8
from exphil_rt.messages.dolphin import (
    ConsoleArgs,
    ConsoleFault,
    ConsoleFrame,
    ConsoleGameEnded,
    ConsoleGameStarted,
    ConsolePhase,
    ConsoleStats,
    FromConsole,
    ToConsole,
)
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.testing.trees import StartedTree, start_tree


class Heard:
    """What one console process said, and how it ended."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        """All but figures and frames."""
        self.at: list[float] = []
        """``time.monotonic`` of each of them."""
        self.stats: ConsoleStats | None = None
        self.frames = 0
        self.shown: dict[int, float] = {}
        """When a frame was heard of, by frame."""
        self.os_pid = 0
        self.reason: ExitReason | None = None
        self.ended_at = 0.0
        self.ended = anyio.Event()
        self._changed = anyio.Event()

    def note(self, message: Any) -> None:
        """One message came."""
        if isinstance(message, ConsoleFrame):
            self.frames += 1
            self.shown[message.sample.frame] = time.monotonic()
        elif isinstance(message, ConsoleStats):
            self.stats = message
        else:
            self.messages.append(message)
            self.at.append(time.monotonic())
        self._changed.set()

    def close(self, reason: ExitReason) -> None:
        """The process has ended."""
        self.reason = reason
        self.ended_at = time.monotonic()
        self.ended.set()
        self._changed.set()

    async def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Wait until something that was heard makes ``condition`` true, or the process has ended."""
        with anyio.fail_after(seconds):
            while not (found := condition()) and self.reason is None:
                self._changed = anyio.Event()
                await self._changed.wait()
        return found

    def all(self, kind: type) -> list[Any]:
        """Messages of a type."""
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def fault(self) -> ConsoleFault | None:
        """The fault that ended it."""
        return next(iter(self.all(ConsoleFault)), None)

    @property
    def phases(self) -> list[str]:
        """The phases it went through."""
        return [message.phase for message in self.all(ConsolePhase)]

    @property
    def started(self) -> list[ConsoleGameStarted]:
        """Games that began."""
        return self.all(ConsoleGameStarted)

    @property
    def over(self) -> list[ConsoleGameEnded]:
        """Games that ended."""
        return self.all(ConsoleGameEnded)


class NoState(msgspec.Struct):
    """State of ConsoleProxy."""


class ConsoleProxy(ProcessChild[NoState]):
    """A console process's proxy; its arguments are ConsoleArgs, descriptors and a Heard."""

    target = "exphil_rt.dolphin.console:main"
    receives = FromConsole
    sends = ToConsole
    heartbeat_s = 4.0
    ready_s = 30.0

    async def init(self, args: tuple[ConsoleArgs, Sequence[int], Heard]) -> NoState:
        """Start the process."""
        console, fds, self._heard = args
        await self.start_process(console, fds)
        self._heard.os_pid = self.os_pid
        return NoState()

    @handle_cast
    async def heard(self, message: FromConsole) -> None:
        """Keep it."""
        self._heard.note(message)

    @handle_cast
    async def tell(self, message: ToConsole) -> None:
        """Pass it on."""
        self.send_process(message)

    async def terminate(self, reason: ExitReason) -> None:
        """Keep how it ended."""
        self._heard.close(reason)


Decide = Callable[[Ask], U8]


def random_inputs(ask: Ask) -> U8:
    """Another action on every frame, the same for the same game, frame and player."""
    rng = np.random.default_rng((ask.game_id & 0xFFFF, ask.frame + 200, ask.player))
    return np.array([int(rng.integers(size)) for size in ActionCodec().sizes], np.uint8)


class Brain(threading.Thread):
    """Answers asks as an inference process does.

    Args:
        sock: its end of the link.
        players: the bots.
        delay: D of each.
        decide: the action for an ask.
        took_s: seconds that each decision takes.
    """

    def __init__(
        self,
        sock: socket.socket,
        players: Sequence[int] = (0, 1),
        delay: int = 2,
        decide: Decide = random_inputs,
        took_s: float = 0.0,
    ) -> None:
        super().__init__(daemon=True)
        self.link = Link(sock)
        self.asked: list[Ask] = []
        self.silent = False
        """Whether it answers no more."""
        self._delay = delay
        self._decide = decide
        self._took_s = took_s
        for player in players:
            self.link.send(Ready(player=player, delay=delay, dmax=delay, version="test@v1"))

    def run(self) -> None:
        """Until the console is gone."""
        try:
            while True:
                for ask in self.link.receive(0.2):
                    if isinstance(ask, Ask):
                        self._answer(ask)
        except (LinkLost, ValueError, OSError):  # also a link that a test has closed
            return

    def _answer(self, ask: Ask) -> None:
        self.asked.append(ask)
        if self.silent:
            return
        began = time.perf_counter()
        action = self._decide(ask)
        if self._took_s:
            time.sleep(self._took_s)
        took = int((time.perf_counter() - began) * 1e6)
        due = ask.frame + ask.delay + 1
        self.link.send(Answer(ask.player, ask.epoch, ask.frame, due, action, "test@v1", took))


class PlayedConsole:
    """A console under a supervisor, with its brain."""

    def __init__(self, tree: StartedTree, heard: Heard, brain: Brain | None) -> None:
        self.tree = tree
        self.heard = heard
        self.brain = brain

    def tell(self, message: ToConsole) -> None:
        """Send the console a message."""
        self.tree.runtime.cast("console", message)


@asynccontextmanager
async def play_console(args: ConsoleArgs, **brain_fields: Any) -> AsyncIterator[PlayedConsole]:
    """A console process of ``args`` with a brain for its bots, ended with the body."""
    bots = [player for player, seat in enumerate(args.seats) if seat.who == "bot"]
    heard = Heard()
    ours, theirs = link_pair()
    brain = None
    async with start_tree() as tree:
        with ours, theirs:
            if bots:
                brain = Brain(ours.dup(), bots, **brain_fields)
                brain.start()
            spec = ChildSpec(
                id="console",
                name="console",
                start=ConsoleProxy,
                args=(args, [theirs.fileno()] if bots else [], heard),
                restart="temporary",
            )
            await start_child(tree.supervisor, spec)
        yield PlayedConsole(tree, heard, brain)
    if brain is not None:
        brain.join(2.0)
        brain.link.close()
