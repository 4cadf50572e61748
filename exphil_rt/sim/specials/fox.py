"""Fox and Falco: blaster, illusion, fire bird, reflector.

Figures are measured on real replays (speeds, decays and lengths equal to the recorded float), Falco's where they
differ.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Item
from exphil_rt.sim.begin import to_jump_squat, try_air_jump
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.inputs import wants_jump
from exphil_rt.sim.items import spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.specials.rows import (
    AIR_FORWARD,
    ANIMATE,
    END,
    GROUND_MOTION,
    INTERRUPT,
    LANDED,
    MOVE,
    REFLECT,
    START,
    STAY,
    Row,
    Specials,
)

B = Button.B
FALCO_ID = int(Character.FALCO)

N_START, N_LOOP, N_END = 341, 342, 343
N_AIR_START, N_AIR_LOOP, N_AIR_END = 344, 345, 346
S_START, S_DASH, S_END, S_AIR_START, S_AIR_DASH, S_AIR_END = range(347, 353)
HI_HOLD, HI_HOLD_AIR, HI, HI_AIR, HI_LANDING, HI_FALL, HI_BOUND = range(353, 360)
LW_START, LW_LOOP, LW_HIT, LW_END, LW_TURN = range(360, 365)
LW_AIR_START, LW_AIR_LOOP, LW_AIR_HIT, LW_AIR_END, LW_AIR_TURN = range(365, 370)

SHINE_FRAMES = 18  # the reflector stays up for at least so long
LOOP_FRAMES = 28  # its animation begins again
TURN_STICK = 0.3
TURN_FRAMES = 3
SHINE_CIRCLE = (0.0, 6.0, 8.0)  # own estimate of what it reflects


def _rows(*, falco: bool) -> tuple[Row, ...]:
    laser: dict[str, Any] = {"drift": 1.0, "fastfall": True, "lands": st.LANDING}
    illusion: dict[str, Any] = {
        "float_until": 16.0,
        "gravity": 0.02,
        "friction": 0.05,
        "ledge_from": 1.0,
    }
    fire: dict[str, Any] = {
        "float_until": 16.0,
        "gravity": 0.016 if falco else 0.015,
    }
    shine: dict[str, Any] = {"gravity": 0.02666667, "float_until": 1.0}
    guard: dict[str, Any] = {"guard": REFLECT, "guard_ages": (0.0, 999.0), "guard_circle": SHINE_CIRCLE}
    return (
        Row(state=N_START, then=N_LOOP, gv_mul=0.0),
        Row(state=N_LOOP, start=0, then=N_END),
        Row(state=N_END, start=0),
        Row(state=N_AIR_START, then_air=N_AIR_LOOP, **laser),
        Row(state=N_AIR_LOOP, start=0, then_air=N_AIR_END, **laser),
        Row(state=N_AIR_END, start=0, **laser),
        Row(state=S_START, then=S_DASH, falls=S_AIR_START),
        Row(state=S_DASH, start=0, length=4, then=S_END, falls=S_AIR_DASH, motion=GROUND_MOTION),
        Row(state=S_END, start=0, falls=S_AIR_END),
        Row(state=S_AIR_START, then_air=S_AIR_DASH, lands=S_START, vx_mul=2 / 3, vy_set=0.0, **illusion),
        Row(state=S_AIR_DASH, start=0, length=4, then_air=S_AIR_END, lands=S_DASH, motion=AIR_FORWARD, gravity=0.0,
            ledge_from=1.0, ledge_back=False),
        Row(state=S_AIR_END, start=0, then_air=st.FALL_SPECIAL, lands=st.LANDING_FALL_SPECIAL, lag=20, gravity=0.08,
            float_until=5.0, friction=0.07, ledge_from=0.0),
        Row(state=HI_HOLD, then=HI, falls=HI_HOLD_AIR),
        Row(state=HI_HOLD_AIR, then_air=HI_AIR, lands=HI_HOLD, vx_mul=0.8, vy_set=0.0, **fire),
        Row(state=HI, start=0, length=22 if falco else 30, then=HI_FALL, falls=HI_AIR),
        Row(state=HI_AIR, start=0, length=22 if falco else 30, then_air=HI_FALL, lands=HI_BOUND, ledge_from=1.0,
            ledge_back=True),
        Row(state=HI_LANDING, start=14),
        Row(state=HI_FALL, start=0, then_air=st.FALL_SPECIAL, lands=HI_LANDING, drift=1.0, ledge_from=0.0, lag=18,
            ledge_back=True),
        Row(state=HI_BOUND, start=0, then_air=st.FALL_SPECIAL, then=st.WAIT, lands=STAY, lag=18),
        Row(state=LW_START, length=4, then=LW_LOOP, falls=LW_AIR_START, safe=(1.0, 2.0)),
        Row(state=LW_LOOP, start=0, length=0, falls=LW_AIR_LOOP, **guard),
        Row(state=LW_HIT, start=0, then=LW_LOOP, falls=LW_AIR_HIT, **guard),
        Row(state=LW_END, start=0, falls=LW_AIR_END),
        Row(state=LW_TURN, start=0, length=TURN_FRAMES, then=LW_LOOP, falls=LW_AIR_TURN, **guard),
        Row(state=LW_AIR_START, length=4, then_air=LW_AIR_LOOP, lands=LW_START, vx_mul=0.5, vy_set=0.0,
            float_until=99.0, safe=(1.0, 2.0)),
        Row(state=LW_AIR_LOOP, start=0, length=0, lands=LW_LOOP, **shine, **guard),
        Row(state=LW_AIR_HIT, start=0, then_air=LW_AIR_LOOP, lands=LW_HIT, gravity=0.02666667, **guard),
        Row(state=LW_AIR_END, start=0, lands=LW_END, gravity=0.02666667),
        Row(state=LW_AIR_TURN, start=0, length=TURN_FRAMES, then_air=LW_AIR_LOOP, lands=LW_TURN, gravity=0.02666667,
            **guard),
    )  # fmt: skip


def _specials(*, falco: bool) -> Specials:
    return Specials(
        neutral=(N_START, N_AIR_START), side=(S_START, S_AIR_START), up=(HI_HOLD, HI_HOLD_AIR),
        down=(LW_START, LW_AIR_START), rows=_rows(falco=falco),
    )  # fmt: skip


FOX: Final = _specials(falco=False)
FALCO: Final = _specials(falco=True)


@njit
def shoot(pl: Any, t: Any, game: Any, port: int) -> None:
    """A laser leaves the muzzle."""
    if pl.character == FALCO_ID:
        spawn(game, t, Item.FALCO_LASER, port, pl.x + 9.66 * pl.facing, pl.y + 6.75, 5.0 * pl.facing, 0.0, pl.facing)
    else:
        spawn(game, t, Item.FOX_LASER, port, pl.x + 9.47 * pl.facing, pl.y + 7.68, 7.0 * pl.facing, 0.0, pl.facing)


@njit
def blaster(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """The laser leaves in the loop; B pressed meanwhile shoots again."""
    s = pl.state
    if s != N_LOOP and s != N_AIR_LOOP:
        return False
    if phase == ANIMATE:
        falco = pl.character == FALCO_ID
        shot = 5.0
        if falco:
            shot = 16.0 if s == N_LOOP else 9.0
        if pl.age == shot:
            shoot(pl, t, game, port)
    elif phase == INTERRUPT and pl.pressed & B:
        pl.count = 1
    elif phase == END and pl.count:
        enter(pl, t, s)
        pl.attack_serial += 1
        return True
    return False


@njit
def fly(pl: Any) -> None:
    """The fire bird's launch: along the stick, forward and up without one."""
    x, y = pl.stick_x, pl.stick_y
    speed = 4.2 if pl.character == FALCO_ID else 3.8
    angle = math.pi * 0.5
    if abs(x) + abs(y) > 0.5:
        angle = math.atan2(y, x)
    if x * pl.facing < 0.0:
        pl.facing = -pl.facing
    pl.vx = speed * math.cos(angle)
    pl.vy = speed * math.sin(angle)


