"""One report, whole: an event with all that its author knew."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.text_page import TextPage


class ReportScreen(RunScreen):
    """A text over the whole screen."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.crumb = title
        self._title_text = title
        self._text = text

    def body(self) -> Iterable[Widget]:
        yield TextPage(id="page", classes="page")

    def fill(self, view: View) -> None:
        self.query_one(TextPage).show_text(self._title_text, self._text, "Nothing is known of it.")

    def report(self, view: View) -> str:
        return self._text
