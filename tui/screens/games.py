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
            tiles = self.query_one(Tiles)
            if view.overview.status.imitation is not None:
                tiles.empty = "No games: this run learns from replays. 4 shows its training."
            tiles.show_games(view.overview.games)
