"""ConsoleProxy: what every proxy of a console process shares: its command, its link, its folder, its faults.

Whose games it plays, and who is told of them, is the matter of the proxies themselves (``console``, ``lane_console``).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TypeVar

from agents.notes import note
from exphil_rt.actor import ProcessChild
from exphil_rt.actor.leftovers import Leftovers
from exphil_rt.dolphin.launch import clean_up
from exphil_rt.messages.dolphin import ConsoleArgs, ConsoleFault, FromConsole, ToConsole
from exphil_rt.messages.match import LinkEnd

S = TypeVar("S")


class ConsoleProxy(ProcessChild[S]):
    """A proxy of one console process, in which libmelee drives Dolphin."""

    target = "exphil_rt.dolphin.console:main"
    receives = FromConsole
    sends = ToConsole
    heartbeat_s = 5.0

    async def start_console(self, console: ConsoleArgs, link: LinkEnd, leftovers: Leftovers) -> None:
        """Start the process with its end of a link, which is closed here; its folder is removed when it has ended."""
        begun, folder = time.time(), Path(console.temporary)

        def remove() -> None:
            clean_up(console, begun)
            leftovers.remove_path(folder)

        try:
            leftovers.add_path(folder)
            self.defer(remove)
            await self.start_process(console, fds=[link.fd])
        finally:
            os.close(link.fd)

    def note_fault(self, fault: ConsoleFault, **more: str) -> str:
        """Make a fault an event; what went wrong and what to do, in a line."""
        text = f"{fault.text} {fault.hint}".rstrip()
        place = {"kind": fault.kind, "phase": fault.phase, "frame": str(fault.frame)}
        note(self, "error", "console_fault", text, **place, **more)
        return text
