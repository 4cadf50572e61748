"""Fighters whose specials are the plain kind (``generic``), with the little that each of them needs beyond it.

Pikachu's and Pichu's Quick Attack is one straight dash along the stick instead of two.
"""

from __future__ import annotations

import math
from typing import Any, Final

from exphil_rt.game import states as st
from exphil_rt.game.frames import Button
from exphil_rt.game.ids import Item
from exphil_rt.sim.enter import enter, leave_ground
from exphil_rt.sim.items import spawn
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import accelerate, toward_zero
from exphil_rt.sim.specials.generic import generic
from exphil_rt.sim.specials.rows import ANIMATE, INTERRUPT, LANDED, MOVE, START, STAY, Row, Specials

DONKEY_KONG: Final = generic((372, 377), (379, 380), (381, 382), (384, 0), lag=36)
KIRBY: Final = generic((353, 371), (383, 384), (390, 390), (396, 396), lag=15)
BOWSER: Final = generic((342, 345), (347, 353), (359, 360), (361, 362), lag=20)
NESS: Final = generic((350, 354), (356, 357), (365, 365), (368, 373), lag=30)
SAMUS: Final = generic((346, 348), (349, 351), (353, 354), (355, 356), lag=24)
YOSHI: Final = generic((346, 351), (357, 358), (364, 365), (366, 368), lag=10)
LUIGI: Final = generic((341, 342), (345, 351), (355, 356), (357, 358), lag=40)

HI_GONE, HI_END, HI_AIR_GONE, HI_AIR_END = 354, 355, 357, 358
B = Button.B
DASH_FRAMES, DASH_SPEED, DASH_AGE = 8, 7.0, 14.0


def _electric() -> Specials:
    plain = generic((341, 342), (345, 350), (HI_GONE, HI_AIR_GONE), (361, 365))
    ended: dict[str, Any] = {"then": st.FALL_SPECIAL, "then_air": st.FALL_SPECIAL, "lag": 20.0,
                             "lands": st.LANDING_FALL_SPECIAL, "ledge_from": 1.0, "ledge_back": True}  # fmt: skip
    dash = tuple(Row(state=s, start=14, length=0, safe=(0.0, 0.0), **ended) for s in (HI_GONE, HI_AIR_GONE))
    rest = tuple(row for row in plain.rows if row.state not in (HI_GONE, HI_AIR_GONE))
    return Specials(
        neutral=plain.neutral, side=plain.side, up=plain.up, down=plain.down,
        rows=(*rest, *dash, Row(state=HI_END, start=0), Row(state=HI_AIR_END, start=0, **ended)),
    )  # fmt: skip


PIKACHU: Final = _electric()
PICHU: Final = PIKACHU


# Squall Hammer, of five of them in a real replay: each B lifts, and the stick steers, until it has spun.
SQUALL, SQUALL_AIR = 343, 345
SQUALL_SPEED, SQUALL_GROUND, SQUALL_STEER, SQUALL_SLOWS = 1.2, 0.9, 0.08, 0.02
SQUALL_LIFT, SQUALL_GRAVITY, SQUALL_SPUN = 0.6, 0.1, 57.0


def _alone() -> Specials:
    """Popo without Nana: a short squall and a hop (real replays)."""
    plain = generic((341, 342), (343, 345), (352, 352), (357, 358), lag=30)
    squall: dict[str, Any] = {
        "start": 1.0,
        "vx_set": 1.78,
        "vy_set": 1.2,
        "gravity": SQUALL_GRAVITY,
        "terminal": 3.0,  # real replays: 2.3, and still falling faster
        "friction": 0.0,
    }
    rest = tuple(row for row in plain.rows if row.state not in (345, 352))
    ended: dict[str, Any] = {"lag": 30.0, "lands": st.LANDING_FALL_SPECIAL, "ledge_from": 8.0, "ledge_back": True}
    return Specials(
        neutral=plain.neutral, side=plain.side, up=plain.up, down=plain.down,
        rows=(
            *rest, Row(state=345, lands=343, **squall),
            Row(state=HOP_START, length=5, then=HOP, then_air=HOP, vx_mul=0.1, vy_mul=0.1, gravity=0.03, friction=0.02,
                lands=STAY),
            Row(state=HOP, start=5, length=17, then=HOP_END, then_air=HOP_END, gravity=0.1, **ended),
            Row(state=HOP_END, start=0, length=43, then=st.FALL_SPECIAL, then_air=st.FALL_SPECIAL, gravity=0.1,
                terminal=1.5, **ended),
        ),
    )  # fmt: skip


