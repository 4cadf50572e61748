"""What the kernel tells those who watch it: starts, ends, dead letters. Called synchronously; nothing is awaited."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from exphil_rt.actor.reasons import ExitReason

Context = Literal["start_error", "child_terminated", "shutdown_error", "shutdown", "zombie"]


class SupervisorReport(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor saw something wrong with a child (OTP's supervisor report).

    ``shutdown``: it gave up because of restart intensity. ``shutdown_error``: the child ended otherwise than told.
    ``zombie``: the child refuses to be cancelled and was dropped from the tree.
    """

    supervisor: str
    """Path in the tree."""
    context: Context
    child: str
    """Id of the child."""
    name: str
    """Registered name of the child, or ''."""
    reason: ExitReason
    restart: str
    pid: int = 0
    restarts: int = 0
    """Restarts of this child so far."""
    restart_in_s: float | None = None
    """Seconds until the next attempt where the child has a back-off; None where none will follow or at once."""


class ProgressReport(msgspec.Struct, frozen=True, kw_only=True):
    """A child was started."""

    supervisor: str
    child: str
    name: str
    pid: int
    restarts: int = 0
    """0 for the first start."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be delivered."""

    target: str
    message: Any
    reason: Literal["noproc", "full", "ended", "late_reply"]


Report = SupervisorReport | ProgressReport | DeadLetter
