"""Ids of characters and stages, their names and aliases. Action states are in ``states``.

Internal character ids stand in frames (Slippi's post-frame), external ones in a replay's start block; both as in
Slippi's specification and equal to libmelee's enums (a test holds that).
"""

from __future__ import annotations

import difflib
from enum import IntEnum
from typing import Final

from exphil_rt.errors import ExphilError


class UnknownName(ExphilError):
    """A character or stage name that nobody knows."""

    exit_code = 2


class Character(IntEnum):
    """Internal character ids."""

    MARIO = 0
    FOX = 1
    CAPTAIN_FALCON = 2
    DONKEY_KONG = 3
    KIRBY = 4
    BOWSER = 5
    LINK = 6
    SHEIK = 7
    NESS = 8
    PEACH = 9
    POPO = 10
    NANA = 11
    PIKACHU = 12
    SAMUS = 13
    YOSHI = 14
    JIGGLYPUFF = 15
    MEWTWO = 16
    LUIGI = 17
    MARTH = 18
    ZELDA = 19
    YOUNG_LINK = 20
    DR_MARIO = 21
    FALCO = 22
    PICHU = 23
    GAME_AND_WATCH = 24
    GANONDORF = 25
    ROY = 26


NUM_CHARACTERS: Final = 33
"""Size of a table indexed by internal id (Slippi's ids end at 32, Sandbag)."""

PLAYABLE: Final = tuple(c for c in Character if c is not Character.NANA)
"""The 26 fighters (Popo stands for the Ice Climbers)."""

EXTERNAL_TO_INTERNAL: Final = (
    Character.CAPTAIN_FALCON, Character.DONKEY_KONG, Character.FOX, Character.GAME_AND_WATCH, Character.KIRBY,
    Character.BOWSER, Character.LINK, Character.LUIGI, Character.MARIO, Character.MARTH, Character.MEWTWO,
    Character.NESS, Character.PEACH, Character.PIKACHU, Character.POPO, Character.JIGGLYPUFF, Character.SAMUS,
    Character.YOSHI, Character.ZELDA, Character.SHEIK, Character.FALCO, Character.YOUNG_LINK, Character.DR_MARIO,
    Character.ROY, Character.PICHU, Character.GANONDORF,
)  # fmt: skip
"""Internal id by external id 0..25."""

INTERNAL_TO_EXTERNAL: Final = {int(c): i for i, c in enumerate(EXTERNAL_TO_INTERNAL)}


class Stage(IntEnum):
    """Slippi's (external) ids of the six tournament stages."""

    FOUNTAIN_OF_DREAMS = 2
    POKEMON_STADIUM = 3
    YOSHIS_STORY = 8
    DREAM_LAND = 28
    BATTLEFIELD = 31
    FINAL_DESTINATION = 32


class Item(IntEnum):
    """Slippi's ids of the items that the fighters make (its "item type id")."""

    MARIO_FIREBALL = 0x30
    DR_MARIO_CAPSULE = 0x31
    FOX_LASER = 0x36
    FALCO_LASER = 0x37
    LINK_BOMB = 0x3A
    YOUNG_LINK_BOMB = 0x3B
    LINK_BOOMERANG = 0x3C
    YOUNG_LINK_BOOMERANG = 0x3D
    LINK_ARROW = 0x40
    YOUNG_LINK_ARROW = 0x41
    NEEDLE_THROWN = 0x4F
    NEEDLE_HELD = 0x50
    THUNDER_JOLT = 0x59
    CHARGE_SHOT = 0x5E
    MISSILE = 0x5F
    CHAIN = 0x61
    TURNIP = 0x63
    TOAD = 0x68
    LUIGI_FIREBALL = 0x69
    ICE_BLOCK = 0x6A
    DINS_FIRE = 0x6C
    DINS_FIRE_BURST = 0x6D
    DISABLE = 0x6E
    TOAD_SPORE = 0x6F
    SHADOWBALL = 0x70
    SAUSAGE = 0x7A


