"""One game drawn into a raster: camera, stage, trails, fighters. Pure functions over samples.

Inks are ordered: what is drawn with the higher one stays visible where two meet in a cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from exphil_rt.messages.telemetry import GameSample, PlayerSample
from tui.figures import POSES, drawn_height, pose_name, shielding, untouchable
from tui.glyphs import Glyphs
from tui.raster import Raster
from tui.stages import StageShape, stage_shape

INKS: Final = (
    "text", "blast", "ghost", "body", "p1ghost", "p2ghost", "p1dim", "p2dim", "platform", "stage", "spark", "p2", "p1",
)  # fmt: skip
"""Palette name by ink."""

_INK: Final = {name: ink for ink, name in enumerate(INKS)}
ASCII_MARKS: Final = " .:%..,,-=*##"
"""Character by ink where there is no braille."""

_PLAYER_INKS: Final = ((_INK["p1"], _INK["p1dim"], _INK["p1ghost"]), (_INK["p2"], _INK["p2dim"], _INK["p2ghost"]))

Trail = Sequence[tuple[float, float]]
"""Recent positions of one fighter, oldest first."""


class Camera(msgspec.Struct, frozen=True):
    """What part of the stage is seen: centre in Melee units and units per dot."""

    x: float
    y: float
    scale: float


def home_box(shape: StageShape) -> tuple[float, float, float, float]:
    """The part of a stage that is always seen: left, right, bottom, top."""
    top = max([y for _, _, y in shape.platforms], default=30.0)
    return (-shape.edge - 42.0, shape.edge + 42.0, -38.0, max(78.0, top + 42.0))


def aim(shape: StageShape, players: Sequence[PlayerSample], width: int, height: int, *, whole: bool = False) -> Camera:
    """The camera that shows the home box and both fighters, never more than the blast zones.

    Args:
        width, height: dots of the raster.
        whole: show all up to the blast zones.
    """
    left, right, bottom, top = home_box(shape)
    low, high, floor, ceiling = shape.blast
    if whole:
        left, right, bottom, top = low, high, floor, ceiling
    for player in players:
        if player.exists and pose_name(player.state):
            left, right = min(left, max(low, player.x - 18)), max(right, min(high, player.x + 18))
            bottom, top = min(bottom, max(floor, player.y - 12)), max(top, min(ceiling, player.y + 34))
    scale = max((right - left) / max(1, width - 1), (top - bottom) / max(1, height - 1))
    return Camera((left + right) / 2, (bottom + top) / 2, scale)


def ease(now: Camera | None, goal: Camera) -> Camera:
    """One frame of the way from ``now`` to ``goal``: quick out, slow in, and still when nearly there."""
    if now is None:
        return goal
    part = 0.3 if goal.scale > now.scale else 0.06
    close = 0.004 * goal.scale
    if (
        abs(goal.scale - now.scale) < close
        and math.hypot(goal.x - now.x, goal.y - now.y) < 0.5 * goal.scale
    ):  # fmt: skip
        return goal
    return Camera(
        now.x + (goal.x - now.x) * part, now.y + (goal.y - now.y) * part, now.scale + (goal.scale - now.scale) * part
    )


def project(camera: Camera, raster: Raster, x: float, y: float) -> tuple[float, float]:
    """Dot coordinates of a point of the game; y grows downwards."""
    return (
        (raster.width - 1) / 2 + (x - camera.x) / camera.scale,
        (raster.height - 1) / 2 - (y - camera.y) / camera.scale,
    )


def draw_scene(
    raster: Raster, game: GameSample, camera: Camera, glyphs: Glyphs, trails: Sequence[Trail] = ((), ())
) -> None:
    """Draw ``game`` into an empty ``raster``."""
    shape = stage_shape(game.stage)
    _draw_stage(raster, shape, camera)
    for index, trail in enumerate(trails):
        _draw_trail(raster, camera, trail, index)
    for index in (1, 0):
        _draw_fighter(raster, shape, camera, game.players[index], index, glyphs)
    for item in game.items:
        ink = _PLAYER_INKS[item.owner][0] if item.owner in (0, 1) else _INK["spark"]
        _disc(raster, *project(camera, raster, item.x, item.y), 1.0 if raster.braille else 0.0, ink)


def draw_small(raster: Raster, game: GameSample) -> None:
    """Draw ``game`` small: floor, platforms and one mark a fighter, all up to a little short of the blast zones."""
    shape = stage_shape(game.stage)
    low, high, floor, ceiling = shape.blast
    across = (high - low) * 0.82 / max(1, raster.width - 1)
    down = (min(ceiling, 120.0) - max(floor, -50.0)) / max(1, raster.height - 1)

    def at(x: float, y: float) -> tuple[int, int]:
        dot_x = (raster.width - 1) / 2 + x / across
        dot_y = (min(ceiling, 120.0) - y) / down
        return round(min(max(dot_x, 0), raster.width - 1)), round(min(max(dot_y, 0), raster.height - 1))

    stage, platform = _INK["stage"], _INK["platform"]
    raster.line(*at(-shape.edge, -2.0), *at(shape.edge, -2.0), stage)
    for left, right, y in shape.platforms:
        raster.line(*at(left, y), *at(right, y), platform)
    for index in (1, 0):
        player = game.players[index]
        if not player.exists or not pose_name(player.state):
            continue
        x, y = at(player.x, player.y + 4.0)
        for dx in (0, 1) if raster.braille else (0,):
            for dy in (0, -1) if raster.braille else (0,):
                raster.dot(x + dx, max(0, y + dy), _PLAYER_INKS[index][0])


def _draw_stage(raster: Raster, shape: StageShape, camera: Camera) -> None:
    left, right, bottom, top = shape.blast
    corners = [project(camera, raster, x, y) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        raster.line(*a, *b, _INK["blast"], every=3)
    outline = (shape.floor[-1], *shape.body, shape.floor[0])
    _fill(raster, camera, (*shape.floor, *shape.body), _INK["ghost"])
    _poly(raster, camera, outline, _INK["body"])
    _poly(raster, camera, shape.floor, _INK["stage"])
    if raster.height >= 40:  # a second line of dots: the floor one stands on is the thickest thing
        under = tuple((x, y - camera.scale) for x, y in shape.floor)
        _poly(raster, camera, under, _INK["stage"])
    for x0, x1, y in shape.platforms:
        raster.line(*project(camera, raster, x0, y), *project(camera, raster, x1, y), _INK["platform"])


def _poly(raster: Raster, camera: Camera, points: Sequence[tuple[float, float]], ink: int) -> None:
    dots = [project(camera, raster, x, y) for x, y in points]
    for a, b in pairwise(dots):
        raster.line(*a, *b, ink)


def _fill(raster: Raster, camera: Camera, points: Sequence[tuple[float, float]], ink: int) -> None:
    """Every second dot inside a closed outline, row by row."""
    dots = [project(camera, raster, x, y) for x, y in points]
    edges = list(pairwise((*dots, dots[0])))
    first = max(0, math.ceil(min(y for _, y in dots)))
    last = min(raster.height - 1, math.floor(max(y for _, y in dots)))
    for row in range(first, last + 1):
        crossings = sorted(
            x0 + (row - y0) * (x1 - x0) / (y1 - y0) for (x0, y0), (x1, y1) in edges if (y0 <= row) != (y1 <= row)
        )
        for start, end in zip(crossings[::2], crossings[1::2], strict=False):
            begin = max(0, math.ceil(start))
            for x in range(begin + (begin + row) % 2, min(raster.width - 1, math.floor(end)) + 1, 2):
                raster.dot(x, row, ink)


def _draw_trail(raster: Raster, camera: Camera, trail: Trail, index: int) -> None:
    _, dim, ghost = _PLAYER_INKS[index]
    dots = [project(camera, raster, x, y + 7.0) for x, y in trail]
    for number, (a, b) in enumerate(pairwise(dots)):
        raster.line(*a, *b, dim if number >= len(dots) // 2 else ghost)


def _draw_fighter(
    raster: Raster, shape: StageShape, camera: Camera, player: PlayerSample, index: int, glyphs: Glyphs
) -> None:
    if not player.exists:
        return
    ink, dim, _ = _PLAYER_INKS[index]
    name = pose_name(player.state, player.x)
    left, right, bottom, top = shape.blast
    if not name:
        if player.state <= 10:
            x, y = min(max(player.x, left), right), min(max(player.y, bottom), top)
            _burst(raster, *project(camera, raster, x, y), ink)
        return
    foot_x, foot_y = project(camera, raster, player.x, player.y)
    if not (-4 <= foot_x < raster.width + 4 and -2 <= foot_y < raster.height + 12):
        _off_screen(raster, foot_x, foot_y, index, glyphs, ink)
        return
    side = 1.0 if player.facing >= 0 else -1.0
    size = max(1.15 * drawn_height(player.character) / camera.scale, 9.0 if raster.braille else 6.0)
    column, row = raster.cell_of(foot_x, foot_y)
    tag = f"{index + 1}{glyphs.right}" if side > 0 else f"{glyphs.left}{index + 1}"
    if not raster.braille:
        _ascii_figure(raster, column, row, name, side, ink, tag)
        return
    body = dim if untouchable(player.state) else ink
    pose = POSES[name]
    thick = max(1, round(size / 9))

    def dot(x: float, y: float) -> tuple[float, float]:
        return foot_x + side * x * size, foot_y - y * size

    for limb in pose.limbs:
        points = [dot(*point) for point in limb]
        for a, b in pairwise(points):
            for offset in range(thick):
                raster.line(a[0] + offset, a[1], b[0] + offset, b[1], body)
    _disc(raster, *dot(*pose.head), max(1.0, 0.13 * size), body)
    for hit in pose.hits:
        _burst(raster, *dot(*hit), _INK["spark"], 1)
    if shielding(player.state):
        radius = size * (0.42 + 0.3 * min(1.0, max(0.0, player.shield / 60.0)))
        _ring(raster, *dot(0.0, 0.42), radius, dim)
    head_row = raster.cell_of(*dot(0.0, max(1.0, pose.head[1] + 0.3)))[1]
    raster.text(column - (1 if side < 0 else 0), head_row - 1 if head_row > 0 else 0, tag, ink)


def _ascii_figure(raster: Raster, column: int, row: int, name: str, side: float, ink: int, tag: str) -> None:
    for offset, text in enumerate(POSES[name].ascii_rows):
        shown = text if side > 0 else text[::-1].translate(_MIRROR)
        for across, char in enumerate(shown):
            if char != " ":
                raster.text(column - 1 + across, row - 2 + offset, char, ink)
    raster.text(column - (1 if side < 0 else 0), max(0, row - 3), tag, ink)


_MIRROR: Final = str.maketrans("/\\<>", "\\/><")


def _off_screen(raster: Raster, x: float, y: float, index: int, glyphs: Glyphs, ink: int) -> None:
    column, row = raster.cell_of(min(max(x, 0), raster.width - 1), min(max(y, 0), raster.height - 1))
    if y < 0:
        mark = glyphs.up
    elif x < 0:
        mark = glyphs.left
    else:
        mark = glyphs.right if x >= raster.width else glyphs.down
    raster.text(min(column, raster.columns - 2), row, f"{mark}{index + 1}", ink)


def _burst(raster: Raster, x: float, y: float, ink: int, size: int = 4) -> None:
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7)):
        raster.line(x + dx, y + dy, x + dx * size, y + dy * size, ink)


def _disc(raster: Raster, x: float, y: float, radius: float, ink: int) -> None:
    reach = math.ceil(radius)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx * dx + dy * dy <= radius * radius + 0.3:
                raster.dot(round(x) + dx, round(y) + dy, ink)


def _ring(raster: Raster, x: float, y: float, radius: float, ink: int) -> None:
    steps = max(12, int(radius * 5))
    for step in range(steps):
        angle = 2 * math.pi * step / steps
        raster.dot(round(x + radius * math.cos(angle)), round(y + radius * math.sin(angle)), ink)
