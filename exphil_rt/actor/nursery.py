"""The group in which all tasks of a runtime live: trio's own nursery, or the like of it for asyncio.

anyio's task group wraps each task in a scope and a handle, which costs an actor a third of its memory, and which a
coroutine that is abandoned (``zombies``) could not leave in order. The kernel's tasks shield themselves and never
raise; what does leave one is a fault of the kernel, and ends the program's body.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio

from exphil_rt.actor.loop import on_trio

StartSoon = Callable[..., object]
"""``start_soon(function, *args, name=None)``: start ``function(*args)`` as a task of the group."""


@asynccontextmanager
async def open_nursery() -> AsyncIterator[StartSoon]:
    """A group for the body of an ``async with``, which ends when its tasks did."""
    if on_trio():
        import trio

        async with trio.open_nursery(strict_exception_groups=True) as nursery:
            yield nursery.start_soon
        return
    group = _AsyncioNursery()
    try:
        with group.body:
            yield group.start_soon
    except BaseException as error:
        await group.wait_empty()
        if group.errors:
            raise BaseExceptionGroup("tasks of the actor runtime failed", [error, *group.errors]) from None
        raise
    await group.wait_empty()
    if group.errors:
        raise BaseExceptionGroup("tasks of the actor runtime failed", group.errors)


class _AsyncioNursery:
    def __init__(self) -> None:
        self.body = anyio.CancelScope()
        self.errors: list[BaseException] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()

    def start_soon(
        self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any, name: str | None = None
    ) -> None:
        task = asyncio.get_running_loop().create_task(function(*args), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)
            self.body.cancel()
        if not self._tasks:
            self._empty.set()

    async def wait_empty(self) -> None:
        with anyio.CancelScope(shield=True):
            while self._tasks:
                self._empty.clear()
                await self._empty.wait()
