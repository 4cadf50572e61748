"""One Dolphin through libmelee, from its start to its end: open, next_state, send, close. libmelee is driven only here.

Three seams of libmelee are filled with parts of ours, so that no call of it can wait for ever: how it starts programs
(``launch``), how packets reach it (``channel``), and the file behind a controller's pipe (``pipes``). It is pinned to
one version for that; a test holds the names that are used.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import melee
import melee.console
from melee import Button, Controller
from melee.console import DolphinBuild
from melee.enums import ControllerType
from melee.slippstream import EventType

from exphil_rt.dolphin.channel import Channel
from exphil_rt.dolphin.events import EndMethod
from exphil_rt.dolphin.faults import DolphinFault
from exphil_rt.dolphin.gamestate import StateReader
from exphil_rt.dolphin.launch import Dolphin, Starter, free_udp_port
from exphil_rt.dolphin.leave import Leave
from exphil_rt.dolphin.person import copy_controller, device_of
from exphil_rt.dolphin.pipes import Pipe, open_pipe
from exphil_rt.dolphin.watch import Watch
from exphil_rt.game.frames import FIRST_FRAME, Controllers, Frames, swapped
from exphil_rt.game.frames import Button as Bit
from exphil_rt.game.ids import Character, Stage, stage_name
from exphil_rt.messages.dolphin import ConsoleArgs, ConsoleSetup, Phase

_ADDRESS: Final = "127.0.0.1"
_BUTTONS: Final = (
    (Bit.A, Button.BUTTON_A), (Bit.B, Button.BUTTON_B), (Bit.X, Button.BUTTON_X), (Bit.Y, Button.BUTTON_Y),
    (Bit.Z, Button.BUTTON_Z), (Bit.L, Button.BUTTON_L), (Bit.R, Button.BUTTON_R), (Bit.START, Button.BUTTON_START),
    (Bit.D_UP, Button.BUTTON_D_UP), (Bit.D_DOWN, Button.BUTTON_D_DOWN), (Bit.D_LEFT, Button.BUTTON_D_LEFT),
    (Bit.D_RIGHT, Button.BUTTON_D_RIGHT),
)  # fmt: skip
_FPS: Final = 60.0
_KEPT: Final = 4
"""Frames whose memory is good at a time: the game looks at the newest alone."""
_NEUTRAL_S: Final = 2 / _FPS
"""Time for neutral inputs to be played before Dolphin is ended."""


@dataclass(slots=True, frozen=True)
class Step:
    """What Dolphin did next."""

    kind: Literal["frame", "menu"]
    state: Any
    """libmelee's GameState."""
    frames: Frames | None = None
    """``[1]``, of a frame; player 0 is the first seat."""
    seen_ns: int = 0
    over: tuple[EndMethod, tuple[int, ...]] | None = None
    """Of the first menu frame after a game: how it ended, and the places of the players."""


