"""A supervisor's record of one child, and the window in which it counts restarts."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from exphil_rt.actor.reasons import ExitReason, is_clean
from exphil_rt.actor.specs import ChildSpec, DynamicFlags, SupFlags

if TYPE_CHECKING:
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.timers import Timer

_EXITS: Final = 8


class FailedToStartChild(msgspec.Struct, frozen=True):
    """Info of the Shutdown with which a supervisor's start fails when a child's does."""

    id: str
    reason: ExitReason


class TryAgain(msgspec.Struct, frozen=True):
    """A supervisor's message to itself: attempt the restart of ``child``; ``counted`` where intensity knows of it."""

    child: Child
    counted: bool


class Child:
    """One specification and the incarnation that runs for it, if any."""

    __slots__ = ("_failures", "_past", "cell", "former", "restarting", "restarts", "spec", "timer")

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.cell: Cell | None = None
        self.former = 0
        """Number of the incarnation that ended last; a restarting dynamic child is still known by it."""
        self.restarting = False
        self.restarts = 0
        self.timer: Timer | None = None
        self._failures = 0
        self._past: deque[tuple[float, ExitReason]] | None = None

    @property
    def id(self) -> str:
        """That of its specification."""
        return self.spec.id

    @property
    def exits(self) -> tuple[tuple[float, ExitReason], ...]:
        """When and how earlier incarnations ended, newest last."""
        return tuple(self._past or ())

    def respecify(self, spec: ChildSpec) -> None:
        """Follow another specification from the next start on; only the shutdown time holds at once."""
        if self.cell is not None:
            self.cell.shutdown_s = spec.shutdown_s
            if spec.restart == "temporary":
                spec = msgspec.structs.replace(spec, args=None)
        self.spec = spec

    def note_exit(self, now: float, reason: ExitReason) -> None:
        """Its incarnation ended: remember how, and whether the back-off starts over."""
        if self._past is None:
            self._past = deque(maxlen=_EXITS)
        self._past.append((now, reason))
        backoff = self.spec.backoff
        if self.cell is not None:
            if backoff is not None and now - self.cell.started_at > backoff.max:
                self._failures = 0
            self.former = self.cell.number
            self.cell = None

    def wants_restart(self, reason: ExitReason) -> bool:
        """OTP's restart types."""
        match self.spec.restart:
            case "permanent":
                return True
            case "transient":
                return not is_clean(reason)
            case "temporary":
                return False

    def next_delay(self) -> float:
        """Seconds to wait before the next attempt; 0 without back-off."""
        backoff = self.spec.backoff
        if backoff is None:
            return 0.0
        delay = min(backoff.max, backoff.first * backoff.factor ** min(self._failures, 64))
        self._failures += 1
        return delay * (1.0 - backoff.jitter * random.random())

    def stop_waiting(self) -> None:
        """No attempt follows."""
        self.restarting = False
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class SupState(msgspec.Struct):
    """A supervisor's state: its flags, and when it restarted lately (loop time in seconds)."""

    flags: SupFlags | DynamicFlags
    restarts: list[float] = []

    def add_restart(self, now: float) -> bool:
        """Count an attempt; False where that is more than ``intensity`` within ``period``."""
        self.restarts = [then for then in self.restarts if now - then <= self.flags.period]
        self.restarts.append(now)
        return len(self.restarts) <= self.flags.intensity
