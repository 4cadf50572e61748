"""The fighters' specials: a line in FIGHTERS for the rows, a branch in ``special_phase`` where rows do not suffice."""

from __future__ import annotations

from typing import Any, Final

from exphil_rt.game.ids import Character
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
from exphil_rt.sim.specials.run import conclude, prepare

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

_MARIO, _FOX, _FALCON, _LINK, _SHEIK, _PEACH, _POPO, _NANA = 0, 1, 2, 6, 7, 9, 10, 11
_PIKACHU, _SAMUS, _JIGGLYPUFF, _MEWTWO, _LUIGI, _MARTH, _ZELDA = 12, 13, 15, 16, 17, 18, 19
_YOUNG_LINK, _DR_MARIO, _FALCO, _PICHU, _GAME_AND_WATCH, _GANONDORF, _ROY = 20, 21, 22, 23, 24, 25, 26


def special_phase(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> int:
    """One phase of a fighter's special.

    Compiled on its own and handed to the frame as a function pointer (``kernel``): every compiled function carries all
    that it calls, so that a frame with every fighter in it would take minutes to compile.

    Args:
        phase: ANIMATE, INTERRUPT, MOVE, LANDED or HIT.
        pl: the fighter, at ``port``.
        foe: the other one.
        t: the tables.
        game: the game's record.
        port: 0 or 1.

    Returns:
        0.
    """
    asked = prepare(phase, pl, t)
    while asked >= 0:
        who = pl.character
        done = False
        if who in (_FOX, _FALCO):
            done = fox.act(asked, pl, foe, t, game, port)
        elif who == _MEWTWO:
            done = mewtwo.act(asked, pl, foe, t, game, port)
        elif who == _GAME_AND_WATCH:
            done = game_and_watch.act(asked, pl, foe, t, game, port)
        elif who in (_MARTH, _ROY):
            done = marth.act(asked, pl, foe, t, game, port)
        elif who in (_FALCON, _GANONDORF):
            done = falcon.act(asked, pl, foe, t, game, port)
        elif who == _SHEIK:
            done = sheik.act(asked, pl, foe, t, game, port)
        elif who == _ZELDA:
            done = zelda.act(asked, pl, foe, t, game, port)
        elif who in (_LINK, _YOUNG_LINK):
            done = link.act(asked, pl, foe, t, game, port)
        elif who == _JIGGLYPUFF:
            done = jigglypuff.act(asked, pl, foe, t, game, port)
        elif who == _PEACH:
            done = peach.act(asked, pl, foe, t, game, port)
        elif who in (_MARIO, _DR_MARIO):
            done = mario.act(asked, pl, foe, t, game, port)
        elif who in (_PIKACHU, _PICHU):
            done = others.quick_attack(asked, pl, t)
        elif who == _LUIGI:
            done = others.fireball(asked, pl, t, game, port)
        elif who == _SAMUS:
            done = others.charge_shot(asked, pl, t, game, port)
        elif who in (_POPO, _NANA):
            done = others.ice(asked, pl, t, game, port)
        asked = conclude(asked, done, pl, t)
    return 0
