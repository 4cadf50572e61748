"""The process of an imitation: it reads replays, learns, plays for the report card and publishes, turn by turn.

What runs in here is plain and blocking; the actor in front of it (``imitator``) is elsewhere. Between two turns it
says that it lives, and is paused, saved or stopped. A process that begins on a run that was begun before goes on.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import torch

from exphil_rt.actor import ChildPort
from exphil_rt.config import Config
from exphil_rt.errors import ExphilError
from exphil_rt.messages.imitation import (
    DataChosen,
    EpochDone,
    ImitationArgs,
    Learning,
    Reading,
    RunOver,
    TablesCounted,
    ToImitator,
    Told,
)
from exphil_rt.messages.learner import Published, PublishNow, Saved
from exphil_rt.messages.rollout import PauseGames, ResumeGames
from exphil_rt.messages.telemetry import EpochFigures, Figures
from exphil_rt.policy.backbones import trust
from exphil_rt.policy.device import pick_device
from exphil_rt.policy.manifest import Manifest, delay_sentence
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.policy.policy import Policy
from exphil_rt.replays import Selection
from exphil_rt.store.files import write_whole
from exphil_rt.store.home import Home
from exphil_rt.store.run import Run
from exphil_rt.training.baselines import Score
from exphil_rt.training.dataset.build import BuildProgress, BuildSettings
from exphil_rt.training.dataset.dataset import Split, chosen
from exphil_rt.training.dataset.find import open_or_build
from exphil_rt.training.imitation import Imitation, Measuring, Progress, Turn
from exphil_rt.training.imitation_config import of_settings
from exphil_rt.training.imitation_plan import ImitationPlan, read_plan
from exphil_rt.training.imitation_publish import manifest_of, publish
from exphil_rt.training.imitation_result import EpochReport, ImitationResult, Outcome

if TYPE_CHECKING:
    from exphil_rt.rollout.closed_loop import ReportCard

_TELL_S: Final = 0.25
"""Seconds between two reports of progress."""
_PAUSED_S: Final = 0.5


class _Stopped(Exception):
    """The daemon wants the process to end."""


def main(port: ChildPort) -> None:
    """Work until the run is over, then wait for the shutdown message."""
    args = port.args(ImitationArgs)
    torch.set_num_threads(1)  # small networks gain nothing by more
    port.ready()
    home = Home(Path(args.home))
    worker = Worker(port, home, Run(home, args.run), args.run_id)
    try:
        worker.work()
    except _Stopped:
        return
    except ExphilError as error:
        port.send(RunOver(failure=error.message, hint=error.hint, exit_code=error.exit_code))
    worker.wait()


class Worker:
    """One imitation between the port and its run folder.

    Args:
        port: to the daemon.
        home: where data sets and policies lie.
        run: whose plan and settings it follows, and whose learner folder it keeps.
        run_id: for the manifests.
    """

    def __init__(self, port: ChildPort, home: Home, run: Run, run_id: str) -> None:
        self.port, self.home, self.run, self.run_id = port, home, run, run_id
        self.plan: ImitationPlan = read_plan(run)
        self.settings: Config = run.config()
        self.about: Selection | None = None
        self.imitation: Imitation | None = None
        self._paused = self._asked = False
        self._told_at = 0.0

    def work(self) -> None:
        """From the replays to the published policy.

        Raises:
            ExphilError: what cannot be, in one sentence.
        """
        trust(self.settings.trust.packages)
        data = self._read()
        policy = self._learn(data)
        result = self.imitation_now.result()
        self._finish(policy, result)

    def wait(self) -> None:
        """Serve until the shutdown message."""
        while not self.port.stopping:
            self.port.heartbeat("over")
            if isinstance(self.port.receive(ToImitator, _PAUSED_S), PublishNow):
                self.port.send(Saved(generation=0, path="", update=0, frames=0, asked=True))

    @property
    def imitation_now(self) -> Imitation:
        """The training; there is one once the data is read."""
        assert self.imitation is not None
        return self.imitation

    # Between two turns ------------------------------------------------------------------------------------------------

    def serve(self, phase: str, *, steady: bool = False) -> None:
        """Say that the process lives, and do what it is told.

        Args:
            phase: what it does.
            steady: whether the training may be saved here.

        Raises:
            _Stopped: it is to end.
        """
        port = self.port
        port.heartbeat("paused" if self._paused else phase)
        while True:
            message = port.receive(ToImitator, _PAUSED_S if self._paused else 0.0)
            if port.stopping:
                raise _Stopped
            match message:
                case PauseGames():
                    self._paused = True
                    port.heartbeat("paused")
                case ResumeGames():
                    self._paused = False
                case PublishNow():
                    self._asked = True
                case None:
                    if not self._paused:
                        break
            if self._asked and (steady or self._paused):
                self._answer(steady=steady)
        if self._asked and steady:
            self._answer(steady=steady)

    def _answer(self, *, steady: bool) -> None:
        """Save, publish the best policy so far, and say so. Where it cannot be saved, the newest state holds."""
        self._asked = False
        imitation = self.imitation
        generation = frames = 0
        if imitation is not None:
            if steady:
                imitation.save()
            written, frames = imitation.settle(), imitation.frames
            generation = imitation.generation if written else 0
            if imitation.best_epoch:
                with imitation.best_so_far() as best:
                    self._publish(best, msgspec.structs.replace(imitation.summary(), ended="interrupted"))
        self.port.send(Saved(generation=generation, path="", update=0, frames=frames, asked=True))

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._told_at < _TELL_S:
            return False
        self._told_at = now
        return True

    def _tell(self, event: str, text: str) -> None:
        self.port.send(Told(event=event, text=text))

    def _doing(self, text: str) -> None:
        self.port.send(Reading(doing=text))
        self.serve(text)

    # Reading ----------------------------------------------------------------------------------------------------------

    def _read(self) -> Split:
        """The data set, read or opened, and split."""
        began, wanted = time.monotonic(), self.plan.wanted(self.home)

        def progress(now: BuildProgress) -> None:
            if self._due():
                self.port.send(
                    Reading(doing=now.line, files_per_s=now.files_per_second, frames_per_s=now.frames_per_second)
                )
            self.serve("reading replays")

        def start(text: str) -> None:
            self._tell("reading", text)
            self._doing("reading replays")

        self._doing("looking for replays")
        dataset, selection = open_or_build(
            self.home,
            self.plan.replays,
            BuildSettings(schema=self.plan.policy.schema, filter=wanted, workers=self.plan.workers),
            on_start=start,
            on_progress=progress,
        )
        self.about = selection or chosen(dataset, wanted)
        dropped = tuple(self.about.dropped_lines())
        for line in dropped:
            self._tell("data_dropped", f"  {line}")
        self._tell("data_chosen", f"Left to learn from: {self.about.kept_line()}.")
        key = self.settings.run.seed
        data = dataset.split(self.settings.imitation.held_out, key)
        games = len({side.game for side in data.held_out})
        self.port.send(DataChosen(kept=self.about.kept_line(), dropped=dropped, held_out_games=games))
        self._tell(
            "data_read",
            f"{games} of the games held out to measure on (seed {key}); read in {time.monotonic() - began:.1f} s.",
        )
        return data

    # Learning ---------------------------------------------------------------------------------------------------------

    def _learn(self, data: Split) -> Policy:
        settings, key = self.settings.imitation, self.settings.run.seed
        shape = msgspec.structs.replace(self.plan.policy, schema=data.dataset.schema)
        self._tell("delay", delay_sentence(shape.delay))
        torch.manual_seed(key)
        policy = Policy(shape).to(pick_device(self.settings.train.device))
        self.imitation = Imitation(
            policy,
            data,
            of_settings(settings, key),
            folder=self.run.learner,
            on_event=lambda text: self.port.send(Told(event="learner_trouble", text=text, level="warn")),
        )
        turns, first = self.imitation.turns(), True
        try:
            for turn in turns:
                if isinstance(turn, Progress) and first:
                    self._begin(turn)
                    first = False
                self._show(turn)
                steady = isinstance(turn, EpochReport) or (isinstance(turn, Progress) and turn.steady)
                self.serve("measuring" if isinstance(turn, Measuring) else "learning", steady=steady)
        finally:
            turns.close()
            self.imitation.settle()
        if first:  # there was nothing left to learn
            self._begin(None)
        return policy

    def _begin(self, turn: Progress | None) -> None:
        """The tables are counted, and what was learned before is there again."""
        imitation = self.imitation_now
        assert imitation.marginal is not None
        assert imitation.previous is not None
        self.port.send(TablesCounted(marginal=_figures(imitation.marginal), previous=_figures(imitation.previous)))
        for report in imitation.reports:
            self.port.send(EpochDone(figures=_of_epoch(report), frames=imitation.frames, restored=True))
        if imitation.generation:
            done = len(imitation.reports)
            self._tell(
                "learner_restored",
                f"The training goes on behind epoch {done} ({imitation.frames:,} frames).",
            )
        if turn is not None:
            self._told_at = time.monotonic()
            self.port.send(_learning(turn, first=True))

    def _show(self, turn: Turn) -> None:
        if isinstance(turn, EpochReport):
            self.port.send(EpochDone(figures=_of_epoch(turn), frames=self.imitation_now.frames))
            self._tell("epoch", turn.line)
        elif not self._due():
            return
        elif isinstance(turn, Progress):
            self.port.send(_learning(turn))
        else:
            word = "counting the tables" if turn.what == "tables" else "measuring on held-out games"
            self.port.send(Reading(doing=f"{word}  {turn.done / max(turn.total, 1):.0%}"))

    # The end ----------------------------------------------------------------------------------------------------------

    def _finish(self, policy: Policy, result: ImitationResult) -> None:
        """Play for the report card, publish, and say that the run is over."""
        graded = None
        if self.settings.imitation.report_games:
            graded = self._graded(PlayablePolicy(policy, self._manifest(policy, result)))
        self._doing("publishing")
        self._publish(policy, result, graded)
        self.port.send(RunOver())

    def _graded(self, player: PlayablePolicy) -> tuple[ReportCard, bytes] | None:
        """How it plays, and at which temperature best; None where the embedded game cannot say."""
        self._tell("report_card", "playing for the report card ...")
        self._doing("playing for the report card")  # the imports take a while
        from exphil_rt.rollout.closed_loop import TEMPERATURES, Played, grade
        from exphil_rt.sim import warmup

        games = self.settings.imitation.report_games
        games += games % 2
        sets = 0

        def played(found: Played) -> None:
            nonlocal sets
            sets += 1
            self._tell("report_card", found.line)

        def progress(done: int, *_: int) -> None:
            if self._due():
                self.port.send(Reading(doing=f"playing for the report card: game {done} of {games}, part {sets + 1}"))

        try:
            warmup(lambda what, done, total: self._doing(f"loading the game: {what} ({done} of {total})"))
            return grade(
                player,
                games=games,
                temperatures=TEMPERATURES,
                stages=self.settings.game.stages,
                seed=self.settings.run.seed,
                on_played=played,
                progress=progress,
                alive=lambda: self.serve("playing"),
            )
        except ExphilError as error:
            self._tell("report_card", f"no report card: {error.message}")
            return None

    def _manifest(self, policy: Policy, result: ImitationResult) -> Manifest:
        assert self.about is not None
        return manifest_of(
            policy, result, self.about, self.settings, name=self.plan.policy_out, run_id=self.run_id, home=self.home
        )

    def _publish(self, policy: Policy, result: ImitationResult, graded: tuple[ReportCard, bytes] | None = None) -> None:
        """Write the bundle and what the run has come to, and announce it; a version that is there already is not
        written twice."""
        path, manifest = publish(policy, self._manifest(policy, result), self.home, graded)
        assert self.about is not None
        outcome = Outcome(
            policy=manifest.ref,
            path=str(path),
            data=self.about.kept_line(),
            heads=policy.config.codec.heads,
            result=result,
            report_card=None if graded is None else msgspec.to_builtins(graded[0]),
        )
        write_whole(self.run.outcome_file, msgspec.json.format(msgspec.json.encode(outcome), indent=1))
        self.port.send(
            Published(
                version=manifest.version,
                name=manifest.name,
                path=str(path),
                learner_generation=self.imitation_now.generation,
                update=result.steps,
                frames=result.frames,
            )
        )


def _figures(score: Score) -> Figures:
    return Figures(
        nll=score.nll,
        nll_changed=score.nll_changed,
        accuracy=score.accuracy,
        accuracy_changed=score.accuracy_changed,
    )


def _of_epoch(report: EpochReport) -> EpochFigures:
    return EpochFigures(
        epoch=report.epoch,
        train_nll=report.train_nll,
        held_out=_figures(report.held_out),
        best=report.best,
        seconds=report.seconds,
    )


def _learning(turn: Progress, *, first: bool = False) -> Learning:
    return Learning(
        epoch=turn.epoch,
        epochs=turn.epochs,
        frames=turn.frames,
        target_frames=turn.total_frames,
        nll=turn.nll,
        loss=turn.loss,
        frames_per_s=turn.frames_per_second,
        eta_s=turn.eta_s,
        learning_rate=turn.learning_rate,
        waited=turn.waited,
        first=first,
    )
