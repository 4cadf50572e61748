"""Phase 6: a caught fighter hangs on its catcher: pummel, throw, or break free.

The tables give each throw's damage and launch but not its release frame; it is taken at a fixed share of the throw.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.damage import influence, take_hit
from exphil_rt.sim.enter import enter, leave_ground, to_fall, to_wait
from exphil_rt.sim.inputs import A, c_flick
from exphil_rt.sim.jit import njit

THROW_STICK = 0.5
RELEASE_SHARE = 0.45


@njit
def catch(pl: Any, foe: Any, t: Any) -> None:
    """``pl`` takes hold of ``foe``."""
    if foe.airborne or foe.held:
        return
    c = t.common[0]
    pl.gv = 0.0
    enter(pl, t, st.CATCH_PULL)
    foe.held = 1
    foe.hitstun = 0.0
    foe.hitlag = 0.0
    foe.di_pending = 0
    foe.kx = 0.0
    foe.ky = 0.0
    foe.gv = 0.0
    foe.vx = 0.0
    foe.vy = 0.0
    foe.charge = 0
    foe.facing = -pl.facing
    foe.grab_timer = c.grab_base_0 + c.grab_base_1 * foe.percent
    enter(foe, t, st.CAPTURE_PULLED_LW)


@njit
def let_go(pl: Any, foe: Any, t: Any) -> None:
    """Both are free; each at once if its state allows it."""
    foe.held = 0
    if pl.state >= st.CATCH_PULL and pl.state <= st.CATCH_ATTACK:
        enter(pl, t, st.CATCH_CUT)
    foe.gv = -foe.facing
    if pl.airborne == 0 and pl.line >= 0:
        foe.airborne = 0
        foe.line = pl.line
        enter(foe, t, st.CAPTURE_CUT)
    else:
        leave_ground(foe)
        to_fall(foe, t)


@njit
def pummel(pl: Any, foe: Any, t: Any) -> None:
    """The blow of CatchAttack: damage without knockback."""
    an = t.anim[pl.character, pl.state]
    if an.hit_frames == 0 or int(pl.age) != an.hit_first:
        return
    box = t.circles[t.hit_frames[an.hit_offset].offset]
    foe.percent = min(foe.percent + box.damage, 999.0)
    enter(foe, t, st.CAPTURE_DAMAGE_LW)
    pl.last_attack = 52


@njit
def throw(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """The release of a throw of ``pl`` (player ``port``)."""
    box = t.throws[pl.character, pl.state - st.THROW_F]
    foe.held = 0
    foe.airborne = pl.airborne
    foe.line = pl.line
    pl.last_attack = 53 + pl.state - st.THROW_F
    pl.attack_serial += 1
    pl.combo += 1
    foe.last_hit_by = port
    away = -pl.facing if pl.state == st.THROW_B else pl.facing
    take_hit(foe, t, game, 1 - port, box, box.damage, 1.0, away, 0.5)
    foe.hitlag = 0.0
    foe.di_pending = 0
    influence(foe, t)
    if st.THROWN_F <= foe.state <= st.THROWN_LW:  # a throw without knockback lets go all the same
        to_fall(foe, t)


@njit
def hold(pl: Any, foe: Any, t: Any, game: Any, port: int) -> None:
    """Phase 6 for a catcher and what it holds."""
    if foe.held == 0:
        return
    c = t.common[0]
    s = pl.state
    foe.x = pl.x + pl.facing * (t.fighters[pl.character].push_width + t.fighters[foe.character].push_width)
    foe.y = pl.y
    foe.t += 1
    if t.anim[foe.character, foe.state].start >= 0.0:
        foe.age += 1.0
    throwing = st.THROW_F <= s <= st.THROW_LW
    if not throwing and not (st.CATCH_PULL <= s <= st.CATCH_ATTACK):
        let_go(pl, foe, t)
        return
    if throwing:
        if pl.t >= int(t.anim[pl.character, s].length * RELEASE_SHARE):
            throw(pl, foe, t, game, port)
        return
    mash = foe.pressed != 0 or foe.tilt_x == 0 or foe.tilt_y == 0
    foe.grab_timer -= c.grab_timer_decrement + (c.grab_mash_decrement if mash else 0.0)
    if foe.grab_timer <= 0.0:
        let_go(pl, foe, t)
        return
    if s == st.CATCH_ATTACK:
        pummel(pl, foe, t)
        return
    if foe.state != st.CAPTURE_WAIT_LW and foe.t >= 8:
        enter(foe, t, st.CAPTURE_WAIT_LW)
    if s != st.CATCH_WAIT:
        return
    x, y = pl.stick_x, pl.stick_y
    if c_flick(pl, c):
        x, y = pl.c_x, pl.c_y
    action = 0
    if abs(x) >= THROW_STICK and abs(x) >= abs(y):
        action = st.THROW_F if x * pl.facing > 0.0 else st.THROW_B
    elif abs(y) >= THROW_STICK:
        action = st.THROW_HI if y > 0.0 else st.THROW_LW
    elif pl.pressed & A:
        enter(pl, t, st.CATCH_ATTACK)
        return
    if action:
        enter(pl, t, action)
        enter(foe, t, st.THROWN_F + action - st.THROW_F)


@njit
def resolve(a: Any, b: Any, t: Any, game: Any) -> None:
    """Phase 6 of a game."""
    hold(a, b, t, game, 0)
    hold(b, a, t, game, 1)
    if a.held and b.held:  # cannot happen; never leave two fighters frozen
        a.held = 0
        b.held = 0
        to_wait(a, t)
        to_wait(b, t)
