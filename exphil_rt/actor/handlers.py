"""The decorators @handle_call and @handle_cast, and the tables a class builds from them when it is created.

The message type is read from the annotation of the first parameter; a union registers each member.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
_MARK: Final = "__exphil_handles__"
_FRAMES: Final = 12


def handle_call(method: F) -> F:
    """Mark ``async def f(self, message: M, sender: From)`` as what answers calls of M."""
    setattr(method, _MARK, "call")
    return method


def handle_cast(method: F) -> F:
    """Mark ``async def f(self, message: M)`` as what handles casts, timers and process messages of M."""
    setattr(method, _MARK, "cast")
    return method


def tables(cls: type) -> tuple[dict[type, Callable[..., Any]], dict[type, Callable[..., Any]]]:
    """The handlers of ``cls`` and its bases by message type: calls, casts.

    Raises:
        TypeError: a handler's message annotation is missing, unreadable or not a class.
    """
    calls: dict[type, Callable[..., Any]] = {}
    casts: dict[type, Callable[..., Any]] = {}
    for base in reversed(cls.__mro__):
        for name, function in vars(base).items():
            kind = getattr(function, _MARK, None)
            if kind is None:
                continue
            table = calls if kind == "call" else casts
            for message_type in _message_types(cls, name, function):
                table[message_type] = getattr(cls, name)  # an override of the method handles it
    return calls, casts


def _message_types(cls: type, name: str, function: Callable[..., Any]) -> tuple[type, ...]:
    parameters = list(inspect.signature(function).parameters.values())
    wanted = 3 if getattr(function, _MARK) == "call" else 2
    if len(parameters) != wanted or not inspect.iscoroutinefunction(function):
        shape = "(self, message: M, sender: From)" if wanted == 3 else "(self, message: M)"
        raise TypeError(f"The handler {cls.__name__}.{name} must be `async def {name}{shape}`.")
    annotation = parameters[1].annotation
    if annotation is inspect.Parameter.empty:
        raise TypeError(f"The handler {cls.__name__}.{name} does not annotate its message.")
    if isinstance(annotation, str):
        annotation = _resolve(cls, name, function, annotation)
    members = _members(annotation)
    if not all(isinstance(member, type) for member in members):
        raise TypeError(f"The handler {cls.__name__}.{name} takes {annotation!r}, which is not a message class.")
    return members


def _members(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(leaf for member in typing.get_args(annotation) for leaf in _members(member))
    return (annotation,)


def _resolve(cls: type, name: str, function: Callable[..., Any], annotation: str) -> Any:
    holder = types.SimpleNamespace(__annotations__={"message": annotation})
    error: NameError | None = None
    for local in _scopes():
        try:
            return typing.get_type_hints(holder, function.__globals__, local)["message"]
        except NameError as failed:
            error = failed
    raise TypeError(
        f"The handler {cls.__name__}.{name} annotates its message as {annotation}, which cannot be found at run time"
        f" ({error}); import it outside TYPE_CHECKING."
    )


def _scopes() -> typing.Iterator[dict[str, Any]]:
    """No locals, then those of the frames around the class statement: a class in a function may name its neighbours."""
    yield {}
    frame = sys._getframe(1)
    for _ in range(_FRAMES):
        if frame.f_back is None:
            return
        frame = frame.f_back
        yield frame.f_locals
