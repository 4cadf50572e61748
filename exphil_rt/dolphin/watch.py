"""What a console looks at whenever it waits: its deadline, the order to stop, Dolphin's life; and its sign of life.

Everything that waits for Dolphin waits in slices and calls ``check`` between them, so that no wait outlives its
deadline and a dead Dolphin is seen at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from exphil_rt.actor import ChildPort
from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.messages.dolphin import FaultKind, StopConsole, ToConsole

SLICE_S: Final = 0.05
"""Longest wait between two looks."""
_STARTING: Final = ("launch", "connect", "pipes")
_NOTE_FRAMES: Final = 600


class Stopped(Exception):
    """The console was told to end."""


class Living(Protocol):
    """A process that may have ended."""

    def ended(self) -> str:
        """How it ended (``exit code 3``); empty while it lives."""


class Watch:
    """The look-out of one console process.

    Args:
        port: the way to the daemon.
    """

    def __init__(self, port: ChildPort) -> None:
        self.port = port
        self.dolphin: Living | None = None
        self.after_game = False
        """Whether it is to stop when the game is over."""
        self.phase = "launch"
        self.frame = 0
        self.on_quiet: Callable[[], None] | None = None
        """Called for each slice in which nothing came from Dolphin."""
        self._deadline = 0.0
        self._fault: tuple[FaultKind, str] = ("no_frame", "")

    def arm(self, kind: FaultKind, seconds: float, text: str) -> None:
        """From now on, ``kind`` is raised after ``seconds``; ``text`` says what was waited for."""
        self._deadline = time.monotonic() + seconds
        self._fault = kind, f"{text} within {seconds:g} s."

    def left(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - time.monotonic()

    def check(self) -> None:
        """Look once.

        Raises:
            Stopped: told to end, or the daemon is gone.
            DolphinFault: the deadline has passed, or Dolphin has ended.
        """
        self.look()
        if self.left() <= 0:
            raise DolphinFault(*self._fault)

    def look(self) -> None:
        """Look once, whatever the deadline: for waits whose end is not Dolphin's matter.

        Raises:
            Stopped: told to end, or the daemon is gone.
            DolphinFault: Dolphin has ended.
        """
        self.beat()
        if self.dolphin is not None and (how := self.dolphin.ended()):
            if self.phase in _STARTING:
                raise DolphinFault("exited_at_start", f"Dolphin ended while it was started ({how}).")
            raise DolphinFault("exited", f"Dolphin ended by itself ({how}).")

    def beat(self) -> None:
        """Say that the loop turns, and hear whether it is to stop.

        Raises:
            Stopped: told to end, or the daemon is gone.
        """
        if self.port.has_room():
            near = self.frame // _NOTE_FRAMES * _NOTE_FRAMES  # each change is a message
            self.port.heartbeat(f"{self.phase}, frame {near}" if self.frame else self.phase)
        order = self.port.receive(ToConsole)
        if isinstance(order, StopConsole):
            self.after_game = True
            if not order.after_game:
                raise Stopped
        if self.port.stopping:
            raise Stopped

    def sleep(self, seconds: float = SLICE_S) -> None:
        """Wait a little, and look."""
        time.sleep(seconds)
        self.check()
