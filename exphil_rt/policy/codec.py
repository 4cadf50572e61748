"""Action codec: controllers to the small numbers that a policy decides, its heads, and back to legal controllers.

An action is uint8 ``[..., K]``: 8 buttons (0 or 1), then the sticks, then the trigger. The sticks are four axes with
buckets of their own (K = 13), or two pairs, each one of a list of positions (K = 11). numpy only; what a policy does
with actions is in ``heads``, how centres are found in ``kmeans``.
"""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import U8, Button, Controllers

BUTTONS: Final = (Button.A, Button.B, Button.X, Button.Y, Button.Z, Button.L, Button.R, Button.D_UP)
"""Bit of each button head, in order."""
BUTTON_HEADS: Final = ("a", "b", "x", "y", "z", "l", "r", "d_up")
NUM_BUTTONS: Final = len(BUTTONS)
_MAX_FILE: Final = 1 << 16
MAX_CHOICES: Final = 255
"""Of a head: actions are bytes."""

STICK_RADIUS: Final = 80
"""Raw units of full deflection: the game clamps the raw stick to this circle, and shows raw / 80."""
STICK_DEAD_ZONE: Final = 23
"""Smallest raw value that the game does not show as 0 (0.2875, the least non-zero value in Slippi replays)."""
TRIGGER_STEPS: Final = 140
"""The game shows the analog trigger as a multiple of 1/140, from 43/140 on."""
_Z_STEPS: Final = 49
Z_TRIGGER: Final = _Z_STEPS / TRIGGER_STEPS
"""Z counts as a trigger pressed to 0.35; digital L and R count as 1.0 (as Slippi's processed trigger shows)."""

_STICK_CENTRES: Final = (-80, -72, -64, -56, -48, -40, -32, -25, 0, 25, 32, 40, 48, 56, 64, 72, 80)
_TRIGGER_CENTRES: Final = (0, 49, 79, 110, 140)

Array = NDArray[Any]
Pairs = tuple[tuple[int, int], ...]


class CodecInvalid(ExphilError):
    """An action codec whose centres no controller can have, or that does not fit where it is used."""


