"""Which stretches of a recording are followed, and what they are of.

A window is 60 frames of a whole game from every 11th frame on, at which both fighters are in states that the embedded
game has. Each of the two fighters in it is one sample: of the class of the rarest thing that it does in those frames,
moving (more than 15 units of way and two changes of state) or idle.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game import states as st
from exphil_rt.sim.fidelity.recording import Recording

WINDOW: Final = 60
STRIDE: Final = 11
FIRST_ROW: Final = 123 + 1
"""Row of frame 1: the entry is no play."""
MOVING_WAY: Final = 15.0
MOVING_CHANGES: Final = 2

CLASSES: Final = ("move", "attack", "shield", "ledge", "tech", "hit", "special", "life")
"""From common to rare; ``life`` is death and rebirth. A window is of the last of these that occurs in it."""


def _class_table() -> NDArray[np.int8]:
    table = np.zeros(1024, np.int8)
    for name, states in (
        ("attack", (*range(st.ATTACK_11, st.LANDING_AIR_LW + 1), *range(st.CATCH, st.THROW_LW + 1), st.REBOUND_STOP,
                    st.REBOUND)),
        ("shield", (*range(st.GUARD_ON, st.GUARD_SET_OFF + 2), st.ESCAPE_F, st.ESCAPE_B, st.ESCAPE_N)),
        ("ledge", range(st.CLIFF_CATCH, st.CLIFF_JUMP_QUICK_2 + 1)),
        ("tech", range(st.DOWN_BOUND_U, st.PASSIVE_STAND_B + 4)),
        ("hit", (*range(st.DAMAGE_HI_1, st.DAMAGE_FLY_ROLL + 1), st.DAMAGE_FALL, *range(st.SHIELD_BREAK_FLY, st.CATCH),
                 *range(st.CAPTURE_PULLED_HI, st.ESCAPE_F), *range(st.THROWN_F, st.THROWN_LW + 2),
                 *range(st.OTTOTTO_WAIT + 1, st.CLIFF_CATCH))),
        ("life", (*range(st.REBIRTH_WAIT + 1), st.ENTRY, st.ENTRY_START, st.ENTRY_END)),
        ("special", range(st.FIRST_SPECIAL, 1024)),
    ):  # fmt: skip
        table[list(states)] = CLASSES.index(name)
    return table


_CLASS: Final = _class_table()


def _foreign() -> NDArray[np.bool_]:
    """States that come from items, from other fighters' special grabs and from the adventure mode."""
    table = np.zeros(1024, bool)
    table[92 : st.GUARD_ON] = True
    table[266 : st.ENTRY] = True
    table[325 : st.FIRST_SPECIAL] = True
    return table


FOREIGN: Final = _foreign()


def classes(recording: Recording) -> NDArray[np.int8]:
    """Class ``[T, F, 4]`` of every frame, an index into CLASSES."""
    states = np.minimum(recording.body["state"], 1023)
    found: NDArray[np.int8] = _CLASS[states]
    struck = (recording.body["hitlag"] > 0) & (found < CLASSES.index("attack"))
    found[struck] = CLASSES.index("hit")
    return found


def choose(recording: Recording, num_states: int) -> NDArray[np.int32]:
    """Windows ``[W, 2]`` as (row of its first frame, game).

    Args:
        recording: the games.
        num_states: states that the embedded game has; a fighter in another one starts no window.
    """
    body = recording.body
    known = (body["exists"] != 0) & ~FOREIGN[np.minimum(body["state"], 1023)] & (body["state"] < num_states)
    both: NDArray[np.bool_] = np.asarray(known[:, :, :2].all(axis=2))
    rows = np.arange(FIRST_ROW, len(both), STRIDE)
    there = np.asarray(body["exists"][:, :, :2].all(axis=2))
    found = [
        (row, game)
        for game, length in enumerate(recording.length)
        for row in rows[rows + WINDOW < length]
        if both[row, game] and there[row + WINDOW, game]
    ]
    return np.array(found, np.int32).reshape(-1, 2)


def describe(recording: Recording, windows: NDArray[np.int32]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """(class, moving) of each window and fighter, ``[W, 4]``."""
    kind = np.zeros((len(windows), 4), np.int8)
    way = np.zeros((len(windows), 4), np.float32)
    changes = np.zeros((len(windows), 4), np.int32)
    row, game = windows.T
    every = classes(recording)
    x = recording.body["position_x"]
    kind[:] = every[row, game]
    for offset in range(1, WINDOW + 1):
        kind = np.maximum(kind, every[row + offset, game])
        way += np.abs(x[row + offset, game] - x[row + offset - 1, game])
        changes += recording.merged[row + offset, game] != recording.merged[row + offset - 1, game]
    return kind, (way > MOVING_WAY) & (changes >= MOVING_CHANGES)
