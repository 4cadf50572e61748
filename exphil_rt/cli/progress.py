"""One line of progress on stderr: rewritten in place on a terminal, now and then a new line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from exphil_rt.cli.output import say

LINE_S: Final = 5.0
"""Seconds between two progress lines where they cannot overwrite each other."""
REDRAW_S: Final = 0.2


class ProgressLine:
    """The line that is there."""

    def __init__(self) -> None:
        self._in_place = sys.stderr.isatty()
        self._every = REDRAW_S if self._in_place else LINE_S
        self._due = time.monotonic() + self._every
        self._drawn = False

    def update(self, text: Callable[[], str]) -> None:
        """Show what ``text`` gives, if it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._every
        if self._in_place:
            print(f"\r\x1b[K{text()}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            say(text())

    def end(self, text: str = "") -> None:
        """Take the line away, and leave ``text`` in its place."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = False
        if text:
            say(text)
