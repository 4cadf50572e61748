"""Recordings: a game as its setup and both players' committed actions, from which it is replayed exactly.

Packed with msgpack and zlib, a few kilobytes a minute. Who keeps them, and .slp files, are not in here.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Final

import msgspec
import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import PLAYERS, U8, Frames
from exphil_rt.game.lane import GameEnd, GameSetup, Lane
from exphil_rt.messages.rollout import GameSpec
from exphil_rt.policy.codec import ActionCodec, CodecInvalid
from exphil_rt.rollout.experience import ACTION_PARTS, padded

FORMAT: Final = 1
MAX_PACKED: Final = 1 << 20
"""Bytes of a packed recording; a game whose recording is larger has none."""
MAX_FRAMES: Final = 40_000
"""More than the 8-minute timer and the entry."""


class RecordingInvalid(ExphilError):
    """Bytes that are no recording, or one that cannot be replayed here."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A packed recording's content."""

    format: int
    physics: str
    game: GameSpec
    frames: int
    digest: str
    """blake2b-128 of ``actions``, hex."""
    actions: bytes
    """uint8 ``[frames, 2, 13]``: the actions committed for frame -122 and on."""
    codec: ActionCodec = ActionCodec()
    """What they mean."""


def setup_of(game: GameSpec) -> GameSetup:
    """The lane's setup of a game."""
    return GameSetup(
        game_id=game.game_id,
        stage=game.stage,
        characters=game.characters,
        seed=game.seed,
        stocks=game.stocks,
        timer_frames=game.timer_frames,
        max_frames=game.max_frames,
    )


def digest_of(actions: U8) -> str:
    """blake2b-128 of the committed actions ``[F, 2, 13]``, hex."""
    return hashlib.blake2b(np.ascontiguousarray(actions).tobytes(), digest_size=16).hexdigest()


def pack(game: GameSpec, physics: str, actions: U8, codec: ActionCodec | None = None) -> bytes:
    """Pack the committed actions ``[F, 2, 13]`` of a game; empty bytes where the result is too large."""
    recording = Recording(
        format=FORMAT,
        physics=physics,
        game=game,
        frames=len(actions),
        digest=digest_of(actions),
        actions=np.ascontiguousarray(actions).tobytes(),
        codec=codec or ActionCodec(),
    )
    packed = zlib.compress(msgspec.msgpack.encode(recording), 6)
    return packed if len(packed) <= MAX_PACKED else b""


def unpack(packed: bytes) -> Recording:
    """Read a packed recording.

    Raises:
        RecordingInvalid: for anything that is not whole.
    """
    largest = MAX_FRAMES * PLAYERS * ACTION_PARTS + 4096
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(packed, largest)
        if not inflater.eof:
            raise RecordingInvalid("The recording is cut off or larger than any game.")
        recording = msgspec.msgpack.decode(raw, type=Recording)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise RecordingInvalid(f"The recording cannot be read: {error}.") from None
    if recording.format != FORMAT:
        raise RecordingInvalid(
            f"The recording has format {recording.format}, this version reads {FORMAT}.", hint="Upgrade exphil-rt."
        )
    if len(recording.actions) != recording.frames * PLAYERS * ACTION_PARTS:
        raise RecordingInvalid("The recording's inputs do not match its count of frames.")
    if digest_of(actions_of(recording)) != recording.digest:
        raise RecordingInvalid("The recording's inputs do not match its digest.")
    try:
        recording.codec.check()
    except CodecInvalid as error:
        raise RecordingInvalid(f"The recording cannot be read: {error.message}") from None
    sizes = padded(np.array(recording.codec.sizes, np.uint8) - 1)
    if (actions_of(recording) > sizes).any():
        raise RecordingInvalid("The recording has inputs that no controller can give.")
    return recording


def actions_of(recording: Recording) -> U8:
    """The committed actions ``[F, 2, 13]``."""
    return np.frombuffer(recording.actions, np.uint8).reshape(recording.frames, PLAYERS, ACTION_PARTS)


def replay(recording: Recording, lane: Lane, slot: int = 0) -> tuple[Frames, GameEnd | None]:
    """Play a recording again in ``slot`` of ``lane``.

    Returns:
        All frames ``[F + 1]`` from -123 on, and how the game ended (None where the recording stops earlier).

    Raises:
        RecordingInvalid: where the lane's physics is not the recording's.
    """
    if lane.physics != recording.physics:
        raise RecordingInvalid(
            f"The recording was made with physics {recording.physics}, the lane has {lane.physics}.",
            hint="Replay it with the version that made it.",
        )
    actions = actions_of(recording)
    codec = recording.codec
    frames = Frames.allocate((len(actions) + 1,))
    slots = np.array([slot], np.int32)
    lane.start(slot, setup_of(recording.game))
    frames.assign(slice(0, 1), lane.frames(slots))
    for i, action in enumerate(actions):
        due = frames.frame[i : i + 1] + 1
        lane.commit(slots, codec.decode(action[None, :, : codec.num_heads]), due)
        frames.assign(slice(i + 1, i + 2), lane.frames(slots))
        for end in lane.ended():
            if end.slot == slot:
                return frames[: i + 2], end
    return frames, None
