"""``sim``: compile the embedded game ahead of its first use, watch a game of it, play one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Flag
from exphil_rt.cli.output import say, show
from exphil_rt.errors import ExphilError

if TYPE_CHECKING:
    from exphil_rt.messages.watch import WatchSetup

Names = Parameter(consume_multiple=False, negative="")
Stocks = Annotated[int, Parameter(validator=Number(gte=1, lte=99))]
FILES: Final = (".slp", ".rec")


class NoTerminal(ExphilError):
    """A command that draws, where nothing can be drawn."""

    exit_code = 2


def warmup() -> None:
    """Compile the game, so that the next start is quick. Does nothing when it is compiled already."""
    say("Compiling the embedded game (once a version; about a minute) ...")
    from exphil_rt.sim import warmup as compile_game

    seconds = compile_game(lambda what, done, total: say(f"  {done}/{total} {what}"))
    show(f"The game is ready ({seconds:.1f} s).")


def watch(
    a: str = "cpu5",
    b: str = "cpu5",
    /,
    *,
    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = (),
    stage: str = "final destination",
    stocks: Stocks = 4,
    seed: int = 1,
    ascii: Flag = False,  # noqa: A002 - the flag's name
) -> None:
    """Watch one game of the embedded game (approximate), or a recording or .slp file.

    Args:
        a: a policy: NAME, NAME@vN, a path, random, cpu1 to cpu9; or a .slp or .rec file.
        b: its opponent.
        characters: the fighter of both, or repeated: of a, then of b.
        stage: where they play.
        stocks: of each side.
        seed: key of every random draw.
        ascii: draw with ASCII characters alone.
    """
    from exphil_rt.messages.watch import WatchSetup

    if Path(a).suffix.lower() in FILES:
        path = Path(a).expanduser().absolute()
        if not path.is_file():
            raise NoTerminal(f"There is no file {path}.", hint="Name a .slp replay or a .rec recording.")
        setup = WatchSetup(path=str(path))
    else:
        setup = _setup((a, b), characters, stage, stocks, seed)
    _open(setup, ascii)


def play(
    a: str = "cpu3",
    /,
    *,
    gamepad: Annotated[int, Parameter(validator=Number(gte=0, lte=15))] = 0,
    keyboard: Flag = False,
    port: Annotated[int, Parameter(validator=Number(gte=1, lte=2))] = 1,
    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = (),
    stage: str = "final destination",
    stocks: Stocks = 4,
    seed: int = 1,
    ascii: Flag = False,  # noqa: A002 - the flag's name
) -> None:
    """Play the embedded game (approximate) against a policy or a scripted opponent.

    Args:
        a: the opponent: NAME, NAME@vN, a path, random, or cpu1 to cpu9.
        gamepad: number of the gamepad (needs the extra gamepad).
        keyboard: play with the keyboard: a makeshift, since a terminal does not say when a key is let go.
        port: your port, 1 or 2.
        characters: the fighter of both, or repeated: yours, then the opponent's.
        stage: where you play.
        stocks: of each side.
        seed: key of the opponent's random draws.
        ascii: draw with ASCII characters alone.
    """
    from exphil_rt.messages.watch import WatchSetup
    from exphil_rt.rollout.pad import read_gamepad

    if not keyboard:
        read_gamepad(gamepad)  # says in a sentence what is missing, before the screen changes
    names = ("human", a) if port == 1 else (a, "human")
    ordered = tuple(reversed(characters)) if port == 2 else characters
    setup = _setup(names, ordered, stage, stocks, seed, -1 if keyboard else gamepad)
    assert isinstance(setup, WatchSetup)
    _open(setup, ascii)


def _setup(
    names: tuple[str, str], characters: tuple[str, ...], stage: str, stocks: int, seed: int, gamepad: int = -1
) -> WatchSetup:
    from exphil_rt.game import ids
    from exphil_rt.messages.watch import WatchSetup
    from exphil_rt.policy.ref import parse_ref, resolve_bundle

    for name in names:
        if name != "human" and parse_ref(name).kind in ("bundle", "path"):
            resolve_bundle(name)  # a wrong name is told here, not inside the screen
    if len(characters) > 2:
        raise NoTerminal("A game has two fighters.", hint="Give --character once or twice.")
    fighters = [int(ids.character(name)) for name in characters or ("fox",)]
    return WatchSetup(
        players=names,
        characters=(fighters[0], fighters[-1]),
        stage=int(ids.stage(stage)),
        stocks=stocks,
        seed=seed,
        gamepad=gamepad,
    )


def _open(setup: WatchSetup, ascii_only: bool) -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NoTerminal("This draws a game and needs a terminal.", hint="Run it in one, without a pipe.")
    from exphil_rt.cli.config import resolve
    from tui.watch import WatchApp

    WatchApp(setup, ascii_only=ascii_only or resolve(None, (), ()).config.tui.ascii).run()
