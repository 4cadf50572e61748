"""PlayablePolicy: a policy with its own delay queue, recurrent state and noise, for a script or a notebook."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from exphil_rt.game.frames import FIRST_FRAME, Controllers, Frames
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.codec import ActionCodec
from exphil_rt.policy.delay import DelayQueue
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.encoder import Encoder
from exphil_rt.policy.inputs import build_inputs
from exphil_rt.policy.manifest import Manifest, PolicyIncompatible, check_delay
from exphil_rt.policy.noise import ACTION_DOMAIN, keyed_uniform
from exphil_rt.policy.policy import Policy
from exphil_rt.policy.random_play import random_actions


class PlayablePolicy:
    """A loaded policy. Each row of the frames it is shown is one game; rows keep their place from call to call.

    Args:
        policy: the network, or None for the ``random`` player.
        manifest: of its bundle, or None.
        seed: key of its random draws.
    """

    def __init__(self, policy: Policy | None, manifest: Manifest | None, seed: int = 0) -> None:
        self.policy = policy
        self.manifest = manifest
        self.seed = seed
        self.codec = policy.config.codec if policy else ActionCodec()
        self.temperature = manifest.temperature if manifest else 1.0
        self.delay = policy.config.delay if policy else 0
        self.encoder = Encoder(policy.config.schema) if policy else None
        self._queue = DelayQueue(0)
        self._state: State = ()
        self._games = np.zeros(0, np.int64)

    def __repr__(self) -> str:
        return f"<PlayablePolicy {self.manifest.ref if self.manifest else 'random'}, delay {self.delay}>"

    def set_delay(self, delay: int, force: bool = False) -> None:
        """Play with another delay than the trained one (forced), from the next game on.

        Raises:
            PolicyIncompatible: for a delay that the policy was not trained for, unless forced.
        """
        if self.manifest is not None:
            check_delay(self.manifest, delay, force)
        elif delay != self.delay:
            raise PolicyIncompatible(f"This policy has no manifest, and plays with delay {self.delay} only.")
        self.delay = delay
        self._queue = DelayQueue(0)

    def reset(self, rows: int = 1) -> None:
        """Forget everything: ``rows`` new games begin with the next frames. Done by itself at frame -123."""
        dmax = self.policy.config.dmax if self.policy else 0
        self._queue = DelayQueue(rows, self.delay, dmax, self.codec.neutral())
        self._state = self.policy.init_state(rows) if self.policy else ()
        self._games = np.arange(rows, dtype=np.int64)

    def act(self, frames: Frames, port: int | ArrayLike = 0) -> Controllers:
        """See the frame(s) and give the controllers for the next frame.

        To be called once for every frame, in order.

        Args:
            frames: one frame (leading shape ``()``) or one for each of R games (``[R]``).
            port: the player it plays, 0 or 1, or one for each row.

        Returns:
            Controllers of the same leading shape.
        """
        single = not frames.lead
        rows_frames = frames[(None,)] if single else frames
        count = rows_frames.lead[0]
        frame = rows_frames.frame.astype(np.int64)
        ports = np.broadcast_to(np.asarray(port, np.intp), (count,))
        if self._queue.num_rows != count:
            self.reset(count)
            self._queue.reset(np.arange(count), frame)
        elif (fresh := np.flatnonzero(frame == FIRST_FRAME)).size:
            self._queue.reset(fresh)
            self._games[fresh] += count
            with torch.inference_mode():
                for part in self._state:
                    part[fresh] = 0.0
        rows = np.arange(count)
        noise = keyed_uniform(self.seed, ACTION_DOMAIN, self._games, frame, ports, self.codec.num_logits)
        if self.policy is None or self.encoder is None:
            action = random_actions(noise)
        else:
            committed, mask = self._queue.committed(rows, frame)
            inputs = build_inputs(self.encoder, self.codec, rows_frames, ports, committed, mask, self.delay)
            drawn, _, _, self._state = self.policy.act(
                to_tensors(inputs), self._state, torch.from_numpy(noise), self.temperature
            )
            action = drawn.numpy()
        self._queue.push(rows, frame + self.delay + 1, action)
        controllers = self.codec.decode(self._queue.pop(rows, frame + 1))
        return controllers[0] if single else controllers
