"""Which actor and which runtime the running task belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from exphil_rt.actor.errors import ActorError

if TYPE_CHECKING:
    from exphil_rt.actor.calls import Waiter
    from exphil_rt.actor.cell import Cell
    from exphil_rt.actor.runtime import Runtime

current_cell: ContextVar[Cell | None] = ContextVar("current_cell", default=None)
"""The actor whose own loop runs; None in tasks of start_task and outside, which no reply can deadlock."""
current_waiter: ContextVar[Waiter | None] = ContextVar("current_waiter", default=None)
"""What a call made here keeps waiting: the actor's loop, or the task that answers a call; None where nobody is."""
_current_runtime: ContextVar[Runtime | None] = ContextVar("current_runtime", default=None)


def set_runtime(runtime: Runtime) -> None:
    """Make ``runtime`` the one of this task and of what it starts."""
    _current_runtime.set(runtime)


def running_runtime() -> Runtime:
    """The runtime of this task.

    Raises:
        ActorError: none is open here.
    """
    runtime = _current_runtime.get()
    if runtime is None:
        raise ActorError("No actor runtime is open in this task.", hint="Use `async with Runtime.open()`.")
    return runtime
