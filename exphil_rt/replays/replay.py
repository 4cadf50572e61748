"""What a replay is once it is read: its frames and what its start block said, or the reason why it was refused.

How a file is parsed is in ``reader``; reading many files in processes of their own is in ``pool``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import character_name, stage_name

_REASON = 300
"""Longest reason, in characters."""

Rollback = Literal["first", "last"]
"""Which row stands for a frame that netplay simulated again: the first is what a player saw, the last what happened."""


class ReplayError(ExphilError):
    """A replay that cannot be used. ``reason`` is the sentence without the file's name."""

    def __init__(self, path: Path, reason: str) -> None:
        reason = " ".join(reason.split())  # it may quote the file
        reason = reason if len(reason) <= _REASON else f"{reason[: _REASON - 4]} ..."
        super().__init__(f"{path}: {reason}.", hint="Leave the file out, or record it again.")
        self.path = path
        self.reason = reason


class PlayerMeta(msgspec.Struct, frozen=True, kw_only=True):
    """One player, as the start block and the metadata tell it."""

    port: int
    """Controller port 0..3 (players 0 and 1 are in port order)."""
    character: int
    """Internal id of the fighter played for most frames (Zelda or Sheik by what was on screen)."""
    cpu: bool
    cpu_level: int = 0
    stocks: int = 0
    """Stocks at the start."""
    costume: int = 0
    code: str = ""
    """Connect code such as ``ABCD#123``, upper case; empty where the replay has none."""
    name: str = ""
    """Display name, else the in-game tag."""


class ReplayHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay says of itself before its frames: the start block and the metadata."""

    version: tuple[int, int, int]
    """Slippi version that recorded it."""
    stage: int
    """Slippi's (external) stage id."""
    players: tuple[PlayerMeta, PlayerMeta]
    """In port order. In a head the character is the one that was chosen: a Zelda may play as Sheik."""
    frames: int
    """Frames, one for each frame index; in a head what the metadata say, -1 where they say nothing."""
    match_id: str = ""
    """Slippi's id of this game of this match (3.14 on): the same in the recordings of both players."""
    started_at: str = ""
    played_on: str = ""
    frozen_stadium: bool = False


class ReplayMeta(ReplayHead, frozen=True, kw_only=True):
    """Everything about a replay but its frames."""

    rows: int
    """Rows in the file; more than ``frames`` where netplay rolled back."""
    end_method: str
    """``unresolved``, ``time``, ``game``, ``resolved``, ``no_contest``; ``missing`` where the recording broke off."""
    digest: str
    """Digest of what was played: seed, stage, fighters, and both players' final inputs at every frame."""

    @property
    def title(self) -> str:
        """For people: ``Mewtwo - Fox, Final Destination``."""
        first, second = (character_name(player.character) for player in self.players)
        return f"{first} - {second}, {stage_name(self.stage)}"


@dataclass(frozen=True, slots=True)
class Replay:
    """A two-player game: ``frames`` has leading shape ``[T]``, one row for each frame index from -123."""

    path: Path
    frames: Frames
    meta: ReplayMeta


def shown(path: Path) -> str:
    """A path as text that can be printed and written, whatever bytes a file's name has."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class BadReplay:
    """A file that was refused, and why: a row of a report, never the end of a run."""

    path: Path
    reason: str
