"""What happened, newest first: one line an event, with its author where a person did it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from exphil_rt.messages.telemetry import Event
from tui.table import Column, Line, fit_columns, row_line
from tui.widgets.rows import Rows
from tui.words import wall_clock

COLUMNS: Final = (
    Column("", 8, priority=2), Column("", 5, priority=3), Column("", 10, priority=1), Column("", 28, flex=True),
)  # fmt: skip

_LEVELS: Final = {"debug": "faint", "info": "primary", "warn": "warn", "error": "bad"}


class EventLog(Rows):
    """Rows are keyed by the event's number."""

    def show_events(self, events: Iterable[Event], wanted: str = "") -> None:
        """Show ``events`` (oldest first as they come), only those of an actor or text containing ``wanted``."""
        glyphs = self.look.glyphs
        fitted = fit_columns(COLUMNS, self.size.width)
        part = wanted.lower()
        kept = [event for event in events if not part or part in f"{event.actor} {event.event} {event.text}".lower()]
        rows: list[tuple[str, Line]] = []
        for event in reversed(kept):
            by_person = event.author in ("tui", "cli")
            text = f"{event.text} ({event.author})" if by_person else event.text
            level = _LEVELS[event.level]
            style = level if event.level in ("warn", "error") else "text"
            cells = [
                (wall_clock(event.time_ns), "faint"), (event.level.upper(), level),
                (event.actor.rpartition("/")[2], "accent"), (text, style),
            ]  # fmt: skip
            rows.append((str(event.seq), row_line(cells, fitted, glyphs)))
        empty = f"No event matches {wanted!r}." if wanted else "No events yet."
        self.set_rows(None, rows, empty)
        self.entitle(f"Events {len(kept)}{f'  {wanted!r}' if wanted else ''}", self.position)
