"""The fighters' specials: a line in FIGHTERS for the rows, and one in ``act`` where rows do not say everything."""

from __future__ import annotations

from typing import Any, Final

from exphil_rt.game.ids import Character
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials import fox, game_and_watch, mewtwo
from exphil_rt.sim.specials.rows import Specials

FOX = int(Character.FOX)
FALCO = int(Character.FALCO)
MEWTWO = int(Character.MEWTWO)
GAME_AND_WATCH = int(Character.GAME_AND_WATCH)

FIGHTERS: Final[dict[Character, Specials]] = {
    Character.FOX: fox.FOX,
    Character.FALCO: fox.FALCO,
    Character.MEWTWO: mewtwo.MEWTWO,
    Character.GAME_AND_WATCH: game_and_watch.GAME_AND_WATCH,
}


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """What a fighter's special does beyond its rows in a phase (``rows.START`` to ``TAKEN``).

    Args:
        phase: which.
        pl: the fighter, at ``port``.
        foe: the other one.
        t: the tables.
        game: the game's record.
        port: 0 or 1.

    Returns:
        Whether it did what the phase would do.
    """
    who = pl.character
    if who in (FOX, FALCO):
        return bool(fox.act(phase, pl, foe, t, game, port))
    if who == MEWTWO:
        return bool(mewtwo.act(phase, pl, foe, t, game, port))
    if who == GAME_AND_WATCH:
        return bool(game_and_watch.act(phase, pl, foe, t, game, port))
    return False
