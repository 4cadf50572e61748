"""Every setting, its default, its range and what it means. No reading and no merging: that is ``layers``."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Device = Annotated[str, Meta(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")]
"""``auto``, ``cpu``, ``mps``, ``cuda`` or ``cuda:N``."""

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the settings file."""


class RunSettings(Section, frozen=True):
    """What is run, and for how long."""

    kind: Literal["training", "match"] = "training"
    """Set by the command that makes the run: self-play trains, play begins a match on a console."""
    name: Annotated[str, Meta(max_length=48)] = ""
    """Name of the run; empty for a generated one."""
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 1
    """Key of every random draw of the run."""
    timesteps: Annotated[int, Meta(ge=0, le=10**15)] = 0
    """Total of game frames of the run's training games; 0 runs until it is stopped."""
    game_type: Literal["embedded", "dolphin", "stand-in"] = "embedded"
    """Where a training run's games are played: in the embedded game, in Slippi Dolphin, or on the stand-in."""
    games: Annotated[int, Meta(ge=1, le=4096)] = 16
    """Training games at a time."""
    deterministic: bool = False
    """Lockstep play and learning on one thread, so that a resumed run equals an uninterrupted one bit for bit."""
    max_episode_frames: Annotated[int, Meta(ge=0, le=28_800)] = 3600
    """Frames after which a game is cut and decided by stocks, then percent; 0 leaves it to the game's timer."""
    stocks: Annotated[int, Meta(ge=1, le=99)] = 4
    """Stocks of each fighter."""


class GameSettings(Section, frozen=True):
    """Who fights where."""

    characters: Annotated[tuple[Name, ...], Meta(min_length=1)] = (
        "mewtwo", "game_and_watch", "link", "ganondorf", "zelda", "fox", "marth",
    )  # fmt: skip
    """Fighters that both sides are drawn from; one name makes every game a ditto."""
    stages: Annotated[tuple[Name, ...], Meta(min_length=1)] = ("final_destination", "battlefield")
    """Stages that games are drawn from."""


class PolicySettings(Section, frozen=True):
    """The network and how it plays."""

    start: str = ""
    """Policy to begin from (`NAME`, `NAME@vN` or a path); empty learns from zero."""
    backbone: Name = "gru"
    """Kind of network: mlp, gru, lstm, attention, hybrid, mamba, jamba, or `module:Class` of a trusted package.
    A start policy keeps its own."""
    hidden: Annotated[int, Meta(ge=8, le=4096)] = 128
    """Width of the network."""
    layers: Annotated[int, Meta(ge=0, le=16)] = 0
    """Layers of the backbone; 0 takes as many as it is best begun with (gru 1, jamba 3, others 1 or 2)."""
    backbone_options: dict[str, float] = {}
    """Options of the backbone, as `{ window = 120 }`; its defaults hold for the others."""
    delay: Annotated[int, Meta(ge=0, le=30)] = 0
    """Frames between deciding and acting: 0 for the embedded game and local Dolphin, 18 for online play."""
    temperature: Positive = 1.0
    """Sampling temperature that published versions play with; the policy that learns samples at 1."""


class RolloutSettings(Section, frozen=True):
    """How games are played and their experience collected."""

    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Processes that play games; the training games are dealt out to them evenly."""
    length: Annotated[int, Meta(ge=8, le=4096)] = 128
    """Frames of experience of every game that one update learns from."""
    rated_games: Annotated[int, Meta(ge=0, le=64)] = 2
    """Rated games at a time, beside the training games; 0 rates nobody."""
    exhibition: bool = True
    """Play one more game at 60 frames a second, newest policy against a sampled opponent, for watching."""
    inference_device: Device = "auto"
    """Where policies run while they play: auto, cpu, mps, cuda or cuda:N."""
    frozen_engine: Literal["onnx", "torch"] = "onnx"
    """What runs past versions while they play on a CPU: ONNX Runtime takes a fifth of torch's time for a few rows."""
    console_fps: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 0.0
    """Frames a second of each console, where training games are played on those; 0 for as fast as it goes."""


