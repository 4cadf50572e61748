"""Phase 4: the fighter's diamond against the stage: landing, platforms, walls, ceilings, ledges (edges: ``edges``)."""

from __future__ import annotations

import math
from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.ids import Character
from exphil_rt.sim.edges import ABOVE, bounces, height_at, on_ground
from exphil_rt.sim.enter import enter, land, to_wait, touch_ground
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import flat_landing, shown, tucked
from exphil_rt.sim.specials.rows import STAY, WALLED
from exphil_rt.sim.stage import blow, shift_last_x, shift_last_y, shift_x, shift_y
from exphil_rt.sim.stage_facts import LEDGE_SAFE
from exphil_rt.sim.surface import meet_ceiling, meet_wall, techs

GAME_AND_WATCH = int(Character.GAME_AND_WATCH)
SUNK = 4.0  # solid ground away from its edges holds those whose lowest point was taken to be this far in it


@njit
def passes_platform(pl: Any, t: Any, index: int) -> bool:
    """Holding down falls through platforms, in the states that may."""
    if pl.pass_line == index:
        return True
    s = pl.state
    free = st.JUMP_F <= s <= st.FALL_SPECIAL or s == st.PASS
    return bool(free and pl.stick_y <= -t.common[0].pass_stick_y)


@njit
def try_land(pl: Any, t: Any, stage: Any, game: Any) -> bool:
    """Cross a line from above: stand on it."""
    top, bottom = pl.prev_y + pl.prev_ecb, pl.y + pl.ecb
    if pl.vy > 0.0:
        pl.pass_line = -1  # who comes up again may stand on the platform that was dropped through
    if bottom > top:
        return False
    best = -1
    best_y = -1e9
    for n in range(stage.lines):
        index = stage.line_offset + n
        line = t.lines[index]
        x = pl.x
        last_x = pl.prev_x
        if line.moving != 0:
            x -= shift_x(line, game)
            last_x -= shift_last_x(line, game)
        if x < line.x0 or x > line.x1:
            continue
        y = height_at(line, x)
        before = height_at(line, min(max(last_x, line.x0), line.x1))
        if line.moving != 0:
            y += shift_y(line, game)
            before += shift_last_y(line, game)
        sunk = SUNK if line.drop == 0 and stage.edge_x[0] + SUNK < x < stage.edge_x[1] - SUNK else 0.001
        if top < before - sunk or bottom > y:
            continue
        if line.drop and passes_platform(pl, t, index):
            continue
        if y > best_y:
            best, best_y = index, y
    if best < 0:
        return False
    pl.y = best_y + ABOVE
    if pl.hitlag <= 0.0:
        landed(pl, t, best)
    return True


@njit
def may_cancel(character: int, s: int) -> bool:
    """Mr. Game & Watch's neutral, back and up aerials cannot be L-cancelled."""
    return character != GAME_AND_WATCH or s == st.ATTACK_AIR_F or s == st.ATTACK_AIR_LW


# Ages at which a flying body shows its back to the ground (real replays): it lands face up then.
TOP_TURNED_OVER = 46.5
FLY_TURNED_OVER = 20.5
FALL_FACE_UP = 12.5, 27.5


@njit
def face_up(s: int, age: float) -> bool:
    """Whether a body that falls in state ``s`` lies on its back."""
    if s == st.DAMAGE_FLY_TOP:
        return bool(age < TOP_TURNED_OVER)
    if st.DAMAGE_FLY_HI <= s <= st.DAMAGE_FLY_LW:
        return bool(age < FLY_TURNED_OVER)
    return bool(s == st.DAMAGE_FALL and FALL_FACE_UP[0] < age < FALL_FACE_UP[1])


