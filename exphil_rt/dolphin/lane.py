"""ConsoleLane: games on consoles behind the Lane protocol. Each slot is a console process at the other end of a link.

Consoles come and go (``attach``): one that is lost takes its game with it, which ends ``void``, and the one that comes
in its place is told the next. Nothing is started or restarted here; that is the daemon's.

Games keep together: ``ready`` waits, shortly, for the frames of all that are being played, so that a row of experience
shows them all. One that stands still, or is between two games, is waited for no longer, and joins again when it shows
a frame.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from exphil_rt.dolphin.link import Answer, Ask, Link, LinkBroken, LinkLost, Over, Play, Ready
from exphil_rt.game.frames import FIRST_FRAME, I32, PLAYERS, Controllers, Frames
from exphil_rt.game.lane import EndReason, GameEnd, GameSetup
from exphil_rt.policy.codec import ActionCodec

_WAIT_S: Final = 0.02
"""Longest wait of one call of ``ready``: whoever steps the lane has others to hear."""
STILL_S: Final = 0.25
"""How long the others wait for a game's next frame before they go on without it."""
_REASONS: Final[dict[str, EndReason]] = {"stocks": "stocks", "timer": "timer"}


@dataclass(slots=True)
class _Slot:
    link: Link | None = None
    setup: GameSetup | None = None
    """The game that is wanted or played; None where none is."""
    stage: Literal["idle", "coming", "asked", "answered"] = "idle"
    """No game; in the menus before it; its frame waits for inputs; inputs were given and a frame is to come."""
    epoch: int = 0
    since: float = 0.0
    """When inputs were given last."""


