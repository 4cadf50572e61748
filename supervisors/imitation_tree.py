"""The tree of an imitation: database, desk, and the process that reads replays and learns from them."""

from __future__ import annotations

from typing import Any

from agents.context import ImitationContext
from agents.imitator import Imitator
from agents.store_writer import StoreWriter
from exphil_rt.actor import ChildSpec, Supervisor, SupFlags
from supervisors.run_tree import PROCESS_BACKOFF, Desk


class Imitation(Supervisor):
    """Who learns from replays. The process is started again, with back-off, and goes on from its last state."""

    def init(self, args: ImitationContext) -> Any:
        """One learner."""
        return SupFlags("one_for_one", intensity=5, period=60.0), [
            ChildSpec(
                id="imitator",
                start=Imitator,
                args=args,
                name="imitator",
                shutdown=args.config.daemon.stop_deadline_s,
                backoff=PROCESS_BACKOFF,
            ),
        ]


class ImitationRoot(Supervisor):
    """The whole run."""

    def init(self, args: ImitationContext) -> Any:
        """The database first, the learner last."""
        return SupFlags("rest_for_one", intensity=3, period=30.0), [
            ChildSpec(id="store", start=StoreWriter, args=args, name="store"),
            ChildSpec(id="desk", start=Desk, args=args, name="desk"),
            ChildSpec(id="imitation", start=Imitation, args=args, name="imitation"),
        ]


def imitation_tree(context: ImitationContext) -> ChildSpec:
    """The specification of an imitation's root supervisor."""
    return ChildSpec(id="root", start=ImitationRoot, args=context, name="root")
