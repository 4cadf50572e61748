"""Peach: Toad, Peach Bomber, parasol, turnips; and her float.

Float, parasol and bomber are measured on real replays. Turnips are the plain kind; Toad's spores are one hit before her
(own estimates).
"""

from __future__ import annotations

from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.ids import Item
from exphil_rt.sim.begin import try_air_attack, try_air_dodge
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.inputs import XY
from exphil_rt.sim.items import held_item, spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import drift, gravity
from exphil_rt.sim.specials.begin import try_special
from exphil_rt.sim.specials.rows import AIR_RISE, ANIMATE, COUNTER, END, HIT, INTERRUPT, MOVE, START, Row, Specials

FLOAT, FLOAT_END_F, FLOAT_END_B, FLOAT_AIR_N = 341, 342, 343, 344
FLOAT_AIR_LW = 348
FLOAT_FRAMES = 150.0
LW, LW_AIR = 352, 353
S_START, S_END, S_JUMP, S_AIR_START, S_AIR_END, S_AIR_END_2, S_AIR_JUMP = range(354, 361)
HI_START, HI_END, HI_AIR_START, HI_AIR_END = range(361, 365)
N, N_HIT, N_AIR, N_AIR_HIT = range(365, 369)
OPEN, PARASOL = 369, 370

TURNIP_AGE = 1.0
BOMBER_SPEED, BOMBER_DECAY = 3.5, 0.34
PARASOL_SINK = 0.45

_PARASOL: Final[dict[str, Any]] = {"gravity": 0.02, "terminal": PARASOL_SINK, "lag": 30.0, "ledge_back": True,
                                   "lands": st.LANDING_FALL_SPECIAL, "ledge_from": 8.0}  # fmt: skip
_BOMBER: Final[dict[str, Any]] = {"gravity": 0.08, "ledge_from": 1.0}

PEACH: Final = Specials(
    neutral=(N, N_AIR), side=(S_START, S_AIR_START), up=(HI_START, HI_AIR_START), down=(LW, LW_AIR), floating=FLOAT,
    rows=(
        Row(state=FLOAT, start=0, length=0, gravity=0.0, drift=1.0),
        *(Row(state=s, start=55, length=60, gravity=0.05, drift=1.0) for s in (FLOAT_END_F, FLOAT_END_B)),
        *(Row(state=s, drift=1.0, attack=13 + s - FLOAT_AIR_N) for s in range(FLOAT_AIR_N, FLOAT_AIR_LW + 1)),
        Row(state=LW, falls=LW_AIR, attack=21), Row(state=LW_AIR, lands=LW, attack=21),
        Row(state=S_START, then=S_JUMP), Row(state=S_END, start=0, attack=19),
        Row(state=S_JUMP, start=0, lands=S_END, attack=19, **_BOMBER),
        Row(state=S_AIR_START, then_air=S_AIR_JUMP, vy_set=2.0, gravity=0.12, vx_mul=0.9, lands=S_START),
        Row(state=S_AIR_END, start=0, lands=st.LANDING, attack=19),
        Row(state=S_AIR_END_2, start=0, lands=st.LANDING, attack=19),
        Row(state=S_AIR_JUMP, start=0, lands=S_END, then_air=S_AIR_END, attack=19, **_BOMBER),
        Row(state=HI_START, motion=AIR_RISE, then=OPEN, then_air=OPEN, **_PARASOL),
        Row(state=HI_END, start=0, attack=20),
        Row(state=HI_AIR_START, motion=AIR_RISE, vx_mul=2 / 3, then_air=OPEN, friction=0.0, **_PARASOL),
        Row(state=HI_AIR_END, start=0, attack=20),
        Row(state=N, falls=N_AIR, guard=COUNTER, guard_ages=(9.0, 40.0)), Row(state=N_HIT, falls=N_AIR_HIT),
        Row(state=N_AIR, lands=N, vy_mul=0.5, gravity=0.04, terminal=1.0, guard=COUNTER, guard_ages=(9.0, 40.0)),
        Row(state=N_AIR_HIT, lands=N_HIT, gravity=0.04, terminal=1.0),
        Row(state=OPEN, length=16, then_air=PARASOL, drift=1.2, attack=20, **_PARASOL),
        Row(state=PARASOL, start=0, length=0, drift=1.2, attack=20, **_PARASOL),
    ),
)  # fmt: skip


