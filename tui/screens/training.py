"""Every metric of the learner over the run, large."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.sparkline import Sparklines


class TrainingScreen(RunScreen):
    """One graph a metric."""

    crumb = "training"

    def body(self) -> Iterable[Widget]:
        yield Sparklines(id="page", most=12).add_class("page")

    def fill(self, view: View) -> None:
        if view.overview is not None:
            self.query_one(Sparklines).show_series(view.overview.series, view.overview.status.shares)
