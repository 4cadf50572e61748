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

from exphil_rt.errors import ExphilError
from exphil_rt.game.ids import Character, character_name, stage_name
from exphil_rt.game.ids import character as character_id
from exphil_rt.game.ids import stage as stage_id
from exphil_rt.replays.optout import OPTED_OUT, opted_out
from exphil_rt.replays.quality import FRAMES_PER_SECOND, SideQuality, side_quality
from exphil_rt.replays.replay import BadReplay, PlayerMeta, Replay, ReplayHead, ReplayMeta, shown

_TRANSFORM: Final = frozenset((int(Character.ZELDA), int(Character.SHEIK)))
"""They turn into one another: which one was played is not known before the frames are."""


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
    stages: frozenset[int] = frozenset()
    """Slippi's ids of the stages."""
    ports: frozenset[int] = frozenset()
    """Controller ports of the side, 0..3."""
    min_version: tuple[int, int, int] = (0, 0, 0)
    """Oldest version of Slippi."""
    min_quality: float = 0.0
    """Least quality score of the side, 0..1."""
    opt_out: frozenset[str] = frozenset()
    """Players who asked not to be learned from (``optout.opt_out_names``)."""

    @classmethod
    def parse(
        cls,
        character: Sequence[str] = (),
        vs: Sequence[str] = (),
        player: Sequence[str] = (),
        *,
        stage: Sequence[str] = (),
        port: Sequence[int] = (),
        min_version: str = "",
        min_quality: float = 0.0,
        cpu: bool = False,
        min_frames: int = 180,
        opt_out: frozenset[str] = frozenset(),
    ) -> SideFilter:
        """From what a user types: names of characters and stages, connect codes, ports 1..4, a version.

        Raises:
            UnknownName: no such character or stage.
            BadFilter: a connect code without ``#``, no such port, no such version.
        """
        codes = [unicodedata.normalize("NFKC", code).strip().upper() for code in player]
        if wrong := [code for code in codes if "#" not in code]:
            raise BadFilter(f"{wrong[0]!r} is no connect code.", hint="They look like ABCD#123.")
        if strange := [number for number in port if not 1 <= number <= 4]:
            raise BadFilter(f"{strange[0]} is no controller port.", hint="They are 1 to 4.")
        return cls(
            characters=frozenset(int(character_id(name)) for name in character),
            versus=frozenset(int(character_id(name)) for name in vs),
            players=frozenset(codes),
            cpu=cpu,
            min_frames=min_frames,
            stages=frozenset(int(stage_id(name)) for name in stage),
            ports=frozenset(number - 1 for number in port),
            min_version=_version(min_version),
            min_quality=min_quality,
            opt_out=opt_out,
        )

    def refusal(self, head: ReplayHead, side: int, *, certain: bool = True) -> str:
        """Why this side is not wanted, as far as the start block and the metadata tell; empty where it may be.

        Args:
            certain: the characters are those that were played. Before a full parse a Zelda may yet be a Sheik.
        """
        me, other = head.players[side], head.players[1 - side]
        if opted_out(me, self.opt_out):
            return OPTED_OUT
        if me.cpu and not self.cpu:
            return "played by the game's CPU"
        if self.characters and not _plays(me, self.characters, certain):
            return f"not {_names(self.characters)}"
        if self.versus and not _plays(other, self.versus, certain):
            return f"not against {_names(self.versus)}"
        if self.players and me.code not in self.players:
            return f"not played by {' or '.join(sorted(self.players))}"
        if self.ports and me.port not in self.ports:
            return f"not at port {' or '.join(str(port + 1) for port in sorted(self.ports))}"
        if self.stages and head.stage not in self.stages:
            return f"not on {' or '.join(stage_name(stage) for stage in sorted(self.stages))}"
        if head.version < self.min_version:
            return f"recorded by a Slippi older than {'.'.join(map(str, self.min_version))}"
        if 0 <= head.frames < self.min_frames:
            return f"shorter than {self.min_frames / FRAMES_PER_SECOND:.0f} s"
        return ""

    def verdict(self, meta: ReplayMeta, side: int, quality: SideQuality) -> str:
        """Why this side is not wanted once the whole game is known; empty where it is."""
        if reason := self.refusal(meta, side):
            return reason
        if not quality.touched:
            return "never touched the controller"
        if quality.score < self.min_quality:
            return f"of a quality below {self.min_quality:g}"
        return ""


@dataclass
class Selection:
    """What was kept and dropped of the results that passed through."""

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
    dedupe: bool = True
    """Take the same game once only."""
    _seen: dict[str, Path] = field(default_factory=dict)

    def take(self, result: Replay | BadReplay) -> list[int]:
        """The players (0, 1) of this game to keep; everything else is counted with its reason."""
        if isinstance(result, BadReplay):
            self.bad.append(result)
            return []
        first, second = (side_quality(result.frames, side) for side in (0, 1))
        return self.consider(result.path, result.meta, (first, second))

    def refuse(self, reasons: Sequence[str]) -> None:
        """Count the sides of a game that its head alone refused."""
        self.dropped.update(reasons)

    def consider(self, path: Path, meta: ReplayMeta, quality: tuple[SideQuality, SideQuality]) -> list[int]:
        """As :meth:`take`, of a game whose frames are elsewhere."""
        keys = [key for key in (meta.digest, meta.match_id) if key] if self.dedupe else []
        if twin := next((self._seen[key] for key in keys if key in self._seen), None):
            self.duplicates.append((path, twin))
            return []
        self._seen.update(dict.fromkeys(keys, path))
        kept = []
        for side in (0, 1):
            if reason := self.filter.verdict(meta, side, quality[side]):
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
            lines.append(
                f"{_count(len(self.duplicates), 'file')} dropped: a game seen before ({shown(first)} is {shown(twin)})"
            )
        lines += [f"file dropped: {shown(row.path)} {row.reason}" for row in self.bad[:most]]
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


def _plays(player: PlayerMeta, wanted: frozenset[int], certain: bool) -> bool:
    if player.character in wanted:
        return True
    return not certain and player.character in _TRANSFORM and bool(_TRANSFORM & wanted)


def _version(text: str) -> tuple[int, int, int]:
    if not text:
        return (0, 0, 0)
    parts = text.split(".")
    if not 1 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise BadFilter(f"{text!r} is no version of Slippi.", hint="They look like 3.16.0.")
    major, minor, build = (*map(int, parts), 0, 0)[:3]
    return (major, minor, build)


def _names(characters: frozenset[int]) -> str:
    return " or ".join(character_name(c) for c in sorted(characters))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _duration(frames: int) -> str:
    seconds = frames / FRAMES_PER_SECOND
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
