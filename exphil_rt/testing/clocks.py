"""Virtual time for tests: one call runs an async function on trio or asyncio with a clock that jumps.

Time moves only when every task waits for it, so a test that waits an hour takes a millisecond. Tests with processes,
sockets or threads use real time (``virtual=False``) and wait on events.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import selectors
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal, TypeVar

import anyio

Backend = Literal["trio", "asyncio"]
BACKENDS: Final[tuple[Backend, ...]] = ("trio", "asyncio")

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose clock stands still while anything runs and jumps to the next timer when nothing does."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self._virtual_now = 0.0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Advance the clock."""
        self._virtual_now += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Events that are there; else, instead of waiting for a timer, its time."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(0)
        if not events:
            self._loop.jump(timeout)
        return events


def run(function: Callable[..., Awaitable[T]], *args: Any, backend: Backend = "trio", virtual: bool = True) -> T:
    """Run ``function(*args)`` to its end on a fresh loop of ``backend``, in virtual time unless told otherwise."""
    options: dict[str, Any] = {}
    if virtual and backend == "trio":
        import trio.testing

        options["clock"] = trio.testing.MockClock(autojump_threshold=0)
    elif virtual:
        options["loop_factory"] = VirtualTimeLoop
    return anyio.run(function, *args, backend=backend, backend_options=options)


def both_backends(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make an async test a test on trio and one on asyncio, in virtual time. Fixtures stay its parameters."""
    return _on_backends(function, virtual=True)


def both_backends_real_time(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """The same in real time, for tests with processes, sockets or threads."""
    return _on_backends(function, virtual=False)


def _on_backends(function: Callable[..., Awaitable[None]], *, virtual: bool) -> Callable[..., None]:
    import pytest

    @functools.wraps(function)
    def test(*, backend: Backend, **fixtures: Any) -> None:
        run(functools.partial(function, **fixtures), backend=backend, virtual=virtual)

    own = inspect.signature(function).parameters.values()
    extra = inspect.Parameter("backend", inspect.Parameter.KEYWORD_ONLY)
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    test.__signature__ = inspect.Signature([*parameters, extra])  # type: ignore[attr-defined]
    marked: Callable[..., None] = pytest.mark.parametrize("backend", BACKENDS)(test)
    return marked