class ActionCodec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Centres of the buckets; carried whole by a bundle.

    The stick's smallest centre is 25, not 23, so that full deflection with the slightest tilt on the other axis is
    still outside the dead zone after the clamp to the circle: (80, 25) becomes (76, 23).
    """

    stick: tuple[int, ...] = _STICK_CENTRES
    """Raw values of an axis, -80..80, ascending, 0 among them; without meaning where the sticks are pairs."""
    trigger: tuple[int, ...] = _TRIGGER_CENTRES
    """Values in 1/140, ascending from 0."""
    main: Pairs = ()
    """Positions of the control stick in raw units, (0, 0) among them, where each stick is one choice; else none."""
    c_stick: Pairs = ()
    """The same of the C-stick."""

    @property
    def joint(self) -> bool:
        """Whether a stick is one choice (else its axes are two)."""
        return bool(self.main)

    @property
    def heads(self) -> tuple[str, ...]:
        """Name of each head, in the order in which actions are decided."""
        return _layout(self).heads

    @property
    def sizes(self) -> tuple[int, ...]:
        """Choices of each head."""
        return _layout(self).sizes

    @property
    def num_heads(self) -> int:
        """K: numbers that an action has."""
        return len(self.sizes)

    @property
    def num_logits(self) -> int:
        """Numbers that say a distribution: one for a button, one a choice elsewhere. A draw takes as many of noise."""
        return NUM_BUTTONS + sum(self.sizes[NUM_BUTTONS:])

    def describe(self) -> str:
        """For people: ``17 centres an axis``, ``64 stick positions and 9 of the C-stick``."""
        if self.joint:
            return f"{len(self.main)} stick positions and {len(self.c_stick)} of the C-stick"
        return f"{len(self.stick)} centres an axis"

    def check(self) -> None:
        """Raise CodecInvalid unless the centres are legal."""
        stick, trigger = self.stick, self.trigger
        sizes = (len(stick), len(trigger), *((len(self.main), len(self.c_stick)) if self.joint else ()))
        if not all(2 <= size <= MAX_CHOICES for size in sizes) or (self.c_stick and not self.joint):
            raise CodecInvalid(f"The action codec has heads of {sizes} choices; a head has 2 to {MAX_CHOICES}.")
        ascending = all(a < b for row in (stick, trigger) for a, b in itertools.pairwise(row))
        inside = stick[0] >= -STICK_RADIUS and stick[-1] <= STICK_RADIUS and trigger[-1] <= TRIGGER_STEPS
        if not (ascending and inside and 0 in stick and trigger[0] == 0 and _Z_STEPS in trigger):
            raise CodecInvalid(
                "The action codec's centres are not ascending, outside the controller's range, or lack the neutral "
                f"or the trigger of Z ({_Z_STEPS})."
            )
        for pairs in (self.main, self.c_stick):
            if pairs and (len(set(pairs)) < len(pairs) or (0, 0) not in pairs or not all(map(_possible, pairs))):
                raise CodecInvalid(
                    "The action codec's stick positions repeat, lack the neutral, or cannot be shown by the game."
                )

    def neutral(self) -> U8:
        """The action that touches nothing, ``[K]``."""
        return _layout(self).neutral.copy()

    def encode(self, controllers: Controllers) -> U8:
        """Nearest actions ``[..., K]`` of controllers ``[...]``.

        ``decode(encode(decode(a))) == decode(a)`` holds for every action: several actions may mean one controller
        (both sticks past the circle), and of those the one with the smallest centres is taken.
        """
        tables = _tables(self)
        buttons = np.asarray(controllers.buttons)
        actions = np.empty((*buttons.shape, self.num_heads), np.uint8)
        actions[..., :NUM_BUTTONS] = (buttons[..., None] & tables.bits) != 0
        axes = (controllers.joystick_x, controllers.joystick_y, controllers.cstick_x, controllers.cstick_y)
        lattice = _lattice(axes, buttons.shape)  # [4, ...]
        between = NUM_BUTTONS + tables.main.nearest.shape[-1]
        actions[..., NUM_BUTTONS:between] = tables.main.nearest[lattice[0], lattice[1]]
        actions[..., between:-1] = tables.c_stick.nearest[lattice[2], lattice[3]]
        # fmax: not a number counts as untouched.
        actions[..., -1] = np.searchsorted(tables.trigger_edges, np.fmax(controllers.trigger, np.float32(0.0)))
        return actions

    def decode(self, actions: ArrayLike) -> Controllers:
        """Controllers ``[...]`` with values that the game itself could show, from actions ``[..., K]``."""
        tables = _tables(self)
        actions = np.asarray(actions)
        pressed = actions[..., :NUM_BUTTONS] != 0
        between = NUM_BUTTONS + tables.main.nearest.shape[-1]
        at = tuple(actions[..., k] for k in range(NUM_BUTTONS, between))
        main, raw = tables.main.shown[at], tables.main.raw[at]
        c_stick = tables.c_stick.shown[tuple(actions[..., k] for k in range(between, actions.shape[-1] - 1))]
        trigger = tables.trigger[actions[..., -1]]
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


def read_codec(file: Path) -> ActionCodec:
    """A codec from a JSON file.

    Raises:
        CodecInvalid: no codec.
    """
    try:
        with file.open("rb") as stream:
            codec = msgspec.json.decode(stream.read(_MAX_FILE), type=ActionCodec)
    except OSError as error:
        raise CodecInvalid(f"The action codec {file} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecInvalid(f"{file} is no action codec: {str(error).rstrip('.')}.") from error
    codec.check()
    return codec


class _Layout(msgspec.Struct, frozen=True):
    heads: tuple[str, ...]
    sizes: tuple[int, ...]
    neutral: Array


@functools.lru_cache(maxsize=64)
def _layout(codec: ActionCodec) -> _Layout:
    codec.check()
    if codec.joint:
        sticks: tuple[str, ...] = ("main", "c")
        sizes: tuple[int, ...] = (len(codec.main), len(codec.c_stick))
        middle = [codec.main.index((0, 0)), codec.c_stick.index((0, 0))]
    else:
        sticks, sizes = ("main_x", "main_y", "c_x", "c_y"), (len(codec.stick),) * 4
        middle = [codec.stick.index(0)] * 4
    neutral = np.array([0] * NUM_BUTTONS + middle + [0], np.uint8)
    return _Layout(
        heads=(*BUTTON_HEADS, *sticks, "shoulder"),
        sizes=(*(2,) * NUM_BUTTONS, *sizes, len(codec.trigger)),
        neutral=neutral,
    )


class _Stick(msgspec.Struct, frozen=True):
    """Positions of one stick, indexed by its D heads."""

    raw: Array  # i8 [sizes..., 2], clamped to the circle
    shown: Array  # f32 [sizes..., 2], the same as the game shows it
    nearest: Array  # u8 [161, 161, D], the choices nearest to a raw stick


class _Tables(msgspec.Struct, frozen=True):
    bits: Array
    main: _Stick
    c_stick: _Stick
    trigger: Array  # f32 [size]
    trigger_edges: Array  # f32 [size - 1]


def _shown(raw: Array) -> Array:
    """Raw positions ``[..., 2]`` on the circle as the game shows them: nothing inside the dead zone."""
    return np.where(np.abs(raw) < STICK_DEAD_ZONE, 0.0, raw)


def _clamped(pairs: Array) -> Array:
    """Raw positions ``[..., 2]`` brought onto the circle as the game does it."""
    radius = np.hypot(pairs[..., 0], pairs[..., 1])[..., None]
    return np.trunc(np.where(radius > STICK_RADIUS, pairs * (STICK_RADIUS / np.maximum(radius, 1.0)), pairs))


def _possible(pair: tuple[int, int]) -> bool:
    raw = np.asarray(pair, np.float64)
    return bool((np.abs(raw) <= STICK_RADIUS).all() and (_shown(_clamped(raw)) == raw).all())


def _stick(centres: Array) -> _Stick:
    """Tables of the positions ``centres [sizes..., 2]``."""
    sizes, centres = centres.shape[:-1], centres.reshape(-1, 2)
    raw = _clamped(centres)
    shown = _shown(raw)
    grid = np.arange(-STICK_RADIUS, STICK_RADIUS + 1)
    grid = np.where(np.abs(grid) < STICK_DEAD_ZONE, 0, grid).astype(np.int32)
    order = np.argsort(np.abs(centres).sum(-1), kind="stable")  # smallest centres first: argmin takes them
    points = shown[order].astype(np.int32)
    nearest = np.empty((grid.size, grid.size, len(sizes)), np.uint8)
    for i, x in enumerate(grid):
        distance = (x - points[:, 0]) ** 2 + (grid[:, None] - points[:, 1]) ** 2  # [161, P]
        nearest[i] = np.stack(np.unravel_index(order[distance.argmin(-1)], sizes), -1)
    found = _Stick(
        raw.astype(np.int8).reshape(*sizes, 2), (shown / STICK_RADIUS).astype(np.float32).reshape(*sizes, 2), nearest
    )
    for array in (found.raw, found.shown, found.nearest):
        array.setflags(write=False)
    return found


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
    if codec.joint:
        main, c_stick = (_stick(np.asarray(pairs, np.float64)) for pairs in (codec.main, codec.c_stick))
    else:
        centres = np.asarray(codec.stick, np.float64)
        main = c_stick = _stick(np.stack(np.meshgrid(centres, centres, indexing="ij"), -1))
    trigger = (np.asarray(codec.trigger) / TRIGGER_STEPS).astype(np.float32)
    tables = _Tables(
        bits=np.asarray(BUTTONS, np.uint16),
        main=main,
        c_stick=c_stick,
        trigger=trigger,
        trigger_edges=((trigger[1:] + trigger[:-1]) / 2).astype(np.float32),
    )
    for array in (tables.bits, tables.trigger, tables.trigger_edges):
        array.setflags(write=False)
    return tables


def transition_counts(previous: ArrayLike, actions: ArrayLike, sizes: tuple[int, ...]) -> tuple[NDArray[np.int64], ...]:
    """How often each choice followed each choice: an array ``[size, size]`` a head (row: previous, column: next).

    Args:
        previous: uint8 ``[..., K]``.
        actions: uint8 ``[..., K]``, same leading shape.
        sizes: choices of each head.
    """
    before = np.asarray(previous).reshape(-1, len(sizes)).astype(np.intp)
    after = np.asarray(actions).reshape(-1, len(sizes)).astype(np.intp)
    return tuple(
        np.bincount(before[:, k] * size + after[:, k], minlength=size * size).reshape(size, size)
        for k, size in enumerate(sizes)
    )
