"""What the runtime shows of itself: the edge from the actors to the control server, the TUI and `status --json`.

Everything here is a conflated sample or a reading of ``statistics()``; nothing is per-frame traffic.
"""

from __future__ import annotations

from typing import Literal

import msgspec

RunState = Literal["starting", "running", "paused", "stopping", "ended", "failed"]
GameKind = Literal["training", "exhibition", "rated"]
Level = Literal["debug", "info", "warn", "error"]


class PlayerSample(msgspec.Struct, frozen=True, kw_only=True):
    """One fighter of a sampled game."""

    policy: str
    """Display name of who plays: ``fox-a1b2@v7``, ``random``, ``current``."""
    character: int
    x: float
    y: float
    facing: float
    percent: float
    stocks: int
    state: int
    shield: float = 60.0
    airborne: bool = False
    exists: bool = True


class ItemSample(msgspec.Struct, frozen=True, kw_only=True):
    """One item or projectile of a sampled game."""

    x: float
    y: float
    kind: int
    owner: int = -1
    """Player 0 or 1, -1 nobody."""


class GameSample(msgspec.Struct, frozen=True, kw_only=True):
    """The latest state of one game."""

    slot: int
    game_id: int
    kind: GameKind
    stage: int
    frame: int
    players: tuple[PlayerSample, PlayerSample]
    items: tuple[ItemSample, ...] = ()
    worker: str = ""
    """Name of the game runner; empty while nobody runs the slot."""


