"""The tree of a match on a console.

``root`` is rest_for_one, as that of a training run. So is ``match``: the console's process depends on the one that
decides for it. A fault restarts the console alone, on a fresh port and with a fresh link. When that is needed too
often, or starts come to nothing one after the other (``match_manager``), the run ends with the last fault.
"""

from __future__ import annotations

from typing import Any, Final

from agents.console import Console
from agents.dolphin_agent import DolphinAgent
from agents.frame_reader import FrameReader
from agents.match_context import MatchContext
from agents.match_manager import MatchManager
from agents.store_writer import StoreWriter
from exphil_rt.actor import Backoff, ChildSpec, Supervisor, SupFlags
from supervisors.run_tree import Desk

BACKOFF: Final = Backoff(first=0.1, factor=2.0, max=5.0)
"""Between two starts of a console that failed."""


class MatchDesk(Desk):
    """What a person looks at and steers with; the match does not notice when it is restarted."""

    manager = MatchManager


class Match(Supervisor):
    """Who decides, who shows, and the console; its orderly end is the match's."""

    def init(self, args: MatchContext) -> Any:
        """What the console depends on comes first."""
        flags = SupFlags("rest_for_one", intensity=20, period=60.0, auto_shutdown="any_significant")
        return flags, [
            ChildSpec(
                id="dolphin_agent", start=DolphinAgent, args=args, name="dolphin_agent", shutdown=5.0, backoff=BACKOFF
            ),
            ChildSpec(id="frame_reader", start=FrameReader, args=args, name="frame_reader"),
            ChildSpec(
                id="console",
                start=Console,
                args=args,
                name="console",
                restart="transient",
                significant=True,
                shutdown=10.0,
                backoff=BACKOFF,
            ),
        ]


class Root(Supervisor):
    """The whole run."""

    def init(self, args: MatchContext) -> Any:
        """The database first, the match last; once it has ended it is not started again."""
        return SupFlags("rest_for_one", intensity=3, period=30.0), [
            ChildSpec(id="store", start=StoreWriter, args=args, name="store"),
            ChildSpec(id="desk", start=MatchDesk, args=args, name="desk"),
            ChildSpec(id="match", start=Match, args=args, name="match", restart="temporary"),
        ]


def match_tree(context: MatchContext) -> ChildSpec:
    """The specification of a match's root supervisor."""
    return ChildSpec(id="root", start=Root, args=context, name="root")
