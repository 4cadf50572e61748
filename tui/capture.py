"""Pictures of the client as SVG, taken without a terminal: for the documents, and for whoever reports what they saw.

``python -m tui.capture SOCKET OUT.svg --size 160x45 --keys 3,enter``
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from textual.pilot import Pilot

from tui.app import ExphilApp

SETTLE_S: Final = 1.5
"""How long to watch before the picture, so that rates and trails are there."""


async def capture(
    socket_path: str | Path,
    *,
    size: tuple[int, int] = (160, 45),
    keys: Sequence[str] = (),
    ascii_only: bool = False,
    deadline: float = 20.0,
) -> str:
    """Connect to a daemon, press ``keys``, and give one picture as SVG.

    Args:
        socket_path: the daemon's control socket.
        size: columns and rows.
        keys: keys to press first, in Textual's names.
        ascii_only: draw with ASCII alone.
        deadline: seconds to wait for the first snapshot.

    Raises:
        TimeoutError: no snapshot came.
    """
    picture = ""
    app = ExphilApp(socket_path, ascii_only=ascii_only)

    async def drive(pilot: Pilot[object]) -> None:
        async with asyncio.timeout(deadline):
            while app.view.overview is None:
                await pilot.pause(0.05)
        for key in keys:
            await pilot.press(key)
        await pilot.pause(SETTLE_S)
        nonlocal picture
        # Without the fonts that Textual links to: a picture asks nobody for anything when it is shown.
        picture = re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="exphil_rt"), flags=re.DOTALL)
        app.exit("detached")

    await app.run_async(headless=True, size=size, auto_pilot=drive)
    return picture


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tui.capture", description="A picture of the client as SVG.")
    parser.add_argument("socket")
    parser.add_argument("out")
    parser.add_argument("--size", default="160x45", help="columns x rows")
    parser.add_argument("--keys", default="", help="keys to press first, comma-separated")
    parser.add_argument("--ascii", action="store_true")
    options = parser.parse_args()
    columns, _, rows = options.size.partition("x")
    keys = [key for key in options.keys.split(",") if key]
    size = (int(columns), int(rows))
    picture = asyncio.run(capture(options.socket, size=size, keys=keys, ascii_only=options.ascii))
    Path(options.out).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
