"""Where does a frame of the embedded game go? Each phase alone, over the same 1024 games in mid-play.

Games between scripted and random players are stepped to the middle of their action; then each phase runs over copies
of their states, median of the repeats. A phase alone is cheaper than in its place (its neighbours leave the cache to
it), so the shares are told beside the whole frame, and what is between them is the rest: specials, items, pads, stage,
shields.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from exphil_rt.game.frames import Controllers
from exphil_rt.game.ids import PLAYABLE
from exphil_rt.game.lane import GameSetup
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.random_play import random_actions
from exphil_rt.sim import STAGES, EmbeddedLane, kernel
from exphil_rt.sim.anim import animate
from exphil_rt.sim.collide import collide
from exphil_rt.sim.cpu import CpuPlayers
from exphil_rt.sim.grab import resolve
from exphil_rt.sim.hits import hits
from exphil_rt.sim.interrupts import interrupt
from exphil_rt.sim.jit import njit
from exphil_rt.sim.ko import life
from exphil_rt.sim.physics import move
from exphil_rt.sim.step import ledge_of

GAMES = 1024
WARM_FRAMES = 600
REPEATS = 15


@njit
def _animate(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        animate(fighters[0, i, 0], tables[0])
        animate(fighters[0, i, 1], tables[0])


@njit
def _interrupt(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        interrupt(fighters[0, i, 0], tables[0])
        interrupt(fighters[0, i, 1], tables[0])


@njit
def _move(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        move(fighters[0, i, 0], tables[0])
        move(fighters[0, i, 1], tables[0])


@njit
def _collide(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        t = tables[0]
        for n in range(2):
            collide(fighters[0, i, n], ledge_of(fighters[0, i, 1 - n]), t, t.stages[games[i].stage], games[i])


@njit
def _grabs(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        resolve(fighters[0, i, 0], fighters[0, i, 1], fighters[1, i, 0], fighters[1, i, 1], 2, tables[0], games[i])


@njit
def _hits(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        hits(fighters[0, i, 0], fighters[0, i, 1], fighters[1, i, 0], fighters[1, i, 1], 2, tables[0], games[i])


@njit
def _life(games: Any, fighters: Any, tables: Any) -> None:
    for i in range(len(games)):
        t = tables[0]
        life(fighters[0, i, 0], t, games[i], t.stages[games[i].stage], 0)
        life(fighters[0, i, 1], t, games[i], t.stages[games[i].stage], 1)


PHASES = (
    ("animation", _animate), ("interrupts", _interrupt), ("physics", _move), ("collisions", _collide),
    ("grabs", _grabs), ("hits", _hits), ("life", _life),
)  # fmt: skip


def in_mid_play() -> EmbeddedLane:
    """Games of all fighters on all stages, played for a while."""
    lane, rng, codec = EmbeddedLane(GAMES), np.random.default_rng(0), ActionCodec()
    slots = np.arange(GAMES, dtype=np.int32)
    for slot in slots.tolist():
        fighters = int(PLAYABLE[slot % 26]), int(PLAYABLE[slot // 26 % 26])
        lane.start(slot, GameSetup(game_id=slot, stage=STAGES[slot % len(STAGES)], characters=fighters, stocks=99))
    cpu = CpuPlayers(GAMES)
    for _ in range(WARM_FRAMES):
        pads = codec.decode(random_actions(rng.random((2 * GAMES, 13), np.float32)).reshape(GAMES, 2, 13))
        pads.assign((slice(None), 0), cpu.act(lane.frames(slots), 0, 6, game=slots))
        lane.commit(slots, pads, lane.frames(slots).frame + 1)
    return lane


def nanoseconds(run: Callable[[], object], reset: Callable[[], None]) -> float:
    """Processor nanoseconds of one run a game, median."""
    reset()
    run()
    spent = []
    for _ in range(REPEATS):
        reset()
        begun = time.thread_time_ns()
        run()
        spent.append((time.thread_time_ns() - begun) / GAMES)
    return statistics.median(spent)


def main() -> None:
    """Print machine facts and a table."""
    print(f"{platform.machine()} {os.cpu_count()} CPUs, Python {platform.python_version()}, "
          f"numba {metadata.version('numba')}, load {os.getloadavg()[0]:.1f}")  # fmt: skip
    lane = in_mid_play()
    tables = kernel.load().tables
    games, players = lane.games.copy(), lane.players.copy()
    slots = np.arange(GAMES, dtype=np.int32)

    def reset() -> None:
        lane.games[:], lane.players[:] = games, players

    whole = nanoseconds(lambda: lane.step(slots, 1, watch=False), reset)
    shown = nanoseconds(lambda: lane.step(slots, 1, watch=True), reset)
    cpu, pads = CpuPlayers(GAMES), Controllers.allocate((GAMES, 2))
    frames = lane.frames(slots)
    scripted = nanoseconds(lambda: cpu.act(frames, 0, 6, game=slots), reset)
    commit = nanoseconds(lambda: lane.commit(slots, pads, lane.games["frame"] + 1), reset)
    print(f"{GAMES} games, nanoseconds of one core a game frame")
    total = 0.0
    for name, phase in PHASES:
        cost = nanoseconds(lambda phase=phase: phase(lane.games, lane.fighters, tables), reset)
        total += cost
        print(f"  {name:<12} {cost:>8.0f}  {cost / whole:>5.0%}")
    print(f"  {'the rest':<12} {whole - total:>8.0f}  {(whole - total) / whole:>5.0%}")
    print(f"  {'step':<12} {whole:>8.0f}  = {1e9 / whole:,.0f} frames/s")
    print(f"  {'+ frames':<12} {shown:>8.0f}  = {1e9 / shown:,.0f} frames/s")
    print(f"  {'commit()':<12} {commit:>8.0f}  = {1e9 / commit:,.0f} frames/s")
    print(f"  {'a scripted player':<17} {scripted:>3.0f}")


if __name__ == "__main__":
    main()
