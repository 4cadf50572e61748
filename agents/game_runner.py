"""GameRunner: the proxy of one rollout worker process, in which games are played and policies run, co-located.

It passes on: assignments and policies one way, ended games, full slots, samples and figures the other. It decides
nothing about who plays (``matchmaker``) or with which weights (``inference_worker``).
"""

from __future__ import annotations

import socket
from typing import Final

import anyio
import msgspec

from agents.context import LOOP_FILE, SelfPlayContext
from agents.notes import note
from agents.telemetry import LoopReading
from exphil_rt.actor import From, ProcessChild, handle_call, handle_cast
from exphil_rt.dolphin.link import link_pair, send_end
from exphil_rt.messages.experience import CurrentWeights, GetCurrent, SlotReady
from exphil_rt.messages.imitation import RunOver
from exphil_rt.messages.league import GameOver, PlanGames, RunnerUp, SlotNeed
from exphil_rt.messages.match import ConsolePlays, LinkEnd, MatchFault, OpenSlot
from exphil_rt.messages.rollout import (
    AssignGame,
    ExhibitionFrame,
    FreeSlot,
    FromRollout,
    GameEnded,
    LoadPolicy,
    LoopStats,
    NeedGames,
    PauseGames,
    PolicyFault,
    PolicyLoaded,
    ResumeGames,
    RolloutArgs,
    Samples,
    SetCurrent,
    SlotFilled,
    SwapPolicy,
    SwapTold,
    ToRollout,
    UnloadPolicy,
    VoidGames,
    WorkerReady,
)
from exphil_rt.messages.run import SayAgain, StartingUp
from exphil_rt.messages.telemetry import GameKind, GameSample

PATIENCE: Final = 5
"""Starts of a console that may come to nothing, for each of a runner's consoles, before the run ends over them."""
TELL_S: Final = 0.5
"""Seconds between two words about what a process does that is not ready yet."""


class RunnerArgs(msgspec.Struct, frozen=True, kw_only=True):
    """Which runner it is."""

    name: str
    first: bool
    """The first runner also has the rated and the exhibition slots."""


class RunnerState(msgspec.Struct, kw_only=True):
    """What was played."""

    physics: str = ""
    """Of the process; empty until it plays."""
    games: int = 0
    filled: int = 0
    held: dict[int, int] = {}
    """Generation by experience slot that the process may fill."""
    fruitless: int = 0
    """Starts of consoles in a row that came to nothing."""
    fault: str = ""
    """A console's last one."""
    needs: set[int] = set()
    """Lane slots that were asked for and have no waiting game yet."""


