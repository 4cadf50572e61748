"""One .slp file into frames, through peppi (https://github.com/hohav/peppi). In this process: see ``pool`` for many.

A file that peppi refuses, or that is no two-player game, raises ReplayError with the reason. Peppi's Rust panics
arrive as BaseException; a hang or a crash of the parser takes this process with it. How arrow's columns become
frames is in ``convert``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exphil_rt.game.frames import Frames
from exphil_rt.replays.convert import convert
from exphil_rt.replays.head import read_head
from exphil_rt.replays.replay import Replay, ReplayError, ReplayHead, ReplayMeta, Rollback
from exphil_rt.replays.source import MAX_FILE_BYTES, Source, open_source

__all__ = ("MAX_FILE_BYTES", "read_buffer", "read_head_of", "read_open", "read_replay")


def read_replay(path: Path | str, *, rollback: Rollback) -> Replay:
    """Read one file in this process.

    Args:
        path: a .slp file, plain or gzipped, or a member of a zip archive (``archive.zip/game.slp``).
        rollback: which row to keep of a frame that was simulated again: ``first`` to learn from, ``last`` for what
            really happened.

    Raises:
        ReplayError: the file is broken, too large, or not a two-player game.
    """
    meta, buffer = read_buffer(Path(path), rollback)
    return Replay(Path(path), Frames.over(memoryview(buffer), (meta.frames,)), meta)


def read_buffer(path: Path, rollback: Rollback) -> tuple[ReplayMeta, bytearray]:
    """As :func:`read_replay`, with the frames as one buffer for :meth:`Frames.over`."""
    with open_source(path) as source:
        return read_open(path, source, rollback)


def read_open(path: Path, source: Source, rollback: Rollback) -> tuple[ReplayMeta, bytearray]:
    """As :func:`read_buffer`, of a source that is open."""
    if rollback not in ("first", "last"):
        raise ValueError(f"rollback is {rollback!r}, not 'first' or 'last'")
    try:
        return convert(path, _parse(path, source, frames=True), rollback)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise _strange(path, error) from error


def read_head_of(path: Path, source: Source) -> ReplayHead | None:
    """What the file says of itself, without parsing its frames; None where only a full parse can tell.

    Raises:
        ReplayError: not a two-player game.
    """
    try:
        game = _parse(path, source, frames=False)
    except ReplayError:  # a recording that broke off has no length, and frames cannot be skipped
        return None
    try:
        return read_head(path, game)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise _strange(path, error) from error


def _strange(path: Path, error: Exception) -> ReplayError:
    return ReplayError(path, f"is not laid out as Slippi says ({type(error).__name__}: {str(error)[:200]})")


def _parse(path: Path, source: Source, *, frames: bool) -> Any:
    from peppi_py._peppi import read_slippi

    try:
        return read_slippi(source.name, not frames)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # pyo3's PanicException is no Exception
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ReplayError(path, f"cannot be parsed ({reason})") from error
