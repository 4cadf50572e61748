"""What a game's start block says, from the setup of a simulated game or from a replay that was read."""

from __future__ import annotations

from typing import Final

import msgspec

from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import INTERNAL_TO_EXTERNAL, Stage
from exphil_rt.game.lane import EndReason, GameSetup
from exphil_rt.replays.replay import PlayerMeta, Replay

FRAMES_PER_SECOND: Final = 60
_MASK: Final = 0xFFFFFFFF

END_METHODS: Final[dict[EndReason, int]] = {"timer": 1, "stocks": 2, "frame_limit": 7, "void": 7}
"""Slippi's end method of how our games end: TIME!, GAME!, no contest."""


class PlayerStart(msgspec.Struct, frozen=True, kw_only=True):
    """One player, as the start block says it."""

    character: int
    """Internal id at the start."""
    port: int
    """0..3."""
    name: str = ""
    """Display name, cut to what Slippi holds (15 letters)."""
    code: str = ""
    """Connect code such as ``ABCD#123``."""
    costume: int = 0
    cpu_level: int = 0
    """0 a human or a policy, 1..9 a scripted opponent."""


class GameStart(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the start block and the metadata need."""

    stage: int
    """Slippi's (external) stage id."""
    players: tuple[PlayerStart, PlayerStart]
    stocks: int = 4
    timer_s: int = 480
    seed: int = 0
    ucf: bool = True
    frozen_stadium: bool = True
    state_flags: bool = False
    """Whether the frames hold Slippi's state bit fields; else those bits are written that the other columns tell."""
    started_at: str = ""
    """ISO 8601, such as ``2026-07-07T18:06:12Z``; empty for the time of writing."""
    played_on: str = "exphil_rt"


def start_of_setup(
    setup: GameSetup, names: tuple[str, str] = ("", ""), cpu_levels: tuple[int, int] = (0, 0), started_at: str = ""
) -> GameStart:
    """The start block of a simulated game: ports 1 and 2, another costume where both play the same fighter."""
    ditto = setup.characters[0] == setup.characters[1]
    first, second = (
        PlayerStart(
            character=setup.characters[side],
            port=side,
            name=names[side],
            costume=side if ditto else 0,
            cpu_level=cpu_levels[side],
        )
        for side in (0, 1)
    )
    return GameStart(
        stage=setup.stage,
        players=(first, second),
        stocks=setup.stocks,
        timer_s=setup.timer_frames // FRAMES_PER_SECOND,
        seed=(setup.seed * 2_654_435_761 + setup.game_id) & _MASK,
        started_at=started_at,
    )


def start_of_replay(replay: Replay) -> GameStart:
    """The start block of a replay that was read, as far as its meta data tell it."""
    meta = replay.meta

    def player(who: PlayerMeta, side: int) -> PlayerStart:
        return PlayerStart(
            character=_first_character(replay.frames, side),
            port=who.port,
            name=who.name,
            code=who.code,
            costume=who.costume,
            cpu_level=who.cpu_level if who.cpu else 0,
        )

    return GameStart(
        stage=meta.stage,
        players=(player(meta.players[0], 0), player(meta.players[1], 1)),
        stocks=meta.players[0].stocks,
        frozen_stadium=meta.frozen_stadium or meta.stage != Stage.POKEMON_STADIUM,
        state_flags=meta.version >= (2, 0, 0),
        started_at=meta.started_at,
        played_on=meta.played_on,
    )


def _first_character(frames: Frames, side: int) -> int:
    found = int(frames.players.character[0, side])
    return found if found in INTERNAL_TO_EXTERNAL else 0