@njit
def landed(pl: Any, t: Any, line: int) -> None:
    """What the state becomes on the ground."""
    s = pl.state
    c = t.common[0]
    speed = pl.vy
    age = pl.age
    tumbling = s == st.DAMAGE_FALL or (st.DAMAGE_HI_1 <= s <= st.DAMAGE_FLY_ROLL and pl.tumble)
    knock = math.sqrt(pl.kx * pl.kx + pl.ky * pl.ky)
    touch_ground(pl, t, line)
    pl.ecb = 0.0
    if st.ATTACK_AIR_N <= s <= st.ATTACK_AIR_LW:
        an = t.anim[pl.character, s]
        if an.cancel_before <= pl.age <= an.cancel_after:
            after = s + (st.LANDING_AIR_N - st.ATTACK_AIR_N)
            lag = t.anim[pl.character, after].lag
            good = pl.since_lrz < c.lcancel_window and may_cancel(pl.character, s)
            if good:
                lag = max(math.floor(lag / c.lcancel_div), 1.0)
            land(pl, t, after, lag)
            pl.l_cancel = 1 if good else 2
        else:
            land(pl, t, st.LANDING, 0.0)
    elif s >= st.FIRST_SPECIAL:
        land_special(pl, t)
    elif s == st.FALL_SPECIAL and pl.fall_lag > 0.0:
        free = t.fighters[pl.character].free_landing != 0.0
        if free and flat_landing(speed):
            to_wait(pl, t)
        else:
            land(pl, t, st.LANDING_FALL_SPECIAL, pl.fall_lag)
            pl.charge = 1 if free else 0
    elif s == st.ESCAPE_AIR or s == st.FALL_SPECIAL:
        land(pl, t, st.LANDING_FALL_SPECIAL, c.landing_fall_special_lag)
    elif s == st.DOWN_DAMAGE_D:
        pl.ky = 0.0
    elif tumbling:
        pl.hitstun = 0.0
        if techs(pl, c):
            side = pl.stick_x * pl.facing  # the launch goes on sideways (real replays)
            if side >= c.tech_roll_stick:
                enter(pl, t, st.PASSIVE_STAND_F)
            elif side <= -c.tech_roll_stick:
                enter(pl, t, st.PASSIVE_STAND_B)
            else:
                pl.ky = 0.0
                enter(pl, t, st.PASSIVE)
        else:
            pl.kx = 0.0 if knock < c.damagefly_landing_kbvel else pl.kx
            pl.ky = 0.0
            enter(pl, t, st.DOWN_BOUND_U if face_up(s, age) else st.DOWN_BOUND_D)
    elif s == st.SHIELD_BREAK_FALL or s == st.SHIELD_BREAK_FLY:
        enter(pl, t, st.SHIELD_BREAK_DOWN_U)
    elif st.DAMAGE_HI_1 <= s <= st.DAMAGE_FLY_ROLL:
        if knock >= c.damagefly_landing_kbvel:  # a slower launch is stood out (real replays)
            pl.hitstun = 0.0  # the launch's rise stays for this frame
            land(pl, t, st.LANDING, 0.0)
    elif flat_landing(speed):
        to_wait(pl, t)
    else:
        land(pl, t, st.LANDING, 0.0)


@njit
def land_special(pl: Any, t: Any) -> None:
    """A special touches the ground: its row knows what becomes of it."""
    row = t.special[pl.character, pl.state - st.FIRST_SPECIAL]
    pl.special = 2
    if row.lands == STAY:
        return
    if row.lands >= st.FIRST_SPECIAL:
        pl.state = row.lands
    elif row.lands == st.LANDING_FALL_SPECIAL:
        land(pl, t, st.LANDING_FALL_SPECIAL, row.lag)
    elif row.lands == st.WAIT:
        to_wait(pl, t)
    else:
        land(pl, t, st.LANDING, row.lag)


@njit
def wall_x(wall: Any, y: float) -> float:
    """Where a wall stands at a height."""
    return float(wall.x0 + (wall.x1 - wall.x0) * (y - wall.y0) / (wall.y1 - wall.y0))


@njit
def against_wall(pl: Any, t: Any, wall: Any, up: float, half: float) -> None:
    """Keep the point of the body at height ``up``, ``half`` wide, on the open side of a wall."""
    now, was = pl.y + up, pl.prev_y + up
    within = wall.y0 <= now < wall.y1
    if not within and (half > 0.0 or not wall.y0 <= was < wall.y1):
        return  # a side that is past the wall's end slides off it, see against_corner
    edge = wall_x(wall, min(max(now, wall.y0), wall.y1)) + half * wall.side
    before = wall_x(wall, min(max(was, wall.y0), wall.y1)) + half * wall.side
    free, deep = (pl.prev_x - before) * wall.side, (edge - pl.x) * wall.side
    if free < -half - 0.1 or deep <= 0.0:
        return
    if not within:  # past its end now: where did the way cross it?
        crossed = was + (now - was) * max(free, 0.0) / (max(free, 0.0) + deep)
        if not wall.y0 <= crossed < wall.y1:
            return
    pl.x = edge
    touch_wall(pl, t, wall)


