"""The edge between the daemon's console actor and its console process, which runs one Dolphin through libmelee.

To the process: who plays where, and when to stop. From it: what it is doing, how games went, figures and samples, and
the fault that ended it. What a policy sees and decides is not in here: it goes over ``dolphin.link``.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from exphil_rt.messages.telemetry import GameSample

LatePolicy = Literal["hold", "neutral", "wait"]
"""What is sent for a frame whose action has not come: the last one, nothing pressed, or the action, waited for."""
RunnerKind = Literal["sync", "async"]
"""``sync``: each frame waits for its decision; ``async``: the frame loop never waits for the policy."""
Phase = Literal["brain", "launch", "connect", "pipes", "menus", "game", "paused", "closing"]
"""What a console is doing; ``paused``: a game beside a person shows no frames for longer than others may."""
FaultKind = Literal[
    "bad_setup",
    "brain_not_ready",
    "delay_too_small",
    "executable_missing",
    "version_timeout",
    "version_unknown",
    "exited_at_start",
    "connect_failed",
    "no_handshake",
    "pipe_not_opened",
    "no_menu_events",
    "menu_budget",
    "wrong_character",
    "wrong_setup",
    "slippi_too_old",
    "not_two_players",
    "no_frame",
    "disconnected",
    "exited",
    "broken_pipe",
    "pipe_full",
    "bad_data",
    "frame_gap",
    "echo",
    "brain_lost",
    "worker_lost",
    "libmelee",
]
"""What can go wrong with a console; ``dolphin.faults`` says which error is which."""


class ConsoleDeadlines(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds that each wait of a console may take, and other bounds of it."""

    brain_ready_s: float = 120.0
    """Until the inference process has said for every bot that it is warm."""
    version_s: float = 5.0
    """``--version`` of the executable."""
    connect_s: float = 12.0
    """From its start until the spectator server answers, for one attempt."""
    attempts: int = 3
    """Attempts to connect, each with a fresh port and a fresh Dolphin."""
    handshake_s: float = 5.0
    """From the connection until the server's reply to the handshake."""
    pipe_s: float = 5.0
    """Until Dolphin has opened the pipe of every controller."""
    menu_event_s: float = 15.0
    """Between two events in the menus, and from a game's start block to its first frame."""
    menus_s: float = 60.0
    """In the menus before a game."""
    menu_steps: int = 3600
    """Frames of the menus before a game."""
    menus_human_s: float = 3600.0
    """The same where a person has to choose, or to be found over the network."""
    frame_s: float = 2.5
    """Between two frames of a game."""
    frame_netplay_s: float = 10.0
    """The same in netplay, where the other side may stall."""
    frame_human_s: float = 300.0
    """The same beside a person, who may pause the game."""
    answer_s: float = 1.0
    """The sync runner's wait for one decision."""
    wait_s: float = 0.05
    """The async runner's wait for a late action under ``wait``."""
    echo_frames: int = 10
    """Frames in a row on which own inputs may not come back at their lag."""
    gap_frames: int = 30
    """Frames that a game may jump over at once."""
    term_s: float = 1.0
    """From SIGTERM to SIGKILL of Dolphin."""
    leave_s: float = 10.0
    """From the order to leave a game until it is over."""
    close_s: float = 2.0
    """For all of the teardown; then the process ends as it is."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """Who sits at one controller port."""

    port: int
    """1 to 4."""
    who: Literal["bot", "human", "cpu"]
    level: int = 0
    """Of a CPU, 1 to 9."""
    fighter: int = 1
    """Internal character id; of no meaning for a person, who chooses alone."""
    costume: int = 0
    label: str = ""
    """Display name."""


class ConsoleArgs(msgspec.Struct, frozen=True, kw_only=True):
    """How a console process starts. With a bot, descriptor 0 (of ``fds``) is its end of the link."""

    executable: str
    """Path of the Dolphin executable (or of the stand-in)."""
    iso: str | None = None
    seats: tuple[Seat, Seat]
    """In ascending order of port: players 0 and 1 of every frame."""
    stage: int = 32
    """Slippi's stage id; of no meaning beside a person, who chooses it."""
    runner: RunnerKind = "async"
    blocking: bool = False
    """Whether Dolphin waits for a bot's input on each frame."""
    console_delay: int = 0
    """Frames of online delay that Dolphin itself adds; part of a policy's delay."""
    late: LatePolicy = "hold"
    action_repeat: int = 1
    """Frames that one decision is held; more than 1 with the sync runner alone."""
    hosted: bool = False
    """Whether a lane at the other end of the link says game by game what is played, and each frame waits for it for as
    long as it takes (sync runner)."""
    fps: float = 60.0
    """Frames a second that Dolphin is to play; 0 for as fast as it goes (mainline Dolphin)."""
    on_game_end: Literal["restart", "stop"] = "restart"
    games: int = 0
    """Games until the process ends by itself; 0 for no end."""
    first_game_id: int = 0
    """Id of the first game; each next one has the next id."""
    replay_dir: str = ""
    """Where Dolphin writes its replays; empty: it writes none."""
    temporary: str
    """Folder of this console's own for everything temporary; made by it, removed at any end."""
    user_config: str = ""
    """The user's own Dolphin user folder, of which a person's controller configuration is taken."""
    user_json: str = ""
    """Slippi's account file, needed for netplay."""
    connect_code: str = ""
    """Whom to play against over the network; empty: a local game."""
    fullscreen: bool = False
    gfx_backend: str = ""
    """Dolphin's name of a graphics backend; empty: its default."""
    headless: bool = False
    """Mainline Dolphin without a window."""
    deadlines: ConsoleDeadlines = ConsoleDeadlines()
    attempt: int = 1
    """Which start of this console it is."""


