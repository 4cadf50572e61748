"""A game drawn: the camera, the stages, the fighters at their places."""

from __future__ import annotations

import fake_feed
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exphil_rt.game.ids import Stage
from exphil_rt.messages.telemetry import GameSample
from tui.figures import POSES, pose_name, shielding
from tui.glyphs import ASCII, UNICODE
from tui.raster import Raster
from tui.scene import ASCII_MARKS, INKS, Camera, aim, draw_scene, draw_small, ease, project
from tui.stages import stage_shape

P1, P2 = INKS.index("p1"), INKS.index("p2")


def duel(one: dict[str, object], two: dict[str, object], stage: int = 32) -> GameSample:
    left = msgspec.structs.replace(fake_feed.player("a", 1, -40.0, 0.0), **one)
    right = msgspec.structs.replace(fake_feed.player("b", 22, 40.0, 0.0, facing=-1.0), **two)
    return GameSample(slot=0, game_id=1, kind="exhibition", stage=stage, frame=100, players=(left, right))


def cells_of(raster: Raster, ink: int) -> set[tuple[int, int]]:
    found = set()
    for row in range(raster.rows):
        column = 0
        for text, used in raster.runs(row):
            if used == ink:
                found |= {(column + k, row) for k in range(len(text))}
            column += len(text)
    return found


def drawn(game: GameSample, columns: int = 80, rows: int = 24, *, ascii_only: bool = False) -> tuple[Raster, Camera]:
    glyphs = ASCII if ascii_only else UNICODE
    raster = Raster(columns, rows, braille=glyphs.braille, ascii_marks=ASCII_MARKS)
    camera = aim(stage_shape(game.stage), game.players, raster.width, raster.height)
    draw_scene(raster, game, camera, glyphs)
    return raster, camera


@pytest.mark.parametrize("stage", list(Stage))
def test_every_stage_has_its_own_outline(stage: Stage) -> None:
    shape = stage_shape(stage)
    left, right, bottom, top = shape.blast
    assert left < -shape.edge < 0 < shape.edge < right
    assert bottom < min(y for _, y in (*shape.floor, *shape.body)) < top
    for x0, x1, y in shape.platforms:
        assert x0 < x1
        assert 0 < y < top
    assert shape is not stage_shape(99)


def test_battlefield_and_final_destination_in_melee_units() -> None:
    battlefield, destination = stage_shape(Stage.BATTLEFIELD), stage_shape(Stage.FINAL_DESTINATION)
    assert destination.edge == 85.57
    assert destination.blast == (-246.0, 246.0, -140.0, 188.0)
    assert battlefield.edge == 68.4
    assert battlefield.blast == (-224.0, 224.0, -108.8, 200.0)
    assert battlefield.platforms == ((-57.6, -20.0, 27.2), (20.0, 57.6, 27.2), (-18.8, 18.8, 54.4))


def test_fighters_stand_in_the_cells_of_their_positions() -> None:
    game = duel({"x": -60.0, "y": 0.0}, {"x": 30.0, "y": 40.0})
    raster, camera = drawn(game)
    for player, ink in zip(game.players, (P1, P2), strict=True):
        column, row = raster.cell_of(*project(camera, raster, player.x, player.y))
        cells = cells_of(raster, ink)
        assert cells
        assert all(abs(x - column) <= 6 and row - 7 <= y <= row + 1 for x, y in cells)
        assert any(abs(x - column) <= 3 and y in (row - 1, row) for x, y in cells)


def test_the_tag_points_where_the_fighter_looks() -> None:
    raster, _ = drawn(duel({"facing": 1.0}, {"facing": -1.0}))
    text = "".join("".join(part for part, _ in raster.runs(row)) for row in range(raster.rows))
    assert "1▸" in text
    assert "◂2" in text


def test_dots_are_square() -> None:
    game = duel({}, {})
    raster, camera = drawn(game)
    x0, y0 = project(camera, raster, 0.0, 0.0)
    x1, y1 = project(camera, raster, 10.0, 10.0)
    assert x1 - x0 == pytest.approx(y0 - y1)


