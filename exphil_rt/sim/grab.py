"""Phase 6: a caught fighter hangs on its catcher: pummel, throw, or break free.

Blows of a pummel or throw on the one that is held do damage without a launch; a throw lets go at an age of its own.
"""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.damage import hitlag_frames, influence, push_stale, stale_factor, take_hit, use_of
from exphil_rt.sim.enter import enter, leave_ground, start_attack, to_fall, to_wait
from exphil_rt.sim.hit_table import ELECTRIC
from exphil_rt.sim.hurt import BODY
from exphil_rt.sim.inputs import A
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import decay_knockback

THROW_C = 0.35  # of the c-stick (real replays: not at 0.31, but at 0.39)
PULL_END = 8.0  # ages at which the pull of a standing grab ends; a dash grab's, one after its last frame
CATCH_DASH_PULL = st.CATCH_DASH + 1
CAPTURE_WAIT_HI = st.CAPTURE_PULLED_HI + 1
CAPTURE_DAMAGE_HI = st.CAPTURE_PULLED_HI + 2
DAMAGE_SHOWN = 20  # frames that a pummel shows on its victim (real replays)


@njit
def catch(pl: Any, foe: Any, t: Any, n: int) -> None:
    """``pl`` (fighter ``n``) takes hold of ``foe``."""
    if foe.held:
        return
    c = t.common[0]
    pl.gv = 0.0
    pl.push_x = 0.0
    foe.push_x = 0.0
    age = pl.age
    dashing = pl.state == st.CATCH_DASH
    enter(pl, t, CATCH_DASH_PULL if dashing else st.CATCH_PULL)
    pl.age = age  # the grab's animation goes on
    foe.held = n + 1
    foe.hitstun = 0.0
    foe.hitlag = 0.0
    foe.di_pending = 0
    foe.kx = 0.0
    foe.ky = 0.0
    foe.gv = 0.0
    foe.vx = 0.0
    foe.vy = 0.0
    foe.charge = 0
    foe.fastfall = 0
    foe.tumble = 0
    foe.ledge = 0
    foe.facing = -pl.facing
    foe.grab_timer = c.grab_base_0 + c.grab_base_1 * foe.percent
    enter(foe, t, st.CAPTURE_PULLED_HI if foe.airborne else st.CAPTURE_PULLED_LW)


@njit
def let_go(pl: Any, foe: Any, t: Any) -> None:
    """Both are free; each at once if its state allows it."""
    foe.held = 0
    if st.CATCH_PULL <= pl.state <= st.CATCH_ATTACK:
        enter(pl, t, st.CATCH_CUT)
    foe.gv = -foe.facing
    if pl.airborne == 0 and pl.line >= 0:
        foe.airborne = 0
        foe.jumps = int(t.fighters[foe.character].max_jumps)
        foe.line = pl.line
        foe.y = pl.y
        enter(foe, t, st.CAPTURE_CUT)
    else:
        leave_ground(foe)
        foe.y = max(foe.y, pl.y)  # never let go of inside the stage
        foe.prev_y = foe.y
        to_fall(foe, t)


@njit
def blows(pl: Any, foe: Any, t: Any, game: Any, n: int) -> None:
    """Blows of fighter ``n``'s CatchAttack and throws on the one that is held: damage and hitlag without knockback."""
    an = t.anim[pl.character, pl.state]
    k = int(pl.age) - an.hit_first
    if an.hit_frames == 0 or k < 0 or k >= an.hit_frames:
        return
    row = t.hit_frames[an.hit_offset + k]
    if row.count == 0 or row.epoch == pl.hit_epoch:
        return
    pl.hit_epoch = row.epoch
    c = t.common[0]
    box = t.circles[row.offset]
    if box.damage <= 0.0:
        return
    move = int(t.anim[pl.character, pl.state].attack)
    damage = box.damage * stale_factor(game, n & 1, move, c)
    foe.percent = min(foe.percent + damage, 999.0)
    pl.hitlag = hitlag_frames(damage, False, False, c)
    foe.hitlag = hitlag_frames(damage, box.element == ELECTRIC, False, c)
    push_stale(game, n & 1, move, use_of(pl, n))
    pl.last_attack = move
    pl.combo += 1
    if pl.state == st.CATCH_ATTACK:
        enter(foe, t, CAPTURE_DAMAGE_HI if foe.airborne else st.CAPTURE_DAMAGE_LW)