HOP_START, HOP, HOP_END = 352, 355, 356
HOP_AGE, HOP_SPEED = 6.0, 1.8
ICE_CLIMBERS: Final = _alone()


@njit
def quick_attack(phase: int, pl: Any, t: Any) -> bool:
    """A dash along the stick."""
    s = pl.state
    if s not in (HI_GONE, HI_AIR_GONE):
        return False
    if phase == START:
        x, y = pl.stick_x, pl.stick_y
        angle = math.atan2(y, x) if abs(x) + abs(y) > 0.3 else math.pi * 0.5
        pl.vx = DASH_SPEED * math.cos(angle)
        pl.vy = DASH_SPEED * math.sin(angle)
        pl.jumps = 0
        leave_ground(pl)
        pl.state = HI_AIR_GONE
        if pl.vx * pl.facing < -0.1:
            pl.facing = -pl.facing
    elif phase == ANIMATE:
        pl.age = DASH_AGE
        if pl.t >= DASH_FRAMES:
            pl.vx *= 0.15
            pl.vy *= 0.15
            enter(pl, t, HI_AIR_END)
            return True
    return phase == MOVE


@njit
def fireball(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """Luigi's."""
    if phase == ANIMATE and pl.state <= 342 and pl.age == 17.0:
        spawn(game, t, Item.LUIGI_FIREBALL, port, pl.x + 8.0 * pl.facing, pl.y + 7.0, 1.4 * pl.facing, 0.0, pl.facing)
    return False


@njit
def charge_shot(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """Samus's shot at its least charge, and her missiles."""
    s = pl.state
    if phase == ANIMATE and s in (346, 348) and pl.age == 2.0:
        spawn(game, t, Item.CHARGE_SHOT, port, pl.x + 10.0 * pl.facing, pl.y + 9.0, 2.0 * pl.facing, 0.0, pl.facing)
    elif phase == ANIMATE and s in (349, 351) and pl.age == 22.0:
        spawn(game, t, Item.MISSILE, port, pl.x + 10.0 * pl.facing, pl.y + 9.0, 1.2 * pl.facing, 0.0, pl.facing)
    return False


@njit
def ice(phase: int, pl: Any, t: Any, game: Any, port: int) -> bool:
    """The Ice Climbers' block of ice."""
    if phase == ANIMATE and pl.state <= 342 and pl.age == 20.0:
        spawn(game, t, Item.ICE_BLOCK, port, pl.x + 9.0 * pl.facing, pl.y + 8.0, 1.5 * pl.facing, 0.0, pl.facing)
    elif phase == ANIMATE and pl.state == SQUALL_AIR and pl.age == 2.0:
        pl.vx = SQUALL_SPEED * pl.facing  # after the push of the first frame
    elif phase == INTERRUPT and pl.pressed & B and 2.0 < pl.age < SQUALL_SPUN:
        if pl.state == SQUALL_AIR:
            pl.vy += SQUALL_LIFT
        elif pl.state == SQUALL:
            leave_ground(pl)
            pl.state = SQUALL_AIR
            pl.vx = pl.gv
            pl.vy = SQUALL_LIFT + SQUALL_GRAVITY
    elif phase == MOVE and pl.state == SQUALL_AIR and pl.age >= 2.0:
        if pl.age >= SQUALL_SPUN:
            pl.vx = toward_zero(pl.vx, SQUALL_SLOWS)
            pl.vy = max(pl.vy, SQUALL_GRAVITY - t.fighters[pl.character].terminal_vel)
        else:
            x = pl.stick_x
            goal = SQUALL_SPEED if x > 0.0 else -SQUALL_SPEED if x < 0.0 else 0.0
            pl.vx = accelerate(pl.vx, SQUALL_STEER * x, goal, SQUALL_SLOWS)
    elif phase == LANDED and pl.state == SQUALL:
        pl.gv = min(max(pl.gv, -SQUALL_GROUND), SQUALL_GROUND)
    elif phase == ANIMATE and pl.state == HOP and pl.age == HOP_AGE:
        leave_ground(pl)
        pl.jumps = 0
        pl.vy = HOP_SPEED
    return False
