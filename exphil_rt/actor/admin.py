"""What a supervisor can be asked from outside: start, stop, restart, delete, list its children. OTP's names and rules.

The messages are the supervisor's own; everybody else calls the functions.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from exphil_rt.actor.context import running_runtime
from exphil_rt.actor.pid import Pid, Target
from exphil_rt.actor.specs import ChildSpec, Kind

ADMIN_S: Final = 300.0
"""Default deadline of these calls: a supervisor may be starting or stopping other children for long."""


class StartChild(msgspec.Struct, frozen=True):
    """Start a child of this specification."""

    spec: ChildSpec


class TerminateChild(msgspec.Struct, frozen=True):
    """Stop a child."""

    child: str | Pid


class RestartChild(msgspec.Struct, frozen=True):
    """Start a child that was stopped."""

    child: str | Pid


class DeleteChild(msgspec.Struct, frozen=True):
    """Forget the specification of a child that was stopped."""

    child: str | Pid


class GetChildSpec(msgspec.Struct, frozen=True):
    """Ask for a specification."""

    child: str | Pid


class WhichChildren(msgspec.Struct, frozen=True):
    """Ask for the list of children."""


class CountChildren(msgspec.Struct, frozen=True):
    """Ask for counts."""


class GetCallbackModule(msgspec.Struct, frozen=True):
    """Ask for the supervisor's class."""


class ChildInfo(msgspec.Struct, frozen=True):
    """One child as its supervisor sees it; ``pid`` is None where it does not run."""

    id: str
    pid: Pid | None
    restarting: bool
    kind: Kind
    start: Any
    """The actor's class."""


class ChildCounts(msgspec.Struct, frozen=True):
    """``active`` run (restarting ones do not); ``supervisors`` and ``workers`` count specifications."""

    specs: int
    active: int
    supervisors: int
    workers: int


async def start_child(supervisor: Target, spec: ChildSpec, timeout: float = ADMIN_S) -> Pid | None:
    """Add a child and wait until it is up; None where it answered Ignore.

    Raises:
        StartError, AlreadyStarted, AlreadyPresent, MaxChildren, BadSpec.
    """
    pid: Pid | None = await _ask(supervisor, StartChild(spec), timeout)
    return pid


async def terminate_child(supervisor: Target, child: str | Pid, timeout: float = ADMIN_S) -> None:
    """Stop a child (by id; of a DynamicSupervisor by pid) in its shutdown time; a temporary one is forgotten.

    Raises:
        ChildNotFound, NotSupported.
    """
    await _ask(supervisor, TerminateChild(child), timeout)


async def restart_child(supervisor: Target, child: str, timeout: float = ADMIN_S) -> Pid | None:
    """Start a specified child that does not run; None where it answered Ignore.

    Raises:
        ChildRunning, ChildRestarting, ChildNotFound, StartError, NotSupported.
    """
    pid: Pid | None = await _ask(supervisor, RestartChild(child), timeout)
    return pid


async def delete_child(supervisor: Target, child: str, timeout: float = ADMIN_S) -> None:
    """Forget a specified child that does not run.

    Raises:
        ChildRunning, ChildRestarting, ChildNotFound, NotSupported.
    """
    await _ask(supervisor, DeleteChild(child), timeout)


async def get_childspec(supervisor: Target, child: str | Pid, timeout: float = ADMIN_S) -> ChildSpec:
    """The specification of a child.

    Raises:
        ChildNotFound.
    """
    spec: ChildSpec = await _ask(supervisor, GetChildSpec(child), timeout)
    return spec


async def which_children(supervisor: Target, timeout: float = ADMIN_S) -> tuple[ChildInfo, ...]:
    """Every child, newest first."""
    children: tuple[ChildInfo, ...] = await _ask(supervisor, WhichChildren(), timeout)
    return children


async def count_children(supervisor: Target, timeout: float = ADMIN_S) -> ChildCounts:
    """Counts of the children."""
    counts: ChildCounts = await _ask(supervisor, CountChildren(), timeout)
    return counts


async def get_callback_module(supervisor: Target, timeout: float = ADMIN_S) -> type:
    """The supervisor's class, whose ``init`` says what it supervises."""
    callback: type = await _ask(supervisor, GetCallbackModule(), timeout)
    return callback


async def _ask(supervisor: Target, message: Any, timeout: float) -> Any:
    return await running_runtime().call(supervisor, message, timeout)
