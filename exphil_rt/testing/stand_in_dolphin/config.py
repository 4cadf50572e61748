"""What a stand-in is told: its settings, its faults, and the file that libmelee launches as it would Dolphin.

The settings lie as JSON beside the wrapper. How often it was launched is counted in a third file, so that a fault can
belong to one launch only. This module stays light: ``--version`` needs nothing else.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

import exphil_rt
from exphil_rt.errors import ExphilError
from exphil_rt.store.files import write_whole

_MAX_CONFIG: Final = 1 << 20
_VERSION: Final = re.compile(r"\d{1,2}\.\d{1,2}\.\d{1,2}")
_AT: Final = re.compile(r"start|menu(:\d+)?")

START_KINDS: Final = {
    "version_rc": "--version ends with status ARG",
    "version_hang": "--version never ends",
    "version_text": "--version says something that libmelee does not know",
    "exit": "ends with status ARG",
    "start_delay": "listens only after SECONDS",
    "never_listen": "never opens the spectator port",
    "never_handshake": "accepts ENet connections, never answers the handshake",
    "never_open_pipes": "never opens the input pipes",
    "ignore_pipes": "opens the input pipes, never reads them",
    "no_menus": "sends no menu events, and never starts a game",
    "stuck_cursor": "the menus' cursors never move",
    "wrong_character": "the game starts with other fighters than were chosen",
}
"""Faults of ``at="start"``, what they do."""

KINDS: Final = {
    "crash": "SIGKILL",
    "segv": "SIGSEGV",
    "exit": "an orderly end with status ARG: the replay is finished",
    "stop": "SIGSTOP: everything stands still",
    "stall": "emulation stands still for SECONDS (0: for ever), the network lives",
    "freeze": "everything stands still for SECONDS (0: for ever)",
    "disconnect": "an orderly ENet disconnect of every client; emulation goes on",
    "vanish": "the network falls silent for good; emulation goes on",
    "truncate": "the frame's packet ends after ARG bytes",
    "lost_bookend": "the frame's packet has no bookend",
    "lost_frame": "the frame's packet is never sent",
    "merge": "the frame and the next one come as one packet",
    "empty": "an empty packet before the frame",
    "bad_json": "the frame's packet is no JSON",
    "bad_base64": "the frame's payload is no base64",
    "unknown_event": "an event of a code and size that nobody announced, before the frame",
    "menu_in_game": "a menu event in the middle of the frame",
    "duplicate": "the frame comes twice",
    "rollback": "the last ARG frames come again",
    "slow": "the next ARG frames take SECONDS each",
    "fast": "the next ARG frames do not wait for the clock",
    "deaf": "flushes are taken, but inputs no longer arrive",
    "late_input": "inputs arrive ARG frames later than the online delay says",
    "pause": "the person at port ARG (2) pauses for SECONDS (0: for ever); pads are read, and no frames come",
    "leave": "the person at port ARG (2) pauses for SECONDS, then leaves the game (L, R, A and START)",
}
"""Faults of a frame or of a menu, what they do."""

NEEDS_FRAME: Final = frozenset({
    "truncate", "lost_bookend", "lost_frame", "merge", "bad_base64", "unknown_event", "menu_in_game", "duplicate",
    "rollback",
})  # fmt: skip
"""Faults that are done to a frame's packet: they have no meaning in menus."""
PAUSES: Final = frozenset({"pause", "leave"})
"""What a person does in a game; it has no meaning in menus either."""


class BadStandIn(ExphilError):
    """Settings that a stand-in cannot follow."""

    exit_code = 2


