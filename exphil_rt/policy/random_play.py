"""The ``random`` player: legal actions that look at nothing. It anchors ratings, so its distribution never changes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import U8
from exphil_rt.policy.codec import AXIS_BUCKETS, NUM_BUTTONS, NUM_HEADS, TRIGGER_BUCKETS

PRESS: Final = 0.1
"""Probability of each button, a frame."""
C_STICK: Final = 0.1
"""Probability that the C-stick leaves neutral, an axis and frame."""
TRIGGER: Final = 0.1
"""Probability that the trigger is touched, a frame."""


def random_actions(noise: NDArray[np.float32]) -> U8:
    """Actions ``[R, 13]`` from uniform noise ``[R, 13 or more]``: buttons, C-stick and trigger now and then, the
    control stick uniform over its buckets.
    """
    actions = np.zeros((noise.shape[0], NUM_HEADS), np.uint8)
    actions[:, :NUM_BUTTONS] = noise[:, :NUM_BUTTONS] < PRESS
    actions[:, 8:10] = noise[:, 8:10] * AXIS_BUCKETS
    c_stick = noise[:, 10:12]
    actions[:, 10:12] = np.where(c_stick < C_STICK, c_stick * (AXIS_BUCKETS / C_STICK), AXIS_BUCKETS // 2)
    trigger = noise[:, 12]
    actions[:, 12] = np.where(trigger < TRIGGER, 1 + trigger * ((TRIGGER_BUCKETS - 1) / TRIGGER), 0)
    # Rounding may lift a number just below 1 to the next bucket.
    np.minimum(actions[:, 8:12], AXIS_BUCKETS - 1, out=actions[:, 8:12])
    np.minimum(actions[:, 12], TRIGGER_BUCKETS - 1, out=actions[:, 12])
    return actions
