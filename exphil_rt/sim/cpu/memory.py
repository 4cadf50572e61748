"""What the bot sees of a fighter, what it remembers from frame to frame, and the pad it presses: record layouts."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import Frames, PlayerColumns
from exphil_rt.sim.cpu.levels import MAX_REACTION

LOOK_FIELDS: Final = (
    "exists", "character", "state", "state_age", "position_x", "position_y", "facing", "percent", "shield", "stocks",
    "jumps", "airborne", "hitlag", "hitstun", "hurtbox_state", "knockback_x", "knockback_y",
)  # fmt: skip
LOOK: Final = np.dtype([(name, np.float32) for name in (*LOOK_FIELDS, "vx", "vy")])
"""A fighter as a frame shows it; ``vx``, ``vy`` are all its velocity together."""

RING: Final = MAX_REACTION + 1

MEMORY: Final = np.dtype(
    [
        ("seen", LOOK, (RING,)),  # the other fighter, the newest at ``at``
        ("at", np.int32),
        ("count", np.int32),
        ("buttons", np.int32),  # pressed on the last frame
        ("plan", np.int32),
        ("until", np.int32),  # frame at which the plan is thought over
        ("trip", np.int32),  # times it was thrown off the stage
        ("off", np.int32),  # 1 while off the stage
        ("threats", np.int32),  # attacks noticed
        ("threat", np.int32),  # 1 while one is under way
        ("guard_until", np.int32),
        ("hop", np.int32),  # 1 a short hop, 2 a full jump
        ("waited", np.int32),  # frames in the present state
        ("state", np.int32),
        ("misses", np.int32),  # attacks in a row that changed nothing
        ("aimed", np.float32),  # percent of the other one when it struck last
        ("x", np.float32),  # stick of the last frame
        ("y", np.float32),
    ],
    align=True,
)
"""What the bot remembers; cleared at a game's first frame."""

PAD: Final = np.dtype([("buttons", np.int32)] + [(name, np.float32) for name in ("x", "y", "cx", "cy")])


def look(frames: Frames, port: NDArray[np.intp]) -> NDArray[Any]:
    """Both fighters of each row ``[R, 2]``: the bot itself, then the other."""
    rows = np.arange(len(port))
    found = np.zeros((len(port), 2), LOOK)
    for place, side in enumerate((port, 1 - port)):
        fighters: PlayerColumns = frames.players[rows, side]
        for name in LOOK_FIELDS:
            found[name][:, place] = getattr(fighters, name)
        walked = np.where(fighters.airborne > 0, fighters.self_x_air, fighters.self_x_ground)
        found["vx"][:, place] = walked + fighters.knockback_x
        found["vy"][:, place] = np.where(fighters.airborne > 0, fighters.self_y + fighters.knockback_y, 0.0)
    return found
