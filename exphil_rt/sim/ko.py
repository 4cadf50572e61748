"""Entry, death and rebirth: blast zones, stocks, the respawn platform, and the end of a game."""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.game.frames import FIRST_FRAME
from exphil_rt.sim.enter import enter, to_fall
from exphil_rt.sim.jit import njit
from exphil_rt.sim.state import END_LIMIT, END_STOCKS, END_TIMER, ENDED, STALE_SLOTS

STAR_FRAMES = 176  # a star KO: the stock is lost after 131 of them (real replays)
STAR_FALL = 130
STAR_WAY = 120.0
REBIRTH_SAFE = 120  # frames invulnerable after leaving the platform (real replays)
# Frames after -123 at which the entry's parts begin, by port: seen in real replays.
ENTRY_START = (5, 10)
ENTRY_PART = 30


@njit
def respawn(pl: Any, t: Any, stage: Any, port: int) -> None:
    """Come back above the stage, on the descending platform."""
    at = t.fighters[pl.character]
    pl.x = stage.rebirth_x[port]
    pl.y = stage.rebirth_y + stage.rebirth_drop - stage.rebirth_drop / t.common[0].rebirth_frames
    pl.vx = 0.0
    pl.vy = -stage.rebirth_drop / t.common[0].rebirth_frames
    pl.kx = 0.0
    pl.ky = 0.0
    pl.gv = 0.0
    pl.facing = 1.0 if pl.x < -10.0 else -1.0
    pl.percent = 0.0
    pl.shield = t.common[0].shield_hp
    pl.hitlag = 0.0
    pl.hitstun = 0.0
    pl.jumps = int(at.max_jumps) - 1
    pl.airborne = 1
    pl.line = -1
    pl.fastfall = 0
    pl.ledge = 0
    pl.tumble = 0
    pl.combo = 0
    pl.air_frames = 0
    pl.ecb = 0.0
    pl.held = 0
    enter(pl, t, st.REBIRTH)


@njit
def die(pl: Any, t: Any, state: int, frames: int, n: int) -> None:
    """Die; a star KO takes its stock when the star is gone, and a follower's death none."""
    if state != st.DEAD_UP_STAR and n < 2:
        pl.stocks -= 1
        pl.percent = 0.0
    pl.vx = 0.0
    pl.vy = 0.0
    pl.kx = 0.0
    pl.ky = 0.0
    pl.gv = 0.0
    pl.hitlag = 0.0
    pl.hitstun = 0.0
    pl.di_pending = 0
    pl.ledge = 0
    pl.airborne = 1
    pl.dead_frames = frames
    pl.intangible = 0
    pl.invincible = 0
    enter(pl, t, state)


@njit
def star(pl: Any, gone: int) -> None:
    """Frame ``gone`` of a star KO: down behind the stage, in steps of 30 frames, then gone."""
    pl.vy = -STAR_WAY / STAR_FALL if gone <= STAR_FALL else 0.0
    pl.y += pl.vy
    pl.age = float(gone % 30)
    if gone == STAR_FALL + 1:
        pl.stocks -= 1


@njit
def life(pl: Any, t: Any, game: Any, stage: Any, n: int) -> None:
    """Phase after collisions of fighter ``n``: blast zones, and the states around death and entry."""
    port = n & 1
    s = pl.state
    c = t.common[0]
    if s == st.ENTRY:
        if game.frame - FIRST_FRAME >= ENTRY_START[port]:
            enter(pl, t, st.ENTRY_START)
    elif s == st.ENTRY_START:
        if pl.t >= ENTRY_PART - 1:
            enter(pl, t, st.ENTRY_END)
    elif s == st.ENTRY_END:
        if pl.t >= ENTRY_PART:
            to_fall(pl, t)
    elif s == st.REBIRTH:
        pl.y = max(pl.y, stage.rebirth_y)  # its speed brings it down
    elif s == st.REBIRTH_WAIT:
        pl.y = stage.rebirth_y
        pl.vy = 0.0
        if pl.t >= c.rebirth_wait_frames:
            pl.invincible = REBIRTH_SAFE
            to_fall(pl, t)
    elif s < st.SLEEP:
        pl.dead_frames -= 1
        if s == st.DEAD_UP_STAR:
            star(pl, STAR_FRAMES - pl.dead_frames)
        if pl.dead_frames <= 0:
            if n < 2 and pl.stocks > 0:
                respawn(pl, t, stage, port)
                for k in range(STALE_SLOTS):
                    game.stale[port, k] = 0
                    game.stale_serial[port, k] = 0
            else:
                pl.exists = 0
                enter(pl, t, st.SLEEP)
    elif s != st.SLEEP and not pl.held and pl.hitlag <= 0.0:
        if pl.y < stage.bottom:
            die(pl, t, st.DEAD_DOWN, int(c.dead_timer), n)
        elif pl.x < stage.left:
            die(pl, t, st.DEAD_LEFT, int(c.dead_timer), n)
        elif pl.x > stage.right:
            die(pl, t, st.DEAD_RIGHT, int(c.dead_timer), n)
        elif pl.y > stage.top and (
            pl.ky >= c.dead_up_min_kbvel or s == st.SHIELD_BREAK_FLY
        ):  # Jigglypuff's broken shield
            die(pl, t, st.DEAD_UP_STAR, STAR_FRAMES, n)


@njit
def judge(game: Any, a: Any, b: Any) -> None:
    """End the game by stocks, by its timer or at the frame limit: more stocks, then lower percent, else a draw."""
    played = game.frame - FIRST_FRAME + 1
    reason = 0
    if a.stocks <= 0 or b.stocks <= 0:
        reason = END_STOCKS
    elif game.frame >= game.timer_frames:
        reason = END_TIMER
    elif game.max_frames > 0 and played >= game.max_frames:
        reason = END_LIMIT
    if reason == 0:
        return
    game.status = ENDED
    game.reason = reason
    game.winner = -1
    if a.stocks != b.stocks:
        game.winner = 0 if a.stocks > b.stocks else 1
    elif a.percent != b.percent:
        game.winner = 0 if a.percent < b.percent else 1