class TrainSettings(Section, frozen=True):
    """The learner (PPO, Schulman et al. 2017)."""

    device: Device = "auto"
    """Where the learner runs: auto, cpu, mps, cuda or cuda:N."""
    learning_rate: Positive = 5e-4
    """Step size of Adam."""
    gamma: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.995
    """Discount a frame (0.995 halves in 2.3 s)."""
    gae_lambda: Share = 0.97
    """Lambda of generalised advantage estimation."""
    clip: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.2
    """Clip range of the probability ratio."""
    entropy: Annotated[float, Meta(ge=0.0)] = 0.0003
    """Weight of the entropy bonus; the entropy is summed over the 13 heads of an action."""
    value: Annotated[float, Meta(ge=0.0)] = 0.5
    """Weight of the value loss."""
    teacher_kl: Annotated[float, Meta(ge=0.0)] = 0.1
    """Weight of the KL in nats a frame to the policy that the run starts from, which stays frozen as the teacher, so
    that a clone is not unlearned; a run without a start policy has none."""
    grad_norm: Positive = 0.5
    """Gradients are scaled down to this norm."""
    epochs: Annotated[int, Meta(ge=1, le=100)] = 2
    """Passes over each rollout."""
    minibatches: Annotated[int, Meta(ge=1, le=1024)] = 4
    """Parts that a rollout's games are split into in each pass."""
    target_kl: Positive = 0.03
    """The passes of an update end early when the policy has moved this far (mean KL in nats)."""
    kl_limit: Positive = 0.3
    """An update that moves the policy further than this (mean KL in nats) is reverted, with an event."""
    reward: Literal["standard", "shaped", "sparse"] = "shaped"
    """Named mix of reward terms."""
    reward_weights: dict[str, float] = {}
    """Weights laid over that mix, by term or by `module:name` of a term of your own; 0 switches a term off."""
    publish_every_frames: Annotated[int, Meta(ge=1000)] = 200_000
    """Game frames between two published versions of the policy."""


class ImitationSettings(Section, frozen=True):
    """`train imitation`: from whom is learned, and how."""

    characters: tuple[Name, ...] = ()
    """Sides that play one of these fighters are imitated; empty for all."""
    held_out: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.15
    """Share of the games to measure on, never learned from."""
    epochs: Annotated[int, Meta(ge=1, le=10_000)] = 10
    """Times that every game is gone through, at most."""
    batch: Annotated[int, Meta(ge=1, le=4096)] = 16
    """Sequences that are learned from at a time."""
    steps: Annotated[int, Meta(ge=1, le=1024)] = 64
    """Frames of a sequence, through which gradients flow; the recurrent state goes on from one to the next."""
    accumulate: Annotated[int, Meta(ge=1, le=1024)] = 1
    """Batches whose gradients make one step."""
    learning_rate: Positive = 1e-3
    """Highest step size of AdamW; it rises over `warmup`, then falls along a cosine to a twentieth."""
    weight_decay: Annotated[float, Meta(ge=0.0)] = 0.01
    """Decay of the layers' weights; tables, embeddings and biases have none."""
    clip: Positive = 1.0
    """Gradients are scaled down to this norm."""
    warmup: Share = 0.02
    """Share of the training over which the step size rises."""
    patience: Annotated[int, Meta(ge=1)] = 3
    """Epochs without a better held-out NLL after which training ends."""
    hide_state: Share = 0.5
    """Share of the pieces of games that are shown without the screen, which guards against learning few games by heart;
    lower it with many games."""
    mirror: Share = 0.0
    """Share of the pieces that are shown with left and right exchanged."""
    balance_characters: bool = False
    """Show every fighter equally often, however few its games."""
    balance_sticks: Share = 0.0
    """How much sides with rare directions of the stick are preferred (1: by inverse frequency)."""
    delays: tuple[Annotated[int, Meta(ge=0, le=30)], ...] = ()
    """Learn for all of these delays at once, as `[0, 6, 12, 18]`; empty for `policy.delay` alone."""
    focal: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.0
    """Gamma of focal loss (2 is usual): what is predicted well already counts less; 0 is plain cross-entropy."""
    smoothing: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    """Label smoothing (0.1 is usual): share of each target that is given to all choices alike."""
    stick_edge: Positive = 1.0
    """Weight of targets that hold a stick at its edge."""
    positive: Positive = 1.0
    """Weight of pressed buttons, which are rare."""
    value: Annotated[float, Meta(ge=0.0)] = 1.0
    """Weight of the value's loss, which trains the value head and nothing else; 0 leaves it untrained."""
    gamma: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.995
    """Discount a frame of the value."""
    next_state: Annotated[float, Meta(ge=0.0)] = 0.0
    """Weight of predicting one's own next action state as well."""
    ema: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0
    """Decay of the running average of the weights that is measured and kept (0.999 is usual); 0 keeps the weights."""
    average: Annotated[int, Meta(ge=0, le=100)] = 0
    """Also try the mean of the weights of so many last epochs, and keep it where it is better."""
    precision: Literal["auto", "f32", "bf16"] = "auto"
    """Arithmetic of the backbone: bf16 where the device has it, or as said."""
    max_seconds: Annotated[float, Meta(ge=0.0)] = 0.0
    """Seconds of training after which it ends; 0 for no limit."""
    report_games: Annotated[int, Meta(ge=0, le=10_000)] = 16
    """Games of the embedded game that the new policy plays for its report card, at each temperature tried; 0: none."""