@njit
def fire_bird(phase: int, pl: Any, t: Any) -> bool:
    """Charge, then fly: full speed for a few frames, less of it every frame after."""
    s = pl.state
    if phase == END:
        if s in (HI_HOLD, HI_HOLD_AIR):
            fly(pl)
            grounded = pl.airborne == 0 and pl.vy <= 0.001
            if grounded:
                pl.gv = pl.vx
                enter(pl, t, HI)
            else:
                leave_ground(pl)
                enter(pl, t, HI_AIR)
            return True
        if s == HI:
            leave_ground(pl)
            enter(pl, t, HI_FALL)
            return True
        return False
    if phase == MOVE and (s in (HI_AIR, HI)):
        falco = pl.character == FALCO_ID
        full = 3.0 if falco else 5.0
        pl.sv = pl.vy
        if pl.age >= full:
            less = 0.17 if falco else 0.1
            if pl.airborne:
                speed = math.sqrt(pl.vx * pl.vx + pl.vy * pl.vy)
                share = max(speed - less, 0.0) / max(speed, 1e-6)
                pl.vx *= share
                pl.vy *= share
            else:
                pl.gv -= less if pl.gv > 0.0 else -less
        return True
    if phase == LANDED and s == HI_BOUND:
        # a flat arrival slides on, a steep one bounces
        if pl.sv > -1.5:
            pl.state = HI
        else:
            leave_ground(pl)
            pl.vx *= 0.5
            pl.vy = 1.0
            enter(pl, t, HI_BOUND)
        return True
    return False


