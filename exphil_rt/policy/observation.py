"""The observation schema: what a policy is shown, declared once as data.

It travels whole in data sets and bundles, and the encoder (``encoder``) is built from it, so a field that is added
later never orphans a policy. Categories stay ids: the network embeds them.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Final, Literal

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import MAX_ITEMS, ItemColumns, PlayerColumns

Group = Literal["own", "opponent", "own_nana", "opponent_nana", "stage", "relative", "items"]
GROUPS: Final = ("own", "opponent", "own_nana", "opponent_nana", "stage", "relative", "items")
"""Where a field's source begins, in the order in which a schema lists its fields."""
_FIGHTERS: Final = GROUPS[:4]

MAX_FIELDS: Final = 512
MAX_TABLE_ROWS: Final = 4096
MAX_TABLE_WIDTH: Final = 256
MAX_KINDS: Final = 1 << 16

_STAGE_SOURCES: Final = (
    "stage", "stadium", "randall_x", "randall_y", "platform_left", "platform_right", "frame",
)  # fmt: skip
_RELATIVE_SOURCES: Final = ("dx", "dy", "distance", "facing")
_ITEM_SOURCES: Final = ("dx", "dy", "owner")  # computed; the other item sources are columns


PROPS: Final = (
    51,  # Kirby's hammer
    56, 57,  # the shadows that Fox and Falco leave behind
    62, 63, 87, 96, 97, 113,  # hookshots, Yoshi's tongue, Samus's beam, Sheik's chain, the Ice Climbers' rope
    74, 75, 76, 77,  # blasters and bows in the hand
    80,  # needles in the hand
    83, 84, 85,  # capes, Sheik's smoke
    98, 101, 102, 103, 104,  # Peach's bomber, Ness's bat and yo-yo, Peach's parasol and Toad
    114, 115, 116, 117, 118, 119, 120, 121, 124,  # Mr. Game & Watch's: spray, manhole, matches, parachute, ...
    123,  # Young Link's milk
    210,  # Shy Guys
)  # fmt: skip
"""Items (Slippi's type ids) that are part of a fighter's own move, which its action state tells, and scenery. Replays
and consoles have them and the embedded game does not: who learned to see a turtle with every back air would miss it."""


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
    left_out: tuple[int, ...] = ()
    """Kinds of items that are not observed, as if they did not exist."""

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
        if len(self.left_out) > MAX_KINDS or not all(0 <= kind < MAX_KINDS for kind in self.left_out):
            raise SchemaInvalid(f"An observation schema leaves out kinds of items from 0 to {MAX_KINDS - 1}.")
        if "items" in {f.group for f in self.fields}:
            first = self.of("float", items=True)
            if not first or first[0].column != "exists":
                raise SchemaInvalid("The observation schema's first item field is not items.exists.")


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
    """What policies observe unless told otherwise: both fighters, both Nanas, the stage, distances, 15 items but PROPS.

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
        left_out=PROPS,
    )
    left_out = (*(() if nana else ("own_nana", "opponent_nana")), *(() if items else ("items",)))
    fields = tuple(field for field in whole.fields if field.group not in left_out)
    used = {field.table for field in fields}
    return ObservationSchema(
        fields=fields,
        tables=tuple(table for table in whole.tables if table.name in used),
        left_out=whole.left_out if items else (),
    )
