"""Reading a run's log files: in the order of time over all of them, and on across their rotation.

A log is ``NAME.jsonl``, one JSON object a line; when full it is renamed ``NAME.jsonl.1`` and those before count up.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import msgspec

MAX_LINE: Final = 1024 * 1024
"""Bytes; what is longer is cut into lines of that length."""
_FILE: Final = re.compile(r"(?P<stem>.+\.jsonl)(?:\.(?P<age>\d{1,6}))?")


class Line(NamedTuple):
    """One line of a log."""

    stamp: str
    """As written: ISO 8601 in UTC, so that texts sort like times; empty where there is none."""
    raw: str
    fields: dict[str, Any]
    """Empty where the line is no JSON object."""


def parse_line(data: bytes) -> Line:
    """A line of any content."""
    raw = data.decode(errors="replace").rstrip("\r\n")
    try:
        fields = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = {}
    stamp = fields.get("ts", fields.get("timestamp", ""))
    return Line(stamp if isinstance(stamp, str) else "", raw, fields)


class LogReader:
    """All logs of a folder. The first ``read`` gives what there is, later ones what came since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tails: dict[str, _Tail] = {}

    def read(self) -> Iterator[Line]:
        """Lines in the order of time, as far as each file keeps it."""
        older: dict[str, list[Path]] = {}
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            match = _FILE.fullmatch(path.name)
            if match is None or not path.is_file():
                continue
            stem = match["stem"]
            if match["age"] is not None:
                older.setdefault(stem, []).append(path)
            elif stem not in self._tails:
                self._tails[stem] = _Tail(path)
        return heapq.merge(
            *(self._lines(stem, older.get(stem, [])) for stem in sorted(self._tails.keys() | older.keys())),
            key=lambda line: line.stamp,
        )

    def close(self) -> None:
        """Close the files."""
        for tail in self._tails.values():
            tail.close()

    def _lines(self, stem: str, rotated: list[Path]) -> Iterator[Line]:
        """What one log has since the last time. ``rotated`` matters once: later it was read before its renaming."""
        tail = self._tails.get(stem)
        if tail is None or not tail.begun:
            for path in sorted(rotated, key=lambda path: -int(path.suffix[1:])):
                old = _Tail(path)
                if tail is None or old.inode != tail.inode:  # else renamed while we looked
                    yield from map(parse_line, old.lines(final=True))
                old.close()
        if tail is None:
            # Only rotated files: an empty tail remembers that they were read, until the log is there again.
            self._tails[stem] = _Tail(self._folder / stem, begun=True)
        else:
            yield from map(parse_line, tail.lines())


class _Tail:
    """One file, read to its end again and again."""

    def __init__(self, path: Path, *, begun: bool = False) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        self.begun = begun
        self.inode = 0
        self._open()

    def lines(self, *, final: bool = False) -> Iterator[bytes]:
        """Whole lines that came since the last time; with ``final`` also an unfinished one at the end."""
        self.begun = True
        while True:
            yield from self._drain()
            if not self._moved():
                break
            yield from self._drain()  # what was written between the last look and the renaming
            if self._rest:
                yield self._rest
            self.close()
            self._open()
        if final and self._rest:
            yield self._rest

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _open(self) -> None:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return
        self.inode = self._path.stat().st_ino

    def _drain(self) -> Iterator[bytes]:
        while self._file is not None and (data := self._file.read(65_536)):
            *whole, self._rest = (self._rest + data).split(b"\n")
            yield from whole
            if len(self._rest) > MAX_LINE:
                yield self._rest
                self._rest = b""

    def _moved(self) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None or found.st_ino != self.inode:
            return True
        if found.st_size < self._file.tell():  # emptied in place
            self._file.seek(0)
            self._rest = b""
            return False
        return False
