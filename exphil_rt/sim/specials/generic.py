"""A plain special for fighters without a file: animation, hitboxes and motion from the tables.

Each of the four moves is one state on the ground and one in the air; the special upward rises as libmelee recorded it
and ends in a helpless fall. Charges, holds, projectiles and throws of these fighters are left out.
"""

from __future__ import annotations

from exphil_rt.game import states as st
from exphil_rt.sim.specials.rows import AIR_RISE, GROUND_MOTION, Row, Specials

Pair = tuple[int, int]


def generic(neutral: Pair, side: Pair, up: Pair, down: Pair, *, lag: float = 20.0) -> Specials:
    """Rows for states ``(on the ground, in the air)`` of each move.

    Args:
        neutral: B.
        side: B with the stick to a side.
        up: B with the stick up.
        down: B with the stick down.
        lag: frames of landing after the special upward.
    """
    rows: dict[int, Row] = {}
    for ground, air in (neutral, side, down):
        same = ground == air or air == 0
        rows[ground] = Row(state=ground, falls=0 if same else air, motion=GROUND_MOTION, lands=st.LANDING)
        if not same:
            rows[air] = Row(state=air, lands=ground, vy_mul=0.5, gravity=None)
    for state in dict.fromkeys(up):
        rows[state] = Row(
            state=state, motion=AIR_RISE, drift=0.6, then_air=st.FALL_SPECIAL, lag=lag,
            lands=st.LANDING_FALL_SPECIAL, ledge_from=8.0, ledge_back=True,
        )  # fmt: skip
    return Specials(neutral=neutral, side=side, up=up, down=down, rows=tuple(rows.values()))
