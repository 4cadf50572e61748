"""How long does a policy take: a step of play by batch size, and scoring given actions for training?

    python benchmarks/bench_policy.py [--seconds 1.0] [--path] [--backbones gru mamba]

One thread. A step is the engine's whole work for one tick (inputs given): gather states, embed, backbone, heads,
sample, scatter. Around it stand what a rollout adds: encoding, noise, delay queue. ``--path`` measures only the path of
one decision, from a frame to controllers, phase by phase: wall clock, and beside it the thread's processor time, which
other processes disturb less (they still take their part of the caches).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.inference import Engine
from exphil_rt.inference.export import quantise, to_onnx
from exphil_rt.inference.onnx_player import OnnxPlayer
from exphil_rt.inference.torch_player import TorchPlayer
from exphil_rt.policy.backbones import BACKBONES
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.config import PolicyConfig, new_config
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.policy.embed import InputTensors, to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import Inputs, build_inputs
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
from exphil_rt.policy.policy import Policy

NOISE_SIZE = ActionCodec().num_logits

CONFIGS = {
    "mlp 2x128": PolicyConfig(backbone="mlp", hidden=128, layers=2),
    "gru 1x128": PolicyConfig(hidden=128, layers=1),
    "gru 2x128": PolicyConfig(hidden=128, layers=2),
    "gru 2x256": PolicyConfig(hidden=256, layers=2),
    "gru 2x256 D18": PolicyConfig(hidden=256, layers=2, delay=18, dmax=18),
}
BATCHES = (1, 32, 64)
LEARN = (32, 64)  # sequences, steps


def measure(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median and 99th percentile of a call, in seconds."""
    for _ in range(3):
        work()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken) < 5:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken), float(np.quantile(taken, 0.99))


def make_frames(lead: tuple[int, ...]) -> Frames:
    rng = np.random.default_rng(0)
    frames = Frames.allocate(lead)
    frames.frame[...] = FIRST_FRAME
    frames.players.exists[...] = 1
    frames.players.state[...] = rng.integers(0, 390, (*lead, 2))
    frames.players.position_x[...] = rng.normal(0, 50, (*lead, 2))
    return frames


def make_inputs(config: PolicyConfig, lead: tuple[int, ...]) -> Inputs:
    committed = np.zeros((*lead, config.dmax, 13), np.uint8)
    mask = np.ones((*lead, config.dmax), np.uint8)
    frames = make_frames(lead)
    return build_inputs(Encoder(config.schema), config.codec, frames, 0, committed, mask, config.delay)


def steps(seconds: float) -> None:
    print("\nengine step, microseconds: median / p99 (per row)")
    for name, config in CONFIGS.items():
        cells = []
        for rows in BATCHES:
            engine = Engine(rows)
            engine.load("a", Policy(config))
            every = np.arange(rows)
            engine.assign(every, "a")
            inputs = make_inputs(config, (rows,))
            noise = keyed_uniform(0, ACTION_DOMAIN, every, 0, 0, NOISE_SIZE)
            median, late = measure(lambda e=engine, r=every, i=inputs, n=noise: e.step(r, i, n), seconds)
            cells.append(f"B{rows} {median * 1e6:.0f} / {late * 1e6:.0f} ({median * 1e6 / rows:.1f})")
        print(f"  {name:14s}", "   ".join(cells))


