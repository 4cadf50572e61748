"""The client's one connection: it connects, subscribes, passes on what arrives, and comes back when it is lost.

The rest of the client never sees a socket; it implements ``Listener`` and asks ``Link.request``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import anyio

from exphil_rt.control.client import AsyncClient, connect_async
from exphil_rt.control.framing import ControlError, DaemonGone
from exphil_rt.control.wire import Answer, Command, Hello, Update

BACKOFF_S: Final = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Waits before attempts; the last one repeats."""

REFRESH_HZ: Final = 4.0
EXHIBITION_HZ: Final = 60.0
"""How often the daemon is asked to send, at most: everything but the exhibition, and the exhibition."""


class Listener(Protocol):
    """Who hears of the connection."""

    def link_up(self, hello: Hello) -> None:
        """A daemon answered."""

    def link_down(self, reason: str, retry_s: float) -> None:
        """There is no connection; the next attempt is in ``retry_s`` seconds. Called again as the time goes."""

    def link_update(self, update: Update) -> None:
        """A subscribed topic has news."""


class Link:
    """Keeps a connection to the daemon at ``path`` for as long as ``run`` runs."""

    def __init__(
        self,
        path: Path,
        listener: Listener,
        *,
        readonly: bool = False,
        backoff: tuple[float, ...] = BACKOFF_S,
        refresh_hz: float = REFRESH_HZ,
        exhibition_hz: float = EXHIBITION_HZ,
    ) -> None:
        self._path = path
        self._listener = listener
        self._readonly = readonly
        self._backoff = backoff
        self._refresh_hz = refresh_hz
        self._exhibition_hz = exhibition_hz
        self._client: AsyncClient | None = None
        self._greeted = False

    async def run(self) -> None:
        """Connect, listen, and connect again, until cancelled."""
        failed = 0
        while True:
            self._greeted = False
            try:
                reason = await self._session()
            except ControlError as error:
                reason = error.message
            except OSError as error:
                reason = f"The socket {self._path} failed: {error.strerror or error}."
            failed = 0 if self._greeted else failed + 1
            await self._wait(reason, self._backoff[min(failed, len(self._backoff) - 1)])

    async def request(self, command: Command, timeout: float = 5.0) -> Answer:
        """Say a command.

        Raises:
            DaemonGone: there is no connection, or no answer within ``timeout`` seconds.
        """
        if self._client is None:
            raise DaemonGone("There is no connection to the daemon now.")
        return await self._client.request(command, timeout)

    async def _session(self) -> str:
        """One connection from Hello to its end; the answer is why it ended."""
        async with connect_async(self._path, author="tui", readonly=self._readonly) as client:
            self._greeted = True
            self._client = client
            try:
                self._listener.link_up(client.hello)
                await client.subscribe("overview", self._refresh_hz)
                await client.subscribe("exhibition", self._exhibition_hz)
                await client.subscribe("events", self._refresh_hz)
                async for update in client.updates():
                    self._listener.link_update(update)
            except ControlError as error:  # caught here: leaving the block with it would wrap it in a group
                return error.message
            finally:
                self._client = None
        return "The daemon ended the connection."

    async def _wait(self, reason: str, seconds: float) -> None:
        left = seconds
        while left > 0:
            self._listener.link_down(reason, left)
            step = min(1.0, left)
            await anyio.sleep(step)
            left -= step
