"""What the kernel tells those who watch it: starts, ends, crashes, dead letters, as OTP's reports.

Called synchronously; nothing is awaited. How a report reads is in ``report_format``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from exphil_rt.actor.reasons import ExitReason
from exphil_rt.actor.specs import Kind, Restart

Context = Literal["start_error", "child_terminated", "shutdown_error", "shutdown", "zombie"]


class SupervisorReport(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor saw something wrong with a child, the offender (OTP's supervisor report).

    ``start_error``: it did not start. ``child_terminated``: it ended by itself. ``shutdown_error``: it ended otherwise
    than told. ``shutdown``: its restarts were too many, so the supervisor gives up. ``zombie``: it refuses to be
    cancelled and was dropped from the tree.
    """

    supervisor: str
    """Path in the tree."""
    context: Context
    reason: ExitReason
    child: str
    """Id of the offender; this and what follows is about it."""
    name: str
    """Registered name, or ''."""
    restart: Restart
    pid: int = 0
    """Number of the incarnation that ended or would not start; 0 where there was none."""
    start: str = ""
    """Name of the actor's class."""
    shutdown: float | Literal["brutal_kill", "infinity"] | None = None
    significant: bool = False
    kind: Kind = "worker"
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
    restart: Restart = "permanent"
    start: str = ""
    shutdown: float | Literal["brutal_kill", "infinity"] | None = None
    significant: bool = False
    kind: Kind = "worker"
    restarts: int = 0
    """0 for the first start."""


class CrashReport(msgspec.Struct, frozen=True, kw_only=True):
    """An exception left an actor (OTP's crash report); its supervisor's own report follows."""

    actor: str
    """Path in the tree."""
    name: str
    """Registered name, or ''."""
    pid: int
    start: str
    """Name of the actor's class."""
    reason: ExitReason
    message: Any
    """The last that it handled; None where there was none."""
    state: Any
    """As ``format_status`` shows it; None where it had none yet."""
    waiting: int
    """Messages in its mailbox."""
    links: tuple[int, ...]
    """Pids of its linked peers."""
    uptime_s: float


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be delivered."""

    target: str
    message: Any
    reason: Literal["noproc", "full", "ended", "late_reply"]


class LagReport(msgspec.Struct, frozen=True, kw_only=True):
    """How late the loop woke a task that sleeps over and over, in ``seconds``; see ``lag``.

    ``gross`` is the whole of it, ``net`` without the wait for a CPU, of which there were ``run_queue_ms`` in all.
    """

    seconds: float
    ticks: int
    gross_p50_ms: float
    gross_p99_ms: float
    gross_max_ms: float
    net_p50_ms: float
    net_p99_ms: float
    net_max_ms: float
    run_queue_ms: float
    run_queue_known: bool
    """Whether the system counts that wait (Linux); where not, net is gross."""


class BlockedLoop(msgspec.Struct, frozen=True, kw_only=True):
    """The loop woke a task very late: something ``blocked`` it, or it had no CPU (``contention``)."""

    cause: Literal["blocked", "contention"]
    lag_ms: float
    run_queue_ms: float
    """The part of it that was a wait for a CPU."""
    actor: str
    """Path of the actor that blocked it, or ''."""
    message: str
    """Type of the message that it handled, or the name of its task, ``init`` or ``terminate``."""
    stack: str
    """Where the loop was, outermost frame first."""


Report = SupervisorReport | ProgressReport | CrashReport | DeadLetter | LagReport | BlockedLoop
