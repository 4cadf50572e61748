"""Source: one game after another as Slippi's events. What is common to games that are played here, not replayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from exphil_rt.game.ids import Stage
from exphil_rt.replays.slp import END_METHODS, GameStart, PlayerStart, event_sizes, game_end, game_start
from exphil_rt.testing.stand_in_dolphin.choice import Choice
from exphil_rt.testing.stand_in_dolphin.pads import Held

GECKO_PACKET: bytes = bytes((0x10,)) + bytes(512) + b"\x00\x00\x3d\x00"
"""A piece of the code list, as the split messages of a console carry it; the codes themselves are zeros."""
GECKO_BYTES = 516


class Source(Protocol):
    """Games, one at a time."""

    frame: int
    """Index of the frame that :meth:`step` gave last."""

    def begin(self, choice: Choice | None, number: int) -> list[bytes]:
        """Start game ``number`` (from 1 on): its opening messages, sizes and start block first."""

    def step(self, held: Mapping[int, Held]) -> bytes | None:
        """The next frame's events, made with what the ports hold; None when the game is over."""

    def end(self, left: int) -> list[bytes]:
        """The closing messages; none where the game broke off.

        Args:
            left: port of who left it in its middle; 0 where nobody did.
        """


def opening(start: GameStart, gecko_packets: int) -> list[bytes]:
    """The opening messages of a game that is played here."""
    sizes = bytearray(event_sizes())
    sizes[1] += 3
    sizes += bytes((0x10,)) + GECKO_BYTES.to_bytes(2, "big")
    return [bytes(sizes) + game_start(start), *[GECKO_PACKET] * gecko_packets]


def left_end(start: GameStart, left: int) -> bytes:
    """The closing message of a game that ``left`` (a port, 0 for nobody) broke off: no contest."""
    return game_end(END_METHODS["void"], (-1, -1), start, lras=left - 1)


def start_of(choice: Choice, *, stocks: int, timer_frames: int, seed: int) -> GameStart:
    """The start block's content for a choice."""
    players = tuple(
        PlayerStart(
            character=seat.character,
            port=seat.port - 1,
            costume=seat.costume,
            cpu_level=seat.cpu_level,
            code=seat.code,
        )
        for seat in choice.seats
    )
    return GameStart(
        stage=choice.stage,
        players=(players[0], players[1]),
        stocks=stocks,
        timer_s=timer_frames // 60,
        seed=seed & 0xFFFFFFFF,
        frozen_stadium=choice.frozen_stadium or choice.stage != Stage.POKEMON_STADIUM,
        played_on="stand-in",
    )


def with_version(message: bytes, version: str) -> bytes:
    """The first opening message with another version in its start block; as it is for an empty ``version``."""
    if not version:
        return message
    at = message[1] + 2  # behind the sizes and the start block's code
    return message[:at] + bytes(int(part) for part in version.split(".")) + message[at + 3 :]
