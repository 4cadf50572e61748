"""What the client's tests share: one event loop backend, and the app on a given size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import fake_feed
import pytest
from screen_text import Opened
from textual.pilot import Pilot

from exphil_rt.control.wire import PROTOCOL, Hello, OverviewReply
from exphil_rt.messages.telemetry import Overview
from tui.app import ExphilApp


@pytest.fixture
def anyio_backend() -> str:
    """Textual runs on asyncio only."""
    return "asyncio"


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
