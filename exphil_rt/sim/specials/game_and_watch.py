"""Mr. Game & Watch: Chef, Judge, Fire, Oil Panic.

The paths of Fire and of the bacon are measured on real replays; the spread of the bacon is an own estimate.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Character, Item
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.items import spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.random import uniform
from exphil_rt.sim.specials.rows import ABSORB, AIR_RISE, ANIMATE, HIT, INTERRUPT, MOVE, START, Row, Specials

B = Button.B
GAME_AND_WATCH_ID = int(Character.GAME_AND_WATCH)
N_SPECIAL = st.FIRST_SPECIAL
DOMAIN_JUDGE = 2
DOMAIN_CHEF = 3
BUCKET = 3

N, N_AIR = 353, 354
S_FIRST, S_AIR_FIRST = 355, 364
HI, HI_AIR = 373, 374
LW, LW_CATCH, LW_SHOOT, LW_AIR, LW_AIR_CATCH, LW_AIR_SHOOT = range(375, 381)

SAUSAGE_AGE = 18.0
TILT = math.radians(30.0)  # of the path of Fire for a stick fully out, beyond a quarter

_PANIC: Final[dict[str, Any]] = {"guard": ABSORB, "guard_ages": (4.0, 46.0), "guard_circle": (8.0, 7.0, 8.0)}

GAME_AND_WATCH: Final = Specials(
    neutral=(N, N_AIR), side=(S_FIRST, S_AIR_FIRST), up=(HI, HI_AIR), down=(LW, LW_AIR),
    rows=(
        Row(state=N, falls=N_AIR),
        Row(state=N_AIR, vy_set=0.0, lands=N),
        *(Row(state=S_FIRST + n, falls=S_AIR_FIRST + n, attack=19) for n in range(9)),
        *(Row(state=S_AIR_FIRST + n, lands=S_FIRST + n, vx_mul=0.5, vy_set=0.0, gravity=0.04, friction=0.0025,
              terminal=1.2, attack=19) for n in range(9)),
        Row(state=HI, then=st.FALL_SPECIAL, then_air=st.FALL_SPECIAL, lag=40, lands=st.LANDING_FALL_SPECIAL,
            ledge_from=22.0, ledge_back=True, turn=(2.0, 2.0), motion=AIR_RISE),
        Row(state=HI_AIR, then_air=st.FALL_SPECIAL, lag=40, lands=st.LANDING_FALL_SPECIAL, ledge_from=22.0,
            ledge_back=True, turn=(2.0, 2.0), motion=AIR_RISE),
        Row(state=LW, falls=LW_AIR, turn=(1.0, 4.0), **_PANIC),
        Row(state=LW_CATCH, start=0, falls=LW_AIR_CATCH),
        Row(state=LW_SHOOT, falls=LW_AIR_SHOOT),
        Row(state=LW_AIR, lands=LW, vx_mul=0.5, vy_set=0.0, gravity=0.04, friction=0.0025, terminal=1.2,
            turn=(1.0, 4.0), **_PANIC),
        Row(state=LW_AIR_CATCH, start=0, lands=LW_CATCH, gravity=0.04, friction=0.0025, terminal=1.2),
        Row(state=LW_AIR_SHOOT, lands=LW_SHOOT, gravity=0.04, friction=0.0025, terminal=1.2),
    ),
)  # fmt: skip

FALL_AIR = (-0.0744, -0.3268, -0.5401, -0.7727, -1.0245, -1.2956, -1.5861, -1.8959, -2.225)
FALL = (-0.0744, -0.352, -0.6031, -0.8545, -1.1063, -1.3586, -1.6113, -1.8644, -2.1179)
"""How Fire sinks from age 31 on, in the air and from the ground; before, libmelee's recorded rise holds."""
GROUND_DRIFT = (0.5954, 0.6729, 0.6695, 0.585, 0.4195)
"""Forward from age 4 to 8 when it began on the ground."""


