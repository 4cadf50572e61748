"""The edges of the ground: what lines lead to each other, and who stops at their ends, falls, teeters or slips off.

Landing, walls and ledges are ``collide``'s.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.enter import OVER_EDGE, enter, leave_ground, to_fall
from exphil_rt.sim.jit import njit
from exphil_rt.sim.physics import FEET_LOCKED
from exphil_rt.sim.stage import shift_last_x, shift_x, shift_y

EDGE_SLACK = 0.1  # still on the ground this far past its end (real replays: held at 0.098, off at 0.12)
ABOVE = 0.0001  # the game rests a fighter this much above a line


@njit
def height_at(line: Any, x: float) -> float:
    """Height of a line at ``x``."""
    if line.x1 == line.x0:
        return float(line.y0 + 0.0)
    return float(line.y0 + (line.y1 - line.y0) * (x - line.x0) / (line.x1 - line.x0))


# What an edge does: it stops a fighter who goes on pushing against it, or lets him fall, teeter or slip off backward
# (230 of them in real replays).
STOPS, FALLS, TEETERS, SLIPS = range(4)


@njit
def at_edge(pl: Any, t: Any) -> int:
    """What becomes of a grounded fighter who is over an edge, by state; most stop."""
    s = pl.state
    if s == st.ATTACK_DASH:
        led = t.anim[pl.character, s].motion_frames
        return STOPS if led > 0 and pl.age <= led else FALLS
    if s == st.TURN_RUN:
        return FALLS if pl.flag == 1 else STOPS  # before it has turned it stops there (real replays)
    if s == st.DASH or s == st.RUN or s == st.TURN or st.SQUAT <= s <= st.SQUAT_RV:
        return FALLS
    if s == st.DOWN_BOUND_U or s == st.DOWN_BOUND_D or st.DAMAGE_FLY_HI <= s <= st.DAMAGE_FLY_ROLL:
        return FALLS
    if s == st.WAIT or st.WALK_SLOW <= s <= st.WALK_FAST or s == st.RUN_BRAKE:
        return TEETERS
    if st.LANDING <= s <= st.LANDING_FALL_SPECIAL or st.LANDING_AIR_N <= s <= st.LANDING_AIR_LW:
        return TEETERS
    if st.GUARD_ON <= s <= st.GUARD_SET_OFF + 1 or st.DAMAGE_HI_1 <= s <= st.DAMAGE_AIR_3:
        return SLIPS
    return STOPS


@njit
def go_over(pl: Any, t: Any, side: float) -> bool:
    """Over the edge whose outside is ``side``: fall, teeter or slip; False where it stops."""
    what = at_edge(pl, t)
    if what == STOPS:
        return False
    out = pl.facing * side > 0.0
    if what == TEETERS and out and pl.stick_x * side < OVER_EDGE:
        return False
    limit = t.fighters[pl.character].drift_max
    speed = min(max(pl.gv, -limit), limit)
    if what == SLIPS and not out:
        leave_ground(pl)
        enter(pl, t, st.MISS_FOOT)
        pl.hitstun = 0.0
    elif st.DAMAGE_HI_1 <= pl.state <= st.DAMAGE_FLY_ROLL:
        leave_ground(pl)
        speed = 0.0
    else:
        to_fall(pl, t)
    pl.vx = speed
    pl.gv = 0.0
    pl.jumps = max(int(t.fighters[pl.character].max_jumps) - 1, 0)
    return True


@njit
def bounces(pl: Any, t: Any, stage: Any, game: Any) -> None:
    """A body that bounced off the ground falls where that ends, and lies on it again once its legs are tucked in."""
    if pl.last_line < 0:
        to_fall(pl, t)
        return
    index = pl.last_line if t.lines[pl.last_line].moving else follow(pl.last_line, pl.x, t, stage)
    line = t.lines[index]
    x = pl.x - shift_x(line, game)
    if (x < line.x0 - EDGE_SLACK or x > line.x1 + EDGE_SLACK) and line.moving == 0:
        to_fall(pl, t)
    elif pl.air_frames >= FEET_LOCKED:
        pl.y = shift_y(line, game) + height_at(line, min(max(x, line.x0), line.x1)) + ABOVE


@njit
def follow(index: int, x: float, t: Any, stage: Any) -> int:
    """The line at ``x`` that a line leads to, or the last one on the way there."""
    for _ in range(4):
        line = t.lines[index]
        if x < line.x0 and line.left >= 0:
            index = int(stage.line_offset + line.left)
        elif x > line.x1 and line.right >= 0:
            index = int(stage.line_offset + line.right)
        else:
            break
    return index


@njit
def on_ground(pl: Any, t: Any, stage: Any, game: Any) -> None:
    """Follow the ground, to its edge; what moves takes the fighter along."""
    index = pl.line
    rides = t.lines[index].moving != 0
    off_x, off_y = 0.0, 0.0
    if rides:
        off_x, off_y = shift_x(t.lines[index], game), shift_y(t.lines[index], game)
        pl.x += off_x - shift_last_x(t.lines[index], game)
    else:
        index = follow(index, pl.x, t, stage)
    line = t.lines[index]
    pl.line = index
    pl.last_line = index
    x = pl.x - off_x
    if line.x0 - EDGE_SLACK <= x <= line.x1 + EDGE_SLACK:
        pl.y = off_y + height_at(line, min(max(x, line.x0), line.x1)) + ABOVE
        return
    special = pl.state - st.FIRST_SPECIAL
    falls = t.special[pl.character, special].falls if special >= 0 else 0
    if falls:
        pl.y = off_y + (line.y0 if x < line.x0 else line.y1) + ABOVE
        leave_ground(pl)
        pl.vx = pl.gv
        if falls == st.FALL:
            to_fall(pl, t)
        else:
            pl.state = falls
        pl.jumps = max(int(t.fighters[pl.character].max_jumps) - 1, 0)
        return
    if go_over(pl, t, -1.0 if x < line.x0 else 1.0):
        pl.y = off_y + (line.y0 if x < line.x0 else line.y1) + ABOVE
        return
    x = min(max(x, line.x0), line.x1)
    pl.x = off_x + x
    pl.y = off_y + height_at(line, x) + ABOVE
    if at_edge(pl, t) == TEETERS:
        pl.gv = 0.0
        enter(pl, t, st.OTTOTTO)
    elif pl.state == st.TURN_RUN:
        pl.gv = 0.0  # elsewhere the speed stays, against the edge (real replays)
