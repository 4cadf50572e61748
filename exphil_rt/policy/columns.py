"""Columns of frames as an encoder wants them: scaled and clipped, as rows of tables, from one or both points of view.

Which of them stand where is the encoder's business.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.game.frames import Frames, PlayerColumns
from exphil_rt.policy.observation import ObservationField

Array = NDArray[Any]


class Scaling(msgspec.Struct, frozen=True):
    """Scale and clip of columns, for arrays ``[C, ...]``."""

    scale: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, fields: Sequence[ObservationField]) -> Scaling:
        return cls(*(np.asarray([getattr(f, k) for f in fields], np.float32) for k in ("scale", "low", "high")))

    def apply(self, raw: NDArray[np.float32]) -> None:
        """``raw = clip(raw * scale, low, high)`` in place; what is not a number becomes 0."""
        shape = (-1, *([1] * (raw.ndim - 1)))
        raw *= self.scale.reshape(shape)
        np.maximum(raw, self.low.reshape(shape), out=raw)
        np.minimum(raw, self.high.reshape(shape), out=raw)
        if math.isnan(raw.sum()):
            raw[np.isnan(raw)] = 0.0


class FighterColumns(msgspec.Struct, frozen=True):
    """The float fields of both players (or both Nanas): each distinct column is scaled once, for both views."""

    columns: tuple[str, ...]
    scaling: Scaling
    own: slice | list[int]
    """Which of the columns ``own`` shows, in its order."""
    other: slice | list[int]
    widths: tuple[int, int]

    @classmethod
    def of(cls, groups: tuple[str, str], fields: Sequence[ObservationField]) -> FighterColumns:
        wanted = [[f for f in fields if f.group == group] for group in groups]
        keys = [[(f.column, f.scale, f.low, f.high) for f in part] for part in wanted]
        distinct: dict[tuple[str, float, float, float], ObservationField] = {}
        for part, names in zip(wanted, keys, strict=True):
            for field, key in zip(part, names, strict=True):
                distinct.setdefault(key, field)
        order = list(distinct)
        picks: list[slice | list[int]] = [
            slice(None) if names == order else [order.index(key) for key in names] for names in keys
        ]
        return cls(
            tuple(key[0] for key in order),
            Scaling.of(tuple(distinct.values())),
            picks[0],
            picks[1],
            (len(wanted[0]), len(wanted[1])),
        )


class IdColumn(msgspec.Struct, frozen=True):
    """An id field that is not an item's."""

    stage: bool
    nana: bool
    other: bool
    """It is the opponent's."""
    column: str
    rows: int
    table: NDArray[np.int16]
    """Row of every id."""

    def of(self, columns: PlayerColumns) -> Array:
        """Table rows of both fighters ``[*L, 2]``; 0 where one is absent."""
        return np.asarray(self.table[getattr(columns, self.column)] * (columns.exists != 0))


def distinct(ids: list[IdColumn]) -> list[IdColumn]:
    """One of each column and table; ``own`` and ``opponent`` share it."""
    found: dict[tuple[str, int], IdColumn] = {}
    for one in ids:
        found.setdefault((one.column, one.rows), one)
    return list(found.values())


def place_of(ids: list[IdColumn], one: IdColumn) -> int:
    return next(i for i, other in enumerate(ids) if (other.column, other.rows) == (one.column, one.rows))


class View:
    """One or both points of view on frames with leading shape ``lead``."""

    def __init__(self, lead: tuple[int, ...], port: int | ArrayLike | None) -> None:
        self.both = port is None
        self.single: int | None = int(port) if isinstance(port, int | np.integer) else None
        self.ports: Array | None = None
        if not self.both and self.single is None:
            self.ports = np.broadcast_to(np.asarray(port, np.intp), lead)

    def side(self, values: Array, other: bool) -> Array:
        """From ``[..., *L, 2]`` the viewer's own or the other player's ``[..., *V]``."""
        if self.both:
            return values[..., ::-1] if other else values
        if self.single is not None:
            return values[..., 1 - self.single if other else self.single]
        assert self.ports is not None
        index = (1 - self.ports if other else self.ports)[..., None]
        return np.take_along_axis(values, index.reshape((*([1] * (values.ndim - index.ndim)), *index.shape)), -1)[
            ..., 0
        ]

    def shared(self, values: Array, behind: int = 0) -> Array:
        """What both players see alike, ``[*L, ...]``, made to broadcast against ``[*V, ...]``."""
        return np.expand_dims(values, values.ndim - behind) if self.both else values

    def ports_at(self, where: tuple[Array, ...]) -> list[tuple[int | Array, tuple[Any, ...]]]:
        """Who looks at the frames ``where``, and where in ``[*V]`` that is: one entry a point of view."""
        if self.both:
            return [(port, (*where, port)) for port in (0, 1)]
        if self.single is not None:
            return [(self.single, where)]
        assert self.ports is not None
        return [(self.ports[where], where)]


def columns_last(values: Array) -> Array:
    """``[C, ...]`` as ``[..., C]``; a view. (np.moveaxis takes ten times as long, which a live frame notices.)"""
    return values.transpose(*range(1, values.ndim), 0)


@functools.lru_cache(maxsize=32)
def row_table(rows: int) -> NDArray[np.int16]:
    """Row of each id 0..65535 in a table of ``rows`` rows: id + 1, or 0 where the table does not know it."""
    table = np.zeros(1 << 16, np.int16)
    table[: rows - 1] = np.arange(1, rows)
    table.flags.writeable = False
    return table


def stage_column(frames: Frames, column: str) -> Array:
    if column.startswith("randall"):
        return frames.randall[..., int(column == "randall_y")]
    if column.startswith("platform"):
        return frames.platforms[..., int(column == "platform_right")]
    return np.asarray(getattr(frames, column))


def relative_columns(frames: Frames, view: View, columns: list[str]) -> NDArray[np.float32]:
    """``[C, *V]``."""
    players = frames.players
    x, y = players.position_x, players.position_y
    dx = view.side(x, other=True) - view.side(x, other=False)
    dy = view.side(y, other=True) - view.side(y, other=False)
    exists = players.exists != 0
    if not exists.all():
        both = view.shared(exists.all(-1))
        dx, dy = dx * both, dy * both
    raw = np.empty((len(columns), *dx.shape), np.float32)
    for i, column in enumerate(columns):
        if column == "dx":
            raw[i] = dx
        elif column == "dy":
            raw[i] = dy
        elif column == "distance":
            raw[i] = np.hypot(dx, dy)
        else:
            raw[i] = np.sign(dx) * view.side(players.facing, other=False)
    return raw
