"""``tree``: the supervision tree, printed once."""

from __future__ import annotations

from exphil_rt.cli.options import Json, Run
from exphil_rt.cli.output import duration, show, show_json, table
from exphil_rt.control.sync import connect
from exphil_rt.messages.telemetry import ActorNode


def tree(*, run: Run = None, json: Json = False) -> None:
    """Print the supervision tree once.

    Args:
        run: name of the run; the only live one by default.
        json: print the rows as JSON.
    """
    with connect(run) as client:
        nodes = client.overview().tree
    if json:
        show_json(nodes)
    else:
        show(
            table(("actor", "strategy", "state", "up", "mailbox", "handled", "restarts", "pid", ""), rows(nodes), RIGHT)
        )


RIGHT = "mailbox handled restarts pid"


def rows(nodes: tuple[ActorNode, ...]) -> list[tuple[str, ...]]:
    """One row an actor, its name indented by depth."""
    return [
        (
            "  " * node.depth + (node.path.rpartition("/")[2] or node.name),
            node.strategy,
            node.state,
            duration(node.uptime_s),
            f"{node.mailbox}/{node.mailbox_cap}" if node.mailbox_cap else "-",
            f"{node.handled:,}",
            str(node.restarts),
            str(node.os_pid or ""),
            node.detail,
        )
        for node in nodes
    ]
