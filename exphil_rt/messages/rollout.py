"""The edge between the daemon's game runner and its rollout worker process.

To the worker: what to play, with which policies, and which experience slots it may fill. From the worker: how games
ended, filled slots, conflated samples and figures. Bulk data (experience, weights) is not in here: it lies in shared
slots and files, these messages name them.

A worker hosts ``games`` training slots (lane slots 0..games-1), then ``rated`` slots, then one exhibition slot.
Every slot has one game in play and may have one assigned game waiting, so that the next one starts in the frame after
the last one ended.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from exphil_rt.messages.telemetry import GameKind, GameSample

EndReason = Literal["stocks", "timer", "frame_limit", "void"]
"""``void``: dropped without a result (replaced, a policy failed, the worker stopped)."""

CURRENT = "current"
"""Policy key of the weights being learned, refreshed by SetCurrent."""
RANDOM = "random"
"""Policy key of the uniformly random player that every engine knows."""


class PlayerSpec(msgspec.Struct, frozen=True, kw_only=True, tag="player"):
    """Who plays one port of a game."""

    policy: str
    """``current``, ``random``, a scripted opponent (``cpu1`` to ``cpu9``), or a key given by LoadPolicy."""
    label: str = ""
    """Display name (``fox-a1b2@v7``); empty: the key."""
    learn: bool = False
    """Whether this port's experience is learned from; only ``current`` in training games may."""


class GameSpec(msgspec.Struct, frozen=True, kw_only=True, tag="game"):
    """A game and who plays it. With the inputs it decides the whole game."""

    game_id: int
    """Unique in the run; key of the game's random draws."""
    kind: GameKind
    stage: int
    """Slippi's stage id."""
    characters: tuple[int, int]
    """Internal ids of player 0 and 1."""
    players: tuple[PlayerSpec, PlayerSpec]
    seed: int = 0
    """The run's seed."""
    stocks: int = 4
    timer_frames: int = 28_800
    max_frames: int = 0
    """Frame limit of the episode; 0 for none."""
    match: str = ""
    """The daemon's own word for the match; comes back in GameEnded."""


class RolloutArgs(msgspec.Struct, frozen=True, kw_only=True, tag="rollout_args"):
    """How a rollout worker starts. Its file descriptor 0 (of ``fds``) is the experience slot pool.

    With ``consoles``, the next one is the socket through which each console's end of a link comes.
    """

    games: int
    """Training slots, N."""
    rated: int = 0
    """Slots for rated games."""
    exhibition: bool = False
    """One more slot, paced at ``exhibition_hz`` by wall clock."""
    steps: int = 128
    """Frames a game contributes to one experience slot, T."""
    policy: str
    """Path of the bundle that ``current`` starts from; its observation schema, codec and delay are the run's."""
    weights: str = ""
    """Path of newer weights of the same policy (see SetCurrent); empty: the bundle's own."""
    update: int = 0
    """Learner updates behind those weights."""
    seed: int = 0
    device: str = "cpu"
    frozen_engine: Literal["onnx", "torch"] = "onnx"
    """What runs policies that no longer learn, where ``device`` is the CPU."""
    pool_slots: int = 0
    """Experience slots in the pool; 0: nothing is collected (games only)."""
    pool_slot_bytes: int = 0
    deterministic: bool = False
    """Lockstep: after each filled slot wait for the next SetCurrent, and for assignments rather than idling a slot."""
    restore: str = ""
    """Loop state written by ``SetCurrent.save_to`` to continue from (deterministic runs)."""
    exhibition_hz: float = 60.0
    sample_hz: float = 10.0
    consoles: str = ""
    """Physics of the consoles that play the games; empty: the embedded game."""


# To the worker ----------------------------------------------------------------------------------------------------


class AssignGame(msgspec.Struct, frozen=True, kw_only=True, tag="assign_game"):
    """Play ``game`` in ``slot``: now if the slot is free, else after the game in play. Replaces a waiting one."""

    slot: int
    game: GameSpec


class VoidGames(msgspec.Struct, frozen=True, kw_only=True, tag="void_games"):
    """Drop the games of these slots, waiting ones too; each comes back as a GameEnded with reason ``void``."""

    slots: tuple[int, ...]


class LoadPolicy(msgspec.Struct, frozen=True, kw_only=True, tag="load_policy"):
    """Load a bundle and warm it up, between two frames; answered by PolicyLoaded.

    At most three frozen policies beside ``current`` and ``random`` are in play at once in training slots; the
    daemon sees to that.
    """

    key: str
    path: str
    version: int = 0
    """What its transitions and games are stamped with."""


class UnloadPolicy(msgspec.Struct, frozen=True, kw_only=True, tag="unload_policy"):
    """Forget a policy as soon as no game, in play or waiting, names it."""

    key: str


class SetCurrent(msgspec.Struct, frozen=True, kw_only=True, tag="set_current"):
    """Use these weights for ``current`` from the next rollout on; recurrent states and committed actions are kept."""

    update: int
    """Learner updates behind these weights; the stamp of every transition."""
    weights: str
    """Path of a safetensors file with the weights (``Learned.weights``)."""
    save_to: str = ""
    """Deterministic runs: before going on, write the loop's state to this path."""


class SwapPolicy(msgspec.Struct, frozen=True, kw_only=True, tag="swap_policy"):
    """Put a bundle into the place of the player at ``port`` of the game in ``slot``, to that game's end.

    Answered by one SwapTold whose stage is ``taken_over`` or ``refused``; one more follows the first.
    """

    id: int
    """Comes back in SwapTold."""
    slot: int
    port: int
    key: str
    """Of the policy from then on; ``NAME@vN``."""
    path: str
    version: int = 0


