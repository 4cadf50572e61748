"""Entering action states: what every change of state sets, and the common ways into one."""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.jit import njit

OVER_EDGE = 0.75  # a stick pushed this far goes over an edge instead of stopping there (real replays: 0.75, not 0.7125)


@njit
def enter(pl: Any, t: Any, state: int) -> None:
    """Go to ``state`` at its first age; velocities and facing stay."""
    an = t.anim[pl.character, state]
    if pl.t > 0 or pl.age != 0.0:  # else two changes in one frame: the body still stands as before the first
        pl.was_state = pl.state
        pl.was_age = pl.age
        pl.was_lean = pl.lean
    pl.state = state
    pl.age = an.start
    pl.rate = 1.0
    pl.t = 0
    pl.flag = 0
    pl.count = 0
    pl.hit_epoch = -1
    pl.hit_epoch_2 = -1
    pl.made_epoch = -1
    pl.charge = 0
    pl.l_cancel = 0
    pl.lean = 0.0


@njit
def leave_ground(pl: Any) -> None:
    """Become airborne with the ground's speed. The jump from the ground is gone, whatever takes one off it.

    That holds in each of the 1,759 times that a fighter of the real replays leaves the ground, but for specials that
    take all jumps.
    """
    if pl.airborne == 0:
        if pl.held == 0:
            pl.jumps = max(pl.jumps - 1, 0)
        pl.airborne = 1
        pl.air_frames = 0
        pl.fastfall = 0
        pl.last_line = pl.line
        pl.line = -1


@njit
def to_wait(pl: Any, t: Any) -> None:
    """Stand."""
    enter(pl, t, st.WAIT)


@njit
def to_fall(pl: Any, t: Any) -> None:
    """Fall, with the vertical speed kept, and of the other what air drift may reach (real replays)."""
    leave_ground(pl)
    limit = t.fighters[pl.character].drift_max
    pl.vx = min(max(pl.vx, -limit), limit)
    enter(pl, t, st.FALL)  # FallAerial follows air jumps alone (real replays)


@njit
def touch_ground(pl: Any, t: Any, line: int) -> None:
    """Stand on ``line``: the air's speed becomes the ground's."""
    pl.airborne = 0
    pl.line = line
    pl.last_line = line
    pl.gv = pl.vx  # the vertical speed is shown for this one frame more
    pl.fastfall = 0
    pl.jumps = int(t.fighters[pl.character].max_jumps)
    pl.pass_line = -1
    pl.tumble = 0
    pl.used = 0


@njit
def land(pl: Any, t: Any, state: int, lag: float) -> None:
    """Enter a landing state whose animation is stretched to ``lag`` frames (0: at its own speed)."""
    enter(pl, t, state)
    if lag > 0.0:
        pl.rate = (t.anim[pl.character, state].length + 0.1) / lag


@njit
def start_attack(pl: Any, t: Any, state: int) -> None:
    """Enter an attack as a new use of a move for staling; one that follows itself at once is the same use."""
    before = t.anim[pl.character, pl.state].attack
    enter(pl, t, state)
    now = t.anim[pl.character, state].attack
    if now <= 1 or now != before:
        pl.attack_serial += 1
