"""Observation schema and encoder: frames to floats and ids, from one player's point of view.

The schema is data and travels whole in a bundle; the encoder is built from it, so a field that is added later never
orphans a policy. Categories stay ids: the network embeds them. numpy only.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import MAX_ITEMS, Frames, ItemColumns, PlayerColumns

Group = Literal["own", "opponent", "own_nana", "opponent_nana", "stage", "relative", "items"]
GROUPS: Final = ("own", "opponent", "own_nana", "opponent_nana", "stage", "relative", "items")
"""Where a field's source begins, in the order in which a schema lists its fields."""
_FIGHTERS: Final = GROUPS[:4]

MAX_FIELDS: Final = 512
MAX_TABLE_ROWS: Final = 4096
MAX_TABLE_WIDTH: Final = 256

_STAGE_SOURCES: Final = (
    "stage", "stadium", "randall_x", "randall_y", "platform_left", "platform_right", "frame",
)  # fmt: skip
_RELATIVE_SOURCES: Final = ("dx", "dy", "distance", "facing")
_ITEM_SOURCES: Final = ("dx", "dy", "owner")  # computed; the other item sources are columns


class SchemaInvalid(ExphilError):
    """An observation schema that this version cannot encode."""


class IdTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An embedding table. Row 0 stands for absent or unknown, id i for row i + 1."""

    name: str
    rows: int
    width: int


class ObservationField(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One observed number: ``clip(source * scale, low, high)``, or a row of a table.

    An item field is observed once for each of the 15 items. Fields of a fighter or item that does not exist are 0.
    """

    name: str
    source: str
    """``group.column``: a column of ``game.frames``, or a computed one (``relative.distance``)."""
    kind: Literal["float", "id"] = "float"
    unit: str = ""
    scale: float = 1.0
    low: float = -1.0
    high: float = 1.0
    table: str = ""

    @property
    def group(self) -> str:
        """The part of the source before the dot."""
        return self.source.partition(".")[0]

    @property
    def column(self) -> str:
        """The part of the source behind the dot."""
        return self.source.partition(".")[2]


