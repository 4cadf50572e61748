"""One game drawn over the whole screen: live for the exhibition game, as sampled for the others.

Below a match on a console stand its figures.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from exphil_rt.messages.telemetry import GameSample
from tui.screens.base import RunScreen
from tui.view import View
from tui.widgets.console import ConsolePanel
from tui.widgets.exhibition import Exhibition


class GameScreen(RunScreen):
    """Follows a slot: when its game ends, the next one of the slot is shown."""

    def __init__(self, slot: int, *, live: bool) -> None:
        super().__init__()
        self.slot = slot
        self.live = live
        """Whether this is the exhibition game, which comes at 60 Hz."""
        self.crumb = f"game {slot}"
        self._worker = ""

    DEFAULT_CSS = """
    GameScreen ConsolePanel { display: none; height: 14; }
    GameScreen.-match ConsolePanel { display: block; }
    """

    def body(self) -> Iterable[Widget]:
        picture = Exhibition(id="page", empty=f"No game runs in slot {self.slot} now.")
        picture.opens = False
        yield picture.add_class("page")
        yield ConsolePanel(id="console")

    def fill(self, view: View) -> None:
        match = view.status.match if view.status else None
        self.set_class(match is not None, "-match")
        self.query_one(ConsolePanel).show_match(match)
        if self.live:
            self.show_exhibition(view.exhibition)
            return
        game = view.game(self.slot)
        kind = f", {game.kind}" if game else ""
        self._worker = game.worker if game else ""
        name = f"Game {self.slot}{kind}{f', {self._worker}' if self._worker else ''}"
        self.query_one(Exhibition).show_game(game, name=name)

    def show_exhibition(self, game: GameSample | None) -> None:
        if self.live and self.is_mounted:
            self.query_one(Exhibition).show_game(game)

    def wanted_events(self) -> str:
        return self._worker