class Session:
    """A Dolphin for as long as it lives.

    Args:
        args: what is played.
        watch: the look-out of the process.
        tell: told each phase and attempt.
    """

    def __init__(self, args: ConsoleArgs, watch: Watch, tell: Callable[[Phase, int], None]) -> None:
        self.controllers: dict[int, Controller] = {}
        """Of bots and CPUs, by port."""
        self.udp_port = 0
        self.channel: Channel | None = None
        self._args = args
        self._watch = watch
        self._tell = tell
        self._starter = Starter(args, watch)
        self._console: Any = None
        self._version: Any = None
        self._reader: StateReader | None = None
        self._pipes: dict[int, Pipe] = {}
        self._in_game = False
        self._leave: Leave | None = None
        self._swap = False

    @property
    def dolphin(self) -> Dolphin | None:
        """The Dolphin process."""
        return self._starter.dolphin

    # Its start

    def open(self) -> None:
        """Start Dolphin, connect to it and open its pipes; a connection that fails is tried again from the start.

        Raises:
            DolphinFault: it cannot be done, or a deadline passed.
        """
        self._check()
        attempts = self._args.deadlines.attempts
        for attempt in range(1, attempts + 1):
            try:
                self._launch(attempt)
                break
            except DolphinFault as fault:
                if fault.kind != "connect_failed" or attempt == attempts:
                    raise
                self._end_console(folder_too=False)

    def _check(self) -> None:
        """Refuse what cannot work before anything is started."""
        args = self._args
        ports = [seat.port for seat in args.seats]
        if not 1 <= ports[0] < ports[1] <= 4:
            raise DolphinFault("bad_setup", f"Two ports of 1 to 4 are played, in their order, and not {ports}.")
        if all(seat.who == "human" for seat in args.seats):
            raise DolphinFault("bad_setup", "Two people need no console of ours.")
        if args.stage not in list(Stage):
            raise DolphinFault("bad_setup", f"{stage_name(args.stage)} cannot be chosen in the menus.")
        for seat in args.seats:
            if seat.who == "cpu" and seat.fighter == Character.SHEIK:
                raise DolphinFault("bad_setup", "A CPU cannot be made to play Sheik.")
            if seat.who == "bot" and args.connect_code and seat.fighter == Character.ZELDA:
                raise DolphinFault("bad_setup", "libmelee cannot choose Zelda in netplay.")
        if not os.path.isfile(args.executable) or not os.access(args.executable, os.X_OK):
            raise DolphinFault("executable_missing", f"{args.executable} is no executable file.")
        for path, what in ((args.iso, "The ISO"), (args.user_json, "Slippi's account file")):
            if path and not os.path.isfile(path):
                raise DolphinFault("bad_setup", f"{what} {path} is not there.")
        if args.connect_code and not args.user_json:
            raise DolphinFault("bad_setup", "Netplay needs Slippi's account file (user.json), and none was given.")

    def _launch(self, attempt: int) -> None:
        args, watch, deadlines = self._args, self._watch, self._args.deadlines
        self._tell("launch", attempt)
        self.udp_port = free_udp_port()
        tempfile.tempdir = args.temporary
        melee.console.subprocess = self._starter
        melee.console.SlippstreamClient = self._make_channel
        watch.arm("version_timeout", deadlines.version_s, f"{args.executable} --version did not end")
        self._version = self._ask_version()
        self._console = console = melee.Console(
            path=args.executable,
            tmp_home_directory=True,
            copy_home_directory=False,
            slippi_address=_ADDRESS,
            slippi_port=self.udp_port,
            online_delay=args.console_delay,
            blocking_input=args.blocking,
            polling_mode=False,
            skip_rollback_frames=True,
            fullscreen=args.fullscreen,
            gfx_backend=self._gfx_backend(),
            disable_audio=args.headless or args.hosted,
            emulation_speed=args.fps / _FPS,
            save_replays=bool(args.replay_dir),
            replay_dir=args.replay_dir or None,
            replay_monthly_folders=False,
            user_json_path=args.user_json or None,
        )
        self._reader = StateReader(console, keep=_KEPT)
        self._set_controllers(console)
        watch.arm("connect_failed", deadlines.connect_s, f"Nobody answered at Dolphin's UDP port {self.udp_port}")
        console.run(iso_path=args.iso, platform="headless" if args.headless else None)
        self._tell("connect", attempt)
        console.connect()
        self._tell("pipes", attempt)
        watch.arm("pipe_not_opened", deadlines.pipe_s, "Dolphin did not open the controllers' pipes")
        for port, controller in self.controllers.items():
            self._pipes[port] = controller.pipe = open_pipe(controller.pipe_path, watch)
            console.controllers.append(controller)

    def _make_channel(self, address: str, port: int) -> Channel:
        args = self._args
        self.channel = Channel(address, port, self._watch, args.deadlines.menu_event_s, args.temporary)
        return self.channel

    def _gfx_backend(self) -> str | None:
        """What draws the game: nothing, where nobody looks on and this build can do without."""
        draws = not self._version.mainline and self._version.build is not DolphinBuild.EXI_AI
        if self._args.hosted and not draws:
            return "Null"
        return self._args.gfx_backend or None

    def _ask_version(self) -> Any:
        """Have libmelee ask, and say what it could not make of the answer."""
        try:
            version = melee.console.get_dolphin_version(self._args.executable)
        except DolphinFault:
            raise
        except Exception:
            version = None
        if version is None or not version.version.strip():
            done = self._starter.run([self._args.executable, "--version"])
            said = (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1][:100]
            raise DolphinFault(
                "version_unknown",
                f"{self._args.executable} --version ended with {done.returncode} and said {said!r}: no Slippi Dolphin.",
            )
        return version

    def _set_controllers(self, console: Any) -> None:
        """Pads for every seat, before Dolphin looks at them; ports without a seat are unplugged."""
        self.controllers.clear()
        self._pipes.clear()
        user = Path(self._args.user_config) if self._args.user_config else None
        seats = self._args.seats[:1] if self._args.connect_code else self._args.seats  # the other one is far away
        seated = {seat.port for seat in seats}
        for port in sorted({1, 2, 3, 4} - seated):
            Controller(console, port, ControllerType.UNPLUGGED)
        for seat in seats:
            if seat.who != "human":
                self.controllers[seat.port] = Controller(console, seat.port, ControllerType.STANDARD)
            elif user is None or device_of(user, seat.port) == "adapter":
                Controller(console, seat.port, ControllerType.GCN_ADAPTER)
            else:
                copy_controller(user, Path(console.dolphin_home_path), seat.port)

    # Its frames

    def next_state(self) -> Step:
        """Flush every controller once, unless ``commit`` did, and wait for what Dolphin does next.

        Raises:
            DolphinFault: a deadline passed, Dolphin ended, or sent nonsense.
            Stopped: told to end.
        """
        channel, console, deadlines = self.channel, self._console, self._args.deadlines
        assert channel is not None
        assert self._reader is not None
        if self._leave is not None:
            pass  # its own deadline runs
        elif self._in_game:
            self._await_frame()
        elif not channel.shaken:
            self._watch.arm("no_handshake", deadlines.handshake_s, "Dolphin did not answer the handshake")
        else:
            self._watch.arm("no_menu_events", deadlines.menu_event_s, "Dolphin sent no menu event")
        state = console.step()
        seen_ns = time.monotonic_ns()
        if EventType.FRAME_BOOKEND not in console._events_this_frame:
            over = channel.events.ended if self._in_game else None
            self._in_game = self._in_game and over is None
            if not self._in_game:
                self._end_leave()
            return Step("menu", state, over=over)
        frames = self._reader.read(state)
        if not self._in_game or int(frames.frame[0]) == FIRST_FRAME:
            self._swap = False  # another game, whose order of players ``setup`` finds out
        self._in_game = True
        return Step("frame", state, swapped(frames) if self._swap else frames, seen_ns)

    def _await_frame(self) -> None:
        """Set the deadline of a game's next frame. A person may pause: Slippi sends nothing then."""
        deadlines = self._args.deadlines
        if self._args.connect_code or not any(seat.who == "human" for seat in self._args.seats):
            seconds = deadlines.frame_netplay_s if self._args.connect_code else deadlines.frame_s
            self._watch.arm("no_frame", seconds, "Dolphin showed no new frame")
            return
        self._watch.arm("no_frame", deadlines.frame_human_s, "The game was paused, or stood still, and did not go on")
        paused_at = time.monotonic() + deadlines.frame_s

        def look() -> None:
            if time.monotonic() > paused_at:
                self._tell("paused", 1)

        self._watch.on_quiet = look

    def abandon_game(self) -> None:
        """The game is over, although nothing said so."""
        self._in_game = False
        self._end_leave()

    def _end_leave(self) -> None:
        """The game that was left is over: nothing is held any more, least of all START in the menus."""
        if self._leave is not None:
            for controller in self.controllers.values():
                controller.release_all()
        self._leave = self._watch.on_quiet = None

    @property
    def leaving(self) -> bool:
        """Whether the game is being left."""
        return self._leave is not None

    def leave(self, port: int) -> None:
        """On a frame: have the player at ``port`` leave the game, in place of what is due; call it on each frame."""
        if self._leave is None:
            for controller in self.controllers.values():
                controller.release_all()
            self._leave = Leave(lambda buttons: self._press(port, buttons))
            self._watch.on_quiet = self._leave.quiet
            self._watch.arm("no_frame", self._args.deadlines.leave_s, "The game could not be left")
        self._leave.frame()

    def setup(self, frames: Frames) -> ConsoleSetup:
        """What is played, as the game's start block says it; call it on the game's first frame as it came.

        Raises:
            NotTwoPlayers: it is no game of two.
        """
        reader, console = self._reader, self._console
        assert reader is not None
        self._swap = bool(self._args.connect_code) and self._own_index() == 1
        order = (1, 0) if self._swap else (0, 1)
        ports = [reader.ports[index] for index in order]
        players = frames.players
        return ConsoleSetup(
            stage=int(frames.stage[0]),
            characters=(int(players.character[0, order[0]]), int(players.character[0, order[1]])),
            ports=(ports[0] + 1, ports[1] + 1),
            costumes=(int(console._costumes[ports[0]]), int(console._costumes[ports[1]])),
            cpu_levels=(int(console._cpu_level[ports[0]]), int(console._cpu_level[ports[1]])),
            slippi_version=".".join(map(str, reader.version)),
        )

    @property
    def swaps(self) -> bool:
        """Whether the first seat is the game's second player (netplay)."""
        return self._swap

    def _own_index(self) -> int:
        """Which player of a netplay game is ours, by the connect code of the account."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            code = json.loads(Path(self._args.user_json).read_text(encoding="utf-8")).get("connectCode", "")
            codes = [self._console._connect_codes.get(port, "") for port in self._reader.ports]  # type: ignore[union-attr]
            if code in codes:
                return codes.index(code)
        return 0

    def _press(self, port: int, buttons: int) -> None:
        """Hold these buttons and nothing else, at once."""
        pad = Controllers.allocate(())
        pad.buttons[...] = buttons
        self.send(port, pad)
        self.commit()

    def send(self, port: int, pad: Controllers) -> None:
        """Set a port's controller to ``pad`` ``[]``, whole."""
        controller = self.controllers[port]
        buttons, held = int(pad.buttons), controller.current.button
        for bit, button in _BUTTONS:
            if bool(buttons & bit) != held[button]:
                (controller.press_button if buttons & bit else controller.release_button)(button)
        x, y = int(pad.raw_x) / 160 + 0.5, int(pad.raw_y) / 160 + 0.5  # libmelee's 0..1 are raw / 160 + 0.5
        controller.tilt_analog(Button.BUTTON_MAIN, x, y)
        controller.tilt_analog(Button.BUTTON_C, float(pad.cstick_x) / 2 + 0.5, float(pad.cstick_y) / 2 + 0.5)
        controller.press_shoulder(Button.BUTTON_L, float(pad.trigger))

    def commit(self) -> None:
        """Flush every controller now, once for this frame: what else there is to do on it need not come before.

        Raises:
            BrokenPipeError, BlockingIOError: of a pipe.
        """
        for pipe in self._pipes.values():
            pipe.commit()

    # Its end

    def close(self) -> None:
        """End everything: neutral inputs, Dolphin, the worker, the temporary folder. May be called at any time."""
        told = False
        for port, pipe in self._pipes.items():
            with contextlib.suppress(Exception):  # nobody may read it any more
                self.controllers[port].release_all()
                pipe.commit()
                told = True
        if told and self._in_game and self.dolphin is not None and not self.dolphin.ended():
            time.sleep(_NEUTRAL_S)
        self._end_console(folder_too=True)

    def _end_console(self, *, folder_too: bool) -> None:
        dolphin, channel, console = self.dolphin, self.channel, self._console
        if dolphin is not None:
            dolphin.kill()
            dolphin.wait()
        if channel is not None:
            channel.shutdown()
        if console is not None:
            with contextlib.suppress(OSError):
                console.stop()
        for pipe in self._pipes.values():
            pipe.close()
        if dolphin is not None:
            dolphin.leave(folder_too=folder_too)
        self._watch.dolphin = self._starter.dolphin = None
        self._console = self.channel = None
        self._pipes.clear()
