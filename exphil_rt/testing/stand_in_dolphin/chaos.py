"""Which fault is due when. What a fault does is in ``harm`` (to the process) and ``packets`` (to a frame's packet)."""

from __future__ import annotations

import random
from typing import Final

from exphil_rt.testing.stand_in_dolphin.config import Chaos, StandInConfig

_SOAK_SECONDS: Final = {"slow": 0.05, "freeze": 0.0, "stall": 0.0}
_SOAK_ARGS: Final = {"exit": 3, "truncate": 40, "rollback": 5, "slow": 30, "fast": 30, "late_input": 2}
"""The usual seconds and args of drawn faults; 0 where a kind is missing."""


class Schedule:
    """The faults of one launch.

    Args:
        config: the settings.
        launch: count of the launch, from 1 on.
    """

    def __init__(self, config: StandInConfig, launch: int) -> None:
        faults = [fault for fault in config.chaos if fault.launch in (0, launch)]
        if config.soak is not None:
            draw = random.Random(f"{config.seed} {launch}")
            kind = draw.choice(config.soak.kinds)
            at = draw.randint(config.soak.first, config.soak.last)
            faults.append(Chaos(do=kind, at=at, seconds=_SOAK_SECONDS.get(kind, 0.0), arg=_SOAK_ARGS.get(kind, 0)))
        self._faults = faults
        self._done: set[tuple[int, int, int]] = set()

    def at_start(self) -> dict[str, Chaos]:
        """The faults of the start, by kind."""
        return {fault.do: fault for fault in self._faults if fault.at == "start"}

    def in_menus(self, frame: int, game: int) -> list[Chaos]:
        """Those of menu frame ``frame`` before game ``game``."""
        found = []
        for fault in self._faults:
            if isinstance(fault.at, str) and fault.at.startswith("menu") and fault.game in (0, game):
                first = int(fault.at.partition(":")[2] or 0)
                if frame == first or (fault.every and frame > first and (frame - first) % fault.every == 0):
                    found.append(fault)
        return found

    def in_game(self, frame: int, game: int) -> list[Chaos]:
        """Those of a frame; a frame that comes again through a rollback brings none."""
        found = []
        for number, fault in enumerate(self._faults):
            if isinstance(fault.at, str) or fault.game not in (0, game) or frame < fault.at:
                continue
            again = fault.every and (frame - fault.at) % fault.every == 0
            if (frame == fault.at or again) and (key := (number, game, frame)) not in self._done:
                self._done.add(key)
                found.append(fault)
        return found
