"""The rollout worker's process: a RolloutLoop over the embedded game, or over consoles, served by messages.

What runs in here is plain and blocking; the actor in front of it (``game_runner``) is elsewhere. One thread, no side
threads: the heartbeat is sent by the loop that does the work.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load

from exphil_rt.actor import ChildPort, map_slots
from exphil_rt.dolphin.lane import ConsoleLane
from exphil_rt.dolphin.link import accept_end
from exphil_rt.errors import ExphilError
from exphil_rt.inference import Engine
from exphil_rt.messages.rollout import (
    CURRENT,
    AssignGame,
    FreeSlot,
    FromRollout,
    LoadPolicy,
    PauseGames,
    PolicyLoaded,
    ResumeGames,
    RolloutArgs,
    SetCurrent,
    SlotFilled,
    SwapPolicy,
    SwapTold,
    ToRollout,
    UnloadPolicy,
    VoidGames,
    WorkerReady,
)
from exphil_rt.policy.bundle import load_bundle
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.inputs import Inputs
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout import snapshot
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.rollout.table import refused
from exphil_rt.sim import EmbeddedLane, warmup

_IDLE_S: Final = 0.05
"""Longest wait for a message while nothing can step."""
_STATS_S: Final = 1.0


class WeightsInvalid(ExphilError):
    """A weights file that does not fit the policy."""


def main(port: ChildPort) -> None:
    """Serve until the shutdown message."""
    args = port.args(RolloutArgs)
    torch.set_num_threads(1)
    if args.deterministic:
        torch.use_deterministic_algorithms(True)
    compile_s = 0.0
    if not args.consoles:
        port.heartbeat("compiling the game")
        compile_s = warmup(lambda name, done, total: port.heartbeat(f"compiling {name} ({done} of {total})"))
    port.heartbeat("loading the policy")
    policy, _ = load_bundle(args.policy)
    if args.weights:
        read_weights(policy, args.weights)
    slots = args.games + args.rated + int(args.exhibition)
    consoles = ConsoleLane(slots, policy.config.codec, args.consoles) if args.consoles else None
    lane = consoles or EmbeddedLane(slots)
    loop = RolloutLoop(
        lane,
        Engine(2 * slots, args.device, frozen=args.frozen_engine),
        policy,
        games=args.games,
        rated=args.rated,
        exhibition=args.exhibition,
        steps=args.steps if args.pool_slots else 0,
        seed=args.seed,
        update=args.update,
        deterministic=args.deterministic,
        records=consoles is None,
        exhibition_hz=args.exhibition_hz,
        sample_hz=args.sample_hz,
    )
    pool = map_slots(port.fds[0], args.pool_slots, args.pool_slot_bytes) if args.pool_slots else []
    worker = Worker(port, loop, policy, pool, lockstep=args.deterministic)
    if consoles is not None:
        worker.consoles = consoles, socket.socket(fileno=port.fds[bool(args.pool_slots)])
    port.ready()
    port.send(
        WorkerReady(
            physics=lane.physics, slots=slots, delay=policy.config.delay, update=args.update, compile_s=compile_s
        )
    )
    try:
        if args.restore:
            worker.restore_from = Path(args.restore)
        worker.run()
    finally:
        lane.close()


class Worker:
    """Between the port and the loop.

    Args:
        port: to the daemon.
        loop: what steps.
        policy: the network that plays ``current``.
        pool: the experience slots.
        lockstep: after each filled slot, wait for SetCurrent.
    """

    def __init__(
        self, port: ChildPort, loop: RolloutLoop, policy: Policy, pool: list[memoryview], *, lockstep: bool
    ) -> None:
        self.port = port
        self.loop = loop
        self.policy = policy
        self.pool = pool
        self.lockstep = lockstep
        self.restore_from: Path | None = None
        self.consoles: tuple[ConsoleLane, socket.socket] | None = None
        """The lane, where consoles play, and the door through which they come."""
        self._next: SetCurrent | None = None
        self._unloading: set[str] = set()
        self._loaded: dict[str, LoadPolicy] = {}
        self._next_stats = time.monotonic() + _STATS_S

    def run(self) -> None:
        """Serve until the shutdown message."""
        loop, port = self.loop, self.port
        while not port.stopping:
            while (message := port.receive(ToRollout, 0.0)) is not None:
                self.handle(message)
            if self.restore_from is not None:  # its games come back with the first slot; it must not ask for others
                port.heartbeat("restoring")
                if (message := port.receive(ToRollout, _IDLE_S)) is not None:
                    self.handle(message)
                continue
            self._between_frames()
            stepped = loop.tick()
            self._send_events()
            port.heartbeat("paused" if loop.paused else "playing")
            if not stepped and not port.stopping:
                begin = time.perf_counter()
                message = port.receive(ToRollout, self._may_wait())
                loop.waited(time.perf_counter() - begin)
                if message is not None:
                    self.handle(message)

    def handle(self, message: ToRollout) -> None:
        """Carry out one message; what cannot be done is answered, never raised."""
        loop = self.loop
        match message:
            case AssignGame():
                try:
                    loop.table.assign(message.slot, message.game)
                except ExphilError as error:
                    self.port.send(refused(message.slot, message.game, str(error)))
            case VoidGames():
                loop.table.void(message.slots, "dropped by the daemon")
            case LoadPolicy():
                self.port.send(self._load(message))
            case UnloadPolicy():
                self._unloading.add(message.key)
            case SetCurrent():
                self._next = message
            case SwapPolicy():
                self._swap(message)
            case FreeSlot():
                self._free(message)
            case PauseGames():
                loop.paused = True
            case ResumeGames():
                loop.paused = False

    def _may_wait(self) -> float:
        """Seconds that a message may be waited for, as nothing can step."""
        if self.consoles is not None and self.consoles[0].waits:
            return 0.0
        return min(_IDLE_S, self.loop.until_exhibition())

    def _between_frames(self) -> None:
        loop = self.loop
        if self.consoles is not None and (came := accept_end(self.consoles[1])) is not None:
            self.consoles[0].attach(*came)
        if self._next is not None and (loop.collector is None or loop.collector.at_boundary):
            self._set_current(self._next)
            self._next = None
        for key in [key for key in self._unloading if not loop.table.uses(key)]:
            self._unloading.discard(key)
            self._loaded.pop(key, None)
            loop.seats.unload(key)

    def _send_events(self) -> None:
        events = self.loop.events
        while events:
            event: FromRollout = events.popleft()
            self.port.send(event)
            if self.lockstep and isinstance(event, SlotFilled):
                self.loop.held = True
        now = time.monotonic()
        if now >= self._next_stats:
            self._next_stats = now + _STATS_S
            self.port.send(self.loop.stats())

    def _free(self, message: FreeSlot) -> None:
        collector = self.loop.collector
        if collector is None or not 0 <= message.slot < len(self.pool):
            return
        collector.give(message.slot, message.generation, self.pool[message.slot])
        if self.restore_from is not None:
            for policy in snapshot.policies_of(self.restore_from):
                self.port.send(self._load(policy))
            snapshot.restore(self.loop, self.restore_from)
            self.restore_from = None

    def _set_current(self, message: SetCurrent) -> None:
        begin = time.perf_counter()
        try:
            read_weights(self.policy, message.weights)
        except WeightsInvalid as error:
            self.port.send(PolicyLoaded(key=CURRENT, ok=False, version=self.loop.update, error=str(error)))
        else:
            self.loop.set_current(message.update)
            took = (time.perf_counter() - begin) * 1e3
            self.port.send(PolicyLoaded(key=CURRENT, ok=True, version=message.update, warm_ms=took))
        if message.save_to:
            snapshot.save(self.loop, Path(message.save_to), tuple(self._loaded.values()))
        self.loop.held = False

    def _swap(self, message: SwapPolicy) -> None:
        begin = time.perf_counter()
        try:
            policy, manifest = load_bundle(message.path)
            took = (time.perf_counter() - begin) * 1e3
            self.loop.swap(message, policy, manifest.temperature, took)
        except ExphilError as error:
            self.port.send(
                SwapTold(
                    id=message.id,
                    stage="refused",
                    slot=message.slot,
                    port=message.port,
                    key=message.key,
                    reason=str(error),
                )
            )

    def _load(self, message: LoadPolicy) -> PolicyLoaded:
        begin = time.perf_counter()
        try:
            policy, manifest = load_bundle(message.path)
            warm_up(policy)
            self.loop.seats.load(message.key, policy, message.version, manifest.temperature)
        except ExphilError as error:
            return PolicyLoaded(key=message.key, ok=False, version=message.version, error=str(error))
        self._unloading.discard(message.key)
        self._loaded[message.key] = message
        took = (time.perf_counter() - begin) * 1e3
        return PolicyLoaded(key=message.key, ok=True, version=message.version, warm_ms=took)


def read_weights(policy: Policy, path: str | Path) -> None:
    """Put the weights of a safetensors file into ``policy``, all or none.

    Raises:
        WeightsInvalid: where the file is missing, damaged, of another architecture, or not finite.
    """
    try:
        tensors = load(Path(path).read_bytes())
    except (OSError, SafetensorError) as error:
        raise WeightsInvalid(f"The weights {path} cannot be read: {error}.") from None
    own = policy.state_dict()
    if {name: t.shape for name, t in own.items()} != {name: t.shape for name, t in tensors.items()}:
        raise WeightsInvalid(f"The weights {path} are of another architecture.")
    if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
        raise WeightsInvalid(f"The weights {path} are not finite.")
    policy.load_state_dict(tensors)


def warm_up(policy: Policy, rows: int = 2) -> None:
    """Run one step on empty frames, so that the first real one is not slower than the rest."""
    config = policy.config
    inputs = Inputs(
        np.zeros((rows, config.schema.num_floats), np.float32),
        np.zeros((rows, config.schema.num_ids), np.int64),
        np.tile(config.codec.neutral(), (rows, config.dmax, 1)),
        np.zeros((rows, config.dmax), np.uint8),
        np.full(rows, config.delay, np.uint8),
        np.tile(config.codec.neutral(), (rows, 1)),
    )
    policy.act(to_tensors(inputs), policy.init_state(rows), torch.full((rows, config.codec.num_logits), 0.5))
