"""Phase 7: hitboxes against bodies, shields and hitboxes, both ways at once.

Hitboxes are libmelee's recorded circles; bodies are capsules (``hurt``).
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.damage import hitlag_frames, push_stale, stale_factor, take_hit
from exphil_rt.sim.enter import enter
from exphil_rt.sim.grab import catch
from exphil_rt.sim.hit_table import EMPTY, GRAB
from exphil_rt.sim.hurt import struck_part, touches_body
from exphil_rt.sim.jit import njit
from exphil_rt.sim.shield import block, guards, recoil, shield_radius, shield_x, shield_y
from exphil_rt.sim.specials.rows import COUNTER

CHARGE_BONUS = 0.3671
CLANK_RANGE = 9.0
PUSH = 0.3  # units a frame that fighters inside each other drift apart (real replays: exact)


@njit
def attack_id(pl: Any, t: Any) -> int:
    """Slippi's id of the attack (the one staling counts by)."""
    state = int(pl.state)
    if state >= st.FIRST_SPECIAL:
        return int(t.special[pl.character, state - st.FIRST_SPECIAL].attack)
    if st.ATTACK_11 <= state <= st.ATTACK_13:
        return state - st.ATTACK_11 + 2
    if state <= st.ATTACK_100_END:
        return 5
    if state == st.ATTACK_DASH:
        return 6
    if state <= st.ATTACK_S3_LW:
        return 7
    if state <= st.ATTACK_LW_3:
        return 8 + state - st.ATTACK_HI_3
    if state < st.ATTACK_HI_4:
        return 10
    if state <= st.ATTACK_AIR_LW:
        return 11 + state - st.ATTACK_HI_4
    if state == st.DOWN_ATTACK_U or state == st.DOWN_ATTACK_D:
        return 50
    if state == st.CATCH_ATTACK:
        return 52
    if st.LANDING_AIR_N <= state <= st.LANDING_AIR_LW:
        return 13 + state - st.LANDING_AIR_N
    if st.THROW_F <= state <= st.THROW_LW:
        return 53 + state - st.THROW_F
    if state == st.CLIFF_ATTACK_SLOW or state == st.CLIFF_ATTACK_QUICK:
        return 61
    return 1


@njit
def active(pl: Any, t: Any) -> int:
    """Row of the hitboxes that are out on this frame, -1 for none."""
    an = t.anim[pl.character, pl.state]
    k = int(pl.age) - an.hit_first
    if an.hit_frames == 0 or k < 0 or k >= an.hit_frames or pl.hitlag > 0.0:
        return -1
    if st.CATCH_ATTACK <= pl.state <= st.THROW_LW:  # grab.py deals these
        return -1
    row = an.hit_offset + k
    frame = t.hit_frames[row]
    if frame.count == 0 or frame.epoch == pl.hit_epoch:
        return -1
    return int(row)


@njit
def touchable(pl: Any, t: Any) -> bool:
    """Neither intangible, nor dead, nor held."""
    s = pl.state
    if s <= st.REBIRTH_WAIT or st.ENTRY <= s <= st.ENTRY_END or pl.held or pl.intangible > 0:
        return False
    an = t.anim[pl.character, s]
    return not (an.safe_to > 0.0 and an.safe_from <= pl.age < an.safe_to)


@njit
def find(pl: Any, foe: Any, t: Any, row: int) -> tuple[int, bool]:
    """The first hitbox of ``row`` that touches ``foe``, -1 for none, and whether it met the shield."""
    frame = t.hit_frames[row]
    at = t.fighters[foe.character]
    guarding = guards(foe)
    lying = st.DOWN_BOUND_U <= foe.state < st.DOWN_STAND_U or st.DOWN_BOUND_D <= foe.state < st.DOWN_STAND_D
    for n in range(frame.count):
        box = t.circles[frame.offset + n]
        if box.element == EMPTY:
            continue
        if (foe.airborne and not box.hit_air) or (not foe.airborne and not box.hit_ground):
            continue
        if box.element == GRAB and lying:
            continue
        x = pl.x + pl.facing * box.x
        y = pl.y + box.y
        if guarding and box.element != GRAB:
            dx, dy = x - shield_x(foe), y - shield_y(foe, at)
            reach = box.radius + shield_radius(foe, at, t.common[0])
            if dx * dx + dy * dy <= reach * reach:
                return frame.offset + n, True
        if touches_body(x, y, box.radius, foe, t):
            return frame.offset + n, False
    return -1, False


