"""A data set that is open: its games as memory-mapped arrays, its sides to choose from, and the split by game."""

from __future__ import annotations

import functools
import hashlib
import mmap
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from exphil_rt.game.frames import Controllers
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.observation import ObservationSchema
from exphil_rt.replays.optout import OPT_OUT_FILE, read_opt_out
from exphil_rt.replays.quality import SideQuality
from exphil_rt.replays.selection import Selection, SideFilter, split_games
from exphil_rt.store.home import Home
from exphil_rt.training.dataset.format import (
    FORMAT,
    INDEX_FILE,
    JOURNAL_FILE,
    MANIFEST_FILE,
    MAX_MANIFEST_BYTES,
    SHARDS,
    DatasetInvalid,
    GameRow,
    Manifest,
    Segment,
    segment_over,
)

_OPEN_GAMES: Final = 4096
"""Games whose arrays are kept at hand; the others are looked up again (a few microseconds)."""


class Side(NamedTuple):
    """One player of one game: what is learned from."""

    game: int
    """Place of the game in ``Dataset.games``."""
    player: int
    """0 or 1."""
    frames: int
    """Frames of the game."""
    character: int
    """Internal id that it plays."""
    opponent: int
    """Internal id that the other side plays."""


@dataclass(frozen=True)
class Split:
    """Sides of a data set to learn from and to measure on; no game has sides in both."""

    dataset: Dataset
    train: tuple[Side, ...]
    held_out: tuple[Side, ...]

    def train_frames(self, delay: int = 0) -> int:
        """Frames to learn from with that delay, summed over sides."""
        return sum(max(side.frames - delay - 1, 0) for side in self.train)


