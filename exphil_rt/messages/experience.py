"""The edges around the experience slots: runner, experience actor, trainer. The bytes lie in shared memory."""

from __future__ import annotations

import msgspec

from exphil_rt.messages.learner import Learn
from exphil_rt.messages.rollout import SlotFilled


class SlotReady(msgspec.Struct, frozen=True, kw_only=True, tag="slot_ready"):
    """Runner to experience: a slot that it was granted is whole."""

    runner: str
    filled: SlotFilled


class SlotLearned(msgspec.Struct, frozen=True, kw_only=True, tag="slot_learned"):
    """Trainer to experience: the learner is done with this slot."""

    slot: int
    generation: int


class TrainerUp(msgspec.Struct, frozen=True, kw_only=True, tag="trainer_up"):
    """Trainer to experience and run manager: a fresh learner process that waits for slots, or what an older one has."""

    fresh: bool = True
    """False where it answers SayAgain."""
    learning: tuple[Learn, ...] = ()
    """Slots that the process has still to learn from."""


class CurrentWeights(msgspec.Struct, frozen=True, kw_only=True, tag="current_weights"):
    """Trainer to inference worker: the weights that ``current`` stands for from now on."""

    update: int
    weights: str
    saved: int = 0
    """Learner generation written right after this update; 0 for none."""


class GetCurrent(msgspec.Struct, frozen=True, tag="get_current"):
    """Runner's call to the inference worker: the CurrentWeights to start from; answered when there are some."""
