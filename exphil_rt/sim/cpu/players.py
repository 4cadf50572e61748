"""CpuPlayers: the bot for any number of games at a time, frames in, controllers out."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import FIRST_FRAME, Button, Controllers, Frames
from exphil_rt.sim.cpu.levels import LEVELS, level_table
from exphil_rt.sim.cpu.memory import MEMORY, PAD, look
from exphil_rt.sim.state import records

_KEY: Final = np.dtype([("seed", np.int64), ("game", np.int64), ("port", np.int64)])
RADIUS: Final = 80
"""Raw units of full deflection."""
DEAD_ZONE: Final = 23
Z_TRIGGER: Final = 49 / 140
"""Z presses the trigger so far (Slippi's processed trigger)."""


class NoSuchLevel(ExphilError):
    """A level other than 1 to 9."""

    exit_code = 2


@cache
def _mind() -> tuple[Any, NDArray[Any], NDArray[Any]]:
    """The compiled decisions, what the bot knows, and its levels; once a process."""
    from exphil_rt.sim import kernel
    from exphil_rt.sim.cpu import brain
    from exphil_rt.sim.cpu.knowledge import knowledge

    loaded = kernel.load()
    return brain.think_rows, knowledge(loaded.tables, loaded.stage_rows), records(level_table())


class CpuPlayers:
    """Scripted players, a row each. Rows keep their place from call to call.

    Args:
        rows: how many rows are remembered.
        seed: key of the random draws.
    """

    def __init__(self, rows: int, seed: int = 0) -> None:
        self.seed = seed
        self._memory = records(np.zeros(rows, MEMORY))

    @property
    def rows(self) -> int:
        """How many rows are remembered."""
        return len(self._memory)

    def reset(self, rows: ArrayLike) -> None:
        """Forget what these rows remember; done by itself at frame -123."""
        self._memory[np.atleast_1d(np.asarray(rows, np.intp))] = np.zeros((), MEMORY)

    def export(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """What these rows remember, as bytes ``[R, B]``, to go on from bit for bit."""
        return self._memory[rows].view(np.ndarray).view(np.uint8).reshape(len(rows), -1).copy()

    def load_export(self, rows: NDArray[np.intp], exported: NDArray[np.uint8]) -> None:
        """Put an export back.

        Raises:
            ValueError: it is of another version.
        """
        if exported.shape != (len(rows), MEMORY.itemsize):
            raise ValueError(
                f"an export of scripted players has {exported.shape[1:]} bytes a row, not {MEMORY.itemsize}"
            )
        self._memory[rows] = np.ascontiguousarray(exported).view(MEMORY).reshape(len(rows))

    def act(
        self, frames: Frames, port: ArrayLike, level: ArrayLike, rows: ArrayLike | None = None, game: ArrayLike = 0
    ) -> Controllers:
        """The controllers for the next frame.

        To be called once for every frame of a row, in order.

        Args:
            frames: one frame of each row's game, leading shape ``[R]``.
            port: the player that the row plays, 0 or 1, one for all or ``[R]``.
            level: 1 to 9, one for all or ``[R]``.
            rows: the rows asked ``[R]``, distinct; all of them by default.
            game: id of each row's game (a key of the draws), one for all or ``[R]``.

        Returns:
            Controllers ``[R]`` that a real controller can give.

        Raises:
            NoSuchLevel: for a level out of 1..9.
        """
        think_rows, knowledge, levels = _mind()
        count = len(frames.frame)
        places = np.arange(count) if rows is None else np.atleast_1d(np.asarray(rows, np.intp))
        ports = np.broadcast_to(np.asarray(port, np.intp), (count,))
        strengths = np.broadcast_to(np.asarray(level, np.int64), (count,))
        if count and not (LEVELS[0] <= strengths.min() and strengths.max() <= LEVELS[-1]):
            raise NoSuchLevel(f"There is no cpu{int(strengths.min())}.", hint="Levels go from cpu1 to cpu9.")
        if (fresh := places[frames.frame == FIRST_FRAME]).size:
            self.reset(fresh)
        keys = np.zeros(count, _KEY)
        keys["seed"], keys["game"], keys["port"] = self.seed, game, ports
        pads = records(np.zeros(count, PAD))
        think_rows(
            pads, self._memory, records(look(frames, ports)), knowledge, levels, records(keys),
            places.astype(np.int64), np.ascontiguousarray(strengths), frames.stage.astype(np.int64),
            frames.frame.astype(np.int64),
        )  # fmt: skip
        return _controllers(pads)


def _controllers(pads: NDArray[Any]) -> Controllers:
    """Pads as the game would show them: sticks on the circle and on the lattice of 1/80, dead zones."""
    out = Controllers.allocate(pads.shape)
    out.buttons[:] = pads["buttons"]
    for (x, y), names in ((("x", "y"), ("joystick_x", "joystick_y")), (("cx", "cy"), ("cstick_x", "cstick_y"))):
        raw = np.stack([np.rint(pads[x] * RADIUS), np.rint(pads[y] * RADIUS)])
        length = np.hypot(raw[0], raw[1])
        raw = np.where(length > RADIUS, np.trunc(raw * (RADIUS / np.maximum(length, 1.0))), raw)
        for axis, name in zip(raw, names, strict=True):
            getattr(out, name)[:] = np.where(np.abs(axis) < DEAD_ZONE, 0.0, axis / RADIUS)
        if names[0] == "joystick_x":
            out.raw_x[:], out.raw_y[:] = raw
    out.trigger[:] = np.where(
        out.buttons & (Button.L | Button.R), 1.0, np.where(out.buttons & Button.Z, Z_TRIGGER, 0.0)
    )
    return out
