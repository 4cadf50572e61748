"""The compiled game with its tables, loaded once a process, and the warm-up that compiles it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import Controllers
from exphil_rt.game.ids import PLAYABLE
from exphil_rt.sim import anim, collide, grab, hits, interrupts, jit, ko, observe, physics, step, tables
from exphil_rt.sim.specials import registry
from exphil_rt.sim.state import GAME, JIT, PLAYER
from exphil_rt.sim.tables import STAGE

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
    share_slots: Callable[..., bool]
    special: Any  # pointer to registry.special_phase

    def frame_places(self, num_slots: int) -> NDArray[Any]:
        """Where the columns of Frames ``[num_slots]`` lie, for players and for followers."""
        return observe.frame_places((num_slots,))

    def pad_places(self, num_slots: int) -> NDArray[Any]:
        """Where the columns of Controllers ``[num_slots, 2]`` lie."""
        return observe.place_record(Controllers, observe.PAD_COLUMNS, (num_slots, 2))


@cache
def load() -> Kernel:
    """The kernel of this process; functions are compiled (or read from the cache) at their first call."""
    folder = jit.cache_folder() if JIT else None
    made = tables.load(folder)
    return Kernel(
        tables=made,
        stage_rows=tables.stage_rows(),
        characters=frozenset(int(c) for c in PLAYABLE),
        begin=step.begin,
        show=step.show,
        step_slots=step.step_slots,
        share_slots=step.share_slots,
        special=_special(made) if JIT else registry.special_phase,
    )


def _special(made: NDArray[Any]) -> Any:
    """``registry.special_phase`` compiled on its own, as a pointer that compiled code can call."""
    numba: Any = importlib.import_module("numba")
    pl, game, t = numba.from_dtype(PLAYER), numba.from_dtype(GAME), numba.from_dtype(made.dtype)
    signature = numba.int64(numba.int64, pl, pl, t, game, numba.int64)
    return numba.cfunc(signature, nopython=True, cache=True)(registry.special_phase)


def warmup(progress: Progress | None = None) -> float:
    """Compile the whole game, or read it from the cache.

    Args:
        progress: called as ``(what, done, total)`` before each part and once at the end.

    Returns:
        Seconds that it took.
    """
    from exphil_rt.game.lane import GameSetup
    from exphil_rt.sim.cpu import CpuPlayers
    from exphil_rt.sim.lane import EmbeddedLane

    tell = progress or (lambda what, done, total: None)
    started = time.perf_counter()
    parts = _parts() if JIT else []
    total = len(parts) + 3
    tell("tables", 0, total)
    load()
    for done, (what, function, signature) in enumerate(parts, 1):
        tell(what, done, total)
        function.compile(signature)
    tell("frames", total - 2, total)
    lane = EmbeddedLane(1)
    lane.start(0, GameSetup(game_id=0, stage=32, characters=(1, 1)))
    slots = np.zeros(1, np.int32)
    lane.commit(slots, Controllers.allocate((1, 2)), np.array([-122], np.int32))
    tell("opponents", total - 1, total)
    CpuPlayers(1).act(lane.frames(slots), port=0, level=1)
    lane.close()
    if JIT:
        jit.prune()
    tell("done", total, total)
    return time.perf_counter() - started


def _parts() -> list[tuple[str, Any, tuple[Any, ...]]]:
    """The phases by name, with the types that the frame calls them with, so that a warm-up can show where it is."""
    numba: Any = importlib.import_module("numba")
    pl, game = numba.from_dtype(PLAYER), numba.from_dtype(GAME)
    t = numba.from_dtype(load().tables.dtype)
    stage = numba.from_dtype(STAGE)
    number = numba.int64
    return [
        ("animation", anim.animate, (pl, t)),
        ("interrupts", interrupts.interrupt, (pl, t)),
        ("physics", physics.move, (pl, t)),
        ("collisions", collide.collide, (pl, number, t, stage, game)),
        ("grabs", grab.resolve, (pl, pl, pl, pl, number, t, game)),
        ("hits", hits.hits, (pl, pl, pl, pl, number, t, game)),
        ("life", ko.life, (pl, t, game, stage, number)),
    ]