@given(
    st.sampled_from([2, 3, 8, 28, 31, 32, 77]), st.floats(-400, 400), st.floats(-300, 400), st.integers(-5, 400),
    st.integers(2, 120), st.integers(1, 40), st.booleans(),
)  # fmt: skip
def test_anything_can_be_drawn_at_any_size(
    stage: int, x: float, y: float, state: int, columns: int, rows: int, ascii_only: bool
) -> None:
    game = duel({"x": x, "y": y, "state": state, "shield": 12.0}, {"x": -x, "facing": 0.0, "state": 179}, stage)
    raster, _ = drawn(game, columns, rows, ascii_only=ascii_only)
    small = Raster(columns, rows, braille=not ascii_only, ascii_marks=ASCII_MARKS)
    draw_small(small, game)
    for one in (raster, small):
        for row in range(rows):
            text = "".join(part for part, _ in one.runs(row))
            assert len(text) == columns
            assert text.isascii() or not ascii_only


def test_the_camera_follows_a_fighter_out_and_stops_at_the_blast_zones() -> None:
    shape = stage_shape(31)
    home = aim(shape, duel({}, {}, 31).players, 160, 96)
    away = aim(shape, duel({"x": -200.0}, {}, 31).players, 160, 96)
    beyond = aim(shape, duel({"x": -900.0}, {}, 31).players, 160, 96)
    assert away.scale > home.scale
    whole = aim(shape, (), 160, 96, whole=True)
    assert beyond.scale <= whole.scale


def test_the_camera_comes_to_rest() -> None:
    shape = stage_shape(31)
    goal = aim(shape, duel({}, {}, 31).players, 160, 96)
    camera = aim(shape, duel({"x": -200.0}, {}, 31).players, 160, 96)
    steps = 0
    while camera != goal:
        camera, steps = ease(camera, goal), steps + 1
        assert steps < 300
    assert steps > 5
    assert ease(None, goal) == goal


def test_a_dead_fighter_is_a_burst_and_a_missing_one_is_nothing() -> None:
    dead, _ = drawn(duel({"state": 0, "x": -300.0, "y": 20.0}, {}))
    gone, _ = drawn(duel({"exists": False}, {}))
    assert not cells_of(gone, P1)
    assert cells_of(gone, P2)
    assert all(row < dead.rows for _, row in cells_of(dead, P1))


def test_a_fighter_outside_the_picture_is_an_arrow() -> None:
    game = duel({"y": 400.0}, {})
    raster, _ = drawn(game)
    assert "▲1" in "".join(part for part, _ in raster.runs(0))


def test_a_shield_is_drawn_around_its_fighter() -> None:
    dim = INKS.index("p1dim")
    with_shield, _ = drawn(duel({"state": 179}, {}))
    without, _ = drawn(duel({"state": 14}, {}))
    assert shielding(179)
    assert len(cells_of(with_shield, dim)) > len(cells_of(without, dim)) == 0


@pytest.mark.parametrize(
    ("state", "pose"), [(3, ""), (14, "stand"), (24, "crouch"), (27, "jump"), (66, "hit_forward"), (67, "hit_back"),
                        (88, "tumble"), (184, "lie"), (253, "hang"), (360, "spin")]
)  # fmt: skip
def test_poses(state: int, pose: str) -> None:
    assert pose_name(state) == pose


def test_every_pose_of_every_state_exists() -> None:
    names = {pose_name(state, x) for state in range(400) for x in (0.0, 6.0)}
    assert names - {""} == set(POSES)


def test_a_tile_marks_both_fighters() -> None:
    raster = Raster(18, 4)
    draw_small(raster, duel({}, {}))
    ones, twos = cells_of(raster, P1), cells_of(raster, P2)
    assert max(x for x, _ in ones) < min(x for x, _ in twos)
