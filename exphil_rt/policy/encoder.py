"""The encoder: frames to floats and ids by an observation schema, from one player's point of view or from both.

The same for batches and for the one frame of a live game. numpy only.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.game.frames import MAX_ITEMS, Frames, PlayerColumns
from exphil_rt.policy.columns import (
    Array,
    FighterColumns,
    IdColumn,
    Scaling,
    View,
    columns_last,
    distinct,
    place_of,
    relative_columns,
    row_table,
    stage_column,
)
from exphil_rt.policy.observation import MAX_KINDS, ObservationSchema
from exphil_rt.policy.parts import Encoded, ItemRows, Parts, PartWidths

_BLOCK: Final = 1024
"""Frames that are encoded at a time."""


class Encoder:
    """Encodes frames by a schema: whole games in blocks, or the one frame of a live game. Holds no state.

    Raises:
        SchemaInvalid: for a schema that this version cannot encode.
    """

    def __init__(self, schema: ObservationSchema) -> None:
        schema.check()
        self.schema = schema
        floats, ids = schema.of("float", items=False), schema.of("id", items=False)
        item_floats, item_ids = schema.of("float", items=True), schema.of("id", items=True)
        self._players = FighterColumns.of(("own", "opponent"), floats)
        self._nanas = FighterColumns.of(("own_nana", "opponent_nana"), floats)
        self._stage = [f.column for f in floats if f.group == "stage"]
        self._stage_scaling = Scaling.of([f for f in floats if f.group == "stage"])
        self._relative = [f.column for f in floats if f.group == "relative"]
        self._relative_scaling = Scaling.of([f for f in floats if f.group == "relative"])
        self._items = [f.column for f in item_floats]
        self._items_scaling = Scaling.of(item_floats)
        rows = {table.name: table.rows for table in schema.tables}
        self._ids = [
            IdColumn(
                f.group == "stage",
                f.group.endswith("nana"),
                f.group.startswith("opponent"),
                f.column,
                rows[f.table],
                row_table(rows[f.table]),
            )
            for f in ids
        ]
        self._item_ids = [(f.column, row_table(rows[f.table])) for f in item_ids]
        self._shown: NDArray[np.bool_] | None = None
        """By kind of item, whether it is observed; None: all are."""
        if schema.left_out:
            self._shown = np.ones(MAX_KINDS, bool)
            self._shown[list(schema.left_out)] = False
        self._player_ids = distinct([i for i in self._ids if not i.stage and not i.nana])
        self._nana_ids = distinct([i for i in self._ids if not i.stage and i.nana])
        self._stage_ids = [i for i in self._ids if i.stage]
        stage = iter(range(len(self._ids)))
        self._id_columns = [
            next(stage) if one.stage else place_of(self._nana_ids if one.nana else self._player_ids, one)
            for one in self._ids
        ]
        """Column of its part in which each id stands."""
        self.num_flat_floats, self.num_flat_ids = len(floats), len(ids)
        """Numbers of a frame without its items, which come behind them."""
        self._num_floats, self._num_ids = schema.num_floats, schema.num_ids

    def encode(self, frames: Frames, port: int | ArrayLike | None) -> Encoded:
        """Frames ``[*L]`` as player ``port`` sees them.

        Args:
            port: 0 or 1, an array of these of shape ``[*L]``, or None for both points of view: the result then has
                a leading shape ``[*L, 2]``.
        """
        lead = (*frames.lead, 2) if port is None else frames.lead
        floats = np.zeros((*lead, self._num_floats), np.float32)
        ids = np.zeros((*lead, self._num_ids), np.int64)
        self.encode_into(frames, port, floats, ids)
        return Encoded(floats, ids)

    def encode_into(
        self, frames: Frames, port: int | ArrayLike | None, floats: NDArray[np.float32], ids: NDArray[Any]
    ) -> None:
        """As :meth:`encode`, into arrays that are there: ``[*V, F]`` and ``[*V, I]`` of any integer type.

        Arrays that end before the items (``num_flat_floats``, ``num_flat_ids``) get no items; otherwise what they
        held where no item is stays, so they begin as zeros.
        """
        lead = frames.lead
        if lead and math.prod(lead) > 2 * _BLOCK and (port is None or isinstance(port, int | np.integer)):
            step = max(_BLOCK // max(math.prod(lead[1:]), 1), 1)
            for at in range(0, lead[0], step):  # small blocks stay in the cache
                part = slice(at, at + step)
                self._block(frames[part], port, floats[part], ids[part])
        else:
            self._block(frames, port, floats, ids)

    @property
    def part_widths(self) -> PartWidths:
        """Columns of each part of :meth:`encode_parts` and of :meth:`item_rows`."""
        return PartWidths(
            len(self._players.columns),
            len(self._nanas.columns),
            len(self._stage),
            len(self._relative),
            len(self._player_ids),
            len(self._nana_ids),
            len(self._stage_ids),
            len(self._items),
            len(self._item_ids),
        )

    def encode_parts(self, frames: Frames, out: Parts) -> None:
        """Encode frames ``[T]`` for both points of view, into arrays that are there."""
        length = frames.lead[0]
        for at in range(0, length, _BLOCK):  # small blocks stay in the cache
            place = slice(at, min(at + _BLOCK, length))
            block = frames[place]
            view = View(block.lead, None)
            self._part(block.players, self._players, out.players[place])
            if out.nanas is not None:
                self._part(block.nanas, self._nanas, out.nanas[place])
            for scaling, columns, into in (
                (self._stage_scaling, [stage_column(block, name) for name in self._stage], out.stage[place]),
                (self._relative_scaling, relative_columns(block, view, self._relative), out.relative[place]),
            ):
                raw = np.asarray(columns, np.float32)
                if raw.size:
                    scaling.apply(raw)
                    into[...] = columns_last(raw)
            for i, field in enumerate(self._player_ids):
                out.player_ids[place, :, i] = field.of(block.players)
            if out.nana_ids is not None:
                for i, field in enumerate(self._nana_ids):
                    out.nana_ids[place, :, i] = field.of(block.nanas)
            for i, field in enumerate(self._stage_ids):
                out.stage_ids[place, i] = field.table[stage_column(block, field.column)]

    @staticmethod
    def _part(columns: PlayerColumns, part: FighterColumns, out: NDArray[np.float32]) -> None:
        if not part.columns:
            return
        raw = np.empty((len(part.columns), *columns.exists.shape), np.float32)  # [C, B, 2]
        for i, name in enumerate(part.columns):
            raw[i] = getattr(columns, name)
        exists = columns.exists != 0
        if not exists.all():
            raw[:, ~exists] = 0.0
        part.scaling.apply(raw)
        out[...] = columns_last(raw)

    def assemble(self, parts: Parts, port: int, floats: NDArray[np.float32], ids: NDArray[Any]) -> None:
        """The floats and ids of :meth:`encode`, but for the items, from parts ``[T]`` as ``port`` sees them."""
        place = 0
        for part, values in ((self._players, parts.players), (self._nanas, parts.nanas)):
            for pick, width, who in ((part.own, part.widths[0], port), (part.other, part.widths[1], 1 - port)):
                floats[..., place : place + width] = 0.0 if values is None else values[:, who][:, pick]
                place += width
        floats[..., place : place + len(self._stage)] = parts.stage
        place += len(self._stage)
        floats[..., place : place + len(self._relative)] = parts.relative[:, port]
        for i, (field, column) in enumerate(zip(self._ids, self._id_columns, strict=True)):
            if field.stage:
                ids[..., i] = parts.stage_ids[:, column]
            else:
                source = parts.nana_ids if field.nana else parts.player_ids
                ids[..., i] = 0 if source is None else source[:, 1 - port if field.other else port, column]

    def player_id_column(self, number: int) -> int:
        """Column of ``Parts.player_ids`` in which the schema's id field ``number`` (of those without items) stands."""
        return self._id_columns[number]

    def item_rows(self, frames: Frames, port: int) -> ItemRows:
        """The items of frames ``[T]`` that exist, as player ``port`` sees them."""
        place = np.nonzero(self._items_shown(frames))
        raw = self._item_floats(frames, place, port)
        ids = np.zeros((len(place[0]), len(self._item_ids)), np.int64)
        for i, (column, table) in enumerate(self._item_ids):
            ids[:, i] = table[getattr(frames.items, column)[place]]
        return ItemRows(place[0], place[1], np.ascontiguousarray(raw.T), ids)

    def _block(
        self, frames: Frames, port: int | ArrayLike | None, floats: NDArray[np.float32], ids: NDArray[Any]
    ) -> None:
        view = View(frames.lead, port)
        place = self._fighters(floats, 0, frames.players, self._players, view)
        place = self._fighters(floats, place, frames.nanas, self._nanas, view)
        if self._stage:
            raw = np.empty((len(self._stage), *frames.lead), np.float32)
            for i, column in enumerate(self._stage):
                raw[i] = stage_column(frames, column)
            self._stage_scaling.apply(raw)
            floats[..., place : place + len(raw)] = view.shared(columns_last(raw), behind=1)
            place += len(raw)
        if self._relative:
            raw = relative_columns(frames, view, self._relative)
            self._relative_scaling.apply(raw)
            floats[..., place : place + len(raw)] = columns_last(raw)
            place += len(raw)
        self._flat_ids(ids, frames, view)
        if floats.shape[-1] > place and self._items:
            self._dense_items(floats[..., place:], ids, frames, view)

    @staticmethod
    def _fighters(
        out: NDArray[np.float32], place: int, columns: PlayerColumns, part: FighterColumns, view: View
    ) -> int:
        end = place + sum(part.widths)
        if not part.columns:
            return end
        exists = columns.exists != 0
        there = exists.all()
        if not there and not exists.any():  # no Nana, most of the time
            out[..., place:end] = 0.0
            return end
        raw = np.empty((len(part.columns), *exists.shape), np.float32)  # [C, *L, 2]
        for i, name in enumerate(part.columns):
            raw[i] = getattr(columns, name)
        if not there:
            raw[:, ~exists] = 0.0
        part.scaling.apply(raw)
        middle = place + part.widths[0]
        out[..., place:middle] = columns_last(view.side(raw, other=False)[part.own])
        out[..., middle:end] = columns_last(view.side(raw, other=True)[part.other])
        return end

    def _flat_ids(self, ids: NDArray[Any], frames: Frames, view: View) -> None:
        of_both: dict[tuple[bool, str, int], Array] = {}  # rows of a column of both fighters, [*L, 2]
        for i, field in enumerate(self._ids):
            if field.stage:
                ids[..., i] = view.shared(field.table[stage_column(frames, field.column)])
                continue
            rows = of_both.get((field.nana, field.column, field.rows))
            if rows is None:
                rows = field.of(frames.nanas if field.nana else frames.players)
                of_both[field.nana, field.column, field.rows] = rows
            ids[..., i] = view.side(rows, field.other)

    def _items_shown(self, frames: Frames) -> NDArray[Any]:
        """Non-zero ``[*L, 15]`` where an item exists that is observed."""
        exists = frames.items.exists
        return exists if self._shown is None else (exists != 0) & self._shown[frames.items.kind]

    def _item_floats(self, frames: Frames, place: tuple[NDArray[Any], ...], port: int | Array) -> NDArray[np.float32]:
        """``[Fi, K]`` of the items at ``place`` as their ``port`` (one, or ``[K]``) sees them."""
        items, where = frames.items, place[:-1]
        raw = np.empty((len(self._items), len(place[0])), np.float32)
        for i, name in enumerate(self._items):
            if name in ("dx", "dy"):
                axis = "position_x" if name == "dx" else "position_y"
                own = getattr(frames.players, axis)[(*where, port)]
                np.subtract(getattr(items, axis)[place], own, out=raw[i])
            elif name == "owner":
                owner = items.owner[place]
                raw[i] = np.where(owner < 0, 0, np.where(owner == port, 1, -1))
            else:
                raw[i] = getattr(items, name)[place]
        self._items_scaling.apply(raw)
        return raw

    def _dense_items(self, out: NDArray[np.float32], ids: NDArray[Any], frames: Frames, view: View) -> None:
        items = frames.items
        if not items.exists.any():  # most games, most of the time
            return
        place = np.nonzero(self._items_shown(frames))
        where, slot = place[:-1], place[-1]
        block = out.reshape((*out.shape[:-1], MAX_ITEMS, len(self._items)))
        for port, at in view.ports_at(where):
            block[(*at, slot)] = self._item_floats(frames, place, port).T
        width, first = len(self._item_ids), self.num_flat_ids
        for i, (column, table) in enumerate(self._item_ids):
            rows = table[getattr(items, column)[place]]
            for _, at in view.ports_at(where):
                ids[(*at, first + slot * width + i)] = rows
