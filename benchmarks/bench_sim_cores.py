"""Does a second core help as much as it can, how long does compiling take, and are the bits the same?

    python benchmarks/bench_sim_cores.py [--compile]

Two cores: the game's frames/s with two threads over one, beside what two plain processes that only count gain over
one in the same minute; interleaved, median of 5 (the goal is 0.9 of it). Bits: 64 games with one thread, with two, in
batches of 16, and again. ``--compile`` also compiles into an empty cache (in a process of its own), then reads it back.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata

import numpy as np

from exphil_rt.game.frames import Controllers
from exphil_rt.game.ids import PLAYABLE
from exphil_rt.game.lane import GameSetup
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.random_play import random_actions
from exphil_rt.sim import STAGES, EmbeddedLane

GAMES = 1024
ROUNDS = 5
SECONDS = 2.0
SPIN = f"""
import time
end, n = time.perf_counter() + {SECONDS}, 0
while time.perf_counter() < end:
    for _ in range(20000):
        n += 1
print(n)
"""
WARM = "from exphil_rt.sim import warmup; print(warmup())"


def started(games: int, threads: int, first: int = 0) -> EmbeddedLane:
    lane = EmbeddedLane(games, threads)
    for slot in range(games):
        number = first + slot
        fighters = int(PLAYABLE[number % 26]), int(PLAYABLE[number * 7 % 26])
        stage = STAGES[number % len(STAGES)]
        lane.start(slot, GameSetup(game_id=number, stage=stage, characters=fighters, stocks=99, timer_frames=10**8))
    return lane


def pads_at(frame: int, games: int, first: int = 0) -> Controllers:
    rng = np.random.default_rng(frame // 5)
    noise = rng.random((2 * (first + games), 13), np.float32)[2 * first :]
    return ActionCodec().decode(random_actions(noise).reshape(games, 2, 13))


def frames_per_s(lane: EmbeddedLane, slots: np.ndarray) -> float:
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < SECONDS:
        lane.step(slots, 4, watch=True)
        done += 4 * GAMES
    return done / (time.perf_counter() - begun)


def spins(count: int) -> float:
    """Counts of ``count`` processes together, a second."""
    running = [subprocess.Popen([sys.executable, "-c", SPIN], stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return sum(float(process.communicate(timeout=60)[0]) for process in running) / SECONDS


def two_cores() -> None:
    slots = np.arange(GAMES, dtype=np.int32)
    one, two = started(GAMES, 1), started(GAMES, 2)
    for lane in (one, two):
        for frame in range(200):
            lane.commit(slots, pads_at(frame, GAMES), lane.frames(slots).frame + 1)
    gains, ceilings, singles = [], [], []
    for _ in range(ROUNDS):
        single = frames_per_s(one, slots)
        gains.append(frames_per_s(two, slots) / single)
        ceilings.append(spins(2) / spins(1))
        singles.append(single)
    gain, ceiling = statistics.median(gains), statistics.median(ceilings)
    print(f"one thread {statistics.median(singles):,.0f} frames/s at {GAMES} games, frames written")
    print(f"two threads gain {gain:.2f}, two plain processes {ceiling:.2f}: {gain / ceiling:.2f} of it (goal 0.9)")


def digest(games: int, threads: int, first: int = 0, frames: int = 500) -> list[str]:
    lane, slots = started(games, threads, first), np.arange(games, dtype=np.int32)
    for frame in range(frames):
        lane.commit(slots, pads_at(frame, games, first), lane.frames(slots).frame + 1)
    found = [hashlib.blake2b(lane.save(slot).tobytes()).hexdigest() for slot in range(games)]
    lane.close()
    return found


def bits() -> None:
    whole = digest(64, 1)
    parts = [one for first in range(0, 64, 16) for one in digest(16, 1, first)]
    for what, other in (("again", digest(64, 1)), ("two threads", digest(64, 2)), ("batches of 16", parts)):
        print(f"64 games, 500 frames, {what}: {'equal' if other == whole else 'DIFFERENT'} bits")


def compiling() -> None:
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"EXPHIL_RT_HOME": home}
        for what in ("cold", "cached"):
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", WARM], env=env, capture_output=True, text=True, timeout=900, check=True
            )
            whole = time.perf_counter() - begun
            print(f"warm-up {what}: {float(done.stdout):.1f} s, its process {whole:.1f} s")


def main() -> None:
    """Print machine facts and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true", help="also compile into an empty cache (minutes)")
    options = parser.parse_args()
    print(f"{platform.machine()} {os.cpu_count()} CPUs, Python {platform.python_version()}, "
          f"numba {metadata.version('numba')}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    bits()
    two_cores()
    if options.compile:
        compiling()


if __name__ == "__main__":
    main()
