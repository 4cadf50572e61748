"""DolphinAgent: the proxy of the process that decides for a console's bots. Owns their policies and hot swaps.

Its process outlives the console's: each start of that gets a fresh link here. What was swapped in stays, also where
this actor is restarted with a new process.
"""

from __future__ import annotations

import socket
from typing import Final

import msgspec

from agents.match_context import MatchContext
from agents.notes import note
from agents.swap_desk import SwapDesk, SwapLate
from exphil_rt.actor import NO_REPLY, ActorError, From, ProcessChild, handle_call, handle_cast
from exphil_rt.control.wire import Refused
from exphil_rt.dolphin.link import link_pair, send_end
from exphil_rt.errors import ExphilError
from exphil_rt.messages.brain import BrainMeasured, BrainRefused, BrainStats, BrainUp, FromBrain, ToBrain
from exphil_rt.messages.match import GetMatch, LinkEnd, MatchSoFar, OpenLink, SeatTaken
from exphil_rt.messages.rollout import SwapTold
from exphil_rt.messages.run import SwapAgent
from exphil_rt.policy.manifest import read_manifest
from exphil_rt.policy.ref import resolve_bundle

_TARGETS: Final = ("console", "exhibition")
"""What a swap's target may name before its player; the only game may also be left out, or be called 0."""


class AgentUnknown(ExphilError):
    """A hot swap's target that names no bot of the console."""


class NotPlayable(ExphilError):
    """Policies that cannot be played; the process has said why."""


class DolphinAgentState(msgspec.Struct, kw_only=True):
    """Who plays."""

    links: int = 0
    """That were opened, one for each start of a console."""
    decisions: int = 0


class DolphinAgent(ProcessChild[DolphinAgentState]):
    """The inference process's proxy."""

    target = "exphil_rt.dolphin.brain_main:main"
    receives = FromBrain
    sends = ToBrain
    init_timeout = 300.0

    async def init(self, args: MatchContext) -> DolphinAgentState:
        """Start the process; it is ready when the policies are warm."""
        self.context = args
        self.swaps = SwapDesk(self)
        self.refused = ""
        plan = args.plan.brain
        so_far: MatchSoFar = await self.call("run_manager", GetMatch())
        seats = tuple(
            msgspec.structs.replace(seat, policy=so_far.policies.get(seat.port, seat.policy)) for seat in plan.seats
        )
        self.paths: dict[str, str] = {}
        """Where a policy that is being swapped in lies, by its key."""
        self.ready_s = args.config.daemon.start_deadline_s
        self.door, theirs = socket.socketpair()
        self.defer(self.door.close)
        with theirs:
            try:
                await self.start_process(msgspec.structs.replace(plan, seats=seats), fds=[theirs.fileno()])
            except ActorError:
                if self.refused:
                    raise NotPlayable(self.refused) from None
                raise
        return DolphinAgentState()

    @handle_call
    async def open_link(self, message: OpenLink, sender: From) -> LinkEnd:
        """A console starts: give the process one end of a new link, and the console the other."""
        ours, theirs = link_pair()
        with theirs:
            send_end(self.door, 0, theirs.fileno())
        self.state.links += 1
        return LinkEnd(fd=ours.detach())

    @handle_cast
    async def on_up(self, message: BrainUp) -> None:
        """The policies are warm."""
        called = ", ".join(
            f"{name} ({cost:.1f} ms a call)" for name, cost in zip(message.policies, message.call_ms, strict=True)
        )
        note(self, "info", "policies_ready", f"Ready to play, after {message.load_s:.1f} s: {called}.")

    @handle_cast
    async def on_measured(self, message: BrainMeasured) -> None:
        """What 8-bit weights change on this match's own frames."""
        text = (
            f"8-bit weights change what {message.policy} chooses on {message.other_actions} of {message.frames} "
            f"frames of this game (KL {message.kl:.2g} nats a frame)."
        )
        note(self, "info", "quantisation", text, kl=f"{message.kl:.3g}", value_error=f"{message.value_error:.3g}")

    @handle_cast
    async def on_refused(self, message: BrainRefused) -> None:
        """The process says why it ends."""
        self.refused = message.text

    @handle_cast
    async def on_stats(self, message: BrainStats) -> None:
        """Figures."""
        self.state.decisions = message.decisions
        self.cast("frame_reader", message)

    @handle_call
    async def swap(self, message: SwapAgent, sender: From) -> object:
        """Put a policy into a bot's place; answered when it has taken over, or could not."""
        try:
            port = self._player(message.target)
            path = resolve_bundle(message.policy, self.context.home.root)
            read_manifest(path)
        except ExphilError as error:
            return Refused(error.message, error.hint)
        self.paths[path.name] = str(path)
        self.send_process(self.swaps.begin(message, path, "console", 0, port, sender))
        return NO_REPLY

    @handle_cast
    async def on_swap(self, message: SwapTold) -> None:
        """How a swap goes."""
        self.swaps.told(message)
        if message.stage == "settled":
            self.cast("run_manager", SeatTaken(player=message.port, path=self.paths[message.key]))

    async def handle_info(self, message: object) -> None:
        """Its own reminders."""
        if isinstance(message, SwapLate):
            self.swaps.late(message)
        else:
            await super().handle_info(message)

    def _player(self, target: str) -> int:
        """The player that is meant: ``console:1``, ``exhibition:1``, ``0:2``, or none of it where only one bot plays.

        Raises:
            AgentUnknown: for a target that names no bot.
        """
        where, _, number = target.partition(":")
        bots = [seat.port for seat in self.context.plan.brain.seats]
        if where in (*_TARGETS, "0") and not number:
            return bots[0]
        if where in (*_TARGETS, "0") and number in ("1", "2") and int(number) - 1 in bots:
            return int(number) - 1
        known = " or ".join(f"console:{port + 1}" for port in bots)
        raise AgentUnknown(f"{target!r} names no policy that plays here.", hint=f"Write {known}.")
