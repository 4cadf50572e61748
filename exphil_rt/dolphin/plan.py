"""How a console and a policy share the policy's delay: what the console takes, what is left, and which runner fits.

Pure arithmetic on numbers that manifests and settings hold; no torch, no melee.
"""

from __future__ import annotations

from typing import Final

import msgspec

from exphil_rt.errors import ExphilError

SLIPPI_DELAY: Final = 2
"""Frames of delay that Slippi itself begins with (its `OnlineDelay`)."""
FRAME_MS: Final = 1000 / 60


class DelayImpossible(ExphilError):
    """A console delay that the policy's delay has no room for."""

    exit_code = 2


class PolicyTooSlow(ExphilError):
    """A policy that takes longer than its frames last."""


class DelayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """D = console + headroom."""

    delay: int
    console: int
    batch_steps: int
    """Frames that one call may decide."""
    waits: bool
    """Whether the game waits for each decision (the sync runner), as the headroom is too short to decide beside it."""

    @property
    def headroom(self) -> int:
        """Frames that deciding may take."""
        return self.delay - self.console

    def __str__(self) -> str:
        runner = ", the game waits for each decision" if self.waits else ""
        steps = f", {self.batch_steps} frames a call" if self.batch_steps > 1 else ""
        return f"delay {self.delay} = {self.console} console + {self.headroom} headroom{steps}{runner}"


def plan_delay(delay: int, console: int | None = None, batch_steps: int = 1, *, force: bool = False) -> DelayPlan:
    """Share out ``delay``.

    To decide beside the game takes a headroom of two frames for each frame of a call. With less, one frame is decided
    a call, and the game waits for it.

    Args:
        delay: the policy's, D.
        console: what the console takes; None for Slippi's two frames, as far as the headroom stays long enough.
        batch_steps: frames that a call may decide.
        force: decide beside the game anyway, with what is late counted as late.

    Raises:
        DelayImpossible: the console would take more than there is.
    """
    if console is None:
        console = max(0, min(SLIPPI_DELAY, delay - 2 * batch_steps))
    if console > delay:
        raise DelayImpossible(
            f"A policy of delay {delay} cannot play on a console with delay {console}: its inputs would come late.",
            hint=f"Give --console-delay {delay} or less.",
        )
    enough = delay - console >= 2 * batch_steps
    if not enough and not force:
        return DelayPlan(delay=delay, console=console, batch_steps=1, waits=True)
    return DelayPlan(delay=delay, console=console, batch_steps=batch_steps, waits=False)


def check_speed(label: str, call_s: float, batch_steps: int, *, force: bool = False) -> None:
    """Refuse a policy that cannot keep up with 60 frames a second.

    Args:
        call_s: seconds that a call takes which decides ``batch_steps`` frames.

    Raises:
        PolicyTooSlow: with the figure.
    """
    frame_ms = call_s * 1e3 / batch_steps
    if frame_ms > FRAME_MS and not force:
        raise PolicyTooSlow(
            f"{label} takes {frame_ms:.1f} ms a frame on this machine, and a frame lasts {FRAME_MS:.1f} ms.",
            hint="Play it with --engine onnx, a smaller policy, or --force to have what is late counted.",
        )
