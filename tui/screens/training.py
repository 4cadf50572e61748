"""The learner over the run, large: every metric, and of an imitation its epochs beside the tables."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import Horizontal
from textual.widget import Widget

from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.epoch_table import EpochTable
from tui.widgets.sparkline import Sparklines


class TrainingScreen(RunScreen):
    """One graph a metric."""

    crumb = "training"
    DEFAULT_CSS = """
    TrainingScreen EpochTable { display: none; width: 1fr; }
    TrainingScreen Sparklines { width: 1fr; height: 1fr; }
    TrainingScreen.-imitation EpochTable { display: block; }
    TrainingScreen.-imitation.-tabs #page { layout: vertical; }
    TrainingScreen.-imitation.-tabs EpochTable { width: 1fr; height: 1fr; }
    """

    def body(self) -> Iterable[Widget]:
        yield Horizontal(Sparklines(id="training", most=12), EpochTable(id="epochs"), id="page", classes="page")

    def fill(self, view: View) -> None:
        if view.overview is None:
            return
        status = view.overview.status
        self.set_class(status.imitation is not None, "-imitation")
        self.query_one(Sparklines).show_series(
            view.overview.series, status.shares, learning_from_replays=status.imitation is not None
        )
        self.query_one(EpochTable).show_imitation(status.imitation)
