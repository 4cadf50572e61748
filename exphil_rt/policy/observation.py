"""Observation schema and encoder: frames to floats and ids, from one player's point of view.

The schema is data and travels whole in a bundle; the encoder is built from it, so a field that is added later never
orphans a policy. Categories stay ids: the network embeds them. numpy only.
"""

from __future__ import annotations

import dataclasses
import math
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


def default_schema() -> ObservationSchema:
    """What policies observe unless told otherwise: both fighters, both Nanas, the stage, distances, 15 items."""

    def f(name: str, unit: str, scale: float, low: float, high: float, as_name: str = "") -> ObservationField:
        return ObservationField(name=as_name or name, source=name, unit=unit, scale=scale, low=low, high=high)

    return ObservationSchema(
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


class _Part(msgspec.Struct):
    """Columns of one source, and where a group's fields stand among them."""

    columns: list[str]
    picks: dict[str, slice | list[int]]

    @classmethod
    def of(cls, groups: tuple[str, ...], fields: tuple[ObservationField, ...]) -> _Part:
        wanted: dict[str, list[str]] = {g: [f.column for f in fields if f.group == g] for g in groups}
        first = wanted[groups[0]]
        same = all(columns == first for columns in wanted.values())
        columns = list(first) if same else list(dict.fromkeys(c for g in groups for c in wanted[g]))
        picks: dict[str, slice | list[int]] = {
            g: slice(None) if same else [columns.index(c) for c in wanted[g]] for g in groups
        }
        return cls(columns, picks)


class Encoder:
    """Encodes frames by a schema. Holds no state between calls.

    Raises:
        SchemaInvalid: for a schema that this version cannot encode.
    """

    def __init__(self, schema: ObservationSchema) -> None:
        schema.check()
        self.schema = schema
        floats, ids = schema.of("float", items=False), schema.of("id", items=False)
        item_floats, item_ids = schema.of("float", items=True), schema.of("id", items=True)
        self._players = _Part.of(("own", "opponent"), floats)
        self._nanas = _Part.of(("own_nana", "opponent_nana"), floats)
        self._stage = [f.column for f in floats if f.group == "stage"]
        self._relative = [f.column for f in floats if f.group == "relative"]
        self._items = [f.column for f in item_floats]
        self._ids = ids
        self._item_ids = item_ids
        self._num_floats, self._num_ids = schema.num_floats, schema.num_ids
        self._rows = {table.name: table.rows for table in schema.tables}
        every = [*floats, *(list(item_floats) * MAX_ITEMS)]
        self._scale = np.asarray([f.scale for f in every], np.float32)
        self._low = np.asarray([f.low for f in every], np.float32)
        self._high = np.asarray([f.high for f in every], np.float32)

    def encode(self, frames: Frames, port: int | ArrayLike | None) -> Encoded:
        """Frames ``[*L]`` as player ``port`` sees them.

        Args:
            port: 0 or 1, an array of these of shape ``[*L]``, or None for both points of view: the result then has
                a leading shape ``[*L, 2]``.
        """
        view = _View(frames, port)
        floats = np.zeros((*view.lead, self._num_floats), np.float32)
        place = self._fighters(floats, 0, frames.players, self._players, view)
        place = self._fighters(floats, place, frames.nanas, self._nanas, view)
        for column in self._stage:
            floats[..., place] = view.shared(_stage_column(frames, column))
            place += 1
        if self._relative:
            for i, values in enumerate(_relative(frames, view, self._relative)):
                floats[..., place + i] = values
            place += len(self._relative)
        if self._items:
            self._encode_items(floats[..., place:], frames, view)
        floats *= self._scale
        np.clip(floats, self._low, self._high, out=floats)
        bad = np.isnan(floats)
        if bad.any():
            floats[bad] = 0.0
        return Encoded(floats, self._encode_ids(frames, view))

    @staticmethod
    def _fighters(out: NDArray[np.float32], place: int, columns: PlayerColumns, part: _Part, view: _View) -> int:
        if not part.columns:
            return place
        raw = np.empty((*columns.exists.shape, len(part.columns)), np.float32)  # [*L, 2, C]
        for i, name in enumerate(part.columns):
            raw[..., i] = getattr(columns, name)
        raw[columns.exists == 0] = 0.0
        for (_, pick), other in zip(part.picks.items(), (False, True), strict=True):
            side = view.side(raw, other)[..., pick]
            out[..., place : place + side.shape[-1]] = side
            place += side.shape[-1]
        return place

    def _encode_items(self, out: NDArray[np.float32], frames: Frames, view: _View) -> None:
        items = frames.items
        exists = items.exists != 0
        if not exists.any():  # most games, most of the time
            return
        block = np.empty((*view.lead, MAX_ITEMS, len(self._items)), np.float32)
        for i, name in enumerate(self._items):
            if name in ("dx", "dy"):
                axis = "position_x" if name == "dx" else "position_y"
                own = view.side(getattr(frames.players, axis)[..., None], other=False)  # [*V, 1]
                block[..., i] = view.shared(getattr(items, axis), behind=1) - own
            elif name == "owner":
                owner = view.shared(items.owner, behind=1)
                block[..., i] = np.where(owner < 0, 0, np.where(owner == view.port[..., None], 1, -1))
            else:
                block[..., i] = view.shared(getattr(items, name), behind=1)
        block[~np.broadcast_to(view.shared(exists, behind=1), block.shape[:-1])] = 0.0
        out[...] = block.reshape(out.shape)

    def _encode_ids(self, frames: Frames, view: _View) -> NDArray[np.int64]:
        ids = np.zeros((*view.lead, self._num_ids), np.int64)
        of_both: dict[tuple[bool, str], NDArray[np.int64]] = {}  # rows of a column of both fighters, [*L, 2, 1]
        for i, field in enumerate(self._ids):
            rows = self._rows[field.table]
            if field.group == "stage":
                ids[..., i] = view.shared(_row(_stage_column(frames, field.column), rows, None))
                continue
            key = (field.group.endswith("nana"), field.column)
            if key not in of_both:
                columns = frames.nanas if key[0] else frames.players
                of_both[key] = _row(getattr(columns, field.column), rows, columns.exists)[..., None]
            ids[..., i] = view.side(of_both[key], field.group.startswith("opponent"))[..., 0]
        place = len(self._ids)
        if self._item_ids and frames.items.exists.any():
            for i, field in enumerate(self._item_ids):
                values = _row(getattr(frames.items, field.column), self._rows[field.table], frames.items.exists)
                ids[..., place + i :: len(self._item_ids)] = view.shared(values, behind=1)
        return ids


class _View:
    """One or both points of view on frames."""

    def __init__(self, frames: Frames, port: int | ArrayLike | None) -> None:
        lead = frames.lead
        self.both = port is None
        self.single: int | None = int(port) if isinstance(port, int | np.integer) else None
        ports = np.arange(2) if port is None else np.asarray(port, np.intp)
        self.lead = (*lead, 2) if self.both else lead
        self.port = np.broadcast_to(ports, self.lead)

    def side(self, raw: NDArray[Any], other: bool) -> NDArray[Any]:
        """From ``[*L, 2, C]`` the viewer's own or the other player's ``[*V, C]``."""
        if self.both:
            return raw[..., ::-1, :] if other else raw
        if self.single is not None:
            return raw[..., 1 - self.single if other else self.single, :]
        index = (1 - self.port if other else self.port)[..., None, None]
        return np.take_along_axis(raw, index, -2)[..., 0, :]

    def shared(self, values: NDArray[Any], behind: int = 0) -> NDArray[Any]:
        """What both players see alike, ``[*L, ...]``, made to broadcast against ``[*V, ...]``."""
        return np.expand_dims(values, values.ndim - behind) if self.both else values


def _row(values: NDArray[Any], rows: int, exists: NDArray[Any] | None) -> NDArray[np.int64]:
    """Table rows of ids: id + 1, or 0 where it is absent or the table does not know it."""
    found = values.astype(np.int64)
    known = found < rows - 1
    known &= found >= 0
    if exists is not None:
        known &= exists != 0
    found += 1
    found *= known
    return found


def _stage_column(frames: Frames, column: str) -> NDArray[Any]:
    if column.startswith("randall"):
        return frames.randall[..., int(column == "randall_y")]
    if column.startswith("platform"):
        return frames.platforms[..., int(column == "platform_right")]
    return np.asarray(getattr(frames, column))


def _relative(frames: Frames, view: _View, columns: list[str]) -> list[NDArray[Any]]:
    players = frames.players
    raw = np.stack([players.position_x, players.position_y, players.facing], -1)  # [*L, 2, 3]
    own, opponent = view.side(raw, other=False), view.side(raw, other=True)
    both = view.shared((players.exists != 0).all(-1))
    dx = np.where(both, opponent[..., 0] - own[..., 0], 0.0)
    dy = np.where(both, opponent[..., 1] - own[..., 1], 0.0)
    found: list[NDArray[Any]] = []
    for column in columns:
        if column == "dx":
            found.append(dx)
        elif column == "dy":
            found.append(dy)
        elif column == "distance":
            found.append(np.hypot(dx, dy))
        else:
            found.append(np.sign(dx) * own[..., 2])
    return found
