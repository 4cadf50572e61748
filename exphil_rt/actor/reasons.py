"""How an actor ends, as data: OTP's exit reasons.

``Normal`` and ``Shutdown`` are clean ends, ``Killed`` and ``Crash`` are not. What callers see raised lives in
``errors``.
"""

from __future__ import annotations

import linecache
import traceback
from typing import Any, Final

import msgspec

_TRACE_LIMIT: Final = 8_000
_TEXT_LIMIT: Final = 2_000


class Normal(msgspec.Struct, frozen=True, tag_field="reason", tag="normal"):
    """The actor finished its work."""


class Shutdown(msgspec.Struct, frozen=True, tag_field="reason", tag="shutdown"):
    """The actor was told to end; ``info`` may say why (OTP's ``{shutdown, Term}``)."""

    info: Any = None


class Killed(msgspec.Struct, frozen=True, tag_field="reason", tag="killed"):
    """The actor was ended without being asked."""


class Crash(msgspec.Struct, frozen=True, tag_field="reason", tag="crash"):
    """An exception left the actor, or its process died."""

    type: str
    text: str
    trace: str = ""


ExitReason = Normal | Shutdown | Killed | Crash


def noproc(name: str) -> Crash:
    """The reason that a monitor or a link on nobody gives at once."""
    return Crash("NoProc", f"no such actor: {name}")


def is_clean(reason: ExitReason) -> bool:
    """Whether a transient child that ended so is left in peace: ``Normal`` or ``Shutdown``."""
    return isinstance(reason, Normal | Shutdown)


def crash_of(error: BaseException) -> Crash:
    """The reason that stands for an exception; a group of one is seen as its only member."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return Crash(type(error).__name__, str(error)[:_TEXT_LIMIT], _trace(error)[-_TRACE_LIMIT:])


def _trace(error: BaseException) -> str:
    """The traceback. That of a lone exception is put together here, since the library's carets cost half a restart."""
    if isinstance(error, BaseExceptionGroup) or error.__cause__ or error.__context__:
        return "".join(traceback.format_exception(error))
    lines = ["Traceback (most recent call last):"]
    for frame, number in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {number}, in {code.co_qualname}')
        lines.append(f"    {linecache.getline(code.co_filename, number, frame.f_globals).strip()}")
    return "\n".join([*lines, *getattr(error, "__notes__", ()), f"{type(error).__name__}: {error}"])


def describe(reason: ExitReason) -> str:
    """One line for a person."""
    match reason:
        case Normal():
            return "ended normally"
        case Shutdown(info=None):
            return "was shut down"
        case Shutdown(info=info):
            return f"was shut down ({str(info)[:_TEXT_LIMIT]})"
        case Killed():
            return "was killed"
        case Crash(type=kind, text=text):
            return f"crashed: {kind}: {text}" if text else f"crashed: {kind}"
