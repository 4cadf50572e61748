"""What the kernel raises in those who use it. How an actor ended is data and lives in ``reasons``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exphil_rt.actor.reasons import ExitReason, describe
from exphil_rt.errors import ExphilError

if TYPE_CHECKING:
    from exphil_rt.actor.pid import Pid


class ActorError(ExphilError):
    """The root of the kernel's errors."""


class CallTimeout(ActorError):
    """No reply came before the call's deadline; the callee goes on working, its late reply is dropped."""

    def __init__(self, target: str, message: str, timeout: float) -> None:
        super().__init__(f"The call {message} to {target} had no reply within {timeout:g} s.")


class NoProc(ActorError):
    """The target is not alive, or ended before it replied; ``reason`` is how, None where it never was."""

    def __init__(self, target: str, reason: ExitReason | None = None) -> None:
        self.reason = reason
        super().__init__(f"No such actor: {target}." if reason is None else f"The actor {target} {describe(reason)}.")


class CallingCycle(ActorError):
    """The call would wait for its own caller; ``path`` names the actors of the cycle, first and last the same."""

    def __init__(self, path: Sequence[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"A call would wait for itself: {' -> '.join(path)}.", hint="Cast in one direction instead.")


class MailboxFull(ActorError):
    """The target's mailbox has no room and its policy refuses the message."""

    def __init__(self, target: str) -> None:
        super().__init__(f"The mailbox of {target} is full.")


class NoHandler(ActorError):
    """The callee handles no calls of this message type."""

    def __init__(self, target: str, message: str) -> None:
        super().__init__(f"The actor {target} has no @handle_call for {message}.")


class StartError(ActorError):
    """An actor did not start; ``reason`` is how its ``init`` ended."""

    def __init__(self, target: str, reason: ExitReason) -> None:
        self.reason = reason
        super().__init__(f"The actor {target} did not start: it {describe(reason)}.")


class AlreadyStarted(ActorError):
    """A child of this id, or an actor of this name, runs already as ``pid``."""

    def __init__(self, target: str, pid: Pid | None = None) -> None:
        self.pid = pid
        super().__init__(f"The actor {target} runs already.")


class AlreadyRegistered(ActorError):
    """A registry's unique key is held by the living ``pid``."""

    def __init__(self, registry: str, key: object, pid: Pid) -> None:
        self.pid = pid
        super().__init__(f"The key {key!r} of the registry {registry} is held by {pid.label}.")


class AlreadyPresent(ActorError):
    """The supervisor has a child specification of this id, whose child does not run."""

    def __init__(self, target: str) -> None:
        super().__init__(f"The child {target} is specified already.", hint="restart_child starts it.")


class ChildNotFound(ActorError):
    """The supervisor has no such child."""

    def __init__(self, target: str) -> None:
        super().__init__(f"The supervisor has no child {target}.")


class ChildRunning(ActorError):
    """The child runs, so it can be neither restarted nor deleted."""

    def __init__(self, target: str) -> None:
        super().__init__(f"The child {target} is running.", hint="terminate_child stops it.")


class ChildRestarting(ActorError):
    """The child waits for its next restart attempt."""

    def __init__(self, target: str) -> None:
        super().__init__(f"The child {target} is restarting.", hint="terminate_child ends its attempts.")


class MaxChildren(ActorError):
    """The dynamic supervisor holds as many children as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The supervisor has its {limit} children already.")


class NotSupported(ActorError):
    """The supervisor's kind does not know this operation (OTP's ``simple_one_for_one`` error)."""


class BadSpec(ActorError):
    """A child specification or a supervisor's flags make no sense."""


class NotSuspended(ActorError):
    """Only a suspended actor's code is changed."""

    def __init__(self, target: str) -> None:
        super().__init__(f"The actor {target} is not suspended, so its code is not changed.", hint="sys.suspend first.")


class CodeChangeFailed(ActorError):
    """The new class could not take over; the actor is as it was."""

    def __init__(self, target: str, why: str) -> None:
        super().__init__(f"The code of {target} was not changed: {why}.")


class SlotsExhausted(ActorError):
    """Every slot of a pool is owned by somebody."""
