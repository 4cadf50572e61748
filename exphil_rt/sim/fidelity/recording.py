"""Recorded games side by side: the columns of several Frames stacked, so that all of them are followed at once.

A game that is shorter than the longest is padded with its last frame; ``length`` says where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.game.frames import Frames
from exphil_rt.game.ids import Character
from exphil_rt.sim.framedata import OWN_ATTACKS

PADS: Final = ("buttons", "joystick_x", "joystick_y", "cstick_x", "cstick_y", "trigger", "raw_x", "raw_y")
BODY: Final = (
    "exists", "character", "state", "state_age", "position_x", "position_y", "facing", "percent", "shield", "stocks",
    "jumps", "airborne", "hitlag", "hitstun", "hurtbox_state", "l_cancel", "self_x_air", "self_y", "self_x_ground",
    "knockback_x", "knockback_y", "last_attack_landed", "combo_count",
)  # fmt: skip

ITEMS: Final = ("exists", "kind", "position_x", "position_y", "velocity_x", "velocity_y", "timer", "owner")

_MERGED: Final = {
    st.WALK_SLOW + 1: st.WALK_SLOW, st.WALK_SLOW + 2: st.WALK_SLOW, st.RUN + 1: st.RUN, st.FALL + 1: st.FALL,
    st.FALL + 2: st.FALL, st.FALL_AERIAL: st.FALL, st.FALL_AERIAL + 1: st.FALL, st.FALL_AERIAL + 2: st.FALL,
    st.FALL_SPECIAL + 1: st.FALL_SPECIAL, st.FALL_SPECIAL + 2: st.FALL_SPECIAL, st.OTTOTTO: st.WAIT,
    st.OTTOTTO_WAIT: st.WAIT,
}  # fmt: skip
_MERGE: Final = np.arange(1024, dtype=np.int32)
for _kind, _one in _MERGED.items():
    _MERGE[_kind] = _one


def merged(states: NDArray[Any]) -> NDArray[np.int32]:
    """State ids with the kinds of Walk, Run, Fall, FallSpecial and Wait counted as one."""
    found: NDArray[np.int32] = _MERGE[np.clip(states, 0, len(_MERGE) - 1)]
    return found


def snap(pads: dict[str, NDArray[Any]]) -> None:
    """Push sticks out to 1 that UCF 0.84 does: a raw axis of 80 or more where the other is 6 or less.

    Slippi shows the stick as it was before. UCF does so since about the time that Slippi records the raw y (3.15), so
    games of which that was seen by then are taken for such (github.com/AltimorTASDK/ucf, ``src/pad_buffer``).
    """
    raw_x, raw_y = (pads[name].astype(np.int32) for name in ("raw_x", "raw_y"))
    seen = np.logical_or.accumulate((raw_y != 0).any(axis=2), axis=0)[:, :, None]
    for stick, other, raw, raw_other in (
        ("joystick_x", "joystick_y", raw_x, raw_y), ("joystick_y", "joystick_x", raw_y, raw_x)
    ):  # fmt: skip
        full = seen & (np.abs(raw) >= SNAP_FROM) & (np.abs(raw_other) <= SNAP_RANGE)
        pads[stick] = np.where(full, np.sign(raw), pads[stick]).astype(np.float32)
        pads[other] = np.where(full, 0, pads[other]).astype(np.float32)


SNAP_FROM: Final = 80
SNAP_RANGE: Final = 6


@dataclass(frozen=True, slots=True)
class Recording:
    """``pads`` and ``body``: columns ``[T, F, 4]`` by name, of both players, then of their followers (the Ice Climbers'
    Nana; ``exists`` 0 where there is none); ``platforms`` ``[T, F, 2]``; all of F games."""

    pads: dict[str, NDArray[Any]]
    body: dict[str, NDArray[Any]]
    platforms: NDArray[np.float32]
    nana: NDArray[np.bool_]  # [T, F] a Nana is there
    items: dict[str, NDArray[Any]]  # [T, F, MAX_ITEMS] by column
    stage: NDArray[np.int32]  # [F] Slippi's id
    length: NDArray[np.int32]  # [F] frames
    merged: NDArray[np.int32]  # [T, F, 4] states, see merged()

    @classmethod
    def of(cls, games: Sequence[Frames]) -> Recording:
        """Stack games, each ``[T]`` from frame -123 on."""
        length = np.array([len(frames.frame) for frames in games], np.int32)
        longest = int(length.max())
        rows = [np.minimum(np.arange(longest), n - 1) for n in length]

        columns = [frames.arrays() for frames in games]

        def stack(name: str) -> NDArray[Any]:
            return np.stack([arrays[name][row] for arrays, row in zip(columns, rows, strict=True)], axis=1)

        def fighters(players: str, followers: str, name: str) -> NDArray[Any]:
            return np.concatenate([stack(f"{players}.{name}"), stack(f"{followers}.{name}")], axis=2)

        body = {name: fighters("players", "nanas", name) for name in BODY}
        for jumper in (Character.KIRBY, Character.JIGGLYPUFF):  # their five air jumps are five states
            jumps = (body["state"] >= st.FIRST_SPECIAL) & (body["state"] < st.FIRST_SPECIAL + 5)
            body["state"][(body["character"] == jumper) & jumps] = st.JUMP_AERIAL_F
        for (who, own), common in OWN_ATTACKS.items():
            body["state"][(body["character"] == who) & (body["state"] == own)] = common
        pads = {name: fighters("controllers", "nana_controllers", name) for name in PADS}
        snap(pads)
        return cls(
            pads=pads,
            body=body,
            platforms=stack("platforms"),
            nana=np.asarray(stack("nanas.exists").any(axis=2)),
            items={name: stack(f"items.{name}") for name in ITEMS},
            stage=np.array([int(frames.stage[0]) for frames in games], np.int32),
            length=length,
            merged=merged(body["state"]),
        )
