"""The rows of all fighters as arrays for compiled code."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.sim.anim_table import NUM_FIGHTERS, NUM_STATES
from exphil_rt.sim.specials.registry import FIGHTERS
from exphil_rt.sim.specials.rows import AIR_FORWARD, GROUND_MOTION, Row, Specials

UNKNOWN_LENGTH: Final = 40
"""Of states that no table lists (some of Kirby's, and others)."""

STILL: Final = 2.0
"""Units that an animation moves its fighter at least; less is a recording's residual slide."""

NUM_SPECIALS: Final = NUM_STATES - st.FIRST_SPECIAL

SPEC: Final = np.dtype(
    [
        (name, np.float32)
        for name in (
            "lag", "mobility", "gravity", "terminal", "float_until", "friction", "drift", "vx_mul", "vy_mul", "gv_mul",
            "vx_set", "vy_set", "ledge_from", "turn_from", "turn_to", "guard_from", "guard_to", "guard_x", "guard_y",
            "guard_r",
        )
    ]
    + [
        (name, np.int32)
        for name in (
            "exists", "then", "then_air", "lands", "falls", "fastfall", "motion", "motion_offset", "motion_frames",
            "rise_frames", "ledge_back", "guard",
        )
    ],
    align=True,
)  # fmt: skip
"""A row of ``rows.Row``; ``vx_set`` and ``vy_set`` are nan for none."""

START_STATES: Final = np.dtype(
    [(name, np.int32, (2,)) for name in ("neutral", "side", "up", "down")] + [("floating", np.int32)], align=True
)
"""Where each special begins: on the ground and in the air; 0 for a fighter without it."""

_ATTACKS: Final = {"neutral": 18, "side": 19, "up": 20, "down": 21}


def special_tables(frames: dict[str, NDArray[Any]], anim: NDArray[Any], fighters: NDArray[Any]) -> dict[str, Any]:
    """``special`` [27, states from 341] SPEC, ``special_start`` [27] START_STATES, ``special_motion`` [n, 2] forward
    and up by frame; fills the specials' rows of ``anim``.
    """
    spec = np.zeros((NUM_FIGHTERS, NUM_SPECIALS), SPEC)
    start = np.zeros(NUM_FIGHTERS, START_STATES)
    moves: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}
    for (who, state, frame), dx, dy in zip(frames["key"], frames["motion"], frames["rise"], strict=True):
        if state >= st.FIRST_SPECIAL:
            moves.setdefault((int(who), int(state)), {})[int(frame)] = (float(dx), float(dy))
    motion: list[tuple[float, float]] = [(0.0, 0.0)]
    for who, specials in FIGHTERS.items():
        for name in _ATTACKS:
            start[int(who)][name] = getattr(specials, name)
        start[int(who)]["floating"] = specials.floating
        for row in specials.rows:
            cell = spec[int(who), row.state - st.FIRST_SPECIAL]
            _fill(cell, row, fighters[int(who)])
            if row.motion:
                # libmelee counts frames from 1, a chained state's ages begin at 0
                late = 1 - int(row.start) if row.start <= 1 else 0
                by_frame = {n - late: step for n, step in moves.get((int(who), row.state), {}).items()}
                if sum(abs(ahead) for ahead, _ in by_frame.values()) < STILL:
                    cell["motion"] &= ~(GROUND_MOTION | AIR_FORWARD)
                last = max(by_frame, default=0)
                cell["motion_offset"], cell["motion_frames"] = len(motion), last
                cell["rise_frames"] = max((frame for frame, (_, up) in by_frame.items() if up > 1e-4), default=0)
                motion += [by_frame.get(frame, (0.0, 0.0)) for frame in range(last + 1)]
            an = anim[int(who), row.state]
            an["exists"] = 1
            an["start"] = row.start
            an["attack"] = _attack(specials, row.state) if row.attack is None else row.attack
            an["safe_from"], an["safe_to"] = row.safe
            if row.length is not None:
                an["length"] = row.length
            elif an["length"] == 0:
                an["length"] = UNKNOWN_LENGTH
    return {"special": spec, "special_start": start, "special_motion": np.array(motion, np.float32)}


def _fill(cell: NDArray[Any], row: Row, at: NDArray[Any]) -> None:
    cell["exists"] = 1
    for name in ("lag", "mobility", "float_until", "drift", "vx_mul", "vy_mul", "gv_mul", "ledge_from", "then",
                 "then_air", "lands", "falls", "fastfall", "motion", "ledge_back", "guard"):  # fmt: skip
        cell[name] = getattr(row, name)
    cell["gravity"] = at["gravity"] if row.gravity is None else row.gravity
    cell["terminal"] = at["terminal_vel"] if row.terminal is None else row.terminal
    cell["friction"] = at["air_friction"] if row.friction is None else row.friction
    cell["vx_set"] = np.nan if row.vx_set is None else row.vx_set
    cell["vy_set"] = np.nan if row.vy_set is None else row.vy_set
    cell["turn_from"], cell["turn_to"] = row.turn
    cell["guard_from"], cell["guard_to"] = row.guard_ages
    cell["guard_x"], cell["guard_y"], cell["guard_r"] = row.guard_circle


def _attack(specials: Specials, state: int) -> int:
    """Slippi's id of the attack: that of the special with the nearest start at or before the state."""
    found, best = 1, -1
    for name, attack in _ATTACKS.items():
        for first in getattr(specials, name):
            if best < first <= state:
                found, best = attack, first
    return found
