"""What items and projectiles are: how they move, how long they last, what their hits do. By Slippi's item id.

Lifetimes, speeds and falls of lasers, Shadow Ball, bacon and turnips, and all of the block of ice but its radius, are
measured on real replays, as are Shadow Ball's launches. Damage and launches of Sheik's and Link's are FightCore's
(github.com/FightCore/frame-data); those of the others, and the other speeds, are own estimates near the community's
figures (ssbwiki.com), as the docs say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.ids import Item
from exphil_rt.sim.hit_table import CIRCLE, ELEMENTS

NUM_KINDS: Final = 300
"""Slippi's ids are below 256; from there on stand hits of specials that are no items."""

CONFUSION: Final = 256
FALCON_DIVE: Final = 257
GANON_DIVE: Final = 258

ITEM_KIND: Final = np.dtype(
    [(name, np.float32) for name in ("gravity", "terminal", "life", "bounce", "rest", "height")]
    + [(name, np.int32) for name in ("on_ground", "stays", "reflectable", "absorbable", "attack", "returns")],
    align=True,
)

PASS, VANISH, BOUNCE, REST = range(4)
"""``on_ground``: flies through the stage, vanishes on it, bounces, lies still (for ``rest`` frames, 0 as its life)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An item kind.

    Attributes:
        life: frames until it vanishes.
        gravity: of its fall.
        terminal: greatest speed of falling.
        on_ground: PASS, VANISH, BOUNCE or REST.
        bounce: share of the speed that a bounce keeps.
        rest: frames it lies where REST.
        height: of its middle over the ground that it touches.
        stays: goes on after a hit.
        reflectable: reflectors turn it.
        absorbable: Mr. Game & Watch's bucket takes it.
        attack: Slippi's attack id that staling counts it by.
        damage: percent.
        angle: of the launch, degrees.
        kbg: knockback growth.
        bkb: base knockback.
        wdsk: set knockback.
        element: of ELEMENTS.
        radius: of its hitbox.
        shield_damage: beyond its damage.
        returns: frames after which it turns and comes back; 0 for never.
    """

    life: float
    gravity: float = 0.0
    terminal: float = 10.0
    on_ground: int = VANISH
    bounce: float = 0.8
    rest: float = 0.0
    height: float = 0.0
    stays: bool = False
    reflectable: bool = True
    absorbable: bool = False
    attack: int = 18
    damage: float = 0.0
    angle: float = 361.0
    kbg: float = 100.0
    bkb: float = 0.0
    wdsk: float = 0.0
    element: str = "normal"
    radius: float = 2.0
    shield_damage: float = 0.0
    returns: int = 0


