"""Sheik: Needle Storm, Chain, Vanish, Transform.

Lengths and the air's speeds are measured on real replays; needles' speeds and the chain's reach are own estimates.
"""

from __future__ import annotations

from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Item
from exphil_rt.sim.enter import enter
from exphil_rt.sim.inputs import LR
from exphil_rt.sim.items import spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import ANIMATE, END, INTERRUPT, START, Row, Specials
from exphil_rt.sim.specials.transform import transform, vanish

B = Button.B
ZELDA_ID = int(Character.ZELDA)
ZELDA_ARRIVES, ZELDA_ARRIVES_AIR = 356, 358

N_START, N_LOOP, N_CANCEL, N_END, N_AIR_START, N_AIR_LOOP, N_AIR_CANCEL, N_AIR_END = range(341, 349)
S_START, S, S_END, S_AIR_START, S_AIR, S_AIR_END = range(349, 355)
HI_START, HI_GONE, HI, HI_AIR_START, HI_AIR_GONE, HI_AIR = range(355, 361)
LW, LW_ARRIVES, LW_AIR, LW_AIR_ARRIVES = range(361, 365)

NEEDLES = 6
FIRST_NEEDLE, NEEDLE_GAP = 4, 3
CHAIN_FRAMES = 80
GONE_SPEED, GONE_AGE, GONE_KEPT = 2.0, 36.0, 0.3

_VANISH: Final[dict[str, Any]] = {"lag": 30.0, "lands": st.LANDING_FALL_SPECIAL, "then_air": st.FALL_SPECIAL,
                                  "ledge_from": 1.0, "ledge_back": True}  # fmt: skip
_TURN: Final[dict[str, Any]] = {"vx_mul": 0.5, "vy_mul": 0.0, "gravity": 0.04, "terminal": 1.0}

SHEIK: Final = Specials(
    neutral=(N_START, N_AIR_START), side=(S_START, S_AIR_START), up=(HI_START, HI_AIR_START), down=(LW, LW_AIR),
    rows=(
        Row(state=N_START, falls=N_AIR_START), Row(state=N_LOOP, start=0, falls=N_AIR_LOOP),
        Row(state=N_CANCEL, start=0, falls=N_AIR_CANCEL), Row(state=N_END, start=0, falls=N_AIR_END),
        Row(state=N_AIR_START, lands=N_START), Row(state=N_AIR_LOOP, start=0, lands=N_LOOP),
        Row(state=N_AIR_CANCEL, start=0, lands=N_CANCEL), Row(state=N_AIR_END, start=0),
        Row(state=S_START, then=S, falls=S_AIR_START), Row(state=S, start=0, length=0, falls=S_AIR),
        Row(state=S_END, start=0, falls=S_AIR_END),
        Row(state=S_AIR_START, then_air=S_AIR, vy_set=0.0, float_until=22.0, lands=S_START),
        Row(state=S_AIR, start=0, length=0, lands=S), Row(state=S_AIR_END, start=0, lands=S_END),
        Row(state=HI_START, falls=HI_AIR_START, safe=(18.0, 99.0)),
        Row(state=HI_GONE, start=36, length=0, safe=(0.0, 99.0)),
        Row(state=HI, falls=HI_AIR),
        Row(state=HI_AIR_START, vy_set=3.5, gravity=0.19, terminal=0.25, drift=1.0, safe=(18.0, 99.0), **_VANISH),
        Row(state=HI_AIR_GONE, start=36, length=0, gravity=0.0, safe=(0.0, 99.0), **_VANISH),
        Row(state=HI_AIR, **_VANISH),
        Row(state=LW, falls=LW_AIR), Row(state=LW_ARRIVES, falls=LW_AIR_ARRIVES),
        Row(state=LW_AIR, lands=LW, **_TURN), Row(state=LW_AIR_ARRIVES, lands=LW_ARRIVES, **_TURN),
    ),
)  # fmt: skip


@njit
def needles(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """Hold B for more of them, let go to throw; the shield keeps them."""
    s = pl.state
    air = N_AIR_START - N_START if pl.airborne else 0
    loop = s in (N_LOOP, N_AIR_LOOP)
    if phase == START:
        pl.store = max(pl.store, 1.0)
    elif phase == END and s in (N_START, N_AIR_START):
        enter(pl, t, (N_LOOP if pl.buttons & B else N_END) + air)
        return True
    elif phase == END and loop:
        pl.store = min(pl.store + 1.0, NEEDLES)
        enter(pl, t, N_LOOP + air)
        return True
    elif phase == INTERRUPT and loop:
        if pl.pressed & LR:
            enter(pl, t, N_CANCEL + air)
            return True
        if not (pl.buttons & B):
            enter(pl, t, N_END + air)
            return True
    elif phase == ANIMATE and s in (N_END, N_AIR_END):
        n = int(pl.age) - FIRST_NEEDLE
        if n >= 0 and n % NEEDLE_GAP == 0 and n // NEEDLE_GAP < NEEDLES and pl.store >= 1.0:
            pl.store -= 1.0
            down = -3.2 if pl.airborne else 0.0
            ahead = 3.2 if pl.airborne else 4.5
            spawn(game, t, Item.NEEDLE_THROWN, port, pl.x + 7.0 * pl.facing, pl.y + 9.0, ahead * pl.facing, down,
                  pl.facing)  # fmt: skip
    elif phase == END and s in (N_END, N_AIR_END):
        pl.store = 0.0
    return False


@njit
def chain(phase: int, pl: Any, t: Any) -> bool:
    """Out while B is held, for a while."""
    air = S_AIR_START - S_START if pl.airborne else 0
    if phase == ANIMATE and pl.state in (S, S_AIR):
        pl.count += 1
        if pl.count > CHAIN_FRAMES or (pl.count > 10 and not (pl.buttons & B)):
            enter(pl, t, S_END + air)
            return True
    return False


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Sheik's own part of a phase."""
    s = pl.state
    if s <= N_AIR_END:
        return bool(needles(phase, pl, t, game, port))
    if s <= S_AIR_END:
        return bool(chain(phase, pl, t))
    if s <= HI_AIR:
        return bool(vanish(phase, pl, t, HI_START, GONE_SPEED, GONE_AGE, GONE_KEPT))
    if s in (LW, LW_AIR):
        return bool(transform(phase, pl, t, ZELDA_ID, ZELDA_ARRIVES, ZELDA_ARRIVES_AIR))
    return False
