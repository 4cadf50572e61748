"""Lane: where games run. The embedded game and a Dolphin console are both Lanes.

A lane holds a fixed number of slots, each with one two-player game. It knows nothing of policies, delay, rewards
or processes: it shows frames and takes controllers. A plain object without a loop in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from exphil_rt.game.frames import I32, Controllers, Frames

EndReason = Literal["stocks", "timer", "frame_limit", "void"]


@dataclass(frozen=True, slots=True)
class GameSetup:
    """Everything that decides a game besides its inputs.

    Args:
        game_id: unique in the run; the key of the game's random draws.
        stage: Slippi's stage id.
        characters: internal ids of player 0 and 1.
        seed: the run's seed.
        stocks: 1..99.
        timer_frames: frames after which the game's own timer ends it (8 minutes by default).
        max_frames: frame limit of the runner (an episode cut, not the game's timer); 0 for none.
    """

    game_id: int
    stage: int
    characters: tuple[int, int]
    seed: int = 0
    stocks: int = 4
    timer_frames: int = 28_800
    max_frames: int = 0
    tags: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class GameEnd:
    """How the game of a slot ended: by more stocks, then lower percent, else a draw.

    ``winner`` is 0, 1, or None for a draw or a void game.
    """

    slot: int
    setup: GameSetup
    reason: EndReason
    winner: int | None
    stocks: tuple[int, int]
    percent: tuple[float, float]
    frames: int
    """Frames played, counted from -123."""


class Lane(Protocol):
    """Slots of games, stepped by committing controllers."""

    num_slots: int
    physics: str
    """Version of the game's rules; ratings across versions are not mixed. ``melee-1.02`` for the real game."""

    def start(self, slot: int, setup: GameSetup) -> None:
        """Begin a new game in ``slot`` (frame -123 becomes ready), dropping whatever ran there."""

    def ready(self) -> I32:
        """Slots ``[S]`` whose frame has had no commit yet. The embedded lane has all running slots ready."""

    def frames(self, slots: I32) -> Frames:
        """The latest frame of each of ``slots``, leading shape ``[S]``. Valid until the next commit."""

    def commit(self, slots: I32, controllers: Controllers, due_frame: I32) -> None:
        """Give both players' inputs ``[S, 2]`` for frame ``due_frame[s]`` (the one after the frame shown)."""

    def ended(self) -> list[GameEnd]:
        """Games that ended since the last call. Their slots are not ready until ``start``."""

    def close(self) -> None:
        """Release what the lane holds. Safe to call twice."""
