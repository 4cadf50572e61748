"""The ``random`` player: legal actions that look at nothing. It anchors ratings, so its distribution never changes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import U8
from exphil_rt.policy.codec import NUM_BUTTONS, ActionCodec

PRESS: Final = 0.1
"""Probability of each button, a frame."""
C_STICK: Final = 0.1
"""Probability that the C-stick leaves neutral, an axis and frame."""
TRIGGER: Final = 0.1
"""Probability that the trigger is touched, a frame."""

CODEC: Final = ActionCodec()
"""What it decides in, whatever the codec of those it plays with."""
_AXIS: Final = len(CODEC.stick)
_TRIGGER: Final = len(CODEC.trigger)


def random_actions(noise: NDArray[np.float32], codec: ActionCodec = CODEC) -> U8:
    """Actions ``[R, K]`` from uniform noise ``[R, 13 or more]``: buttons, C-stick and trigger now and then, the
    control stick uniform over the default codec's buckets.

    Args:
        codec: of the actions wanted; another than the default one gets the nearest that it has.
    """
    actions = np.zeros((noise.shape[0], CODEC.num_heads), np.uint8)
    actions[:, :NUM_BUTTONS] = noise[:, :NUM_BUTTONS] < PRESS
    actions[:, 8:10] = noise[:, 8:10] * _AXIS
    c_stick = noise[:, 10:12]
    actions[:, 10:12] = np.where(c_stick < C_STICK, c_stick * (_AXIS / C_STICK), _AXIS // 2)
    trigger = noise[:, 12]
    actions[:, 12] = np.where(trigger < TRIGGER, 1 + trigger * ((_TRIGGER - 1) / TRIGGER), 0)
    # Rounding may lift a number just below 1 to the next bucket.
    np.minimum(actions[:, 8:12], _AXIS - 1, out=actions[:, 8:12])
    np.minimum(actions[:, 12], _TRIGGER - 1, out=actions[:, 12])
    return actions if codec == CODEC else codec.encode(CODEC.decode(actions))
