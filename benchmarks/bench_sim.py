"""How many game frames a second does the embedded game run on one core, with and without writing observations?

Random inputs that change every five frames; processor seconds of the calling thread, median of the repeats.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from importlib import metadata

import numpy as np

from exphil_rt.game.frames import Controllers
from exphil_rt.game.ids import PLAYABLE, Stage
from exphil_rt.game.lane import GameSetup
from exphil_rt.sim import EmbeddedLane, warmup

REPEATS = 5
FRAMES = 60_000  # game frames a repeat
BUTTONS = np.array([0, 0, 0, 0x100, 0x400, 0x40, 0x10], np.uint16)
STICK = np.array([-1.0, -0.5, 0.0, 0.0, 0.5, 1.0], np.float32)


def start(lane: EmbeddedLane, slot: int, rng: np.random.Generator) -> None:
    """Start a game of two random fighters."""
    pair = rng.choice([int(c) for c in PLAYABLE], 2)
    stage = Stage.BATTLEFIELD if slot % 2 else Stage.FINAL_DESTINATION
    lane.start(
        slot,
        GameSetup(game_id=slot, stage=stage, characters=(int(pair[0]), int(pair[1])), stocks=99, timer_frames=10**8),
    )


def pads_of(rng: np.random.Generator, games: int) -> Controllers:
    """Random inputs ``[games, 2]``."""
    pads = Controllers.allocate((games, 2))
    pads.buttons[:] = rng.choice(BUTTONS, (games, 2))
    pads.joystick_x[:] = rng.choice(STICK, (games, 2))
    pads.joystick_y[:] = rng.choice(STICK, (games, 2))
    return pads


def rate(games: int, way: str) -> float:
    """Game frames a processor second, median."""
    rng = np.random.default_rng(0)
    lane = EmbeddedLane(games)
    for slot in range(games):
        start(lane, slot, rng)
    slots = np.arange(games, dtype=np.int32)
    for _ in range(130):
        lane.commit(slots, Controllers.allocate((games, 2)), lane.frames(slots).frame + 1)
    rates = []
    for _ in range(REPEATS):
        spent, steps = 0.0, max(FRAMES // games, 20)
        for step in range(steps):
            if step % 5 == 0:
                pads = pads_of(rng, games)
                lane.players["stocks"] = 99  # so that no game ends within a measurement
            due = lane.frames(slots).frame + 1 if way == "commit" else None
            if due is None:
                lane.pads.assign(slice(None), pads)
            begun = time.thread_time()
            if due is not None:
                lane.commit(slots, pads, due)
            else:
                lane.step(slots, 1, watch=way == "observed")
            spent += time.thread_time() - begun
        rates.append(steps * games / spent)
    return statistics.median(rates)


def main() -> None:
    """Print machine facts and a table."""
    print(f"{platform.machine()} {os.cpu_count()} CPUs, Python {platform.python_version()}, "
          f"numba {metadata.version('numba')}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"warm-up {warmup():.1f} s (compiles when the cache is empty)")
    print(f"{'games':>6} {'step only':>12} {'+ frames':>12} {'commit()':>12}   game frames/s per core")
    for games in (1, 16, 64, 1024):
        rates = [rate(games, way) for way in ("bare", "observed", "commit")]
        print(f"{games:>6} " + " ".join(f"{value:>12,.0f}" for value in rates))


if __name__ == "__main__":
    main()
