"""The Ice Climbers' Nana: how she comes and goes, and what she presses.

She is a fighter like any other (every phase runs over her record); here stands only what makes her a follower. She
presses what her leader pressed six frames ago, as in the game, and is drawn to where he was. When they are
apart, a simple mind of our own walks, jumps and recovers toward him; the game's has more tricks.
"""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.frames import FIRST_FRAME, LIGHT_PRESS, Button
from exphil_rt.game.ids import Character
from exphil_rt.sim.enter import to_fall
from exphil_rt.sim.inputs import LONG_AGO, NEUTRAL_TILT, read_pad
from exphil_rt.sim.jit import njit
from exphil_rt.sim.ko import REBIRTH_SAFE, respawn
from exphil_rt.sim.state import ECHO_FRAMES

POPO = int(Character.POPO)
NANA = int(Character.NANA)
BEHIND = 10.0  # behind the leader she begins and comes back (real replays)
# Where she does as he did, she is drawn to where he stood then: by this share of the way a frame, when no further away
# than so much (real replays: exact in 1,500 frames of a game, and in none where she did something else).
DRAWN = 0.05
DRAWN_WITHIN, DRAWN_HEIGHT, DRAWN_IN_AIR = 20.0, 6.25, 24.0
FACE = 0x0F00  # A, B, X and Y
NEAR = 0.04  # her sticks have other steps than his
ALONE = 15.0  # further away she follows a mind of her own (real replays: half of her inputs are his at this distance)
CLIMB = 12.0
X = Button.X
STICK = 0.95


@njit
def press(pl: Any, leader: Any, t: Any, stage: Any, game: Any, port: int) -> None:
    """The follower reads her pad: her leader's of six frames ago, or what her mind says."""
    turn = (game.frame - FIRST_FRAME) % ECHO_FRAMES
    held = game.echo[port, turn]
    old = game.echo[port, (turn + 1) % ECHO_FRAMES]  # his place at the end of the frame six ago
    away_x, away_y = old[6] - pl.x, old[7] - pl.y
    buttons, x, y, cx, cy, trigger = int(held[0]), held[1], held[2], held[3], held[4], held[5]
    does_as_he_did = True
    if game.led:
        fed = game.fed[port]
        does_as_he_did = (
            (int(fed[0]) & FACE) == (buttons & FACE) and abs(fed[1] - x) < NEAR and abs(fed[2] - y) < NEAR
            and abs(fed[3] - cx) < NEAR and abs(fed[4] - cy) < NEAR
        )  # fmt: skip
        buttons, x, y, cx, cy, trigger = int(fed[0]), fed[1], fed[2], fed[3], fed[4], fed[5]
    elif apart(pl, leader, stage):
        does_as_he_did = False
        buttons, x, y, cx, cy, trigger = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        if leader.state > st.SLEEP:
            x, y, buttons = way_back(pl, leader, t, stage, game.frame)
    if does_as_he_did:
        draw(pl, away_x, away_y)
    if pl.state == st.REBIRTH_WAIT:
        buttons, x, y, cx, cy = 0, 0.0, 0.0, 0.0, 0.0
    held[0] = leader.buttons
    held[1] = leader.stick_x
    held[2] = leader.stick_y
    held[3] = leader.c_x
    held[4] = leader.c_y
    # however he presses, she shields as lightly as can be
    held[5] = LIGHT_PRESS if leader.trigger >= t.common[0].trigger_deadzone else 0.0
    held[6] = leader.x
    held[7] = leader.y
    read_pad(pl, t.common[0], buttons, x, y, cx, cy, trigger, 0)


@njit
def apart(pl: Any, leader: Any, stage: Any) -> bool:
    """Too far from her leader to do what he did, off the stage, or alone."""
    if leader.state <= st.SLEEP:
        return True
    off = pl.x < stage.edge_x[0] or pl.x > stage.edge_x[1]
    return bool(off or abs(leader.x - pl.x) > ALONE or abs(leader.y - pl.y) > ALONE)


