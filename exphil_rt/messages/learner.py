"""The edge between the daemon's trainer actor and its learner process, and the settings of learning.

Experience lies in shared slots, weights and bundles in files; these messages name them. A file is whole before the
message that names it is sent.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class LearnerConfig(msgspec.Struct, frozen=True, kw_only=True, tag="learner_config"):
    """Settings of PPO and of the rewards. Schulman et al. 2017 (PPO), 2016 (GAE)."""

    learning_rate: float = 5e-4
    gamma: float = 0.995
    """Discount a frame."""
    gae_lambda: float = 0.97
    clip: float = 0.2
    epochs: int = 2
    minibatches: int = 4
    """Minibatches an epoch, split by sequences."""
    sequence: int = 64
    """Frames of one training sequence; the recurrent state at its start is recomputed. Divides the rollout's T."""
    entropy: float = 0.0003
    """Weight of the joint action's entropy (nats)."""
    value: float = 0.5
    """Weight of the value loss."""
    teacher_kl: float = 0.0
    """Weight of KL(policy, teacher) a frame; the teacher is the bundle that it starts from, frozen."""
    grad_norm: float = 0.5
    """Gradients are scaled down to this norm."""
    target_kl: float = 0.03
    """The epochs of an update end early when KL(old, new) a frame exceeds this."""
    kl_limit: float = 0.3
    """An update that ends above this KL is undone."""
    normalize_advantage: bool = True
    reward: str = "shaped"
    """Named mix of reward terms: ``standard``, ``shaped``, ``sparse``."""
    reward_weights: dict[str, float] = {}
    """Weights laid over that mix, by term or ``module:name``; 0 switches a term off."""
    keep: int = 3
    """Generations of learner state that are kept."""
    seed: int = 0
    deterministic: bool = False
    """One thread, deterministic kernels: the same rollouts give the same bits."""


class LearnerArgs(msgspec.Struct, frozen=True, kw_only=True, tag="learner_args"):
    """How a learner process starts. Its file descriptor 0 (of ``fds``) is the experience slot pool."""

    config: LearnerConfig
    policy: str
    """Path of the bundle to start from (architecture, schema, codec, delay), used where no generation is restored."""
    folder: str
    """The run's learner folder: generations ``gen-N`` and ``live`` weights."""
    restore: str = "latest"
    """``latest``: the newest good generation, if any; ``none``; or the path of one."""
    policies: str
    """Folder that bundles are published into."""
    name: str
    """Name of the run's policy; bundles become ``name@vN``."""
    next_version: int = 1
    """N of the next bundle."""
    run: str = ""
    """Id of the run, for the manifests."""
    physics: str = ""
    publish_every: int = 200_000
    """Game frames between two published bundles; 0: only on PublishNow."""
    save_every_s: float = 60.0
    """Seconds between two saved generations (besides each publication and the end)."""
    save_every_updates: int = 0
    """Save by count of updates instead, for deterministic runs; 0: by time."""
    device: str = "cpu"
    pool_slots: int = 0
    pool_slot_bytes: int = 0
    games: int = 0
    """N of the rollouts."""
    steps: int = 0
    """T of the rollouts."""


# To the learner ---------------------------------------------------------------------------------------------------


class Learn(msgspec.Struct, frozen=True, kw_only=True, tag="learn"):
    """Learn from experience slot ``slot``; answered by Learned."""

    slot: int
    generation: int
    frames: int
    """Game frames in it (``SlotFilled.frames``)."""


class SaveNow(msgspec.Struct, frozen=True, tag="save_now"):
    """Write a generation; answered by Saved."""


class PublishNow(msgspec.Struct, frozen=True, tag="publish_now"):
    """Publish a bundle and write a generation; answered by Published and Saved."""


ToLearner = Learn | SaveNow | PublishNow

# From the learner -------------------------------------------------------------------------------------------------


class LearnMetrics(msgspec.Struct, frozen=True, kw_only=True, tag="learn_metrics"):
    """Figures of one update, means over what was learned from."""

    loss: float = 0.0
    policy_loss: float = 0.0
    value_loss: float = 0.0
    entropy: float = 0.0
    """Of the joint action, nats a frame."""
    kl: float = 0.0
    """KL(old, new) a frame at the update's end (Schulman's k3 estimate)."""
    teacher_kl: float = 0.0
    """KL(policy, teacher) a frame; 0 without a teacher."""
    clip_fraction: float = 0.0
    explained_variance: float = 0.0
    grad_norm: float = 0.0
    learning_rate: float = 0.0
    reward: float = 0.0
    """Mean reward a second of play (60 frames) of the learning sides."""
    terms: dict[str, float] = {}
    """The same by reward term, weighted."""
    epochs: int = 0
    """Epochs begun."""
    samples: int = 0
    """Player frames learned from."""
    staleness: float = 0.0
    """Mean updates between acting and learning."""
    seconds: float = 0.0
    reverted: Literal["", "nan", "kl"] = ""
    """Why the update was undone; empty: it was not."""
    faults: tuple[str, ...] = ()
    """One sentence each: a reward term that failed, an update that was undone."""


class LearnerReady(msgspec.Struct, frozen=True, kw_only=True, tag="learner_ready"):
    """The learner is restored or fresh, and its weights lie at ``weights``."""

    update: int
    frames: int
    """Game frames learned from so far."""
    next_version: int
    generation: int
    """Restored generation; 0: none, it starts from the bundle."""
    weights: str


class Learned(msgspec.Struct, frozen=True, kw_only=True, tag="learned"):
    """The slot may be freed; new weights are at ``weights``."""

    slot: int
    generation: int
    update: int
    """Updates so far; the stamp of the weights."""
    frames: int
    """Game frames learned from so far."""
    weights: str
    """safetensors file; at least the last three stay readable."""
    metrics: LearnMetrics
    wait_s: float
    """Seconds the learner waited for this slot."""
    learn_s: float
    saved: int = 0
    """Generation that was written right after this update, 0 for none. In deterministic runs the loop's state belongs
    beside it (``SetCurrent.save_to``)."""


class Published(msgspec.Struct, frozen=True, kw_only=True, tag="published"):
    """A bundle lies whole at ``path``, and the generation it came from is written."""

    version: int
    name: str
    path: str
    learner_generation: int
    update: int
    frames: int


class Saved(msgspec.Struct, frozen=True, kw_only=True, tag="saved"):
    """A generation of learner state is whole on disk."""

    generation: int
    """0 where it was asked for and could not be written."""
    path: str
    update: int
    frames: int
    asked: bool = False
    """It answers SaveNow or PublishNow, and comes after all that these led to."""


class Reverted(msgspec.Struct, frozen=True, kw_only=True, tag="reverted"):
    """The update was undone; the learner went back to its last good state and goes on."""

    reason: Literal["nan", "kl", "slot"]
    text: str
    update: int


class LearnerTrouble(msgspec.Struct, frozen=True, kw_only=True, tag="learner_trouble"):
    """Something failed that does not end learning: a reward term, or a file that could not be read or written."""

    what: Literal["reward", "publish", "save", "restore"]
    text: str


FromLearner = LearnerReady | Learned | Published | Saved | Reverted | LearnerTrouble
