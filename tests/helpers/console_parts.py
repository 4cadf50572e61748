"""Consoles that play with stand-ins: what was said, what was left, and every fault with what it must come to."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from exphil_rt.messages.dolphin import ConsoleArgs, ConsoleDeadlines, ConsolePhase, Seat
from exphil_rt.replays import read_replay
from exphil_rt.testing.consoles import PlayedConsole, play_console
from exphil_rt.testing.stand_in_dolphin import Chaos, StandInConfig, write_stand_in
from exphil_rt.testing.stand_in_dolphin.trace import read_trace

FOX, MARTH = 1, 18
MENU_FRAME = 5
"""Where faults happen in the menus."""
BOTS = (Seat(port=1, who="bot", fighter=FOX), Seat(port=2, who="bot", fighter=MARTH))
SHORT = ConsoleDeadlines(
    brain_ready_s=20.0, version_s=3.0, connect_s=6.0, attempts=1, handshake_s=2.0, pipe_s=2.0, menu_event_s=4.0,
    menus_s=8.0, answer_s=0.5,
)  # fmt: skip
"""Long enough for a busy machine, short enough to wait for."""


def console(folder: Path, stand_in: dict[str, Any] | None = None, **fields: Any) -> ConsoleArgs:
    """A console of two bots that plays one short game with a stand-in, as fast as it goes, unless said otherwise."""
    usual = {"fps": 0.0, "menus": "skip", "menu_frames": 3, "stage": "final_destination", "time_limit_frames": 120}
    config = msgspec.convert(usual | {"trace": str(folder / "trace")} | (stand_in or {}), StandInConfig)
    return msgspec.structs.replace(
        ConsoleArgs(
            executable=str(write_stand_in(folder / "stand-in", config)),
            seats=BOTS,
            runner="sync",
            blocking=True,
            on_game_end="stop",
            temporary=str(folder / "temporary"),
            replay_dir=str(folder / "replays"),
            deadlines=SHORT,
        ),
        **fields,
    )


def still_running(folder: Path) -> list[str]:
    """Command lines of processes that name something in ``folder`` (a zombie does not run)."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (proc / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(folder) in command and state != "Z":
            found.append(command)
    return found


def left_behind(folder: Path, seconds: float = 5.0) -> list[str]:
    """What is left of a console after ``seconds`` at most: processes, its folder, replays that cannot be read."""
    until = time.monotonic() + seconds
    while (left := _left(folder)) and time.monotonic() < until:
        time.sleep(0.02)
    return left


def _left(folder: Path) -> list[str]:
    left = still_running(folder)
    if (folder / "temporary").exists():
        left.append(str(folder / "temporary"))
    for root, _, names in os.walk(folder):  # which does not mind that folders vanish under it
        left += [os.path.join(root, name) for name in names if name.endswith(".tmp")]
    for path in folder.glob("replays/**/*.slp"):
        data = path.read_bytes()
        if not data.endswith(b"}}") or data[11:15] == bytes(4):
            left.append(f"{path} is not finished")
    return left


def saved_frames(folder: Path) -> list[int]:
    """Frames of each replay, newest last."""
    return [len(read_replay(path, rollback="last").frames.frame) for path in sorted(folder.glob("replays/*.slp"))]


class Came(msgspec.Struct):
    """What came of a console."""

    said: str
    """Kind of the fault; ``played on`` or the reason of an end without one."""
    text: str
    seconds: float
    """From the fault (else from the phase in which it was) to the end of the process, or to the next frame."""
    left: list[str]
    shown: int
    """Frames that were heard of."""
    phases: list[str]
    stats: Any


async def suffer(
    args: ConsoleArgs, folder: Path, seconds: float = 60.0, *, in_menus: bool = False, **brain: Any
) -> Came:
    """Let a console play until it ends, and say what came of it."""
    began = time.monotonic()
    async with play_console(args, **{"delay": 2} | brain) as played:
        await played.heard.until(lambda: False, seconds)
    return what_came(played, folder, began, in_menus=in_menus)


def _is_phase(said: Any) -> bool:
    return isinstance(said, ConsolePhase) and said.phase != "closing"


def what_came(played: PlayedConsole, folder: Path, began: float, *, in_menus: bool = False) -> Came:
    """Of a console that has ended."""
    heard = played.heard
    trace = read_trace(folder / "trace")
    faults = [line for line in trace if line["event"] == "fault"]
    fault = heard.fault
    if faults or (in_menus and fault is not None):  # in the menus, a fault leaves no line of its own
        before = [line for line in trace if line["event"] == "menu" and line["frame"] == MENU_FRAME - 1]
        since = (faults or before)[0]["ns"] / 1e9
    elif fault is not None:  # from where its deadline began to run
        since = max(when for when, said in zip(heard.at, heard.messages, strict=True) if _is_phase(said))
    else:
        since = began
    if fault is not None:
        said, text, until = fault.kind, fault.text, heard.ended_at
    else:
        said, text = "played on", str(heard.reason)
        at = faults[0].get("frame", -200) if faults else -200  # one in the menus is before all frames
        later = [when for frame, when in heard.shown.items() if frame > at]
        until = min(later, default=heard.ended_at)
    return Came(said, text, until - since, left_behind(folder), len(heard.shown), heard.phases, heard.stats)


