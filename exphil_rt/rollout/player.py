"""Players: whoever can be named, behind one small face: policies, ``random``, ``cpu1`` to ``cpu9``."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike

from exphil_rt.game.frames import FIRST_FRAME, Controllers, Frames
from exphil_rt.policy.bundle import load_policy
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.policy.ref import parse_ref
from exphil_rt.sim.cpu import CpuPlayers

_NEXT_GAME: Final = 1 << 32


class Player(Protocol):
    """Sees frames in order, one game a row, and gives the controllers of the next frame."""

    @property
    def label(self) -> str:
        """A name for people."""

    def act(self, frames: Frames, port: int | ArrayLike = 0) -> Controllers:
        """Controllers of the same leading shape as ``frames`` (``()`` or ``[R]``), for player ``port`` (0, 1)."""

    def reset(self, rows: int = 1) -> None:
        """Forget everything: ``rows`` new games begin. Done by itself at frame -123."""


class PolicyPlayer:
    """A policy, or ``random``."""

    def __init__(self, policy: PlayablePolicy) -> None:
        self.policy = policy

    @property
    def label(self) -> str:
        return self.policy.manifest.ref if self.policy.manifest else "random"

    @property
    def characters(self) -> tuple[int, ...]:
        """Internal ids of the fighters that it was trained with; empty where it plays any."""
        return tuple(self.policy.manifest.characters) if self.policy.manifest else ()

    def act(self, frames: Frames, port: int | ArrayLike = 0) -> Controllers:
        return self.policy.act(frames, port)

    def reset(self, rows: int = 1) -> None:
        self.policy.reset(rows)


class CpuPlayer:
    """A scripted opponent.

    Args:
        level: 1 to 9.
        seed: key of its random draws.
    """

    def __init__(self, level: int, seed: int = 0) -> None:
        self.level = level
        self._seed = seed
        self._players = CpuPlayers(0, seed)
        self._games = np.zeros(0, np.int64)

    @property
    def label(self) -> str:
        return f"cpu{self.level}"

    @property
    def characters(self) -> tuple[int, ...]:
        return ()

    def act(self, frames: Frames, port: int | ArrayLike = 0) -> Controllers:
        single = not frames.lead
        shown = frames[(None,)] if single else frames
        count = shown.lead[0]
        if self._players.rows != count:
            self.reset(count)
        self._games[shown.frame == FIRST_FRAME] += _NEXT_GAME  # another game, other draws
        controllers = self._players.act(shown, port, self.level, game=self._games)
        return controllers[0] if single else controllers

    def reset(self, rows: int = 1) -> None:
        self._players = CpuPlayers(rows, self._seed)
        self._games = np.arange(rows, dtype=np.int64)


def load_player(ref: str | Path, home: Path | str | None = None, seed: int = 0) -> PolicyPlayer | CpuPlayer:
    """Whoever ``ref`` names: ``NAME``, ``NAME@v3``, ``NAME@best``, a path, ``random``, or ``cpu1`` to ``cpu9``.

    Raises:
        PolicyRefInvalid, PolicyNotFound, BundleInvalid, PolicyIncompatible: in one sentence.
    """
    if isinstance(ref, str) and (parsed := parse_ref(ref)).kind == "cpu":
        return CpuPlayer(parsed.level, seed)
    return PolicyPlayer(load_policy(ref, home, seed))
