"""Console: the proxy of one console process, in which libmelee drives Dolphin. Faults become events.

What a console does is decided in its process (``exphil_rt.dolphin``); that it is started again after a fault, by its
supervisor. What a process that was killed has left on disk is removed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from agents.console_proxy import ConsoleProxy
from agents.match_context import MatchContext
from agents.notes import note
from exphil_rt.actor import ExitReason, Normal, handle_cast
from exphil_rt.game import ids
from exphil_rt.messages.dolphin import (
    ConsoleFault,
    ConsoleFrame,
    ConsoleGameEnded,
    ConsoleGameStarted,
    ConsolePhase,
    ConsoleStats,
    ConsoleSwapped,
    StopConsole,
)
from exphil_rt.messages.match import ConsoleUp, GetMatch, LinkEnd, MatchFault, MatchOver, MatchSoFar, OpenLink
from exphil_rt.messages.store import ReserveGames

GAME_IDS: Final = 1000
"""Ids that a start of a console is given for its games."""


class ConsoleState(msgspec.Struct, kw_only=True):
    """What was played."""

    start: int = 0
    """Which start of the console it is."""
    games: int = 0
    faults: int = 0


class Console(ConsoleProxy[ConsoleState]):
    """A console's proxy."""

    init_timeout = 60.0

    async def init(self, args: MatchContext) -> ConsoleState:
        """Start the process with a link of its own to who decides."""
        self.context = args
        first = await self.call("store", ReserveGames(count=GAME_IDS), timeout=30.0)
        so_far: MatchSoFar = await self.call("run_manager", GetMatch(starting=True))
        link: LinkEnd = await self.call("dolphin_agent", OpenLink())
        planned = args.plan.console
        console = msgspec.structs.replace(
            planned,
            temporary=str(Path(planned.temporary) / str(so_far.starts)),
            first_game_id=first or 0,
            attempt=so_far.starts,
            games=max(1, planned.games - so_far.games) if planned.games else 0,
        )
        self.cast("frame_reader", ConsoleUp(so_far.starts))
        await self.start_console(console, link, args.leftovers)
        return ConsoleState(start=so_far.starts)

    @handle_cast
    async def on_order(self, message: StopConsole) -> None:
        """Pass on that it is to end."""
        self.send_process(message)

    @handle_cast
    async def on_heard(self, message: ConsolePhase | ConsoleStats | ConsoleFrame) -> None:
        """What it does and shows goes to who makes figures of it."""
        self.cast("frame_reader", message)

    @handle_cast
    async def on_started(self, message: ConsoleGameStarted) -> None:
        """A game begins."""
        setup = message.setup
        stage = ids.stage_name(setup.stage)
        text = " against ".join(
            f"{name} ({ids.character_name(number)})"
            for name, number in zip(self.context.plan.players, setup.characters, strict=True)
        )
        note(
            self,
            "info",
            "game_started",
            f"Game {message.game_id}: {text}, {stage}.",
            slippi=setup.slippi_version,
            udp_port=str(message.udp_port),
        )
        self.cast("frame_reader", message)

    @handle_cast
    async def on_ended(self, message: ConsoleGameEnded) -> None:
        """A game is over."""
        self.state.games += 1
        players = self.context.plan.players
        won = "nobody won" if message.winner is None else f"{players[message.winner]} won"
        text = f"Game {message.game_id} is over after {message.frames / 60:.0f} s ({message.reason}): {won}."
        note(
            self,
            "info",
            "game_over",
            text,
            replay=message.replay,
            stocks=f"{message.stocks[0]} to {message.stocks[1]}",
            percents=f"{message.percents[0]:.0f} to {message.percents[1]:.0f}",
        )
        self.cast("frame_reader", message)
        self.cast("run_manager", message)

    @handle_cast
    async def on_swapped(self, message: ConsoleSwapped) -> None:
        """The first action of another policy was sent."""
        text = f"The first action of {message.version} was sent for frame {message.frame}."
        note(self, "info", "first_action", text, player=str(message.player + 1), frame=str(message.frame))

    @handle_cast
    async def on_fault(self, message: ConsoleFault) -> None:
        """What went wrong; the process ends with it, and is started again."""
        self.state.faults += 1
        text = self.note_fault(message)
        self.cast("frame_reader", message)
        self.cast("run_manager", MatchFault(text=text))

    async def terminate(self, reason: ExitReason) -> None:
        """An end that was asked for, or the last game's, ends the match."""
        if isinstance(reason, Normal):
            self.cast("run_manager", MatchOver())
