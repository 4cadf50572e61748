"""What the console goes through: boot, menus, game, menus, ...

What happens beside it all the time (network, pads, clock, waiting) is in ``board``, what faults do in ``harm`` and
``packets``.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from typing import Final

import msgspec

from exphil_rt.game.ids import Stage
from exphil_rt.testing.stand_in_dolphin.board import Board, Ended
from exphil_rt.testing.stand_in_dolphin.chaos import Schedule
from exphil_rt.testing.stand_in_dolphin.choice import Choice, fixed_choice, with_other_fighters
from exphil_rt.testing.stand_in_dolphin.config import NEEDS_FRAME, PAUSES, Chaos, StandInConfig
from exphil_rt.testing.stand_in_dolphin.harm import harm
from exphil_rt.testing.stand_in_dolphin.ini import UserFolder
from exphil_rt.testing.stand_in_dolphin.packets import JUNK, damaged
from exphil_rt.testing.stand_in_dolphin.pause import Pause
from exphil_rt.testing.stand_in_dolphin.replay_file import ReplayFile
from exphil_rt.testing.stand_in_dolphin.screens import Screens
from exphil_rt.testing.stand_in_dolphin.sources.source import Source, with_version
from exphil_rt.testing.stand_in_dolphin.trace import Trace

_POLL_S: Final = 1 / 120
"""Between two polls of the pads while it boots, or is paused."""
_HISTORY: Final = 64
"""Frames that a rollback can bring again."""


class Machine:
    """A console.

    Args:
        config: how it behaves.
        user: what libmelee asked for.
        source: loads its games; that may take seconds, in which the network and the pads already live.
        launch: the count of this launch.
        trace: where it notes what happens.
    """

    def __init__(
        self, config: StandInConfig, user: UserFolder, source: Callable[[], Source], launch: int, trace: Trace
    ) -> None:
        self._config, self._user, self._trace = config, user, trace
        self._load = source
        self._source: Source
        self._load_error: Exception | None = None
        self._chaos = Schedule(config, launch)
        self._start_faults = self._chaos.at_start()
        self._board = Board(config, user, self._start_faults, trace)
        self._screens = Screens.of(config, user, launch, stuck="stuck_cursor" in self._start_faults)
        self._draw = random.Random(f"{config.seed} {launch} stages")
        self._game = 0
        self._replay: ReplayFile | None = None
        self._packets: list[bytes] = []
        self._held_back = b""
        self._pause = Pause()

    def run(self) -> int:
        """Until somebody ends it; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._board.ask_to_end())
        try:
            self._boot()
            choice = self._next_choice()
            while True:
                self._play(choice)
                choice = self._another_stage(choice) if self._user.instant_match else self._next_choice()
        except Ended as end:
            return int(end.args[0])
        finally:
            self._finish_replay()
            self._board.note("end")
            self._board.close()

    # boot -----------------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        faults, board = self._start_faults, self._board
        if "exit" in faults:
            raise Ended(faults["exit"].arg)
        self._trace.write("boot", pid=os.getpid(), port=self._user.port, blocking=self._user.blocking)
        if "start_delay" in faults:
            board.idle(until=time.monotonic() + faults["start_delay"].seconds)
        board.open()
        if "no_menus" in faults:
            board.for_ever()
        done = time.monotonic() + self._config.boot_s
        loader = threading.Thread(target=self._load_source, daemon=True)
        loader.start()
        while time.monotonic() < done or loader.is_alive() or (self._config.wait_for_client and not board.stepped):
            board.poll()
            board.idle(until=time.monotonic() + _POLL_S)
            if self._load_error is not None:
                raise self._load_error
        board.note("booted")

    def _load_source(self) -> None:
        """In a thread: the compiled game takes its time, and ENet would be given up for dead."""
        try:
            self._source = self._load()
        except Exception as error:
            self._load_error = error

    # menus ----------------------------------------------------------------------------------------------------

    def _next_choice(self) -> Choice:
        self._screens.enter()
        return self._skip_menus() if self._config.menus == "skip" else self._drive_menus()

    def _another_stage(self, choice: Choice) -> Choice:
        """The next game of "Instant Match": the same players, a random legal stage, no menus."""
        if self._played_all():
            return self._next_choice()
        self._board.next_frame()
        return msgspec.structs.replace(choice, stage=int(self._draw.choice(list(Stage))))

    def _drive_menus(self) -> Choice:
        # Without the menus' code, or with nothing more to play, nobody gets a game out of them.
        playable = self._user.menu_events and not self._played_all()
        frame = 0
        while True:
            event = self._screens.step(self._board.next_frame())
            if playable and self._screens.choice is not None:
                return self._screens.choice
            self._menu_frame(event, frame)
            frame += 1

    def _skip_menus(self) -> Choice:
        frame = 0
        while self._played_all() or frame < self._config.menu_frames:
            self._board.next_frame()
            self._menu_frame(self._screens.step({}), frame)
            frame += 1
        self._board.next_frame()  # what the last menu frame asked for
        return fixed_choice(self._config, self._user)

    def _played_all(self) -> bool:
        return bool(self._config.games) and self._game >= self._config.games

    def _menu_frame(self, event: bytes, frame: int) -> None:
        for fault in self._chaos.in_menus(frame, self._game + 1):
            self._trace.write("fault", do=fault.do, menu=frame)
            harm(fault, self._board)
        if self._user.menu_events:
            if self._board.server is not None:
                self._board.server.menu_event(event)
            self._board.demand()
        self._trace.write("menu", frame=frame)

    # game -----------------------------------------------------------------------------------------------------

    def _play(self, choice: Choice) -> None:
        self._game += 1
        board = self._board
        if "wrong_character" in self._start_faults:
            choice = with_other_fighters(choice)
        opening = self._source.begin(choice, self._game)
        opening[0] = with_version(opening[0], self._config.slippi_version)
        board.delay.reset()
        self._packets, self._held_back = [], b""
        if self._user.save_replays:
            self._replay = ReplayFile(self._user.replay_dir, self._user.monthly_folders)
            self._trace.write("replay", path=str(self._replay.path))
        self._trace.write("game", number=self._game, stage=choice.stage)
        if board.server is not None:
            board.server.start_game([seat.code for seat in choice.seats if seat.code])
        for message in opening:
            self._tell(message)
        board.demand()
        board.pace.restart()
        self._pause = Pause()
        online = any(seat.code for seat in choice.seats)
        while (packet := self._next_packet(online)) is not None:
            self._frame(packet, self._source.frame)
        for message in self._source.end(self._pause.left):
            self._tell(message)
        self._finish_replay()
        if board.server is not None:
            board.server.end_game()
        board.note("game_over", last=self._source.frame)

    def _next_packet(self, online: bool) -> bytes | None:
        """The next frame, behind a pause if there is one; None when the game is over, or was left."""
        board, pause = self._board, self._pause
        while True:
            held = board.delay.play(board.next_frame())
            pause.look({} if online else held, self._source.frame)  # nobody can pause a game over the network
            if pause.left:
                return None
            if not pause.by:
                return self._source.step(held)
            board.idle(until=time.monotonic() + _POLL_S)  # pads are looked at, and not waited for

    def _frame(self, packet: bytes, number: int) -> None:
        """Save and send a frame, or what chaos makes of it."""
        if self._replay is not None:
            self._replay.write(packet)
        self._packets.append(packet)
        del self._packets[:-_HISTORY]
        faults = self._chaos.in_game(number, self._game)
        for fault in faults:
            self._trace.write("fault", do=fault.do, frame=number)
        send, self._held_back = self._held_back + packet, b""
        if any(fault.do == "merge" for fault in faults):
            self._held_back = send
            return
        instead = None
        for fault in faults:
            if fault.do in JUNK or fault.do in NEEDS_FRAME:
                instead = fault
            elif fault.do in PAUSES:
                self._pause.person(fault.arg or 2, fault.seconds, fault.do == "leave")
            else:
                harm(fault, self._board)
        sent = time.monotonic_ns()
        self._send(send, instead, number)
        self._board.note("frame", frame=number, sent=sent)
        if instead is not None and instead.do in ("duplicate", "rollback"):
            for old in self._packets[-max(1, instead.arg) :]:
                self._board.delay.play(self._board.next_frame())
                self._send(old, None, number)

    def _send(self, packet: bytes, fault: Chaos | None, number: int) -> None:
        """Send a frame, or what a fault of packets makes of it; then the game wants to know what is held."""
        if (server := self._board.server) is not None:
            if fault is None or fault.do in ("duplicate", "rollback"):
                server.game_event(packet)
            elif fault.do in JUNK:
                server.game_message(JUNK[fault.do])
            elif changed := damaged(fault.do, packet, number, fault.arg):
                server.game_event(changed)
        self._board.demand()

    def _tell(self, message: bytes) -> None:
        if self._replay is not None:
            self._replay.write(message)
        if self._board.server is not None:
            self._board.server.game_event(message)

    def _finish_replay(self) -> None:
        if self._replay is not None:
            replay, self._replay = self._replay, None
            replay.finish(self._source.frame)
