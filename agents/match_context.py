"""MatchContext: the live things that the actors of a match on a console share. Made once by the daemon."""

from __future__ import annotations

from dataclasses import dataclass

from agents.context import RunContext
from exphil_rt.actor.leftovers import Leftovers
from exphil_rt.dolphin.match import MatchPlan


@dataclass(slots=True, kw_only=True)
class MatchContext(RunContext):
    """What every actor of a match may use."""

    plan: MatchPlan
    physics: str
    """Of the game that the console plays."""
    leftovers: Leftovers
    """Where a console's temporary folder is listed while it is there."""

    @property
    def swapper(self) -> str:
        """Name of the actor that puts policies into running agents."""
        return "dolphin_agent"
