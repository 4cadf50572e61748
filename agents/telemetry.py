"""Telemetry: keeps the latest of everything that a person may look at, and publishes it to whoever watches.

It only listens. Samples are conflated here; rows for the database and lines for the log leave from here.
"""

from __future__ import annotations

import os
import time
from collections import deque
from typing import Final

import anyio
import msgspec
import structlog

import exphil_rt
from agents.again import ask_again
from agents.context import RunContext
from exphil_rt.actor import From as Sender
from exphil_rt.actor import GenServer, LagReport, MailboxSpec, handle_call, handle_cast
from exphil_rt.control.wire import EventsUpdate, ExhibitionUpdate, GetActor, GetOverview, GetStatus, OverviewReply
from exphil_rt.messages.imitation import ImitationShown
from exphil_rt.messages.match import MatchReading
from exphil_rt.messages.rollout import ExhibitionFrame, LoopStats, Samples
from exphil_rt.messages.rows import Metric
from exphil_rt.messages.run import Flush, NewestVersion, Note, Phase, Progress, RatingsChanged
from exphil_rt.messages.store import AllWritten, PutEvents, PutMetrics
from exphil_rt.messages.telemetry import (
    ActorNode,
    ActorReport,
    Event,
    GameSample,
    MatchStatus,
    Overview,
    Rating,
    RunState,
    RunStatus,
    Series,
    Shares,
)

EVENTS_SHOWN: Final = 100
SERIES_POINTS: Final = 240
"""Points of a series that are shown; at twice as many, neighbours are merged."""
TICK_S: Final = 0.25
METRICS_EVERY_S: Final = 2.0
POINT_S: Final = 1.0
"""Seconds between two points of a match's series."""


class Tick(msgspec.Struct, frozen=True):
    """Time to publish."""


class LoopReading(msgspec.Struct, frozen=True, kw_only=True):
    """A runner's LoopStats and when they came."""

    runner: str
    stats: LoopStats


class TelemetryState(msgspec.Struct, kw_only=True):
    """What is shown."""

    state: RunState = "starting"
    message: str = "starting"
    frames: int = 0
    frames_per_s: float = 0.0
    policy: str = ""
    population: int = 0
    matches: int = 0
    win_rate_vs_first: float | None = None
    samples: dict[int, GameSample] = {}
    exhibition: GameSample | None = None
    ratings: tuple[Rating, ...] = ()
    series: dict[str, tuple[list[int], list[float]]] = {}
    readings: dict[str, LoopStats] = {}
    rates: dict[str, tuple[float, float, float, float]] = {}
    """By runner: frames a second, and the shares of game, inference and waiting in its wall time."""
    learner: tuple[float, float] = (0.0, 0.0)
    """Moving seconds of waiting and of learning in the trainer."""
    imitation: ImitationShown | None = None
    lag: LagReport | None = None
    match: MatchStatus | None = None
    seq: int = 0


