"""All games, as large as they fit."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.tiles import Tiles


class GamesScreen(RunScreen):
    """Tiles over the whole screen."""

    crumb = "games"

    def body(self) -> Iterable[Widget]:
        yield Tiles(id="page").add_class("page")

    def fill(self, view: View) -> None:
        if view.overview is not None:
            self.query_one(Tiles).show_games(view.overview.games)
