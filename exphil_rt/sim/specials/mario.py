"""Mario and Dr. Mario: fireball and pill, cape, Super Jump Punch, Tornado.

The jump's rise is libmelee's, its way forward and the tornado's lift are own estimates; the projectiles bounce after
the community's descriptions (ssbwiki.com).
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Item
from exphil_rt.sim.enter import leave_ground
from exphil_rt.sim.items import spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import (
    AIR_RISE,
    ANIMATE,
    HIT,
    INTERRUPT,
    MOVE,
    REFLECT,
    START,
    Row,
    Specials,
)

B = Button.B
DOCTOR = int(Character.DR_MARIO)

N, N_AIR, S, S_AIR, HI, HI_AIR, LW, LW_AIR = range(343, 351)

FIREBALL_AGE = 14.0
CAPE_USED = 1
TILT = math.radians(20.0)
JUMP_FORWARD = 0.3  # of what it rises
TORNADO_LIFT, TORNADO_TOP = 0.35, 1.4

_CAPE: Final[dict[str, Any]] = {"guard": REFLECT, "guard_ages": (6.0, 21.0), "guard_circle": (9.0, 8.0, 8.0)}
_JUMP: Final[dict[str, Any]] = {
    "motion": AIR_RISE, "then": st.FALL_SPECIAL, "then_air": st.FALL_SPECIAL, "lag": 30.0, "safe": (3.0, 6.0),
    "lands": st.LANDING_FALL_SPECIAL, "ledge_from": 12.0, "ledge_back": True,
}  # fmt: skip

MARIO: Final = Specials(
    neutral=(N, N_AIR), side=(S, S_AIR), up=(HI, HI_AIR), down=(LW, LW_AIR),
    rows=(
        Row(state=N, falls=N_AIR), Row(state=N_AIR, drift=1.0, fastfall=True, lands=N),
        Row(state=S, falls=S_AIR, **_CAPE), Row(state=S_AIR, lands=S, drift=0.5, **_CAPE),
        Row(state=HI, **_JUMP), Row(state=HI_AIR, **_JUMP),
        Row(state=LW, falls=LW_AIR), Row(state=LW_AIR, lands=LW, vy_mul=0.3, gravity=0.05, terminal=1.0, drift=0.8),
    ),
)  # fmt: skip
DR_MARIO: Final = MARIO


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Mario's and Dr. Mario's own part of a phase."""
    s = pl.state
    if s <= N_AIR:
        if phase == ANIMATE and pl.age == FIREBALL_AGE:
            kind = Item.DR_MARIO_CAPSULE if pl.character == DOCTOR else Item.MARIO_FIREBALL
            spawn(game, t, kind, port, pl.x + 8.0 * pl.facing, pl.y + 7.0, 1.3 * pl.facing, 0.0, pl.facing)
    elif s <= S_AIR:
        if phase == START and pl.airborne and not (pl.used & CAPE_USED):
            pl.used |= CAPE_USED
            pl.vy = 0.8
        elif phase == HIT and pl.landed_hit == 1:
            foe.facing = -foe.facing
            foe.vx = -foe.vx
    elif s <= HI_AIR:
        if phase == START:
            leave_ground(pl)
            pl.jumps = 0
            pl.vx = 0.0
            pl.vy = 0.0
            pl.sv = -pl.stick_x * TILT
        elif phase == MOVE:
            row = t.special[pl.character, s - st.FIRST_SPECIAL]
            age = int(pl.age)
            if age <= row.rise_frames:
                up = t.special_motion[row.motion_offset + age, 1]
                ahead = JUMP_FORWARD * up * pl.facing
                pl.vx = ahead * math.cos(pl.sv) - up * math.sin(pl.sv)
                pl.vy = ahead * math.sin(pl.sv) + up * math.cos(pl.sv)
                return True
    elif phase == INTERRUPT and s == LW_AIR and pl.pressed & B and pl.age < 40.0:
        pl.vy = min(pl.vy + TORNADO_LIFT, TORNADO_TOP)
    return False
