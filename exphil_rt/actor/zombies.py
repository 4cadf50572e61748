"""Coroutines that refuse to be cancelled: one that resumes after it was given up is abandoned; the others are named.

A coroutine cannot be killed: it may catch what cancels it, and one that catches and waits again in a loop would be
cancelled again at each turn, for ever. So the kernel drives an actor's coroutine itself and, once the actor was given
up, does not resume it: the task ends, and the coroutine is left where it stands, never to run again. One inside a
shield is not resumed at all until what it waits for comes.
"""

from __future__ import annotations

import ctypes
import linecache
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Protocol

import anyio

from exphil_rt.actor.loop import Event, on_trio

_FRAMES: Final = 50
REFUSALS: Final = 1000
"""Cancellations in a row after which a coroutine that was told to end counts as refusing: milliseconds of a loop."""


class Owner(Protocol):
    """In whose name a coroutine runs."""

    @property
    def told(self) -> bool:
        """Whether the coroutine was told to end; before, a cancellation is its own affair, such as a sleep's end."""

    @property
    def dead(self) -> bool:
        """Whether it is not to be resumed at all."""


@types.coroutine
def abandonable(coroutine: Coroutine[Any, Any, None], owner: Owner) -> Generator[Any, Any, bool]:
    """Run ``coroutine`` to its end (True), or until it would be resumed although it was given up (False).

    That is when its owner is dead, and when it was cancelled REFUSALS times in a row since it was told to end.
    """
    error_type = getattr(sys.modules.get("outcome"), "Error", None)  # what trio resumes a cancelled coroutine with
    step: Callable[[Any], Any] = coroutine.send
    value: Any = None
    refusals = 0
    while True:
        try:
            waits_for = step(value)
        except StopIteration:
            return True
        try:
            value = yield waits_for
            step = coroutine.send
            cancelled = type(value) is error_type
        except BaseException as error:
            value = error
            step = coroutine.throw
            cancelled = True
        refusals = refusals + 1 if cancelled and owner.told else 0
        if owner.dead or refusals >= REFUSALS:
            _leak(coroutine)
            return False


async def outlast_task_groups(closing: Event) -> None:
    """Sleep until ``closing`` where an abandoned coroutine left open task groups of trio's, which are its task's."""
    if _holds_task_groups():
        with anyio.CancelScope(shield=True):
            await closing.wait()


def _holds_task_groups() -> bool:
    if not on_trio():
        return False
    import trio

    return bool(trio.lowlevel.current_task().child_nurseries)


def is_misnesting(error: BaseException) -> bool:
    """Whether this is only trio's complaint about the task groups in which a coroutine was abandoned."""
    return isinstance(error, RuntimeError) and str(error).startswith("Nursery stack corrupted")


def _leak(thing: object) -> None:
    """Keep ``thing`` for good: the end of an abandoned coroutine would resume it once more, to close it."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def stack_of(coroutine: Any) -> str:
    """Where a waiting coroutine stands, outermost frame first; like a traceback."""
    lines: list[str] = []
    while coroutine is not None and len(lines) < 2 * _FRAMES:
        frame = _attribute(coroutine, "frame")
        if frame is not None:
            code = frame.f_code
            lines.append(f'  File "{code.co_filename}", line {frame.f_lineno}, in {code.co_qualname}')
            lines.append(f"    {linecache.getline(code.co_filename, frame.f_lineno, frame.f_globals).strip()}")
        coroutine = _attribute(coroutine, "await") or _attribute(coroutine, "yieldfrom")
    return "\n".join(lines)


def _attribute(thing: Any, name: str) -> Any:
    """``cr_frame`` of a coroutine, ``gi_frame`` of a generator, ``ag_frame`` of an asynchronous one."""
    return next((value for kind in ("cr", "gi", "ag") if (value := getattr(thing, f"{kind}_{name}", None))), None)
