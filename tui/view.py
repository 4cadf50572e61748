"""What the client knows: the latest snapshot, what it derives from successive ones, and the state of the link.

No Textual here. The app owns one View, changes it when something arrives, and hands it to the screens.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal

from exphil_rt.messages.telemetry import ActorNode, Event, GameSample, Overview, RunStatus

LinkState = Literal["connecting", "connected", "lost", "ended"]

KEPT_EVENTS: Final = 2000
_SMOOTH: Final = 0.35


class View:
    """The client's model of a run."""

    def __init__(self) -> None:
        self.overview: Overview | None = None
        self.exhibition: GameSample | None = None
        self.link: LinkState = "connecting"
        self.link_text = ""
        """Why the link is down, one sentence."""
        self.retry_s = 0.0
        """Seconds until the next attempt."""
        self.readonly = False
        self.frozen = False
        """Whether the person has paused the view."""
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self.rates: dict[str, float] = {}
        """Messages a second by actor path."""
        self._handled: dict[str, tuple[int, int]] = {}
        self._at: float | None = None

    @property
    def status(self) -> RunStatus | None:
        """The head line, once there is one."""
        return self.overview.status if self.overview else None

    @property
    def stale(self) -> bool:
        """Whether what is shown is the past: the link is down or the run is over."""
        return self.link in ("lost", "ended") and self.overview is not None

    @property
    def tree(self) -> tuple[ActorNode, ...]:
        """Rows of the supervision tree."""
        return self.overview.tree if self.overview else ()

    def game(self, slot: int) -> GameSample | None:
        """The latest sample of the game in ``slot``."""
        shown = self.overview.games if self.overview else ()
        return next((game for game in shown if game.slot == slot), None)

    def node(self, path: str) -> ActorNode | None:
        """The tree row of an actor."""
        return next((node for node in self.tree if node.path == path), None)

    def take(self, overview: Overview, now: float) -> None:
        """A new snapshot arrived at monotonic time ``now``, in seconds."""
        elapsed = 0.0 if self._at is None else now - self._at
        rates: dict[str, float] = {}
        handled: dict[str, tuple[int, int]] = {}
        for node in overview.tree:
            handled[node.path] = (node.pid, node.handled)
            before = self._handled.get(node.path)
            if before is None or before[0] != node.pid or elapsed <= 0:
                rates[node.path] = self.rates.get(node.path, 0.0) if before else 0.0
                continue
            fresh = max(0, node.handled - before[1]) / elapsed
            rates[node.path] = self.rates.get(node.path, fresh) * (1 - _SMOOTH) + fresh * _SMOOTH
        self.rates, self._handled, self._at = rates, handled, now
        restarted = self.overview is not None and self.overview.status.daemon_pid != overview.status.daemon_pid
        if restarted:  # another daemon counts its events from the start
            self.events.clear()
        self.overview = overview
        if overview.exhibition is None or self.exhibition is None or restarted:
            self.exhibition = overview.exhibition
        self.add_events(overview.events)

    def add_events(self, events: tuple[Event, ...]) -> None:
        """Keep those events that are new, in order."""
        last = self.events[-1].seq if self.events else -1
        self.events.extend(sorted((event for event in events if event.seq > last), key=lambda event: event.seq))
