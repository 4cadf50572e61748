"""Zelda: Nayru's Love, Din's Fire, Farore's Wind, Transform.

The wind's speed is libmelee's; Din's Fire's path and what Nayru's Love reflects are own estimates after the community's
descriptions (ssbwiki.com).
"""

from __future__ import annotations

from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Item
from exphil_rt.sim.enter import enter
from exphil_rt.sim.items import item_of, remove, spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import ANIMATE, INTERRUPT, REFLECT, TAKEN, Row, Specials
from exphil_rt.sim.specials.transform import transform, vanish

B = Button.B
SHEIK_ID = int(Character.SHEIK)
SHEIK_ARRIVES, SHEIK_ARRIVES_AIR = 362, 364

N, N_AIR = 341, 342
S_START, S, S_END, S_AIR_START, S_AIR, S_AIR_END = range(343, 349)
HI_START, HI_GONE, HI, HI_AIR_START, HI_AIR_GONE, HI_AIR = range(349, 355)
LW, LW_ARRIVES, LW_AIR, LW_AIR_ARRIVES = range(355, 359)

FIRE_AGE, FIRE_FRAMES = 13.0, 78
FIRE_SPEED, FIRE_STEER = 1.4, 0.07
GONE_SPEED, GONE_AGE, GONE_KEPT = 4.2, 35.0, 0.2

_LOVE: Final[dict[str, Any]] = {"guard": REFLECT, "guard_ages": (5.0, 31.0), "guard_circle": (0.0, 10.0, 11.0),
                                "safe": (5.0, 11.0)}  # fmt: skip
_WIND: Final[dict[str, Any]] = {"lag": 30.0, "lands": st.LANDING_FALL_SPECIAL, "then_air": st.FALL_SPECIAL,
                                "ledge_from": 1.0, "ledge_back": True}  # fmt: skip
_TURN: Final[dict[str, Any]] = {"vx_mul": 0.5, "vy_mul": 0.0, "gravity": 0.04, "terminal": 1.0}

ZELDA: Final = Specials(
    neutral=(N, N_AIR), side=(S_START, S_AIR_START), up=(HI_START, HI_AIR_START), down=(LW, LW_AIR),
    rows=(
        Row(state=N, falls=N_AIR, **_LOVE), Row(state=N_AIR, lands=N, vx_mul=0.5, vy_mul=0.5, gravity=0.05, **_LOVE),
        Row(state=S_START, then=S, falls=S_AIR_START), Row(state=S, start=0, then=S, falls=S_AIR),
        Row(state=S_END, start=0, falls=S_AIR_END),
        Row(state=S_AIR_START, then_air=S_AIR, lands=S_START, vx_mul=0.5, vy_set=0.0, gravity=0.03, terminal=0.6),
        Row(state=S_AIR, start=0, then_air=S_AIR, lands=S, gravity=0.03, terminal=0.6),
        Row(state=S_AIR_END, start=0, lands=st.LANDING_FALL_SPECIAL, lag=20, then_air=st.FALL_SPECIAL),
        Row(state=HI_START, falls=HI_AIR_START), Row(state=HI_GONE, start=35, length=0, safe=(0.0, 99.0)),
        Row(state=HI, falls=HI_AIR),
        Row(state=HI_AIR_START, vx_mul=0.5, vy_set=0.578, gravity=0.03, terminal=0.6, lands=HI_START),
        Row(state=HI_AIR_GONE, start=35, length=0, gravity=0.0, safe=(0.0, 99.0), **_WIND),
        Row(state=HI_AIR, **_WIND),
        Row(state=LW, falls=LW_AIR), Row(state=LW_ARRIVES, falls=LW_AIR_ARRIVES),
        Row(state=LW_AIR, lands=LW, **_TURN), Row(state=LW_AIR_ARRIVES, lands=LW_ARRIVES, **_TURN),
    ),
)  # fmt: skip


@njit
def burst(game: Any, t: Any, port: int) -> None:
    """Din's Fire goes off where it is, wider the longer it flew."""
    k = item_of(game, Item.DINS_FIRE, port)
    if k < 0:
        return
    item = game.items[k]
    x, y, facing = item.x, item.y, item.facing
    age = min(item.age, FIRE_FRAMES)
    remove(game, k)
    n = spawn(game, t, Item.DINS_FIRE_BURST, port, x, y, 0.001 * facing, 0.0, facing)
    game.items[n].damage = 0.5 + 0.5 * age / FIRE_FRAMES


@njit
def fire(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """A flame that the stick steers up and down while B is held, and that bursts."""
    s = pl.state
    air = S_AIR_START - S_START if pl.airborne else 0
    loop = s in (S, S_AIR)
    if phase == ANIMATE and s in (S_START, S_AIR_START) and pl.age == FIRE_AGE:
        spawn(game, t, Item.DINS_FIRE, port, pl.x + 8.0 * pl.facing, pl.y + 11.0, FIRE_SPEED * pl.facing, 0.0,
              pl.facing)  # fmt: skip
    elif phase == ANIMATE and loop:
        k = item_of(game, Item.DINS_FIRE, port)
        if k < 0 or not (pl.buttons & B) or game.items[k].age >= FIRE_FRAMES:
            burst(game, t, port)
            enter(pl, t, S_END + air)
            return True
    elif phase == INTERRUPT and loop:
        k = item_of(game, Item.DINS_FIRE, port)
        if k >= 0:
            item = game.items[k]
            item.vy = min(max(item.vy + FIRE_STEER * pl.stick_y, -FIRE_SPEED), FIRE_SPEED)
            item.vx += 0.02 * item.facing
    elif phase == TAKEN:
        burst(game, t, port)
    return False


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Zelda's own part of a phase."""
    s = pl.state if phase != TAKEN else pl.special_state
    if s <= N_AIR:
        return False
    if s <= S_AIR_END:
        return bool(fire(phase, pl, t, game, port))
    if s <= HI_AIR:
        return bool(vanish(phase, pl, t, HI_START, GONE_SPEED, GONE_AGE, GONE_KEPT))
    if s in (LW, LW_AIR):
        return bool(transform(phase, pl, t, SHEIK_ID, SHEIK_ARRIVES, SHEIK_ARRIVES_AIR))
    return False
