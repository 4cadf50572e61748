"""What runs whatever the console does: network, pads and clock. Whatever is waited for is waited for here.

One thread and one ``select``: pyenet's own waiting would hold the GIL. A request to end (SIGTERM, SIGINT) is obeyed
where something is waited for.
"""

from __future__ import annotations

import select
import time
from collections.abc import Collection, Sequence
from typing import Final, NoReturn

from exphil_rt.testing.stand_in_dolphin.config import StandInConfig
from exphil_rt.testing.stand_in_dolphin.delay import InputDelay, Pads
from exphil_rt.testing.stand_in_dolphin.ini import PIPE, UserFolder
from exphil_rt.testing.stand_in_dolphin.pace import Pace
from exphil_rt.testing.stand_in_dolphin.pipes import Pipes
from exphil_rt.testing.stand_in_dolphin.spectators import PortTaken, Spectators
from exphil_rt.testing.stand_in_dolphin.trace import Trace

_TICK_S: Final = 0.02
"""How often the network is looked after while nothing else happens."""
_BIND_EVERY_S: Final = 1.0
_BIND_TRIES: Final = 20


class Ended(Exception):
    """The end; carries the exit status."""


class Board:
    """The parts of a console.

    Args:
        config: how it behaves.
        user: what libmelee asked for.
        faults: kinds of the faults of the start.
        trace: where it notes what happens.
    """

    def __init__(self, config: StandInConfig, user: UserFolder, faults: Collection[str], trace: Trace) -> None:
        self.server: Spectators | None = None
        self.pipes = Pipes({})
        self.pace = Pace(config.fps * user.speed)
        self.delay = InputDelay(user.online_delay)
        self._config, self._user, self._faults, self._trace = config, user, faults, trace
        self._plugged = user.plugged(PIPE)
        self._need = False
        self._demands = 0
        self._asked_to_end = False

    def open(self) -> None:
        """Open the pipes that are there, and listen."""
        if "never_open_pipes" not in self._faults:
            self.pipes = Pipes(self._user.pipes())
        if not self._user.spectator or "never_listen" in self._faults:
            return
        for attempt in range(_BIND_TRIES):
            try:
                self.server = Spectators(self._user.port, self._config.version)
                self.server.shakes_hands = "never_handshake" not in self._faults
                return
            except PortTaken as error:
                self._trace.write("port_taken", attempt=attempt, text=str(error))
                self.idle(until=time.monotonic() + _BIND_EVERY_S)

    @property
    def stepped(self) -> bool:
        """Whether there is a client that has stepped once: its first FLUSH answers no demand."""
        there = self.server is not None and self.server.listening
        return there and all(pipe.flushes for pipe in self.pipes.pipes)

    def demand(self) -> None:
        """From here on the game wants to know what is held."""
        self._need = True
        self._demands += 1

    def next_frame(self) -> Pads:
        """Wait until the next frame is due and, where the game waits for inputs, until they are there; what is held."""
        self.idle(until=self.pace.next())
        self.poll()
        return {port: held for port, held in self.pipes.held().items() if port in self._plugged}

    def poll(self) -> None:
        """Look at the pads, as the game does."""
        waits = self._need and self._user.blocking
        if "ignore_pipes" in self._faults:
            if waits:
                self.for_ever()
            return
        self.pipes.poll(self._wait_readable if waits else None)
        self._need = False

    def idle(self, until: float | None = None, fds: Sequence[int] = ()) -> None:
        """Look after the network until a time or until one of ``fds`` can be read.

        Raises:
            Ended: somebody asked for it.
        """
        while True:
            if self._asked_to_end:
                raise Ended(0)
            server = self.server
            if server is not None:
                server.service()
            left = _TICK_S if until is None else until - time.monotonic()
            if until is not None and left <= 0:
                return
            watched = [*fds] if server is None else [server.fd, *fds]
            readable, _, _ = select.select(watched, [], [], min(left, _TICK_S))
            if any(fd in readable for fd in fds):
                return

    def for_ever(self) -> NoReturn:
        """Do nothing but look after the network."""
        while True:
            self.idle(until=time.monotonic() + 3600.0)

    def ask_to_end(self) -> None:
        """End at the next wait."""
        self._asked_to_end = True

    def note(self, event: str, **more: int) -> None:
        """A line in the trace, with what was flushed and demanded so far."""
        if self._trace.on:
            self._trace.write(event, flushes=self.pipes.flushes(), demands=self._demands, **more)

    def close(self) -> None:
        """Let the network and the pipes go."""
        if self.server is not None:
            self.server.close()
        self.pipes.close()

    def _wait_readable(self, fd: int) -> None:
        self.idle(fds=(fd,))
