"""What the bot makes of what it sees, and its keyed draws: small questions that every decision asks."""

from __future__ import annotations

from typing import Any

from exphil_rt.game import states as st
from exphil_rt.sim.jit import njit
from exphil_rt.sim.random import uniform


@njit
def draw(key: Any, question: int, moment: int) -> float:
    """A number in 0..1 for this question at this moment (a frame, or a count of occasions)."""
    return float(uniform(int(key.seed), question, int(key.game), int(moment), int(key.port)))


@njit
def normal(key: Any, question: int, moment: int) -> float:
    """A draw with mean 0 and deviation 1, of three uniform ones."""
    total = draw(key, question, moment) + draw(key, question + 50, moment) + draw(key, question + 100, moment)
    return float((total - 1.5) * 2.0)


@njit
def sign(x: float) -> float:
    """-1 or 1."""
    return 1.0 if x >= 0.0 else -1.0


@njit
def floor_under(k: Any, stage: Any, x: float, y: float) -> float:
    """Height of the highest ground below a point; -1000 for none."""
    best = -1000.0
    for row in range(stage.first, stage.first + stage.lines):
        line = k.lines[row]
        if line.x0 <= x <= line.x1:
            share = (x - line.x0) / max(line.x1 - line.x0, 0.01)
            height = line.y0 + share * (line.y1 - line.y0)
            if height <= y + 1.5 and height > best:
                best = height
    return best


@njit
def can_act(me: Any) -> bool:
    """Standing, walking, running, crouching or landed."""
    s = me.state
    return bool(
        st.WAIT <= s <= st.RUN_BRAKE
        or st.SQUAT <= s <= st.SQUAT_RV
        or s == st.OTTOTTO
        or s == st.OTTOTTO_WAIT
        or (s == st.LANDING and me.state_age >= 3.0)
    )


@njit
def free_in_air(me: Any) -> bool:
    """Jumping or falling without lag."""
    s = me.state
    return bool(
        st.JUMP_F <= s <= st.FALL_AERIAL + 2 or s == st.PASS or s == st.CLIFF_JUMP_QUICK_2 or s == st.CLIFF_JUMP_SLOW_2
    )


@njit
def attacking(foe: Any) -> bool:
    """In an attack, a grab or a special."""
    s = foe.state
    return bool(st.ATTACK_11 <= s <= st.ATTACK_AIR_LW or s == st.CATCH or s == st.CATCH_DASH or s >= st.FIRST_SPECIAL)


@njit
def push(pad: Any, memory: Any, button: int) -> bool:
    """Press a button that was not held on the last frame, else let it go first."""
    if memory.buttons & button:
        return False
    pad.buttons |= button
    return True