@njit
def throw(pl: Any, foe: Any, t: Any, game: Any, n: int, m: int) -> None:
    """The release of a throw of ``pl`` (fighter ``n``); ``foe`` is fighter ``m``."""
    number = pl.state - st.THROW_F
    box = t.throws[pl.character, number]
    place = t.releases[pl.character, number]
    c = t.common[0]
    move = 53 + number
    if pl.state == st.THROW_B and box.angle < 90.0:
        pl.facing = -pl.facing  # the table's angle is along the facing after the turn
    damage = box.damage * pl.made
    push_stale(game, n & 1, move, use_of(pl, n))
    pl.last_attack = move
    pl.combo += 1
    foe.held = 0
    foe.last_hit_by = n & 1
    foe.x = pl.x + pl.facing * place.x
    foe.y = pl.y + max(place.y, 0.0)
    foe.prev_x = foe.x
    foe.prev_y = foe.y
    foe.kx = 0.0
    foe.ky = 0.0
    foe.airborne = 1
    foe.air_frames = 0
    foe.jumps = min(foe.jumps, int(t.fighters[foe.character].max_jumps) - 1)
    foe.last_line = pl.line
    foe.line = -1
    take_hit(foe, t, game, m, box, damage, 1.0, pl.facing, BODY)
    foe.hitlag = 0.0
    foe.di_pending = 0
    influence(foe, t)
    decay_knockback(foe, t.fighters[foe.character], c)
    if box.angle == 270.0 and pl.airborne == 0 and pl.line >= 0:  # thrown into the ground: what DI makes of it slides
        foe.airborne = 0
        foe.jumps = int(t.fighters[foe.character].max_jumps)
        foe.line = pl.line
        foe.x += foe.kx
        foe.y = pl.y
        foe.ky = 0.0
        foe.hitstun = 0.0
        enter(foe, t, st.DOWN_BOUND_U)
    if st.THROWN_F <= foe.state <= st.THROWN_LW:  # a throw without knockback lets go all the same
        to_fall(foe, t)


@njit
def carry_thrown(pl: Any, foe: Any, t: Any) -> None:
    """Put who is thrown where its thrower carries it, if a replay showed where."""
    places = t.thrown[pl.character, pl.state - st.THROW_F]
    n = min(int(pl.age), len(places) - 2)
    share = min(pl.age - n, 1.0)
    x = places[n, 0] + share * (places[n + 1, 0] - places[n, 0])
    if math.isnan(x):
        return
    foe.x = pl.x + pl.facing * x
    foe.y = pl.y + places[n, 1] + share * (places[n + 1, 1] - places[n, 1])


@njit
def hold(pl: Any, foe: Any, t: Any, game: Any, n: int, m: int) -> None:
    """Phase 6 for a catcher (fighter ``n``) and what it holds (fighter ``m``)."""
    s = pl.state
    c = t.common[0]
    throwing = st.THROW_F <= s <= st.THROW_LW
    if not throwing and not (st.CATCH_PULL <= s <= st.CATCH_ATTACK):
        let_go(pl, foe, t)
        return
    if pl.hitlag > 0.0:
        return
    pulling = s == st.CATCH_PULL or s == CATCH_DASH_PULL
    stand_before(pl, foe, t)
    foe.t += 1
    if throwing:
        foe.age = pl.age
        foe.facing = pl.facing
        carry_thrown(pl, foe, t)
        blows(pl, foe, t, game, n)
        if pl.hitlag <= 0.0 and pl.age > t.releases[pl.character, s - st.THROW_F].after:
            throw(pl, foe, t, game, n, m)
        return
    if t.anim[foe.character, foe.state].start >= 0.0:
        foe.age += 1.0
    mash = foe.pressed != 0 or foe.tilt_x == 0 or foe.tilt_y == 0
    foe.grab_timer -= c.grab_timer_decrement + (c.grab_mash_decrement if mash else 0.0)
    if foe.grab_timer <= 0.0:
        let_go(pl, foe, t)
        return
    high = foe.airborne != 0
    if pulling:
        last = t.anim[pl.character, st.CATCH_DASH]
        end = PULL_END if s == st.CATCH_PULL else float(last.hit_first + last.hit_frames)
        if pl.age >= end:
            enter(pl, t, st.CATCH_WAIT)
            enter(foe, t, CAPTURE_WAIT_HI if high else st.CAPTURE_WAIT_LW)
            stand_before(pl, foe, t)
            begin_throw(pl, foe, t, game, n)  # on the same frame (real replays)
        return
    if s == st.CATCH_ATTACK:
        blows(pl, foe, t, game, n)
    if (foe.state == st.CAPTURE_DAMAGE_LW or foe.state == CAPTURE_DAMAGE_HI) and foe.t >= DAMAGE_SHOWN:
        enter(foe, t, CAPTURE_WAIT_HI if high else st.CAPTURE_WAIT_LW)
    if s == st.CATCH_WAIT:
        begin_throw(pl, foe, t, game, n)


