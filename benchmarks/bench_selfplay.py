"""How many game frames a second does self-play learn from, and where does the time go, without any actor?

    python benchmarks/bench_selfplay.py --seconds 20

Two ways: one plain loop that plays and learns in turn on one core, and the same two halves side by side on two cores
(a thread of plain Python holds the interpreter, so the second half is a forked process over shared memory): what the
actors have to come close to.
"""

from __future__ import annotations

import argparse
import itertools
import mmap
import os
import platform
import statistics
import struct
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np
import torch

from exphil_rt.game import ids
from exphil_rt.inference import Engine
from exphil_rt.messages.learner import LearnerConfig
from exphil_rt.messages.rollout import GameSpec, PlayerSpec, SlotFilled
from exphil_rt.policy import PolicyConfig
from exphil_rt.rollout.experience import RolloutShape, open_sealed
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.sim import EmbeddedLane, warmup
from exphil_rt.training.fresh import fresh_policy
from exphil_rt.training.learner import Learner

FIGHTERS = ("mewtwo", "game_and_watch", "link", "ganondorf", "zelda", "fox", "marth")
ITSELF = PlayerSpec(policy="current", learn=True)
SLOTS = 3


def supply(seed: int):  # noqa: ANN201
    """Training games between drawn fighters on both stages."""
    numbers, draw = itertools.count(), np.random.default_rng(seed)

    def next_game(slot: int) -> GameSpec:
        one, two = (int(ids.character(name)) for name in draw.choice(FIGHTERS, 2))
        stage = int(ids.stage(draw.choice(("final_destination", "battlefield"))))
        return GameSpec(
            game_id=next(numbers), kind="training", stage=stage, characters=(one, two), players=(ITSELF, ITSELF),
            seed=seed, max_frames=3600,
        )  # fmt: skip

    return next_game


def make_loop(args: argparse.Namespace) -> RolloutLoop:
    """A loop of the wanted size."""
    policy = fresh_policy(PolicyConfig(backbone=args.backbone, hidden=args.hidden), 1)
    return RolloutLoop(
        EmbeddedLane(args.games), Engine(2 * args.games), policy,
        games=args.games, steps=args.steps, seed=1, supply=supply(1), sample_hz=0.0,
    )  # fmt: skip


def in_turn(args: argparse.Namespace) -> None:
    """Play a rollout, learn from it, again."""
    loop = make_loop(args)
    learner = Learner(LearnerConfig(), loop.seats.policy)
    learner.learn(loop.collect())
    before, frames, learning = loop.stats(), learner.frames, []
    end = time.perf_counter() + args.seconds
    while time.perf_counter() < end:
        rollout = loop.collect()
        begin = time.perf_counter()
        learner.learn(rollout)
        learning.append(time.perf_counter() - begin)
        loop.set_current(learner.update)
        loop.events.clear()
    after = loop.stats()
    wall = after.wall_s - before.wall_s
    shares = {
        "game": (after.game_s - before.game_s) / wall,
        "inference": (after.inference_s - before.inference_s) / wall,
        "learning": sum(learning) / wall,
    }
    print(f"in turn, one core     {(learner.frames - frames) / wall:8,.0f} game frames/s   {said(shares)}")
    print(f"                      an update takes {statistics.median(learning) * 1e3:.0f} ms (median)")


def side_by_side(args: argparse.Namespace) -> None:
    """Play here, learn in another process, over shared slots; at most one rollout of lead each."""
    loop = make_loop(args)
    shape = loop.shape
    names = [name for name, _ in loop.seats.policy.named_parameters()]
    sizes = [p.numel() for p in loop.seats.policy.parameters()]
    memory = mmap.mmap(-1, SLOTS * shape.nbytes)
    shared = mmap.mmap(-1, 4 * sum(sizes))
    whole = memoryview(memory)
    buffers = [whole[n * shape.nbytes : (n + 1) * shape.nbytes] for n in range(SLOTS)]
    mine, theirs = get_context("fork").Pipe()
    child = get_context("fork").Process(target=learn_there, args=(theirs, buffers, shape, shared, args), daemon=True)
    child.start()
    for slot, buffer in enumerate(buffers):
        loop.collector.give(slot, 0, buffer)
    weights = np.frombuffer(shared, np.float32)
    outstanding, waited, frames, learned_s, before = 0, 0.0, 0, 0.0, loop.stats()
    start = time.perf_counter()
    while time.perf_counter() - start < args.seconds:
        stepped = loop.tick()
        while loop.events:
            event = loop.events.popleft()
            if isinstance(event, SlotFilled):
                mine.send_bytes(struct.pack("<q", event.slot))
                outstanding += 1
        if not stepped or mine.poll(0):
            begin = time.perf_counter()
            slot, update, took, count = struct.unpack("<qqdq", mine.recv_bytes())
            waited += time.perf_counter() - begin if not stepped else 0.0
            outstanding -= 1
            learned_s += took
            frames += count
            place = 0
            state = dict(loop.seats.policy.named_parameters())
            for name, size in zip(names, sizes, strict=True):
                state[name].data.copy_(torch.from_numpy(weights[place : place + size].copy()).view_as(state[name]))
                place += size
            loop.set_current(update)
            loop.collector.give(slot, 0, buffers[slot])
    wall = time.perf_counter() - start
    mine.send_bytes(struct.pack("<q", -1))
    child.join(60)
    after = loop.stats()
    shares = {
        "game": (after.game_s - before.game_s) / wall,
        "inference": (after.inference_s - before.inference_s) / wall,
        "waiting": waited / wall,
        "learning (other core)": learned_s / wall,
    }
    print(f"side by side, 2 cores {frames / wall:8,.0f} game frames/s   {said(shares)}")


def learn_there(
    port: Connection, buffers: list[memoryview], shape: RolloutShape, shared: mmap.mmap, args: argparse.Namespace
) -> None:
    """The other process: take slots, learn, leave weights."""
    torch.set_num_threads(1)
    learner = Learner(LearnerConfig(), fresh_policy(PolicyConfig(backbone=args.backbone, hidden=args.hidden), 1))
    weights = np.frombuffer(shared, np.float32)
    while (slot := struct.unpack("<q", port.recv_bytes())[0]) >= 0:
        begin, before = time.perf_counter(), learner.frames
        learner.learn(open_sealed(buffers[slot], shape, 0))
        np.concatenate([p.detach().numpy().ravel() for p in learner.policy.parameters()], out=weights)
        took = time.perf_counter() - begin
        port.send_bytes(struct.pack("<qqdq", slot, learner.update, took, learner.frames - before))


def said(shares: dict[str, float]) -> str:
    """Shares in percent, and the rest."""
    inside = sum(share for name, share in shares.items() if "other" not in name)
    parts = [f"{name} {share:.0%}" for name, share in shares.items()]
    return ", ".join([*parts, f"rest {max(0.0, 1 - inside):.0%}"])


def main() -> None:
    """Print the machine and the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--games", type=int, default=16)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--backbone", default="gru")
    args = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}")
    print(f"torch {torch.__version__}; {args.games} games, {args.steps} steps, {args.backbone} {args.hidden}")
    warmup()
    in_turn(args)
    side_by_side(args)


if __name__ == "__main__":
    main()
