"""What ``init`` and handlers answer beside a state or a reply."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from exphil_rt.actor.calls import NO_REPLY
from exphil_rt.actor.reasons import ExitReason, Normal

T = TypeVar("T")


class Ignore(msgspec.Struct, frozen=True):
    """``init`` answers this: do not start me, and do not count that as a failure."""


class Continue(msgspec.Struct, Generic[T], frozen=True):
    """``init`` answers this: I am up with ``state``; call my ``handle_continue(then)`` before any message."""

    state: T
    then: Any = None


class Extra(msgspec.Struct, Generic[T], frozen=True):
    """``init`` answers this: I am up with ``state``, and ``pid.info`` is ``info`` (OTP's ``{ok, Pid, Info}``)."""

    state: T
    info: Any


class Stop(Exception):
    """Raised in a handler, ``init`` or a start_task task: end with ``reason``; ``reply`` goes to the caller."""

    def __init__(self, reason: ExitReason | None = None, *, reply: Any = NO_REPLY) -> None:
        self.reason: ExitReason = reason if reason is not None else Normal()
        self.reply = reply
        super().__init__(self.reason)