@njit
def touch_wall(pl: Any, t: Any, wall: Any) -> None:
    """What a wall does besides stopping."""
    meet_wall(pl, t, wall.side)
    pl.wall_side = wall.side
    pl.wall_frames = 0
    if pl.state >= st.FIRST_SPECIAL:
        pl.landed_hit = WALLED
        pl.wall_lean = (wall.x1 - wall.x0) / (wall.y1 - wall.y0)


@njit
def against_corner(pl: Any, x: float, y: float, side: int, half: float, up: float, top: float) -> None:
    """The diamond slides off an end of a wall whose open side is ``side``."""
    rise = y - pl.y
    if rise <= pl.ecb or rise >= top or (pl.prev_x - x) * side < 0.0:
        return
    if rise < up:
        half *= (rise - pl.ecb) / (up - pl.ecb)
    else:
        half *= (top - rise) / (top - up)
    if (pl.x - x) * side < half:
        pl.x = x + half * side


@njit
def sides(at: Any, t: Any, character: int, s: int, age: float, low: float) -> tuple[float, float]:
    """Half the width of the diamond in a state at an age, and the height of its sides; ``low`` is its lowest point."""
    an = t.anim[character, s]
    if an.side_frames == 0:
        return float(an.half), max(float(at.side_up), low + 1.0)
    place = t.sides[an.side_offset + min(max(int(age), 0), an.side_frames - 1)]
    return float(place[0]), float(place[1])


@njit
def against_walls(pl: Any, t: Any, stage: Any, at: Any) -> None:
    """Keep the body's diamond out of the stage's sides and underside; its sides are midway between its ends."""
    s, age, lean = shown(pl)
    low = tucked(at, t, pl.character, s, age, lean)
    half, up = sides(at, t, pl.character, s, age, low)
    top = max(2.0 * up - low, up + 0.5)
    up = max(up, pl.ecb + 0.5)
    for n in range(stage.walls):
        wall = t.walls[stage.wall_offset + n]
        if wall.side != 0:
            against_corner(pl, wall.x1, wall.y1, wall.side, half, up, top)
            against_corner(pl, wall.x0, wall.y0, wall.side, half, up, top)
            against_wall(pl, t, wall, up, half)
            against_wall(pl, t, wall, pl.ecb, 0.0)
            against_wall(pl, t, wall, top, 0.0)
            continue
        head = pl.y + top
        before = pl.prev_y + top
        if wall.x0 <= pl.x <= wall.x1 and head > before:
            slope = (wall.y1 - wall.y0) / (wall.x1 - wall.x0)
            y = wall.y0 + slope * (pl.x - wall.x0)
            was = wall.y0 + slope * (min(max(pl.prev_x, wall.x0), wall.x1) - wall.x0)
            if before <= was + 0.01 and head > y:
                pl.y = y - top
                pl.vy = min(pl.vy, 0.0)
                meet_ceiling(pl, t)
                pl.ky = min(pl.ky, 0.0)


@njit
def may_catch(s: int) -> bool:
    """States that catch a ledge."""
    return bool(
        (st.JUMP_F <= s <= st.DAMAGE_FALL)
        or s == st.CLIFF_JUMP_QUICK_2
        or s == st.CLIFF_JUMP_SLOW_2
        or s == st.MISS_FOOT
    )


