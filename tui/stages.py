"""Outlines of the six tournament stages, in Melee units, for drawing only.

Numbers: collision lines of the disc's stage files as published in exphil's ``priv/stage_collision`` (rounded), blast
zones from libmelee's ``stages.py``. Moving parts (Randall, Fountain's side platforms, Stadium's changes) are left out.
"""

from __future__ import annotations

from typing import Final

import msgspec

from exphil_rt.game.ids import Stage

Point = tuple[float, float]


class StageShape(msgspec.Struct, frozen=True, kw_only=True):
    """What of a stage is drawn. ``blast`` is left, right, bottom, top."""

    blast: tuple[float, float, float, float]
    floor: tuple[Point, ...]
    """The top of the main body, left ledge to right ledge."""
    body: tuple[Point, ...] = ()
    """The underside, right ledge to left ledge."""
    platforms: tuple[tuple[float, float, float], ...] = ()
    """Left x, right x, y."""

    @property
    def edge(self) -> float:
        """The largest x one can stand on."""
        return self.floor[-1][0]


_UNKNOWN: Final = StageShape(blast=(-240.0, 240.0, -140.0, 190.0), floor=((-80.0, 0.0), (80.0, 0.0)))

_SHAPES: Final[dict[int, StageShape]] = {
    Stage.FINAL_DESTINATION: StageShape(
        blast=(-246.0, 246.0, -140.0, 188.0),
        floor=((-85.57, 0.0), (85.57, 0.0)),
        body=((85.57, -10.5), (65.8, -20.45), (65.84, -31.3), (61.4, -47.4), (47.46, -55.4),
              (-47.46, -55.4), (-61.4, -47.4), (-65.84, -31.3), (-65.8, -20.45), (-85.57, -10.5)),
    ),
    Stage.BATTLEFIELD: StageShape(
        blast=(-224.0, 224.0, -108.8, 200.0),
        floor=((-68.4, 0.0), (68.4, 0.0)),
        body=((65.0, -6.0), (35.6, -18.0), (38.0, -21.2), (29.2, -34.8), (10.4, -40.0), (10.3, -31.3),
              (-10.3, -31.3), (-10.4, -40.0), (-29.2, -34.8), (-38.0, -21.2), (-35.6, -18.0), (-65.0, -6.0)),
        platforms=((-57.6, -20.0, 27.2), (20.0, 57.6, 27.2), (-18.8, 18.8, 54.4)),
    ),
    Stage.DREAM_LAND: StageShape(
        blast=(-255.0, 255.0, -123.0, 250.0),
        floor=((-77.27, 0.0), (77.27, 0.0)),
        body=((76.3, -11.0), (65.8, -35.8), (-65.8, -35.8), (-76.3, -11.0)),
        platforms=((-61.4, -31.7, 30.1), (31.7, 63.1, 30.2), (-19.0, 19.0, 51.4)),
    ),
    Stage.FOUNTAIN_OF_DREAMS: StageShape(
        blast=(-198.75, 198.75, -146.25, 202.5),
        floor=((-63.35, 0.6), (-51.3, 0.0), (51.3, 0.0), (63.35, 0.6)),
        body=((63.3, -4.4), (56.9, -19.6), (51.9, -32.2), (41.2, -41.9), (18.9, -48.7), (10.2, -62.0), (8.7, -71.8),
              (-8.7, -71.8), (-10.2, -62.0), (-18.9, -48.7), (-41.2, -41.9), (-51.9, -32.2), (-56.9, -19.6),
              (-63.3, -4.4)),
        platforms=((-49.5, -21.0, 20.0), (21.0, 49.5, 28.0), (-14.25, 14.25, 42.75)),
    ),
    Stage.POKEMON_STADIUM: StageShape(
        blast=(-230.0, 230.0, -111.0, 180.0),
        floor=((-87.75, 0.0), (87.75, 0.0)),
        body=((87.75, -4.0), (73.75, -17.5), (60.0, -17.5), (60.0, -38.0), (15.0, -60.0),
              (-15.0, -60.0), (-60.0, -38.0), (-60.0, -17.5), (-73.75, -17.5), (-87.75, -4.0)),
        platforms=((-55.0, -25.0, 25.0), (25.0, 55.0, 25.0)),
    ),
    Stage.YOSHIS_STORY: StageShape(
        blast=(-175.7, 173.6, -91.0, 168.0),
        floor=((-56.0, -3.5), (-39.2, 0.0), (39.2, 0.0), (56.0, -3.5)),
        body=((56.0, -6.7), (52.7, -12.2), (52.7, -30.8), (-52.7, -30.8), (-52.7, -12.2), (-56.0, -6.7)),
        platforms=((-59.5, -28.0, 23.4), (28.0, 59.5, 23.4), (-15.8, 15.8, 42.0)),
    ),
}  # fmt: skip


def stage_shape(stage: int) -> StageShape:
    """The outline of a stage by Slippi's id; a plain floor for any other stage."""
    return _SHAPES.get(stage, _UNKNOWN)