@njit
def chef(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """Bacon, and more of it while B is pressed."""
    if phase == ANIMATE and pl.age == SAUSAGE_AGE:
        spread = uniform(game.seed, DOMAIN_CHEF, game.game_id, game.frame, port) - 0.5
        spawn(game, t, Item.SAUSAGE, port, pl.x + 6.7 * pl.facing, pl.y + 12.5, (1.0 + 0.6 * spread) * pl.facing,
              1.04 - 0.4 * spread, pl.facing)  # fmt: skip
    elif phase == INTERRUPT and pl.pressed & B and pl.age > SAUSAGE_AGE:
        pl.count = 1
    if phase == ANIMATE and pl.count and pl.age >= 32.0:
        serial = pl.attack_serial
        enter(pl, t, pl.state)
        pl.attack_serial = serial + 1
        return True
    return False


@njit
def judge(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """The number: 1 to 9, never one of the last two."""
    if phase != START:
        return False
    draw = int(uniform(game.seed, DOMAIN_JUDGE, game.game_id, game.frame, port) * 7.0)
    last, before = int(pl.store) % 16 - 1, int(pl.store) // 16 - 1
    number = 0
    for n in range(9):
        if n in (last, before):
            continue
        if draw <= 0:
            number = n
            break
        draw -= 1
        number = n
    pl.store = (number + 1) + 16 * (last + 1)
    age, serial = pl.age, pl.attack_serial
    enter(pl, t, (S_AIR_FIRST if pl.airborne else S_FIRST) + number)
    pl.age = age
    pl.attack_serial = serial
    return False


@njit
def panic(phase: int, pl: Any, t: Any) -> bool:
    """The bucket takes projectiles; with three of them it is emptied over the enemy."""
    if phase == HIT and pl.landed_hit == 4:
        pl.bucket = min(pl.bucket + 1, BUCKET)
        enter(pl, t, LW_AIR_CATCH if pl.airborne else LW_CATCH)
        return True
    if phase == START and pl.bucket >= BUCKET:
        pl.bucket = 0
        pl.state = LW_AIR_SHOOT if pl.airborne else LW_SHOOT
        pl.age = 1.0
    return False


@njit
def fire(phase: int, pl: Any, t: Any) -> bool:
    """Up on the blanket: a fixed path that the stick tilts as it begins."""
    if phase == START:
        leave_ground(pl)
        pl.jumps = 0
        pl.sv = 0.0
        return False
    if phase != MOVE:
        return False
    age = int(pl.age)
    row = t.special[GAME_AND_WATCH_ID, pl.state - N_SPECIAL]
    if age == 3:
        x = pl.last_x  # the stick of the frame before
        pl.sv = -math.copysign(max(abs(x) - 0.25, 0.0), x) * TILT
    dy = t.special_motion[row.motion_offset + age, 1]
    if age > 30:
        dy = FALL[min(age - 31, 8)] if pl.state == HI else FALL_AIR[min(age - 31, 8)]
    if age < 3:
        dx = 0.0
    elif age == 3:
        dx = 0.765
    elif age < 9:
        dx = GROUND_DRIFT[age - 4] if pl.state == HI else 0.5884
    elif age < 23:
        dx = 0.2102
    else:
        dx = 0.3106
    dx *= pl.facing
    pl.vx = dx * math.cos(pl.sv) - dy * math.sin(pl.sv)
    pl.vy = dx * math.sin(pl.sv) + dy * math.cos(pl.sv)
    return True


@njit
def act(phase: int, pl: Any, foe: Any, t: Any, game: Any, port: int) -> bool:
    """Mr. Game & Watch's own part of a phase."""
    s = pl.state
    if s <= N_AIR:
        return bool(chef(phase, pl, t, game, port))
    if s < HI:
        return bool(judge(phase, pl, t, game, port))
    if s <= HI_AIR:
        return bool(fire(phase, pl, t))
    return bool(panic(phase, pl, t))
