"""Recorded states, a console's end of the delay queue, and a lane that shows recorded states, for the Dolphin tests."""

from __future__ import annotations

import numpy as np
import torch

from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.game.ids import Character, Stage
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.policy.manifest import Manifest
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform

CODEC = ActionCodec()


def states(count, seed=0, first=FIRST_FRAME):
    """Frames ``[count]`` of a game of two that wander about; nobody's inputs matter."""
    rng = np.random.default_rng(seed)
    frames = Frames.allocate((count,))
    frames.frame[:] = first + np.arange(count)
    frames.stage[:] = int(Stage.FINAL_DESTINATION)
    players = frames.players
    players.exists[:] = 1
    players.character[:] = (int(Character.FOX), int(Character.MARTH))
    players.stocks[:] = 4
    players.position_x[:] = np.cumsum(rng.normal(0, 1, (count, 2)), 0)
    players.position_y[:] = np.abs(np.cumsum(rng.normal(0, 1, (count, 2)), 0))
    players.percent[:] = np.cumsum(rng.random((count, 2)) < 0.05, 0)
    players.state[:] = rng.integers(14, 60, (count, 2))
    players.facing[:] = rng.choice([-1, 1], (count, 2))
    return frames


def manifest_of(policy, name="new", version=1, **more):
    return Manifest(name=name, version=version, config=policy.config, **more)


class Played:
    """What a console would have: the delay queue of one port, fed by ``ask``.

    Args:
        ask: called with (frames ``[1]``, committed ``[1, dmax, K]``, mask), gives ``[1, K]``.
    """

    def __init__(self, ask, delay, codec):
        self.ask = ask
        self.codec = codec
        self.queue = DelayQueue(1, delay, neutral=codec.neutral())
        self.decided = {}
        """Actions by due frame."""

    def run(self, frames):
        for t in range(frames.lead[0]):
            frame = int(frames.frame[t])
            committed, mask = self.queue.committed([0], frame)
            action = self.ask(frames[t : t + 1], committed, mask)
            due = frame + int(self.queue.delay[0]) + 1
            self.decided[due] = bytes(action[0])
            self.queue.push([0], due, action)
            self.queue.pop([0], frame + 1)
        return self.decided


class Tape:
    """A lane of one slot that shows recorded frames, whatever it is told."""

    num_slots = 1
    physics = "tape"

    def __init__(self, frames):
        self._frames = frames
        self.at = 0
        self.committed = {}
        """Controllers ``[2]`` by due frame."""

    def start(self, slot, setup):
        self.at = 0

    def ready(self):
        return np.zeros(1, np.int32)

    def frames(self, slots):
        return self._frames[self.at : self.at + 1]

    def commit(self, slots, controllers, due_frame):
        self.committed[int(due_frame[0])] = controllers[0].copy()
        self.at += 1

    def ended(self):
        return []

    def close(self):
        pass


def offline(policy, frames, port, seed, game):
    """Actions ``[K]`` by due frame of a replay of the queue: no engine, no loop, no process."""
    encoder, state = Encoder(policy.config.schema), policy.init_state(1)

    def ask(shown, committed, mask):
        nonlocal state
        inputs = build_inputs(encoder, CODEC, shown, port, committed, mask, policy.config.delay)
        noise = keyed_uniform(seed, ACTION_DOMAIN, game, shown.frame, port, CODEC.num_logits)
        with torch.inference_mode():
            action, _, _, state = policy.act(to_tensors(inputs), state, torch.from_numpy(noise))
        return action.numpy()

    decided = Played(ask, policy.config.delay, CODEC).run(frames)
    return {due: np.frombuffer(action, np.uint8) for due, action in decided.items()}
