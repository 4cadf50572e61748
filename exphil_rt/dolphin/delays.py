"""What a policy's delay leaves for its inference at a console, and which runner that allows. Pure arithmetic.

Of a policy's delay D the console's own online delay takes ``console_delay`` frames; what is left, the headroom, is the
time that a decision may take. The runner that does not wait needs room for two calls, the one that runs and the one
that gathers, each of ``batch_steps`` frames.
"""

from __future__ import annotations

import msgspec

from exphil_rt.errors import ExphilError
from exphil_rt.messages.dolphin import RunnerKind


class DelayTooSmall(ExphilError):
    """A policy's delay that does not hold what the console takes of it."""

    exit_code = 2


class DelayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How the delay is spent."""

    delay: int
    console_delay: int
    batch_steps: int
    """Frames that one call decides."""
    runner: RunnerKind
    note: str = ""
    """Why runner or steps are not what was asked for; else empty."""

    @property
    def headroom(self) -> int:
        """Frames that a decision may take."""
        return self.delay - self.console_delay

    @property
    def text(self) -> str:
        """``delay 18 = 2 console + 16 headroom``."""
        return f"delay {self.delay} = {self.console_delay} console + {self.headroom} headroom"


def plan(
    delay: int, console_delay: int, batch_steps: int = 1, runner: RunnerKind = "async", *, force: bool = False
) -> DelayPlan:
    """Spend a delay.

    Args:
        delay: the policy's D.
        console_delay: what Dolphin is told to add.
        batch_steps: frames that the bundle wants decided in one call.
        runner: what is wanted.
        force: keep runner and steps although decisions will be late.

    Raises:
        DelayTooSmall: the console takes more than there is.
    """
    if not 0 <= console_delay <= delay:
        raise DelayTooSmall(
            f"The policy's delay is {delay} frames, and the console is to take {console_delay} of them.",
            hint=f"Give a console delay of 0 to {delay}.",
        )
    left = delay - console_delay
    if runner == "sync":
        note = "" if batch_steps == 1 else "The sync runner decides each frame in a call of its own."
        return DelayPlan(delay=delay, console_delay=console_delay, batch_steps=1, runner="sync", note=note)
    if left >= 2 * batch_steps or (force and left > 0):
        return DelayPlan(delay=delay, console_delay=console_delay, batch_steps=batch_steps, runner="async")
    note = (
        f"{left} frames of headroom are fewer than the {2 * batch_steps} that deciding {batch_steps} at a time beside "
        "the game needs: each frame waits for its decision."
    )
    return DelayPlan(delay=delay, console_delay=console_delay, batch_steps=1, runner="sync", note=note)
