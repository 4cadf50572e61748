"""Writes the pictures of ``docs/images`` from the real app over a real socket, fed by ``fake_feed``.

``python tests/helpers/make_images.py docs/images``
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import anyio
import fake_feed
from fake_feed import FakeDaemon, served

from tui.capture import capture

PICTURES = (
    ("overview", (160, 45), ()), ("overview-110", (110, 28), ()), ("overview-80", (80, 24), ()),
    ("tree", (120, 30), ("3", *["down"] * 9)), ("actor", (120, 30), ("3", *["down"] * 9, "enter")),
    ("game", (120, 36), ("enter",)), ("training", (120, 30), ("4",)), ("ascii", (110, 28), ()),
)  # fmt: skip


async def main(folder: Path) -> None:
    daemon = FakeDaemon(fake_feed.overview())
    started = time.monotonic()

    async def play() -> None:
        while True:
            daemon.snapshot = fake_feed.overview(754.0 + time.monotonic() - started)
            await anyio.sleep(1 / 60)

    with tempfile.TemporaryDirectory(prefix="tui") as place:
        async with served(Path(place) / "s", daemon, every_s=1 / 60), anyio.create_task_group() as group:
            group.start_soon(play)
            for name, size, keys in PICTURES:
                picture = await capture(Path(place) / "s", size=size, keys=keys, ascii_only=name == "ascii")
                await anyio.Path(folder / f"{name}.svg").write_text(picture, encoding="utf-8")
            group.cancel_scope.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
