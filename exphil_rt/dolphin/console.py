"""The console process: one Dolphin, its frame loop, and the link to the process that decides for its bots.

``main`` is what a ProcessChild runs. The loop does one thing a frame: take the newest state, ask about it, send what is
due, and say that it lives. Whatever happens, inputs go neutral, Dolphin ends, its replay is finished, nothing is left.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from exphil_rt.actor import ChildPort, PortClosed
from exphil_rt.dolphin.faults import DolphinFault, fault_of
from exphil_rt.dolphin.game import Game
from exphil_rt.dolphin.launch import clean_up, make_temporary
from exphil_rt.dolphin.link import Link, Play, Ready
from exphil_rt.dolphin.runner import BotRunner
from exphil_rt.dolphin.watch import SLICE_S, Stopped, Watch
from exphil_rt.messages.dolphin import (
    ConsoleArgs,
    ConsoleFault,
    ConsoleFrame,
    ConsolePhase,
    Phase,
)

if TYPE_CHECKING:  # it loads melee
    from exphil_rt.dolphin.menus import Menus

FAULT: Final = 1
"""Exit code after a ConsoleFault."""
_STATS_S: Final = 0.25
_QUIET_MENUS: Final = 30
"""Menu frames in a row after which a game is over although nothing said so."""


def main(port: ChildPort) -> None:
    """Run one console until it is told to end, has played its games, or fails."""
    args = port.args(ConsoleArgs)
    console = Console(port, args)
    port.ready()
    code = console.run()
    sys.stdout.flush()
    raise SystemExit(code)


class Console:
    """One console process's work.

    Args:
        port: the way to its actor.
        args: what is played.
    """

    def __init__(self, port: ChildPort, args: ConsoleArgs) -> None:
        from exphil_rt.dolphin.menus import Menus  # they load melee
        from exphil_rt.dolphin.session import Session

        self.port = port
        self.args = args
        self.watch = Watch(port)
        self.bots = tuple(index for index, seat in enumerate(args.seats) if seat.who == "bot")
        self.link = Link(socket.socket(fileno=port.fds[0])) if self.bots and port.fds else None
        self.session = Session(args, self.watch, self._enter)
        self.game: Game | None = None
        self._make_menus = Menus
        self._order: Play | None = None  # the next game, of a lane
        self._since = time.time() - 1.0
        self._stats_at = 0.0

    # The whole of it

    def run(self) -> int:
        """Work; the exit code."""
        code, reason = 0, "stopped"
        try:
            self._play()
        except (Stopped, PortClosed):  # told to, or nobody is left to play for
            pass
        except BaseException as error:
            code, reason = FAULT, "fault"
            self._tell_fault(error)
        self._close(reason)
        return code

    def _play(self) -> None:
        make_temporary(self.args)
        runners = self._wait_for_brain()
        self.session.open()
        self.game = game = Game(self.args, self.session, self.link, runners, self.watch, self._say)
        menus = self._make_menus(self.args, self.session.controllers)
        self._enter("menus")
        gc.collect()
        gc.freeze()
        game.order = self._order
        quiet, chosen = 0, not self.args.hosted
        while True:
            step = self.session.next_state()
            self.watch.beat()
            if step.kind == "frame":
                quiet = 0
                self._enter("game")
                if not self.session.leaving:
                    game.frame(step)
                    self._show(game)
                if self.session.leaving or game.order is not None:
                    self.session.leave(self.args.seats[self.bots[0]].port)
                continue
            if game.playing:
                quiet += 1
                if step.over is None and quiet < _QUIET_MENUS:
                    continue  # a menu event in the middle of a game
                self.session.abandon_game()
                game.end(step.over)
                if self.watch.after_game or self.args.on_game_end == "stop" or game.games == self.args.games:
                    return
                chosen = not self.args.hosted
                menus.begin(self.args)
                gc.collect()
            self._enter("menus")
            if self.args.hosted:
                chosen = self._choose(game, menus, chosen)
            menus.step(step.state)

    def _choose(self, game: Game, menus: Menus, chosen: bool) -> bool:
        """Hear which game the lane wants next; waits for it where none is chosen yet."""
        game.take_orders()
        while not chosen and game.order is None:
            self.watch.look()
            game.take_orders(SLICE_S)
        if game.order is not None:
            args, game.order = hosted_game(self.args, game.order), None
            menus.begin(args)
            game.expect(args)
        return True

    def _wait_for_brain(self) -> dict[int, BotRunner]:
        """A runner a bot, once its policy is warm.

        Raises:
            DolphinFault: it does not come, or its delay does not fit.
        """
        runners: dict[int, BotRunner] = {}
        if not self.bots:
            return runners
        if self.link is None:
            raise DolphinFault("bad_setup", "A console with a bot needs a link to its inference process.")
        self._enter("brain")
        self.watch.arm("brain_not_ready", self.args.deadlines.brain_ready_s, "The policies were not ready")
        while len(runners) < len(self.bots):
            for record in self.link.receive(SLICE_S):
                if isinstance(record, Ready) and record.player in self.bots:
                    runners[record.player] = self._runner(record)
                elif isinstance(record, Play):
                    self._order = record
            self.watch.check()
        return runners

    def _runner(self, ready: Ready) -> BotRunner:
        args = self.args
        if ready.delay < args.console_delay:
            raise DolphinFault(
                "delay_too_small",
                f"The policy {ready.version or ready.player} has a delay of {ready.delay} frames, and the console is "
                f"to take {args.console_delay}.",
            )
        return BotRunner(ready, args.console_delay, args.late, args.action_repeat)

    # What the daemon hears

    def _enter(self, phase: Phase, attempt: int = 1) -> None:
        if self.watch.phase == phase and attempt == 1:
            return
        self.watch.phase = phase
        self.watch.frame = self.game.at if self.game is not None else 0
        self._say(ConsolePhase(phase=phase, frame=self.watch.frame, attempt=attempt))

    def _say(self, message: Any) -> None:
        """Send what must arrive."""
        self.port.send(message)

    def _show(self, game: Game) -> None:
        """Figures and the frame itself, where the daemon keeps up."""
        self.watch.frame = game.at
        now = time.monotonic()
        if not self.port.has_room():
            return
        if not self.args.hosted:  # a lane shows its games itself
            self.port.send(ConsoleFrame(sample=game.sample()))
        if now - self._stats_at >= _STATS_S:
            self._stats_at = now
            self.port.send(game.stats())

    def _tell_fault(self, error: BaseException) -> None:
        dolphin = self.session.dolphin
        ended = ""
        if dolphin is not None:
            ended = dolphin.ended()
            if not ended and isinstance(error, BrokenPipeError):  # its end is on the way
                time.sleep(SLICE_S)
                ended = dolphin.ended()
        fault = fault_of(error, ended)
        if fault.kind in ("libmelee", "bad_data") and not isinstance(error, DolphinFault):
            sys.excepthook(type(error), error, error.__traceback__)
        phase: Any = self.watch.phase
        with contextlib.suppress(PortClosed):
            self.port.send(
                ConsoleFault(
                    kind=fault.kind,
                    text=fault.message,
                    hint=fault.hint,
                    frame=self.game.at if self.game is not None and self.game.playing else 0,
                    phase=phase,
                )
            )

    # Its end

    def _close(self, reason: Any) -> None:
        """Tear down within the deadline; then the process ends as it is, and the keeper does the rest."""
        signal.signal(signal.SIGALRM, lambda *_: os._exit(FAULT))
        signal.setitimer(signal.ITIMER_REAL, self.args.deadlines.close_s + self.args.deadlines.term_s)
        with contextlib.suppress(Exception):
            self._enter("closing")
        try:
            self.session.close()
            clean_up(self.args, self._since)
            if self.game is not None and self.game.playing:
                self.game.end(None, reason)
        except PortClosed:
            pass
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)
        if self.link is not None:
            self.link.close()
        signal.setitimer(signal.ITIMER_REAL, 0)


def hosted_game(args: ConsoleArgs, order: Play) -> ConsoleArgs:
    """The console's settings with the game that a lane has ordered."""
    first, second = args.seats
    a, b = order.characters
    return msgspec.structs.replace(
        args,
        seats=(
            msgspec.structs.replace(first, fighter=a, costume=0),
            msgspec.structs.replace(second, fighter=b, costume=int(a == b)),
        ),
        stage=order.stage,
        first_game_id=order.game_id,
    )