class Telemetry(GenServer[TelemetryState]):
    """The one who knows what everything looks like now."""

    mailbox = MailboxSpec(capacity=4096, overflow="drop_oldest")

    async def init(self, args: RunContext) -> TelemetryState:
        """Take up series, events and the league's table where the run's database left them."""
        self.context = args
        self.log = structlog.get_logger("exphil_rt")
        self.events: deque[Event] = deque(maxlen=EVENTS_SHOWN)
        self.unsaved: list[Metric] = []
        self.unsaved_since = self.next_point = anyio.current_time()
        state = TelemetryState()
        await self.call("store", AllWritten(), timeout=30.0)  # events of the incarnation before this one
        with args.run.reader() as database:
            past = database.events(limit=EVENTS_SHOWN)
            self.events.extend(past)
            state.seq = past[-1].seq + 1 if past else 1
            state.frames = database.progress().frames
            physics = database.last_physics()  # until the league tells of today's
            state.ratings = tuple(database.ratings(physics))
            state.matches = sum(sum(counts) for counts in database.played(physics).values())
            for name in database.metric_names():
                points = database.recent_metrics(name, SERIES_POINTS)
                state.series[name] = ([f for f, _ in points], [v for _, v in points])
        self.send_after(TICK_S, Tick())
        ask_again(self, "store", "run_manager", "population_manager", "matchmaker", "imitator")
        return state

    # What comes in -------------------------------------------------------------------------------------------------

    @handle_cast
    async def on_samples(self, message: Samples) -> None:
        """Latest state of the games of a runner."""
        for game in message.games:
            self.state.samples[game.slot] = game

    @handle_cast
    async def on_exhibition(self, message: ExhibitionFrame) -> None:
        """The large game's newest frame: straight out to whoever watches."""
        self.state.exhibition = message.sample
        self.context.hub.publish("exhibition", ExhibitionUpdate(message.sample))

    @handle_cast
    async def on_loop(self, message: LoopReading) -> None:
        """Rates are the difference of two readings of one worker."""
        before, now = self.state.readings.get(message.runner), message.stats
        self.state.readings[message.runner] = now
        if before is None or now.wall_s <= before.wall_s:  # the first one, or a new process
            self.state.rates.pop(message.runner, None)
            return
        wall = now.wall_s - before.wall_s
        self.state.rates[message.runner] = (
            (now.training_frames - before.training_frames) / wall,
            (now.game_s - before.game_s) / wall,
            (now.inference_s - before.inference_s) / wall,
            (now.waiting_s - before.waiting_s) / wall,
        )
        rate = sum(r[0] for r in self.state.rates.values())
        self.state.frames_per_s = rate
        self._point("frames_per_s", rate)

    @handle_cast
    async def on_progress(self, message: Progress) -> None:
        """One more update."""
        state, metrics = self.state, message.metrics
        state.frames = message.frames
        wait, learn = state.learner
        state.learner = (0.9 * wait + 0.1 * message.wait_s, 0.9 * learn + 0.1 * message.learn_s)
        for name, value in (
            ("loss", metrics.loss),
            ("value_loss", metrics.value_loss),
            ("entropy", metrics.entropy),
            ("kl", metrics.kl),
            ("reward", metrics.reward),
        ):
            self._point(name, value)

    @handle_cast
    async def on_imitation(self, message: ImitationShown) -> None:
        """Where an imitation is."""
        state = self.state
        state.imitation, state.frames_per_s = message, message.frames_per_s
        state.frames = message.frames  # fewer than before where a learner was lost
        state.learner = (message.status.waited, 1.0 - message.status.waited) if message.status.nll else (0.0, 0.0)
        for name, value in message.points.items():
            self._point(name, value)

    @handle_cast
    async def on_match(self, message: MatchReading) -> None:
        """The figures of a match on a console."""
        state, match = self.state, message.status
        state.match, state.frames, state.frames_per_s = match, match.frames, match.fps
        state.matches = match.games
        now = anyio.current_time()
        if match.fps and now >= self.next_point:
            self.next_point = now + POINT_S
            self._point("fps", match.fps)
            self._point("late", float(match.late))
            for one in match.latency:
                self._point(f"{one.phase}_p99_ms", one.p99_us / 1e3)

    @handle_cast
    async def on_ratings(self, message: RatingsChanged) -> None:
        """The table after a committed match."""
        self.state.ratings = message.ratings
        self.state.matches = message.matches
        if message.win_rate_vs_first is not None and message.win_rate_vs_first != self.state.win_rate_vs_first:
            self._point("win_rate_vs_first", message.win_rate_vs_first)
        self.state.win_rate_vs_first = message.win_rate_vs_first

    @handle_cast
    async def on_version(self, message: NewestVersion) -> None:
        """A version was committed."""
        self.state.policy = message.key
        self.state.population = message.population

    @handle_cast
    async def on_phase(self, message: Phase) -> None:
        """The run's state changed."""
        self.state.state, self.state.message = message.state, message.message

    @handle_cast
    async def on_note(self, message: Note) -> None:
        """Make an Event of it: shown, logged, kept."""
        event = Event(
            seq=self.state.seq,
            time_ns=time.time_ns(),
            level=message.level,
            actor=message.actor,
            event=message.event,
            text=message.text,
            author=message.author,
            report=message.report,
        )
        self.state.seq += 1
        self.events.append(event)
        self.context.hub.publish("events", EventsUpdate((event,)))
        self.cast("store", PutEvents((event,)))
        write = {"debug": self.log.debug, "warn": self.log.warning, "error": self.log.error}.get(
            message.level, self.log.info
        )
        write(message.event, actor=message.actor, text=message.text, author=message.author, **message.report)

    @handle_cast
    async def on_lag(self, message: LagReport) -> None:
        """How late the daemon's own loop is."""
        self.state.lag = message

    @handle_cast
    async def on_tick(self, message: Tick) -> None:
        """Publish the overview if anybody watches, and hand on what is to be kept."""
        self.send_after(TICK_S, message)
        if self.context.hub.wanted("overview"):
            self.context.hub.publish("overview", OverviewReply(self._overview()))
        if anyio.current_time() - self.unsaved_since > METRICS_EVERY_S:
            self._save()

    @handle_call
    async def flush(self, message: Flush, sender: Sender) -> None:
        """The run ends."""
        self._save()

    def _save(self) -> None:
        if self.unsaved:
            self.cast("store", PutMetrics(tuple(self.unsaved)))
        self.unsaved, self.unsaved_since = [], anyio.current_time()

    # What goes out -------------------------------------------------------------------------------------------------

    @handle_call
    async def get_status(self, message: GetStatus, sender: Sender) -> RunStatus:
        """The head line."""
        return self._status()

    @handle_call
    async def get_overview(self, message: GetOverview, sender: Sender) -> Overview:
        """The first screen."""
        return self._overview()

    @handle_call
    async def get_actor(self, message: GetActor, sender: Sender) -> ActorReport | None:
        """The actor page; None for a path that nobody has."""
        nodes = self._tree()
        node = next((n for n in nodes if n.path == message.path), None)
        if node is None:
            return None
        page = self.runtime.actor_report(message.path)
        children = tuple(n for n in nodes if n.path.rpartition("/")[0] == message.path)
        return ActorReport(node=node, children=children, state=page.state, recent=page.recent, exits=page.exits)

    def _status(self) -> RunStatus:
        state, imitation = self.state, self.state.imitation
        if imitation is not None:
            target, eta = imitation.target_frames, imitation.eta_s
        else:
            target = self.context.config.run.timesteps
            left = target - state.frames
            eta = left / state.frames_per_s if target and state.frames_per_s > 1.0 and left > 0 else None
        return RunStatus(
            run=self.context.run.name,
            state=state.state,
            version=exphil_rt.__version__,
            daemon_pid=os.getpid(),
            uptime_s=time.monotonic() - self.context.started,
            frames=state.frames,
            target_frames=target,
            frames_per_s=state.frames_per_s,
            games=self.context.games,
            policy=state.policy,
            origin=self.context.origin,
            delay=self.context.delay,
            win_rate_vs_first=state.win_rate_vs_first,
            eta_s=eta,
            shares=self._shares(),
            population=state.population,
            matches=state.matches,
            restarts=sum(node.restarts for node in self._tree() if node.kind == "worker"),
            loop_lag_ms=None if state.lag is None else state.lag.gross_p99_ms,
            loop_lag_own_ms=None if state.lag is None else state.lag.net_p99_ms,
            message=state.message,
            imitation=None if imitation is None else imitation.status,
            match=state.match,
        )

    def _shares(self) -> Shares:
        """Shares of the summed wall time of the runners and the learner."""
        rates = list(self.state.rates.values())
        wait, learn = self.state.learner
        learner = learn / (wait + learn) if wait + learn > 0 else 0.0
        processes = len(rates) + (1 if wait + learn > 0 else 0)
        if not processes:
            return Shares()
        idle = 1.0 - learner if wait + learn > 0 else 0.0
        return Shares(
            game=sum(r[1] for r in rates) / processes,
            inference=sum(r[2] for r in rates) / processes,
            learning=learner / processes,
            waiting=(sum(r[3] for r in rates) + idle) / processes,
        )

    def _overview(self) -> Overview:
        state = self.state
        return Overview(
            status=self._status(),
            exhibition=state.exhibition,
            games=tuple(state.samples[slot] for slot in sorted(state.samples)),
            ratings=state.ratings,
            tree=self._tree(),
            series=tuple(
                Series(name=name, frames=tuple(frames), values=tuple(values))
                for name, (frames, values) in state.series.items()
            ),
            events=tuple(self.events),
        )

    def _tree(self) -> tuple[ActorNode, ...]:
        return tuple(ActorNode(**msgspec.structs.asdict(info)) for info in self.runtime.tree())

    def _point(self, name: str, value: float) -> None:
        frames, values = self.state.series.setdefault(name, ([], []))
        frames.append(self.state.frames)
        values.append(value)
        if len(values) >= 2 * SERIES_POINTS:
            frames[:] = frames[1::2]
            values[:] = [(a + b) / 2 for a, b in zip(values[::2], values[1::2], strict=False)]
        self.unsaved.append(Metric(name=name, frames=self.state.frames, time_ns=time.time_ns(), value=value))
