"""A policy run by torch, frame by frame."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray

from exphil_rt.game.frames import F32, U8
from exphil_rt.inference.player import Player
from exphil_rt.policy.backbones.base import State
from exphil_rt.policy.embed import to_tensors
from exphil_rt.policy.inputs import Inputs
from exphil_rt.policy.policy import Policy


class TorchPlayer:
    """A copy of ``policy`` with the states of ``num_rows`` rows (see ``Player``)."""

    def __init__(self, policy: Policy, temperature: float, num_rows: int, device: torch.device) -> None:
        self.policy = copy.deepcopy(policy).to(device).eval()  # a learner may go on changing its own
        self.config = policy.config
        self.temperature = temperature
        self.device = device
        self._every = np.arange(num_rows)
        with torch.inference_mode():
            self._state: State = self.policy.init_state(num_rows)

    def decide(self, rows: NDArray[np.intp], inputs: Inputs, noise: NDArray[np.float32]) -> tuple[U8, F32, F32]:
        """As ``Player``."""
        with torch.inference_mode():
            whole = np.array_equal(rows, self._every)  # as a rule: the states need no copies then
            index = self._index(rows)
            state = self._state if whole else tuple(part.index_select(0, index) for part in self._state)
            draws = torch.from_numpy(noise).to(self.device)
            action, logp, value, after = self.policy.act(
                to_tensors(inputs, self.device), state, draws, self.temperature
            )
            if whole:
                self._state = after
            else:
                for part, new in zip(self._state, after, strict=True):
                    part.index_copy_(0, index, new)
        return action.cpu().numpy(), logp.cpu().numpy(), value.cpu().numpy()

    def decide_run(self, row: int, inputs: Inputs, noise: NDArray[np.float32]) -> tuple[U8, F32, F32]:
        """As ``Player``."""
        with torch.inference_mode():
            tensors = to_tensors(inputs, self.device)
            state = tuple(part[row : row + 1] for part in self._state)
            hidden, value, after = self.policy(tensors.at((None,)), state)  # [1, T]
            draws = torch.from_numpy(noise).to(self.device)
            action, logp = self.policy.heads.sample(hidden[0], tensors.previous, draws, self.temperature)
            for part, new in zip(self._state, after, strict=True):
                part[row] = new[0]
        return action.cpu().numpy(), logp.cpu().numpy(), value[0].cpu().numpy()

    def reset(self, rows: NDArray[np.intp]) -> None:
        """As ``Player``."""
        with torch.inference_mode():
            index = self._index(rows)
            for part in self._state:
                part[index] = 0.0

    def state(self, rows: NDArray[np.intp]) -> tuple[F32, ...]:
        """As ``Player``."""
        index = self._index(rows)
        return tuple(part[index].cpu().numpy() for part in self._state)

    def set_state(self, rows: NDArray[np.intp], state: tuple[F32, ...]) -> None:
        """As ``Player``."""
        with torch.inference_mode():
            index = self._index(rows)
            for part, values in zip(self._state, state, strict=True):
                part.index_copy_(0, index, torch.from_numpy(values).to(self.device))

    def take_over(self, old: Player) -> None:
        """As ``Player``."""
        if isinstance(old, TorchPlayer) and [p.shape for p in old._state] == [p.shape for p in self._state]:
            self._state = old._state

    def _index(self, rows: NDArray[np.intp]) -> torch.Tensor:
        return torch.from_numpy(rows).to(self.device)