class LeagueSettings(Section, frozen=True):
    """Opponents and ratings."""

    current: Share = 0.5
    """Share of training games against the policy itself."""
    historical: Share = 0.35
    """Share of training games against past versions, mostly of the newer half."""
    uniform: Share = 0.15
    """Share of training games against any past version alike."""
    scripted: Share = 0.0
    """Share of training games against scripted opponents, taken off before the three above."""
    scripted_level: Annotated[int, Meta(ge=1, le=9)] = 9
    """The strongest scripted opponent that those games draw: levels from cpu1 up to it."""
    history: Annotated[int, Meta(ge=2, le=1000)] = 20
    """Past versions that are kept as opponents; the first, the best and the newest always are."""
    elo_band: Positive = 100.0
    """Rated opponents are sought within this Elo difference, else the nearest is taken."""
    calibration_games: Annotated[int, Meta(ge=2, le=10_000)] = 20
    """Games of the first version against random that fix its rating at the start."""
    anchor_games: Annotated[int, Meta(ge=0, le=1000)] = 2
    """Games that the newest version plays against the first one before all others."""


class DolphinSettings(Section, frozen=True):
    """Slippi Dolphin on this machine; `exphil-rt setup` finds it."""

    path: str = ""
    """Dolphin's executable, or the folder that it lies in; empty: DOLPHIN_PATH, else what Slippi Launcher installed."""
    iso: str = ""
    """Your copy of Melee 1.02 (NTSC); empty: ISO_PATH, else the one that Slippi Launcher knows."""
    user: str = ""
    """Your own Dolphin's User folder, of which a person's controllers are taken; empty: its usual place."""