class ConsoleLane:
    """Games on consoles.

    Args:
        num_slots: consoles.
        codec: of the actions that are committed; what is sent over the links.
        physics: the rules of the game that the consoles play.
        clock: seconds, monotonic.
    """

    def __init__(
        self, num_slots: int, codec: ActionCodec, physics: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.num_slots = num_slots
        self.physics = physics
        self._codec = codec
        self._clock = clock
        self._slots = [_Slot() for _ in range(num_slots)]
        self._frames = Frames.allocate((num_slots,))
        self._ended: list[GameEnd] = []
        self._poll = select.poll()
        self._by_fd: dict[int, int] = {}

    # Consoles

    def attach(self, slot: int, sock: socket.socket) -> None:
        """A console has been started for ``slot``: take it in place of the one before, and tell it what to play."""
        if not 0 <= slot < self.num_slots:
            sock.close()
            return
        self._lose(slot)
        place = self._slots[slot]
        link = place.link = Link(sock)
        self._by_fd[link.fileno()] = slot
        self._poll.register(link, select.POLLIN)
        try:
            for player in range(PLAYERS):
                link.send(Ready(player=player, delay=0, dmax=0, codec=self._codec, version="lane"))
            if place.setup is not None:
                self._order(place)
        except LinkLost:
            self._lose(slot)

    def attached(self, slot: int) -> bool:
        """Whether the slot has a console."""
        return self._slots[slot].link is not None

    # Lane

    def start(self, slot: int, setup: GameSetup) -> None:
        """Have ``setup`` played next in ``slot``; a game in play there is left. Its frames come when it has begun."""
        place = self._slots[slot]
        place.setup, place.stage = setup, "coming"
        if place.link is not None:
            try:
                self._order(place)
            except LinkLost:
                self._lose(slot)

    def ready(self) -> I32:
        """Slots whose frame has had no commit yet, once all that are being played are: else none, after 20 ms."""
        until = self._clock() + _WAIT_S
        while True:
            self._hear()
            now = self._clock()
            behind = [p for p in self._slots if p.stage == "answered" and now - p.since < STILL_S]
            if not behind:
                return np.array([s for s, p in enumerate(self._slots) if p.stage == "asked"], np.int32)
            if now >= until:
                return np.zeros(0, np.int32)
            self._poll.poll((until - now) * 1e3)

    @property
    def waits(self) -> bool:
        """Whether a frame may come at any moment, so that ``ready`` is worth asking again at once."""
        return any(p.stage == "answered" and self._clock() - p.since < STILL_S for p in self._slots)

    def frames(self, slots: I32) -> Frames:
        """The newest frame of each of ``slots``; copies. Of a game that has shown none, the last of the one before."""
        return self._frames[np.asarray(slots)]

    def commit(self, slots: I32, controllers: Controllers, due_frame: I32) -> None:
        """Send both players' inputs ``[S, 2]`` for the frame after the one shown."""
        actions = self._codec.encode(controllers)
        now = self._clock()
        for index, slot in enumerate(np.asarray(slots).tolist()):
            place, due = self._slots[slot], int(due_frame[index])
            if place.stage != "asked" or place.link is None:
                continue  # lost since it was shown
            place.stage, place.since = "answered", now
            try:
                for player in range(PLAYERS):
                    place.link.send(Answer(player, place.epoch, due - 1, due, actions[index, player]))
            except LinkLost:
                self._lose(slot)

    def ended(self) -> list[GameEnd]:
        """Games that ended since the last call; ``void`` where a console was lost, or a game left, in its middle."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Let all consoles go; each ends by it."""
        for slot in range(self.num_slots):
            place = self._slots[slot]
            place.setup, place.stage = None, "idle"
            self._lose(slot)

    # What comes

    def _hear(self) -> None:
        """Take in what has come, waiting for nothing."""
        for fd, _ in self._poll.poll(0):
            slot = self._by_fd[fd]
            link = self._slots[slot].link
            if link is None:
                continue
            try:
                for record in link.receive():
                    if isinstance(record, Ask):
                        self._shown(slot, record)
                    elif isinstance(record, Over):
                        self._over(slot, record)
            except (LinkLost, LinkBroken):
                self._lose(slot)

    def _shown(self, slot: int, ask: Ask) -> None:
        """A console asks about a frame, once for each player: the second time is enough."""
        place = self._slots[slot]
        setup = place.setup
        if ask.player != PLAYERS - 1 or setup is None or place.stage == "idle":
            return
        if ask.game_id != setup.game_id:
            return  # of a game that is being left
        self._frames.assign(slot, ask.state[0])
        place.stage, place.epoch = "asked", ask.epoch
        played = ask.frame - FIRST_FRAME + 1
        if setup.max_frames and played >= setup.max_frames:
            players = ask.state.players
            stocks = (int(players.stocks[0, 0]), int(players.stocks[0, 1]))
            percent = (float(players.percent[0, 0]), float(players.percent[0, 1]))
            self._end(slot, "frame_limit", _better(stocks, percent), stocks, percent)

    def _over(self, slot: int, over: Over) -> None:
        place = self._slots[slot]
        if place.setup is None or place.stage == "idle" or over.game_id != place.setup.game_id:
            return
        self._end(slot, _REASONS.get(over.reason, "void"), over.winner, over.stocks, over.percents)

    def _end(
        self, slot: int, reason: EndReason, winner: int | None, stocks: tuple[int, int], percent: tuple[float, float]
    ) -> None:
        place = self._slots[slot]
        assert place.setup is not None
        frames = int(self._frames.frame[slot]) - FIRST_FRAME + 1
        self._ended.append(GameEnd(slot, place.setup, reason, winner, stocks, percent, frames))
        place.setup, place.stage = None, "idle"

    def _order(self, place: _Slot) -> None:
        assert place.link is not None
        assert place.setup is not None
        setup = place.setup
        place.link.send(Play(game_id=setup.game_id, stage=setup.stage, characters=setup.characters))

    def _lose(self, slot: int) -> None:
        """The slot's console is gone; a game in its middle is void, one that has not begun is the next console's."""
        place = self._slots[slot]
        if place.link is not None:
            self._poll.unregister(place.link)
            del self._by_fd[place.link.fileno()]
            place.link.close()
            place.link = None
        if place.stage in ("asked", "answered"):
            players = self._frames.players
            stocks = (int(players.stocks[slot, 0]), int(players.stocks[slot, 1]))
            percent = (float(players.percent[slot, 0]), float(players.percent[slot, 1]))
            self._end(slot, "void", None, stocks, percent)


def _better(stocks: tuple[int, int], percent: tuple[float, float]) -> int | None:
    """Who is ahead: by stocks, then by percent."""
    if stocks[0] != stocks[1]:
        return int(stocks[1] > stocks[0])
    return None if percent[0] == percent[1] else int(percent[1] < percent[0])
