from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from exphil_rt.game.frames import Frames, swapped
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.observation import IdTable, ObservationField, ObservationSchema, SchemaInvalid, default_schema
from exphil_rt.policy.parts import Parts

SCHEMA = default_schema()
ENCODER = Encoder(SCHEMA)
COLUMN = {f.name: i for i, f in enumerate(SCHEMA.of("float", items=False))}
ID_COLUMN = {f.name: i for i, f in enumerate(SCHEMA.of("id", items=False))}


def plain_encode(frames: Frames, n: int, port: int) -> tuple[list[float], list[int]]:
    """One frame of ``frames [N]``, encoded one field at a time, straight from the schema's words."""

    def fighter(group: str):
        side = port if group.startswith("own") else 1 - port
        return (frames.nanas if group.endswith("nana") else frames.players)[n][side]

    def row(field: ObservationField, value: int) -> int:
        rows = next(t.rows for t in SCHEMA.tables if t.name == field.table)
        return value + 1 if value + 1 < rows else 0

    def stage(column: str):
        if column in ("randall_x", "randall_y"):
            return frames.randall[n][int(column == "randall_y")]
        if column in ("platform_left", "platform_right"):
            return frames.platforms[n][int(column == "platform_right")]
        return getattr(frames, column)[n]

    own, other = frames.players[n][port], frames.players[n][1 - port]
    both = own.exists and other.exists
    dx = float(other.position_x - own.position_x) if both else 0.0
    dy = float(other.position_y - own.position_y) if both else 0.0
    facing = float(np.sign(dx) * own.facing)
    relative = {"dx": dx, "dy": dy, "distance": math.hypot(dx, dy), "facing": facing}

    def value(field: ObservationField, item: int = -1) -> float:
        if field.group == "items":
            it = frames.items[n][item]
            if not it.exists or it.kind in SCHEMA.left_out:
                return 0.0
            if field.column == "dx":
                raw = it.position_x - (own.position_x)
            elif field.column == "dy":
                raw = it.position_y - (own.position_y)
            elif field.column == "owner":
                raw = 0 if it.owner < 0 else 1 if it.owner == port else -1
            else:
                raw = getattr(it, field.column)
        elif field.group == "stage":
            raw = stage(field.column)
        elif field.group == "relative":
            raw = relative[field.column]
        else:
            who = fighter(field.group)
            raw = getattr(who, field.column) if who.exists else 0.0
        return min(max(float(raw) * field.scale, field.low), field.high)

    floats = [value(f) for f in SCHEMA.of("float", items=False)]
    ids = []
    for f in SCHEMA.of("id", items=False):
        if f.group == "stage":
            ids.append(row(f, int(stage(f.column))))
        else:
            who = fighter(f.group)
            ids.append(row(f, int(getattr(who, f.column))) if who.exists else 0)
    for i in range(15):
        floats += [value(f, i) for f in SCHEMA.of("float", items=True)]
        it = frames.items[n][i]
        there = it.exists and it.kind not in SCHEMA.left_out
        ids += [row(f, int(getattr(it, f.column))) if there else 0 for f in SCHEMA.of("id", items=True)]
    return floats, ids


def test_encoding_says_what_the_schema_says(make_frames):
    frames = make_frames((12,), 4)
    for port in (0, 1):
        encoded = ENCODER.encode(frames, port)
        assert encoded.floats.shape == (12, SCHEMA.num_floats)
        assert encoded.ids.shape == (12, SCHEMA.num_ids)
        for n in range(12):
            floats, ids = plain_encode(frames, n, port)
            np.testing.assert_allclose(encoded.floats[n], floats, rtol=1e-5, atol=1e-6)
            assert encoded.ids[n].tolist() == ids


def test_the_other_point_of_view_is_the_swapped_game(make_frames):
    frames = make_frames((6, 3), 1)
    mirror = swapped(frames)
    for port in (0, 1):
        mine, theirs = ENCODER.encode(frames, port), ENCODER.encode(mirror, 1 - port)
        assert np.array_equal(mine.floats, theirs.floats)
        assert np.array_equal(mine.ids, theirs.ids)


def test_both_views_and_ports_by_row_equal_single_views(make_frames):
    frames = make_frames((5, 4), 2)
    singles = [ENCODER.encode(frames, port) for port in (0, 1)]
    both = ENCODER.encode(frames, None)
    ports = np.random.default_rng(0).integers(0, 2, (5, 4))
    mixed = ENCODER.encode(frames, ports)
    for port in (0, 1):
        assert np.array_equal(both.floats[:, :, port], singles[port].floats)
        assert np.array_equal(both.ids[:, :, port], singles[port].ids)
        assert np.array_equal(mixed.floats[ports == port], singles[port].floats[ports == port])
        assert np.array_equal(mixed.ids[ports == port], singles[port].ids[ports == port])


