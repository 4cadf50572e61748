"""The two things that the kernel's hot paths take from the loop itself: its clock and its event.

anyio's own wrappers look the backend up on every use, which costs more than the rest of a call. ``now`` is the clock
behind ``anyio.current_time()``, so mock clocks hold here too.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol


class Event(Protocol):
    """A one-shot event of the running loop."""

    def set(self) -> None:
        """Wake every waiter, and let later ones through."""

    def wait(self) -> Any:
        """Wait until it is set."""


class Loop(NamedTuple):
    """Clock and events of the running loop."""

    now: Callable[[], float]
    event: Callable[[], Event]


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

        return Loop(trio.current_time, trio.Event)
    return Loop(asyncio.get_running_loop().time, asyncio.Event)
