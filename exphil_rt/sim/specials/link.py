"""Link and Young Link: bow, boomerang, spin attack, bombs.

Lengths are the tables'; speeds of arrows, boomerang and bombs are own estimates after the community's descriptions
(ssbwiki.com). The spin in the air rises as libmelee recorded it.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Item
from exphil_rt.sim.enter import enter
from exphil_rt.sim.items import count_items, spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import AIR_RISE, ANIMATE, START, Row, Specials

B = Button.B
LINK_ID = int(Character.LINK)

N_START, N_LOOP, N_END, N_AIR_START, N_AIR_LOOP, N_AIR_END = range(344, 350)
S1, S2, S1_EMPTY, S1_AIR, S2_AIR, S1_AIR_EMPTY = range(350, 356)
HI, HI_AIR = 356, 357
LW, LW_AIR = 358, 359

ARROW_AGE = 18.0
FULL_DRAW = 59.0
BOOMERANG_AGE = 27.0
BOOMERANG_SPEED = 1.9
BOMB_AGE = 16.0

LINK: Final = Specials(
    neutral=(N_START, N_AIR_START), side=(S1, S1_AIR), up=(HI, HI_AIR), down=(LW, LW_AIR),
    rows=(
        Row(state=N_START, then=N_LOOP, falls=N_AIR_START), Row(state=N_LOOP, start=0, then=N_LOOP, falls=N_AIR_LOOP),
        Row(state=N_END, start=0, falls=N_AIR_END),
        Row(state=N_AIR_START, then_air=N_AIR_LOOP, drift=1.0, fastfall=True, lands=N_START),
        Row(state=N_AIR_LOOP, start=0, then_air=N_AIR_LOOP, drift=1.0, fastfall=True, lands=N_LOOP),
        Row(state=N_AIR_END, start=0, drift=1.0, fastfall=True),
        Row(state=S1, falls=S1_AIR), Row(state=S2, falls=S2_AIR), Row(state=S1_EMPTY, falls=S1_AIR_EMPTY),
        Row(state=S1_AIR, drift=1.0, lands=S1), Row(state=S2_AIR, drift=1.0, lands=S2),
        Row(state=S1_AIR_EMPTY, drift=1.0, lands=S1_EMPTY),
        Row(state=HI),
        Row(state=HI_AIR, motion=AIR_RISE, gravity=0.055, drift=1.0, then_air=st.FALL_SPECIAL, lag=24,
            lands=st.LANDING_FALL_SPECIAL, ledge_from=42.0, ledge_back=True),
        Row(state=LW, falls=LW_AIR), Row(state=LW_AIR, drift=1.0, lands=LW),
    ),
)  # fmt: skip
YOUNG_LINK: Final = LINK


@njit
def bow(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """Drawn while B is held, full after a second."""
    s = pl.state
    air = N_AIR_START - N_START if pl.airborne else 0
    drawing = s in (N_START, N_LOOP, N_AIR_START, N_AIR_LOOP)
    if phase == START:
        pl.sv = 0.0
    elif phase == ANIMATE and drawing:
        pl.sv = min(pl.sv + 1.0, FULL_DRAW)
        if not (pl.buttons & B) and pl.sv >= ARROW_AGE:
            share = (pl.sv - ARROW_AGE) / (FULL_DRAW - ARROW_AGE)
            kind = Item.LINK_ARROW if pl.character == LINK_ID else Item.YOUNG_LINK_ARROW
            k = spawn(game, t, kind, port, pl.x + 8.0 * pl.facing, pl.y + 9.0, (2.0 + 2.5 * share) * pl.facing, 0.15,
                      pl.facing)  # fmt: skip
            game.items[k].damage = 0.5 + 1.0 * share
            enter(pl, t, N_END + air)
            return True
    return False


@njit
def boomerang(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """One at a time; it comes back and is caught."""
    s = pl.state
    kind = Item.LINK_BOOMERANG if pl.character == LINK_ID else Item.YOUNG_LINK_BOOMERANG
    if phase == START and count_items(game, kind, port):
        pl.state = S1_AIR_EMPTY if pl.airborne else S1_EMPTY
    elif phase == ANIMATE and s in (S1, S1_AIR) and pl.age == BOOMERANG_AGE:
        angle = math.radians(20.0) * pl.stick_y
        spawn(game, t, kind, port, pl.x + 8.0 * pl.facing, pl.y + 10.0, BOOMERANG_SPEED * math.cos(angle) * pl.facing,
              BOOMERANG_SPEED * math.sin(angle), pl.facing)  # fmt: skip
    return False


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Link's and Young Link's own part of a phase."""
    s = pl.state
    if s < S1:
        return bool(bow(phase, pl, t, game, port))
    if s < HI:
        return bool(boomerang(phase, pl, t, game, port))
    if s == HI_AIR and phase == START:
        pl.jumps = 0
    elif s in (LW, LW_AIR) and phase == ANIMATE and pl.age == BOMB_AGE and pl.carrying == 0:
        kind = Item.LINK_BOMB if pl.character == LINK_ID else Item.YOUNG_LINK_BOMB
        if count_items(game, kind, port) < 2:
            spawn(game, t, kind, port, pl.x, pl.y + 9.0, 0.0, 0.0, pl.facing)
            pl.carrying = kind
    return False
