"""The stand-in's one loop: boot, menus, game, menus, ..., as the emulated console would go through them.

One thread, but for the loading of the game: whatever it waits for, it waits in :meth:`Machine._idle`, where the network
lives on. A request to end (SIGTERM, SIGINT) is obeyed there, too.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

import msgspec

from exphil_rt.game.frames import FIRST_FRAME
from exphil_rt.game.ids import Character, Stage, character, stage
from exphil_rt.testing.stand_in_dolphin.chaos import Schedule
from exphil_rt.testing.stand_in_dolphin.choice import Choice, Seat
from exphil_rt.testing.stand_in_dolphin.config import NEEDS_FRAME, Chaos, StandInConfig
from exphil_rt.testing.stand_in_dolphin.delay import InputDelay, Pads
from exphil_rt.testing.stand_in_dolphin.ini import ADAPTER, PIPE, UserFolder
from exphil_rt.testing.stand_in_dolphin.menus import Menus
from exphil_rt.testing.stand_in_dolphin.online import Online
from exphil_rt.testing.stand_in_dolphin.pace import Pace
from exphil_rt.testing.stand_in_dolphin.packets import (
    BAD_BASE64,
    BAD_JSON,
    truncated,
    with_menu_event,
    with_unknown_event,
    without_bookend,
)
from exphil_rt.testing.stand_in_dolphin.pipes import Pipes
from exphil_rt.testing.stand_in_dolphin.replay_file import ReplayFile
from exphil_rt.testing.stand_in_dolphin.screens import Screens
from exphil_rt.testing.stand_in_dolphin.sources.source import Source
from exphil_rt.testing.stand_in_dolphin.spectators import PortTaken, Spectators
from exphil_rt.testing.stand_in_dolphin.trace import Trace

_TICK_S: Final = 0.02
"""How often the network is looked after while nothing else happens."""
_POLL_S: Final = 1 / 120
"""Between two polls of the pads while it boots."""
_BIND_EVERY_S: Final = 1.0
_BIND_TRIES: Final = 20
_HISTORY: Final = 64
"""Frames that a rollback can bring again."""


class Ended(Exception):
    """Somebody asked for the end; carries the exit status."""


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
        self._plugged = user.plugged(PIPE)
        self._source: Source
        self._load_error: Exception | None = None
        self._chaos = Schedule(config, launch)
        self._start_faults = self._chaos.at_start()
        self._pipes = Pipes({})
        self._server: Spectators | None = None
        self._pace = Pace(config.fps * user.speed)
        self._delay = InputDelay(user.online_delay)
        draws = config.seed * 1_000_003 + launch
        person = int(character(config.person))
        local = Menus(
            self._plugged,
            user.plugged(ADAPTER),
            person=person,
            person_level=config.person_level,
            seed=draws,
            stuck="stuck_cursor" in self._start_faults,
        )
        online = Online(user.connect_code, config.online_port, person, config.person_level, draws)
        self._menus = Screens(local, online, config.begins == "title")
        self._draw = random.Random(f"{config.seed} {launch} stages")
        self._need = False
        self._demands = 0
        self._game = 0
        self._replay: ReplayFile | None = None
        self._packets: list[bytes] = []
        self._held_back = b""
        self._asked_to_end = False

    def run(self) -> int:
        """Until somebody ends it; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
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
            self._note("end")
            if self._server is not None:
                self._server.close()
            self._pipes.close()

    # boot -----------------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        faults = self._start_faults
        if "exit" in faults:
            raise Ended(faults["exit"].arg)
        self._trace.write("boot", pid=os.getpid(), port=self._user.port, blocking=self._user.blocking)
        if "start_delay" in faults:
            self._idle(until=time.monotonic() + faults["start_delay"].seconds)
        if "never_open_pipes" not in faults:
            self._pipes = Pipes(self._user.pipes())
        if self._user.spectator and "never_listen" not in faults:
            self._listen()
        if "no_menus" in faults:
            self._for_ever()
        done = time.monotonic() + self._config.boot_s
        loader = threading.Thread(target=self._load_source, daemon=True)
        loader.start()
        while time.monotonic() < done or loader.is_alive() or (self._config.wait_for_client and not self._awaited()):
            self._poll()
            self._idle(until=time.monotonic() + _POLL_S)
            if self._load_error is not None:
                raise self._load_error
        self._trace.write("booted", flushes=self._pipes.flushes())

    def _load_source(self) -> None:
        """In a thread: the compiled game takes its time, and ENet would be given up for dead."""
        try:
            self._source = self._load()
        except Exception as error:
            self._load_error = error

    def _listen(self) -> None:
        for attempt in range(_BIND_TRIES):
            try:
                self._server = Spectators(self._user.port, self._config.version)
                self._server.shakes_hands = "never_handshake" not in self._start_faults
                return
            except PortTaken as error:
                self._trace.write("port_taken", attempt=attempt, text=str(error))
                self._idle(until=time.monotonic() + _BIND_EVERY_S)

    def _awaited(self) -> bool:
        """Whether there is a client that has stepped once: its first FLUSH answers no demand."""
        there = self._server is not None and self._server.listening
        return there and all(pipe.flushes for pipe in self._pipes.pipes)

    # menus ----------------------------------------------------------------------------------------------------

    def _next_choice(self) -> Choice:
        return self._skip_menus() if self._config.menus == "skip" else self._drive_menus()

    def _another_stage(self, choice: Choice) -> Choice:
        """The next game of "Instant Match": the same players, a random legal stage, no menus."""
        if self._played_all():
            return self._next_choice()
        self._pace_and_poll()
        return msgspec.structs.replace(choice, stage=int(self._draw.choice(list(Stage))))

    def _drive_menus(self) -> Choice:
        self._menus.enter()
        # Without the menus' code, or with nothing more to play, nobody gets a game out of them.
        playable = self._user.menu_events and not self._played_all()
        frame = 0
        while True:
            self._pace_and_poll()
            event = self._menus.step(self._held())
            if playable and self._menus.choice is not None:
                return self._menus.choice
            self._menu_frame(event, frame)
            frame += 1

    def _skip_menus(self) -> Choice:
        config = self._config
        self._menus.enter()
        frame = 0
        while self._played_all() or frame < config.menu_frames:
            self._pace_and_poll()
            self._menu_frame(self._menus.step({}), frame)
            frame += 1
        self._pace_and_poll()
        seats = [
            Seat(
                port=port,
                character=int(character(fighter)),
                costume=int(side and config.fighters[0] == config.fighters[1]),
                cpu_level=config.cpu_levels[side],
                person_level=config.person_level if self._user.devices.get(port) == ADAPTER else 0,
            )
            for side, (port, fighter) in enumerate(zip(config.ports, config.fighters, strict=True))
        ]
        first, second = sorted(seats, key=lambda seat: seat.port)
        return Choice(stage=int(stage(config.stage)), seats=(first, second))

    def _played_all(self) -> bool:
        return bool(self._config.games) and self._game >= self._config.games

    def _menu_frame(self, event: bytes, frame: int) -> None:
        for fault in self._chaos.in_menus(frame, self._game + 1):
            self._harm(fault)
        if self._user.menu_events:
            if self._server is not None:
                self._server.menu_event(event)
            self._demand()
        self._trace.write("menu", frame=frame)

    # game -----------------------------------------------------------------------------------------------------

    def _play(self, choice: Choice) -> None:
        self._game += 1
        if "wrong_character" in self._start_faults:
            choice = _other_fighters(choice)
        opening = self._source.begin(choice, self._game)
        opening[0] = _with_version(opening[0], self._config.slippi_version)
        self._delay.reset()
        self._packets = []
        self._held_back = b""
        if self._user.save_replays:
            self._replay = ReplayFile(self._user.replay_dir, self._user.monthly_folders)
            self._trace.write("replay", path=str(self._replay.path))
        self._trace.write("game", number=self._game, stage=choice.stage)
        if self._server is not None:
            self._server.start_game([seat.code for seat in choice.seats if seat.code])
        for message in opening:
            self._tell(message)
        self._demand()
        last = FIRST_FRAME
        while True:
            self._pace_and_poll()
            packet = self._source.step(self._delay.play(self._held()))
            if packet is None:
                break
            last = self._source.frame
            self._frame(packet, last)
        for message in self._source.end():
            self._tell(message)
        self._finish_replay()
        if self._server is not None:
            self._server.end_game()
        self._note("game_over", last=last)

    def _frame(self, packet: bytes, number: int) -> None:
        """Save and send a frame, or what chaos makes of it."""
        if self._replay is not None:
            self._replay.write(packet)
            self._last_frame = number
        self._packets.append(packet)
        del self._packets[:-_HISTORY]
        send, again = self._held_back + packet, 0
        self._held_back = b""
        sent = False
        for fault in self._chaos.in_game(number, self._game):
            self._trace.write("fault", do=fault.do, frame=number)
            if fault.do == "merge":
                self._held_back = send
                return
            if fault.do in ("duplicate", "rollback"):
                again = max(1, fault.arg)
            elif fault.do in NEEDS_FRAME or fault.do == "bad_json":
                self._damaged(fault, send, number)
                sent = True
            else:
                self._harm(fault)
        now = time.monotonic_ns()
        if not sent and self._server is not None:
            self._server.game_event(send)
        self._demand()
        if self._trace.on:
            self._trace.write("frame", frame=number, sent=now, flushes=self._pipes.flushes(), demands=self._demands)
        for old in self._packets[-again:] if again else []:
            self._pace_and_poll()
            self._delay.play(self._held())
            if self._server is not None:
                self._server.game_event(old)
            self._demand()

    def _damaged(self, fault: Chaos, packet: bytes, frame: int) -> None:
        """Send what a fault makes of a frame."""
        if self._server is None:
            return
        changes: dict[str, Callable[[], bytes]] = {
            "truncate": lambda: truncated(packet, fault.arg),
            "lost_bookend": lambda: without_bookend(packet),
            "unknown_event": lambda: with_unknown_event(packet),
            "menu_in_game": lambda: with_menu_event(packet, frame),
        }
        if fault.do in changes:
            self._server.game_event(changes[fault.do]())
        elif fault.do in ("bad_json", "bad_base64"):
            self._server.game_message(BAD_JSON if fault.do == "bad_json" else BAD_BASE64)

    def _tell(self, message: bytes) -> None:
        if self._replay is not None:
            self._replay.write(message)
        if self._server is not None:
            self._server.game_event(message)

    def _finish_replay(self) -> None:
        if self._replay is not None:
            replay, self._replay = self._replay, None
            replay.finish(self._source.frame)

    # chaos ----------------------------------------------------------------------------------------------------

    def _harm(self, fault: Chaos) -> None:
        """Do a fault that concerns more than one frame's packet."""
        server, seconds = self._server, fault.seconds
        if fault.do in ("crash", "segv"):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGKILL if fault.do == "crash" else signal.SIGSEGV)
        elif fault.do == "exit":
            raise Ended(fault.arg)
        elif fault.do == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif fault.do == "stall":
            self._idle(until=time.monotonic() + seconds) if seconds else self._for_ever()
        elif fault.do == "freeze":
            _freeze(seconds)
        elif fault.do == "slow":
            self._pace.change(seconds, max(1, fault.arg))
        elif fault.do == "fast":
            self._pace.change(0.0, max(1, fault.arg))
        elif fault.do == "deaf":
            for pipe in self._pipes.pipes:
                pipe.deaf = True
        elif fault.do == "late_input":
            self._delay.lengthen(max(1, fault.arg))
        elif server is not None:
            actions: dict[str, Callable[[], None]] = {
                "disconnect": server.disconnect,
                "vanish": server.fall_silent,
                "empty": lambda: server.raw(b""),
                "bad_json": lambda: server.raw(BAD_JSON),
            }
            actions[fault.do]()

    # waiting --------------------------------------------------------------------------------------------------

    def _demand(self) -> None:
        """From here on the game wants to know what is held."""
        self._need = True
        self._demands += 1

    def _pace_and_poll(self) -> None:
        self._idle(until=self._pace.next())
        self._poll()

    def _poll(self) -> None:
        if "ignore_pipes" in self._start_faults:
            if self._need and self._user.blocking:
                self._for_ever()
            return
        waits = self._need and self._user.blocking
        self._pipes.poll(self._wait_readable if waits else None)
        self._need = False

    def _held(self) -> Pads:
        return {port: held for port, held in self._pipes.held().items() if port in self._plugged}

    def _wait_readable(self, fd: int) -> None:
        self._idle(fds=(fd,))

    def _for_ever(self) -> NoReturn:
        while True:
            self._idle(until=time.monotonic() + 3600.0)

    def _idle(self, until: float | None = None, fds: Sequence[int] = ()) -> None:
        """Look after the network until a time or until one of ``fds`` can be read."""
        while True:
            if self._asked_to_end:
                raise Ended(0)
            server = self._server
            if server is not None:
                server.service()
            left = _TICK_S if until is None else until - time.monotonic()
            if until is not None and left <= 0:
                return
            watched = [*fds] if server is None else [server.fd, *fds]
            readable, _, _ = select.select(watched, [], [], min(left, _TICK_S))
            if any(fd in readable for fd in fds):
                return

    def _on_signal(self, number: int, frame: object) -> None:
        self._asked_to_end = True

    def _note(self, event: str, **more: int) -> None:
        if self._trace.on:
            self._trace.write(event, flushes=self._pipes.flushes(), demands=self._demands, **more)


def _freeze(seconds: float) -> None:
    """Stand still, network and all; also for a signal."""
    end = time.monotonic() + seconds if seconds else float("inf")
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 3600.0))


def _other_fighters(choice: Choice) -> Choice:
    first, second = (
        Seat(
            port=seat.port,
            character=int(Character.MARIO if seat.character != Character.MARIO else Character.LUIGI),
            costume=side,
            cpu_level=seat.cpu_level,
            person_level=seat.person_level,
        )
        for side, seat in enumerate(choice.seats)
    )
    return Choice(stage=choice.stage, seats=(first, second), frozen_stadium=choice.frozen_stadium)


def _with_version(message: bytes, version: str) -> bytes:
    """The opening message with another version in its start block."""
    if not version:
        return message
    numbers = bytes(int(part) for part in version.split("."))
    with contextlib.suppress(IndexError):
        at = message[1] + 2
        return message[:at] + numbers[:3].ljust(3, b"\0") + message[at + 3 :]
    return message
