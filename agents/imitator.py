"""Imitator: the proxy of the process that clones recorded play: it reads replays, learns, grades and publishes.

What is done and how stands in ``exphil_rt.training.imitation_worker``. A process that dies is started again by the
supervisor and goes on from its last state; what is shown here is then told anew by it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar, Final

import anyio.to_thread
import msgspec

from agents.context import ImitationContext
from agents.notes import note
from exphil_rt.actor import ProcessChild, handle_cast
from exphil_rt.messages.experience import TrainerUp
from exphil_rt.messages.imitation import (
    DataChosen,
    Doing,
    EpochDone,
    FromImitator,
    ImitationArgs,
    ImitationShown,
    Learning,
    Reading,
    RunOver,
    TablesCounted,
    ToImitator,
    Told,
)
from exphil_rt.messages.league import RunnerUp
from exphil_rt.messages.learner import Published, PublishNow, Saved
from exphil_rt.messages.rollout import PauseGames, ResumeGames
from exphil_rt.messages.rows import PolicyRow
from exphil_rt.messages.run import NewestVersion, SayAgain, Settled
from exphil_rt.messages.store import CommitPolicy, Committed
from exphil_rt.messages.telemetry import ImitationStatus
from exphil_rt.store.files import folder_bytes

EPOCHS_SHOWN: Final = 200


class ImitatorState(msgspec.Struct, kw_only=True):
    """What is known of the process's work."""

    status: ImitationStatus = ImitationStatus()
    frames: int = 0
    target_frames: int = 0
    frames_per_s: float = 0.0
    eta_s: float | None = None
    learning: bool = False
    over: bool = False
    policy: str = ""
    """The version published last."""


class Imitator(ProcessChild[ImitatorState]):
    """The proxy."""

    target = "exphil_rt.training.imitation_worker:main"
    receives = FromImitator
    sends = ToImitator
    nice: ClassVar[int] = 10
    heartbeat_s: ClassVar[float] = 180.0
    """It beats between two files, two batches and two games; one of these may take long on a loaded machine."""

    async def init(self, args: ImitationContext) -> ImitatorState:
        """Start the process; it finds by itself how far it was."""
        self.context = args
        self.ready_s = args.config.daemon.start_deadline_s
        await self.start_process(ImitationArgs(home=str(args.home.root), run=args.run.name, run_id=args.run_id))
        self.cast("run_manager", RunnerUp(runner=self.name, physics=""))
        return ImitatorState()

    # What it is told -------------------------------------------------------------------------------------------------

    @handle_cast
    async def to_process(self, message: PauseGames | ResumeGames | PublishNow) -> None:
        """Pass on what the process is to do."""
        self.send_process(message)

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """One of those that show or steer the run was restarted."""
        if message.to == "telemetry":
            self._show()
            if self.state.policy:
                self.cast("telemetry", NewestVersion(key=self.state.policy, population=0))
        elif message.to == "run_manager":
            self.cast("run_manager", RunnerUp(runner=self.name, physics="", fresh=False))
            if self.state.learning:
                self.cast("run_manager", TrainerUp(fresh=False))
            self.cast("run_manager", Doing(text=self.state.status.doing, frames=self.state.frames))

    # What the process says -------------------------------------------------------------------------------------------

    @handle_cast
    async def on_reading(self, message: Reading) -> None:
        """It does what is not learning."""
        self.state.frames_per_s, self.state.eta_s = message.frames_per_s, None
        self._do(message.doing)
        points = {"files_per_s": message.files_per_s} if message.files_per_s else {}
        self._show(points)

    @handle_cast
    async def on_data(self, message: DataChosen) -> None:
        """What is learned from is known."""
        self._update(data=message.kept, dropped=message.dropped, held_out_games=message.held_out_games)
        self._show()

    @handle_cast
    async def on_tables(self, message: TablesCounted) -> None:
        """What must be beaten is known."""
        self._update(marginal=message.marginal, previous=message.previous)
        self._show()

    @handle_cast
    async def on_learning(self, message: Learning) -> None:
        """More was learned."""
        state = self.state
        if message.first and not state.learning:
            state.learning = True
            self.cast("run_manager", TrainerUp())
        state.frames, state.target_frames = message.frames, message.target_frames
        state.frames_per_s, state.eta_s = message.frames_per_s, message.eta_s
        self._update(
            epoch=message.epoch,
            epochs=message.epochs,
            nll=message.nll,
            learning_rate=message.learning_rate,
            waited=message.waited,
        )
        self._do("")
        self._show(
            {
                "nll": message.nll,
                "loss": message.loss,
                "frames_per_s": message.frames_per_s,
                "waited": message.waited,
                "learning_rate": message.learning_rate,
            }
        )

    @handle_cast
    async def on_epoch(self, message: EpochDone) -> None:
        """An epoch is whole."""
        done = (*self.state.status.done, message.figures)[-EPOCHS_SHOWN:]
        best = message.figures.epoch if message.figures.best else self.state.status.best_epoch
        self._update(done=done, best_epoch=best, epoch=message.figures.epoch)
        self.state.frames = message.frames
        held_out = message.figures.held_out
        self._show(
            {}
            if message.restored
            else {
                "held_out": held_out.nll,
                "held_out_changed": held_out.nll_changed,
                "accuracy": held_out.accuracy,
            }
        )

    @handle_cast
    async def on_told(self, message: Told) -> None:
        """Something for a person."""
        note(self, message.level, message.event, message.text)

    @handle_cast
    async def on_published(self, message: Published) -> None:
        """Commit the version, then let it be seen."""
        key = f"{message.name}@v{message.version}"
        row = PolicyRow(
            ref=key,
            name=message.name,
            version=message.version,
            frames=message.frames,
            generation=message.learner_generation,
            created_ns=time.time_ns(),
            bytes=await anyio.to_thread.run_sync(folder_bytes, Path(message.path)),
        )
        committed: Committed = await self.call("store", CommitPolicy(row=row), timeout=30.0)
        if not committed.done:
            note(self, "error", "policy_lost", f"{key} was not committed: {committed.problem}")
            return
        self.state.policy = key
        self.cast("telemetry", NewestVersion(key=key, population=0))
        note(self, "info", "policy_published", f"{key} lies in {message.path}.")

    @handle_cast
    async def on_saved(self, message: Saved) -> None:
        """A state is on disk, or could not be written."""
        self.cast("run_manager", Settled(generation=message.generation, frames=message.frames, asked=message.asked))

    @handle_cast
    async def on_over(self, message: RunOver) -> None:
        """It is done, or cannot be."""
        self.state.over = True
        self._do("")
        self._show()
        self.cast("run_manager", message)

    # Helpers ---------------------------------------------------------------------------------------------------------

    def _update(self, **changes: object) -> None:
        self.state.status = msgspec.structs.replace(self.state.status, **changes)

    def _do(self, text: str) -> None:
        if text != self.state.status.doing or not text:
            self.cast("run_manager", Doing(text=text, frames=self.state.frames))
        self._update(doing=text)

    def _show(self, points: dict[str, float] | None = None) -> None:
        state = self.state
        self.cast(
            "telemetry",
            ImitationShown(
                status=state.status,
                frames=state.frames,
                target_frames=state.target_frames,
                frames_per_s=state.frames_per_s,
                eta_s=state.eta_s,
                points=points or {},
            ),
        )
