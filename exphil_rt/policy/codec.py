"""Action codec: controllers to the 13 small numbers that a policy decides, and back to legal controllers.

An action is uint8 ``[..., 13]``: 8 buttons (0 or 1), four stick axes (bucket 0..16), the trigger (bucket 0..4).
numpy only; what a policy does with actions is in ``heads``.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import U8, Button, Controllers

BUTTONS: Final = (Button.A, Button.B, Button.X, Button.Y, Button.Z, Button.L, Button.R, Button.D_UP)
"""Bit of each button head, in order."""
NUM_BUTTONS: Final = 8
NUM_AXES: Final = 4
AXIS_BUCKETS: Final = 17
TRIGGER_BUCKETS: Final = 5
HEADS: Final = ("a", "b", "x", "y", "z", "l", "r", "d_up", "main_x", "main_y", "c_x", "c_y", "shoulder")
"""Name of each head, in the order in which actions are decided."""
NUM_HEADS: Final = len(HEADS)
SIZES: Final = (2,) * NUM_BUTTONS + (AXIS_BUCKETS,) * NUM_AXES + (TRIGGER_BUCKETS,)
"""Choices of each head."""
NUM_LOGITS: Final = NUM_BUTTONS + NUM_AXES * AXIS_BUCKETS + TRIGGER_BUCKETS
"""Numbers that say a distribution: one for a button, one a bucket elsewhere (81)."""

STICK_RADIUS: Final = 80
"""Raw units of full deflection: the game clamps the raw stick to this circle, and shows raw / 80."""
STICK_DEAD_ZONE: Final = 23
"""Smallest raw value that the game does not show as 0 (0.2875, the least non-zero value in Slippi replays)."""
TRIGGER_STEPS: Final = 140
"""The game shows the analog trigger as a multiple of 1/140, from 43/140 on."""
Z_TRIGGER: Final = 49 / TRIGGER_STEPS
"""Z counts as a trigger pressed to 0.35; digital L and R count as 1.0 (as Slippi's processed trigger shows)."""

_STICK_CENTRES: Final = (-80, -72, -64, -56, -48, -40, -32, -25, 0, 25, 32, 40, 48, 56, 64, 72, 80)
_TRIGGER_CENTRES: Final = (0, 49, 79, 110, 140)

Array = NDArray[Any]


class CodecInvalid(ExphilError):
    """An action codec whose centres no controller can have."""


class ActionCodec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Centres of the buckets; carried whole by a bundle.

    The stick's smallest centre is 25, not 23, so that full deflection with the slightest tilt on the other axis is
    still outside the dead zone after the clamp to the circle: (80, 25) becomes (76, 23).
    """

    stick: tuple[int, ...] = _STICK_CENTRES
    """17 raw values, -80..80, ascending; the middle one is 0."""
    trigger: tuple[int, ...] = _TRIGGER_CENTRES
    """5 values in 1/140, ascending from 0."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Choices of each of the 13 heads."""
        return SIZES

    def check(self) -> None:
        """Raise CodecInvalid unless the centres are legal."""
        stick, trigger = self.stick, self.trigger
        if len(stick) != AXIS_BUCKETS or len(trigger) != TRIGGER_BUCKETS:
            raise CodecInvalid(
                f"The action codec has {len(stick)} stick and {len(trigger)} trigger centres, not "
                f"{AXIS_BUCKETS} and {TRIGGER_BUCKETS}."
            )
        ascending = all(a < b for row in (stick, trigger) for a, b in itertools.pairwise(row))
        inside = stick[0] >= -STICK_RADIUS and stick[-1] <= STICK_RADIUS and trigger[-1] <= TRIGGER_STEPS
        if not (ascending and inside and stick[AXIS_BUCKETS // 2] == 0 and trigger[0] == 0):
            raise CodecInvalid(
                "The action codec's centres are not ascending, outside the controller's range, or lack the neutral."
            )

    def neutral(self) -> U8:
        """The action that touches nothing, ``[13]``."""
        action = np.zeros(NUM_HEADS, np.uint8)
        action[NUM_BUTTONS : NUM_BUTTONS + NUM_AXES] = AXIS_BUCKETS // 2
        return action

    def encode(self, controllers: Controllers) -> U8:
        """Nearest actions ``[..., 13]`` of controllers ``[...]``.

        ``decode(encode(decode(a))) == decode(a)`` holds for every action: several actions may mean one controller
        (both sticks past the circle), and of those the one with the smallest centres is taken.
        """
        tables = _tables(self)
        buttons = np.asarray(controllers.buttons)
        actions = np.empty((*buttons.shape, NUM_HEADS), np.uint8)
        actions[..., :NUM_BUTTONS] = (buttons[..., None] & tables.bits) != 0
        axes = (controllers.joystick_x, controllers.joystick_y, controllers.cstick_x, controllers.cstick_y)
        lattice = _lattice(axes, buttons.shape)  # [4, ...]
        actions[..., 8:10] = tables.nearest[lattice[0], lattice[1]]
        actions[..., 10:12] = tables.nearest[lattice[2], lattice[3]]
        # fmax: not a number counts as untouched.
        actions[..., 12] = np.searchsorted(tables.trigger_edges, np.fmax(controllers.trigger, np.float32(0.0)))
        return actions

    def decode(self, actions: ArrayLike) -> Controllers:
        """Controllers ``[...]`` with values that the game itself could show, from actions ``[..., 13]``."""
        tables = _tables(self)
        actions = np.asarray(actions)
        pressed = actions[..., :NUM_BUTTONS] != 0
        main = tables.sticks[actions[..., 8], actions[..., 9]]
        c_stick = tables.sticks[actions[..., 10], actions[..., 11]]
        raw = tables.raw[actions[..., 8], actions[..., 9]]
        trigger = tables.trigger[actions[..., 12]]
        trigger = np.where(pressed[..., 4], np.maximum(trigger, np.float32(Z_TRIGGER)), trigger)
        trigger = np.where(pressed[..., 5] | pressed[..., 6], np.float32(1.0), trigger)
        return Controllers(
            buttons=np.asarray((pressed * tables.bits).sum(-1), np.uint16),
            joystick_x=main[..., 0],
            joystick_y=main[..., 1],
            cstick_x=c_stick[..., 0],
            cstick_y=c_stick[..., 1],
            trigger=trigger,
            raw_x=raw[..., 0],
            raw_y=raw[..., 1],
        )


class _Tables(msgspec.Struct, frozen=True):
    bits: Array
    raw: Array  # i8 [17, 17, 2], raw stick of a pair of buckets, clamped to the circle
    sticks: Array  # f32 [17, 17, 2], the same as the game shows it
    nearest: Array  # u8 [161, 161, 2], buckets of a raw stick
    trigger: Array  # f32 [5]
    trigger_edges: Array  # f32 [4]


def _lattice(axes: tuple[Array, ...], shape: tuple[int, ...]) -> Array:
    """Indices 0..160 ``[4, ...]`` of processed axes on the game's lattice of 1/80; not-a-number counts as 0."""
    values = np.empty((len(axes), *shape), np.float32)
    for i, axis in enumerate(axes):
        values[i] = axis
    values[np.isnan(values)] = 0.0
    np.clip(values, -1.0, 1.0, out=values)
    values *= STICK_RADIUS
    np.rint(values, out=values)
    values += STICK_RADIUS
    return values.astype(np.intp)


@functools.lru_cache(maxsize=8)
def _tables(codec: ActionCodec) -> _Tables:
    codec.check()
    centres = np.asarray(codec.stick, np.float64)
    pairs = np.stack(np.meshgrid(centres, centres, indexing="ij"), -1)  # [17, 17, 2]
    radius = np.hypot(pairs[..., 0], pairs[..., 1])[..., None]
    raw = np.trunc(np.where(radius > STICK_RADIUS, pairs * (STICK_RADIUS / np.maximum(radius, 1.0)), pairs))
    shown = np.where(np.abs(raw) < STICK_DEAD_ZONE, 0.0, raw)

    grid = np.arange(-STICK_RADIUS, STICK_RADIUS + 1)
    grid = np.where(np.abs(grid) < STICK_DEAD_ZONE, 0, grid).astype(np.int32)
    order = np.argsort(np.abs(pairs).sum(-1).reshape(-1), kind="stable")  # smallest centres first: argmin takes them
    points = shown.reshape(-1, 2)[order].astype(np.int32)
    nearest = np.empty((grid.size, grid.size, 2), np.uint8)
    for i, x in enumerate(grid):
        distance = (x - points[:, 0]) ** 2 + (grid[:, None] - points[:, 1]) ** 2  # [161, 289]
        nearest[i] = np.stack(np.divmod(order[distance.argmin(-1)], AXIS_BUCKETS), -1)

    trigger = (np.asarray(codec.trigger) / TRIGGER_STEPS).astype(np.float32)
    tables = _Tables(
        bits=np.asarray(BUTTONS, np.uint16),
        raw=raw.astype(np.int8),
        sticks=(shown / STICK_RADIUS).astype(np.float32),
        nearest=nearest,
        trigger=trigger,
        trigger_edges=((trigger[1:] + trigger[:-1]) / 2).astype(np.float32),
    )
    for array in (tables.bits, tables.raw, tables.sticks, tables.nearest, tables.trigger, tables.trigger_edges):
        array.setflags(write=False)
    return tables


def transition_counts(previous: ArrayLike, actions: ArrayLike) -> tuple[NDArray[np.int64], ...]:
    """How often each choice followed each choice, a head: 13 arrays ``[size, size]`` (row: previous, column: next).

    Args:
        previous: uint8 ``[..., 13]``.
        actions: uint8 ``[..., 13]``, same leading shape.
    """
    before = np.asarray(previous).reshape(-1, NUM_HEADS).astype(np.intp)
    after = np.asarray(actions).reshape(-1, NUM_HEADS).astype(np.intp)
    return tuple(
        np.bincount(before[:, k] * size + after[:, k], minlength=size * size).reshape(size, size)
        for k, size in enumerate(SIZES)
    )