class ObservationSchema(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a policy sees of a frame."""

    fields: tuple[ObservationField, ...]
    tables: tuple[IdTable, ...]

    def of(self, kind: Literal["float", "id"], *, items: bool) -> tuple[ObservationField, ...]:
        """Fields of one kind, those of the items or all others, in the order in which they are encoded.

        Floats come in the schema's order, ids by table, so that one lookup serves all ids of a table.
        """
        found = [f for f in self.fields if f.kind == kind and (f.group == "items") == items]
        if kind == "id":
            order = [table.name for table in self.tables]
            found.sort(key=lambda f: order.index(f.table))
        return tuple(found)

    @property
    def num_floats(self) -> int:
        """Length of an encoded frame's floats."""
        return len(self.of("float", items=False)) + MAX_ITEMS * len(self.of("float", items=True))

    @property
    def num_ids(self) -> int:
        """Length of an encoded frame's ids."""
        return len(self.of("id", items=False)) + MAX_ITEMS * len(self.of("id", items=True))

    def check(self) -> None:
        """Raise SchemaInvalid, naming the field, unless this version can encode the schema."""
        if not self.fields or len(self.fields) > MAX_FIELDS:
            raise SchemaInvalid(f"An observation schema has 1 to {MAX_FIELDS} fields, this one {len(self.fields)}.")
        tables = {table.name: table for table in self.tables}
        for table in self.tables:
            if not (2 <= table.rows <= MAX_TABLE_ROWS and 1 <= table.width <= MAX_TABLE_WIDTH):
                raise SchemaInvalid(f"Table {table.name!r} of the observation schema has an impossible size.")
        if len(tables) != len(self.tables) or len({f.name for f in self.fields}) != len(self.fields):
            raise SchemaInvalid("The observation schema names a field or a table twice.")
        known = _known_sources()
        for field in self.fields:
            if field.source not in known:
                raise SchemaInvalid(
                    f"The policy observes {field.source!r} (field {field.name!r}), which this version does not know.",
                    hint="Use the version of exphil-rt that trained it.",
                )
            if field.kind == "id" and field.source not in _id_sources():
                raise SchemaInvalid(f"Field {field.name!r} looks up {field.source!r}, which is no id.")
            if field.kind == "id" and field.table not in tables:
                raise SchemaInvalid(f"Field {field.name!r} looks up table {field.table!r}, which the schema lacks.")
            numbers = (field.scale, field.low, field.high)
            if not all(map(math.isfinite, numbers)) or field.low >= field.high:
                raise SchemaInvalid(f"Field {field.name!r} of the observation schema has an impossible scale or clip.")
        order = [GROUPS.index(field.group) for field in self.fields]
        if order != sorted(order):
            raise SchemaInvalid(f"The observation schema lists its fields in another order than {', '.join(GROUPS)}.")
        if "items" in {f.group for f in self.fields}:
            first = self.of("float", items=True)
            if not first or first[0].column != "exists":
                raise SchemaInvalid("The observation schema's first item field is not items.exists.")


@dataclass(slots=True)
class Encoded:
    """Frames from one point of view: floats f32 ``[*L, F]``, ids i64 ``[*L, I]`` (rows of the schema's tables)."""

    floats: NDArray[np.float32]
    ids: NDArray[np.int64]


def _known_sources() -> set[str]:
    fighter = {name for name, _, inner in PlayerColumns.leaves() if not inner}
    known = {f"{group}.{column}" for group in _FIGHTERS for column in fighter}
    known |= {f"stage.{column}" for column in _STAGE_SOURCES}
    known |= {f"relative.{column}" for column in _RELATIVE_SOURCES}
    known |= {f"items.{column}" for column in (*(f.name for f in dataclasses.fields(ItemColumns)), *_ITEM_SOURCES)}
    return known


def _id_sources() -> set[str]:
    """Sources that are whole numbers from 0."""
    fighter = {name for name, dtype, inner in PlayerColumns.leaves() if not inner and dtype.kind == "u"}
    known = {f"{group}.{column}" for group in _FIGHTERS for column in fighter} | {"stage.stage", "stage.stadium"}
    return known | {f"items.{name}" for name, dtype, _ in ItemColumns.leaves() if dtype.kind == "u"}


def _fighter(group: str, *, brief: bool = False) -> list[ObservationField]:
    def f(column: str, unit: str, scale: float, low: float, high: float, suffix: str = "") -> ObservationField:
        return ObservationField(
            name=f"{group}.{column}{suffix}", source=f"{group}.{column}", unit=unit, scale=scale, low=low, high=high
        )

    position = [
        f("exists", "0 or 1", 1.0, 0.0, 1.0),
        f("position_x", "world units", 1 / 60, -5.0, 5.0),
        f("position_y", "world units", 1 / 60, -5.0, 5.0),
        f("facing", "-1 or 1", 1.0, -1.0, 1.0),
        f("percent", "percent", 1 / 100, 0.0, 4.0),
        f("state_age", "frames", 1 / 60, 0.0, 2.0),
        f("airborne", "0 or 1", 1.0, 0.0, 1.0),
        f("hitstun", "frames", 1 / 30, 0.0, 3.0),
    ]
    state = ObservationField(name=f"{group}.state", source=f"{group}.state", kind="id", table="action_state")
    if brief:
        return [*position, state]
    return [
        *position,
        f("state_age", "frames", 1 / 10, 0.0, 1.0, "_fine"),
        f("stocks", "stocks", 1 / 4, 0.0, 2.0),
        f("jumps", "jumps left", 1 / 2, 0.0, 3.0),
        f("shield", "shield health", 1 / 60, 0.0, 1.0),
        f("hitlag", "frames", 1 / 10, 0.0, 2.0),
        f("hurtbox_state", "0 vulnerable, else 1", 1.0, 0.0, 1.0),
        f("self_x_air", "units a frame", 1 / 2, -4.0, 4.0),
        f("self_y", "units a frame", 1 / 2, -4.0, 4.0),
        f("self_x_ground", "units a frame", 1 / 2, -4.0, 4.0),
        f("knockback_x", "units a frame", 1 / 2, -4.0, 4.0),
        f("knockback_y", "units a frame", 1 / 2, -4.0, 4.0),
        state,
        ObservationField(name=f"{group}.character", source=f"{group}.character", kind="id", table="character"),
    ]


def default_schema(*, nana: bool = True, items: bool = True) -> ObservationSchema:
    """What policies observe unless told otherwise: both fighters, both Nanas, the stage, distances, 15 items.

    Args:
        nana: with both Nanas.
        items: with the items.
    """

    def f(name: str, unit: str, scale: float, low: float, high: float, as_name: str = "") -> ObservationField:
        return ObservationField(name=as_name or name, source=name, unit=unit, scale=scale, low=low, high=high)

    whole = ObservationSchema(
        fields=(
            *_fighter("own"),
            *_fighter("opponent"),
            *_fighter("own_nana", brief=True),
            *_fighter("opponent_nana", brief=True),
            f("stage.stadium", "transformation", 1 / 4, 0.0, 2.0),
            f("stage.randall_x", "world units", 1 / 60, -3.0, 3.0),
            f("stage.randall_y", "world units", 1 / 30, -3.0, 3.0),
            f("stage.platform_left", "world units", 1 / 30, -3.0, 3.0),
            f("stage.platform_right", "world units", 1 / 30, -3.0, 3.0),
            ObservationField(name="stage", source="stage.stage", kind="id", table="stage"),
            f("relative.dx", "world units, opponent less own", 1 / 100, -3.0, 3.0),
            f("relative.dx", "world units, opponent less own", 1 / 15, -2.0, 2.0, "relative.dx_fine"),
            f("relative.dy", "world units, opponent less own", 1 / 100, -3.0, 3.0),
            f("relative.dy", "world units, opponent less own", 1 / 15, -2.0, 2.0, "relative.dy_fine"),
            f("relative.distance", "world units", 1 / 100, 0.0, 3.0),
            f("relative.facing", "1 towards the opponent, -1 away", 1.0, -1.0, 1.0),
            f("items.exists", "0 or 1", 1.0, 0.0, 1.0),
            f("items.dx", "world units, item less own", 1 / 60, -4.0, 4.0),
            f("items.dy", "world units, item less own", 1 / 60, -4.0, 4.0),
            f("items.velocity_x", "units a frame", 1 / 2, -4.0, 4.0),
            f("items.velocity_y", "units a frame", 1 / 2, -4.0, 4.0),
            f("items.owner", "1 own, -1 opponent, 0 nobody", 1.0, -1.0, 1.0),
            f("items.state", "item state", 1 / 4, 0.0, 2.0),
            f("items.timer", "frames left", 1 / 60, 0.0, 4.0),
            ObservationField(name="items.kind", source="items.kind", kind="id", table="item"),
        ),
        tables=(
            IdTable(name="action_state", rows=401, width=24),
            IdTable(name="character", rows=34, width=12),
            IdTable(name="stage", rows=65, width=6),
            IdTable(name="item", rows=257, width=8),
        ),
    )
    left_out = (*(() if nana else ("own_nana", "opponent_nana")), *(() if items else ("items",)))
    fields = tuple(field for field in whole.fields if field.group not in left_out)
    used = {field.table for field in fields}
    return ObservationSchema(fields=fields, tables=tuple(table for table in whole.tables if table.name in used))


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


class _Scaling(msgspec.Struct, frozen=True):
    """Scale and clip of columns, for arrays ``[C, ...]``."""

    scale: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @classmethod
    def of(cls, fields: Sequence[ObservationField]) -> _Scaling:
        return cls(*(np.asarray([getattr(f, k) for f in fields], np.float32) for k in ("scale", "low", "high")))

    def apply(self, raw: NDArray[np.float32]) -> None:
        """``raw = clip(raw * scale, low, high)`` in place; what is not a number becomes 0."""
        shape = (-1, *([1] * (raw.ndim - 1)))
        raw *= self.scale.reshape(shape)
        np.maximum(raw, self.low.reshape(shape), out=raw)
        np.minimum(raw, self.high.reshape(shape), out=raw)
        if math.isnan(raw.sum()):
            raw[np.isnan(raw)] = 0.0


class _Fighters(msgspec.Struct, frozen=True):
    """The float fields of both players (or both Nanas): each distinct column is scaled once, for both views."""

    columns: tuple[str, ...]
    scaling: _Scaling
    own: slice | list[int]
    """Which of the columns ``own`` shows, in its order."""
    other: slice | list[int]
    widths: tuple[int, int]

    @classmethod
    def of(cls, groups: tuple[str, str], fields: Sequence[ObservationField]) -> _Fighters:
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
            _Scaling.of(tuple(distinct.values())),
            picks[0],
            picks[1],
            (len(wanted[0]), len(wanted[1])),
        )


