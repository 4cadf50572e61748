"""The rated policies of the run, with their scores."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.elo_table import EloTable


class PoliciesScreen(RunScreen):
    """The Elo table with all its columns."""

    crumb = "policies"

    def body(self) -> Iterable[Widget]:
        yield EloTable(id="page", classes="page")

    def fill(self, view: View) -> None:
        if view.overview is not None:
            table = self.query_one(EloTable)
            if view.overview.status.imitation is not None:
                table.empty = (
                    "No ratings: this run learns from replays. `exphil-rt eval play NAME` measures what it made."
                )
            table.show_ratings(view.overview.ratings, view.overview.status.population)

    def report(self, view: View) -> str:
        key = self.query_one(EloTable).key
        found = next((r for r in (view.overview.ratings if view.overview else ()) if r.policy == key), None)
        if found is None:
            return super().report(view)
        return (
            f"{found.policy}: elo {found.elo:.0f} ± {found.error:.0f}, {found.games} games, "
            f"{found.wins}-{found.losses}-{found.draws}"
        )
