"""Which special states does the embedded game foretell a frame ahead, and where does it go wrong?

Walks along real replays as ``exphil-rt sim fidelity`` does, and prints for every fighter's special states how many
frames were foretold exactly, the most missed first, each with the first misses: what was recorded and what the game
made of it. Figures of specials are corrected by it. Usage: bench_specials.py REPLAY.slp [REPLAY.slp ...]
"""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.ids import character_name
from exphil_rt.replays import read_replay
from exphil_rt.sim.fidelity.recording import Recording
from exphil_rt.sim.fidelity.track import Tracker

SHOWN_MISSES = 3
FIELDS = ("state", "state_age", "position_x", "position_y", "self_x_air", "self_y", "percent", "facing")
MINE = ("state", "age", "x", "y", "vx", "vy", "percent", "facing")


class Watcher(Tracker):
    """A tracker that counts special frames by fighter, state and the state after."""

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self.frames: dict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0])
        self.misses: dict[tuple[int, int, int], list[str]] = defaultdict(list)

    def _compare(self, row: int, slots: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        good, foretold = super()._compare(row, slots)
        body, mine = self.recording.body, self.lane.players[slots]
        before, now = body["state"][row - 1, slots], body["state"][row, slots]
        special = (before >= st.FIRST_SPECIAL) | (now >= st.FIRST_SPECIAL)
        for n, port in zip(*np.nonzero(special), strict=True):
            game = slots[n]
            key = (int(body["character"][row, game, port]), int(before[n, port]), int(now[n, port]))
            count = self.frames[key]
            count[0] += 1
            count[1] += bool(good[n, port])
            if not good[n, port] and len(self.misses[key]) < SHOWN_MISSES:
                real = " ".join(f"{float(body[name][row, game, port]):.3f}" for name in FIELDS)
                made = " ".join(f"{float(mine[n, port][name]):.3f}" for name in MINE)
                self.misses[key].append(f"      recorded {real}\n      made     {made}")
        return good, foretold


def main() -> None:
    """Measure and print."""
    if len(sys.argv) < 2:
        raise SystemExit("Name replays: bench_specials.py REPLAY.slp [REPLAY.slp ...]")
    watcher = Watcher(Recording.of([read_replay(path, rollback="last").frames for path in sys.argv[1:]]))
    watcher.walk(np.zeros((0, 2), np.int32))
    total = sum(count for count, _ in watcher.frames.values())
    exact = sum(count for _, count in watcher.frames.values())
    print(f"{exact} of {total} special frames foretold exactly ({exact / max(total, 1):.3f})")
    print(f"columns: {' '.join(FIELDS)}")
    for (who, before, now), (count, right) in sorted(watcher.frames.items(), key=lambda item: item[1][1] - item[1][0]):
        if count > right:
            print(f"  {character_name(who)} {before} -> {now}: {right} of {count}")
            print("\n".join(watcher.misses[who, before, now]))


if __name__ == "__main__":
    main()