class _Id(msgspec.Struct, frozen=True):
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


def _distinct(ids: list[_Id]) -> list[_Id]:
    """One of each column and table; ``own`` and ``opponent`` share it."""
    found: dict[tuple[str, int], _Id] = {}
    for one in ids:
        found.setdefault((one.column, one.rows), one)
    return list(found.values())


def _place(ids: list[_Id], one: _Id) -> int:
    return next(i for i, other in enumerate(ids) if (other.column, other.rows) == (one.column, one.rows))


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
        self._players = _Fighters.of(("own", "opponent"), floats)
        self._nanas = _Fighters.of(("own_nana", "opponent_nana"), floats)
        self._stage = [f.column for f in floats if f.group == "stage"]
        self._stage_scaling = _Scaling.of([f for f in floats if f.group == "stage"])
        self._relative = [f.column for f in floats if f.group == "relative"]
        self._relative_scaling = _Scaling.of([f for f in floats if f.group == "relative"])
        self._items = [f.column for f in item_floats]
        self._items_scaling = _Scaling.of(item_floats)
        rows = {table.name: table.rows for table in schema.tables}
        self._ids = [
            _Id(
                f.group == "stage",
                f.group.endswith("nana"),
                f.group.startswith("opponent"),
                f.column,
                rows[f.table],
                _row_table(rows[f.table]),
            )
            for f in ids
        ]
        self._item_ids = [(f.column, _row_table(rows[f.table])) for f in item_ids]
        self._player_ids = _distinct([i for i in self._ids if not i.stage and not i.nana])
        self._nana_ids = _distinct([i for i in self._ids if not i.stage and i.nana])
        self._stage_ids = [i for i in self._ids if i.stage]
        stage = iter(range(len(self._ids)))
        self._id_columns = [
            next(stage) if one.stage else _place(self._nana_ids if one.nana else self._player_ids, one)
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
            view = _View(block.lead, None)
            self._part(block.players, self._players, out.players[place])
            if out.nanas is not None:
                self._part(block.nanas, self._nanas, out.nanas[place])
            for scaling, columns, into in (
                (self._stage_scaling, [_stage_column(block, name) for name in self._stage], out.stage[place]),
                (self._relative_scaling, _relative(block, view, self._relative), out.relative[place]),
            ):
                raw = np.asarray(columns, np.float32)
                if raw.size:
                    scaling.apply(raw)
                    into[...] = _columns_last(raw)
            for i, field in enumerate(self._player_ids):
                out.player_ids[place, :, i] = field.of(block.players)
            if out.nana_ids is not None:
                for i, field in enumerate(self._nana_ids):
                    out.nana_ids[place, :, i] = field.of(block.nanas)
            for i, field in enumerate(self._stage_ids):
                out.stage_ids[place, i] = field.table[_stage_column(block, field.column)]

    @staticmethod
    def _part(columns: PlayerColumns, part: _Fighters, out: NDArray[np.float32]) -> None:
        if not part.columns:
            return
        raw = np.empty((len(part.columns), *columns.exists.shape), np.float32)  # [C, B, 2]
        for i, name in enumerate(part.columns):
            raw[i] = getattr(columns, name)
        exists = columns.exists != 0
        if not exists.all():
            raw[:, ~exists] = 0.0
        part.scaling.apply(raw)
        out[...] = _columns_last(raw)

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
        place = np.nonzero(frames.items.exists)
        raw = self._item_floats(frames, place, port)
        ids = np.zeros((len(place[0]), len(self._item_ids)), np.int64)
        for i, (column, table) in enumerate(self._item_ids):
            ids[:, i] = table[getattr(frames.items, column)[place]]
        return ItemRows(place[0], place[1], np.ascontiguousarray(raw.T), ids)

    def _block(
        self, frames: Frames, port: int | ArrayLike | None, floats: NDArray[np.float32], ids: NDArray[Any]
    ) -> None:
        view = _View(frames.lead, port)
        place = self._fighters(floats, 0, frames.players, self._players, view)
        place = self._fighters(floats, place, frames.nanas, self._nanas, view)
        if self._stage:
            raw = np.empty((len(self._stage), *frames.lead), np.float32)
            for i, column in enumerate(self._stage):
                raw[i] = _stage_column(frames, column)
            self._stage_scaling.apply(raw)
            floats[..., place : place + len(raw)] = view.shared(_columns_last(raw), behind=1)
            place += len(raw)
        if self._relative:
            raw = _relative(frames, view, self._relative)
            self._relative_scaling.apply(raw)
            floats[..., place : place + len(raw)] = _columns_last(raw)
            place += len(raw)
        self._flat_ids(ids, frames, view)
        if floats.shape[-1] > place and self._items:
            self._dense_items(floats[..., place:], ids, frames, view)

    @staticmethod
    def _fighters(out: NDArray[np.float32], place: int, columns: PlayerColumns, part: _Fighters, view: _View) -> int:
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
        out[..., place:middle] = _columns_last(view.side(raw, other=False)[part.own])
        out[..., middle:end] = _columns_last(view.side(raw, other=True)[part.other])
        return end

    def _flat_ids(self, ids: NDArray[Any], frames: Frames, view: _View) -> None:
        of_both: dict[tuple[bool, str, int], Array] = {}  # rows of a column of both fighters, [*L, 2]
        for i, field in enumerate(self._ids):
            if field.stage:
                ids[..., i] = view.shared(field.table[_stage_column(frames, field.column)])
                continue
            rows = of_both.get((field.nana, field.column, field.rows))
            if rows is None:
                rows = field.of(frames.nanas if field.nana else frames.players)
                of_both[field.nana, field.column, field.rows] = rows
            ids[..., i] = view.side(rows, field.other)

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

    def _dense_items(self, out: NDArray[np.float32], ids: NDArray[Any], frames: Frames, view: _View) -> None:
        items = frames.items
        if not items.exists.any():  # most games, most of the time
            return
        place = np.nonzero(items.exists)
        where, slot = place[:-1], place[-1]
        block = out.reshape((*out.shape[:-1], MAX_ITEMS, len(self._items)))
        for port, at in view.ports_at(where):
            block[(*at, slot)] = self._item_floats(frames, place, port).T
        width, first = len(self._item_ids), self.num_flat_ids
        for i, (column, table) in enumerate(self._item_ids):
            rows = table[getattr(items, column)[place]]
            for _, at in view.ports_at(where):
                ids[(*at, first + slot * width + i)] = rows


Array = NDArray[Any]
_BLOCK: Final = 1024
"""Frames that are encoded at a time."""


class _View:
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


def _columns_last(values: Array) -> Array:
    """``[C, ...]`` as ``[..., C]``; a view. (np.moveaxis takes ten times as long, which a live frame notices.)"""
    return values.transpose(*range(1, values.ndim), 0)


@functools.lru_cache(maxsize=32)
def _row_table(rows: int) -> NDArray[np.int16]:
    """Row of each id 0..65535 in a table of ``rows`` rows: id + 1, or 0 where the table does not know it."""
    table = np.zeros(1 << 16, np.int16)
    table[: rows - 1] = np.arange(1, rows)
    table.flags.writeable = False
    return table


def _stage_column(frames: Frames, column: str) -> Array:
    if column.startswith("randall"):
        return frames.randall[..., int(column == "randall_y")]
    if column.startswith("platform"):
        return frames.platforms[..., int(column == "platform_right")]
    return np.asarray(getattr(frames, column))


def _relative(frames: Frames, view: _View, columns: list[str]) -> NDArray[np.float32]:
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
