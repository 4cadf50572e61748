"""LagMonitor: how late the loop wakes its tasks, and why: no CPU to be had, or an actor that blocked it.

It sleeps for a tick, over and over, and sees how much later it wakes. What the kernel counts as this thread's wait for
a CPU (proc(5), schedstat) is contention; the rest is a blocked loop. Who blocked it is read from the loop's own stack
by a thread that looks only while a tick is overdue, so that handlers pay nothing.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar, Final, Literal, Protocol

import anyio
import msgspec
import structlog

from exphil_rt.actor import lifecycle
from exphil_rt.actor.calls import From
from exphil_rt.actor.genserver import GenServer
from exphil_rt.actor.reports import BlockedLoop, LagReport

_log = structlog.get_logger(__name__)
_FRAMES: Final = 40


class LagSettings(msgspec.Struct, frozen=True):
    """Arguments of LagMonitor, in seconds."""

    tick_s: float = 0.01
    window_s: float = 10.0
    """A LagReport covers so long."""
    blocked_s: float = 0.05
    """A tick so late, without the wait for a CPU, is reported by itself."""


class LagState(msgspec.Struct):
    """State of LagMonitor."""

    settings: LagSettings
    last: LagReport | None = None
    blocked: int = 0
    """Ticks that somebody blocked."""
    contended: int = 0
    """Ticks that were as late for want of a CPU."""


class LagClock(Protocol):
    """What LagMonitor reads, in seconds."""

    @property
    def known(self) -> bool:
        """Whether somebody counts the wait for a CPU."""

    def now(self) -> float:
        """The time; also asked by the thread that looks at a blocked loop."""

    def waited(self) -> float:
        """How long the loop's thread has waited for a CPU so far."""

    def close(self) -> None:
        """Give back what it holds."""


class ThreadClock:
    """Real time, and what Linux counts for the thread that made it (proc(5), schedstat); 0 where nobody counts."""

    def __init__(self) -> None:
        try:
            self._fd = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = -1
        self.known = self._fd >= 0
        self.now = time.perf_counter

    def waited(self) -> float:
        """How long the thread was ready to run and had no CPU."""
        return int(os.pread(self._fd, 100, 0).split()[1]) * 1e-9 if self._fd >= 0 else 0.0

    def close(self) -> None:
        """Give the descriptor back."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class LagMonitor(GenServer[LagState]):
    """One for each runtime; reports LagReport and BlockedLoop, also to the log."""

    clock: ClassVar[Callable[[], LagClock]] = ThreadClock
    """Made at each start; a test sets one that stands still while it does."""

    async def init(self, args: LagSettings | None) -> LagState:
        """Start to tick."""
        state = LagState(args or LagSettings())
        clock = type(self).clock()
        self.defer(clock.close)
        sampler = _Sampler(state.settings.blocked_s, clock)
        self.defer(sampler.stop)
        sampler.start()
        self.start_task(self._tick, state, clock, sampler)
        return state

    def detail(self) -> str:
        """The last report in short."""
        last = self.state.last
        return "" if last is None else f"p99 {last.gross_p99_ms:.1f} ms, net {last.net_p99_ms:.1f} ms"

    async def _tick(self, state: LagState, clock: LagClock, sampler: _Sampler) -> None:
        settings = state.settings
        gross: list[float] = []
        net: list[float] = []
        opened = clock.now()
        waited_at_open = before = clock.waited()
        while True:
            due = clock.now() + settings.tick_s
            sampler.due = due
            await anyio.sleep(settings.tick_s)
            now = clock.now()
            waited_so_far = clock.waited()
            waited, before = waited_so_far - before, waited_so_far
            late = max(0.0, now - due)
            gross.append(late)
            net.append(max(0.0, late - waited))
            if late >= settings.blocked_s:
                self._tell(state, late, waited, sampler.sample if sampler.sampled == due else None)
            if now - opened >= settings.window_s:
                state.last = _report(now - opened, gross, net, before - waited_at_open, clock.known)
                self.runtime.report(state.last)
                _log.debug("loop_lag", **msgspec.structs.asdict(state.last))
                gross, net = [], []
                opened, waited_at_open = now, before

    def _tell(self, state: LagState, late: float, waited: float, sample: _Sample | None) -> None:
        own = late - waited >= state.settings.blocked_s
        cause: Literal["blocked", "contention"] = "blocked" if own else "contention"
        if cause == "blocked":
            state.blocked += 1
        else:
            state.contended += 1
        seen = sample if sample is not None and cause == "blocked" else _Sample("", "", "")
        report = BlockedLoop(
            cause=cause,
            lag_ms=late * 1e3,
            run_queue_ms=waited * 1e3,
            actor=seen.actor,
            message=seen.message,
            stack=seen.stack,
        )
        self.runtime.report(report)
        if cause == "blocked":
            _log.warning("loop_blocked", **msgspec.structs.asdict(report))
        else:  # on a busy machine many times a second; the reports of the windows sum it up
            _log.debug("loop_starved", **msgspec.structs.asdict(report))


class _Sample(msgspec.Struct, frozen=True):
    actor: str
    message: str
    stack: str


class _Sampler(threading.Thread):
    """Looks at the loop's stack once for each overdue tick."""

    def __init__(self, patience: float, clock: LagClock) -> None:
        super().__init__(name="lag-sampler", daemon=True)
        self.due = math.inf
        self.sampled = math.nan
        self.sample: _Sample | None = None
        self._patience = patience
        self._clock = clock
        self._loop_thread = threading.get_ident()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._patience / 4):
            due = self.due
            late = self._clock.now() - due
            if self.sampled != due and late > self._patience / 2:
                frame = sys._current_frames().get(self._loop_thread)
                if frame is not None:
                    self.sample = _culprit(frame)
                    self.sampled = due

    def stop(self) -> None:
        self._ended.set()


def _culprit(innermost: FrameType) -> _Sample:
    """Which actor's frames lie on a stack, and which message it handles."""
    lines: list[str] = []
    actor = message = ""
    frame: FrameType | None = innermost
    while frame is not None:
        code = frame.f_code
        if len(lines) < _FRAMES:
            lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_qualname}')
        if code.co_filename == lifecycle.__file__:
            found = frame.f_locals
            actor = actor or getattr(found.get("cell"), "path", "")
            if not message and code is lifecycle._serve.__code__:
                message = _kind_of(found.get("message"))
            elif not message and code is lifecycle.own_task.__code__:
                message = getattr(found.get("function"), "__qualname__", "")
            elif not message and code.co_name in ("_live", "_terminate"):
                message = "init" if code.co_name == "_live" else "terminate"
        frame = frame.f_back
    return _Sample(actor, message, "\n".join(reversed(lines)))


def _kind_of(message: Any) -> str:
    return type(message.message if isinstance(message, From) else message).__name__


def _report(seconds: float, gross: list[float], net: list[float], waited: float, known: bool) -> LagReport:
    def share(samples: list[float], part: float) -> float:
        return sorted(samples)[min(len(samples) - 1, int(len(samples) * part))] * 1e3

    return LagReport(
        seconds=seconds,
        ticks=len(gross),
        gross_p50_ms=share(gross, 0.5),
        gross_p99_ms=share(gross, 0.99),
        gross_max_ms=max(gross) * 1e3,
        net_p50_ms=share(net, 0.5),
        net_p99_ms=share(net, 0.99),
        net_max_ms=max(net) * 1e3,
        run_queue_ms=waited * 1e3,
        run_queue_known=known,
    )
