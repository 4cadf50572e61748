"""The consoles of a training run, as its settings say them: what each is started with, and what cannot be asked.

Reads settings alone: no torch, no melee.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from exphil_rt.config import Config
from exphil_rt.errors import ExphilError
from exphil_rt.messages.dolphin import ConsoleArgs, Seat

MELEE: Final = "melee-1.02"
"""Physics of the real game."""
MOST: Final = 64
"""Consoles of one run: each is a Dolphin, with three processes about it."""


class ConsolesImpossible(ExphilError):
    """Settings that games on consoles cannot follow."""

    exit_code = 2


def check_hosted(config: Config) -> None:
    """Refuse what consoles cannot do.

    Raises:
        ConsolesImpossible: in a sentence.
    """
    what = f"Games on consoles (run.game_type = {config.run.game_type})"
    if config.run.deterministic:
        raise ConsolesImpossible(
            f"{what} cannot be deterministic: a console keeps its own time.",
            hint="Leave out --deterministic, or play in the embedded game.",
        )
    count = consoles_of(config)
    if count > MOST:
        raise ConsolesImpossible(
            f"{count} consoles are asked for, and a run has {MOST} at most.",
            hint="Give --games 2: games at a time need one console each.",
        )


def consoles_of(config: Config) -> int:
    """How many consoles a run has: one for each game at a time."""
    return config.run.games + config.rollout.rated_games + int(config.rollout.exhibition)


def plan_console(config: Config, folder: Path, *, executable: str, iso: str = "") -> ConsoleArgs:
    """What each console of the run is started with, but for its own temporary folder.

    Dolphin waits on each frame for inputs, for as long as the policies, the learner or a pause take: nothing is skipped
    or held in training, and all of the policy's delay is kept in the rollout's own queue (console delay 0), since there
    is no network here to hide. Nothing is drawn or heard where the build can do without.

    Args:
        folder: of the run.
        executable: of Dolphin, or of the stand-in.
        iso: the game.
    """
    return ConsoleArgs(
        executable=executable,
        iso=iso or None,
        seats=(Seat(port=1, who="bot"), Seat(port=2, who="bot")),
        runner="sync",
        blocking=True,
        hosted=True,
        fps=config.rollout.console_fps,
        replay_dir=str(folder / "replays" / "console"),
        temporary=str(folder / "console"),
    )
