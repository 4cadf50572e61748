"""What was chosen for a game: the stage, and who plays whom at which port."""

from __future__ import annotations

import msgspec

from exphil_rt.game.ids import Character, character, stage
from exphil_rt.testing.stand_in_dolphin.config import StandInConfig
from exphil_rt.testing.stand_in_dolphin.ini import ADAPTER, UserFolder


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


def fixed_choice(config: StandInConfig, user: UserFolder) -> Choice:
    """The game that the settings name, where nobody chooses in the menus."""
    people = user.plugged(ADAPTER)
    seats = [
        Seat(
            port=port,
            character=int(character(fighter)),
            costume=int(side and config.fighters[0] == config.fighters[1]),
            cpu_level=level,
            person_level=config.person_level if port in people else 0,
        )
        for side, (port, fighter, level) in enumerate(
            zip(config.ports, config.fighters, config.cpu_levels, strict=True)
        )
    ]
    first, second = sorted(seats, key=lambda seat: seat.port)
    return Choice(stage=int(stage(config.stage)), seats=(first, second))


def with_other_fighters(choice: Choice) -> Choice:
    """The same game with fighters that nobody chose."""
    first, second = (
        msgspec.structs.replace(
            seat,
            character=int(Character.LUIGI if seat.character == Character.MARIO else Character.MARIO),
            costume=side,
        )
        for side, seat in enumerate(choice.seats)
    )
    return msgspec.structs.replace(choice, seats=(first, second))
