"""``policies hot-swap``: put a policy into a running agent."""

from __future__ import annotations

from exphil_rt.cli.options import Run
from exphil_rt.cli.output import show
from exphil_rt.control.sync import connect


def hot_swap(target: str, policy: str, *, run: Run = None) -> None:
    """Put a policy into a running agent, between two frames of its game.

    It is warmed on the agent's last frames and runs beside the old policy before it takes over; then it is watched, and
    the old one gets the agent back if it fails. It plays to the end of the game.

    Args:
        target: console:1, exhibition:2, or the number of a game and the player, as 3:2; player 1 where left out.
        policy: NAME, NAME@vN, NAME@latest, NAME@best or a path.
        run: name of the run; the only live one by default.
    """
    with connect(run) as client:
        show(client.hot_swap(target, policy))
