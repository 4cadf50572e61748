"""All events that the client has seen, with a filter; enter opens the whole report of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from exphil_rt.messages.telemetry import Event
from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.events import EventLog
from tui.words import wall_clock


def event_report(event: Event) -> str:
    """One event as Markdown, whole."""
    lines = [
        f"**{event.level.upper()}** `{event.event}` at {wall_clock(event.time_ns)}",
        f"actor `{event.actor}`, by {event.author}",
        "",
        event.text,
    ]
    lines += [f"- {name}: {value}" for name, value in event.report.items()]
    return "\n".join(lines)


class EventsScreen(RunScreen):
    """Newest first."""

    crumb = "events"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "Filter", key_display="/")]

    def body(self) -> Iterable[Widget]:
        yield Vertical(
            EventLog(id="events", classes="page"), Input(placeholder="part of an actor, event or text", compact=True),
            classes="page",
        )  # fmt: skip

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(EventLog).focus()

    def fill(self, view: View) -> None:
        self._view = view
        self.query_one(EventLog).show_events(view.events, self.query_one(Input).value.strip())

    def filter_by(self, wanted: str) -> None:
        """Show only what contains ``wanted``."""
        self.query_one(Input).value = wanted

    def report(self, view: View) -> str:
        key = self.query_one(EventLog).key
        found = next((event for event in view.events if str(event.seq) == key), None)
        return event_report(found) if found else super().report(view)

    def action_filter(self) -> None:
        """Open the filter line."""
        box = self.query_one(Input)
        box.add_class("-open")
        box.focus()

    def action_back(self) -> None:
        """Close the filter, then the page."""
        box = self.query_one(Input)
        if box.has_class("-open") or box.value:
            box.value = ""
            self._close(box)
        else:
            super().action_back()

    def on_input_changed(self, _message: Input.Changed) -> None:
        if self._view is not None:
            self.fill(self._view)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self._close(message.input)

    def _close(self, box: Input) -> None:
        box.remove_class("-open")
        self.query_one(EventLog).focus()

    _view: View | None = None