@njit
def way_back(pl: Any, leader: Any, t: Any, stage: Any, frame: int) -> tuple[float, float, int]:
    """Stick and buttons toward the leader, or first of all onto the stage."""
    off = pl.x < stage.edge_x[0] or pl.x > stage.edge_x[1]
    goal = leader.x
    if off:
        goal = stage.edge_x[0] + 5.0 if pl.x < 0.0 else stage.edge_x[1] - 5.0
    x = 0.0
    if abs(goal - pl.x) > 2.0:
        x = STICK if goal > pl.x else -STICK
    y = 0.0
    buttons = 0
    beat = frame % 2 == 0  # a press has to be new
    if pl.ledge != 0:
        return x, y, 0
    if off and pl.airborne:
        if pl.vy < 0.0 and pl.y < stage.edge_y[0] and pl.jumps > 0:
            buttons = X if beat else 0
    elif leader.y > pl.y + CLIMB and pl.hitlag <= 0.0 and (pl.airborne == 0 or (pl.vy < 0.0 and pl.jumps > 0)):
        buttons = X if frame % 8 < 4 else 0
    elif leader.y < pl.y - CLIMB and pl.airborne == 0 and t.lines[pl.line].drop:
        y = -1.0 if frame % 16 < 8 else 0.0
        x = 0.0
    return x, y, buttons


@njit
def draw(pl: Any, away_x: float, away_y: float) -> None:
    """Draw her along, on the ground sideways, in the air to where he was (real replays: not while she crouches, lands,
    rolls, catches or flies from a blow)."""
    s = pl.state
    if pl.hitlag > 0.0 or pl.held or abs(away_x) > DRAWN_WITHIN:
        return
    if pl.airborne:
        flies = (
            st.JUMP_F <= s <= st.FALL or st.ATTACK_AIR_N <= s <= st.ATTACK_AIR_LW or s == st.ESCAPE_AIR
            or s == st.PASS or s == st.FIRST_SPECIAL + 1
        )  # fmt: skip
        if flies and abs(away_y) < DRAWN_IN_AIR:
            pl.shift_x = DRAWN * away_x
            pl.shift_y = DRAWN * away_y
        return
    stays = (
        st.WAIT <= s <= st.DASH or s == st.KNEE_BEND or st.ATTACK_11 <= s <= st.ATTACK_LW_4
        or st.LANDING_AIR_N <= s <= st.LANDING_AIR_LW or st.GUARD_ON <= s <= st.GUARD_SET_OFF
        or s == st.FIRST_SPECIAL
    )  # fmt: skip
    if stays and abs(away_y) < DRAWN_HEIGHT:
        pl.shift_x = DRAWN * away_x


@njit
def leave_platform(pl: Any, leader: Any, t: Any) -> None:
    """She leaves the platform of her rebirth with her leader."""
    if pl.state == st.REBIRTH_WAIT and leader.state > st.REBIRTH_WAIT:
        pl.vx = 0.0
        pl.vy = 0.0
        pl.invincible = REBIRTH_SAFE
        to_fall(pl, t)


@njit
def come(pl: Any, leader: Any, t: Any, stage: Any, port: int) -> None:
    """The follower comes back with her leader, behind him."""
    pl.exists = 1
    respawn(pl, t, stage, port)
    pl.x = leader.x - BEHIND * leader.facing
    pl.facing = leader.facing
    pl.tilt_x = NEUTRAL_TILT
    pl.tilt_y = NEUTRAL_TILT
    pl.since_lrz = LONG_AGO
    pl.since_lr = LONG_AGO
    pl.since_lr_before = LONG_AGO
    pl.since_side = LONG_AGO


@njit
def accompany(pl: Any, leader: Any, t: Any, stage: Any, port: int) -> None:
    """End of a frame: she has her leader's stocks, and comes back when he does."""
    if leader.state == st.REBIRTH and leader.t == 0:
        come(pl, leader, t, stage, port)
    if leader.state == st.SLEEP:
        pl.exists = 0
        pl.state = st.SLEEP
    pl.stocks = leader.stocks