@njit
def bomber(phase: int, pl: Any, t: Any) -> bool:
    """A jump into the enemy: fast, then slower; what it meets throws her back."""
    s = pl.state
    jumping = s in (S_JUMP, S_AIR_JUMP)
    if phase == END and s == S_START:
        leave_ground(pl)
        enter(pl, t, S_AIR_JUMP)
        pl.vx = 0.0
        pl.vy = 0.5
        return True
    if phase == MOVE and jumping:
        at = t.fighters[pl.character]
        pl.vy = max(pl.vy - at.gravity, -at.terminal_vel)
        speed = BOMBER_SPEED - BOMBER_DECAY * max(pl.age - 3.0, 0.0) if pl.age >= 1.0 else 0.0
        pl.vx = max(speed, 0.0) * pl.facing
        return True
    if phase == ANIMATE and jumping and pl.age >= 1.0 and pl.age <= 10.0:
        return False
    if phase == HIT and jumping and pl.landed_hit != 0:
        enter(pl, t, S_AIR_END)
        pl.vx = -1.0 * pl.facing
        pl.vy = 1.2
        return True
    return False


@njit
def parasol(phase: int, pl: Any, t: Any) -> bool:
    """Up, then sinking slowly; down closes the parasol, up opens it no more."""
    s = pl.state
    if phase == START:
        pl.jumps = 0
        if pl.airborne == 0:
            leave_ground(pl)
    elif phase == INTERRUPT and s in (OPEN, PARASOL) and pl.stick_y <= -0.6:
        pl.fall_lag = 30.0
        pl.fall_drift = 1.0
        pl.vy = -t.fighters[pl.character].terminal_vel if pl.vy < 0.0 else pl.vy
        enter(pl, t, st.FALL_SPECIAL)
        return True
    elif phase == MOVE and s in (OPEN, PARASOL):
        at = t.fighters[pl.character]
        pl.vy = max(pl.vy - 0.02, -PARASOL_SINK)
        drift(pl, at, 1.2)
        return True
    return False


@njit
def floats(phase: int, pl: Any, t: Any) -> bool:
    """In the air without falling while the jump button is held, for so long; attacks go on floating."""
    s = pl.state
    c = t.common[0]
    attacking = s >= FLOAT_AIR_N
    if s in (FLOAT_END_F, FLOAT_END_B):
        return False
    held = (pl.buttons & XY) != 0 and pl.sv < FLOAT_FRAMES
    if phase == ANIMATE:
        pl.sv += 1.0
        if not held:
            pl.sv = FLOAT_FRAMES
            if not attacking:
                enter(pl, t, FLOAT_END_F)
                return True
    elif phase == END and attacking and held:
        enter(pl, t, FLOAT)
        return True
    elif phase == INTERRUPT and not attacking:
        sv = pl.sv
        if try_special(pl, t, c) or try_air_dodge(pl, t, c):
            return True
        if try_air_attack(pl, t, c):
            serial = pl.attack_serial
            enter(pl, t, FLOAT_AIR_N + pl.state - st.ATTACK_AIR_N)
            pl.attack_serial = serial
            pl.sv = sv
            return True
    elif phase == MOVE:
        at = t.fighters[pl.character]
        if held:
            pl.vy = 0.0
        else:
            gravity(pl, at)
        drift(pl, at, 1.0)
        return True
    return False


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Peach's own part of a phase."""
    s = pl.state
    if s <= FLOAT_AIR_LW:
        return bool(floats(phase, pl, t))
    if s <= LW_AIR:
        if phase == START and held_item(game, Item.TURNIP, port) < 0 and pl.carrying == 0:
            spawn(game, t, Item.TURNIP, port, pl.x - 2.7 * pl.facing, pl.y - 1.5, 0.0, 0.0, pl.facing)
            pl.carrying = Item.TURNIP
        return False
    if s <= S_AIR_JUMP:
        return bool(bomber(phase, pl, t))
    if s >= HI_START and (s <= HI_AIR_END or s >= OPEN):
        return bool(parasol(phase, pl, t))
    if phase == HIT and pl.landed_hit == 5:
        enter(pl, t, N_AIR_HIT if pl.airborne else N_HIT)
        spawn(game, t, Item.TOAD_SPORE, port, pl.x + 9.0 * pl.facing, pl.y + 8.0, 0.8 * pl.facing, 0.0, pl.facing)
        return True
    return False
