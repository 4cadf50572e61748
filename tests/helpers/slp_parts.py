"""Games of the embedded game as frames, and comparing what readers of .slp make of them."""

from __future__ import annotations

import numpy as np

from exphil_rt.game.frames import Controllers, Frames
from exphil_rt.game.lane import GameSetup
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.random_play import random_actions
from exphil_rt.sim import EmbeddedLane


def simulated(setup: GameSetup, seed: int = 1, frames: int = 600):
    """Frames ``[T]`` and end of a game between two random players, at most ``frames`` long."""
    lane, codec, rng = EmbeddedLane(1), ActionCodec(), np.random.default_rng(seed)
    slots = np.array([0], np.int32)
    lane.start(0, setup)
    played = Frames.allocate((frames,))
    played.assign(slice(0, 1), lane.frames(slots))
    ends = []
    for at in range(1, frames):
        pads: Controllers = codec.decode(random_actions(rng.random((2, 13), np.float32))[None])
        lane.commit(slots, pads, played.frame[at - 1 : at] + 1)
        played.assign(slice(at, at + 1), lane.frames(slots))
        if ends := lane.ended():
            played = played[: at + 1]
            break
    lane.close()
    return played, ends[0] if ends else None


def differing(first: Frames, second: Frames) -> list[str]:
    """Names of the columns that differ."""
    others = second.arrays()
    return [name for name, values in first.arrays().items() if not np.array_equal(values, others[name])]
