"""Recorded games as .slp: played again in the embedded game, then written as Slippi would have recorded them."""

from __future__ import annotations

from pathlib import Path

from exphil_rt.game.lane import Lane
from exphil_rt.replays.slp import GameStart, start_of_setup, write_slp
from exphil_rt.rollout.recording import MAX_PACKED, Recording, RecordingInvalid, replay, setup_of, unpack


def read_recording(path: Path) -> Recording:
    """A recording from its file.

    Raises:
        RecordingInvalid: no such file, or no recording.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(MAX_PACKED + 1)
    except OSError as error:
        raise RecordingInvalid(
            f"The recording {path} cannot be read: {error.strerror or error}.",
            hint="A run keeps its recordings in its folder under replays/ (`exphil-rt runs list --json` names it).",
        ) from None
    try:
        return unpack(packed)
    except RecordingInvalid as error:
        raise RecordingInvalid(f"{path}: {error.message}", hint=error.hint) from None


def start_of_recording(recording: Recording, started_at: str = "") -> GameStart:
    """The start block of a recorded game: the players are named by their policies."""
    first, second = (player.label or player.policy for player in recording.game.players)
    return start_of_setup(setup_of(recording.game), (first, second), started_at=started_at)


def export_recording(recording: Recording, path: Path, lane: Lane, started_at: str = "") -> int:
    """Play a recording again in slot 0 of ``lane`` and write it as a .slp file; the count of its frames.

    Raises:
        RecordingInvalid: it was made with other physics.
        DiskFull: no room for the file.
        OSError: the file cannot be written.
    """
    frames, end = replay(recording, lane)
    write_slp(path, start_of_recording(recording, started_at), frames, end)
    return len(frames.frame)
