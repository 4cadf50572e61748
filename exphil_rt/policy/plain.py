"""Plain operations: forwards that are traced for export, or vectorised over several policies, take no path that depends
on values and use no fused operation that only torch's own eager mode has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_plain: ContextVar[bool] = ContextVar("plain", default=False)


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """Forwards inside the block keep to plain operations; what they compute is the same."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Whether forwards keep to plain operations now."""
    return _plain.get()
