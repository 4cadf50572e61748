"""What the client's tests share: one event loop backend, the fake feed, and the screen as text."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.app import App
from textual.pilot import Pilot

sys.path.insert(0, str(Path(__file__).parent))  # fake_feed is a helper of these tests, no package

import fake_feed

from exphil_rt.control.wire import PROTOCOL, Hello, OverviewReply
from exphil_rt.messages.telemetry import Overview
from tui.app import ExphilApp

CELL_WIDTH, LINE_HEIGHT = 12.2, 24.4  # of Textual's SVG export

Opened = Callable[..., AbstractAsyncContextManager[tuple[ExphilApp, Pilot]]]


@pytest.fixture
def anyio_backend() -> str:
    """Textual runs on asyncio only."""
    return "asyncio"


def screen_lines(app: App) -> list[str]:
    """The terminal as lines of text, read back from the picture that the app exports."""
    rows: dict[int, dict[int, str]] = {}
    pattern = r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*clip-path="[^"]*-line-(\d+)\)">([^<]*)</text>'
    for x, _, line, body in re.findall(pattern, app.export_screenshot()):
        column = round(float(x) / CELL_WIDTH)
        for char in html.unescape(body).replace("\xa0", " "):
            rows.setdefault(int(line), {})[column] = char
            column += max(1, cell_len(char))
    width, height = app.size
    return ["".join(rows.get(y, {}).get(x, " ") for x in range(width)) for y in range(height)]


@pytest.fixture
def opened() -> Opened:
    """An app on a given size that was handed a snapshot directly: no socket."""

    @asynccontextmanager
    async def open_app(
        size: tuple[int, int] = (160, 45), snapshot: Overview | None = None, **options: bool
    ) -> AsyncIterator[tuple[ExphilApp, Pilot]]:
        app = ExphilApp("/nonexistent/exphil.sock", **options)
        async with app.run_test(size=size) as pilot:
            app.workers.cancel_group(app, "link")
            await pilot.pause()
            app.link_up(Hello(protocol=PROTOCOL, version="0.1.0", run="mewtwo-zero-01"))
            app.link_update(OverviewReply(snapshot or fake_feed.overview()))
            await pilot.pause()
            yield app, pilot

    return open_app
