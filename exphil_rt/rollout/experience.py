"""Rollout: what one learner update is made from, as columns over an experience slot.

T + 1 rows of N training games, written by the rollout loop and read by the learner in another process without a
copy. How rewards and advantages come from it is in ``exphil_rt.training``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.columns import Columns, column, nested
from exphil_rt.game.frames import F32, I32, PLAYERS, U8, Frames

ACTION_PARTS: Final = 13
"""Most parts that an action has (``exphil_rt.policy.codec``); behind the parts of a smaller one stand zeros."""

IN_PLAY: Final = 0
OVER: Final = 1
CUT: Final = 2
IDLE: Final = 3

_MAGIC: Final = 0x45585052_4C4C3031
_HEADER: Final = struct.Struct("<8q")
_HEADER_BYTES: Final = 64


def padded(actions: U8) -> U8:
    """Actions ``[..., K]`` as experience and recordings hold them, ``[..., 13]``."""
    missing = ACTION_PARTS - actions.shape[-1]
    return np.pad(actions, [(0, 0)] * (actions.ndim - 1) + [(0, missing)]) if missing else actions


class RolloutInvalid(ExphilError):
    """An experience slot that does not hold the rollout it should."""


@dataclass(slots=True)
class Steps(Columns):
    """Rows ``[T + 1, N]``. Row t + 1 shows what came of the actions of row t; row T is row 0 of the next rollout."""

    frames: Frames = nested(Frames)
    """The frame that was decided on."""
    game_id: NDArray[np.int64] = column(np.int64)
    ended: U8 = column(np.uint8)
    """0 in play; 1 the game's last frame, decided by stocks or timer; 2 its last frame, cut at the frame limit; 3 no
    game (nothing else in the row counts). A last frame has no action; the row after it may start the next game."""
    reset: U8 = column(np.uint8)
    """1 on the first row of a game: the recurrent state is zeroed before it."""
    actions: U8 = column(np.uint8, PLAYERS, ACTION_PARTS)
    """What each port decided, due at frame + delay + 1."""
    logp: F32 = column(np.float32, PLAYERS)
    """Log-probability of the action under the policy that chose it."""
    value: F32 = column(np.float32, PLAYERS)
    """The value that this policy gave the row; also on last frames that were cut, and on row T."""
    learn: U8 = column(np.uint8, PLAYERS)
    """1 where the port's decision may be learned from."""
    version: I32 = column(np.int32, PLAYERS)
    """Update (or version) of the policy that decided."""


@dataclass(frozen=True, slots=True)
class RolloutShape:
    """What fixes a rollout's layout: T steps, N games, Dmax pending actions, S floats of recurrent state a port."""

    steps: int
    games: int
    dmax: int
    state: int

    @property
    def nbytes(self) -> int:
        """Bytes of one experience slot."""
        return _HEADER_BYTES + Steps.nbytes((self.steps + 1, self.games)) + self._pending + self._state_bytes

    @property
    def _pending(self) -> int:
        return (self.steps + 1) * self.games * PLAYERS * self.dmax * (ACTION_PARTS + 1)

    @property
    def _state_bytes(self) -> int:
        return self.games * PLAYERS * self.state * 4


@dataclass(slots=True)
class Rollout:
    """One experience slot as arrays that view it.

    Attributes:
        steps: the rows ``[T + 1, N]``.
        state: recurrent state ``[N, 2, S]`` of the learning policy before row 0; zeros for other ports.
        committed: actions already due after the row's frame ``[T + 1, N, 2, Dmax, 13]``, and their ``mask``.
    """

    shape: RolloutShape
    steps: Steps
    state: F32
    committed: U8
    mask: U8

    @classmethod
    def over(cls, buffer: memoryview, shape: RolloutShape) -> Rollout:
        """View ``buffer`` as a rollout of this shape; its content is whatever lies there.

        Raises:
            RolloutInvalid: where the buffer is too small.
        """
        if len(buffer) < shape.nbytes:
            raise RolloutInvalid(
                f"An experience slot of {len(buffer)} bytes cannot hold {shape.steps} steps of {shape.games} games "
                f"({shape.nbytes} bytes).",
                hint="The daemon sizes the pool with RolloutShape.nbytes.",
            )
        lead = (shape.steps + 1, shape.games)
        place = _HEADER_BYTES
        state: F32 = _view(buffer, np.float32, (shape.games, PLAYERS, shape.state), place)
        place += shape._state_bytes
        steps = Steps.over(buffer, lead, place)
        place += Steps.nbytes(lead)
        committed: U8 = _view(buffer, np.uint8, (*lead, PLAYERS, shape.dmax, ACTION_PARTS), place)
        mask: U8 = _view(buffer, np.uint8, (*lead, PLAYERS, shape.dmax), place + committed.size)
        return cls(shape, steps, state, committed, mask)

    @classmethod
    def allocate(cls, shape: RolloutShape) -> Rollout:
        """A rollout of zeros in memory of its own."""
        return cls.over(memoryview(bytearray(shape.nbytes)), shape)

    @property
    def frames(self) -> Frames:
        """The frames ``[T + 1, N]``."""
        return self.steps.frames


def seal(buffer: memoryview, shape: RolloutShape, generation: int) -> None:
    """Mark a slot as a whole rollout of this generation; the last write of whoever filled it."""
    _HEADER.pack_into(buffer, 0, _MAGIC, generation, shape.steps, shape.games, shape.dmax, shape.state, 0, 0)


def unseal(buffer: memoryview) -> None:
    """Mark a slot as not whole; the first write of whoever fills it."""
    _HEADER.pack_into(buffer, 0, *([0] * 8))


def open_sealed(buffer: memoryview, shape: RolloutShape, generation: int) -> Rollout:
    """The whole rollout of this generation in ``buffer``.

    Raises:
        RolloutInvalid: where the slot is not whole, is of another generation or of another shape.
    """
    magic, found, steps, games, dmax, state, _, _ = _HEADER.unpack_from(buffer, 0)
    if magic != _MAGIC:
        raise RolloutInvalid("The experience slot is not a whole rollout.", hint="Its writer ended in the middle.")
    if found != generation:
        raise RolloutInvalid(f"The experience slot is of generation {found}, not {generation}.")
    if (steps, games, dmax, state) != (shape.steps, shape.games, shape.dmax, shape.state):
        raise RolloutInvalid(
            f"The experience slot holds {steps} steps of {games} games with Dmax {dmax} and state {state}, "
            f"where {shape.steps}, {shape.games}, {shape.dmax} and {shape.state} are expected.",
            hint="Rollout worker and learner must start from the same policy.",
        )
    return Rollout.over(buffer, shape)


def _view(buffer: memoryview, dtype: Any, shape: tuple[int, ...], offset: int) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype, int(np.prod(shape)), offset).reshape(shape)
