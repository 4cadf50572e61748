"""How many game frames a second does self-play learn from, where does the time go, and what do the actors cost?

    python benchmarks/bench_selfplay.py --seconds 20

Three ways: one plain loop that plays and learns in turn on one core; the same two halves side by side on two cores
(a thread of plain Python holds the interpreter, so the second half is a forked process over shared memory); and the
daemon with all its actors, at the same work. The last two take turns, and their medians are compared.

--frozen 0.5 has half of the games against a version that no longer learns, as in a league, and --frozen-engine says
what runs it, ONNX Runtime as in self-play or torch; without it every game is the policy's against itself.
"""

from __future__ import annotations

import argparse
import itertools
import mmap
import os
import platform
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import PIPE, STDOUT

import numpy as np
import torch

from exphil_rt.control.sync import connect
from exphil_rt.errors import ExphilError
from exphil_rt.game import ids
from exphil_rt.inference import Engine
from exphil_rt.messages.learner import LearnerConfig
from exphil_rt.messages.rollout import GameSpec, PlayerSpec, SlotFilled
from exphil_rt.messages.telemetry import RunStatus
from exphil_rt.policy import PolicyConfig
from exphil_rt.rollout.experience import RolloutShape, open_sealed
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.sim import EmbeddedLane, warmup
from exphil_rt.store.home import Home
from exphil_rt.training.fresh import fresh_policy
from exphil_rt.training.learner import Learner

FIGHTERS = ("mewtwo", "game_and_watch", "link", "ganondorf", "zelda", "fox", "marth")
ITSELF = PlayerSpec(policy="current", learn=True)
FROZEN = PlayerSpec(policy="frozen")
SLOTS = 3


def supply(seed: int, frozen: float):  # noqa: ANN201
    """Training games between drawn fighters on both stages, a share of them against the frozen version."""
    numbers, draw = itertools.count(), np.random.default_rng(seed)

    def next_game(slot: int) -> GameSpec:
        one, two = (int(ids.character(name)) for name in draw.choice(FIGHTERS, 2))
        stage = int(ids.stage(draw.choice(("final_destination", "battlefield"))))
        other = FROZEN if frozen and draw.random() < frozen else ITSELF
        return GameSpec(
            game_id=next(numbers), kind="training", stage=stage, characters=(one, two), players=(ITSELF, other),
            seed=seed, max_frames=3600,
        )  # fmt: skip

    return next_game


def make_loop(args: argparse.Namespace) -> RolloutLoop:
    """A loop of the wanted size."""
    policy = fresh_policy(PolicyConfig(backbone=args.backbone, hidden=args.hidden), 1)
    loop = RolloutLoop(
        EmbeddedLane(args.games), Engine(2 * args.games, frozen=args.frozen_engine), policy,
        games=args.games, steps=args.steps, seed=1, supply=supply(1, args.frozen), sample_hz=0.0,
    )  # fmt: skip
    if args.frozen:
        loop.seats.load("frozen", policy)
    return loop


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


def side_by_side(args: argparse.Namespace) -> float:
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
    return frames / wall


def with_actors(args: argparse.Namespace) -> float:
    """The daemon at the same work: current against itself, no rated game, no exhibition."""
    home = Path(tempfile.mkdtemp(prefix="exphil-bench-"))
    cache = Home.find().cache
    if cache.is_dir():
        (home / "cache").symlink_to(cache)
    usual = os.environ.get("EXPHIL_RT_HOME")
    os.environ["EXPHIL_RT_HOME"] = str(home)
    settings = {
        "policy.backbone": args.backbone, "policy.hidden": args.hidden, "rollout.length": args.steps,
        "rollout.rated_games": 0, "rollout.exhibition": "false", "rollout.frozen_engine": args.frozen_engine,
        "league.current": 1.0 - args.frozen, "league.historical": args.frozen, "league.uniform": 0.0,
        "run.games": args.games, "run.timesteps": 0, "train.publish_every_frames": 10**9,
    }  # fmt: skip
    flags = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "exphil_rt.cli.app"]
    client = subprocess.Popen(
        [*command, "self-play", "--headless", "--run", "bench", *flags], stdout=PIPE, stderr=STDOUT, text=True
    )
    try:
        until = time.monotonic() + 300
        while not (found := running("bench")) or found.frames < 2 * args.games * args.steps:
            if client.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"The daemon did not begin to learn: {client.communicate()[0][-2000:]}")
            time.sleep(0.2)
        begin = time.perf_counter()
        time.sleep(args.seconds)
        after = running("bench")
        assert after is not None
        rate = (after.frames - found.frames) / (time.perf_counter() - begin)
    finally:
        subprocess.run([*command, "daemon", "stop", "--run", "bench"], capture_output=True, check=False, timeout=120)
        client.wait(60)
        os.environ.pop("EXPHIL_RT_HOME")
        if usual is not None:
            os.environ["EXPHIL_RT_HOME"] = usual
        shutil.rmtree(home, ignore_errors=True)
    shares = {name: getattr(after.shares, name) for name in ("game", "inference", "learning", "waiting")}
    print(f"daemon, all actors    {rate:8,.0f} game frames/s   of both processes: {said(shares)}")
    return rate


def running(run: str) -> RunStatus | None:
    """The run's status, None while it has none."""
    try:
        with connect(run) as daemon:
            return daemon.status()
    except ExphilError:
        return None


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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--games", type=int, default=16)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--backbone", default="gru")
    parser.add_argument("--frozen", type=float, default=0.0, help="share of the games against a frozen version")
    parser.add_argument("--frozen-engine", choices=("onnx", "torch"), default="onnx", help="what runs that one")
    args = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}")
    print(
        f"torch {torch.__version__}; {args.games} games, {args.steps} steps, {args.backbone} {args.hidden}"
        + (f", {args.frozen:.0%} against a frozen version on {args.frozen_engine}" if args.frozen else "")
    )
    warmup()
    in_turn(args)
    rates = [(side_by_side(args), with_actors(args)) for _ in range(args.rounds)]
    plain, actors = (statistics.median(column) for column in zip(*rates, strict=True))
    print(f"medians of {args.rounds}: {plain:,.0f} without actors, {actors:,.0f} with: {actors / plain - 1:+.1%}")


if __name__ == "__main__":
    main()
