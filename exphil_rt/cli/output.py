"""What commands print: results on stdout, talk on stderr, tables and durations in one form."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.store.files import write_whole


def show(text: str = "") -> None:
    """A line of the result."""
    print(text)


def show_json(value: object) -> None:
    """The result as indented JSON."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def say(text: str) -> None:
    """A line for a person who watches; never part of the result."""
    print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], right: str = "") -> str:
    """Rows in aligned columns.

    Args:
        header: names of the columns.
        rows: one sequence a row; each cell is printed by ``str``.
        right: names of the columns that are aligned right, separated by blanks.
    """
    cells = [list(map(str, header)), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    flush_right = [name in right.split() for name in header]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, flush_right, strict=True)
        ).rstrip()
        for row in cells
    )
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """``02:14:37``, or ``3 d 02:14:37``."""
    whole = max(int(seconds), 0)
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} d {clock}" if days else clock


def size(count: float) -> str:
    """Bytes in words: ``12 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class OutputFailed(ExphilError):
    """A file that a command cannot write."""


def save_file(path: Path, data: bytes) -> None:
    """Write a command's output file, whole.

    Raises:
        OutputFailed: it cannot be written there.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        hint = "" if path.parent.is_dir() else f"There is no folder {path.parent}."
        raise OutputFailed(f"{path} cannot be written: {error.strerror or error}.", hint=hint) from error
