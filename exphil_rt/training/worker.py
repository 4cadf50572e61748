"""The learner's process: a Learner served by messages, its weights, generations and bundles on disk.

What runs in here is plain and blocking; the actor in front of it (``trainer``) is elsewhere. A file is whole, under
its name, before the message that names it is sent.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save

from exphil_rt.actor import ChildPort, map_slots
from exphil_rt.errors import ExphilError
from exphil_rt.messages.learner import (
    Learn,
    Learned,
    LearnerArgs,
    LearnerReady,
    LearnerTrouble,
    LearnMetrics,
    Published,
    PublishNow,
    Reverted,
    Saved,
    SaveNow,
    ToLearner,
)
from exphil_rt.policy.bundle import load_bundle, save_bundle
from exphil_rt.policy.manifest import Manifest, Training
from exphil_rt.rollout.experience import RolloutInvalid, RolloutShape, open_sealed
from exphil_rt.training import generations
from exphil_rt.training.generations import LearnerStateInvalid
from exphil_rt.training.learner import Learner

_WAIT_S: Final = 0.5
"""Longest wait for a message."""
_LIVE_KEPT: Final = 4
"""Live weights files that stay readable."""


def main(port: ChildPort) -> None:
    """Serve until the shutdown message."""
    args = port.args(LearnerArgs)
    torch.set_num_threads(1)
    port.heartbeat("loading the policy")
    policy, manifest = load_bundle(args.policy)
    teacher = load_bundle(args.policy)[0] if args.config.teacher_kl else None
    learner = Learner(args.config, policy, device=args.device, teacher=teacher)
    size = sum(part.shape[1] for part in policy.init_state(1))
    shape = RolloutShape(args.steps, args.games, policy.config.dmax, size)
    pool = map_slots(port.fds[0], args.pool_slots, args.pool_slot_bytes) if args.pool_slots else []
    worker = Worker(port, args, learner, manifest, shape, pool)
    generation = worker.restore()
    weights = worker.write_live()
    port.ready()
    port.send(
        LearnerReady(
            update=learner.update,
            frames=learner.frames,
            next_version=worker.next_version,
            generation=generation,
            weights=str(weights),
        )
    )
    worker.run()


class Worker:
    """Between the port and the learner.

    Args:
        port: to the daemon.
        args: where things lie and how often they are written.
        learner: what learns.
        manifest: of the bundle it started from.
        shape: of the rollouts.
        pool: the experience slots.
    """

    def __init__(
        self,
        port: ChildPort,
        args: LearnerArgs,
        learner: Learner,
        manifest: Manifest,
        shape: RolloutShape,
        pool: list[memoryview],
    ) -> None:
        self.port = port
        self.args = args
        self.learner = learner
        self.next_version = args.next_version
        self._manifest = manifest
        self._shape = shape
        self._pool = pool
        self._folder = Path(args.folder)
        self._live = self._folder / "live"
        self._written: deque[Path] = deque()
        self._last_save = time.monotonic()
        self._saved_update = -1
        self._metrics = LearnMetrics()
        self._trouble: LearnerTrouble | None = None

    def run(self) -> None:
        """Serve until the shutdown message; then write a last generation."""
        if self._trouble is not None:
            self.port.send(self._trouble)
        waiting = time.perf_counter()
        while not self.port.stopping:
            message = self.port.receive(ToLearner, _WAIT_S)
            self.port.heartbeat("waiting")
            match message:
                case Learn():
                    self._learn(message, time.perf_counter() - waiting)
                    waiting = time.perf_counter()
                case SaveNow():
                    self._answer(self._save())
                case PublishNow():
                    self._answer(self._publish())
                case None:
                    pass
        if self.learner.update != self._saved_update:
            self._save()

    def restore(self) -> int:
        """Go on from the generation that the arguments name; its number, 0 where there is none."""
        learner, choice = self.learner, self.args.restore
        if choice == "none" or (choice == "latest" and not generations.numbers(self._folder)):
            return 0
        try:
            path = learner.restore(self._folder if choice == "latest" else choice)
        except LearnerStateInvalid as error:
            if choice != "latest":
                raise
            self._trouble = LearnerTrouble(what="restore", text=f"{error} Learning starts from the bundle again.")
            return 0
        self._saved_update = learner.update
        return int(path.name.removeprefix("gen-"))

    def write_live(self) -> Path:
        """Write the weights for the rollout workers: whole, but not fsynced (they are worthless after a crash)."""
        self._live.mkdir(parents=True, exist_ok=True)
        if not self._written:
            for stale in self._live.iterdir():
                stale.unlink(missing_ok=True)
        path = self._live / f"weights-{self.learner.update:09d}.safetensors"
        staging = path.with_suffix(f".{os.getpid()}.tmp")
        staging.write_bytes(save(self.learner.weights()))
        staging.rename(path)
        if path not in self._written:
            self._written.append(path)
        while len(self._written) > _LIVE_KEPT:
            self._written.popleft().unlink(missing_ok=True)
        return path

    def _learn(self, message: Learn, waited: float) -> None:
        learner, send = self.learner, self.port.send
        self.port.heartbeat("learning")
        begin, before = time.perf_counter(), learner.frames
        metrics = self._learn_from(message)
        every = self.args.publish_every
        publish = every > 0 and before // every != learner.frames // every
        saved = self._publish() if publish else self._save() if self._save_due() else 0
        try:
            self.write_live()
        except OSError as error:
            send(LearnerTrouble(what="save", text=f"The new weights cannot be written: {error.strerror}."))
        send(
            Learned(
                slot=message.slot,
                generation=message.generation,
                update=learner.update,
                frames=learner.frames,
                weights=str(self._written[-1]),
                metrics=metrics,
                wait_s=waited,
                learn_s=time.perf_counter() - begin,
                saved=saved,
            )
        )

    def _learn_from(self, message: Learn) -> LearnMetrics:
        """Learn from a slot; what goes wrong with it is sent, and counted in the metrics."""
        learner, send = self.learner, self.port.send
        try:
            if not 0 <= message.slot < len(self._pool):
                raise RolloutInvalid(f"There is no experience slot {message.slot}.")
            rollout = open_sealed(self._pool[message.slot], self._shape, message.generation)
        except RolloutInvalid as error:
            send(Reverted(reason="slot", text=str(error), update=learner.update))
            return LearnMetrics(faults=(str(error),))
        self._metrics = metrics = learner.learn(rollout)
        if metrics.reverted:
            send(Reverted(reason=metrics.reverted, text=metrics.faults[-1], update=learner.update))
        for fault in metrics.faults:
            if fault.startswith("Reward term"):
                send(LearnerTrouble(what="reward", text=fault))
        return metrics

    def _save_due(self) -> bool:
        every = self.args.save_every_updates
        if every:
            return self.learner.update % every == 0
        return time.monotonic() - self._last_save >= self.args.save_every_s

    def _save(self) -> int:
        """Write a generation; its number, 0 where that failed (learning goes on)."""
        learner = self.learner
        self._last_save = time.monotonic()
        try:
            path = learner.save(self._folder)
        except OSError as error:
            self.port.send(
                LearnerTrouble(what="save", text=f"The learner's state cannot be written: {error.strerror}.")
            )
            return 0
        self._saved_update = learner.update
        number = int(path.name.removeprefix("gen-"))
        self.port.send(Saved(generation=number, path=str(path), update=learner.update, frames=learner.frames))
        return number

    def _answer(self, generation: int) -> None:
        """Say that what was asked for is done; last, so that whoever waits knows that a bundle was announced, too."""
        learner = self.learner
        self.port.send(Saved(generation=generation, path="", update=learner.update, frames=learner.frames, asked=True))

    def _publish(self) -> int:
        """Write a generation and then a bundle, and announce them; the generation, 0 where one of them failed."""
        args, learner, metrics = self.args, self.learner, self._metrics
        saved = self._save()
        folder = Path(args.policies)
        while (folder / f"{args.name}@v{self.next_version}").exists() and not args.config.deterministic:
            self.next_version += 1
        version = self.next_version
        path = folder / f"{args.name}@v{version}"
        old = self._manifest.training
        manifest = Manifest(
            name=args.name,
            version=version,
            config=learner.policy.config,
            characters=self._manifest.characters,
            temperature=self._manifest.temperature,
            parent=self._manifest.ref,
            run=args.run,
            training=Training(
                method="ppo",
                data=old.data,
                steps=old.steps + learner.update,
                frames=old.frames + learner.frames,
                seed=args.config.seed,
            ),
            metrics={"entropy": metrics.entropy, "explained_variance": metrics.explained_variance, "kl": metrics.kl},
            physics=args.physics,
        )
        try:
            if not path.exists():  # a deterministic run that goes on comes by versions that it published before
                save_bundle(path, learner.policy, manifest)
        except (ExphilError, OSError) as error:
            self.port.send(LearnerTrouble(what="publish", text=f"The policy cannot be published: {error}"))
            return saved
        self.next_version = version + 1
        self.port.send(
            Published(
                version=version,
                name=args.name,
                path=str(path),
                learner_generation=saved,
                update=learner.update,
                frames=learner.frames,
            )
        )
        return saved
