"""All menus in a row: the title and the main menu where they are wanted, then those of a local or of a direct match."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from exphil_rt.game.ids import character
from exphil_rt.testing.stand_in_dolphin.choice import Choice
from exphil_rt.testing.stand_in_dolphin.config import StandInConfig
from exphil_rt.testing.stand_in_dolphin.ini import ADAPTER, PIPE, UserFolder
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

    @classmethod
    def of(cls, config: StandInConfig, user: UserFolder, launch: int, stuck: bool) -> Self:
        """The menus of one launch.

        Args:
            config: the settings.
            user: what is plugged in, and whose account it is.
            launch: count of the launch, a key of what is random.
            stuck: whether no cursor moves.
        """
        seed, person = config.seed * 1_000_003 + launch, int(character(config.person))
        local = Menus(
            user.plugged(PIPE),
            user.plugged(ADAPTER),
            person=person,
            person_level=config.person_level,
            seed=seed,
            stuck=stuck,
        )
        online = Online(user.connect_code, config.online_port, person, config.person_level, seed)
        return cls(local, online, config.begins == "title")

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
