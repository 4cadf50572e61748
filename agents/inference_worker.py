"""InferenceWorker: owns which policies the runners' engines hold: loads, refreshes, forgets.

The engines themselves run inside the rollout workers, beside their games. Every planned game passes through here, so
that a policy is loaded before the game that names it is assigned.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from agents.again import ask_again
from agents.context import LOOP_FILE, SelfPlayContext
from agents.notes import note
from agents.swap_desk import SwapDesk, SwapLate
from exphil_rt.actor import NO_REPLY, Down, From, GenServer, handle_call, handle_cast
from exphil_rt.control.wire import Refused
from exphil_rt.errors import ExphilError
from exphil_rt.messages.experience import CurrentWeights, GetCurrent
from exphil_rt.messages.league import GameOver, GamePlanned, LeagueSnapshot, PolicyBroken, RunnerUp
from exphil_rt.messages.rollout import (
    CURRENT,
    AssignGame,
    LoadPolicy,
    PolicyFault,
    PolicyLoaded,
    SetCurrent,
    SwapTold,
    UnloadPolicy,
)
from exphil_rt.messages.run import SwapAgent
from exphil_rt.policy.manifest import read_manifest
from exphil_rt.policy.ref import resolve_bundle

TRAINER: Final = "trainer"
IDLE_POLICIES: Final = 4
"""Policies that an engine keeps loaded though no game names them."""
_TARGET: Final = re.compile(r"(exhibition|\d{1,6})(?::([12]))?")


class AgentUnknown(ExphilError):
    """A hot swap's target that names no running agent."""


class Held(msgspec.Struct, kw_only=True):
    """One frozen policy in one engine."""

    games: int = 0
    last: int = 0


class InferenceState(msgspec.Struct, kw_only=True):
    """What the engines hold."""

    current: CurrentWeights | None = None
    engines: dict[str, dict[str, Held]] = {}
    """By runner, by key."""
    clock: int = 0
    """Counts plans, for least recently used."""


