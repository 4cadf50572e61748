"""Phase 5: items and projectiles: how they appear, move, and hit fighters. At most fifteen a game, in its record."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.frames import MAX_ITEMS
from exphil_rt.sim.damage import hitlag_frames, push_stale, stale_factor, take_hit, use_of
from exphil_rt.sim.hit_table import ELECTRIC
from exphil_rt.sim.hits import touchable
from exphil_rt.sim.hurt import BODY, struck_part, touches_body
from exphil_rt.sim.item_table import BOUNCE, PASS, VANISH
from exphil_rt.sim.jit import njit
from exphil_rt.sim.shield import GUARD_REFLECT, block, guards, shield_place, shield_radius
from exphil_rt.sim.specials.rows import ABSORB, REFLECT

HELD, FLYING, RESTING = 0, 1, 2
RETURN_SPEED = 1.9
SPECIAL = st.FIRST_SPECIAL


@njit
def spawn(game: Any, t: Any, kind: int, owner: int, x: float, y: float, vx: float, vy: float, facing: float) -> int:
    """A new item of ``kind`` for player ``owner``, moving from the next frame on; the oldest gives way to it.

    Returns:
        Its place.
    """
    if game.num_items >= MAX_ITEMS:
        remove(game, 0)
    k = game.num_items
    game.num_items = k + 1
    game.item_serial += 1
    item = game.items[k]
    item.kind = kind
    item.state = HELD if vx == 0.0 and vy == 0.0 else FLYING
    item.owner = owner
    item.x = x
    item.y = y
    item.prev_x = x
    item.prev_y = y
    item.vx = vx
    item.vy = vy
    item.facing = facing
    item.timer = t.item_kinds[kind].life
    item.damage = 1.0
    item.charge = 0.0
    item.age = 0
    item.hit = 0
    item.serial = game.item_serial
    return int(k)


@njit
def remove(game: Any, k: int) -> None:
    """Take item ``k`` away; those after it move up."""
    last = game.num_items - 1
    for n in range(k, last):
        copy_item(game.items[n], game.items[n + 1])
    game.num_items = last


@njit
def copy_item(to: Any, source: Any) -> None:
    """One item record into another."""
    to.kind = source.kind
    to.state = source.state
    to.owner = source.owner
    to.x = source.x
    to.y = source.y
    to.prev_x = source.prev_x
    to.prev_y = source.prev_y
    to.vx = source.vx
    to.vy = source.vy
    to.facing = source.facing
    to.timer = source.timer
    to.damage = source.damage
    to.charge = source.charge
    to.age = source.age
    to.hit = source.hit
    to.serial = source.serial


@njit
def held_item(game: Any, kind: int, owner: int) -> int:
    """Place of the item of ``kind`` that ``owner`` holds, -1 for none."""
    for k in range(game.num_items):
        item = game.items[k]
        if item.kind == kind and item.owner == owner and item.state == HELD:
            return k
    return -1


@njit
def item_of(game: Any, kind: int, owner: int) -> int:
    """Place of the oldest item of ``kind`` that belongs to ``owner``, -1 for none."""
    for k in range(game.num_items):
        item = game.items[k]
        if item.kind == kind and item.owner == owner:
            return k
    return -1


@njit
def count_items(game: Any, kind: int, owner: int) -> int:
    """How many items of ``kind`` belong to ``owner``."""
    found = 0
    for k in range(game.num_items):
        item = game.items[k]
        if item.kind == kind and item.owner == owner:
            found += 1
    return found


@njit
def remove_held(game: Any, kind: int, owner: int) -> None:
    """Drop what ``owner`` holds of ``kind`` out of the game."""
    k = held_item(game, kind, owner)
    if k >= 0:
        remove(game, k)


@njit
def release(game: Any, k: int, x: float, y: float, vx: float, vy: float, life: float) -> None:
    """A held item flies."""
    item = game.items[k]
    item.state = FLYING
    item.x = x
    item.y = y
    item.prev_x = x
    item.prev_y = y
    item.vx = vx
    item.vy = vy
    item.timer = life
    if vx != 0.0:
        item.facing = 1.0 if vx > 0.0 else -1.0


@njit
def ground_below(t: Any, stage: Any, x: float, before: float, now: float) -> float:
    """Height of the highest line crossed from above at ``x``, -1e9 for none."""
    best = -1e9
    for n in range(stage.lines):
        line = t.lines[stage.line_offset + n]
        if line.x0 <= x <= line.x1 and line.x1 > line.x0:
            y = line.y0 + (line.y1 - line.y0) * (x - line.x0) / (line.x1 - line.x0)
            if before >= y - 0.001 and now <= y and y > best:
                best = y
    return best


@njit
def into_wall(t: Any, stage: Any, item: Any) -> bool:
    """The item's last step crossed a wall."""
    for n in range(stage.walls):
        wall = t.walls[stage.wall_offset + n]
        if wall.side == 0 or item.y < wall.y0 or item.y >= wall.y1:
            continue
        x = wall.x0 + (wall.x1 - wall.x0) * (item.y - wall.y0) / (wall.y1 - wall.y0)
        if (item.prev_x - x) * wall.side >= 0.0 and (item.x - x) * wall.side < 0.0:
            return True
    return False


