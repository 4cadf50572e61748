"""What makes a level: the bot's settings from ``cpu1`` (a beginner) to ``cpu9``, and their names."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

LEVELS: Final = tuple(range(1, 10))
NAMES: Final = tuple(f"cpu{level}" for level in LEVELS)
MAX_REACTION: Final = 47
"""Frames that the bot's memory of the other fighter can hold back."""
_NAME: Final = re.compile(r"cpu([1-9])")


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the bot. Probabilities unless said otherwise."""

    reaction: float
    """Frames until it notices what the other one does."""
    pause: float
    """Frames between two decisions on the ground."""
    aim: float
    """Standard error of its idea where the other one will be, in units."""
    aggression: float
    """To take an opening that it sees."""
    approach: float
    """To come nearer rather than to wait."""
    guard: float
    """To shield or dodge an attack that it noticed in time."""
    punish: float
    """To choose the strong move rather than any."""
    recovery: float
    """To come back with all that it has when thrown off the stage; else it only drifts."""
    di: float
    """To influence a launch in the direction that keeps it alive."""
    tech: float
    """To tech, and to get up with something better than standing up."""
    finesse: float
    """To fast-fall, L-cancel and drop through platforms where that helps."""


_LOWEST: Final = Level(
    reaction=40, pause=40, aim=16, aggression=0.2, approach=0.3, guard=0.0, punish=0.0, recovery=0.3, di=0.0, tech=0.0,
    finesse=0.0,
)  # fmt: skip
_HIGHEST: Final = Level(
    reaction=8, pause=1, aim=0.5, aggression=0.97, approach=0.95, guard=0.8, punish=1.0, recovery=1.0, di=0.95,
    tech=0.9, finesse=0.95,
)  # fmt: skip


def level_of(name: str) -> int:
    """1 to 9 of ``cpu1`` to ``cpu9``; 0 of any other name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else 0


def settings(level: int) -> Level:
    """The settings of a level: evenly between the lowest and the highest."""
    share = (level - 1) / (LEVELS[-1] - 1)
    return Level(
        **{
            name: (1 - share) * getattr(_LOWEST, name) + share * getattr(_HIGHEST, name)
            for name in Level.__struct_fields__
        }
    )


def level_table() -> NDArray[Any]:
    """The settings by level ``[10]``; row 0 is empty."""
    table = np.zeros(len(LEVELS) + 1, [(name, np.float32) for name in Level.__struct_fields__])
    for level in LEVELS:
        for name in Level.__struct_fields__:
            table[level][name] = getattr(settings(level), name)
    return table
