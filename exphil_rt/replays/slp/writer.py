"""A whole game as a .slp file: the events in UBJSON's optimised array, and the metadata behind them."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.game.lane import GameEnd
from exphil_rt.replays.slp.events import event_sizes, frame_events, game_end, game_start
from exphil_rt.replays.slp.start import END_METHODS, GameStart
from exphil_rt.store.files import write_whole

RAW: Final = b"{U\x03raw[$U#l"
"""How a .slp file begins; the length of the events (32 bits, big endian) and the events follow."""


class NotAGame(ExphilError):
    """Frames that no .slp file can hold."""


def encode_slp(
    start: GameStart,
    frames: Frames,
    end: GameEnd | None = None,
    *,
    method: int | None = None,
    placements: tuple[int, int] | None = None,
) -> bytes:
    """The bytes of a .slp file.

    Args:
        start: the start block.
        frames: every frame of the game ``[T]``, from -123 on.
        end: how the game ended; None where it was cut off: the file then says "no contest".
        method: Slippi's end method in place of what ``end`` says.
        placements: places (0 first, 1 second) in place of what ``end`` says.

    Raises:
        NotAGame: no frames, or not every frame from -123 on.
    """
    if (
        frames.lead == ()
        or len(frames.frame) == 0
        or frames.frame[0] != FIRST_FRAME
        or (np.diff(frames.frame) != 1).any()
    ):
        raise NotAGame(
            "These frames are no whole game: a .slp file holds every frame from -123 on.",
            hint="Give all frames of one game, in order.",
        )
    packets, _ = frame_events(start, frames)
    if method is None:
        method = END_METHODS[end.reason] if end is not None else END_METHODS["void"]
    if placements is None:
        winner = None if end is None else end.winner
        placements = (1, 0) if winner == 1 else (0, 1) if winner == 0 else (0, 0)
    raw = b"".join((event_sizes(), game_start(start), *packets, game_end(method, placements, start)))
    return RAW + struct.pack(">I", len(raw)) + raw + metadata_bytes(_metadata(start, frames))


def write_slp(
    path: Path,
    start: GameStart,
    frames: Frames,
    end: GameEnd | None = None,
    *,
    method: int | None = None,
    placements: tuple[int, int] | None = None,
) -> int:
    """Write a .slp file whole (see :func:`encode_slp`); its size in bytes.

    Raises:
        NotAGame: these frames are no game.
        DiskFull: no room.
        OSError: the folder cannot be written.
    """
    data = encode_slp(start, frames, end, method=method, placements=placements)
    write_whole(path, data)
    return len(data)


def metadata_bytes(metadata: dict[str, Any]) -> bytes:
    """What follows the events and ends the file: objects, texts and 32-bit integers."""
    return b"U\x08metadata" + _ubjson(metadata) + b"}"


def _metadata(start: GameStart, frames: Frames) -> dict[str, Any]:
    players: dict[str, Any] = {}
    for side, player in enumerate(start.players):
        there = frames.players.exists[:, side] > 0
        played = np.bincount(frames.players.character[there, side], minlength=1)
        names = {"netplay": player.name} if player.name else {}
        if player.code:
            names["code"] = player.code
        players[str(player.port)] = {
            "names": names,
            "characters": {str(who): int(played[who]) for who in np.flatnonzero(played)},
        }
    return {
        "startAt": start.started_at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lastFrame": int(frames.frame[-1]),
        "players": players,
        "playedOn": start.played_on,
    }


def _ubjson(value: dict[str, Any] | str | int) -> bytes:
    """UBJSON (draft 12) as Slippi writes it: objects, texts with 8-bit lengths, 32-bit integers."""
    if isinstance(value, dict):
        return b"{" + b"".join(_text(key) + _ubjson(inner) for key, inner in value.items()) + b"}"
    if isinstance(value, str):
        return b"S" + _text(value)
    return b"l" + struct.pack(">i", value)


def _text(text: str) -> bytes:
    raw = text.encode()[:255]
    raw = raw.decode(errors="ignore").encode()
    return b"U" + bytes((len(raw),)) + raw
