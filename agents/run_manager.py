"""RunManager: the state of the run: starting, running, paused, stopping; when it is over, and with what reason.

Nothing is played or learned here: it tells runners to pause, the learner to checkpoint, the daemon to stop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from agents.again import ask_again
from agents.context import RunContext
from agents.notes import note
from exphil_rt.actor import NO_REPLY as LATER
from exphil_rt.actor import ActorError, From, GenServer, handle_call, handle_cast
from exphil_rt.control.wire import Answer, Done, Refused
from exphil_rt.messages.experience import TrainerUp
from exphil_rt.messages.imitation import Doing, RunOver
from exphil_rt.messages.league import GetPopulation, RunnerUp
from exphil_rt.messages.learner import PublishNow
from exphil_rt.messages.rollout import PauseGames, ResumeGames
from exphil_rt.messages.run import (
    CheckpointRun,
    Flush,
    PauseRun,
    Phase,
    Progress,
    ResumeRun,
    SayAgain,
    Settled,
    StartingUp,
    StopRun,
    WriteFailed,
)
from exphil_rt.messages.store import AllWritten, PutProgress
from exphil_rt.messages.telemetry import RunState
from exphil_rt.store.files import free_bytes

LOOK_S: Final = 5.0
"""Seconds between two looks at the disk and two notes of the progress."""
PROBE: Final = 4_000_000
PERSON: Final = "paused"


class Look(msgspec.Struct, frozen=True):
    """Time to look at the disk."""


class GiveUp(msgspec.Struct, frozen=True):
    """The last checkpoint takes too long."""


class ManagerState(msgspec.Struct, kw_only=True):
    """Where the run stands."""

    phase: RunState = "starting"
    message: str = ""
    frames: int = 0
    generation: int = 0
    runners: int = 0
    learning: bool = False
    doing: str = ""
    """What a run that plays no games does, in one line; empty while it learns."""
    pauses: dict[str, str] = {}
    """Why it is paused: by whom or what, in one sentence."""
    ending: str = ""
    """Why it ends; empty while it goes on."""
    ended: bool = False


def takes(folder: Path) -> bool:
    """Whether the disk takes a file of PROBE bytes."""
    probe = folder / ".probe"
    try:
        probe.write_bytes(bytes(PROBE))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True


class RunManager(GenServer[ManagerState]):
    """The one who knows when the run is over."""

    async def init(self, args: RunContext) -> ManagerState:
        """Go on where the database says."""
        self.context = args
        self.waiting: list[From] = []
        with args.run.reader() as database:
            progress = database.progress()
        state = ManagerState(frames=progress.frames, generation=progress.generation)
        self.cast("telemetry", Phase(state="starting", message="starting"))
        self.send_after(0.0, Look())
        ask_again(self, *dict.fromkeys((args.learner, *args.runners)))
        return state

    # What it hears ---------------------------------------------------------------------------------------------------

    @handle_cast
    async def on_trainer(self, message: TrainerUp) -> None:
        """The learner is up. What the one before it was asked for is asked again, or refused."""
        self.state.learning = True
        if message.fresh:
            self._answer(Refused("The learner was restarted before it had saved.", "Ask again."))
        if self.state.ending:
            self.cast(self.context.learner, PublishNow())
        elif self._played():
            self._end("timesteps", f"all {self.context.config.run.timesteps:,} frames are played")
        self._show()

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """Who shows the run's state was restarted."""
        self.cast(message.to, Phase(state=self.state.phase, message=self.state.message))

    @handle_cast
    async def on_runner(self, message: RunnerUp) -> None:
        """A runner is up, and is told if it has to wait."""
        self.state.runners += 1
        if self.state.pauses or self.state.ending:
            self.cast(message.runner, PauseGames())
        elif not message.fresh:  # paused before this actor was restarted, maybe
            self.cast(message.runner, ResumeGames())
        self._show()

    @handle_cast
    async def on_starting(self, message: StartingUp) -> None:
        """A runner is not ready yet: say what it does, where the run waits for it."""
        if self.state.phase == "starting" and self.state.learning and not self.state.ending:
            self._say("starting", f"starting the games: {message.doing}")

    @handle_cast
    async def on_progress(self, message: Progress) -> None:
        """More was learned; enough ends the run."""
        self.state.frames = message.frames
        if self._played() and not self.state.ending:
            self._end("timesteps", f"all {self.context.config.run.timesteps:,} frames are played")

    @handle_cast
    async def on_doing(self, message: Doing) -> None:
        """What a run without games does now."""
        self.state.frames = message.frames
        if message.text != self.state.doing:
            self.state.doing = message.text
            self._show()

    @handle_cast
    async def on_over(self, message: RunOver) -> None:
        """The run has done what it is for, or cannot."""
        self.state.ending = "failed" if message.failure else "done"
        self.context.failure = message if message.failure else None
        self._say("stopping", message.failure or "done")
        self._answer(Refused("The run is over."))
        await self._end_run()

    @handle_cast
    async def on_settled(self, message: Settled) -> None:
        """A generation is on disk, or could not be written."""
        if message.generation:
            self.state.generation = message.generation
            self._keep_progress()
        if not message.asked:
            return
        if message.generation:
            self._answer(Done(f"generation {message.generation} at {message.frames:,} frames is on disk"))
        else:
            self._answer(Refused("The learner's state could not be written.", "`exphil-rt logs` says why."))
        if self.state.ending:
            await self._end_run()

    @handle_cast
    async def on_look(self, message: Look) -> None:
        """Pause while the disk is nearly full, or takes nothing."""
        self.send_after(LOOK_S, message)
        folder, limit = self.context.run.folder, self.context.config.store.min_free_gb
        free = await anyio.to_thread.run_sync(free_bytes, folder)
        if free < limit * 1e9 and "disk" not in self.state.pauses:
            text = f"Only {free / 1e9:.2f} GB are free in {folder}; training waits for {limit:g} GB."
            note(self, "error", "disk_low", text)
            self._pause("disk", text)
        elif free >= limit * 1e9 and "disk" in self.state.pauses and await anyio.to_thread.run_sync(takes, folder):
            note(self, "info", "disk_freed", "There is room on the disk again; training goes on.")
            self._resume("disk")
        self._keep_progress()

    @handle_cast
    async def on_write_failed(self, message: WriteFailed) -> None:
        """Pause: what is played could not be kept."""
        if "disk" not in self.state.pauses and not self.state.ending:
            self._pause("disk", f"{message.text.rstrip('.')}; training waits until it can be written.")

    @handle_cast
    async def on_give_up(self, message: GiveUp) -> None:
        """The learner does not answer; what it saved last holds."""
        if self.state.ending and not self.state.ended:
            if self.state.learning:
                note(self, "warn", "checkpoint_missed", "The last checkpoint took too long; the one before it holds.")
            await self._end_run()

    # What it is told -------------------------------------------------------------------------------------------------

    @handle_call
    async def pause(self, message: PauseRun, sender: From) -> Answer:
        """Let nothing step on."""
        if self.state.ending:
            return Refused("The run is stopping.")
        if PERSON in self.state.pauses:
            return Done("the run is paused already")
        self._pause(PERSON, f"paused by {message.author}")
        note(self, "info", "paused", "The run is paused.", author=message.author)
        return Done("the run is paused")

    @handle_call
    async def resume(self, message: ResumeRun, sender: From) -> Answer:
        """Undo a person's pause."""
        if PERSON not in self.state.pauses:
            return Done("the run is not paused") if not self.state.pauses else Refused(*self._why_paused())
        self._resume(PERSON)
        note(self, "info", "resumed", "The run goes on.", author=message.author)
        return Done("the run goes on") if not self.state.pauses else Refused(*self._why_paused())

    @handle_call
    async def checkpoint(self, message: CheckpointRun, sender: From) -> object:
        """Publish and save; answered when both are on disk."""
        if not self.state.learning or self.runtime.whereis(self.context.learner) is None:
            return Refused("The learner is still starting.", "Try again in a few seconds.")
        self.waiting.append(sender)
        self.cast(self.context.learner, PublishNow())
        note(self, "info", "checkpoint", "A checkpoint was asked for.", author=message.author)
        return LATER

    @handle_call
    async def stop(self, message: StopRun, sender: From) -> Answer:
        """Checkpoint, then end."""
        if not self.state.ending:
            note(self, "info", "stopping", "The run is stopping.", author=message.author)
            self._end("stopped", message.reason or f"stopped by {message.author}")
        return Done("the run saves its state and stops")

    # How it ends -----------------------------------------------------------------------------------------------------

    def _end(self, kind: str, text: str) -> None:
        self.state.ending = kind
        self._say("stopping", text)
        for runner in self.context.runners:
            self.cast(runner, PauseGames())
        if self.state.learning and self.runtime.whereis(self.context.learner) is not None:
            self.cast(self.context.learner, PublishNow())
            self.send_after(self.context.config.daemon.stop_deadline_s, GiveUp())
        else:
            self.send_after(0.0, GiveUp())

    async def _end_run(self) -> None:
        if self.state.ended:
            return
        self.state.ended = True
        try:
            if self.runtime.whereis("population_manager") is not None:
                # What the trainer published before is committed once the population manager has answered.
                await self.call("population_manager", GetPopulation(), timeout=30.0)
            await self.call("telemetry", Flush())
            self._keep_progress()
            await self.call("store", AllWritten(), timeout=30.0)
        except ActorError as error:
            note(self, "warn", "end_incomplete", str(error))
        self.context.finish(self.state.ending)

    # Helpers ---------------------------------------------------------------------------------------------------------

    def _pause(self, who: str, text: str) -> None:
        self.state.pauses[who] = text
        for runner in self.context.runners:
            self.cast(runner, PauseGames())
        self._show()

    def _resume(self, who: str) -> None:
        del self.state.pauses[who]
        if not self.state.pauses:
            for runner in self.context.runners:
                self.cast(runner, ResumeGames())
        self._show()

    def _why_paused(self) -> tuple[str, str]:
        return next(iter(self.state.pauses.values())), "It goes on by itself once that is mended."

    def _show(self) -> None:
        if self.state.ending:
            return
        if self.state.pauses:
            self._say("paused", next(iter(self.state.pauses.values())))
        elif self.state.learning and self.state.runners:
            self._say("running", self.state.doing)
        else:
            doing = self.state.doing or "starting the learner"
            self._say("starting", "starting the games" if self.state.learning else doing)

    def _say(self, phase: RunState, message: str) -> None:
        self.state.phase, self.state.message = phase, message
        self.cast("telemetry", Phase(state=phase, message=message))

    def _played(self) -> bool:
        target = self.context.config.run.timesteps
        return bool(target) and self.state.frames >= target

    def _answer(self, answer: Answer) -> None:
        """To everybody who waits for a checkpoint."""
        for sender in self.waiting:
            if not sender.done:
                self.reply(sender, answer)
        self.waiting.clear()

    def _keep_progress(self) -> None:
        state = self.state
        ended = state.ending if state.ended else ""
        self.cast("store", PutProgress(frames=state.frames, generation=state.generation, ended=ended))
