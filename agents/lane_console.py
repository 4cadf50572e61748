"""LaneConsole: the proxy of one console process whose games a rollout worker plays over a link: one slot of its lane.

A fault ends the process; the supervisor starts it again, with a fresh port and a fresh link, and the other games go on
meanwhile. Which games are played, and what came of them, is the worker's matter.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from agents.console_proxy import ConsoleProxy
from agents.context import SelfPlayContext
from exphil_rt.actor import handle_cast
from exphil_rt.messages.dolphin import (
    ConsoleFault,
    ConsoleFrame,
    ConsoleGameEnded,
    ConsoleGameStarted,
    ConsolePhase,
    ConsoleStats,
    ConsoleSwapped,
)
from exphil_rt.messages.match import ConsolePlays, LinkEnd, MatchFault, OpenSlot


class LaneSlot(msgspec.Struct, frozen=True, kw_only=True):
    """Which console it is."""

    runner: str
    slot: int
    """Of the runner's lane."""
    name: str
    """``console-1``."""
    saves: bool
    """Whether its games are kept as replays: those that nobody learns from are few, and worth looking at."""


class LaneConsoleState(msgspec.Struct, kw_only=True):
    """What was played."""

    games: int = 0
    frames: int = 0
    """Of the games that are over."""
    skipped: int = 0
    """Frames that nobody was asked about, as the game had jumped over them or a newer one was there."""


class LaneConsole(ConsoleProxy[LaneConsoleState]):
    """A console's proxy."""

    init_timeout = 300.0

    async def init(self, args: tuple[SelfPlayContext, LaneSlot]) -> LaneConsoleState:
        """Start the process with a link of its own to the lane."""
        self.context, self.place = args
        planned = self.context.console
        assert planned is not None
        console = msgspec.structs.replace(
            planned,
            temporary=str(Path(planned.temporary) / self.place.name),
            replay_dir=planned.replay_dir if self.place.saves else "",
        )
        link: LinkEnd = await self.call(
            self.place.runner, OpenSlot(slot=self.place.slot), timeout=self.context.config.daemon.start_deadline_s
        )
        await self.start_console(console, link, self.context.leftovers)
        return LaneConsoleState()

    @handle_cast
    async def on_started(self, message: ConsoleGameStarted) -> None:
        """It has come to play."""
        self.cast(self.place.runner, ConsolePlays())

    @handle_cast
    async def on_ended(self, message: ConsoleGameEnded) -> None:
        """A game is over; the worker has the result."""
        self.state.games += 1
        self.state.frames += message.frames

    @handle_cast
    async def on_stats(self, message: ConsoleStats) -> None:
        """Figures."""
        self.state.skipped = message.skipped

    @handle_cast
    async def on_heard(self, message: ConsolePhase | ConsoleFrame | ConsoleSwapped) -> None:
        """What the worker shows itself, or its heartbeat says."""

    @handle_cast
    async def on_fault(self, message: ConsoleFault) -> None:
        """What went wrong; the process ends with it, and is started again."""
        text = self.note_fault(message, slot=str(self.context.first_slot(self.place.runner) + self.place.slot))
        self.cast(self.place.runner, MatchFault(text=text))
