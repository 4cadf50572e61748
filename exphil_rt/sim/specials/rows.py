"""What a fighter's own action state is: a row of numbers that the phases in ``run`` read, and a fighter's whole set.

Most of a special is such rows: where it goes when its animation ends, lands or slides off an edge, how it moves, from
when on it may grab a ledge. What no row can say stands in the fighter's ``act``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exphil_rt.game import states as st

STAY: Final = -1
"""``lands``: the state goes on where it is, on the ground too."""

# When a fighter's ``act`` is asked; it returns True to say that it did what the phase would do.
START: Final = 0
"""The special begins (after the row's own entry), on the frame of the press."""
ANIMATE: Final = 1
"""The animation has moved on by a frame; before its natural end is looked at."""
END: Final = 2
"""The animation is over."""
INTERRUPT: Final = 3
"""The pad was read."""
MOVE: Final = 4
"""Velocities are due; ``True`` replaces the row's own."""
LANDED: Final = 5
"""The ground was touched on this frame, in a special."""
HIT: Final = 6
"""A hitbox of the special met a body (``pl.landed_hit`` 1), a shield (2), or took hold of someone (3); or the special
took an item in (4) or a blow that it counters (5), or was stopped by a wall (6)."""
WALLED: Final = 6
TAKEN: Final = 7
"""The fighter was hit while in the special that ``pl.special_state`` names."""

GROUND_MOTION: Final = 1
"""``motion``: the animation moves the fighter forward while it stands."""
AIR_RISE: Final = 2
"""``motion``: the animation lifts the fighter in the air, until its rise is over; then it falls by the row."""
AIR_FORWARD: Final = 4
"""``motion``: the animation moves the fighter forward in the air."""

REFLECT: Final = 1
ABSORB: Final = 2
COUNTER: Final = 3

NEVER: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One action state of a fighter's own. Ages as Slippi shows them; ``None`` is the fighter's own value.

    Attributes:
        state: the action state.
        start: age on the frame of entry.
        length: age at which the state ends; ``None`` from the tables, 0 for never.
        then: what follows on the ground.
        then_air: what follows in the air.
        lands: state that touching the ground leads to: a special of the same move keeps its age; ``STAY``.
        falls: state that leaving an edge leads to, keeping its age; 0 stops at edges.
        lag: frames of landing after this special, or after the special fall that follows it.
        mobility: share of the drift speed that the special fall after it reaches.
        gravity: of the air.
        terminal: greatest speed of falling.
        float_until: no gravity before this age.
        friction: of the air.
        drift: share of the fighter's control in the air, 0 for none.
        fastfall: whether a flick down falls fast.
        vx_mul: horizontal speed kept on entry.
        vy_mul: vertical speed kept on entry.
        gv_mul: speed kept on entry on the ground.
        vx_set: forward speed on entry.
        vy_set: vertical speed on entry.
        motion: GROUND_MOTION, AIR_RISE, AIR_FORWARD, or their sum.
        ledge_from: a ledge can be grabbed from this age on.
        ledge_back: also with the back to it.
        turn: ages (first, last) in which the stick back turns the fighter around, once.
        safe: ages (from, to) of intangibility, the last one excluded.
        guard: REFLECT or ABSORB projectiles, or COUNTER blows.
        guard_ages: ages (from, to) of it, the last one excluded.
        guard_circle: forward, up and radius.
        attack: Slippi's id of the attack; ``None`` by the move.
    """

    state: int
    start: float = 1.0
    length: float | None = None
    then: int = st.WAIT
    then_air: int = st.FALL
    lands: int = st.LANDING
    falls: int = 0
    lag: float = 0.0
    mobility: float = 1.0
    gravity: float | None = None
    terminal: float | None = None
    float_until: float = 0.0
    friction: float | None = None
    drift: float = 0.0
    fastfall: bool = False
    vx_mul: float = 1.0
    vy_mul: float = 1.0
    gv_mul: float = 1.0
    vx_set: float | None = None
    vy_set: float | None = None
    motion: int = 0
    ledge_from: float = NEVER
    ledge_back: bool = False
    turn: tuple[float, float] = (0.0, 0.0)
    safe: tuple[float, float] = (0.0, 0.0)
    guard: int = 0
    guard_ages: tuple[float, float] = (0.0, 0.0)
    guard_circle: tuple[float, float, float] = (0.0, 0.0, 0.0)
    attack: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Specials:
    """A fighter's specials.

    Attributes:
        neutral: states in which B without a direction begins, on the ground and in the air.
        side: the same for B to a side.
        up: the same for B upward.
        down: the same for B downward.
        floating: state of a float that holding the jump button begins in the air, 0 for none.
        rows: every state of its own.
    """

    neutral: tuple[int, int]
    side: tuple[int, int]
    up: tuple[int, int]
    down: tuple[int, int]
    rows: tuple[Row, ...]
    floating: int = 0
