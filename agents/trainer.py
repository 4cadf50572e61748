"""Trainer: the proxy of the learner process. Slots go in, weights, versions and figures come out.

What is learned and how stands in ``exphil_rt.training``; who owns the slots in ``experience``.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from agents.context import SelfPlayContext
from agents.notes import note
from exphil_rt.actor import ProcessChild, handle_cast
from exphil_rt.messages.experience import CurrentWeights, SlotLearned, TrainerUp
from exphil_rt.messages.league import SaveLeague, VersionPublished
from exphil_rt.messages.learner import (
    FromLearner,
    Learn,
    Learned,
    LearnerArgs,
    LearnerConfig,
    LearnerReady,
    LearnerTrouble,
    Published,
    PublishNow,
    Reverted,
    Saved,
    SaveNow,
    ToLearner,
)
from exphil_rt.messages.run import Progress, SayAgain, Settled, WriteFailed

WRITES: Final = ("publish", "save")
SAVE_EVERY_UPDATES: Final = 10
"""Updates between two generations of a deterministic run, which cannot go by the clock."""


class TrainerState(msgspec.Struct, kw_only=True):
    """Where learning stands."""

    update: int = 0
    frames: int = 0
    version: int = 0
    generation: int = 0
    reverts: int = 0
    weights: CurrentWeights | None = None
    """The newest ones; None until the learner is ready."""
    learning: dict[int, Learn] = {}
    """Slots that the process has still to learn from."""
    troubles: set[tuple[str, str]] = set()
    """(what, text) of those that were told; a full disk would tell one every update."""


class Trainer(ProcessChild[TrainerState]):
    """The learner's proxy."""

    target = "exphil_rt.training.worker:main"
    receives = FromLearner
    sends = ToLearner
    init_timeout = 300.0
    nice: ClassVar[int] = 10
    heartbeat_s: ClassVar[float] = 120.0
    """The learner beats between two updates, and one may take long on a loaded machine."""

    async def init(self, args: SelfPlayContext) -> TrainerState:
        """Start the process; it restores the newest good generation by itself."""
        self.context = args
        config, train = args.config, args.config.train
        with args.run.reader() as database:
            versions = [row.version for row in database.policies() if row.name == args.policy_name]
        newest = max(versions, default=1)
        if args.deterministic:
            newest = args.going_on.league.versions if args.going_on is not None else 1
        self.ready_s = config.daemon.start_deadline_s
        await self.start_process(
            LearnerArgs(
                config=LearnerConfig(
                    learning_rate=train.learning_rate,
                    gamma=train.gamma,
                    gae_lambda=train.gae_lambda,
                    clip=train.clip,
                    epochs=train.epochs,
                    minibatches=train.minibatches,
                    entropy=train.entropy,
                    value=train.value,
                    teacher_kl=train.teacher_kl if config.policy.start else 0.0,
                    grad_norm=train.grad_norm,
                    target_kl=train.target_kl,
                    kl_limit=train.kl_limit,
                    reward=train.reward,
                    reward_weights=train.reward_weights,
                    seed=config.run.seed,
                    deterministic=config.run.deterministic,
                ),
                policy=args.first_version,
                folder=str(args.run.learner),
                policies=str(args.home.policies),
                name=args.policy_name,
                next_version=newest + 1,
                run=args.run_id,
                physics=args.physics,
                restore=self._where_from(args),
                publish_every=train.publish_every_frames,
                save_every_updates=SAVE_EVERY_UPDATES if args.deterministic else 0,
                device=train.device,
                pool_slots=args.pool.count,
                pool_slot_bytes=args.pool.size,
                games=args.games_per_runner,
                steps=config.rollout.length,
            ),
            fds=[args.pool.fd],
        )
        return TrainerState()

    @handle_cast
    async def to_learner(self, message: Learn | SaveNow | PublishNow) -> None:
        """Pass on what the learner is to do. Slots that come before it is ready come again, after TrainerUp."""
        if isinstance(message, Learn):
            if self.state.weights is None:
                return
            self.state.learning[message.slot] = message
        self.send_process(message)

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """One of those that depend on the learner was restarted."""
        if self.state.weights is None:
            return
        if message.to == "inference_worker":
            self.cast(message.to, self.state.weights)
        else:
            self.cast(message.to, TrainerUp(fresh=False, learning=tuple(self.state.learning.values())))

    @handle_cast
    async def on_ready(self, message: LearnerReady) -> None:
        """It stands where the newest generation left it."""
        self.state.update, self.state.frames = message.update, message.frames
        self.state.version, self.state.generation = message.next_version - 1, message.generation
        self.state.weights = CurrentWeights(update=message.update, weights=message.weights)
        self.cast("inference_worker", self.state.weights)
        self.cast("experience", TrainerUp())
        self.cast("run_manager", TrainerUp())
        if message.generation:
            note(
                self,
                "info",
                "learner_restored",
                f"The learner goes on from generation {message.generation} (update {message.update}, {message.frames:,}"
                " frames).",
            )

    @handle_cast
    async def on_learned(self, message: Learned) -> None:
        """One more update."""
        self.state.update, self.state.frames = message.update, message.frames
        self.state.learning.pop(message.slot, None)
        self.cast("experience", SlotLearned(slot=message.slot, generation=message.generation))
        self.state.weights = CurrentWeights(update=message.update, weights=message.weights, saved=message.saved)
        self._pass_on(self.state.weights)
        progress = Progress(
            update=message.update,
            frames=message.frames,
            metrics=message.metrics,
            wait_s=message.wait_s,
            learn_s=message.learn_s,
        )
        for name in ("telemetry", "run_manager", "matchmaker"):
            self.cast(name, progress)

    @staticmethod
    def _where_from(context: SelfPlayContext) -> str:
        """A deterministic run goes on where loop, league and learner were saved together, or begins again."""
        if context.going_on is not None:
            return str(context.going_on.folder)
        return "none" if context.deterministic else "latest"

    def _pass_on(self, weights: CurrentWeights) -> None:
        target = self.context.config.run.timesteps
        if not self.context.deterministic:
            self.cast("inference_worker", weights)
        elif target and self.state.frames >= target:
            return  # the games wait for weights that never come: the run ends exactly here
        elif weights.saved:
            self.cast("matchmaker", SaveLeague(weights=weights))
        else:
            self.cast("inference_worker", weights)

    @handle_cast
    async def on_published(self, message: Published) -> None:
        """A version lies whole on disk; it is shown once the store has its row."""
        self.state.version = message.version
        self.cast(
            "population_manager",
            VersionPublished(
                name=message.name,
                version=message.version,
                path=message.path,
                update=message.update,
                frames=message.frames,
                learner_generation=message.learner_generation,
            ),
        )

    @handle_cast
    async def on_saved(self, message: Saved) -> None:
        """A generation is whole on disk, or could not be written."""
        if message.generation:
            self.state.generation = message.generation
            self.state.troubles = {(what, text) for what, text in self.state.troubles if what not in WRITES}
        self.cast("run_manager", Settled(generation=message.generation, frames=message.frames, asked=message.asked))

    @handle_cast
    async def on_reverted(self, message: Reverted) -> None:
        """An update was undone."""
        self.state.reverts += 1
        note(self, "warn", "update_reverted", message.text)

    @handle_cast
    async def on_trouble(self, message: LearnerTrouble) -> None:
        """Something failed that does not end learning. Told once, until it works again."""
        if message.what in WRITES:
            self.cast("run_manager", WriteFailed(text=message.text))
        if (message.what, message.text) not in self.state.troubles:
            self.state.troubles.add((message.what, message.text))
            note(self, "error" if message.what in WRITES else "warn", "learner_trouble", message.text)
