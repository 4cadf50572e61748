"""The compiled game with its tables, loaded once a process, and the warm-up that compiles it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import Controllers, Frames
from exphil_rt.game.ids import PLAYABLE
from exphil_rt.sim import jit, observe, step, tables
from exphil_rt.sim.state import JIT

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Kernel:
    """Entry points of the compiled game."""

    tables: NDArray[Any]
    stage_rows: dict[int, int]
    characters: frozenset[int]
    begin: Callable[..., None]
    show: Callable[..., None]
    step_slots: Callable[..., int]

    def frame_places(self, num_slots: int) -> NDArray[Any]:
        """Where the columns of Frames ``[num_slots]`` lie."""
        return observe.place_record(Frames, observe.FRAME_COLUMNS, (num_slots,))

    def pad_places(self, num_slots: int) -> NDArray[Any]:
        """Where the columns of Controllers ``[num_slots, 2]`` lie."""
        return observe.place_record(Controllers, observe.PAD_COLUMNS, (num_slots, 2))


@cache
def load() -> Kernel:
    """The kernel of this process; functions are compiled (or read from the cache) at their first call."""
    folder = jit.cache_folder() if JIT else None
    return Kernel(
        tables=tables.load(folder),
        stage_rows=tables.stage_rows(),
        characters=frozenset(int(c) for c in PLAYABLE),
        begin=step.begin,
        show=step.show,
        step_slots=step.step_slots,
    )


def warmup(progress: Progress | None = None) -> float:
    """Compile the whole game, or read it from the cache.

    Args:
        progress: called as ``(what, done, total)`` before each part and once at the end.

    Returns:
        Seconds that it took.
    """
    from exphil_rt.game.lane import GameSetup
    from exphil_rt.sim.lane import EmbeddedLane

    tell = progress or (lambda what, done, total: None)
    started = time.perf_counter()
    parts = ("tables", "start of a game", "frames of a game")
    tell(parts[0], 0, len(parts))
    load()
    tell(parts[1], 1, len(parts))
    lane = EmbeddedLane(1)
    lane.start(0, GameSetup(game_id=0, stage=32, characters=(1, 1)))
    tell(parts[2], 2, len(parts))
    slots = np.zeros(1, np.int32)
    lane.commit(slots, Controllers.allocate((1, 2)), np.array([-122], np.int32))
    lane.close()
    if JIT:
        jit.prune()
    tell("done", len(parts), len(parts))
    return time.perf_counter() - started
