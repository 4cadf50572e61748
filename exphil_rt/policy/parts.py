"""Encoded frames as arrays: whole from one point of view, or in the parts that a data set stores for both."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class Encoded:
    """Frames from one point of view: floats f32 ``[*L, F]``, ids i64 ``[*L, I]`` (rows of the schema's tables)."""

    floats: NDArray[np.float32]
    ids: NDArray[np.int64]


class ItemRows(msgspec.Struct, frozen=True):
    """The items that exist, encoded from one point of view: K rows in the order of frames, then slots."""

    frame: NDArray[np.int64]
    """``[K]`` place of the frame in the encoded stretch."""
    slot: NDArray[np.int64]
    """``[K]`` 0..14."""
    floats: NDArray[np.float32]
    """``[K, Fi]``."""
    ids: NDArray[np.int64]
    """``[K, Ii]``."""


class Parts(msgspec.Struct, frozen=True):
    """Frames ``[T]`` encoded once for both points of view: what a data set stores, and ``assemble`` puts together.

    Which columns a part has follows from the schema (``Encoder.part_widths``).
    """

    players: NDArray[np.float32]
    """``[T, 2, C]``."""
    nanas: NDArray[np.float32] | None
    """``[T, 2, C]``; None where no Nana is in the game."""
    stage: NDArray[np.float32]
    """``[T, C]``."""
    relative: NDArray[np.float32]
    """``[T, 2, C]``, by who looks."""
    player_ids: NDArray[np.int16]
    """``[T, 2, C]``."""
    nana_ids: NDArray[np.int16] | None
    stage_ids: NDArray[np.int16]
    """``[T, C]``."""

    def __getitem__(self, place: slice) -> Parts:
        """A stretch of the frames: views."""
        return Parts(
            self.players[place],
            None if self.nanas is None else self.nanas[place],
            self.stage[place],
            self.relative[place],
            self.player_ids[place],
            None if self.nana_ids is None else self.nana_ids[place],
            self.stage_ids[place],
        )


class PartWidths(msgspec.Struct, frozen=True):
    """Columns of each part."""

    players: int
    nanas: int
    stage: int
    relative: int
    player_ids: int
    nana_ids: int
    stage_ids: int
    item_floats: int
    item_ids: int