@njit
def stand_before(pl: Any, foe: Any, t: Any) -> None:
    """Put who is held where its catcher holds it: pulled to the hand at first, then nearer or further."""
    at = t.fighters[pl.character]
    reach = at.held_wait
    if pl.state == st.CATCH_PULL:
        reach = at.held_pull
    elif pl.state == CATCH_DASH_PULL:
        reach = at.held_dash_pull
    foe.x = pl.x + pl.facing * (reach + t.fighters[foe.character].held_back)
    foe.y = pl.y


@njit
def begin_throw(pl: Any, foe: Any, t: Any, game: Any, n: int) -> None:
    """A throw or a pummel out of CatchWait."""
    # only a push out of the middle throws (real replays)
    x = pl.stick_x if pl.tilt_x == 0 else 0.0
    y = pl.stick_y if pl.tilt_y == 0 else 0.0
    if max(abs(pl.last_cx), abs(pl.last_cy)) < THROW_C:
        x = pl.c_x if abs(pl.c_x) >= THROW_C else x
        y = pl.c_y if abs(pl.c_y) >= THROW_C else y
    action = 0
    if x != 0.0 and abs(x) >= abs(y):
        action = st.THROW_F if x * pl.facing > 0.0 else st.THROW_B
    elif y != 0.0:
        action = st.THROW_HI if y > 0.0 else st.THROW_LW
    elif pl.pressed & A:
        start_attack(pl, t, st.CATCH_ATTACK)
        return
    if action:
        start_attack(pl, t, action)
        pl.made = stale_factor(
            game, n & 1, t.anim[pl.character, action].attack, t.common[0]
        )  # its own blows come later
        enter(foe, t, st.THROWN_F + action - st.THROW_F)
        weighted = t.releases[pl.character, action - st.THROW_F].weighted
        pl.rate = THROW_SPEED / t.fighters[foe.character].weight if weighted else 1.0
        pl.age = pl.rate
        foe.age = pl.rate
        foe.facing = pl.facing
        carry_thrown(pl, foe, t)


THROW_SPEED = 100.0


@njit
def grip(pl: Any, t: Any) -> None:
    """Phase 6 for one who holds nobody."""
    if pl.state == st.CATCH_PULL or CATCH_DASH_PULL <= pl.state <= st.CATCH_ATTACK:
        enter(pl, t, st.CATCH_CUT)  # what it held is gone


@njit
def resolve(a: Any, b: Any, c: Any, d: Any, count: int, t: Any, game: Any) -> None:
    """Phase 6 of a game of ``count`` fighters: players ``a`` and ``b``, their followers ``c`` and ``d``."""
    if count == 2 and a.held == 0 and b.held == 0:
        grip(a, t)
        grip(b, t)
        return
    for n in range(count):
        pl = a if n == 0 else b if n == 1 else c if n == 2 else d
        m = 1 - (n & 1)
        foe = a if n & 1 else b
        if foe.held != n + 1:
            foe = c if n & 1 else d
            m += 2
        if m < count and foe.held == n + 1:
            hold(pl, foe, t, game, n, m)
        else:
            grip(pl, t)
    for n in range(count):
        pl = a if n == 0 else b if n == 1 else c if n == 2 else d
        if pl.held:
            k = pl.held - 1
            catcher = a if k == 0 else b if k == 1 else c if k == 2 else d
            if catcher.held:  # cannot happen; never leave two fighters frozen
                pl.held = 0
                catcher.held = 0
                to_wait(pl, t)
                to_wait(catcher, t)
