"""Phase 7: hitboxes against bodies, shields and hitboxes, both ways at once.

Hitboxes are libmelee's recorded circles; bodies are capsules (``hurt``).
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.damage import hitlag_frames, push_stale, stale_factor, take_hit, use_of
from exphil_rt.sim.enter import enter
from exphil_rt.sim.grab import catch
from exphil_rt.sim.hit_table import EMPTY, GRAB
from exphil_rt.sim.hurt import struck_part, touches_body
from exphil_rt.sim.jit import njit
from exphil_rt.sim.shield import block, guards, recoil, shield_place, shield_radius, strength
from exphil_rt.sim.specials.rows import COUNTER

CHARGE_BONUS = 0.3671
CLANK_RANGE = 9.0


@njit
def active(pl: Any, t: Any) -> int:
    """Row of the hitboxes that are out on this frame, -1 for none; in hitlag they strike others (real replays)."""
    an = t.anim[pl.character, pl.state]
    k = int(pl.age) - an.hit_first
    if an.hit_frames == 0 or k < 0 or k >= an.hit_frames:
        return -1
    if st.CATCH_ATTACK <= pl.state <= st.THROW_LW:  # grab.py deals these
        return -1
    row = an.hit_offset + k
    return -1 if t.hit_frames[row].count == 0 else int(row)


@njit
def fresh(pl: Any, m: int, t: Any) -> int:
    """Row of the hitboxes that are out and have not met fighter ``m`` yet, -1 for none."""
    if pl.out < 0 or pl.held:
        return -1
    return -1 if t.hit_frames[pl.out].epoch == (pl.hit_epoch if m < 2 else pl.hit_epoch_2) else int(pl.out)


@njit
def spend(pl: Any, m: int, epoch: int) -> None:
    """The hitboxes of ``epoch`` have met fighter ``m``."""
    if m < 2:
        pl.hit_epoch = epoch
    else:
        pl.hit_epoch_2 = epoch


@njit
def touchable(pl: Any, t: Any) -> bool:
    """Neither intangible, nor dead, nor held."""
    s = pl.state
    if s <= st.REBIRTH_WAIT or st.ENTRY <= s <= st.ENTRY_END or pl.held or pl.intangible > 0:
        return False
    an = t.anim[pl.character, s]
    return not (an.safe_to > 0.0 and an.safe_from <= pl.age < an.safe_to)


@njit
def strikes(box: Any, foe: Any) -> bool:
    """The hitbox is for fighters who stand, or fly, as ``foe`` does."""
    return bool(box.element != EMPTY and (box.hit_air if foe.airborne else box.hit_ground) != 0)


@njit
def find(pl: Any, foe: Any, t: Any, row: int) -> tuple[int, bool]:
    """The first hitbox of ``row`` that touches ``foe``, -1 for none, and whether it met the shield.

    Each is tried against the shield, then against the body, before the next one.
    """
    frame = t.hit_frames[row]
    guarded = guards(foe)
    middle_x, middle_y, radius = foe.x, foe.y, 0.0
    if guarded:
        middle_x, middle_y = shield_place(foe, t)
        radius = shield_radius(foe, t.fighters[foe.character], t.common[0])
    lying = st.DOWN_BOUND_U <= foe.state < st.DOWN_STAND_U or st.DOWN_BOUND_D <= foe.state < st.DOWN_STAND_D
    for n in range(frame.offset, frame.offset + frame.count):
        box = t.circles[n]
        if not strikes(box, foe) or (box.element == GRAB and lying):
            continue
        x, y = pl.x + pl.facing * box.x, pl.y + box.y
        if guarded and box.element != GRAB:
            dx, dy, reach = x - middle_x, y - middle_y, box.radius + radius
            if dx * dx + dy * dy <= reach * reach:
                return int(n), True
        if touches_body(x, y, box.radius, foe, t):
            return int(n), False
    return -1, False


@njit
def clank(a: Any, b: Any, t: Any, n: int, m: int) -> bool:
    """Two grounded attacks that meet stop the weaker one, or both when they are near in damage; whether they met."""
    row_a, row_b = a.out, b.out
    fa, fb = t.hit_frames[row_a], t.hit_frames[row_b]
    for j in range(fa.count):
        p = t.circles[fa.offset + j]
        for k in range(fb.count):
            q = t.circles[fb.offset + k]
            if p.element >= EMPTY or q.element >= EMPTY:
                continue
            dx = a.x + a.facing * p.x - b.x - b.facing * q.x
            dy = a.y + p.y - b.y - q.y
            reach = p.radius + q.radius
            if dx * dx + dy * dy > reach * reach:
                continue
            c = t.common[0]
            lag = hitlag_frames(max(p.damage, q.damage), False, False, c)
            a_stops = p.damage < q.damage + CLANK_RANGE
            b_stops = q.damage < p.damage + CLANK_RANGE
            spend(a, m, fa.epoch)
            spend(b, n, fb.epoch)
            a.out = -1
            b.out = -1
            a.hitlag = lag
            b.hitlag = lag
            if a_stops:
                enter(a, t, st.REBOUND)
            if b_stops:
                enter(b, t, st.REBOUND)
            return True
    return False


@njit
def counters(pl: Any, t: Any) -> bool:
    """The fighter's special turns a blow back on this frame."""
    if pl.state < st.FIRST_SPECIAL:
        return False
    row = t.special[pl.character, pl.state - st.FIRST_SPECIAL]
    return bool(row.guard == COUNTER and row.guard_from <= pl.age < row.guard_to)


