"""What the kernel's hot paths take from the loop itself: its clock, its event, its cancel scope and how a task sleeps.

anyio's own wrappers look the backend up on every use, which costs more than the rest of a call. ``now`` is the clock
behind ``anyio.current_time()``, so mock clocks hold here too.
"""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import anyio


class Event(Protocol):
    """A one-shot event of the running loop."""

    def set(self) -> None:
        """Wake every waiter, and let later ones through."""

    def wait(self) -> Any:
        """Wait until it is set."""


class Scope(Protocol):
    """A cancel scope of the running loop: trio's own, or anyio's for asyncio."""

    def cancel(self) -> None:
        """Cancel what runs in it, or what enters it later."""

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> bool | None: ...


class Berth(Protocol):
    """Where one task sleeps again and again until it is woken; an event for each sleep costs seven objects more."""

    asleep: bool

    def sleep(self) -> Awaitable[Any]:
        """Sleep until ``wake``, or until cancelled."""

    def wake(self) -> None:
        """Wake the task; only while it is asleep."""


class Loop(NamedTuple):
    """Clock, events, shielded scopes and berths of the running loop."""

    now: Callable[[], float]
    event: Callable[[], Event]
    shield: Callable[[], Scope]
    berth: Callable[[], Berth]


def on_trio() -> bool:
    """Whether trio, and not asyncio, runs the caller."""
    if "trio" not in sys.modules:
        return False
    import trio

    return trio.lowlevel.in_trio_run()


def running_loop() -> Loop:
    """The loop that runs the caller, trio or asyncio."""
    if on_trio():
        import trio

        from exphil_rt.actor.trio_berth import TrioBerth

        return Loop(trio.current_time, trio.Event, functools.partial(trio.CancelScope, shield=True), TrioBerth)
    scope = type(anyio.CancelScope())  # anyio's own for asyncio, which the public name looks up and then makes twice
    return Loop(asyncio.get_running_loop().time, asyncio.Event, functools.partial(scope, shield=True), _AsyncioBerth)


class _AsyncioBerth:
    __slots__ = ("_future", "asleep")

    def __init__(self) -> None:
        self.asleep = False
        self._future: asyncio.Future[None] | None = None

    def sleep(self) -> Awaitable[Any]:
        self.asleep = True
        self._future = asyncio.get_running_loop().create_future()
        return self._future

    def wake(self) -> None:
        self.asleep = False
        if self._future is not None and not self._future.done():  # it may have been cancelled
            self._future.set_result(None)
