"""The options with which every command that reads replays chooses sides, and what is told about the choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from exphil_rt.cli.options import Flag
from exphil_rt.cli.output import say
from exphil_rt.replays import Selection, SideFilter
from exphil_rt.replays.optout import OPT_OUT_FILE, read_opt_out
from exphil_rt.store.home import Home

Names = Parameter(consume_multiple=False, negative="")
Workers = Annotated[int, Parameter(validator=Number(gte=0, lte=64))]
"""Processes that read replays; 0 is one for each core, at most 8."""
MIN_SECONDS: Final = 3.0
"""Shorter games are no games, unless told otherwise."""


@Parameter(name="*", group=Group("Sides", sort_key=1))
@dataclass(frozen=True)
class SideOptions:
    """Which sides of which games."""

    characters: Annotated[tuple[str, ...], Parameter(name="--character"), Names] = ()
    """sides that play this fighter; repeat it for several."""
    versus: Annotated[tuple[str, ...], Parameter(name="--vs"), Names] = ()
    """only against this fighter; repeat it for several."""
    players: Annotated[tuple[str, ...], Parameter(name="--player"), Names] = ()
    """only sides of this connect code (ABCD#123)."""
    stages: Annotated[tuple[str, ...], Parameter(name="--stage"), Names] = ()
    """only games on this stage; repeat it for several."""
    ports: Annotated[tuple[int, ...], Parameter(name="--player-port"), Names] = ()
    """only sides at this controller port (1 to 4)."""
    min_version: str = ""
    """only games recorded by this Slippi or a newer one (3.16.0)."""
    min_seconds: Annotated[float | None, Parameter(validator=Number(gte=0, lte=3600))] = None
    """leave out shorter games (3)."""
    quality_threshold: Annotated[float | None, Parameter(validator=Number(gte=0, lte=1))] = None
    """leave out sides whose quality is lower (self-destructs, idling, sandbagging; 1 is best)."""
    include_cpu: Flag = False
    """sides that the game's own CPU plays, too."""

    def filter(self, home: Home, characters: tuple[str, ...] | None = None) -> SideFilter:
        """The choice, without those who asked not to be learned from.

        Args:
            home: where their list lies.
            characters: instead of those that were named.

        Raises:
            UnknownName, BadFilter, OptOutInvalid: in one sentence.
        """
        return SideFilter.parse(
            self.characters if characters is None else characters,
            self.versus,
            self.players,
            stage=self.stages,
            port=self.ports,
            min_version=self.min_version,
            min_quality=self.quality_threshold or 0.0,
            cpu=self.include_cpu,
            min_frames=round((MIN_SECONDS if self.min_seconds is None else self.min_seconds) * 60),
            opt_out=read_opt_out(home.root / OPT_OUT_FILE),
        )


def tell_selection(selection: Selection) -> None:
    """What was dropped, by reason, and what is left."""
    for text in selection.dropped_lines():
        say(f"  {text}")
    say(f"Left to learn from: {selection.kept_line()}.")