@njit
def clank(a: Any, b: Any, t: Any, row_a: int, row_b: int) -> None:
    """Two grounded attacks that meet stop the weaker one, or both when they are near in damage."""
    fa, fb = t.hit_frames[row_a], t.hit_frames[row_b]
    for n in range(fa.count):
        p = t.circles[fa.offset + n]
        for m in range(fb.count):
            q = t.circles[fb.offset + m]
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
            a.hit_epoch = fa.epoch
            b.hit_epoch = fb.epoch
            a.hitlag = lag
            b.hitlag = lag
            if a_stops:
                enter(a, t, st.REBOUND)
            if b_stops:
                enter(b, t, st.REBOUND)
            return


@njit
def counters(pl: Any, t: Any) -> bool:
    """The fighter's special turns a blow back on this frame."""
    if pl.state < st.FIRST_SPECIAL:
        return False
    row = t.special[pl.character, pl.state - st.FIRST_SPECIAL]
    return bool(row.guard == COUNTER and row.guard_from <= pl.age < row.guard_to)


@njit
def strike(pl: Any, foe: Any, t: Any, game: Any, port: int, row: int, circle: int, shielded: bool) -> None:
    """``pl`` (player ``port``) hits ``foe`` with a hitbox."""
    c = t.common[0]
    box = t.circles[circle]
    pl.hit_epoch = t.hit_frames[row].epoch
    if box.element == GRAB and pl.state >= st.FIRST_SPECIAL:
        pl.landed_hit = 3
        return
    pl.landed_hit = 2 if shielded else 1
    if box.element == GRAB:
        if not shielded:
            catch(pl, foe, t)
        return
    move = attack_id(pl, t)
    charge = 1.0 + CHARGE_BONUS * pl.charge / 60.0
    damage = box.damage * charge * stale_factor(pl, move, c)
    lag = hitlag_frames(damage, False, False, c)
    pl.hitlag = lag
    if counters(foe, t):
        foe.landed_hit = 5
        return
    if shielded:
        direction = 1.0 if foe.x > pl.x else -1.0
        block(foe, t, box, damage, lag, direction)
        recoil(pl, damage, direction, c)
        return
    if foe.invincible > 0:
        return
    push_stale(pl, move)
    pl.last_attack = move
    pl.combo = pl.combo + 1 if foe.hitstun > 0.0 else 1
    foe.last_hit_by = port
    at = t.fighters[foe.character]
    part = struck_part(pl.y + box.y, box.radius, foe, at)
    gap = foe.x - pl.x
    direction = pl.facing if gap == 0.0 else (1.0 if gap > 0.0 else -1.0)
    take_hit(foe, t, game, 1 - port, box, damage, charge, direction, part)


@njit
def hits(a: Any, b: Any, t: Any, game: Any) -> None:
    """Phase 7 of a game."""
    row_a = active(a, t)
    row_b = active(b, t)
    if row_a < 0 and row_b < 0:
        return
    if row_a >= 0 and row_b >= 0 and not a.airborne and not b.airborne:
        clank(a, b, t, row_a, row_b)
        row_a = active(a, t)
        row_b = active(b, t)
    hit_a, shield_a, hit_b, shield_b = -1, False, -1, False
    if row_a >= 0 and touchable(b, t):
        hit_a, shield_a = find(a, b, t, row_a)
    if row_b >= 0 and touchable(a, t):
        hit_b, shield_b = find(b, a, t, row_b)
    # both contacts are judged before either takes effect, so that hits can trade
    state, charge = b.state, b.charge
    if hit_a >= 0:
        strike(a, b, t, game, 0, row_a, hit_a, shield_a)
    if hit_b >= 0 and not a.held and not b.held:
        after, lag = b.state, b.hitlag
        epoch = b.hit_epoch
        b.state = state
        b.charge = charge
        strike(b, a, t, game, 1, row_b, hit_b, shield_b)
        if after != state:
            b.state = after
            b.hit_epoch = epoch
            b.charge = 0
        b.hitlag = max(lag, b.hitlag)


@njit
def rolls(pl: Any) -> bool:
    """States in which a grounded fighter pushes without being pushed (real replays)."""
    return bool(st.ESCAPE_F <= pl.state <= st.ESCAPE_B)


@njit
def push_apart(a: Any, b: Any, t: Any) -> None:
    """Grounded fighters that stand inside each other drift apart."""
    if a.airborne or b.airborne or a.state <= st.SLEEP or b.state <= st.SLEEP or a.held or b.held:
        return
    room = t.fighters[a.character].push_width + t.fighters[b.character].push_width
    gap = b.x - a.x
    if abs(gap) >= room or abs(a.y - b.y) > 1.0:
        return
    away = -PUSH if gap < 0.0 else PUSH
    if not rolls(a):
        a.push_x = -away
    if not rolls(b):
        b.push_x = away