class ActorNode(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the supervision tree; rows come in depth-first order."""

    path: str
    """Slash-joined ids from the root: ``root/games/runner-1``."""
    name: str
    depth: int
    kind: Literal["supervisor", "worker"]
    strategy: str = ""
    state: str = "running"
    """``running``, ``restarting``, ``suspended``, ``down``."""
    pid: int = 0
    """Number of the incarnation; for a process child the operating system's pid stands in ``os_pid``."""
    os_pid: int = 0
    uptime_s: float = 0.0
    mailbox: int = 0
    mailbox_cap: int = 0
    handled: int = 0
    """Messages handled since start."""
    restarts: int = 0
    detail: str = ""


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the Elo table."""

    policy: str
    elo: float
    error: float = 0.0
    """Half width of the 95 % interval; 0 for an anchor."""
    games: int = 0
    wins: int = 0
    losses: int = 0
    draws: int = 0
    anchor: bool = False
    physics: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a person should see: a restart, a snapshot, a reverted update, an author's command."""

    seq: int
    time_ns: int
    """Wall clock, ``time.time_ns``."""
    level: Level
    actor: str
    event: str
    """Stable name: ``child_exit``, ``policy_published``."""
    text: str
    """One sentence for a person."""
    author: str = "supervisor"
    """``tui``, ``cli``, ``supervisor`` or an actor's name."""
    report: dict[str, str] = {}


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The recent values of one metric."""

    name: str
    """Of self-play ``loss``, ``entropy``, ``frames_per_s``, ``win_rate_vs_first``, ``kl``, ``value_loss``, ``reward``;
    of an imitation ``held_out``, ``held_out_changed``, ``nll``, ``loss``, ``frames_per_s``, ``waited``, ..."""
    frames: tuple[int, ...]
    """The run's game frames at each value."""
    values: tuple[float, ...]


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Where the time goes, each 0..1."""

    game: float = 0.0
    inference: float = 0.0
    learning: float = 0.0
    waiting: float = 0.0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How well actions are predicted, on all frames and on those whose action differs from the one before."""

    nll: float
    """Nats a frame, summed over heads."""
    nll_changed: float
    accuracy: float
    """Share of frames on which every head is right, 0..1."""
    accuracy_changed: float


class EpochFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What an epoch came to."""

    epoch: int
    train_nll: float
    held_out: Figures
    best: bool
    """Better than all before it."""
    seconds: float


class ImitationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of an imitation."""

    doing: str = "starting"
    """What it does now, with how far it is, in one line."""
    data: str = ""
    """What it learns from, for people: ``17 games, 40 min of Fox``."""
    dropped: tuple[str, ...] = ()
    """What was left out of the data, by reason."""
    held_out_games: int = 0
    epoch: int = 0
    """From 1, the one under way; 0 before the first."""
    epochs: int = 0
    nll: float | None = None
    """Training NLL, a mean over about the last hundred batches."""
    learning_rate: float = 0.0
    waited: float = 0.0
    """Share of the learning that went by waiting for data."""
    marginal: Figures | None = None
    previous: Figures | None = None
    """What must be beaten: the tables P(a) and P(a | previous a) of the training games."""
    best_epoch: int = 0
    done: tuple[EpochFigures, ...] = ()
    """The last epochs, oldest first."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long one phase of a frame takes, of the last seconds, in microseconds."""

    phase: str
    """``flush`` (state seen to inputs sent), ``flush_net`` (without the wait for a CPU), ``step`` (packet to state),
    ``decide`` (asked to answered), ``call`` (in the policy)."""
    p50_us: float
    p99_us: float


class MatchStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a match on a console goes. Counts are of all starts of the console, rates of the last seconds."""

    console: str
    """``Dolphin`` or ``stand-in``."""
    phase: str = "starting"
    """What the console does: ``launch``, ``connect``, ``menus``, ``game``."""
    players: tuple[str, str] = ("", "")
    bots: tuple[int, ...] = ()
    """Which players are policies: 0, 1."""
    plan: tuple[str, ...] = ()
    """How each policy's delay is shared out: ``delay 18 = 2 console + 16 headroom``."""
    engine: str = ""
    starts: int = 0
    """Of the console."""
    games: int = 0
    """That are over."""
    score: tuple[int, int, int] = (0, 0, 0)
    """Games that player 1 won, draws, games that player 2 won."""
    frames: int = 0
    fps: float = 0.0
    late: int = 0
    """Frames whose action had not come in time."""
    dropped: int = 0
    """Actions that came too late."""
    skipped: int = 0
    duplicate: int = 0
    resimulated: int = 0
    unasked: int = 0
    waiting: int = 0
    """Most frames that waited for one call of a policy."""
    undecided: int = 0
    """Frames that no policy decided on, as too many waited."""
    echo_lag: tuple[int, ...] = ()
    """Frames until own inputs come back, a bot."""
    echo_wanted: int = 1
    ages: dict[int, int] = {}
    """Actions sent by their age in frames, since the console's start."""
    headroom: int = 0
    """Least number of frames that an action was early by; negative: late."""
    latency: tuple[Latency, ...] = ()
    fault: str = ""
    """The last fault of the console, in a sentence."""


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The head line of a run."""

    run: str
    state: RunState
    version: str
    daemon_pid: int
    uptime_s: float
    frames: int
    target_frames: int
    frames_per_s: float
    games: int
    policy: str
    """Name and version of the newest policy."""
    origin: str
    """``learning from zero`` or ``from NAME@vN``."""
    delay: int
    win_rate_vs_first: float | None = None
    """Newest version against the run's first one, draws half; None before any such match."""
    eta_s: float | None = None
    shares: Shares = Shares()
    population: int = 0
    matches: int = 0
    restarts: int = 0
    loop_lag_ms: float | None = None
    """How late the daemon's loop wakes who is due: the 99th percentile of the last seconds; None before the first."""
    loop_lag_own_ms: float | None = None
    """The same without the wait for a CPU."""
    message: str = ""
    """Why the run ended, failed or waits, or what it does besides learning; empty otherwise."""
    imitation: ImitationStatus | None = None
    """Where an imitation is; None for other runs."""
    match: MatchStatus | None = None
    """Of a match on a console; None for a run that trains."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All that the first screen shows, as one snapshot."""

    status: RunStatus
    exhibition: GameSample | None = None
    games: tuple[GameSample, ...] = ()
    ratings: tuple[Rating, ...] = ()
    tree: tuple[ActorNode, ...] = ()
    series: tuple[Series, ...] = ()
    events: tuple[Event, ...] = ()
    """Newest last, at most 100."""


class ActorReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the actor page shows."""

    node: ActorNode
    children: tuple[ActorNode, ...] = ()
    state: str = ""
    """The actor's state as indented JSON, cut at 20,000 characters."""
    recent: tuple[str, ...] = ()
    """Its last traced messages."""
    exits: tuple[str, ...] = ()
    """Its exit history, newest last."""
