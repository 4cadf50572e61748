"""The one frame layout: what a Melee game shows after each frame, the same from every source.

Names and units are Slippi's post-frame names (https://github.com/project-slippi/slippi-wiki/blob/master/SPEC.md):
positions in world units, velocities in units a frame, times in frames, percent in percent. The first frame of a
game is -123. What a source cannot know stays 0 (see each field). How the columns lie in memory is in ``columns``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.columns import Columns, column, nested

FIRST_FRAME: Final = -123
"""Index of a game's first frame."""
FIRST_PLAYABLE_FRAME: Final = -39
"""First frame on which inputs move a fighter (Slippi)."""
PLAYERS: Final = 2
MAX_ITEMS: Final = 15
"""Items that Slippi records a frame."""
ANY_TRIGGER: Final = 1 << 31
"""Bit of the buttons that the game used (Slippi's processed buttons): a trigger is pressed."""
LIGHT_PRESS: Final = 43 / 140
"""The lightest press of a trigger that counts. Where the bit above is all that tells of a trigger that no person holds,
it is this much: so slowly does Nana's shield drain (real replays)."""

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I8 = NDArray[np.int8]
U8 = NDArray[np.uint8]
U16 = NDArray[np.uint16]
U32 = NDArray[np.uint32]


class Button:
    """Bits of ``Controllers.buttons`` (Slippi's physical buttons)."""

    D_LEFT: Final = 0x0001
    D_RIGHT: Final = 0x0002
    D_DOWN: Final = 0x0004
    D_UP: Final = 0x0008
    Z: Final = 0x0010
    R: Final = 0x0020
    L: Final = 0x0040
    A: Final = 0x0100
    B: Final = 0x0200
    X: Final = 0x0400
    Y: Final = 0x0800
    START: Final = 0x1000


@dataclass(slots=True)
class Controllers(Columns):
    """Inputs of the frame, as the game used them (Slippi's pre-frame)."""

    buttons: U16 = column(np.uint16)
    """Physical buttons, bits of :class:`Button`."""
    joystick_x: F32 = column(np.float32)
    """Processed control stick, -1..1, dead zone applied."""
    joystick_y: F32 = column(np.float32)
    cstick_x: F32 = column(np.float32)
    cstick_y: F32 = column(np.float32)
    trigger: F32 = column(np.float32)
    """The deeper of both analog triggers, 0..1 (Slippi's processed trigger)."""
    raw_x: I8 = column(np.int8)
    """Raw control stick -80..80, what UCF looks at; 0 before Slippi 1.2 (x) and 3.15 (y)."""
    raw_y: I8 = column(np.int8)


@dataclass(slots=True)
class PlayerColumns(Columns):
    """One fighter after the frame."""

    exists: U8 = column(np.uint8)
    """1 while the source reports this fighter (an eliminated player and an absent Nana do not exist)."""
    character: U8 = column(np.uint8)
    """Internal character id (``ids.Character``)."""
    state: U16 = column(np.uint16)
    """Action state id."""
    state_age: F32 = column(np.float32)
    """Frames in the action state, as Slippi records it (starts at 0 or 1 by state)."""
    position_x: F32 = column(np.float32)
    position_y: F32 = column(np.float32)
    facing: F32 = column(np.float32)
    """-1 left, +1 right, 0 unknown."""
    percent: F32 = column(np.float32)
    shield: F32 = column(np.float32)
    """Shield health, 0..60."""
    stocks: U8 = column(np.uint8)
    jumps: U8 = column(np.uint8)
    """Jumps left."""
    airborne: U8 = column(np.uint8)
    hitlag: F32 = column(np.float32)
    """Hitlag frames left (Slippi 3.8 on)."""
    hitstun: F32 = column(np.float32)
    """Hitstun frames left (Slippi's misc action state value while in hitstun), else 0."""
    hurtbox_state: U8 = column(np.uint8)
    """0 vulnerable, 1 invulnerable, 2 intangible."""
    l_cancel: U8 = column(np.uint8)
    """0 none, 1 successful, 2 unsuccessful."""
    last_attack_landed: U8 = column(np.uint8)
    combo_count: U8 = column(np.uint8)
    last_hit_by: U8 = column(np.uint8)
    """Port index 0 or 1 of the last attacker, 6 where nobody has hit yet."""
    ground: U16 = column(np.uint16)
    """Id of the last ground touched."""
    self_x_air: F32 = column(np.float32)
    self_y: F32 = column(np.float32)
    self_x_ground: F32 = column(np.float32)
    knockback_x: F32 = column(np.float32)
    knockback_y: F32 = column(np.float32)
    flags: U8 = column(np.uint8, 5)
    """Slippi's five state bit fields; zero from the simulator."""
    animation: U32 = column(np.uint32)
    """Animation index (Slippi 3.11 on)."""


@dataclass(slots=True)
class ItemColumns(Columns):
    """One item or projectile."""

    exists: U8 = column(np.uint8)
    kind: U16 = column(np.uint16)
    state: U8 = column(np.uint8)
    facing: F32 = column(np.float32)
    position_x: F32 = column(np.float32)
    position_y: F32 = column(np.float32)
    velocity_x: F32 = column(np.float32)
    velocity_y: F32 = column(np.float32)
    damage: U16 = column(np.uint16)
    timer: F32 = column(np.float32)
    owner: I8 = column(np.int8)
    """Player 0 or 1, -1 nobody."""


@dataclass(slots=True)
class Frames(Columns):
    """Frames with a leading shape: ``[N]`` games at one instant, or ``[T, N]`` games over time."""

    frame: I32 = column(np.int32)
    """Frame index, from -123."""
    stage: U8 = column(np.uint8)
    """Slippi's (external) stage id (``ids.Stage``)."""
    randall: F32 = column(np.float32, 2)
    """Yoshi's Story: Randall's left edge x and height; 0 elsewhere."""
    platforms: F32 = column(np.float32, 2)
    """Fountain of Dreams: heights of the left and the right platform; 0 elsewhere or where unknown."""
    stadium: U8 = column(np.uint8)
    """Pokemon Stadium's transformation; 0 the frozen or normal stage."""
    players: PlayerColumns = nested(PlayerColumns, PLAYERS)
    nanas: PlayerColumns = nested(PlayerColumns, PLAYERS)
    controllers: Controllers = nested(Controllers, PLAYERS)
    """Inputs that led to this frame."""
    nana_controllers: Controllers = nested(Controllers, PLAYERS)
    """What a Nana did with: her own inputs, as the game used them (0 where she is absent)."""
    items: ItemColumns = nested(ItemColumns, MAX_ITEMS)

    @property
    def lead(self) -> tuple[int, ...]:
        """The leading shape."""
        return tuple(self.frame.shape)


def swapped(frames: Frames) -> Frames:
    """The same frames with the two players exchanged (the other player's point of view); views where possible."""
    axis = frames.frame.ndim
    order: Any = (*([slice(None)] * axis), slice(None, None, -1))
    owner = frames.items.owner
    items = frames.items.copy()
    items.owner = np.where(owner >= 0, 1 - owner, owner).astype(np.int8)
    return Frames(
        frame=frames.frame,
        stage=frames.stage,
        randall=frames.randall,
        platforms=frames.platforms,
        stadium=frames.stadium,
        players=frames.players[order],
        nanas=frames.nanas[order],
        controllers=frames.controllers[order],
        nana_controllers=frames.nana_controllers[order],
        items=items,
    )
