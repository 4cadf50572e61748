"""Realistic snapshots of a run, computed from a time, and a real control server that serves them over a socket."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from exphil_rt.control.server import Hub, serve
from exphil_rt.control.wire import (
    PROTOCOL,
    ActorReply,
    Answer,
    Command,
    Done,
    EventsUpdate,
    ExhibitionUpdate,
    GetActor,
    GetOverview,
    GetStatus,
    Hello,
    OverviewReply,
    Refused,
    StatusReply,
)
from exphil_rt.messages.telemetry import (
    ActorNode,
    ActorReport,
    Event,
    GameSample,
    Overview,
    PlayerSample,
    Rating,
    RunStatus,
    Series,
    Shares,
)

START_NS = 1_790_000_000_000_000_000
FOX, MEWTWO, FALCO, MARTH = 1, 16, 22, 18


def status(t: float = 754.0, **changes: object) -> RunStatus:
    """A run ``t`` seconds old."""
    frames = int(t * 1780)
    values: dict[str, object] = {
        "run": "mewtwo-zero-01", "state": "running", "version": "0.1.0", "daemon_pid": 4121, "uptime_s": t,
        "frames": frames, "target_frames": 3_200_000, "frames_per_s": 1780.0 + 40 * math.sin(t / 7), "games": 16,
        "policy": f"mewtwo-zero@v{1 + int(t // 60)}", "origin": "learning from zero", "delay": 0,
        "win_rate_vs_first": 0.5 + 0.32 * (1 - math.exp(-t / 500)), "eta_s": (3_200_000 - frames) / 1780,
        "shares": Shares(game=0.22, inference=0.47, learning=0.19, waiting=0.12), "population": 1 + int(t // 60),
        "matches": int(t / 3.1), "restarts": 1,
    }  # fmt: skip
    return RunStatus(**(values | changes))  # type: ignore[arg-type]


def player(policy: str, character: int, x: float, y: float, **changes: object) -> PlayerSample:
    """A standing fighter."""
    values: dict[str, object] = {
        "policy": policy, "character": character, "x": x, "y": y, "facing": 1.0, "percent": 0.0, "stocks": 4,
        "state": 14,
    }  # fmt: skip
    return PlayerSample(**(values | changes))  # type: ignore[arg-type]


def exhibition(t: float = 754.0, stage: int = 31) -> GameSample:
    """A duel that moves: one runs and attacks, the other jumps, is hit and recovers."""
    frame = int(t * 60) % 9000
    beat = frame % 240
    one_x = -8 + 52 * math.sin(frame / 90)
    run = math.cos(frame / 90)
    one = player(
        "mewtwo-zero@v13", MEWTWO, one_x, 0.0, facing=1.0 if run >= 0 else -1.0, percent=37 + frame / 160 % 120,
        stocks=3, state=(66 if 150 < beat < 175 else 20 if abs(run) > 0.3 else 14),
    )  # fmt: skip
    hop = max(0.0, math.sin(frame / 38))
    two_x = 39 + 15 * math.cos(frame / 70)
    two = player(
        "mewtwo-zero@v9", FOX, two_x, 27.2 + 26 * hop if hop else 27.2, facing=-1.0, percent=84 + frame / 90 % 90,
        stocks=2, state=(88 if 160 < beat < 200 else 27 if hop > 0.1 else 14), airborne=hop > 0.1,
    )  # fmt: skip
    return GameSample(
        slot=16, game_id=90_417, kind="exhibition", stage=stage, frame=frame, players=(one, two), worker="runner-1"
    )


def game(slot: int, t: float) -> GameSample:
    """One of the training games."""
    phase = slot * 1.7 + t / (2 + slot % 3)
    kinds = ("training", "training", "training", "rated")
    return GameSample(
        slot=slot, game_id=90_400 + slot, kind=kinds[slot % 4], stage=31 if slot % 2 else 32,
        frame=int((t * 60 + slot * 731) % 3600), worker=f"runner-{1 + slot // 8}",
        players=(
            player("mewtwo-zero@v13", MEWTWO, 60 * math.sin(phase), max(0.0, 40 * math.sin(phase * 2)), state=29,
                   percent=(slot * 23 + t) % 160, stocks=1 + slot % 4),
            player(f"mewtwo-zero@v{1 + slot % 12}", (FOX, FALCO, MARTH, MEWTWO)[slot % 4], -50 * math.cos(phase), 0.0,
                   facing=-1.0, percent=(slot * 41 + t * 2) % 170, stocks=1 + (slot + 2) % 4, state=14),
        ),
    )  # fmt: skip


def tree(t: float = 754.0) -> tuple[ActorNode, ...]:
    """A tree of the shape that the daemon has."""

    def node(path: str, kind: str, strategy: str = "", cap: int = 0, per_s: float = 0.0, **more: object) -> ActorNode:
        values: dict[str, object] = {
            "path": path, "name": path.rpartition("/")[2], "depth": path.count("/"), "kind": kind,
            "strategy": strategy, "uptime_s": max(0.0, t - 1), "mailbox_cap": cap, "pid": 10 + len(path),
            "handled": int(t * per_s),
        }  # fmt: skip
        return ActorNode(**(values | more))  # type: ignore[arg-type]

    sup, work = "supervisor", "worker"
    return (
        node("root", sup, "rest_for_one"),
        node("root/store", work, cap=1024, per_s=3.1, mailbox=2, detail="run.db, wal 1.2 MB"),
        node("root/telemetry", work, cap=256, per_s=71.0, mailbox=4),
        node("root/league", sup, "one_for_all"),
        node("root/league/population", work, cap=64, per_s=0.2, detail="13 of 20 snapshots"),
        node("root/league/matchmaker", work, cap=64, per_s=1.4, mailbox=36, detail="elo band 120"),
        node("root/learning", sup, "one_for_one"),
        node("root/learning/trainer", work, cap=32, per_s=0.8, mailbox=29, os_pid=4188, detail="update 412"),
        node("root/games", sup, "one_for_one"),
        node("root/games/runner-1", work, cap=256, per_s=14.0, mailbox=6, os_pid=4190, detail="8 games, v13 v9 v4"),
        node("root/games/runner-2", work, cap=256, per_s=13.0, mailbox=3, os_pid=4733, uptime_s=min(t, 91.0),
             restarts=1, state="running", detail="8 games, v13 v11 v2"),
        node("root/games/inference-1", work, cap=64, per_s=0.3, detail="4 policies"),
        node("root/games/recorder", work, cap=512, per_s=2.2, detail="31 MB"),
    )  # fmt: skip


def ratings() -> tuple[Rating, ...]:
    """Thirteen versions and the anchors."""
    rows = [
        Rating(policy=f"mewtwo-zero@v{v}", elo=1080 + 31 * v - (v % 3) * 17, error=38 - v, games=40 + 9 * (13 - v),
               wins=21 + 5 * (13 - v), losses=15 + 3 * (13 - v), draws=4, physics="sim-1")
        for v in range(2, 14)
    ]  # fmt: skip
    first = Rating(policy="mewtwo-zero@v1", elo=1063, games=210, wins=80, losses=120, draws=10, anchor=True)
    return (*rows, first, Rating(policy="random", elo=1000, games=190, wins=30, losses=150, draws=10, anchor=True))


def series(t: float = 754.0) -> tuple[Series, ...]:
    """Curves that look like learning."""
    steps = [k * t / 120 for k in range(1, 121)]
    frames = tuple(int(s * 1780) for s in steps)

    def wobble(s: float, size: float) -> float:
        return size * (math.sin(s * 1.3) + 0.6 * math.sin(s * 3.7 + 1))

    shapes: dict[str, Callable[[float], float]] = {
        "loss": lambda s: 0.35 + 0.9 * math.exp(-s / 200) + wobble(s, 0.03),
        "entropy": lambda s: 7.9 + 6.1 * math.exp(-s / 420) + wobble(s, 0.1),
        "frames_per_s": lambda s: 1780 + wobble(s, 60) - (700 if 300 < s < 320 else 0),
        "win_rate_vs_first": lambda s: 0.5 + 0.32 * (1 - math.exp(-s / 500)) + wobble(s, 0.02),
        "kl": lambda s: 0.011 + wobble(s, 0.002),
        "value_loss": lambda s: 0.087 + 0.3 * math.exp(-s / 90) + wobble(s, 0.01),
        "reward": lambda s: -0.1 + 0.4 * (1 - math.exp(-s / 300)) + wobble(s, 0.04),
    }
    return tuple(Series(name=name, frames=frames, values=tuple(map(fn, steps))) for name, fn in shapes.items())


def events(t: float = 754.0) -> tuple[Event, ...]:
    """A start, a snapshot a minute, one crash with its restart, one command of a person."""
    told: list[tuple[float, str, str, str, str, str]] = [
        (0.4, "info", "root", "run_started", "Run mewtwo-zero-01 started: 16 games, learning from zero.", "supervisor"),
        (4.8, "info", "root/games/runner-1", "worker_ready", "8 games are in play on physics sim-1.", "supervisor"),
    ]
    told += [
        (60.0 * k, "info", "root/learning/trainer", "policy_published",
         f"mewtwo-zero@v{k + 1} published after {int(60 * k * 1780):,} frames.", "supervisor")
        for k in range(1, 13)
    ]  # fmt: skip
    told += [
        (662.0, "error", "root/games/runner-2", "child_exit", "runner-2 ended: its rollout worker got SIGKILL.",
         "supervisor"),
        (662.5, "warn", "root/games/runner-2", "child_restarted",
         "runner-2 restarted (1 of 5 in 60 s), back-off 0.5 s, 8 games voided.", "supervisor"),
        (731.0, "info", "root/learning/trainer", "checkpoint", "Checkpoint 41 written.", "tui"),
    ]  # fmt: skip
    rows = []
    for seq, (at, level, actor, name, text, author) in enumerate(sorted(told)):
        if at <= t:
            report = (
                {"reason": "ProcessExit", "signal": "SIGKILL", "restart": "1 of 5 in 60 s"} if "exit" in name else {}
            )
            rows.append(
                Event(seq=seq, time_ns=START_NS + int(at * 1e9), level=level, actor=actor, event=name, text=text,  # type: ignore[arg-type]
                      author=author, report=report)
            )  # fmt: skip
    return tuple(rows)


def overview(t: float = 754.0, **changes: object) -> Overview:
    """All of it."""
    values: dict[str, object] = {
        "status": status(t), "exhibition": exhibition(t), "games": tuple(game(slot, t) for slot in range(16)),
        "ratings": ratings(), "tree": tree(t), "series": series(t), "events": events(t),
    }  # fmt: skip
    return Overview(**(values | changes))  # type: ignore[arg-type]


def starting() -> Overview:
    """The first seconds: nothing is there yet."""
    return Overview(status=status(2.0, state="starting", message="compiling the game, 3 of 12", frames=0, matches=0,
                                  frames_per_s=0.0, win_rate_vs_first=None, eta_s=None, games=0))  # fmt: skip


class FakeDaemon:
    """What stands behind the server: the snapshot it serves and the commands it got."""

    def __init__(self, snapshot: Overview) -> None:
        self.snapshot = snapshot
        self.said: list[tuple[Command, str]] = []
        self.hub = Hub()
        self.refuse: str = ""

    async def handle(self, command: Command, author: str) -> Answer:
        match command:
            case GetStatus():
                return StatusReply(self.snapshot.status)
            case GetOverview():
                return OverviewReply(self.snapshot)
            case GetActor(path):
                node = next((one for one in self.snapshot.tree if one.path == path), None)
                if node is None:
                    return Refused(f"No actor {path}.", "See `exphil-rt tree`.")
                below = tuple(one for one in self.snapshot.tree if one.path.rpartition("/")[0] == path)
                return ActorReply(
                    ActorReport(node=node, children=below, state='{\n  "games": 8,\n  "policies": ["v13", "v9"]\n}',
                                recent=("20:14:09 LoopStats(frames=890)", "20:14:08 Samples(games=8)"),
                                exits=("20:02:11 Crash(ProcessExit, rollout worker ended by SIGKILL)",))
                )  # fmt: skip
        self.said.append((command, author))
        if self.refuse:
            return Refused(self.refuse)
        return Done(f"{type(command).__name__} done.")

    def publish(self) -> None:
        """Send the snapshot to whoever watches."""
        self.hub.publish("overview", OverviewReply(self.snapshot))
        self.hub.publish("exhibition", ExhibitionUpdate(self.snapshot.exhibition))
        self.hub.publish("events", EventsUpdate(self.snapshot.events))


@asynccontextmanager
async def served(path: Path, daemon: FakeDaemon, every_s: float = 0.05) -> AsyncIterator[FakeDaemon]:
    """A real control server on ``path`` that publishes the daemon's snapshot again and again."""
    hello = Hello(protocol=PROTOCOL, version="0.1.0", run=daemon.snapshot.status.run, pid=4121)

    async def publish() -> None:
        while True:
            daemon.publish()
            await anyio.sleep(every_s)

    async with anyio.create_task_group() as group:
        await group.start(serve, path, hello, daemon.handle, daemon.hub)
        group.start_soon(publish)
        try:
            yield daemon
        finally:
            group.cancel_scope.cancel()