@njit
def reflector(phase: int, pl: Any, t: Any) -> bool:
    """The shine: held while B is held, left by a jump at any time, turned by the stick."""
    s = pl.state
    loop = s in (LW_LOOP, LW_AIR_LOOP)
    if phase == ANIMATE and loop:
        pl.sv += 1.0
        if pl.sv >= SHINE_FRAMES - 1 and not (pl.buttons & B):
            enter(pl, t, LW_AIR_END if pl.airborne else LW_END)
            return True
        if pl.age >= LOOP_FRAMES:
            pl.age = 0.0
    elif phase == START:
        pl.sv = -1.0
    elif phase == INTERRUPT and (loop or s in (LW_TURN, LW_AIR_TURN, LW_HIT, LW_AIR_HIT)):
        c = t.common[0]
        if pl.airborne:
            if try_air_jump(pl, t, c):
                return True
        elif wants_jump(pl, c):
            to_jump_squat(pl, t)
            return True
        if loop and pl.stick_x * pl.facing <= -TURN_STICK:
            pl.facing = -pl.facing
            enter(pl, t, LW_AIR_TURN if pl.airborne else LW_TURN)
            return True
    return False


@njit
def illusion(phase: int, pl: Any, t: Any) -> bool:
    """The dash ends in a slide; B cuts it short."""
    dashing = pl.state == S_DASH or pl.state == S_AIR_DASH
    if not dashing or (phase != END and not (phase == INTERRUPT and pl.pressed & B and pl.age >= 1.0)):
        return False
    if pl.airborne:
        pl.vx = 2.0 * pl.facing
        enter(pl, t, S_AIR_END)
    else:
        pl.gv = 2.0 * pl.facing
        enter(pl, t, S_END)
    return True


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Fox's and Falco's own part of a phase."""
    s = pl.state
    if s <= N_AIR_END:
        return bool(blaster(phase, pl, t, game, port))
    if s <= S_AIR_END:
        return bool(illusion(phase, pl, t))
    if s <= HI_BOUND:
        return bool(fire_bird(phase, pl, t))
    return bool(reflector(phase, pl, t))
