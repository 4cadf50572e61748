"""One game drawn over the whole screen: live for the exhibition game, as sampled for the others."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from exphil_rt.messages.telemetry import GameSample
from tui.screens.base import RunScreen
from tui.view import View
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

    def body(self) -> Iterable[Widget]:
        picture = Exhibition(id="page", empty=f"No game runs in slot {self.slot} now.")
        picture.opens = False
        yield picture.add_class("page")

    def fill(self, view: View) -> None:
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