@njit
def fly_back(item: Any, pl: Any, after: int) -> bool:
    """A boomerang slows, turns after so many frames and homes on its thrower; whether it is caught."""
    if item.age < after:
        item.vx *= 0.975
        return False
    if item.age == after:
        item.hit = 0
    dx, dy = pl.x - item.x, pl.y + 9.0 - item.y
    far = math.sqrt(dx * dx + dy * dy)
    if far < 6.0:
        return True
    item.vx = RETURN_SPEED * dx / far
    item.vy = RETURN_SPEED * dy / far
    return False


@njit
def move_items(game: Any, a: Any, b: Any, t: Any, stage: Any) -> None:
    """Every item's step: fall, lie, bounce, come back, vanish."""
    k = 0
    while k < game.num_items:
        item = game.items[k]
        if item.state == HELD:
            k += 1
            continue
        kind = t.item_kinds[item.kind]
        item.age += 1
        if item.age == 1:  # as stale as its move is now, not when it hits
            item.damage *= stale_factor(game, item.owner, kind.attack, t.common[0])
        item.timer -= 1.0
        gone = item.timer <= 0.0
        item.prev_x = item.x
        item.prev_y = item.y
        if kind.returns > 0 and not gone:
            gone = fly_back(item, b if item.owner else a, kind.returns)
        if item.state == FLYING and not gone:
            if kind.gravity > 0.0:
                item.vy = max(item.vy - kind.gravity, -kind.terminal)
            item.x += item.vx
            item.y += item.vy
            if kind.on_ground != PASS:
                y = ground_below(t, stage, item.x, item.prev_y - kind.height, item.y - kind.height)
                if y > -1e8 and item.vy <= 0.0 and (kind.gravity > 0.0 or item.vy < 0.0):
                    item.y = y + kind.height
                    if kind.on_ground == VANISH:
                        gone = True
                    elif kind.on_ground == BOUNCE:
                        item.vy = -item.vy * kind.bounce
                    else:
                        item.vx = 0.0
                        item.vy = 0.0
                        item.state = RESTING
                        if kind.rest > 0.0:
                            item.timer = kind.rest
                elif into_wall(t, stage, item):
                    gone = True
        if item.x < stage.left or item.x > stage.right or item.y < stage.bottom or item.y > stage.top:
            gone = True
        if gone:
            remove(game, k)
        else:
            k += 1


@njit
def catches(item: Any, pl: Any, t: Any) -> int:
    """REFLECT or ABSORB where the fighter's special catches the item, 0 where it does not."""
    if pl.state < SPECIAL:
        return 0
    row = t.special[pl.character, pl.state - SPECIAL]
    if row.guard == 0 or pl.age < row.guard_from or pl.age >= row.guard_to:
        return 0
    kind = t.item_kinds[item.kind]
    if (row.guard == REFLECT and not kind.reflectable) or (row.guard == ABSORB and not kind.absorbable):
        return 0
    reach = row.guard_r + t.item_hits[item.kind].radius
    x, y = pl.x + pl.facing * row.guard_x, pl.y + row.guard_y
    near = nearest(item, x, y)
    return int(row.guard) if near <= reach else 0


@njit
def nearest(item: Any, x: float, y: float) -> float:
    """Distance of a point from the item's last step."""
    dx, dy = item.x - item.prev_x, item.y - item.prev_y
    size = dx * dx + dy * dy
    share = 1.0
    if size > 0.0:
        share = min(max(((x - item.prev_x) * dx + (y - item.prev_y) * dy) / size, 0.0), 1.0)
    px, py = item.prev_x + dx * share - x, item.prev_y + dy * share - y
    return math.sqrt(px * px + py * py)