def several(seconds: float) -> None:
    """A tick of self-play: the current policy on half of the rows, frozen versions on the others."""
    print("\none tick of 64 rows, microseconds: median / p99")
    config, every = CONFIGS["gru 1x128"], np.arange(64)
    inputs = make_inputs(config, (64,))
    noise = keyed_uniform(0, ACTION_DOMAIN, every, 0, 0, NOISE_SIZE)
    for label, kind, frozen, versions in (
        ("torch, one policy", "torch", "torch", 0),
        ("onnx, one policy", "onnx", "onnx", 0),
        ("torch, 4 frozen beside it", "torch", "torch", 4),
        ("torch, 4 frozen on onnx", "torch", "onnx", 4),
        ("onnx, 4 frozen beside it", "onnx", "onnx", 4),
    ):
        engine = Engine(64, kind=kind, frozen=frozen)
        engine.load("current", Policy(config))
        engine.assign(every, "current")
        for number in range(versions):
            engine.load(str(number), Policy(config), frozen=True)
            engine.assign(every[32 + number :: 4][: 32 // versions], str(number))
        median, late = measure(lambda e=engine: e.step(every, inputs, noise), seconds)
        print(f"  {label:26s} {median * 1e6:6.0f} / {late * 1e6:.0f}")


def around(seconds: float) -> None:
    print("\naround the step, microseconds: median")
    config = CONFIGS["gru 2x128"]
    encoder = Encoder(config.schema)
    for games in (1, 16, 32):
        rows = np.arange(2 * games)
        frames = make_frames((games,))
        queue = DelayQueue(2 * games)
        nothing = np.zeros((games, 2, 0, 13), np.uint8)
        actions = np.tile(config.codec.neutral(), (2 * games, 1))

        def turn(r: np.ndarray = rows, q: DelayQueue = queue, a: np.ndarray = actions) -> None:
            q.committed(r, FIRST_FRAME)
            q.push(r, FIRST_FRAME + 1, a)
            q.pop(r, FIRST_FRAME + 1)

        parts = {
            "inputs of both sides": lambda f=frames, n=nothing: build_inputs(
                encoder, config.codec, f, None, n, n[..., 0], 0
            ),
            "noise": lambda r=rows: keyed_uniform(0, ACTION_DOMAIN, r // 2, FIRST_FRAME, r % 2, NOISE_SIZE),
            "delay queue": turn,
            "decode": lambda a=actions: config.codec.decode(a),
        }
        shown = ", ".join(f"{name} {measure(work, seconds / 2)[0] * 1e6:.0f}" for name, work in parts.items())
        print(f"  {games:2d} games: {shown}")


def path(seconds: float, backbones: list[str]) -> None:
    """From a frame to controllers: encode, draw noise, decide (torch, ONNX, ONNX with 8-bit weights), decode."""
    for name in backbones:
        config = new_config(name, hidden=256, layers=max(2, BACKBONES[name].layers))
        policy, encoder = Policy(config).eval(), Encoder(config.schema)
        model = to_onnx(policy)
        print(f"\n{name} {config.layers}x256, frame to controllers, microseconds: p50 / p99 (processor time p50 / p99)")
        for rows in (1, 64):
            frames, every = make_frames((rows,)), np.arange(rows)
            nothing = np.zeros((rows, 0, config.codec.num_heads), np.uint8)

            players = {
                "torch": TorchPlayer(policy, 1.0, rows, torch.device("cpu")),
                "onnx": OnnxPlayer(policy, 1.0, rows, model),
            }
            if rows == 1:
                players["onnx 8 bit"] = OnnxPlayer(policy, 1.0, rows, quantise(model))
            for label, player in players.items():
                phases = {"encode": [], "noise": [], "decide": [], "decode": [], "all": []}
                spent = {phase: [] for phase in phases}
                end = time.perf_counter() + seconds
                while time.perf_counter() < end or len(phases["all"]) < 300:
                    stamps = [(time.perf_counter(), time.thread_time())]
                    inputs = build_inputs(encoder, config.codec, frames, 0, nothing, nothing[..., 0], 0)
                    stamps.append((time.perf_counter(), time.thread_time()))
                    noise = keyed_uniform(0, ACTION_DOMAIN, every, FIRST_FRAME, 0, config.codec.num_logits)
                    stamps.append((time.perf_counter(), time.thread_time()))
                    actions, _, _ = player.decide(every, inputs, noise)
                    stamps.append((time.perf_counter(), time.thread_time()))
                    config.codec.decode(actions)
                    stamps.append((time.perf_counter(), time.thread_time()))
                    for number, phase in enumerate(("encode", "noise", "decide", "decode")):
                        phases[phase].append(stamps[number + 1][0] - stamps[number][0])
                        spent[phase].append(stamps[number + 1][1] - stamps[number][1])
                    phases["all"].append(stamps[-1][0] - stamps[0][0])
                    spent["all"].append(stamps[-1][1] - stamps[0][1])
                cells = []
                for phase in phases:
                    wall = [v * 1e6 for v in np.quantile(phases[phase][20:], (0.5, 0.99))]
                    own = [v * 1e6 for v in np.quantile(spent[phase][20:], (0.5, 0.99))]
                    cells.append(f"{phase} {wall[0]:.0f} / {wall[1]:.0f} ({own[0]:.0f} / {own[1]:.0f})")
                game = np.median(spent["all"][20:]) / rows * 1e6
                print(f"  {rows:2d} games, {label:10s} {'  '.join(cells)}  = {game:.1f} of processor time a game")


def learning(seconds: float) -> None:
    batch, length = LEARN
    print(f"\ntraining on [{batch}, {length}], frames a second: forward and backward (forward)")
    for name, config in CONFIGS.items():
        policy = Policy(config)
        inputs = to_tensors(make_inputs(config, LEARN))
        reset = torch.zeros(LEARN)
        reset[3, 10] = 1
        action = torch.randint(0, 2, (*LEARN, 13), dtype=torch.uint8)

        def forward(
            p: Policy = policy, i: InputTensors = inputs, r: torch.Tensor = reset, a: torch.Tensor = action
        ) -> torch.Tensor:
            hidden, value, _ = p(i, p.init_state(LEARN[0]), r)
            logp, entropy, _ = p.heads.log_prob(hidden, i.previous, a)
            return logp.mean() + value.mean() + entropy.mean()

        with torch.no_grad():
            alone, _ = measure(forward, seconds)
        both, _ = measure(lambda f=forward: f().backward(), seconds)
        frames = batch * length
        print(
            f"  {name:14s} {frames / both:8.0f} ({frames / alone:.0f})   {policy.parameter_count / 1e3:.0f} k weights"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on each figure")
    parser.add_argument("--path", action="store_true", help="only the path of a decision, phase by phase")
    parser.add_argument("--backbones", nargs="*", default=["gru", "mamba"], help="of the path")
    options = parser.parse_args()
    seconds = options.seconds
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, torch {torch.__version__}, one thread")
    path(seconds, options.backbones)
    if options.path:
        return
    steps(seconds)
    several(seconds)
    around(seconds)
    learning(seconds)


if __name__ == "__main__":
    main()