class PlaySettings(Section, frozen=True):
    """A match on a console (`play dolphin`, `play stand-in`)."""

    console: Literal["dolphin", "stand-in"] = "dolphin"
    """Slippi Dolphin, or the stand-in that speaks as it does."""
    policy: str = ""
    """Who plays: NAME, NAME@vN, a path, or random."""
    opponent: str = "human"
    """Against whom: human, cpu1 to cpu9 (the game's own), or another policy."""
    connect_code: Annotated[str, Meta(max_length=8)] = ""
    """Whom to play over the network, in Slippi's direct mode, as `ABCD#123`; empty: a local match."""
    port: Annotated[int, Meta(ge=1, le=4)] = 1
    """Controller port of the policy."""
    opponent_port: Annotated[int, Meta(ge=1, le=4)] = 2
    """Controller port of the opponent."""
    characters: tuple[Name, ...] = ()
    """The policy's fighter, then the opponent's; by default one that the policy was trained with, for both."""
    stage: Name = "final_destination"
    """Where they play; beside a person, who chooses, of no meaning."""
    console_delay: Annotated[int, Meta(ge=-1, le=24)] = -1
    """Frames of the policy's delay that Dolphin itself takes (its online delay); -1: Slippi's two, where they fit."""
    frame_delay: Annotated[int, Meta(ge=-1, le=64)] = -1
    """The policy's delay; -1: its own. Another one than it was trained for needs `force`."""
    batch_steps: Annotated[int, Meta(ge=0, le=32)] = 0
    """Frames that one call of the policy may decide; 0: as its bundle says."""
    force: bool = False
    """Play also with an untrained delay, and with a policy that is too slow; what is late is counted."""
    engine: Literal["onnx", "onnx-int8", "torch"] = "onnx"
    """What runs the policy, on one thread: ONNX Runtime, the same with 8-bit weights (for large ones), or torch."""
    temperature: Annotated[float, Meta(ge=-1.0, le=100.0)] = -1.0
    """Sampling temperature, 0 for the likeliest choice always; -1: each policy's own."""
    action_repeat: Annotated[int, Meta(ge=1, le=60)] = 1
    """Frames that one decision is held; more than 1 has the game wait for each decision."""
    blocking: bool = True
    """Whether Dolphin waits on each frame until inputs were sent (which needs no decision to have come)."""
    late: Literal["hold", "neutral", "wait"] = "hold"
    """What is sent for a frame whose action has not come: the last one, nothing, or the action, shortly waited for."""
    on_game_end: Literal["restart", "stop"] = "restart"
    """What follows a game: the next one, or the end."""
    games: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    """Games until the match ends; 0 plays on until it is stopped."""
    fps: Annotated[float, Meta(ge=0.0, le=10_000.0)] = 60.0
    """Frames a second; 0 for as fast as it goes."""
    source: Literal["game", "still"] = "game"
    """What the stand-in plays: the embedded game, or fighters that only walk (which needs nothing to be compiled)."""
    stocks: Annotated[int, Meta(ge=1, le=99)] = 4
    """Stocks of each fighter; the stand-in's alone, as Dolphin has its own rules."""
    seconds: Annotated[int, Meta(ge=0, le=5940)] = 480
    """Seconds of the game's clock, the stand-in's alone; 0 for none."""
    fullscreen: bool = False
    """Dolphin over the whole screen."""


class StoreSettings(Section, frozen=True):
    """Disk."""

    max_gb: Positive = 10.0
    """Disk budget of the run: policies, replays, learner state, logs and database."""
    min_free_gb: Annotated[float, Meta(ge=0.0)] = 1.0
    """With less than this free on the disk, training pauses with an event."""


class DaemonSettings(Section, frozen=True):
    """The process that holds the tree."""

    start_deadline_s: Positive = 120.0
    """Seconds that a process (game or learner) may stay in one phase of its start; compiling the game has ten."""
    stop_deadline_s: Positive = 30.0
    """Seconds that an orderly stop may take before what is left is killed."""
    log_level: Literal["debug", "info", "warn", "error"] = "info"
    """Lowest level that is written to the log."""


class TrustSettings(Section, frozen=True):
    """Whose code may run here."""

    packages: tuple[Name, ...] = ()
    """Installed packages that policies may take backbones from; their code runs when such a policy is loaded."""


class TuiSettings(Section, frozen=True):
    """The terminal client."""

    theme: Annotated[str, Meta(max_length=200)] = ""
    """Name of a Textual theme; empty for the client's own."""
    ascii: bool = False
    """Draw with ASCII characters only."""
    refresh_hz: Annotated[float, Meta(gt=0.0, le=30.0)] = 4.0
    """Times a second that the overview is refreshed."""
    exhibition_hz: Annotated[float, Meta(gt=0.0, le=60.0)] = 60.0
    """Times a second that the exhibition game is redrawn; lower it over a slow line."""


class Config(Section, frozen=True):
    """All settings of a run."""

    run: RunSettings = RunSettings()
    game: GameSettings = GameSettings()
    policy: PolicySettings = PolicySettings()
    rollout: RolloutSettings = RolloutSettings()
    train: TrainSettings = msgspec.field(default_factory=TrainSettings)
    imitation: ImitationSettings = msgspec.field(default_factory=ImitationSettings)
    league: LeagueSettings = LeagueSettings()
    dolphin: DolphinSettings = DolphinSettings()
    play: PlaySettings = PlaySettings()
    store: StoreSettings = StoreSettings()
    daemon: DaemonSettings = DaemonSettings()
    trust: TrustSettings = TrustSettings()
    tui: TuiSettings = TuiSettings()
