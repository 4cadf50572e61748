"""The fighters' specials: a line in FIGHTERS for the rows, and one in ``act`` where rows do not say everything."""

from __future__ import annotations

from typing import Any, Final

from exphil_rt.game.ids import Character
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials import (
    falcon,
    fox,
    game_and_watch,
    jigglypuff,
    link,
    mario,
    marth,
    mewtwo,
    others,
    peach,
    sheik,
    zelda,
)
from exphil_rt.sim.specials.rows import Specials

FIGHTERS: Final[dict[Character, Specials]] = {
    Character.FOX: fox.FOX,
    Character.FALCO: fox.FALCO,
    Character.MEWTWO: mewtwo.MEWTWO,
    Character.GAME_AND_WATCH: game_and_watch.GAME_AND_WATCH,
    Character.MARTH: marth.MARTH,
    Character.ROY: marth.ROY,
    Character.CAPTAIN_FALCON: falcon.CAPTAIN_FALCON,
    Character.GANONDORF: falcon.GANONDORF,
    Character.SHEIK: sheik.SHEIK,
    Character.ZELDA: zelda.ZELDA,
    Character.LINK: link.LINK,
    Character.YOUNG_LINK: link.YOUNG_LINK,
    Character.JIGGLYPUFF: jigglypuff.JIGGLYPUFF,
    Character.PEACH: peach.PEACH,
    Character.MARIO: mario.MARIO,
    Character.DR_MARIO: mario.DR_MARIO,
    Character.DONKEY_KONG: others.DONKEY_KONG,
    Character.KIRBY: others.KIRBY,
    Character.BOWSER: others.BOWSER,
    Character.NESS: others.NESS,
    Character.POPO: others.ICE_CLIMBERS,
    Character.NANA: others.ICE_CLIMBERS,
    Character.SAMUS: others.SAMUS,
    Character.YOSHI: others.YOSHI,
    Character.LUIGI: others.LUIGI,
    Character.PIKACHU: others.PIKACHU,
    Character.PICHU: others.PICHU,
}

_MARIO, _FOX, _FALCON, _LINK, _SHEIK, _PEACH, _POPO = 0, 1, 2, 6, 7, 9, 10
_PIKACHU, _SAMUS, _JIGGLYPUFF, _MEWTWO, _LUIGI, _MARTH, _ZELDA = 12, 13, 15, 16, 17, 18, 19
_YOUNG_LINK, _DR_MARIO, _FALCO, _PICHU, _GAME_AND_WATCH, _GANONDORF, _ROY = 20, 21, 22, 23, 24, 25, 26


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
    if who in (_FOX, _FALCO):
        return bool(fox.act(phase, pl, foe, t, game, port))
    if who == _MEWTWO:
        return bool(mewtwo.act(phase, pl, foe, t, game, port))
    if who == _GAME_AND_WATCH:
        return bool(game_and_watch.act(phase, pl, foe, t, game, port))
    if who in (_MARTH, _ROY):
        return bool(marth.act(phase, pl, foe, t, game, port))
    if who in (_FALCON, _GANONDORF):
        return bool(falcon.act(phase, pl, foe, t, game, port))
    if who == _SHEIK:
        return bool(sheik.act(phase, pl, foe, t, game, port))
    if who == _ZELDA:
        return bool(zelda.act(phase, pl, foe, t, game, port))
    if who in (_LINK, _YOUNG_LINK):
        return bool(link.act(phase, pl, foe, t, game, port))
    if who == _JIGGLYPUFF:
        return bool(jigglypuff.act(phase, pl, foe, t, game, port))
    if who == _PEACH:
        return bool(peach.act(phase, pl, foe, t, game, port))
    if who in (_MARIO, _DR_MARIO):
        return bool(mario.act(phase, pl, foe, t, game, port))
    if who in (_PIKACHU, _PICHU):
        return bool(others.quick_attack(phase, pl, t))
    if who == _LUIGI:
        return bool(others.fireball(phase, pl, t, game, port))
    if who == _SAMUS:
        return bool(others.charge_shot(phase, pl, t, game, port))
    if who == _POPO:
        return bool(others.ice(phase, pl, t, game, port))
    return False
