"""MatchManager: the state of a match on a console: what was played, when it is over, and with what reason.

It has the run manager's name and answers what that answers: a match learns nothing and cannot be paused.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agents.match_book import MatchBook
from agents.match_context import MatchContext
from agents.notes import note
from exphil_rt.actor import ActorError, Down, From, GenServer, handle_call, handle_cast
from exphil_rt.control.wire import Answer, Done, Refused
from exphil_rt.messages.dolphin import ConsoleGameEnded, StopConsole
from exphil_rt.messages.match import ConsolePlays, GetMatch, MatchFault, MatchOver, MatchSoFar, SeatTaken
from exphil_rt.messages.run import CheckpointRun, Flush, PauseRun, Phase, ResumeRun, SayAgain, StopRun
from exphil_rt.messages.store import AllWritten, PutProgress
from exphil_rt.messages.telemetry import RunState

LOOK_S: Final = 0.5
"""Seconds between two looks for the match's supervisor, until it is there."""
PATIENCE: Final = 5
"""Starts of the console in a row that may come to nothing."""
STOP_S: Final = 5.0
"""How long a console may take to end its game before the tree is stopped over it."""


class Look(msgspec.Struct, frozen=True):
    """Is the match there."""


class GiveUp(msgspec.Struct, frozen=True):
    """The console takes too long to end."""


class MatchManagerState(msgspec.Struct, kw_only=True):
    """Where the match stands."""

    phase: RunState = "starting"
    starts: int = 0
    """Of the console."""
    fruitless: int = 0
    """Of these the last ones, in which nothing to speak of was played."""
    games: int = 0
    frames: int = 0
    policies: dict[int, str] = {}
    """Paths of bundles that were swapped in, by player."""
    fault: str = ""
    """The last one."""
    ending: str = ""
    """Why it ends; empty while it goes on."""
    ended: bool = False


class MatchManager(GenServer[MatchManagerState]):
    """The one who knows when the match is over."""

    async def init(self, args: MatchContext) -> MatchManagerState:
        """The match is started after this."""
        self.context = args
        self.book = MatchBook(self, args)
        self.send_after(0.0, Look())
        return MatchManagerState()

    @handle_cast
    async def on_look(self, message: Look) -> None:
        """Watch the match once it is there: its end is the run's."""
        if self.runtime.whereis("match") is None:
            self.cast("telemetry", Phase(state="starting", message="starting the policies and the console"))
            self.send_after(LOOK_S, message)
            return
        self.monitor("match")
        self.state.phase = "running"
        self.cast("telemetry", Phase(state="running"))

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """Who shows the state was restarted."""
        self.cast(message.to, Phase(state=self.state.phase, message=self.state.ending))

    @handle_call
    async def so_far(self, message: GetMatch, sender: From) -> MatchSoFar:
        """For what is started again."""
        state = self.state
        if message.starting:
            state.starts += 1
            state.fruitless += 1
            if state.fruitless > PATIENCE and not state.ending:
                said = state.fault or "the console ended each time before it played."
                state.ending = f"failed: {said.rstrip('.')} ({PATIENCE} starts in a row came to nothing)"
                self.send_after(0.0, GiveUp())
        return MatchSoFar(starts=state.starts, games=state.games, policies=dict(state.policies))

    @handle_cast
    async def on_plays(self, message: ConsolePlays) -> None:
        """This start of the console came to something."""
        self.state.fruitless = 0

    @handle_cast
    async def on_seat(self, message: SeatTaken) -> None:
        """A policy that was swapped in stays."""
        self.state.policies[message.player] = message.path

    @handle_cast
    async def on_game(self, message: ConsoleGameEnded) -> None:
        """One more."""
        if message.reason not in ("fault", "stopped"):
            self.state.games += 1
        self.state.frames += message.frames
        self._keep("")
        await self.book.keep(message, self.state.frames)

    @handle_cast
    async def on_fault(self, message: MatchFault) -> None:
        """Maybe the last word."""
        self.state.fault = message.text

    @handle_cast
    async def on_over(self, message: MatchOver) -> None:
        """The console has ended by itself."""
        self.state.ending = self.state.ending or "games"

    async def handle_info(self, message: object) -> None:
        """The match's supervisor has ended: with the console, or because it was restarted too often."""
        if isinstance(message, Down):
            said = self.state.fault or "the console could not be kept up"
            await self._end(self.state.ending or f"failed: {said.rstrip('.')}")
        else:
            await super().handle_info(message)

    @handle_call
    async def pause(self, message: PauseRun, sender: From) -> Answer:
        """Nothing holds a console still."""
        return Refused("A match on a console cannot be paused.", "Pause it in the game itself, or stop the match.")

    @handle_call
    async def resume(self, message: ResumeRun, sender: From) -> Answer:
        """It goes on."""
        return Done("the match is not paused")

    @handle_call
    async def checkpoint(self, message: CheckpointRun, sender: From) -> Answer:
        """Nothing is learned."""
        return Refused("A match learns nothing, so there is nothing to save.")

    @handle_call
    async def stop(self, message: StopRun, sender: From) -> Answer:
        """End the game in play, then the match."""
        if not self.state.ending:
            note(self, "info", "stopping", "The match is stopping.", author=message.author)
            self.state.ending, self.state.phase = "stopped", "stopping"
            self.cast("telemetry", Phase(state="stopping", message=message.reason or f"stopped by {message.author}"))
            if self.runtime.whereis("console") is not None:
                self.cast("console", StopConsole())
            self.send_after(STOP_S, GiveUp())
        return Done("the match stops")

    @handle_cast
    async def on_give_up(self, message: GiveUp) -> None:
        """End it over the console's head."""
        await self._end(self.state.ending)

    async def _end(self, why: str) -> None:
        if self.state.ended:
            return
        self.state.ended = True
        failed = why.startswith("failed")
        self.cast("telemetry", Phase(state="failed" if failed else "ended", message=why.removeprefix("failed: ")))
        self._keep(why)
        try:
            await self.call("telemetry", Flush())
            await self.call("store", AllWritten(), timeout=30.0)
        except ActorError as error:
            note(self, "warn", "end_incomplete", str(error))
        self.context.finish(why)

    def _keep(self, ended: str) -> None:
        self.cast("store", PutProgress(frames=self.state.frames, generation=0, ended=ended))