class ConsolePhase(msgspec.Struct, frozen=True, kw_only=True, tag="console_phase"):
    """The console does something else from here on."""

    phase: Phase
    frame: int = 0
    attempt: int = 1
    text: str = ""


class ConsoleSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What is really played, as the game's start block says it."""

    stage: int
    characters: tuple[int, int]
    """Internal ids."""
    ports: tuple[int, int]
    """1 to 4."""
    costumes: tuple[int, int]
    cpu_levels: tuple[int, int]
    """0 for whoever is no CPU."""
    slippi_version: str


class ConsoleGameStarted(msgspec.Struct, frozen=True, kw_only=True, tag="console_game_started"):
    """A game's first frame was seen."""

    game_id: int
    udp_port: int
    setup: ConsoleSetup


class ConsoleGameEnded(msgspec.Struct, frozen=True, kw_only=True, tag="console_game_ended"):
    """A game is over."""

    game_id: int
    reason: Literal["stocks", "timer", "no_contest", "fault", "stopped"]
    frames: int
    """Frames seen."""
    stocks: tuple[int, int]
    percents: tuple[float, float]
    winner: int | None = None
    """Player 0 or 1; None where nobody won."""
    replay: str = ""
    """Path of Dolphin's replay; empty where none was found."""
    players: tuple[str, str] = ("", "")
    """Who played at its end: ``NAME@vN``, ``random``, ``cpuN`` or ``human``."""
    swapped: bool = False
    """Whether another policy took a player over in its middle."""
    characters: tuple[int, int] = (0, 0)
    stage: int = 0


class ConsoleStats(msgspec.Struct, frozen=True, kw_only=True, tag="console_stats"):
    """Figures since the process's start; rates and latencies of the last seconds. At most four a second."""

    game_id: int
    frame: int
    fps: float
    games: int
    frames: int
    """Frames seen."""
    late: int = 0
    """Frames whose action had not come, so that the late policy decided."""
    dropped: int = 0
    """Actions that came when their frame had been served, or of a game before."""
    skipped: int = 0
    """Frames that were not acted on: the game jumped over them, or a newer one was there."""
    duplicate: int = 0
    """Frames that came a second time."""
    resimulated: int = 0
    """Frames of a rollback that came again with new inputs; they are not shown to a policy."""
    unasked: int = 0
    """Frames that the policy was not asked about, because it took nothing."""
    echo_lag: tuple[int, ...] = ()
    """Frames until own inputs came back, a bot; -1 before any was seen."""
    ages: dict[int, int] = {}
    """Actions sent by their age: frames between the state they were decided on and the state they were sent at."""
    latency_us: dict[str, tuple[float, float]] = {}
    """Median and 99th percentile in microseconds: ``flush`` (state seen to flush), ``flush_net`` (the same without
    the wait for a CPU), ``step`` (packet to state), ``decide`` (asked to answered)."""
    headroom: int = 0
    """Least number of frames that an action was early by, in the last seconds; negative: late."""
    versions: tuple[str, ...] = ()
    """Policy version that decided last, a bot."""


class ConsoleFrame(msgspec.Struct, frozen=True, kw_only=True, tag="console_frame"):
    """The latest frame, for people; left out where the daemon does not keep up."""

    sample: GameSample


class ConsoleSwapped(msgspec.Struct, frozen=True, kw_only=True, tag="console_swapped"):
    """The first action of another policy version was sent."""

    player: int
    version: str
    game_id: int
    frame: int
    """Frame for which it was due."""


class ConsoleFault(msgspec.Struct, frozen=True, kw_only=True, tag="console_fault"):
    """What went wrong; the process tears down and ends with exit code 1 after it."""

    kind: FaultKind
    text: str
    """One sentence for a person."""
    hint: str = ""
    frame: int = 0
    phase: Phase = "launch"


class StopConsole(msgspec.Struct, frozen=True, kw_only=True, tag="stop_console"):
    """End: now, or when the game is over."""

    after_game: bool = False


FromConsole = (
    ConsolePhase | ConsoleGameStarted | ConsoleGameEnded | ConsoleStats | ConsoleFrame | ConsoleSwapped | ConsoleFault
)
ToConsole = StopConsole
