"""A policy run by ONNX Runtime on the CPU: one thread that does not spin, so that a game beside it is not disturbed.

Small batches stream weights and little else, so for them 8-bit weights are the quicker ones.
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from exphil_rt.game.frames import F32, U8
from exphil_rt.inference.export import INPUTS, filled, names_of
from exphil_rt.inference.player import Player
from exphil_rt.policy.inputs import Inputs
from exphil_rt.policy.policy import Policy


def open_session(model: bytes) -> ort.InferenceSession:
    """A session of ``model`` with one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxPlayer:
    """The graph of ``policy`` with the states of ``num_rows`` rows (see ``Player``).

    Args:
        policy: as it is now; what becomes of it later does not matter.
        temperature: to draw with.
        num_rows: rows held.
        model: its graph, where it was exported before.
    """

    def __init__(self, policy: Policy, temperature: float, num_rows: int, model: bytes | None = None) -> None:
        self.config = policy.config
        self.temperature = temperature
        self.session = open_session(filled(policy) if model is None else model)
        """Stateless, so that another thread may run it, too."""
        names, _ = names_of(policy)
        self._states = names[len(INPUTS) :]
        self._known = {given.name for given in self.session.get_inputs()}  # what the policy does not look at is gone
        self._every = np.arange(num_rows)
        self._state = tuple(np.zeros((num_rows, part.shape[1]), np.float32) for part in policy.init_state(1))

    def decide(self, rows: NDArray[np.intp], inputs: Inputs, noise: NDArray[np.float32]) -> tuple[U8, F32, F32]:
        """As ``Player``."""
        feed = {
            "floats": inputs.floats,
            "ids": inputs.ids.astype(np.int64, copy=False),
            "committed": inputs.committed,
            "mask": inputs.mask,
            "delay": inputs.delay,
            "previous": inputs.previous,
            "noise": noise,
            "temperature": np.full(len(rows), self.temperature, np.float32),
        }
        feed = {name: np.ascontiguousarray(array) for name, array in feed.items() if name in self._known}
        whole = np.array_equal(rows, self._every)  # as a rule: the states need no copies then
        for name, part in zip(self._states, self._state, strict=True):
            feed[name] = part if whole else part[rows]
        action, _, logp, value, *after = self.session.run(None, feed)
        if whole:
            self._state = tuple(after)
        else:
            for part, new in zip(self._state, after, strict=True):
                part[rows] = new
        return action, logp, value

    def decide_run(self, row: int, inputs: Inputs, noise: NDArray[np.float32]) -> tuple[U8, F32, F32]:
        """As ``Player``; the graph is one step, so the frames are gone through one by one."""
        rows = np.array([row], np.intp)
        steps = [self.decide(rows, inputs[t : t + 1], noise[t : t + 1]) for t in range(len(noise))]
        actions, logps, values = zip(*steps, strict=True)
        return np.concatenate(actions), np.concatenate(logps), np.concatenate(values)

    def reset(self, rows: NDArray[np.intp]) -> None:
        """As ``Player``."""
        for part in self._state:
            part[rows] = 0.0

    def state(self, rows: NDArray[np.intp]) -> tuple[F32, ...]:
        """As ``Player``."""
        return tuple(part[rows] for part in self._state)

    def set_state(self, rows: NDArray[np.intp], state: tuple[F32, ...]) -> None:
        """As ``Player``."""
        for part, values in zip(self._state, state, strict=True):
            part[rows] = values

    def take_over(self, old: Player) -> None:
        """As ``Player``."""
        if isinstance(old, OnnxPlayer) and [p.shape for p in old._state] == [p.shape for p in self._state]:
            self._state = old._state