class Case(msgspec.Struct, frozen=True):
    """A fault and what it must come to."""

    name: str
    chaos: tuple[Chaos, ...]
    comes_to: tuple[str, ...]
    """Kinds of fault, or ``played on``."""
    within: float
    """Seconds from the fault, or from the start."""
    fields: dict[str, Any] = {}
    stand_in: dict[str, Any] = {}

    async def play(self, folder: Path) -> Came:
        """Have a console meet it."""
        stand_in = self.stand_in | {"chaos": [msgspec.to_builtins(fault) for fault in self.chaos]}
        in_menus = any(str(fault.at).startswith("menu") for fault in self.chaos)
        return await suffer(console(folder, stand_in, **self.fields), folder, in_menus=in_menus)


def _in_game() -> list[Case]:
    at = -60
    on, gone, still = ("played on",), ("exited",), ("no_frame",)
    cases = []
    for blocking in (True, False):
        name = "blocking" if blocking else "not blocking"

        def case(
            do: str, comes_to: tuple[str, ...], arg: int = 0, seconds: float = 0.0, within: float = 5.0,
            name: str = name, blocking: bool = blocking,
        ) -> None:  # fmt: skip
            chaos = (Chaos(do=do, at=at, arg=arg, seconds=seconds),)
            timed = f" {seconds:g} s" if seconds else ""
            fields = {"blocking": blocking, "runner": "sync" if blocking else "async"}
            cases.append(Case(f"{do}{timed}, {name}", chaos, comes_to, within, fields, {"fps": 60.0}))

        case("crash", gone)
        case("segv", gone)
        case("exit", gone, arg=3)
        case("stop", still)
        case("stall", still)
        case("stall", on, seconds=1.0)
        case("freeze", still)
        case("freeze", on, seconds=1.0)
        case("disconnect", ("disconnected",))
        case("vanish", still, within=9.0)
        case("truncate", ("bad_data",))
        case("lost_bookend", still if blocking else on)
        case("lost_frame", still if blocking else on)
        case("merge", on)
        case("empty", on)
        case("bad_json", ("bad_data",))
        case("bad_base64", ("bad_data",))
        case("unknown_event", ("bad_data",))
        case("menu_in_game", on)
        case("duplicate", on)
        case("rollback", on, arg=5)
        case("slow", on, arg=20, seconds=0.05)
        case("fast", on, arg=20)
        case("deaf", ("echo",))
        case("late_input", ("echo",), arg=2)
    return cases


def _at_start() -> list[Case]:
    def case(do: str, comes_to: str, deadline: float, arg: int = 0, seconds: float = 0.0, **stand_in: Any) -> Case:
        chaos = (Chaos(do=do, at="start", arg=arg, seconds=seconds),)
        return Case(f"{do} at the start", chaos, (comes_to,), deadline + 2.0, {}, stand_in)

    return [
        case("version_rc", "version_unknown", SHORT.version_s, arg=3),
        case("version_hang", "version_timeout", SHORT.version_s),
        case("version_text", "version_unknown", SHORT.version_s),
        case("exit", "exited_at_start", SHORT.connect_s, arg=3),
        case("start_delay", "played on", SHORT.connect_s, seconds=2.0),
        case("never_listen", "connect_failed", SHORT.connect_s),
        case("never_handshake", "no_handshake", SHORT.handshake_s),
        case("never_open_pipes", "pipe_not_opened", SHORT.pipe_s),
        case("ignore_pipes", "no_menu_events", SHORT.menu_event_s),
        case("no_menus", "no_menu_events", SHORT.menu_event_s),
        case("stuck_cursor", "menu_budget", SHORT.menus_s, menus="drive", fps=60.0),
        case("wrong_character", "wrong_character", SHORT.menus_s),
    ]


def _in_menus() -> list[Case]:
    def case(do: str, comes_to: str, deadline: float = SHORT.menu_event_s) -> Case:
        stand_in = {"menus": "drive", "fps": 60.0}
        chaos = (Chaos(do=do, at=f"menu:{MENU_FRAME}"),)
        return Case(f"{do} in the menus", chaos, (comes_to,), deadline + 2.0, {}, stand_in)

    return [
        case("crash", "exited"), case("exit", "exited"), case("stop", "no_menu_events"),
        case("stall", "no_menu_events"), case("freeze", "no_menu_events"), case("disconnect", "disconnected"),
        case("vanish", "no_menu_events"), case("bad_json", "bad_data"), case("empty", "played on", 8.0),
    ]  # fmt: skip


IN_GAME = _in_game()
AT_START = _at_start()
IN_MENUS = _in_menus()
EVERY = [*AT_START, *IN_MENUS, *IN_GAME]