class FreeSlot(msgspec.Struct, frozen=True, kw_only=True, tag="free_slot"):
    """Experience slot ``slot`` is the worker's to fill, under this generation."""

    slot: int
    generation: int


class PauseGames(msgspec.Struct, frozen=True, tag="pause_games"):
    """Step no game until ResumeGames; messages are still served."""


class ResumeGames(msgspec.Struct, frozen=True, tag="resume_games"):
    """Undo PauseGames."""


ToRollout = (
    AssignGame | VoidGames | LoadPolicy | UnloadPolicy | SetCurrent | SwapPolicy | FreeSlot | PauseGames | ResumeGames
)

# From the worker --------------------------------------------------------------------------------------------------


class WorkerReady(msgspec.Struct, frozen=True, kw_only=True, tag="worker_ready"):
    """The lane is compiled, ``current`` is loaded and warm; nothing is in play yet (unless restored)."""

    physics: str
    """Physics version of the lane."""
    slots: int
    """Lane slots: training, rated, exhibition."""
    delay: int
    update: int
    compile_s: float = 0.0


class NeedGames(msgspec.Struct, frozen=True, kw_only=True, tag="need_games"):
    """These slots have no waiting game; sent once per game, when it starts or when a slot falls idle."""

    slots: tuple[int, ...]


class GameEnded(msgspec.Struct, frozen=True, kw_only=True, tag="game_ended"):
    """A game is over."""

    slot: int
    game: GameSpec
    reason: EndReason
    winner: int | None
    """0, 1, or None for a draw or a void game."""
    stocks: tuple[int, int]
    percent: tuple[float, float]
    frames: int
    """Frames played, counted from -123."""
    versions: tuple[int, int] = (0, 0)
    """Update (``current``) or version (LoadPolicy) that played each port when the game ended."""
    physics: str = ""
    late: int = 0
    """Actions that were not there in time and were substituted."""
    digest: str = ""
    """blake2b-128 of both players' committed actions, hex; rated and exhibition games only."""
    recording: bytes = b""
    """The packed recording (``exphil_rt.rollout.recording``) of rated and exhibition games; empty where too large."""
    error: str = ""
    """Why a void game was dropped."""


class SlotFilled(msgspec.Struct, frozen=True, kw_only=True, tag="slot_filled"):
    """Experience slot ``slot`` is whole: hand it to the learner."""

    slot: int
    generation: int
    frames: int
    """Game frames in it that were played (for the run's count)."""
    learnable: int
    """Player frames in it that may be learned from."""
    update: int
    """Oldest update that acted in it."""


class Samples(msgspec.Struct, frozen=True, kw_only=True, tag="samples"):
    """Latest state of every training and rated game, at most ``sample_hz`` times a second."""

    games: tuple[GameSample, ...]


class ExhibitionFrame(msgspec.Struct, frozen=True, kw_only=True, tag="exhibition_frame"):
    """The exhibition game's newest frame."""

    sample: GameSample


class LoopStats(msgspec.Struct, frozen=True, kw_only=True, tag="loop_stats"):
    """Counters since the worker started, sent once a second; rates are differences of two of them."""

    wall_s: float
    game_s: float
    """Stepping the lane and reading its frames."""
    inference_s: float
    """Encoding, networks, sampling, delay queue."""
    waiting_s: float
    """Waiting for experience slots, games, weights or the exhibition's next frame."""
    other_s: float
    """The rest: messages, experience, samples."""
    training_frames: int
    other_frames: int
    """Rated and exhibition game frames."""
    games: int
    """Games ended with a result."""
    late: int = 0


class PolicyLoaded(msgspec.Struct, frozen=True, kw_only=True, tag="policy_loaded"):
    """Answer to LoadPolicy and, with key ``current``, to SetCurrent once it is in use."""

    key: str
    ok: bool
    version: int = 0
    error: str = ""
    """One sentence, where not ok; what was in use stays in use."""
    warm_ms: float = 0.0


class PolicyFault(msgspec.Struct, frozen=True, kw_only=True, tag="policy_fault"):
    """A policy gave NaN: its games were voided."""

    key: str
    version: int
    text: str
    slots: tuple[int, ...]


class SwapTold(msgspec.Struct, frozen=True, kw_only=True, tag="swap_told"):
    """How a SwapPolicy goes."""

    id: int
    stage: Literal["taken_over", "refused", "settled", "rolled_back", "game_over"]
    """``refused`` before it decided anything; ``rolled_back`` to the player before it; ``game_over`` while watched."""
    slot: int
    port: int
    game_id: int = 0
    old: str = ""
    """Key that played before."""
    key: str = ""
    frame: int = 0
    """First frame on which the new policy decided."""
    due: int = 0
    """Frame on which that decision was played."""
    decisions: int = 0
    """That it made for the agent until now."""
    load_ms: float = 0.0
    warmed: int = 0
    """Past frames that it was shown before."""
    cost_ms: float = 0.0
    """Median cost of a decision."""
    reason: str = ""
    """Half a sentence, where refused or rolled back."""


FromRollout = (
    WorkerReady
    | NeedGames
    | GameEnded
    | SlotFilled
    | Samples
    | ExhibitionFrame
    | LoopStats
    | PolicyLoaded
    | PolicyFault
    | SwapTold
)