@njit
def strike(pl: Any, foe: Any, t: Any, game: Any, n: int, m: int, row: int, circle: int, shielded: bool) -> None:
    """``pl`` (fighter ``n``) hits ``foe`` (fighter ``m``) with a hitbox."""
    c = t.common[0]
    box = t.circles[circle]
    epoch = t.hit_frames[row].epoch
    unhurt = pl.state == pl.out_state
    if unhurt:
        spend(pl, m, epoch)
    pl.met = m
    if box.element == GRAB and pl.out_state >= st.FIRST_SPECIAL:
        pl.landed_hit = 3
        return
    pl.landed_hit = 2 if shielded else 1
    if box.element == GRAB:
        if not shielded and unhurt:
            catch(pl, foe, t, n)
        return
    move = int(t.anim[pl.character, pl.out_state].attack)
    charge = 1.0 + CHARGE_BONUS * pl.out_charge / 60.0
    damage = box.damage * charge * pl.made
    lag = hitlag_frames(damage, False, False, c)
    pl.hitlag = max(pl.hitlag, lag)
    if counters(foe, t):
        foe.landed_hit = 5
        foe.met = n
        return
    if shielded:
        direction = 1.0 if foe.x > pl.x else -1.0
        recoil(pl, damage, direction, strength(foe, c), c)
        block(foe, t, box, damage, lag, direction)
        return
    if foe.invincible > 0:
        return
    push_stale(game, n & 1, move, use_of(pl, n))
    pl.last_attack = move
    pl.combo = pl.combo + 1 if foe.hitstun > 0.0 else 1
    foe.last_hit_by = n & 1
    at = t.fighters[foe.character]
    part = struck_part(pl.x + pl.facing * box.x, pl.y + box.y, box.radius, foe, at, t)
    gap = foe.x - pl.x
    direction = pl.facing if gap == 0.0 else (1.0 if gap > 0.0 else -1.0)
    take_hit(foe, t, game, m, box, damage, charge, direction, part)


@njit
def meet(a: Any, b: Any, n: int, m: int, t: Any, game: Any) -> None:
    """Fighters ``n`` and ``m`` of the two sides."""
    row_a = fresh(a, m, t)
    row_b = fresh(b, n, t)
    if row_a < 0 and row_b < 0:
        return
    if row_a >= 0 and row_b >= 0 and not a.airborne and not b.airborne and clank(a, b, t, n, m):
        return
    hit_a, shield_a, hit_b, shield_b = -1, False, -1, False
    if row_a >= 0 and touchable(b, t):
        hit_a, shield_a = find(a, b, t, row_a)
    if row_b >= 0 and touchable(a, t):
        hit_b, shield_b = find(b, a, t, row_b)
    # both contacts are judged before either takes effect, so that hits can trade
    if hit_a >= 0:
        strike(a, b, t, game, n, m, row_a, hit_a, shield_a)
    if hit_b >= 0 and not a.held and not b.held:
        strike(b, a, t, game, m, n, row_b, hit_b, shield_b)


@njit
def ready(pl: Any, t: Any, game: Any, side: int) -> bool:
    """Note the hitboxes that are out on this frame; whether there are any. They are as stale as they were made."""
    row = active(pl, t)
    pl.out = row
    if row < 0:
        return False
    pl.out_state = pl.state
    pl.out_charge = pl.charge
    epoch = t.hit_frames[row].epoch
    if pl.made_epoch != epoch:
        pl.made_epoch = epoch
        pl.made = stale_factor(game, side, t.anim[pl.character, pl.state].attack, t.common[0])
    return True


@njit
def hits(a: Any, b: Any, c: Any, d: Any, count: int, t: Any, game: Any) -> None:
    """Phase 7 of a game of ``count`` fighters: players ``a`` and ``b``, their followers ``c`` and ``d``."""
    busy_a = ready(a, t, game, 0)
    busy = ready(b, t, game, 1) or busy_a
    if count == 2:
        if busy:
            meet(a, b, 0, 1, t, game)
        return
    busy_c = ready(c, t, game, 0)
    busy = ready(d, t, game, 1) or busy_c or busy
    if busy:
        for n in range(0, count, 2):
            for m in range(1, count, 2):
                meet(a if n == 0 else c, b if m == 1 else d, n, m, t, game)
