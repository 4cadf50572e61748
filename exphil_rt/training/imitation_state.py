"""Where an imitation stands, on disk: everything from which it goes on as if it had never been interrupted.

Written by a thread beside the learning, from copies; a slow disk delays the next checkpoint, never a step.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from torch import Tensor

from exphil_rt.training import generations
from exphil_rt.training.generations import Generation, LearnerStateInvalid
from exphil_rt.training.imitation_config import ImitationConfig
from exphil_rt.training.imitation_result import EpochReport

KEPT: Final = 2
_WRITE_S: Final = 120.0
"""Longest that the end of a training waits for its last checkpoint."""

Files = dict[str, dict[str, Tensor]]


class ImitationState(Generation, frozen=True, kw_only=True):
    """Counters; weights, optimizer, random state and recurrent state are the tensors beside them."""

    config: ImitationConfig
    data: str
    """Digest of the sides that are learned from: a position means nothing in others."""
    epoch: int
    """From 0, the one under way."""
    batch: int
    """Batches of it that were learned from."""
    frames: int
    steps: int
    seconds: float
    """Spent learning."""
    recent: float | None
    summed: float
    seen: float
    rate_scale: float
    best_epoch: int
    reports: tuple[EpochReport, ...]


class StateWriter:
    """Writes generations beside the learning; the newest one wins where the disk is slower than the learner."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.number = max(generations.numbers(folder), default=0)
        """Of the newest generation on disk; 0 for none."""
        self._waiting: tuple[ImitationState, Files] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._error: OSError | None = None

    def put(self, state: ImitationState, files: Files) -> None:
        """Have this written. ``files`` are the writer's own from now on.

        Raises:
            OSError: what came of the one before (a full disk, say); learning may go on.
        """
        with self._lock:
            error, self._error = self._error, None
            self._waiting = state, files
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
                self._thread.start()
        if error is not None:
            raise error

    def close(self) -> None:
        """Wait until what was put is on disk.

        Raises:
            OSError: it is not.
        """
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(_WRITE_S)
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _work(self) -> None:
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, None
                if waiting is None:
                    self._thread = None
                    return
            try:
                self.number = generations.write(self._folder, waiting[0], waiting[1], KEPT)
            except OSError as error:
                with self._lock:
                    self._error = error


def newest(folder: Path) -> tuple[ImitationState, Files] | None:
    """The newest state in ``folder`` that is whole, or None where there is none at all.

    Raises:
        LearnerStateInvalid: none of those that are there can be read.
    """
    problems = []
    for path in generations.newest_first(folder):
        try:
            return generations.read(path, ImitationState)
        except LearnerStateInvalid as error:
            problems.append(error)
    if problems:
        raise problems[0]
    return None


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU that nobody else changes."""
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