NUM_STAGES: Final = 64
"""Size of a table indexed by stage id."""

_CHARACTER_ALIASES: Final[dict[str, int]] = {
    "falcon": Character.CAPTAIN_FALCON, "cptfalcon": Character.CAPTAIN_FALCON, "cf": Character.CAPTAIN_FALCON,
    "dk": Character.DONKEY_KONG, "gnw": Character.GAME_AND_WATCH, "gameandwatch": Character.GAME_AND_WATCH,
    "mrgameandwatch": Character.GAME_AND_WATCH, "mrgamewatch": Character.GAME_AND_WATCH,
    "gamewatch": Character.GAME_AND_WATCH, "gw": Character.GAME_AND_WATCH, "ics": Character.POPO,
    "iceclimbers": Character.POPO, "ic": Character.POPO, "puff": Character.JIGGLYPUFF, "ganon": Character.GANONDORF,
    "doc": Character.DR_MARIO, "yl": Character.YOUNG_LINK, "ylink": Character.YOUNG_LINK, "yink": Character.YOUNG_LINK,
    "m2": Character.MEWTWO, "pika": Character.PIKACHU,
}  # fmt: skip

_STAGE_ALIASES: Final[dict[str, int]] = {
    "fod": Stage.FOUNTAIN_OF_DREAMS, "fountain": Stage.FOUNTAIN_OF_DREAMS, "ps": Stage.POKEMON_STADIUM,
    "stadium": Stage.POKEMON_STADIUM, "ys": Stage.YOSHIS_STORY, "yoshis": Stage.YOSHIS_STORY,
    "dl": Stage.DREAM_LAND, "dreamlandn64": Stage.DREAM_LAND, "bf": Stage.BATTLEFIELD,
    "fd": Stage.FINAL_DESTINATION,
}  # fmt: skip


def _plain(name: str) -> str:
    return "".join(ch for ch in name.lower() if ch.isalnum())


def _find(name: str, what: str, table: dict[str, int]) -> int:
    key = _plain(name)
    if key in table:
        return table[key]
    close = difflib.get_close_matches(key, table, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(sorted(table))}."
    raise UnknownName(f"{name!r} is no {what}.", hint=hint)


def character(name: str) -> Character:
    """The character of a name or alias (``mewtwo``, ``Mr. Game & Watch``, ``gnw``).

    Raises:
        UnknownName: with the nearest name.
    """
    table: dict[str, int] = {_plain(c.name): int(c) for c in Character} | _CHARACTER_ALIASES
    return Character(_find(name, "character", table))


def stage(name: str) -> Stage:
    """The stage of a name or alias (``fd``, ``Battlefield``).

    Raises:
        UnknownName: with the nearest name.
    """
    table: dict[str, int] = {_plain(s.name): int(s) for s in Stage} | _STAGE_ALIASES
    return Stage(_find(name, "stage", table))


def character_name(internal_id: int) -> str:
    """A name for people: ``Mewtwo``, ``Ice Climbers``; ``character 40`` for an unknown id."""
    special = {
        Character.POPO: "Ice Climbers",
        Character.GAME_AND_WATCH: "Game & Watch",
        Character.DR_MARIO: "Dr. Mario",
    }
    try:
        found = Character(internal_id)
    except ValueError:
        return f"character {internal_id}"
    return special.get(found) or found.name.replace("_", " ").title()


def stage_name(stage_id: int) -> str:
    """A name for people: ``Final Destination``; ``stage 5`` for an unknown id."""
    try:
        found = Stage(stage_id)
    except ValueError:
        return f"stage {stage_id}"
    return {Stage.YOSHIS_STORY: "Yoshi's Story", Stage.FOUNTAIN_OF_DREAMS: "Fountain of Dreams"}.get(found) or (
        found.name.replace("_", " ").title()
    )
