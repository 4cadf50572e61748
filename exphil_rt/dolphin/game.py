"""The games of one console, frame by frame: what is asked, what is sent, and what is counted.

Time, Dolphin and the policies are others' matter (``session``, ``link``); what is due is ``runner``'s.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from exphil_rt.dolphin.echo import EchoCheck, Pad, pad_of
from exphil_rt.dolphin.events import EndMethod
from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.dolphin.figures import Figures
from exphil_rt.dolphin.link import Answer, Link, LinkLost, Over, Play
from exphil_rt.dolphin.runner import MAX_AGE, BotRunner, FrameTrack
from exphil_rt.dolphin.watch import SLICE_S, Watch
from exphil_rt.game.frames import Frames, swapped
from exphil_rt.game.ids import character_name, stage_name
from exphil_rt.messages.dolphin import (
    ConsoleArgs,
    ConsoleGameEnded,
    ConsoleGameStarted,
    ConsoleSetup,
    ConsoleStats,
    ConsoleSwapped,
    Seat,
)
from exphil_rt.messages.rollout import GameSpec, PlayerSpec
from exphil_rt.messages.telemetry import GameSample
from exphil_rt.rollout.samples import sample

if TYPE_CHECKING:  # it loads melee
    from exphil_rt.dolphin.session import Session, Step

_US: Final = 1e-3
Reason = Literal["stocks", "timer", "no_contest", "fault", "stopped"]


class Game:
    """The games that one console plays, one after the other.

    Args:
        args: what is played.
        session: the Dolphin.
        link: to the inference process; None without bots.
        runners: by player, the bots.
        watch: the process's look-out.
        say: tells the daemon what must arrive.
    """

    def __init__(
        self,
        args: ConsoleArgs,
        session: Session,
        link: Link | None,
        runners: dict[int, BotRunner],
        watch: Watch,
        say: Callable[[Any], None],
    ) -> None:
        self.playing = False
        self.games = 0
        """Games that ended."""
        self.at = 0
        """The newest frame."""
        self.order: Play | None = None
        """The next game, where a lane wants another one than that in play."""
        self._args = args
        self._session = session
        self._link = link
        self._runners = runners
        self._watch = watch
        self._say = say
        self._game_id = args.first_game_id - 1
        self._track = FrameTrack()
        self._echoes = {player: EchoCheck(args.console_delay) for player in runners}
        self._held: dict[int, Pad] = {}
        self._figures = Figures()
        self._frames: Frames | None = None
        self._count: Counter[str] = Counter()
        self._resent = (0, 0)
        self._started = time.time()
        self._first = 0
        self._setup: ConsoleSetup | None = None
        self._swapped = False

    def expect(self, args: ConsoleArgs) -> None:
        """The next game is this one."""
        self._args = args
        self._game_id = args.first_game_id - 1

    # A frame

    def frame(self, step: Step) -> None:
        """A frame came: ask about it, and send what is due.

        Raises:
            DolphinFault: the game is not what was wanted, or cannot be played on.
            LinkLost: the inference process is gone.
        """
        frames = step.frames
        assert frames is not None
        waited_ns = self._figures.waited_ns()
        if not frames.players.exists.all():
            self._count["skipped"] += 1  # half a frame
            return
        frame = int(frames.frame[0])
        seen = self._track.see(frame)
        if seen == "repeat":
            self._count["duplicate"] += 1
            return
        if self._track.jumped:
            self._count["skipped"] += self._track.jumped
            if self._track.jumped > self._args.deadlines.gap_frames:
                raise DolphinFault("frame_gap", f"The game jumped over {self._track.jumped} frames, to {frame}.")
        if seen == "first":
            frames = self._begin(frames)
        self.at, self._frames = frame, frames
        self._count["frames"] += 1
        self._figures.frame(step.seen_ns)
        channel = self._session.channel
        assert channel is not None
        self._figures.add("step", (step.seen_ns - channel.arrived_ns) * _US)
        for player, echo in self._echoes.items():
            self._check_echo(player, echo, frames, frame)
        self._take_answers()
        asked = self._ask(frames, frame, step.seen_ns)
        if channel.frames_waiting():  # never act on an old frame
            self._count["skipped"] += 1
            for player, pad in self._held.items():
                self._echoes[player].sent(frame, pad)
            return
        self._await_answers(frame, asked)
        if self.order is not None:  # the game is left
            return
        self._send(frame)
        self._session.commit()
        took_us = (time.monotonic_ns() - step.seen_ns) * _US
        self._figures.add("flush", took_us)
        self._figures.add("flush_net", max(0.0, took_us - (self._figures.waited_ns() - waited_ns) * _US))

    def _begin(self, frames: Frames) -> Frames:
        if self.playing:  # a new game without an end of the last one
            self.end(None)
            self._track.see(int(frames.frame[0]))
        setup = self._setup = self._session.setup(frames)
        if self._session.swaps:
            frames = swapped(frames)
        self._check_setup(setup)
        self._game_id += 1
        self.playing = True
        self._started = time.time()
        self._first = self._count["frames"]
        self._figures.begin()
        for player, runner in self._runners.items():
            runner.begin()
            self._echoes[player].begin()
        self._held.clear()
        self._swapped = False
        self._say(ConsoleGameStarted(game_id=self._game_id, udp_port=self._session.udp_port, setup=setup))
        return frames

    def _check_setup(self, setup: ConsoleSetup) -> None:
        args = self._args
        person = any(seat.who == "human" for seat in args.seats)
        for player, seat in enumerate(args.seats):
            if args.connect_code and player > 0:
                continue
            if seat.who != "human" and setup.characters[player] != seat.fighter:
                got, wanted = character_name(setup.characters[player]), character_name(seat.fighter)
                raise DolphinFault("wrong_character", f"The game has {got} at port {seat.port}, and not {wanted}.")
            if not args.connect_code:
                self._check_seat(setup, player, seat)
        if setup.stage != args.stage and not person and not args.connect_code:
            raise DolphinFault(
                "wrong_setup", f"The game is on {stage_name(setup.stage)}, and not on {stage_name(args.stage)}."
            )

    def _check_seat(self, setup: ConsoleSetup, player: int, seat: Seat) -> None:
        if setup.ports[player] != seat.port:
            raise DolphinFault("wrong_setup", f"The game is played at ports {setup.ports[0]} and {setup.ports[1]}.")
        level = seat.level if seat.who == "cpu" else 0
        if setup.cpu_levels[player] != level:
            raise DolphinFault(
                "wrong_setup",
                f"At port {seat.port} the game has a CPU level of {setup.cpu_levels[player]}, and not {level}.",
            )

    def _check_echo(self, player: int, echo: EchoCheck, frames: Frames, frame: int) -> None:
        if echo.seen(frame, pad_of(frames.controllers[0, player])) or echo.wrong <= self._args.deadlines.echo_frames:
            return
        came = "do not come back" if echo.lag in (-1, echo.expected) else f"come back after {echo.lag} frames"
        raise DolphinFault(
            "echo",
            f"For {echo.wrong} frames, the inputs of port {self._args.seats[player].port} {came}; "
            f"they should after {echo.expected}.",
        )

    # The policies

    def _ask(self, frames: Frames, frame: int, seen_ns: int) -> set[int]:
        """Ask for each bot that is asked on this frame; who was."""
        asked = set()
        for player, runner in self._runners.items():
            if not runner.asks(frame):
                runner.hold_decision(frame)
            elif self._link is not None and self._link.send(runner.ask(frames, self._game_id, seen_ns)):
                asked.add(player)
            else:
                self._count["unasked"] += 1
        return asked

    def take_orders(self, timeout: float = 0.0) -> None:
        """Hear what came between two games, after at most ``timeout`` seconds."""
        self._take_answers(timeout)

    def _take_answers(self, timeout: float = 0.0) -> list[Answer]:
        if self._link is None:
            return []
        answers: list[Answer] = []
        for record in self._link.receive(timeout):
            if isinstance(record, Answer):
                answers.append(record)
            elif isinstance(record, Play):
                self.order = record
        for answer in answers:
            runner = self._runners.get(answer.player)
            if runner is not None:
                runner.take(answer)
                self._figures.add("decide", float(answer.took_us))
        return answers

    def _await_answers(self, frame: int, asked: set[int]) -> None:
        """The sync runner waits for this frame's decisions, the late policy ``wait`` for what is due; within bounds."""
        sync = self._args.runner == "sync"
        if not sync and self._args.late != "wait":
            return
        hosted = self._args.hosted  # its other side is supervised, and gone where it hangs: no deadline of ours
        patience = math.inf if hosted else self._args.deadlines.answer_s if sync else self._args.deadlines.wait_s
        deadline = time.monotonic() + patience
        waiting = asked if sync else {player for player, runner in self._runners.items() if not runner.is_due(frame)}
        while waiting and self.order is None and (left := deadline - time.monotonic()) > 0:
            for answer in self._take_answers(min(left, SLICE_S)):
                if not sync or answer.frame == frame:
                    waiting.discard(answer.player)
            if not sync:
                waiting = {player for player in waiting if not self._runners[player].is_due(frame)}
            self._watch.look()

    def _send(self, frame: int) -> None:
        for player, runner in self._runners.items():
            due = runner.due(frame)
            self._session.send(self._args.seats[player].port, due.pad)
            pad = self._held[player] = pad_of(due.pad)
            self._echoes[player].sent(frame, pad)
            if due.swapped:
                self._swapped = True
                self._say(ConsoleSwapped(player=player, version=due.swapped, game_id=self._game_id, frame=due.due))

    # Its end

    def end(self, over: tuple[EndMethod, tuple[int, ...]] | None, reason: Reason = "no_contest") -> None:
        """The game is over; tell how it went."""
        self.playing = False
        self.games += 1
        self._track.end()
        frames, setup = self._frames, self._setup
        assert frames is not None
        assert setup is not None
        players = frames.players
        stocks = (int(players.stocks[0, 0]), int(players.stocks[0, 1]))
        percents = (float(players.percent[0, 0]), float(players.percent[0, 1]))
        if over is not None:
            reason = over[0]
        winner = _winner(reason, over, setup, stocks, percents)
        self._say(self.stats())
        if self._args.hosted and self._link is not None:
            said = Over(game_id=self._game_id, reason=reason, winner=winner, stocks=stocks, percents=percents)
            with contextlib.suppress(LinkLost):
                self._link.send(said)
        self._say(
            ConsoleGameEnded(
                game_id=self._game_id,
                reason=reason,
                frames=self._count["frames"] - self._first,
                stocks=stocks,
                percents=percents,
                winner=winner,
                replay=_newest_replay(self._args.replay_dir, self._started),
                players=(self._name(0), self._name(1)),
                swapped=self._swapped,
                characters=setup.characters,
                stage=setup.stage,
            )
        )

    def _name(self, player: int) -> str:
        """Who plays: a bot by its policy's version."""
        runner = self._runners.get(player)
        return (runner.version if runner is not None else "") or _label(self._args.seats[player])

    # Figures

    def stats(self) -> ConsoleStats:
        """The figures of the moment; the headroom is that since the last call."""
        runners = list(self._runners.values())
        ages: Counter[int] = Counter()
        for runner in runners:
            ages += runner.ages
        headroom = min((runner.headroom for runner in runners), default=0)
        for runner in runners:
            runner.headroom = MAX_AGE
        channel = self._session.channel
        if channel is not None:
            self._resent = (channel.events.duplicate, channel.events.resimulated)
        count = self._count
        return ConsoleStats(
            game_id=self._game_id,
            frame=self.at,
            fps=round(self._figures.fps, 2),
            games=self.games,
            frames=count["frames"],
            late=sum(runner.late for runner in runners),
            dropped=sum(runner.dropped for runner in runners),
            skipped=count["skipped"],
            duplicate=count["duplicate"] + self._resent[0],
            resimulated=self._resent[1],
            unasked=count["unasked"],
            echo_lag=tuple(echo.lag for echo in self._echoes.values()),
            ages=dict(ages),
            latency_us=self._figures.latency_us(),
            headroom=0 if headroom == MAX_AGE else headroom,
            versions=tuple(runner.version for runner in runners),
        )

    def sample(self) -> GameSample:
        """The newest frame, for people."""
        assert self._frames is not None
        assert self._setup is not None
        first, second = self._args.seats
        spec = GameSpec(
            game_id=self._game_id,
            kind="exhibition",
            stage=self._setup.stage,
            characters=self._setup.characters,
            players=(PlayerSpec(policy=_label(first)), PlayerSpec(policy=_label(second))),
        )
        return sample(0, spec, self._frames, 0)


def _label(seat: Seat) -> str:
    return seat.label or (f"cpu{seat.level}" if seat.who == "cpu" else seat.who)


def _winner(
    reason: Reason,
    over: tuple[EndMethod, tuple[int, ...]] | None,
    setup: ConsoleSetup,
    stocks: tuple[int, int],
    percents: tuple[float, float],
) -> int | None:
    """By the places that Dolphin says, else by stocks, then percent; nobody where the game was not played out."""
    if over is None or reason not in ("stocks", "timer"):
        return None
    places = [over[1][port - 1] for port in setup.ports]
    if sorted(places) == [0, 1]:
        return places.index(0)
    if stocks[0] != stocks[1]:
        return int(stocks[1] > stocks[0])
    return None if percents[0] == percents[1] else int(percents[1] < percents[0])


def _newest_replay(folder: str, since: float) -> str:
    """The newest replay that was written since; empty for none."""
    found = [] if not folder else [(path.stat().st_mtime, str(path)) for path in Path(folder).glob("**/*.slp")]
    return max((item for item in found if item[0] >= since), default=(0.0, ""))[1]
