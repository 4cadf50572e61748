"""Messages that could not be delivered: the last ones, counts by reason, and who is told of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from exphil_rt.actor.reports import DeadLetter

_log = structlog.get_logger(__name__)

KEPT: Final = 256
"""Letters that are kept, and targets that are counted."""


class DeadLetters:
    """Iterates over the last letters, oldest first."""

    def __init__(self) -> None:
        self.total = 0
        self.by_reason: dict[str, int] = {}
        self._ring: deque[DeadLetter] = deque(maxlen=KEPT)
        self._targets: dict[str, int] = {}
        self._subscribers: list[Callable[[DeadLetter], None]] = []

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)

    def subscribe(self, function: Callable[[DeadLetter], None]) -> Callable[[], None]:
        """Have every further letter passed to ``function``, which must be quick; returns what unsubscribes it."""
        self._subscribers.append(function)

        def unsubscribe() -> None:
            if function in self._subscribers:
                self._subscribers.remove(function)

        return unsubscribe

    def add(self, letter: DeadLetter) -> None:
        """Count and keep a letter; logged at the 1st, 2nd, 4th, 8th ... of each target."""
        self.total += 1
        self.by_reason[letter.reason] = self.by_reason.get(letter.reason, 0) + 1
        self._ring.append(letter)
        count = self._targets.get(letter.target, 0) + 1
        if letter.target in self._targets or len(self._targets) < KEPT:
            self._targets[letter.target] = count
            if count & (count - 1) == 0:
                kind = type(letter.message).__name__
                _log.warning("dead_letter", target=letter.target, message=kind, reason=letter.reason, count=count)
        for function in tuple(self._subscribers):
            try:
                function(letter)
            except Exception:
                _log.exception("dead_letter_subscriber_failed", target=letter.target)
