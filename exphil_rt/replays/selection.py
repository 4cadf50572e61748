"""Which sides of which games are kept, and why the others are not.

A side is one player of one game. Filters choose sides, never games; a game that was seen before (by content, or
recorded by the other player) is dropped whole. The split into training and held-out games is here too.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.ids import character as character_id
from exphil_rt.game.ids import character_name
from exphil_rt.replays.replay import BadReplay, Replay, ReplayMeta

FRAMES_PER_SECOND: Final = 60


class BadFilter(ExphilError):
    """A filter that can match nothing."""

    exit_code = 2


class SideFilter(msgspec.Struct, frozen=True):
    """Which sides to keep; an empty set lets all through."""

    characters: frozenset[int] = frozenset()
    """Internal ids that the side plays."""
    versus: frozenset[int] = frozenset()
    """Internal ids that the other side plays."""
    players: frozenset[str] = frozenset()
    """Connect codes of the side, upper case."""
    cpu: bool = False
    """Keep sides that the game's own CPU plays too."""
    min_frames: int = 180
    """Shorter games are no games."""

    @classmethod
    def parse(
        cls,
        character: Sequence[str] = (),
        vs: Sequence[str] = (),
        player: Sequence[str] = (),
        *,
        cpu: bool = False,
        min_frames: int = 180,
    ) -> SideFilter:
        """From what a user types: character names and connect codes.

        Raises:
            UnknownName: no such character.
            BadFilter: a connect code without ``#``.
        """
        codes = [unicodedata.normalize("NFKC", code).strip().upper() for code in player]
        if wrong := [code for code in codes if "#" not in code]:
            raise BadFilter(f"{wrong[0]!r} is no connect code.", hint="They look like ABCD#123.")
        return cls(
            frozenset(int(character_id(name)) for name in character),
            frozenset(int(character_id(name)) for name in vs),
            frozenset(codes),
            cpu,
            min_frames,
        )

    def refusal(self, meta: ReplayMeta, side: int) -> str:
        """Why this side is not wanted; empty where it is."""
        me, other = meta.players[side], meta.players[1 - side]
        if me.cpu and not self.cpu:
            return "played by the game's CPU"
        if self.characters and me.character not in self.characters:
            return f"not {_names(self.characters)}"
        if self.versus and other.character not in self.versus:
            return f"not against {_names(self.versus)}"
        if self.players and me.code not in self.players:
            return f"not played by {' or '.join(sorted(self.players))}"
        return ""


@dataclass
class Selection:
    """What was kept and dropped of the results that passed through :meth:`take`."""

    filter: SideFilter
    bad: list[BadReplay] = field(default_factory=list)
    duplicates: list[tuple[Path, Path]] = field(default_factory=list)
    """(dropped file, the file that has the same game)."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Sides by the reason why they were dropped."""
    games: int = 0
    """Games with a side that was kept."""
    frames: Counter[int] = field(default_factory=Counter)
    """Frames of kept sides by character."""
    sides: Counter[int] = field(default_factory=Counter)
    """Kept sides by character."""
    _seen: dict[str, Path] = field(default_factory=dict)

    def take(self, result: Replay | BadReplay) -> list[int]:
        """The players (0, 1) of this game to keep; everything else is counted with its reason."""
        if isinstance(result, BadReplay):
            self.bad.append(result)
            return []
        meta = result.meta
        keys = [key for key in (meta.digest, meta.match_id) if key]
        if twin := next((self._seen[key] for key in keys if key in self._seen), None):
            self.duplicates.append((result.path, twin))
            return []
        self._seen.update(dict.fromkeys(keys, result.path))
        kept = []
        for side in (0, 1):
            reason = self.filter.refusal(meta, side)
            if not reason and meta.frames < self.filter.min_frames:
                reason = f"shorter than {self.filter.min_frames / FRAMES_PER_SECOND:.0f} s"
            if not reason and _idle(result, side):
                reason = "never touched the controller"
            if reason:
                self.dropped[reason] += 1
                continue
            kept.append(side)
            self.sides[meta.players[side].character] += 1
            self.frames[meta.players[side].character] += meta.frames
        self.games += bool(kept)
        return kept

    def kept_line(self) -> str:
        """For people: ``5 games, 13 min of Mewtwo``."""
        played = ", ".join(f"{_duration(n)} of {character_name(c)}" for c, n in self.frames.most_common(4))
        rest = sum(n for _, n in self.frames.most_common()[4:])
        more = f", {_duration(rest)} of {len(self.frames) - 4} others" if rest else ""
        return f"{_count(self.games, 'game')}, {played}{more}" if self.games else "no games"

    def dropped_lines(self, most: int = 5) -> list[str]:
        """For people: one line a reason, and the files that could not be read by name (``most`` of them)."""
        lines = [f"{_count(n, 'side')} dropped: {reason}" for reason, n in self.dropped.most_common()]
        if self.duplicates:
            first, twin = self.duplicates[0]
            lines.append(f"{_count(len(self.duplicates), 'file')} dropped: a game seen before ({first} is {twin})")
        lines += [f"file dropped: {row.path} {row.reason}" for row in self.bad[:most]]
        if len(self.bad) > most:
            lines.append(f"and {len(self.bad) - most} more files that cannot be read")
        return lines


def split_games(digests: Iterable[str], fraction: float, seed: int) -> frozenset[str]:
    """The games to hold out: at least one, at most all but one, the same for the same games and seed.

    Args:
        digests: ``ReplayMeta.digest`` of each game.
        fraction: share of the games to hold out, 0..1.
        seed: another seed, another split.

    Raises:
        BadFilter: fewer than two games.
    """
    games = set(digests)
    if len(games) < 2:
        raise BadFilter(
            f"{_count(len(games), 'game')} left: training needs two at least, one of them to measure on.",
            hint="Give more replays, or loosen --character, --vs and --player.",
        )
    count = min(max(round(fraction * len(games)), 1), len(games) - 1)
    order = sorted(games, key=lambda digest: hashlib.blake2b(f"{seed}/{digest}".encode()).digest())
    return frozenset(order[:count])


def _idle(replay: Replay, side: int) -> bool:
    held = replay.frames.controllers[:, side]
    inputs = (held.buttons, held.joystick_x, held.joystick_y, held.cstick_x, held.cstick_y, held.trigger)
    return not any(np.any(values != values[0]) for values in inputs)


def _names(characters: frozenset[int]) -> str:
    return " or ".join(character_name(c) for c in sorted(characters))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _duration(frames: int) -> str:
    seconds = frames / FRAMES_PER_SECOND
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
