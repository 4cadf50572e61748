"""The supervision tree with all its columns, a filter, and the events of the selected actor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.events import EventLog
from tui.widgets.tree_table import TreeTable


class TreeScreen(RunScreen):
    """``/`` filters, ``s`` sorts, enter inspects."""

    crumb = "tree"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "Filter", key_display="/")]
    DEFAULT_CSS = """
    TreeScreen #tree { height: 1fr; }
    TreeScreen #events { height: 6; }
    TreeScreen.-short #events { display: none; }
    TreeScreen Input, EventsScreen Input {
        display: none; height: 1; border: none; padding: 0 1; background: $panel-edge 40%;
        &.-open { display: block; }
        &:focus { border: none; }
    }
    """

    def body(self) -> Iterable[Widget]:
        yield Vertical(
            TreeTable(id="tree"), Input(placeholder="part of an actor's path", compact=True), EventLog(id="events"),
            classes="page",
        )  # fmt: skip

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(TreeTable).focus()

    def fill(self, view: View) -> None:
        table = self.query_one(TreeTable)
        table.show_tree(view.tree, view.rates)
        self.query_one(EventLog).show_events(view.events, self.wanted_events())

    def selected_actor(self) -> str | None:
        return self.query_one(TreeTable).key

    def action_filter(self) -> None:
        """Open the filter line."""
        box = self.query_one(Input)
        box.add_class("-open")
        box.focus()

    def action_back(self) -> None:
        """Close the filter, then the page."""
        table, box = self.query_one(TreeTable), self.query_one(Input)
        if box.has_class("-open") or table.wanted:
            box.value = ""
            self._close(box)
        else:
            super().action_back()

    def on_input_changed(self, message: Input.Changed) -> None:
        table = self.query_one(TreeTable)
        table.wanted = message.value.strip()
        table.rearrange()

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self._close(message.input)

    def _close(self, box: Input) -> None:
        box.remove_class("-open")
        self.query_one(TreeTable).focus()