@njit
def try_ledge(pl: Any, taken: int, t: Any, stage: Any) -> bool:
    """Catch a ledge within reach while falling and facing it, unless its bit of ``taken`` (1 left, 2 right) is set."""
    s = pl.state
    free = may_catch(s) or (st.DAMAGE_HI_1 <= s <= st.DAMAGE_AIR_3 and pl.hitstun == 0.0)
    back = s == st.FALL_SPECIAL
    if s >= st.FIRST_SPECIAL:
        row = t.special[pl.character, s - st.FIRST_SPECIAL]
        free = pl.age >= row.ledge_from
        back = row.ledge_back != 0
    if not free or pl.ledge_wait > 0 or pl.vy + pl.ky >= 0.0 or pl.hitlag > 0.0:
        return False
    at = t.fighters[pl.character]
    shown_state, age, leant = shown(pl)
    low = tucked(at, t, pl.character, shown_state, age, leant)
    reach = at.ledge_out + sides(at, t, pl.character, shown_state, age, low)[0]
    if pl.stick_y <= -t.common[0].pass_stick_y:
        return False
    for n in range(2):
        side = 2 * n - 1
        out = (pl.x - stage.edge_x[n]) * side
        above, was_above = stage.edge_y[n] - pl.y, stage.edge_y[n] - pl.prev_y
        facing_it = pl.facing * side < 0.0 or back
        if not facing_it or out < 0.0 or out > reach or above < at.ledge_low or was_above > at.ledge_high:
            continue
        if taken & (n + 1):
            continue
        catch_ledge(pl, t, stage, side)
        return True
    return False


@njit
def catch_ledge(pl: Any, t: Any, stage: Any, side: int) -> None:
    """Hang from the ledge on a side, -1 left or 1 right."""
    pl.facing = -1.0 * side
    pl.vx = 0.0
    pl.vy = 0.0
    pl.kx = 0.0
    pl.ky = 0.0
    pl.hitstun = 0.0
    pl.tumble = 0
    pl.fastfall = 0
    pl.ledge = side
    pl.used = 0
    pl.intangible = LEDGE_SAFE
    pl.jumps = max(int(t.fighters[pl.character].max_jumps) - 1, 0)
    enter(pl, t, st.CLIFF_CATCH)
    hang(pl, t, stage)


@njit
def hang(pl: Any, t: Any, stage: Any) -> None:
    """Follow the animation on the ledge; a way up ends on the ground."""
    s = pl.state
    an = t.anim[pl.character, s]
    side = pl.ledge
    n = 0 if side < 0 else 1
    age = min(max(int(pl.age), 0), an.hang_frames - 1)
    place = t.hang[an.hang_offset + age]
    pl.x = stage.edge_x[n] + side * place[0]
    pl.y = stage.edge_y[n] - place[1]
    pl.vx = 0.0
    pl.vy = 0.0
    climbs = st.CLIFF_CLIMB_SLOW <= s <= st.CLIFF_ESCAPE_QUICK
    if climbs and ((place[1] < 0.01 and place[0] <= 0.0) or pl.age >= an.length - 2.0) and pl.age >= 1.0:
        if place[0] > 0.0:
            pl.x = stage.edge_x[n]
        pl.y = stage.edge_y[n] + ABOVE
        touch_ground(pl, t, stage.edge_line[n])
        pl.ledge = 0


@njit
def collide(pl: Any, taken: int, t: Any, stage: Any, game: Any) -> None:
    """Phase 4 of one fighter; ``taken`` are the ledges that others hang on, 1 the left and 2 the right one."""
    s = pl.state
    if s <= st.REBIRTH_WAIT or pl.held:
        return
    blow(pl, game)
    if pl.airborne == 0:
        on_ground(pl, t, stage, game)
        return
    if s == st.ENTRY or s == st.ENTRY_START or s == st.ENTRY_END:
        return
    if st.CLIFF_CATCH <= s <= st.CLIFF_JUMP_QUICK_1 and pl.ledge != 0:
        if pl.hitlag <= 0.0:
            hang(pl, t, stage)
        return
    if s == st.DOWN_BOUND_U or s == st.DOWN_BOUND_D:
        bounces(pl, t, stage, game)
        against_walls(pl, t, stage, t.fighters[pl.character])
        return
    if pl.hitlag <= 0.0 or pl.di_pending:
        if try_land(pl, t, stage, game):
            return
        against_walls(pl, t, stage, t.fighters[pl.character])
        try_ledge(pl, taken, t, stage)
