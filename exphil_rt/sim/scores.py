"""How near each fighter is, as measured when this version was made: what a screen shows beside the game's name.

``scores.json`` is written by ``scripts/learn_sim.py``, on replays whose tables were learned from other replays.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

SCORES: Final = Path(__file__).with_name("scores.json")


class Score(msgspec.Struct, frozen=True):
    """Share of moving windows in which the fighter stays within a unit for 60 frames; None where never measured."""

    score: float | None = None
    windows: int = 0
    measured: bool = False


@cache
def _scores() -> dict[str, Score]:
    return msgspec.json.decode(SCORES.read_bytes(), type=dict[str, Score])


def fidelity_of(character: int) -> Score:
    """The score of a fighter by its internal id; an unmeasured one for a fighter that no replay showed."""
    return _scores().get(str(int(character)), Score())
