"""The edge between a terminal that shows one game of the embedded game, and the process that plays it.

Pulled, not pushed: the terminal asks for each frame, so that pausing and stepping are its own matter.
"""

from __future__ import annotations

import msgspec

from exphil_rt.messages.telemetry import GameSample


class WatchSetup(msgspec.Struct, frozen=True, kw_only=True, tag="setup"):
    """What is shown: a game between two players, or a file."""

    players: tuple[str, str] = ("cpu5", "cpu5")
    """Policies' references, ``random``, ``cpu1`` to ``cpu9``; ``human`` is the gamepad or the keyboard."""
    characters: tuple[int, int] = (1, 1)
    stage: int = 32
    stocks: int = 4
    seed: int = 0
    path: str = ""
    """A recording or a .slp file in place of a game."""
    gamepad: int = -1
    """Number of the gamepad that ``human`` plays with; -1 the keyboard."""


class Next(msgspec.Struct, frozen=True, kw_only=True, tag="next"):
    """Show the frame ``frames`` further on."""

    frames: int = 1
    keys: tuple[str, ...] = ()
    """Keys that are held, for a person who plays with the keyboard."""


class NewGame(msgspec.Struct, frozen=True, kw_only=True, tag="new_game"):
    """Begin another game, or the file again."""


Ask = WatchSetup | Next | NewGame


class Shown(msgspec.Struct, frozen=True, kw_only=True, tag="shown"):
    """A frame."""

    game: GameSample
    title: str
    """What is shown, with what it is worth: ``embedded game (approximate), fidelity ...``."""
    over: bool = False
    end: str = ""
    """How the game ended."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """Nothing can be shown, and why."""

    text: str


Answer = Shown | Failed
