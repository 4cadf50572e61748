"""FrameReader: makes of a console's frames and counters what people see: the large game, and the match's figures.

It only listens. Counters of one console process begin at zero; here they are added up over its starts.
"""

from __future__ import annotations

from typing import Any, Final

import anyio
import msgspec

from agents.match_context import MatchContext
from exphil_rt.actor import GenServer, MailboxSpec, handle_cast
from exphil_rt.messages.brain import BrainStats
from exphil_rt.messages.dolphin import (
    ConsoleFault,
    ConsoleFrame,
    ConsoleGameEnded,
    ConsoleGameStarted,
    ConsolePhase,
    ConsoleStats,
)
from exphil_rt.messages.match import ConsolePlays, ConsoleUp, MatchReading
from exphil_rt.messages.rollout import ExhibitionFrame
from exphil_rt.messages.telemetry import Latency, MatchStatus

SHOWN_S: Final = 0.25
"""Seconds between two readings that are passed on."""
ENOUGH: Final = 60
"""Frames of a game after which a start of the console has come to something."""
COUNTED: Final = ("frames", "late", "dropped", "skipped", "duplicate", "resimulated", "unasked")
DOING: Final = {
    "brain": "waiting for the policies",
    "launch": "starting",
    "connect": "connecting",
    "pipes": "plugging in the controllers",
    "menus": "in the menus",
    "game": "in a game",
    "paused": "paused",
    "closing": "closing",
}


class FrameReaderState(msgspec.Struct, kw_only=True):
    """The match as it is."""

    status: MatchStatus
    before: dict[str, int] = {}
    """Counters of the console's earlier starts."""
    now: dict[str, int] = {}
    """Of this one."""


class FrameReader(GenServer[FrameReaderState]):
    """The one who shows a match."""

    mailbox = MailboxSpec(capacity=256, overflow="drop_oldest")

    async def init(self, args: MatchContext) -> FrameReaderState:
        """Nothing is played yet."""
        self.next_shown = 0.0
        self.told = False
        """Whether it was told that this start of the console came to something."""
        plan = args.plan
        self.seats = [seat.port for seat in plan.brain.seats]
        status = MatchStatus(
            console="stand-in" if args.config.play.console == "stand-in" else "Dolphin",
            players=plan.players,
            bots=tuple(self.seats),
            plan=tuple(str(one) for one in plan.plans),
            engine=plan.brain.engine,
            echo_wanted=1 + plan.console.console_delay,
        )
        return FrameReaderState(status=status)

    @handle_cast
    async def on_frame(self, message: ConsoleFrame) -> None:
        """The newest frame: straight on."""
        self.cast("telemetry", ExhibitionFrame(sample=message.sample))

    @handle_cast
    async def on_up(self, message: ConsoleUp) -> None:
        """The counters begin again."""
        state = self.state
        state.before = {name: state.before.get(name, 0) + state.now.get(name, 0) for name in COUNTED}
        state.now = {}
        self.told = False
        self._set(starts=message.start, phase="starting", show=True)

    @handle_cast
    async def on_phase(self, message: ConsolePhase) -> None:
        """It does something else now."""
        self._set(phase=DOING[message.phase], show=True)

    @handle_cast
    async def on_stats(self, message: ConsoleStats) -> None:
        """Its figures."""
        state = self.state
        state.now = {name: int(getattr(message, name)) for name in COUNTED}
        if state.now["frames"] >= ENOUGH and not self.told:
            self.told = True
            self.cast("run_manager", ConsolePlays())
        totals: dict[str, Any] = {name: state.before.get(name, 0) + state.now[name] for name in COUNTED}
        call = [one for one in state.status.latency if one.phase == "call"]
        latency = [
            Latency(phase=phase, p50_us=p50, p99_us=p99) for phase, (p50, p99) in sorted(message.latency_us.items())
        ]
        names = [new or old for new, old in zip(self._versions(message), state.status.players, strict=True)]
        self._set(
            fps=message.fps,
            echo_lag=message.echo_lag,
            ages=message.ages,
            headroom=message.headroom,
            latency=(*latency, *call),
            players=(names[0], names[1]),
            **totals,
        )

    @handle_cast
    async def on_brain(self, message: BrainStats) -> None:
        """Figures of who decides."""
        own = Latency(phase="call", p50_us=message.call_p50_us, p99_us=message.call_p99_us)
        others = tuple(one for one in self.state.status.latency if one.phase != "call")
        self._set(latency=(*others, own), waiting=message.waiting, undecided=message.skipped)

    @handle_cast
    async def on_game(self, message: ConsoleGameStarted | ConsoleGameEnded) -> None:
        """The score."""
        if isinstance(message, ConsoleGameEnded):
            won, drawn, lost = self.state.status.score
            if message.winner is not None:
                won, lost = won + (message.winner == 0), lost + (message.winner == 1)
            elif message.reason in ("stocks", "timer"):
                drawn += 1
            self._set(games=self.state.status.games + 1, score=(won, drawn, lost), show=True)

    @handle_cast
    async def on_fault(self, message: ConsoleFault) -> None:
        """The last thing that went wrong."""
        self._set(fault=message.text, fps=0.0, show=True)

    def _versions(self, message: ConsoleStats) -> tuple[str, str]:
        found = ["", ""]
        for seat, version in zip(self.seats, message.versions, strict=False):
            found[seat] = version
        return found[0], found[1]

    def _set(self, *, show: bool = False, **changes: Any) -> None:
        self.state.status = msgspec.structs.replace(self.state.status, **changes)
        now = anyio.current_time()
        if show or now >= self.next_shown:
            self.next_shown = now + SHOWN_S
            self.cast("telemetry", MatchReading(status=self.state.status))
