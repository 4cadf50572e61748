"""Left and right exchanged: what a mirrored game looks like once it is encoded, and once it is a frame.

Positions, velocities, facing, sticks and Randall change their sign; the two platforms of Fountain of Dreams, the
D-pad's sides and the action states that name a side change places. Stages are symmetric but for what moves on them;
games on which Pokemon Stadium transforms are not mirrored.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import MAX_ITEMS, Button, Controllers, Frames, PlayerColumns
from exphil_rt.game.randall import RANDALL_WIDTH
from exphil_rt.policy.observation import ObservationField, ObservationSchema

_SIDED: Final = {1: 2, 2: 1, 264: 265, 265: 264}
"""Action states that name a side: dead on the left and on the right, the taunts of either facing."""
_FLIPPED: Final = frozenset((
    "position_x", "facing", "self_x_air", "self_x_ground", "knockback_x", "dx", "velocity_x", "randall_x",
))  # fmt: skip
_PLATFORMS: Final = {"platform_left": "platform_right", "platform_right": "platform_left"}


class MirrorError(ValueError):
    """A schema whose mirror image cannot be encoded."""


class Mirror:
    """Mirrors encoded frames of one schema in place.

    Raises:
        MirrorError: a clip that is not the same on both sides.
    """

    def __init__(self, schema: ObservationSchema) -> None:
        flat, items = schema.of("float", items=False), schema.of("float", items=True)
        self._sign = np.asarray([_sign(f) for f in (*flat, *(list(items) * MAX_ITEMS))], np.float32)
        self._order = np.arange(len(self._sign))
        by_key = {(f.group, f.column, f.scale, f.low, f.high): i for i, f in enumerate(flat)}
        self._randall: list[tuple[int, np.float32]] = []
        for i, field in enumerate(flat):
            if field.group == "stage" and field.column in _PLATFORMS:
                other = by_key.get((field.group, _PLATFORMS[field.column], field.scale, field.low, field.high))
                if other is None:
                    raise MirrorError(f"the schema observes {field.name} without the other platform")
                self._order[i] = other
            if field.group == "stage" and field.column == "randall_x":
                self._randall.append((i, np.float32(RANDALL_WIDTH * field.scale)))
        self._plain_order = bool((self._order == np.arange(len(self._order))).all())
        ids = schema.of("id", items=False)
        self._states = [i for i, field in enumerate(ids) if field.column == "state" and field.group != "stage"]

    def apply(self, floats: NDArray[np.float32], ids: NDArray[Any]) -> None:
        """Mirror encoded frames ``[..., F]``, ``[..., I]`` in place."""
        if not self._plain_order:
            floats[...] = floats[..., self._order]
        there = [floats[..., i] != 0 for i, _ in self._randall]
        floats *= self._sign
        for (i, width), here in zip(self._randall, there, strict=True):
            floats[..., i] -= width * here
        for i in self._states:
            self.states(ids[..., i])

    @staticmethod
    def states(rows: NDArray[Any]) -> None:
        """Mirror rows of action states in place."""
        for here, row in [(rows == state + 1, to + 1) for state, to in _SIDED.items()]:
            rows[here] = row


def _sign(field: ObservationField) -> float:
    if field.column not in _FLIPPED or (field.group == "relative" and field.column == "facing"):
        return 1.0
    if field.low != -field.high:
        raise MirrorError(f"{field.name} is clipped at {field.low:g} and {field.high:g}, not at the same distance")
    return -1.0


def mirror_controllers(controllers: Controllers, where: Any = ...) -> None:
    """Mirror controllers in place, those at ``where``."""
    for values in (controllers.joystick_x, controllers.cstick_x, controllers.raw_x):
        values[where] = -values[where]
    buttons = controllers.buttons[where]
    sides = Button.D_LEFT | Button.D_RIGHT
    swapped = ((buttons & Button.D_LEFT) << 1) | ((buttons & Button.D_RIGHT) >> 1)
    controllers.buttons[where] = (buttons & ~np.uint16(sides)) | swapped


def mirrored(frames: Frames) -> Frames:
    """A copy of frames with left and right exchanged."""
    out = frames.copy()
    for fighter in (out.players, out.nanas):
        _mirror_fighter(fighter)
    for values in (out.items.position_x, out.items.velocity_x, out.items.facing):
        np.negative(values, out=values)
    there = (out.randall != 0).any(-1)
    out.randall[..., 0] = np.where(there, -out.randall[..., 0] - np.float32(RANDALL_WIDTH), 0)
    out.platforms[...] = out.platforms[..., ::-1].copy()
    mirror_controllers(out.controllers)
    mirror_controllers(out.nana_controllers)
    return out


def _mirror_fighter(fighter: PlayerColumns) -> None:
    for name in ("position_x", "facing", "self_x_air", "self_x_ground", "knockback_x"):
        values = getattr(fighter, name)
        np.negative(values, out=values)
    states = fighter.state.copy()
    for state, to in _SIDED.items():
        fighter.state[states == state] = to
