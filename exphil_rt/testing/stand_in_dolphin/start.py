"""From settings to a running stand-in: the user folder, the source of games, the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from exphil_rt.actor.parent_death import die_with_parent
from exphil_rt.testing.stand_in_dolphin.config import StandInConfig
from exphil_rt.testing.stand_in_dolphin.ini import PIPE, read_user_folder
from exphil_rt.testing.stand_in_dolphin.machine import Machine
from exphil_rt.testing.stand_in_dolphin.sources.source import Source
from exphil_rt.testing.stand_in_dolphin.trace import Trace

_NEVER: Final = 10**9
"""Frames; half a year."""


def start(config: StandInConfig, home: Path, launch: int) -> NoReturn:
    """Run until the end, then end the process at once: a game that is still being compiled waits for nobody.

    Raises:
        NotStreamable: the recording cannot be played.
    """
    if config.die_with_parent:
        die_with_parent(os.getppid())
    user = read_user_folder(home, config.flavour == "mainline")
    trace = Trace(Path(config.trace) if config.trace else None, launch)
    if user.infinite_time:
        config = msgspec.structs.replace(config, time_limit_frames=_NEVER)
    status = Machine(config, user, lambda: source_of(config, user.plugged(PIPE)), launch, trace).run()
    os._exit(status)


def source_of(config: StandInConfig, piped: frozenset[int]) -> Source:
    """The games that the settings name.

    Args:
        config: the settings.
        piped: ports with a pipe.
    """
    if config.source == "still":
        from exphil_rt.testing.stand_in_dolphin.sources.still import StillGame

        return StillGame(
            seed=config.seed, stocks=config.stocks, timer_frames=config.time_limit_frames,
            gecko_packets=config.gecko_packets,
        )  # fmt: skip
    if config.source == "game":
        from exphil_rt.testing.stand_in_dolphin.sources.embedded import EmbeddedGame

        return EmbeddedGame(
            seed=config.seed, stocks=config.stocks, timer_frames=config.time_limit_frames,
            gecko_packets=config.gecko_packets,
        )  # fmt: skip
    from exphil_rt.testing.stand_in_dolphin.sources.recording import Recording

    return Recording(Path(config.source), piped if config.override else frozenset())