class Chaos(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault."""

    do: str
    """One of ``KINDS``, or with ``at="start"`` of ``START_KINDS``."""
    at: int | str
    """A frame (-123 the first), ``start``, ``menu``, or ``menu:N`` (menu frame N)."""
    seconds: float = 0.0
    arg: int = 0
    game: int = 0
    """Which game of a launch, from 1 on; 0 every one."""
    launch: int = 0
    """Which launch of the executable, from 1 on; 0 every one."""
    every: int = 0
    """Again every so many frames; 0 once."""


class Soak(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault a launch, of a kind and at a frame that are drawn from the seed and the count of launches."""

    kinds: tuple[str, ...]
    """Of ``KINDS``; with their own usual seconds and args."""
    first: int = -100
    last: int = 200
    """Between which frames."""


class StandInConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a stand-in behaves."""

    flavour: Literal["mainline", "ishiiruka", "exiai"] = "mainline"
    version: str = "4.0.0"
    """Dolphin's own version, in ``--version`` and in the handshake."""
    source: str = "still"
    """``still`` (fighters that only walk), ``game`` (the embedded game), or the path of a .slp file."""
    fps: float = 60.0
    """Frames a second; 0 as fast as it goes."""
    games: int = 0
    """Games until it stays in the menus; 0 for ever."""
    menus: Literal["drive", "skip"] = "drive"
    """Whether somebody has to choose in the menus, or the games start by themselves."""
    begins: Literal["characters", "title"] = "characters"
    """Where it boots to. From the title a bot may also go to Slippi's direct mode, where any code finds ``person``."""
    online_port: int = 1
    """Under which port the own player of direct mode appears, 1 or 2; the other player has the other one."""
    menu_frames: int = 0
    """``skip``: menu frames before each game."""
    boot_s: float = 0.0
    """Seconds that it boots, in which pads are read and nobody is waited for."""
    wait_for_client: bool = True
    """Boot until a client has shaken hands and has flushed every pipe once. Real Dolphin does not wait, but boots for
    longer than libmelee needs."""
    fighters: tuple[str, str] = ("fox", "marth")
    stage: str = "battlefield"
    ports: tuple[int, int] = (1, 2)
    cpu_levels: tuple[int, int] = (0, 0)
    """``skip``: who plays where; level 0 plays by the port's pipe."""
    seed: int = 0
    stocks: int = 4
    time_limit_frames: int = 28_800
    """Frames from the go (frame 0) on until the game's clock ends it."""
    override: bool = False
    """A recording's inputs at ports with a pipe are replaced by what comes through the pipe (its course is not)."""
    person: str = "fox"
    person_level: int = 0
    """Who a controller adapter's person plays, and how well (0 stands still, 1..9)."""
    slippi_version: str = ""
    """What the start block says in place of its own version, such as ``2.0.1``; the events stay as they are."""
    gecko_packets: int = 4
    """Packets of the code list behind the start block (real Dolphin sends 60 to 136)."""
    trace: str = ""
    """File for JSON lines of what it saw and did; empty for none."""
    die_with_parent: bool = False
    """End when the process that launched it ends, as real Dolphin does not; for tests that may be killed."""
    chaos: tuple[Chaos, ...] = ()
    soak: Soak | None = None


def check_config(config: StandInConfig) -> None:
    """Refuse what cannot be done.

    Raises:
        BadStandIn: in one sentence.
    """
    for fault in config.chaos:
        known = START_KINDS if fault.at == "start" else KINDS
        if isinstance(fault.at, str) and not _AT.fullmatch(fault.at):
            raise BadStandIn(f"A fault cannot be at {fault.at!r}.", hint="Give a frame, start, menu or menu:N.")
        if fault.do not in known:
            where = "at the start" if fault.at == "start" else "in menus and games"
            raise BadStandIn(f"There is no fault {fault.do!r} {where}.", hint=f"There are {', '.join(known)}.")
        if isinstance(fault.at, str) and fault.at != "start" and fault.do in NEEDS_FRAME | PAUSES:
            raise BadStandIn(f"The fault {fault.do} is done to a frame, not to menus.", hint="Give a frame.")
    if config.soak is not None:
        if unknown := [kind for kind in config.soak.kinds if kind not in KINDS]:
            raise BadStandIn(f"There is no fault {unknown[0]!r}.", hint=f"There are {', '.join(KINDS)}.")
        if not config.soak.kinds or config.soak.first > config.soak.last:
            raise BadStandIn("A soak needs at least one kind of fault and a first frame before its last one.")
    if config.fps < 0 or config.boot_s < 0 or config.games < 0 or config.menu_frames < 0:
        raise BadStandIn("fps, boot_s, games and menu_frames cannot be negative.")
    if not 1 <= config.stocks <= 99 or config.time_limit_frames < 1:
        raise BadStandIn("A game has 1 to 99 stocks and at least one frame.")
    if len({*config.ports}) != 2 or not all(1 <= port <= 4 for port in config.ports):
        raise BadStandIn(f"Two ports out of 1 to 4 are played, not {config.ports}.")
    if config.slippi_version and not _VERSION.fullmatch(config.slippi_version):
        raise BadStandIn(f"{config.slippi_version!r} is no version of Slippi.", hint="Give one such as 2.0.1.")
    if config.online_port not in (1, 2):
        raise BadStandIn(f"A direct match is played at ports 1 and 2, not {config.online_port}.")
    if not all(0 <= level <= 9 for level in (*config.cpu_levels, config.person_level)):
        raise BadStandIn("Levels go from 0 (nobody) to 9.")


def read_config(path: Path) -> StandInConfig:
    """Settings from their file.

    Raises:
        BadStandIn: unreadable or not understood.
    """
    try:
        with path.open("rb") as file:
            found = msgspec.json.decode(file.read(_MAX_CONFIG), type=StandInConfig)
    except OSError as error:
        raise BadStandIn(f"The stand-in's settings {path} cannot be read: {error.strerror}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadStandIn(f"The stand-in's settings {path} are not understood: {error}.") from None
    check_config(found)
    return found


def with_settings(config: StandInConfig, settings: Sequence[str]) -> StandInConfig:
    """The settings with some of them replaced.

    Args:
        config: the settings.
        settings: ``KEY=VALUE`` each; the value as JSON, or else a word.

    Raises:
        BadStandIn: no such setting, or no such value.
    """
    values = msgspec.to_builtins(config)
    for setting in settings:
        key, _, text = setting.partition("=")
        if key not in values:
            raise BadStandIn(f"There is no setting {key!r}.", hint=f"There are {', '.join(values)}.")
        try:
            values[key] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            values[key] = text
    try:
        found = msgspec.convert(values, StandInConfig)
    except msgspec.ValidationError as error:
        raise BadStandIn(f"The settings {' '.join(settings)} are not understood: {error}.") from None
    check_config(found)
    return found


def write_stand_in(folder: Path, config: StandInConfig | None = None) -> Path:
    """Write a file that ``melee.Console(path=...)`` launches as Dolphin, and its settings beside it.

    Args:
        folder: made where it is missing; holds ``stand-in`` and ``stand-in.json`` afterwards.
        config: the settings; all defaults where None.

    Returns:
        The executable file.

    Raises:
        BadStandIn: settings that cannot be followed.
        OSError: the folder cannot be written.
    """
    config = config or StandInConfig()
    check_config(config)
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "stand-in.json"
    write_whole(settings, msgspec.json.format(msgspec.json.encode(config), indent=1))
    (folder / "stand-in.launches").unlink(missing_ok=True)
    root = Path(exphil_rt.__file__).resolve().parents[1]
    command = shlex.join([sys.executable, "-P", "-m", __package__, "--config", str(settings)])
    script = folder / "stand-in"
    write_whole(
        script,
        f"#!/bin/sh\nPYTHONPATH={shlex.quote(str(root))}${{PYTHONPATH:+:$PYTHONPATH}}\nexport PYTHONPATH\n"
        f'exec {command} "$@"\n',
    )
    script.chmod(0o755)
    return script


def launches(settings: Path, count: bool) -> int:
    """How many launches there were; one more is noted first where ``count``."""
    path = settings.with_suffix(".launches")
    if count:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, b".")
        finally:
            os.close(descriptor)
    try:
        return path.stat().st_size
    except OSError:
        return 0
