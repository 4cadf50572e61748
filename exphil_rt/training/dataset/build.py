"""Build a data set: hand replays to the workers that write shards, keep the journal, choose, and finish.

A build that was ended in any way goes on from its journal when it is run again: games in shards that were whole are
kept, the others are parsed again. Which games count (the first of each twin, in the order of paths) is decided at the
end, over all rows, so that it does not depend on which worker was quicker or on how often the build was ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import msgspec

import exphil_rt
from exphil_rt.errors import ExphilError
from exphil_rt.policy.observation import ObservationSchema, default_schema
from exphil_rt.replays.pool import DEADLINE_S, NO_PARSER, Done, run_many
from exphil_rt.replays.replay import BadReplay, shown
from exphil_rt.replays.selection import Selection, SideFilter
from exphil_rt.store.files import disk_full, fsync_folder, naming_full_disk, remove_folder, write_whole
from exphil_rt.training.dataset.dataset import Dataset
from exphil_rt.training.dataset.format import (
    INDEX_FILE,
    JOURNAL_FILE,
    MANIFEST_FILE,
    SHARDS,
    DatasetInvalid,
    DropRow,
    GameRow,
    Manifest,
    Row,
    ShardRow,
    Spec,
    SpecRow,
    decode_rows,
)
from exphil_rt.training.dataset.worker import SHARD_BYTES, BuildJob, Built

_WORKER: Final = (sys.executable, "-m", "exphil_rt.training.dataset.worker")
_AHEAD: Final = 64
_LOCK: Final = ".lock"


class DatasetExists(ExphilError):
    """A data set of this name that was made with other settings, or is being built right now."""


class BuildSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a build does."""

    schema: ObservationSchema = msgspec.field(default_factory=default_schema)
    filter: SideFilter = SideFilter()
    dedupe: bool = True
    """Take the same game once only (by Slippi's match id and by content)."""
    rollback: str = "first"
    workers: int = 0
    """Processes; 0 for one a core, at most 8."""
    deadline_s: float = DEADLINE_S
    """Longest time for one file."""
    fail_fast: bool = False
    """End with the first file that cannot be read."""
    restart: bool = False
    """Begin anew, whatever is there under this name."""
    shard_bytes: int = SHARD_BYTES


class BuildProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a build is. Rates count from when the workers were ready."""

    files: int
    total_files: int
    frames: int
    """Game frames parsed by this run of the build."""
    bad: int
    files_per_second: float
    frames_per_second: float
    eta_s: float

    @property
    def line(self) -> str:
        """For people."""
        bad = f"  {self.bad} bad" if self.bad else ""
        hours, rest = divmod(int(self.eta_s), 3600)
        return (
            f"read {self.files} of {self.total_files} replays  {self.files_per_second:,.1f} files/s  "
            f"{self.frames_per_second:,.0f} frames/s  ETA {hours:02d}:{rest // 60:02d}:{rest % 60:02d}{bad}"
        )


@dataclass
class BuildReport:
    """What a build came to."""

    dataset: Dataset
    selection: Selection
    files: int
    """Files that were looked at by this run of the build; the others were in the journal."""
    frames: int
    """Game frames parsed by this run."""
    seconds: float
    """From when the workers were ready."""
    start_s: float
    """Until the workers were ready."""


class BadReplayFound(ExphilError):
    """With ``fail_fast``: the first file that could not be read."""


def build_dataset(
    folder: Path,
    paths: Sequence[Path],
    settings: BuildSettings,
    *,
    source: str = "",
    on_progress: Callable[[BuildProgress], None] = lambda progress: None,
    on_bad: Callable[[BadReplay], None] = lambda bad: None,
) -> BuildReport:
    """Build, go on with, or bring up to date the data set in ``folder``.

    Args:
        folder: of the data set; its name is the data set's.
        paths: replays (``find_replays``).
        settings: what is kept and how.
        source: what the paths are, for people.
        on_progress: called after every file.
        on_bad: called for every file that cannot be read.

    Raises:
        DatasetExists: another build of it is running, or it was made with other settings.
        DiskFull: what was done is kept, and the next build goes on from there.
        BadReplayFound: with ``fail_fast``.
    """
    if settings.rollback not in ("first", "last"):
        raise ValueError(f"rollback is {settings.rollback!r}, not 'first' or 'last'")
    spec = Spec(
        schema=settings.schema,
        rollback=settings.rollback,  # type: ignore[arg-type]
        filter=msgspec.structs.replace(settings.filter, opt_out=frozenset()),
        dedupe=settings.dedupe,
    )
    with naming_full_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if settings.restart:
                (folder / MANIFEST_FILE).unlink(missing_ok=True)
                (folder / JOURNAL_FILE).unlink(missing_ok=True)
                remove_folder(folder / SHARDS)
            build = _Build(folder, spec)
            try:
                build.run(paths, settings, on_progress, on_bad)
                return build.finish(paths, settings, source)
            finally:
                build.close()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetExists(
                f"The data set {folder.name} is being built by another process.", hint="Wait for it, or end it."
            ) from None
        yield


@dataclass
class _Build:
    """A build at work: its journal, and what is known of every source."""

    folder: Path
    spec: Spec
    known: dict[str, GameRow | DropRow] = field(default_factory=dict)
    bad: dict[str, BadReplay] = field(default_factory=dict)
    shards: dict[str, int] = field(default_factory=dict)
    """Shards that are whole."""
    open_shards: dict[str, int] = field(default_factory=dict)
    """Ends of the last games in shards that are not."""
    files: int = 0
    frames: int = 0
    seconds: float = 0.0
    start_s: float = 0.0
    changed: bool = False

    def __post_init__(self) -> None:
        (self.folder / SHARDS).mkdir(exist_ok=True)
        rows, length = self._journal_rows()
        if rows and not isinstance(rows[0], SpecRow):
            raise DatasetInvalid(
                f"{self.folder / JOURNAL_FILE} does not begin like a journal.", hint="Build again with --restart."
            )
        if rows and isinstance(rows[0], SpecRow) and rows[0].spec != self.spec:
            other = _difference(rows[0].spec, self.spec)
            raise DatasetExists(
                f"The data set {self.folder.name} was made with other settings ({other}).",
                hint="Choose another name, or begin anew with --restart.",
            )
        shards = {row.name: row.nbytes for row in rows if isinstance(row, ShardRow)}
        for name, nbytes in shards.items():
            with contextlib.suppress(OSError):
                if os.stat(self.folder / SHARDS / name).st_size >= nbytes:
                    self.shards[name] = nbytes
        self.known = {row.path: row for row in rows if isinstance(row, GameRow | DropRow) and self._holds(row)}
        for file in (self.folder / SHARDS).iterdir():
            if file.name not in self.shards:
                file.unlink()
        self._journal: IO[bytes] = (self.folder / JOURNAL_FILE).open("r+b" if rows else "w+b")
        self._journal.truncate(length)
        self._journal.seek(length)
        if not rows:
            self._write(SpecRow(spec=self.spec))

    def _holds(self, row: GameRow | DropRow) -> bool:
        """Whether a row of an earlier build may be believed."""
        if isinstance(row, GameRow):
            return row.shard in self.shards
        return not row.reason.startswith(NO_PARSER)  # that was the machine's fault

    def _journal_rows(self) -> tuple[list[Row], int]:
        """The rows, and the bytes up to the end of the last whole one."""
        file = self.folder / JOURNAL_FILE
        try:
            data = file.read_bytes()
        except FileNotFoundError:
            return [], 0
        return decode_rows(data, file), data.rfind(b"\n") + 1

    def _write(self, row: Row, *, durable: bool = False) -> None:
        self._journal.write(msgspec.json.encode(row) + b"\n")
        if durable:
            self._journal.flush()
            os.fsync(self._journal.fileno())

    def run(
        self,
        paths: Sequence[Path],
        settings: BuildSettings,
        on_progress: Callable[[BuildProgress], None],
        on_bad: Callable[[BadReplay], None],
    ) -> None:
        """Parse what is not known yet."""
        stamps = _Stamps()
        todo = [path for path in paths if not self._is_known(path, stamps)]
        if not todo and (self.folder / MANIFEST_FILE).is_file():
            return
        self.changed = True
        (self.folder / MANIFEST_FILE).unlink(missing_ok=True)
        job = BuildJob(
            msgspec.structs.replace(self.spec, filter=settings.filter),
            os.fspath(self.folder / SHARDS),
            settings.shard_bytes,
        )
        ready = began = time.monotonic()

        def started(seconds: float) -> None:
            nonlocal ready
            ready, self.start_s = time.monotonic(), seconds

        results = run_many(
            todo,
            msgspec.msgpack.encode(job),
            command=_WORKER,
            workers=settings.workers,
            deadline_s=settings.deadline_s,
            ahead=_AHEAD,
            on_start=started,
        )
        with contextlib.closing(results):  # type: ignore[type-var]
            for number, result in enumerate(results, start=1):
                bad = self._take(result, stamps.of(result.path))
                if bad is not None:
                    on_bad(bad)
                    if settings.fail_fast:
                        raise BadReplayFound(
                            f"{shown(bad.path)} {bad.reason}.", hint="Leave it out, or pass --skip-errors."
                        )
                self.files = number
                self.seconds = max(time.monotonic() - ready, 1e-9)
                rate = number / self.seconds
                on_progress(
                    BuildProgress(
                        files=number,
                        total_files=len(todo),
                        frames=self.frames,
                        bad=len(self.bad),
                        files_per_second=rate,
                        frames_per_second=self.frames / self.seconds,
                        eta_s=(len(todo) - number) / rate,
                    )
                )
        for name in list(self.open_shards):
            self._close_shard(name)
        self.seconds = max(time.monotonic() - (ready if self.start_s else began), 1e-9)

    def _is_known(self, path: Path, stamps: _Stamps) -> bool:
        row = self.known.get(_key(path))
        return row is not None and row.stamp == stamps.of(path)

    def _take(self, result: Done | BadReplay, stamp: tuple[int, int]) -> BadReplay | None:
        """Write what came of a file into the journal; the bad replay that it was."""
        path = _key(result.path)
        if isinstance(result, Done):
            try:
                built = msgspec.msgpack.decode(result.body, type=Built)
            except msgspec.DecodeError:
                result = BadReplay(result.path, "ended the process that parsed it (it spoke nonsense)")
        if isinstance(result, BadReplay):
            self.bad[path] = result
            self._keep(DropRow(path=path, stamp=stamp, reason=result.reason))
            return result
        if built.full:
            raise disk_full(self.folder)
        if built.meta is None or len(built.quality) != 2:
            self._keep(DropRow(path=path, stamp=stamp, sides=built.refused))
            return None
        self.frames += built.meta.frames
        self._keep(
            GameRow(
                path=path,
                stamp=stamp,
                sha256=built.sha256,
                meta=built.meta,
                quality=(built.quality[0], built.quality[1]),
                shard=built.shard,
                offset=built.offset,
                nbytes=built.nbytes,
                crc32=built.crc32,
                nanas=built.nanas,
                items=built.items,
                transforms=built.transforms,
            )
        )
        self.open_shards[built.shard] = built.offset + built.nbytes
        if built.closed:
            self._close_shard(built.shard)
        return None

    def _keep(self, row: GameRow | DropRow) -> None:
        self.known[row.path] = row
        self._write(row)

    def _close_shard(self, name: str) -> None:
        """Cut a shard behind its last whole game, and trust it from now on."""
        end = self.open_shards.pop(name)
        descriptor = os.open(self.folder / SHARDS / name, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, end)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fsync_folder(self.folder / SHARDS)
        self.shards[name] = end
        self._write(ShardRow(name=name, nbytes=end), durable=True)

    def finish(self, paths: Sequence[Path], settings: BuildSettings, source: str) -> BuildReport:
        """Choose among all rows in the order of paths, and write index and manifest."""
        selection = Selection(settings.filter, dedupe=settings.dedupe)
        games: list[GameRow] = []
        for path in paths:
            row = self.known[_key(path)]
            if isinstance(row, GameRow):
                if selection.consider(path, row.meta, row.quality):
                    games.append(row)
            elif row.reason:
                selection.bad.append(BadReplay(path, row.reason))
            else:
                selection.refuse(row.sides)
        index = b"".join(msgspec.json.encode(row) + b"\n" for row in games)
        digest = hashlib.sha256(index).hexdigest()
        used = {row.shard for row in games}
        files_dropped = Counter(_kind(bad.reason) for bad in selection.bad)
        if selection.duplicates:
            files_dropped["a game seen before"] = len(selection.duplicates)
        manifest = Manifest(
            name=self.folder.name,
            spec=self.spec,
            source=source,
            games=len(games),
            frames=sum(row.meta.frames for row in games),
            sources=len(paths),
            kept=selection.kept_line(),
            dropped=dict(selection.dropped),
            files_dropped=dict(files_dropped),
            shards={name: self.shards[name] for name in sorted(used)},
            index_sha256=digest,
            code=exphil_rt.__version__,
            created=int(time.time()),
        )
        file = self.folder / MANIFEST_FILE
        if self.changed or not _same(file, manifest):
            file.unlink(missing_ok=True)
            write_whole(self.folder / INDEX_FILE, index)
            write_whole(file, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        dataset = Dataset.open(self.folder, opt_out=settings.filter.opt_out)
        return BuildReport(dataset, selection, self.files, self.frames, self.seconds, self.start_s)

    def close(self) -> None:
        """Leave the journal as it is; shards that were begun are cut off and found again by the next build."""
        with contextlib.suppress(OSError, ExphilError):
            for name in list(self.open_shards):
                self._close_shard(name)
        self._journal.close()


class _Stamps:
    """Size and modification time of sources; of an archive's members the archive's."""

    def __init__(self) -> None:
        self._of: dict[Path, tuple[int, int]] = {}

    def of(self, path: Path) -> tuple[int, int]:
        found = self._stat(path)
        if found is not None:
            return found
        return next((stamp for parent in path.parents if (stamp := self._stat(parent)) is not None), (0, 0))

    def _stat(self, path: Path) -> tuple[int, int] | None:
        if path in self._of:
            return self._of[path]
        try:
            found = path.stat()
        except (OSError, ValueError):
            return None
        stamp = (found.st_size, found.st_mtime_ns)
        if path.suffix.lower() == ".zip":
            self._of[path] = stamp
        return stamp


def _key(path: Path) -> str:
    """A path as text that JSON can hold, whatever bytes it has."""
    return shown(Path(os.path.abspath(path)))


def _same(file: Path, manifest: Manifest) -> bool:
    try:
        written = msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return False
    return msgspec.structs.replace(written, created=0) == msgspec.structs.replace(manifest, created=0)


def _kind(reason: str) -> str:
    """A reason without what is in brackets: files are counted by it."""
    return reason.partition(" (")[0]


def _difference(old: Spec, new: Spec) -> str:
    fields = [name for name in old.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    if fields == ["filter"]:
        names = old.filter.__struct_fields__
        fields = [name for name in names if getattr(old.filter, name) != getattr(new.filter, name)]
    return "another " + ", ".join(fields) if fields else "others"