def test_what_does_not_exist_is_not_seen(make_frames):
    frames = make_frames((4,), 3)
    frames.players.exists[:, 1] = 0
    frames.items.exists[:] = 0
    encoded = ENCODER.encode(frames, 0)
    unseen = [i for name, i in COLUMN.items() if name.startswith(("opponent.", "relative."))]
    assert not encoded.floats[:, unseen].any()
    assert not encoded.ids[:, [i for name, i in ID_COLUMN.items() if name.startswith("opponent.")]].any()
    assert not encoded.floats[:, len(COLUMN) :].any()


def test_garbage_never_reaches_the_network(make_frames):
    frames = make_frames((4,), 5)
    frames.players.position_x[:] = np.nan
    frames.players.self_y[:] = np.inf
    frames.items.position_y[:] = -np.inf
    frames.players.state[:] = 65535
    frames.players.character[:] = 255
    encoded = ENCODER.encode(frames, None)
    assert np.isfinite(encoded.floats).all()
    assert np.abs(encoded.floats).max() <= 5.0
    rows = {t.name: t.rows for t in SCHEMA.tables}
    for field, i in zip(SCHEMA.of("id", items=False), range(99), strict=False):
        assert (encoded.ids[..., i] < rows[field.table]).all()
    assert not encoded.ids[..., ID_COLUMN["own.state"]].any()


def test_input_frames_are_left_alone(make_frames):
    frames = make_frames((4,), 6)
    before = frames.copy()
    ENCODER.encode(frames, None)
    assert all(np.array_equal(a, b) for a, b in zip(frames.arrays().values(), before.arrays().values(), strict=True))


def test_a_schema_travels_as_data_and_may_be_smaller(make_frames):
    small = ObservationSchema(
        fields=(
            ObservationField(name="x", source="own.position_x", scale=0.01, low=-9, high=9),
            ObservationField(name="p", source="opponent.percent", scale=0.01, low=0, high=9),
            ObservationField(name="who", source="opponent.character", kind="id", table="c"),
        ),
        tables=(IdTable(name="c", rows=34, width=4),),
    )
    again = msgspec.json.decode(msgspec.json.encode(small), type=ObservationSchema)
    assert again == small
    frames = make_frames((3,), 7)
    frames.players.exists[:] = 1
    encoded = Encoder(again).encode(frames, 1)
    np.testing.assert_allclose(encoded.floats[:, 0], frames.players.position_x[:, 1] * 0.01, rtol=1e-6)
    np.testing.assert_allclose(encoded.floats[:, 1], frames.players.percent[:, 0] * 0.01, rtol=1e-6)
    assert np.array_equal(encoded.ids[:, 0], frames.players.character[:, 0].astype(int) + 1)
    assert msgspec.json.decode(msgspec.json.encode(SCHEMA), type=ObservationSchema) == SCHEMA


def _with(**changes: object) -> ObservationSchema:
    first = msgspec.structs.replace(SCHEMA.fields[0], **changes)
    return msgspec.structs.replace(SCHEMA, fields=(first, *SCHEMA.fields[1:]))


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        (_with(source="own.mood"), "own.mood"),
        (_with(source="own.flags"), "own.flags"),
        (_with(source="judge.position_x"), "judge.position_x"),
        (_with(source="relative.dx"), "order"),
        (_with(name="own.percent"), "twice"),
        (_with(scale=math.inf), "scale"),
        (_with(low=2.0), "clip"),
        (_with(kind="id", table="colour"), "colour"),
        (msgspec.structs.replace(SCHEMA, fields=()), "1 to 512"),
        (msgspec.structs.replace(SCHEMA, left_out=(-1,)), "kinds of items"),
        (msgspec.structs.replace(SCHEMA, tables=(IdTable(name="action_state", rows=10**9, width=4),)), "size"),
        (
            msgspec.structs.replace(SCHEMA, fields=tuple(f for f in SCHEMA.fields if f.name != "items.exists")),
            "items.exists",
        ),
    ],
)
def test_an_impossible_schema_is_refused_by_name(schema, word):
    with pytest.raises(SchemaInvalid, match=word):
        Encoder(schema)