class GameRunner(ProcessChild[RunnerState]):
    """A rollout worker's proxy."""

    target = "exphil_rt.rollout.worker:main"
    receives = FromRollout
    sends = ToRollout
    init_timeout = 300.0

    async def init(self, args: tuple[SelfPlayContext, RunnerArgs]) -> RunnerState:
        """Start the process, once there are weights that it can get."""
        context, self.args = args
        self.context = context
        config = context.config
        self.games = context.games_per_runner
        beside = self.args.first and not context.deterministic  # their timing would show in the training games
        self.rated = config.rollout.rated_games if beside else 0
        exhibition = config.rollout.exhibition and beside
        self.first_slot = context.first_slot(self.args.name)
        weights = await self.call("inference_worker", GetCurrent(), timeout=config.daemon.start_deadline_s)
        if not context.deterministic:  # the file may be gone before the process is ready: it gets newer ones then
            weights = CurrentWeights(update=0, weights="")
        self.ready_s = config.daemon.start_deadline_s
        fds = [context.pool.fd]
        if context.console is not None:
            self.door, theirs = socket.socketpair()
            self.defer(self.door.close)
            self.defer(theirs.close)
            fds.append(theirs.fileno())
        telling = self.start_task(self._tell_phase)
        await self.start_process(
            RolloutArgs(
                games=self.games,
                rated=self.rated,
                exhibition=exhibition,
                steps=config.rollout.length,
                policy=context.first_version,
                weights=weights.weights,
                update=weights.update,
                seed=config.run.seed,
                device=config.rollout.inference_device,
                frozen_engine=config.rollout.frozen_engine,
                pool_slots=context.pool.count,
                pool_slot_bytes=context.pool.size,
                deterministic=context.deterministic,
                restore=str(context.going_on.folder / LOOP_FILE) if context.going_on else "",
                consoles="" if context.console is None else context.physics,
            ),
            fds=fds,
        )
        telling.cancel()
        return RunnerState()

    async def _tell_phase(self) -> None:
        while True:
            await anyio.sleep(TELL_S)
            if self.phase:
                self.cast("run_manager", StartingUp(self.phase))

    @handle_call
    async def open_slot(self, message: OpenSlot, sender: From) -> LinkEnd:
        """A console starts: give the process one end of a new link, and the console the other."""
        self.state.fruitless += 1
        if self.state.fruitless > PATIENCE * self.context.slots_of(self.args.name):
            said = self.state.fault or "Each of them ended before it played."
            self.cast(
                "run_manager",
                RunOver(
                    failure=f"The consoles do not come to play: {said}",
                    hint="`exphil-rt doctor` looks for what is missing; `exphil-rt logs` has every fault.",
                ),
            )
        ours, theirs = link_pair()
        with theirs:
            send_end(self.door, message.slot, theirs.fileno())
        return LinkEnd(fd=ours.detach())

    @handle_cast
    async def on_console(self, message: ConsolePlays | MatchFault) -> None:
        """A console has come to play, or says what went wrong."""
        match message:
            case ConsolePlays():
                self.state.fruitless = 0
            case MatchFault(text=text):
                self.state.fault = text

    def kind_of(self, slot: int) -> GameKind:
        """What is played in a lane slot."""
        if slot < self.games:
            return "training"
        return "rated" if slot < self.games + self.rated else "exhibition"

    @handle_cast
    async def to_worker(
        self,
        message: AssignGame
        | LoadPolicy
        | UnloadPolicy
        | SetCurrent
        | SwapPolicy
        | FreeSlot
        | PauseGames
        | ResumeGames
        | VoidGames,
    ) -> None:
        """Pass on what the worker is to do. Before it said that it is ready, it was meant for the process before it."""
        if not self.state.physics:
            return
        match message:
            case FreeSlot(slot=slot, generation=generation):
                self.state.held[slot] = generation
            case AssignGame(slot=slot):
                self.state.needs.discard(slot)
        self.send_process(message)

    @handle_cast
    async def on_ready(self, message: WorkerReady) -> None:
        """It plays nothing yet; tell those who decide."""
        self.state.physics = message.physics
        up = RunnerUp(runner=self.args.name, physics=message.physics)
        for name in ("matchmaker", "inference_worker", "run_manager"):
            self.cast(name, up)

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """One of those that serve it was restarted, and games that it was asked for may be lost."""
        state = self.state
        if not state.physics:
            return
        up = RunnerUp(runner=self.args.name, physics=state.physics, fresh=False, held=dict(state.held))
        self.cast(message.to, up)
        if message.to in ("matchmaker", "inference_worker") and state.needs:
            self._ask_for(tuple(sorted(state.needs)))

    @handle_cast
    async def on_need(self, message: NeedGames) -> None:
        """Ask for the next games."""
        self.state.needs.update(message.slots)
        self._ask_for(message.slots)

    def _ask_for(self, slots: tuple[int, ...]) -> None:
        needs = tuple(SlotNeed(slot=slot, kind=self.kind_of(slot)) for slot in slots)
        self.cast("matchmaker", PlanGames(runner=self.args.name, needs=needs))

    @handle_cast
    async def on_ended(self, message: GameEnded) -> None:
        """A game is over."""
        self.state.games += 1
        over = GameOver(runner=self.args.name, ended=message)
        self.cast("inference_worker", over)
        self.cast("matchmaker", over)
        if message.reason == "void" and message.error:
            note(self, "warn", "game_void", f"Game {message.game.game_id} was dropped: {message.error}")

    @handle_cast
    async def on_filled(self, message: SlotFilled) -> None:
        """A slot is whole."""
        self.state.filled += 1
        self.state.held.pop(message.slot, None)
        # In lockstep the matchmaker passes it on, behind every game it was asked for before.
        target = "matchmaker" if self.context.deterministic else "experience"
        self.cast(target, SlotReady(runner=self.args.name, filled=message))

    @handle_cast
    async def on_samples(self, message: Samples | ExhibitionFrame) -> None:
        """For the screen, under slot numbers of the whole run."""
        match message:
            case Samples(games=games):
                self.cast("telemetry", Samples(games=tuple(self._shown(game) for game in games)))
            case ExhibitionFrame(sample=sample):
                self.cast("telemetry", ExhibitionFrame(sample=self._shown(sample)))

    def _shown(self, game: GameSample) -> GameSample:
        return msgspec.structs.replace(game, slot=self.first_slot + game.slot, worker=self.args.name)

    @handle_cast
    async def on_stats(self, message: LoopStats) -> None:
        """For the figures."""
        self.cast("telemetry", LoopReading(runner=self.args.name, stats=message))

    @handle_cast
    async def on_policy(self, message: PolicyLoaded | PolicyFault | SwapTold) -> None:
        """For the one who owns the engine's versions."""
        self.cast("inference_worker", message)
