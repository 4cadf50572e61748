"""On what matches and training games are played: Dolphin as it is found, or a stand-in, which is written here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Literal

import msgspec

from exphil_rt.cli.output import say
from exphil_rt.config import Config
from exphil_rt.dolphin.netplay import ACCOUNT, own_code
from exphil_rt.messages.dolphin import ConsoleArgs
from exphil_rt.store.files import write_whole

QUIET_S: Final = 3.0
"""Seconds after which preparing the game is worth a word."""
STAND_IN: Final = "stand-in"
STAND_IN_CODE: Final = "SELF#000"
"""Of the stand-in's own account; any other code finds its one person."""
PERSON_LEVEL: Final = 5
"""How well that person plays: like the scripted opponent of this level."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What is launched, and with what."""

    executable: str
    iso: str = ""
    user: str = ""
    account: str = ""
    """Slippi's account file; empty where there is none."""
    own_code: str = ""
    """The connect code of that account, where a match is played over the network."""


def find_console(config: Config, kind: Literal["dolphin", "stand-in"], folder: Path, stocks: int, fps: float) -> Found:
    """Dolphin and its game, or the stand-in, which is written where the run's folder is there.

    Args:
        folder: of the run, which need not be there yet.
        stocks: of each fighter, and
        fps: frames a second; both the stand-in's alone.

    Raises:
        ExphilError: what is missing, in a sentence.
    """
    if kind == STAND_IN:
        place = folder / STAND_IN
        executable = _write_stand_in(config, place, stocks, fps) if folder.exists() else place / STAND_IN
        return Found(executable=str(executable), account=str(place / ACCOUNT.name), own_code=STAND_IN_CODE)
    from exphil_rt.dolphin.find import need

    found = need(config.dolphin)
    return Found(
        executable=found.executable,
        iso=found.iso,
        user=found.user,
        account=found.account,
        own_code=own_code(found.account) if config.play.connect_code and kind == config.play.console else "",
    )


def console_of(config: Config, folder: Path) -> ConsoleArgs:
    """What each console of a training run is started with.

    Raises:
        ExphilError: what is missing or cannot be played, in a sentence.
    """
    from exphil_rt.dolphin.hosted import check_hosted, plan_console

    check_hosted(config)
    kind = config.run.game_type
    assert kind != "embedded"
    found = find_console(config, kind, folder, config.run.stocks, config.rollout.console_fps)
    return plan_console(config, folder, executable=found.executable, iso=found.iso)


def physics_of(kind: Literal["embedded", "dolphin", "stand-in"], source: Literal["game", "still"]) -> str:
    """The rules of the game that is played: ratings across them are not mixed.

    The stand-in plays the embedded game by its own rules; fighters that only walk are none of that.

    Args:
        kind: where it is played.
        source: what a stand-in plays.
    """
    from exphil_rt.dolphin.hosted import MELEE
    from exphil_rt.sim import PHYSICS

    if kind == "dolphin":
        return MELEE
    return "stand-in-still" if kind == STAND_IN and source == "still" else PHYSICS


def compile_game() -> None:
    """Prepare the embedded game, which a stand-in is about to play."""
    from exphil_rt.sim import warmup

    begin, said = time.monotonic(), False

    def tell(name: str, done: int, total: int) -> None:
        nonlocal said
        if not said and time.monotonic() - begin > QUIET_S:  # where it is there already, it is only read
            say("Preparing the embedded game (compiled once a version, in about a minute) ...")
            said = True

    warmup(tell)


def _write_stand_in(config: Config, folder: Path, stocks: int, fps: float) -> Path:
    from exphil_rt.testing.stand_in_dolphin import StandInConfig, write_stand_in

    play = config.play
    executable = write_stand_in(
        folder,
        StandInConfig(
            source=play.source,
            begins="title" if play.connect_code else "characters",
            person_level=PERSON_LEVEL if play.connect_code and play.source == "game" else 0,
            fps=fps,
            seed=config.run.seed,
            stocks=stocks,
            time_limit_frames=60 * play.seconds or 10_000_000,
        ),
    )
    if play.connect_code:
        write_whole(folder / ACCOUNT.name, msgspec.json.encode({"connectCode": STAND_IN_CODE}))
    return executable
