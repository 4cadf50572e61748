"""What a Melee game can show: the range of every column, and the check of frames against it.

The ranges are the game's own limits where it has any (60 shield health, 8 jumps of Kirby and Jigglypuff with room),
and far outside of every blast zone elsewhere: a value beyond them is a damaged file, never a good player.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import NUM_CHARACTERS, NUM_STAGES

_FAR: Final = 10_000.0
"""World units; the farthest camera limit is at about 350."""
_FAST: Final = 1_000.0
"""World units a frame."""
_HOUR: Final = 60 * 60 * 60.0
"""Frames of an hour."""

_FIGHTER: Final[dict[str, tuple[float, float]]] = {
    "exists": (0, 1),
    "character": (0, NUM_CHARACTERS - 1),
    "state": (0, 1023),
    "state_age": (-1_000, _HOUR),
    "position_x": (-_FAR, _FAR),
    "position_y": (-_FAR, _FAR),
    "facing": (-1, 1),
    "percent": (0, 999.999),
    "shield": (-60, 60),
    "stocks": (0, 99),
    "jumps": (0, 8),
    "airborne": (0, 1),
    "hitlag": (0, 1_000),
    "hitstun": (-1_000, 10_000),
    "hurtbox_state": (0, 2),
    "l_cancel": (0, 2),
    "last_attack_landed": (0, 255),
    "combo_count": (0, 255),
    "last_hit_by": (0, 6),
    "ground": (0, 65_535),
    "self_x_air": (-_FAST, _FAST),
    "self_y": (-_FAST, _FAST),
    "self_x_ground": (-_FAST, _FAST),
    "knockback_x": (-_FAST, _FAST),
    "knockback_y": (-_FAST, _FAST),
    "flags": (0, 255),
    "animation": (0, 4_294_967_295),
}
_PAD: Final = {
    "buttons": (0, 65_535),
    "joystick_x": (-1, 1),
    "joystick_y": (-1, 1),
    "cstick_x": (-1, 1),
    "cstick_y": (-1, 1),
    "trigger": (0, 1),
    "raw_x": (-128, 127),
    "raw_y": (-128, 127),
}
BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "frame": (-123, 600_000),
    "stage": (0, NUM_STAGES - 1),
    "randall": (-_FAR, _FAR),
    "platforms": (-1_000, 1_000),
    "stadium": (0, 9),
    **{f"{group}.{name}": limits for group in ("players", "nanas") for name, limits in _FIGHTER.items()},
    **{f"{group}.{name}": limits for group in ("controllers", "nana_controllers") for name, limits in _PAD.items()},
    "items.exists": (0, 1),
    "items.kind": (0, 1023),
    "items.state": (0, 255),
    "items.facing": (-1, 1),
    "items.position_x": (-_FAR, _FAR),
    "items.position_y": (-_FAR, _FAR),
    "items.velocity_x": (-_FAST, _FAST),
    "items.velocity_y": (-_FAST, _FAST),
    "items.damage": (0, 65_535),
    "items.timer": (-_HOUR, _HOUR),
    "items.owner": (-1, 1),
}
"""Smallest and largest value of every column by its dotted name."""


def impossible(frames: Frames) -> str:
    """What is wrong with the first column that holds a value which no game shows, in words; empty where none does."""
    for name, values in frames.arrays().items():
        low, high = BOUNDS[name]
        if values.dtype.kind != "f":
            limits = np.iinfo(values.dtype)
            if low <= limits.min and limits.max <= high:
                continue  # no value of this type is outside
        if name.startswith(("items.", "nanas.", "nana_controllers.")) and not values.any():
            continue
        smallest, largest = values.min(), values.max()
        if smallest >= low and largest <= high:  # false for what is not a number
            continue
        if not np.isfinite(values).all():
            return f"has numbers in {name} that are not finite"
        worst = largest if largest > high else smallest
        return f"has {worst:g} in {name}, where {low:g} to {high:g} is possible"
    return ""
