"""How strong the scripted opponents are: a round robin of cpu1 to cpu9, ports swapped, with 95 % intervals.

    python benchmarks/bench_cpu.py [--games 200] [--levels 1,5,9] [--characters fox,marth] [--json]

Prints the score of every level against every other, and for neighbours the score with Wilson's interval. Games are
played in turn on the fighters and stages given, four stocks, at most three minutes (then more stocks,
then lower percent).
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exphil_rt.game import ids
from exphil_rt.game.frames import Controllers
from exphil_rt.game.lane import GameSetup
from exphil_rt.league.elo import elo_difference
from exphil_rt.sim import STAGES, EmbeddedLane
from exphil_rt.sim.cpu import LEVELS, CpuPlayers

SLOTS = 256


@dataclass
class Tally:
    """Games of one level against another, from the first one's side."""

    wins: int = 0
    draws: int = 0
    losses: int = 0

    @property
    def score(self) -> float:
        return (self.wins + 0.5 * self.draws) / max(self.wins + self.draws + self.losses, 1)

    def interval(self) -> tuple[float, float]:
        """95 % interval of the score (Wilson)."""
        difference = elo_difference(self.wins, self.draws, self.losses)
        return tuple(1 / (1 + 10 ** (-points / 400)) for points in (difference.low, difference.high))


def play(
    pairs: Sequence[tuple[int, int]],
    games: int,
    characters: Sequence[int],
    stages: Sequence[int],
    seed: int = 1,
    stocks: int = 4,
    max_frames: int = 10_800,
) -> tuple[dict[tuple[int, int], Tally], int, int]:
    """Play ``games`` games of every pair of levels; (tallies by pair, frames, games ended by stocks)."""
    schedule = []
    for pair, number in itertools.product(pairs, range(games)):
        mine, other = (
            characters[number // 2 % len(characters)],
            characters[number // 2 // len(characters) % len(characters)],
        )
        swapped = number % 2
        schedule.append((pair, swapped, (other, mine) if swapped else (mine, other), stages[number // 2 % len(stages)]))
    tallies = {pair: Tally() for pair in pairs}
    slots = min(SLOTS, len(schedule))
    lane = EmbeddedLane(slots)
    players = CpuPlayers(2 * slots, seed)
    levels = np.ones((slots, 2), np.int64)
    playing = [None] * slots
    game_id = np.zeros(slots, np.int64)
    todo = iter(enumerate(schedule))
    frames = by_stocks = 0

    def begin(slot: int) -> None:
        found = next(todo, None)
        if found is None:
            return
        number, (pair, swapped, fighters, stage) = found
        playing[slot], game_id[slot] = (pair, swapped), number
        levels[slot] = (pair[1], pair[0]) if swapped else pair
        setup = GameSetup(
            game_id=number, stage=stage, characters=fighters, seed=seed, stocks=stocks, max_frames=max_frames
        )
        lane.start(slot, setup)

    for slot in range(slots):
        begin(slot)
    pads = Controllers.allocate((slots, 2))
    while len(ready := lane.ready()):
        now = lane.frames(ready)
        due = now.frame + 1
        for port in (0, 1):
            held = players.act(now, port, levels[ready, port], rows=2 * ready + port, game=game_id[ready])
            pads.assign((ready, port), held)
        lane.commit(ready, pads[ready], due)
        for end in lane.ended():
            pair, swapped = playing[end.slot]
            tally = tallies[pair]
            if end.winner is None:
                tally.draws += 1
            elif end.winner == swapped:
                tally.wins += 1
            else:
                tally.losses += 1
            frames += end.frames
            by_stocks += end.reason == "stocks"
            begin(end.slot)
    lane.close()
    return tallies, frames, by_stocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", type=int, default=200, help="games of each pair (even)")
    parser.add_argument("--levels", default=",".join(map(str, LEVELS)))
    parser.add_argument("--characters", default="fox,marth,mewtwo,falcon,sheik,peach")
    parser.add_argument("--neighbours", action="store_true", help="only neighbours and those two apart")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    levels = [int(level) for level in options.levels.split(",")]
    pairs = [
        (high, low)
        for low, high in itertools.combinations(sorted(levels), 2)
        if not options.neighbours or high - low <= 2
    ]
    characters = [int(ids.character(name)) for name in options.characters.split(",")]
    started = time.perf_counter()
    tallies, frames, by_stocks = play(pairs, options.games, characters, STAGES)
    seconds = time.perf_counter() - started
    if options.json:
        rows = [{"high": h, "low": w, "score": t.score, "interval": t.interval()} for (h, w), t in tallies.items()]
        json.dump({"games": options.games, "pairs": rows}, sys.stdout)
        return
    print(f"{platform.machine()} {platform.processor()} python {platform.python_version()} numpy {np.__version__}")
    print(f"{options.games} games a pair, fighters {options.characters}, {len(STAGES)} stages")
    ended = by_stocks / (options.games * len(pairs))
    print(f"{frames:,} frames in {seconds:.0f} s, {ended:.0%} of the games ended by stocks")
    print("\nscore of the row against the column")
    print("      " + " ".join(f" cpu{level}" for level in levels))
    for row in levels:
        cells = []
        for column in levels:
            tally = tallies.get((max(row, column), min(row, column)))
            score = None if tally is None else tally.score if row > column else 1 - tally.score
            cells.append(" .   " if score is None else f"{score:.3f}")
        print(f"cpu{row}  " + " ".join(cells))
    print("\nlevel against those below, score with its 95 % interval")
    for (high, low), tally in sorted(tallies.items()):
        if high - low <= 2:
            a, b = tally.interval()
            verdict = "above" if a > 0.5 else "not settled" if b > 0.5 else "BELOW"
            print(f"cpu{high} - cpu{low}: {tally.score:.3f}  [{a:.3f}, {b:.3f}]  {verdict}")


if __name__ == "__main__":
    main()
