"""What was chosen for a game: the stage, and who plays whom at which port."""

from __future__ import annotations

import msgspec


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """One player."""

    port: int
    """1..4."""
    character: int
    """Internal id."""
    costume: int = 0
    cpu_level: int = 0
    """0 by the port's pipe, 1..9 by the game."""
    pad: int = 0
    """Port whose pad moves this player, where it is another one (online the own player may be the second)."""
    code: str = ""
    """Connect code, online."""
    away: bool = False
    """Whether this player is somewhere else: no pad here moves it."""
    person_level: int = 0
    """1..9 a person at a controller adapter who plays like that scripted opponent; 0 nobody, or one who stands."""

    @property
    def held_at(self) -> int:
        """Port whose pad moves this player; 0 for none."""
        return 0 if self.away else self.pad or self.port


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One game."""

    stage: int
    """Slippi's (external) stage id."""
    seats: tuple[Seat, Seat]
    """By port."""
    frozen_stadium: bool = True