@dataclass(frozen=True)
class Dataset:
    """An open data set, or a choice of its sides (:meth:`select`). Arrays are views of memory-mapped shards."""

    path: Path
    manifest: Manifest
    games: tuple[GameRow, ...]
    sides: tuple[Side, ...]
    dropped: Counter[str] = field(default_factory=Counter)
    """Sides that are in the shards and were left out when it was opened or chosen from, by reason."""

    @classmethod
    def open(cls, path: Path | str, *, opt_out: frozenset[str] | None = None) -> Dataset:
        """Open a finished data set. Sides that its filter refused when it was built are not in ``sides``.

        Args:
            path: its folder.
            opt_out: players who asked not to be learned from; by default the list in the home folder.

        Raises:
            DatasetInvalid: unfinished, damaged, or of a newer version.
        """
        folder = Path(path)
        manifest = read_manifest(folder)
        games = _read_index(folder, manifest)
        _check_shards(folder, manifest)
        names = read_opt_out(Home.find().root / OPT_OUT_FILE) if opt_out is None else opt_out
        wanted = msgspec.structs.replace(manifest.spec.filter, opt_out=names)
        whole = cls(folder, manifest, games, _sides(games))
        return whole.select(wanted)

    @functools.cached_property
    def encoder(self) -> Encoder:
        """The encoder that wrote it: of one live frame it makes what the data set holds of a recorded one."""
        return Encoder(self.schema)

    @property
    def schema(self) -> ObservationSchema:
        """What is observed."""
        return self.manifest.spec.schema

    @property
    def frames(self) -> int:
        """Frames to learn from, summed over sides."""
        return sum(side.frames for side in self.sides)

    def select(self, wanted: SideFilter) -> Dataset:
        """The same data set with only those of its sides that ``wanted`` lets through."""
        kept, dropped = [], Counter(self.dropped)
        for side in self.sides:
            row = self.games[side.game]
            if reason := wanted.verdict(row.meta, side.player, row.quality[side.player]):
                dropped[reason] += 1
            else:
                kept.append(side)
        return replace(self, sides=tuple(kept), dropped=dropped)

    def split(self, held_out: float = 0.15, seed: int = 0) -> Split:
        """Hold a share of the games out, the same ones for the same games and seed.

        Raises:
            BadFilter: fewer than two games are left.
        """
        held = split_games((self.games[side.game].meta.digest for side in self.sides), held_out, seed)
        return self.split_by(held)

    def split_by(self, held: Iterable[str]) -> Split:
        """Hold out the games with these digests."""
        out = frozenset(held)
        inside = [self.games[side.game].meta.digest in out for side in self.sides]
        return Split(
            self,
            tuple(side for side, yes in zip(self.sides, inside, strict=True) if not yes),
            tuple(side for side, yes in zip(self.sides, inside, strict=True) if yes),
        )

    def segment(self, game: int) -> Segment:
        """The arrays of a game."""
        found: Segment = self._segment(game)
        return found

    def controllers(self, side: Side) -> Controllers:
        """A side's controllers ``[T]`` as recorded."""
        return self.segment(side.game).controllers[:, side.player]

    def quality(self, side: Side) -> SideQuality:
        """How good a side is to learn from."""
        return self.games[side.game].quality[side.player]

    @functools.cached_property
    def _segment(self) -> Any:
        @functools.lru_cache(maxsize=_OPEN_GAMES)
        def segment(game: int) -> Segment:
            row = self.games[game]
            widths = self.encoder.part_widths
            return segment_over(
                self._shard(row.shard), row.offset, widths, row.meta.frames, row.nanas, row.items, row.transforms
            )

        return segment

    @functools.cached_property
    def _shard(self) -> Any:
        @functools.cache
        def shard(name: str) -> memoryview:
            with (self.path / SHARDS / name).open("rb") as file:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

        return shard

    def verify(self) -> None:
        """Read every game and compare its checksum.

        Raises:
            DatasetInvalid: with the first game that is not what was written.
        """
        for row in self.games:
            data = self._shard(row.shard)[row.offset : row.offset + row.nbytes]
            if zlib.crc32(data) != row.crc32:
                raise DatasetInvalid(
                    f"The data set {self.manifest.name} is damaged: the game {row.path} in its shard {row.shard} is "
                    "not what was written.",
                    hint="Build it again with --restart.",
                )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the data set in ``folder``.

    Raises:
        DatasetInvalid: there is none, or this version cannot read it.
    """
    file = folder / MANIFEST_FILE
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        if (folder / JOURNAL_FILE).is_file():
            raise DatasetInvalid(
                f"The data set {folder.name} is not finished.",
                hint="Run the same `exphil-rt replay build-dataset` again: it goes on where it ended.",
            ) from None
        raise DatasetInvalid(
            f"{folder} is no data set.", hint="Make one with `exphil-rt replay build-dataset FOLDER -o NAME`."
        ) from None
    except OSError as error:
        raise DatasetInvalid(f"{file} cannot be read: {error.strerror}.") from error
    again = "Build the data set again with --restart."
    if len(data) > MAX_MANIFEST_BYTES:
        raise DatasetInvalid(f"{file} is larger than {MAX_MANIFEST_BYTES >> 20} MB, which no manifest is.", hint=again)
    try:
        written = msgspec.json.decode(data, type=_Format).format
        if written > FORMAT:
            raise DatasetInvalid(
                f"The data set {folder.name} has format {written}, and this version of exphil-rt reads up to {FORMAT}.",
                hint="Update exphil-rt, or build the data set again.",
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetInvalid(f"{file} is no manifest of a data set ({error}).", hint=again) from error
    manifest.spec.schema.check()
    return manifest


class _Format(msgspec.Struct):
    format: int


def _read_index(folder: Path, manifest: Manifest) -> tuple[GameRow, ...]:
    file = folder / INDEX_FILE
    again = "Build the data set again with --restart."
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DatasetInvalid(f"{file} cannot be read: {error.strerror}.", hint=again) from error
    if hashlib.sha256(data).hexdigest() != manifest.index_sha256:
        raise DatasetInvalid(f"{file} is not what the manifest says: the SHA-256 sums differ.", hint=again)
    try:
        games = tuple(msgspec.json.decode(line, type=GameRow) for line in data.splitlines())
    except msgspec.DecodeError as error:
        raise DatasetInvalid(f"{file} does not fit format {FORMAT} ({error}).", hint=again) from error
    for row in games:
        if not 0 <= row.offset <= row.offset + row.nbytes <= manifest.shards.get(row.shard, -1):
            raise DatasetInvalid(f"{file} places {row.path} outside of its shard.", hint=again)
    return games


def _check_shards(folder: Path, manifest: Manifest) -> None:
    for name, nbytes in manifest.shards.items():
        file = folder / SHARDS / name
        try:
            size = os.stat(file).st_size
        except OSError as error:
            raise DatasetInvalid(
                f"The shard {file} cannot be opened: {error.strerror}.", hint="Build the data set again with --restart."
            ) from error
        if size < nbytes:
            raise DatasetInvalid(
                f"The shard {file} is truncated: {size} of {nbytes} bytes.",
                hint="Build the data set again with --restart.",
            )


def _sides(games: Sequence[GameRow]) -> tuple[Side, ...]:
    return tuple(
        Side(
            number, player, row.meta.frames, row.meta.players[player].character, row.meta.players[1 - player].character
        )
        for number, row in enumerate(games)
        for player in (0, 1)
    )


def actions_of(dataset: Dataset, side: Side, codec: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A side's actions ``[T, heads]`` in ``codec``: ``actions[t]`` led to frame t."""
    actions: np.ndarray[Any, np.dtype[np.uint8]] = codec.encode(dataset.controllers(side))
    return actions


def chosen(dataset: Dataset, wanted: SideFilter) -> Selection:
    """What the sides of an open data set amount to, for people and for manifests."""
    selection = Selection(wanted)
    selection.dropped.update(dataset.dropped)
    selection.games = len({side.game for side in dataset.sides})
    for side in dataset.sides:
        selection.sides[side.character] += 1
        selection.frames[side.character] += side.frames
    return selection