def test_real_frames_stay_within_their_clips(replays_dir: Path):
    from exphil_rt.replays import read_replay

    frames = read_replay(replays_dir / "matches" / "items.slp", rollback="first").frames
    assert frames.items.exists.any()
    encoded = ENCODER.encode(frames, None)
    assert np.isfinite(encoded.floats).all()
    for n in (0, 500, frames.lead[0] // 2, frames.lead[0] - 1):
        for port in (0, 1):
            floats, ids = plain_encode(frames, n, port)
            np.testing.assert_allclose(encoded.floats[n, port], floats, rtol=1e-4, atol=1e-5)
            assert encoded.ids[n, port].tolist() == ids
    # Positions are seldom at the clip: the scale leaves room for the whole stage.
    clipped = np.abs(encoded.floats[..., COLUMN["own.position_x"]]) >= 5.0
    assert clipped.mean() < 0.01


def test_props_are_not_observed_unless_the_schema_is_older_than_they(make_frames):
    """The embedded game has no turtle in Mr. Game & Watch's hand: who learned to see it would miss it there."""
    frames = make_frames((3,), 5)
    frames.items.exists[:] = 0
    frames.items.exists[:, :2], frames.items.kind[:, 0], frames.items.kind[:, 1] = 1, 118, 54
    whole = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(SCHEMA, left_out=())))
    del whole["left_out"]
    older = Encoder(msgspec.convert(whole, ObservationSchema))
    for encoder, seen in ((ENCODER, [1]), (older, [0, 1])):
        flat = encoder.encode(frames, 0).floats[:, encoder.num_flat_floats :].reshape(3, 15, -1)
        assert np.flatnonzero(flat[0, :, 0]).tolist() == seen
        assert encoder.item_rows(frames, 0).slot.tolist() == seen * 3
    frames.items.kind[:, 1] = 119
    assert not ENCODER.encode(frames, None).ids[..., ENCODER.num_flat_ids :].any()


def test_parts_of_both_views_assemble_to_what_is_encoded(make_frames):
    for nana, items in ((True, True), (False, True), (True, False), (False, False)):
        schema = default_schema(nana=nana, items=items)
        encoder = Encoder(schema)
        frames = make_frames((2500,), 3)  # more than two blocks
        widths = encoder.part_widths
        shapes = (
            (2, widths.players), (2, widths.nanas), (widths.stage,), (2, widths.relative),
            (2, widths.player_ids), (2, widths.nana_ids), (widths.stage_ids,),
        )  # fmt: skip
        arrays = [np.empty((2500, *s), np.float32 if i < 4 else np.int16) for i, s in enumerate(shapes)]
        parts = Parts(*arrays)
        encoder.encode_parts(frames, parts)
        for port in (0, 1):
            floats = np.empty((2500, encoder.num_flat_floats), np.float32)
            ids = np.empty((2500, encoder.num_flat_ids), np.int64)
            encoder.assemble(parts, port, floats, ids)
            wanted = encoder.encode(frames, port)
            assert np.array_equal(floats, wanted.floats[:, : encoder.num_flat_floats])
            assert np.array_equal(ids, wanted.ids[:, : encoder.num_flat_ids])
            rows = encoder.item_rows(frames, port)
            dense = wanted.floats[:, encoder.num_flat_floats :].reshape(2500, 15, -1)
            if widths.item_floats:
                assert np.array_equal(dense[rows.frame, rows.slot], rows.floats)
                assert np.count_nonzero(dense[..., 0]) == len(rows.frame)


def test_parts_of_the_observation_are_chosen_by_name():
    groups = {field.group for field in default_schema(nana=False).fields}
    assert "own_nana" not in groups
    assert {"own", "items"} <= groups
    small = default_schema(nana=False, items=False)
    small.check()
    assert {table.name for table in small.tables} == {"action_state", "character", "stage"}
    assert default_schema() == SCHEMA


def test_one_live_frame_is_a_row_of_the_batch(make_frames):
    frames = make_frames((50,), 8)
    whole = ENCODER.encode(frames, 1)
    for t in (0, 17, 49):
        for live in (frames[t : t + 1], frames[t]):
            one = ENCODER.encode(live, 1)
            assert np.array_equal(one.floats.reshape(-1), whole.floats[t])
            assert np.array_equal(one.ids.reshape(-1), whole.ids[t])


def test_only_whole_numbers_may_be_looked_up():
    field = ObservationField(name="p", source="own.percent", kind="id", table="c")
    schema = ObservationSchema(fields=(field,), tables=(IdTable(name="c", rows=10, width=2),))
    with pytest.raises(SchemaInvalid, match=r"looks up 'own\.percent', which is no id"):
        schema.check()