@njit
def reflect(item: Any, pl: Any, port: int, t: Any) -> None:
    """Send an item back: it belongs to the reflector, faster and stronger."""
    item.owner = port
    item.vx = -item.vx * 1.2
    item.vy = -item.vy if t.item_kinds[item.kind].gravity == 0.0 else item.vy
    item.facing = -item.facing
    item.damage = min(item.damage * 1.5, 5.0)
    item.timer = t.item_kinds[item.kind].life
    item.hit = 0
    item.prev_x = item.x
    item.prev_y = item.y


@njit
def reaches(item: Any, radius: float, pl: Any, t: Any) -> bool:
    """The item's last step touches the fighter's body."""
    dx, dy = item.x - item.prev_x, item.y - item.prev_y
    steps = int(max(abs(dx), abs(dy)) / 4.0) + 1
    for n in range(steps):
        share = (n + 1.0) / steps
        if touches_body(item.prev_x + dx * share, item.prev_y + dy * share, radius, pl, t):
            return True
    return False


@njit
def meet(game: Any, k: int, pl: Any, owner: Any, n: int, t: Any) -> bool:
    """Item ``k`` against fighter ``pl`` (fighter ``n``); whether the item is used up."""
    port = n & 1
    item = game.items[k]
    what = catches(item, pl, t)
    if what == REFLECT:
        reflect(item, pl, port, t)
        return False
    if what == ABSORB:
        pl.landed_hit = 4
        return True
    if not touchable(pl, t):
        return False
    kind = t.item_kinds[item.kind]
    box = t.item_hits[item.kind]
    at = t.fighters[pl.character]
    c = t.common[0]
    damage = box.damage * item.damage
    direction = 1.0 if item.vx > 0.0 else (-1.0 if item.vx < 0.0 else (1.0 if pl.x >= item.x else -1.0))
    shielded = False
    if guards(pl):
        middle_x, middle_y = shield_place(pl, t)
        shielded = nearest(item, middle_x, middle_y) <= box.radius + shield_radius(pl, at, c)
    if shielded:
        item.hit = 1
        away = 1.0 if pl.x > item.x else -1.0  # a laser past the middle pulls (real replays)
        block(pl, t, box, damage, hitlag_frames(damage, box.element == ELECTRIC, False, c), away)
        if pl.state == GUARD_REFLECT and kind.reflectable:
            reflect(item, pl, port, t)
            return False
        return not kind.stays
    if not reaches(item, box.radius, pl, t):
        return False
    item.hit = 1
    if pl.invincible > 0:
        return not kind.stays
    push_stale(game, item.owner, kind.attack, -item.serial)
    owner.last_attack = kind.attack
    owner.combo = owner.combo + 1 if pl.hitstun > 0.0 else 1
    pl.last_hit_by = 1 - port
    part = struck_part(item.x, item.y, box.radius, pl, at, t)
    take_hit(pl, t, game, n, box, damage, item.damage, direction, part)
    return not kind.stays


@njit
def item_hits(game: Any, a: Any, b: Any, c: Any, d: Any, count: int, t: Any) -> None:
    """Every flying item against the fighters of the side whom it does not belong to."""
    k = 0
    while k < game.num_items:
        item = game.items[k]
        used = False
        if item.state != HELD and item.hit == 0 and t.item_hits[item.kind].damage > 0.0:
            owner = item.owner
            for n in range(1 - owner, count, 2):
                if item.hit == 0 and item.owner == owner:  # not reflected
                    victim = a if n == 0 else b if n == 1 else c if n == 2 else d
                    used = meet(game, k, victim, b if owner else a, n, t)
                if used:
                    break
        if used:
            remove(game, k)
        else:
            k += 1


@njit
def strike_with(pl: Any, foe: Any, t: Any, game: Any, port: int, hit: int, charge: float) -> None:
    """``pl`` (player ``port``) hits ``foe`` with a row of the items' hits that is no item: a throw of a special."""
    box = t.item_hits[hit]
    c = t.common[0]
    attack = t.item_kinds[hit].attack
    damage = box.damage * charge * stale_factor(game, port, attack, c)
    push_stale(game, port, attack, use_of(pl, port))
    pl.last_attack = attack
    pl.combo = pl.combo + 1 if foe.hitstun > 0.0 else 1
    foe.last_hit_by = port
    take_hit(foe, t, game, 1 - port, box, damage, charge, pl.facing, BODY)
