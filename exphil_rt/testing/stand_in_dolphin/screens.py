"""All menus in a row: the title and the main menu where they are wanted, then those of a local or of a direct match."""

from __future__ import annotations

from collections.abc import Mapping

from exphil_rt.testing.stand_in_dolphin.choice import Choice
from exphil_rt.testing.stand_in_dolphin.menus import Menus
from exphil_rt.testing.stand_in_dolphin.online import Online
from exphil_rt.testing.stand_in_dolphin.pads import Held
from exphil_rt.testing.stand_in_dolphin.title import Title


class Screens:
    """What a bot goes through before each game.

    Args:
        local: character and stage select.
        online: the screens of direct mode.
        title: whether it begins at the title; else at character select.
    """

    def __init__(self, local: Menus, online: Online, title: bool) -> None:
        self._title = Title() if title else None
        self._local, self._online = local, online
        self._now: Menus | Online = local

    @property
    def choice(self) -> Choice | None:
        """The next game, once it is decided."""
        return self._now.choice

    def enter(self) -> None:
        """To character select, as after a game."""
        self._now.enter()

    def step(self, held: Mapping[int, Held]) -> bytes:
        """One menu frame with these inputs; what it shows."""
        if self._title is None:
            return self._now.step(held)
        shown = self._title.step(held)
        if self._title.to is not None:
            self._now = self._online if self._title.to == "direct" else self._local
            self._title = None
        return shown