KINDS: Final[dict[int, Kind]] = {
    Item.FOX_LASER: Kind(life=35, damage=3, angle=361, kbg=0, bkb=0, radius=1.2, absorbable=True),
    Item.FALCO_LASER: Kind(life=100, damage=3, angle=361, kbg=100, wdsk=5, bkb=0, radius=1.2, absorbable=True),
    Item.SHADOWBALL: Kind(life=70, damage=3, angle=361, kbg=35, bkb=15, element="darkness", radius=4.0,
                          absorbable=True),
    Item.DISABLE: Kind(life=12, damage=1, angle=361, kbg=10, bkb=10, radius=3.0),
    Item.SAUSAGE: Kind(life=81, gravity=0.04, terminal=3.0, on_ground=REST, rest=30, damage=4, angle=361, kbg=30,
                       bkb=50, element="fire", radius=2.5, absorbable=False),
    Item.NEEDLE_THROWN: Kind(life=40, damage=3, angle=0, kbg=34, bkb=24, element="slash", radius=2.0),
    Item.DINS_FIRE: Kind(life=120, on_ground=PASS, reflectable=False),
    Item.DINS_FIRE_BURST: Kind(life=20, on_ground=PASS, stays=True, reflectable=False, damage=14, angle=45, kbg=70,
                               bkb=30, element="fire", radius=8.0, attack=19),
    Item.LINK_ARROW: Kind(life=60, gravity=0.05, terminal=3.0, damage=10, angle=361, kbg=70, bkb=20, radius=1.8),
    Item.YOUNG_LINK_ARROW: Kind(life=60, gravity=0.05, terminal=3.0, damage=10, angle=361, kbg=70, bkb=20,
                                element="fire", radius=1.8),
    Item.LINK_BOOMERANG: Kind(life=150, on_ground=PASS, stays=True, damage=10, angle=80, kbg=70, bkb=30, attack=19,
                              radius=3.0, returns=45),
    Item.YOUNG_LINK_BOOMERANG: Kind(life=150, on_ground=PASS, stays=True, damage=10, angle=80, kbg=70, bkb=30,
                                    attack=19, radius=3.0, returns=45),
    Item.LINK_BOMB: Kind(life=277, gravity=0.08, terminal=2.0, on_ground=VANISH, damage=6, angle=60, kbg=80, bkb=40,
                         element="fire", attack=21, radius=4.0),
    Item.YOUNG_LINK_BOMB: Kind(life=277, gravity=0.08, terminal=2.0, on_ground=VANISH, damage=6, angle=60, kbg=80,
                               bkb=40, element="fire", attack=21, radius=4.0),
    Item.TURNIP: Kind(life=140, gravity=0.051, terminal=3.0, on_ground=VANISH, damage=6, angle=70, kbg=70, bkb=35,
                      attack=21, radius=3.5),
    Item.TOAD_SPORE: Kind(life=15, damage=4, angle=361, kbg=80, bkb=40, radius=4.0, on_ground=PASS),
    Item.MARIO_FIREBALL: Kind(life=75, gravity=0.1, terminal=2.0, on_ground=BOUNCE, damage=6, angle=361, kbg=25,
                              bkb=10, element="fire", radius=2.5, absorbable=True),
    Item.DR_MARIO_CAPSULE: Kind(life=75, gravity=0.1, terminal=2.0, on_ground=BOUNCE, damage=8, angle=361, kbg=25,
                                bkb=15, radius=2.5),
    Item.LUIGI_FIREBALL: Kind(life=60, damage=6, angle=361, kbg=25, bkb=10, element="fire", radius=2.5,
                              absorbable=True),
    Item.CHARGE_SHOT: Kind(life=60, damage=3, angle=361, kbg=70, bkb=20, radius=2.5, absorbable=True),
    Item.MISSILE: Kind(life=80, damage=6, angle=50, kbg=70, bkb=30, element="fire", radius=2.5, attack=19),
    Item.ICE_BLOCK: Kind(life=60, gravity=0.2, terminal=1.8, on_ground=BOUNCE, bounce=0.0, height=4.0, damage=5,
                         angle=361, kbg=50, bkb=5, element="ice", radius=3.0),
    FALCON_DIVE: Kind(life=0, damage=17, angle=40, kbg=70, bkb=60, element="fire", attack=20),
    GANON_DIVE: Kind(life=0, damage=16, angle=80, kbg=70, bkb=60, element="darkness", attack=20),
    CONFUSION: Kind(life=0, damage=9, angle=80, kbg=50, bkb=60, attack=19),
}  # fmt: skip


def item_tables() -> dict[str, NDArray[np.void]]:
    """``item_kinds`` [300] ITEM_KIND and ``item_hits`` [300] CIRCLE."""
    kinds = np.zeros(NUM_KINDS, ITEM_KIND)
    hits = np.zeros(NUM_KINDS, CIRCLE)
    for number, kind in KINDS.items():
        cell, hit = kinds[int(number)], hits[int(number)]
        for name in ("gravity", "terminal", "life", "bounce", "rest", "height", "on_ground", "stays", "reflectable",
                     "absorbable", "attack", "returns"):  # fmt: skip
            cell[name] = getattr(kind, name)
        for name in ("damage", "angle", "kbg", "bkb", "wdsk", "radius", "shield_damage"):
            hit[name] = getattr(kind, name)
        hit["element"] = ELEMENTS.index(kind.element)
        hit["hit_ground"] = hit["hit_air"] = 1
    return {"item_kinds": kinds, "item_hits": hits}
