"""What can go wrong with a console, by name: the one place where an exception becomes a fault.

Most faults are raised where they are seen (``DolphinFault``); what libmelee, the pipes or the link raise is named here.
No melee is imported: its errors are known by their class names.
"""

from __future__ import annotations

import json
from typing import Final

from exphil_rt.dolphin.gamestate import NotTwoPlayers
from exphil_rt.dolphin.link import LinkBroken, LinkLost
from exphil_rt.errors import ExphilError
from exphil_rt.messages.dolphin import FaultKind

HINTS: Final[dict[FaultKind, str]] = {
    "executable_missing": "Give the path of Slippi Dolphin's executable.",
    "version_unknown": "Give the path of Slippi Dolphin's executable, and make sure that it starts.",
    "exited_at_start": "Start it by hand once to see why.",
    "connect_failed": "Look whether another Dolphin or a firewall holds the port.",
    "no_menu_events": "The gecko code 'Extract Menu Info' must be active.",
    "menu_budget": "Unlock all characters, and let nobody else move the cursors.",
    "slippi_too_old": "Update Slippi.",
    "no_frame": "Look at Dolphin's own log.",
    "echo": "Look whether another program sends inputs to this port.",
}
"""What to do about it, where there is something to do."""

_BY_NAME: Final[dict[str, tuple[FaultKind, str]]] = {
    "EnetDisconnected": ("disconnected", "Dolphin closed the connection."),
    "SlippiVersionTooLow": ("slippi_too_old", "The game was made by a Slippi that is too old."),
}


class DolphinFault(ExphilError):
    """A console cannot go on.

    Args:
        kind: which fault.
        message: what happened, in one sentence.
    """

    def __init__(self, kind: FaultKind, message: str) -> None:
        super().__init__(message, hint=HINTS.get(kind, ""))
        self.kind = kind


def fault_of(error: BaseException, ended: str = "") -> DolphinFault:
    """The fault that an exception of a console's work means.

    Args:
        error: anything that came out of libmelee, a pipe, the link or our own code.
        ended: how Dolphin ended, if it has: the cause of whatever broke.
    """
    if isinstance(error, DolphinFault) and error.kind not in ("broken_pipe", "disconnected"):
        return error
    if ended:
        return DolphinFault("exited", f"Dolphin ended by itself ({ended}).")
    if isinstance(error, DolphinFault):
        return error
    if isinstance(error, LinkLost | LinkBroken):
        return DolphinFault("brain_lost", f"The inference process is gone: {error}")
    if isinstance(error, NotTwoPlayers):
        return DolphinFault("not_two_players", str(error))
    if known := _BY_NAME.get(type(error).__name__):
        return DolphinFault(*known)
    if isinstance(error, BrokenPipeError):
        return DolphinFault("broken_pipe", "Dolphin closed a controller's pipe.")
    if isinstance(error, BlockingIOError):
        return DolphinFault("pipe_full", "Dolphin reads no inputs any more: a controller's pipe is full.")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return DolphinFault("bad_data", "Dolphin sent what is no JSON.")
    if isinstance(error, OSError):
        return DolphinFault("bad_setup", f"The operating system refused: {error}.")
    what = f"{type(error).__name__}: {error}".rstrip(": ")
    if isinstance(error, AssertionError | KeyError | TypeError | ValueError | IndexError):
        return DolphinFault("bad_data", f"libmelee could not read what Dolphin sent ({what}).")
    return DolphinFault("libmelee", f"libmelee failed ({what}).")