class InferenceWorker(GenServer[InferenceState]):
    """The owner of the engines' policies."""

    async def init(self, args: SelfPlayContext) -> InferenceState:
        """Nothing is known until the trainer says what ``current`` is."""
        self.context = args
        self.waiting: list[From] = []
        self.watching = False
        self.swaps = SwapDesk(self)
        ask_again(self, TRAINER, *args.runners)
        return InferenceState()

    @handle_call
    async def get_current(self, message: GetCurrent, sender: From) -> object:
        """What a runner starts from; the answer may have to wait for the trainer."""
        if self.state.current is None:
            self.waiting.append(sender)
            return NO_REPLY
        return self.state.current

    @handle_cast
    async def on_weights(self, message: CurrentWeights) -> None:
        """New weights for ``current``, everywhere."""
        self.state.current = message
        if not self.watching:
            self.watching = True
            self.monitor(TRAINER)
        for sender in self.waiting:
            self.reply(sender, message)
        self.waiting.clear()
        save_to = ""
        if message.saved and self.context.deterministic:
            save_to = str(self.context.run.learner / f"gen-{message.saved:06d}" / LOOP_FILE)
        for runner in self.state.engines:
            self.cast(runner, SetCurrent(update=message.update, weights=message.weights, save_to=save_to))

    async def handle_info(self, message: object) -> None:
        """The learner is gone: a fresh one removes the weights file of the old one, so who starts now waits for it."""
        if isinstance(message, Down):
            self.state.current, self.watching = None, False
        elif isinstance(message, SwapLate):
            self.swaps.late(message)
        else:
            await super().handle_info(message)

    @handle_cast
    async def on_runner(self, message: RunnerUp) -> None:
        """A fresh engine holds nothing but ``current``, maybe already an older one.

        What another one holds is not known any more: it is loaded anew where a game names it.
        """
        self.state.engines[message.runner] = {}
        if self.context.going_on is not None:
            self._load_again(message.runner, self.context.going_on.league)
        if self.state.current is not None:
            current = self.state.current
            self.cast(message.runner, SetCurrent(update=current.update, weights=current.weights))
        self.cast("experience", message)  # slots come last: a worker that restores its games needs their policies

    @handle_cast
    async def on_planned(self, message: GamePlanned) -> None:
        """Load what the game names, then assign it."""
        held = self.state.engines.get(message.runner)
        if held is None:
            return  # planned for a process that is gone; the next one asks anew
        self.state.clock += 1
        for policy in message.policies:
            if policy.key not in held:
                held[policy.key] = Held()
                load = LoadPolicy(key=policy.key, path=policy.path, version=policy.version)
                self.cast(message.runner, load)
            held[policy.key].games += 1
            held[policy.key].last = self.state.clock
        self._forget(message.runner)
        self.cast(message.runner, AssignGame(slot=message.slot, game=message.game))

    @handle_cast
    async def on_over(self, message: GameOver) -> None:
        """One game fewer names its policies."""
        held = self.state.engines.get(message.runner, {})
        for player in message.ended.game.players:
            if player.policy in held:
                held[player.policy].games -= 1

    @handle_cast
    async def on_loaded(self, message: PolicyLoaded) -> None:
        """Loading is silent unless it fails."""
        if not message.ok:
            note(self, "error", "policy_failed", f"The policy {message.key} could not be loaded: {message.error}")
            self.cast("population_manager", PolicyBroken(key=message.key))

    @handle_cast
    async def on_fault(self, message: PolicyFault) -> None:
        """A policy gave NaN; its games are void."""
        note(self, "error", "policy_failed", f"The policy {message.key} failed: {message.text}")

    @handle_call
    async def swap(self, message: SwapAgent, sender: From) -> object:
        """Put a policy into a running agent; answered when it has taken over, or could not."""
        try:
            runner, slot, port = self._agent(message.target)
            path = resolve_bundle(message.policy, self.context.home.root)
            read_manifest(path)
        except ExphilError as error:
            return Refused(error.message, error.hint)
        self.cast(runner, self.swaps.begin(message, path, runner, slot, port, sender))
        return NO_REPLY

    @handle_cast
    async def on_swap(self, message: SwapTold) -> None:
        """How a swap goes: an event each time, and the answer to who asked for it."""
        runner = self.swaps.told(message)
        if message.stage == "settled" and (held := self.state.engines.get(runner)) is not None:
            held.setdefault(message.key, Held()).games += 1
            if message.old in held:
                held[message.old].games -= 1

    def _agent(self, target: str) -> tuple[str, int, int]:
        """Runner, lane slot and port that are meant.

        Raises:
            AgentUnknown: for a target that names none.
        """
        context = self.context
        if context.deterministic:
            raise AgentUnknown(
                "A deterministic run plays what it was told to from the start.", hint="Swap an agent of another run."
            )
        named = _TARGET.fullmatch(target)
        if named is None:
            raise AgentUnknown(
                f"{target!r} names no agent.",
                hint="Write exhibition:1, exhibition:2, or the number of a game and :1 or :2.",
            )
        first, games = context.runners[0], context.games_per_runner
        port = int(named[2] or 1) - 1
        if named[1] == "exhibition":
            if not context.config.rollout.exhibition:
                raise AgentUnknown("This run has no exhibition game.", hint="Name a game by its number.")
            runner, slot = first, games + context.config.rollout.rated_games
        else:
            number = int(named[1])
            runner = max((r for r in context.runners if context.first_slot(r) <= number), key=context.first_slot)
            slot = number - context.first_slot(runner)
        if runner not in self.state.engines:
            raise AgentUnknown("No games are played at this moment.", hint="Try again when they are.")
        return runner, slot, port

    def _load_again(self, runner: str, league: LeagueSnapshot) -> None:
        """Load what the restored games name."""
        held = self.state.engines[runner]
        for where, _, policies in league.in_play.values():
            for key in set(policies) - {CURRENT}:
                if where != runner or "@v" not in key:  # a scripted opponent needs no weights
                    continue
                if key not in held:
                    held[key] = Held()
                    version = int(key.rpartition("@v")[2])
                    path = str(self.context.home.policies / key)
                    self.cast(runner, LoadPolicy(key=key, path=path, version=version))
                held[key].games += 1

    def _forget(self, runner: str) -> None:
        held = self.state.engines[runner]
        idle = sorted((h.last, key) for key, h in held.items() if h.games <= 0)
        for _, key in idle[: max(0, len(idle) - IDLE_POLICIES)]:
            del held[key]
            self.cast(runner, UnloadPolicy(key=key))
