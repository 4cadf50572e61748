"""GameTable: which game is played in which slot, who plays it, what comes next, and what came of it.

It starts and ends games in the lane and seats their players; it steps nothing. Slots ``0..games-1`` train: a game
that is over shows its last frame for one row before the next one starts. Elsewhere the next game starts at once, and
the committed actions are kept, so that the game can be recorded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import FIRST_FRAME, I32, PLAYERS, U8
from exphil_rt.game.lane import GameEnd, Lane
from exphil_rt.messages.rollout import CURRENT, FromRollout, GameEnded, GameSpec, NeedGames
from exphil_rt.rollout.experience import ACTION_PARTS, CUT, IDLE, IN_PLAY, OVER
from exphil_rt.rollout.recording import MAX_FRAMES, digest_of, pack, setup_of
from exphil_rt.rollout.seats import Seats


class LoopInvalid(ExphilError):
    """A game that cannot be played here."""


class GameTable:
    """Games by slot.

    Args:
        lane: where they are played.
        seats: who plays them.
        games: training slots, the first ones.
        total: all slots.
        events: where what happens is put.
        supply: asked for the next game of a slot; None: NeedGames is put into ``events`` and ``assign`` awaited.
        records: whether a game can be played again from its setup and inputs, and is recorded.
    """

    def __init__(
        self,
        lane: Lane,
        seats: Seats,
        games: int,
        total: int,
        events: deque[FromRollout],
        supply: Callable[[int], GameSpec | None] | None,
        records: bool = True,
    ) -> None:
        self.lane = lane
        self.seats = seats
        self.games = games
        self.total = total
        self.events = events
        self.supply = supply
        self.records = records
        self.decided = 0
        """Games that ended with a result."""
        self.specs: list[GameSpec | None] = [None] * total
        self.waiting: list[GameSpec | None] = [None] * total
        self.playing: NDArray[np.bool_] = np.zeros(total, bool)
        self.game_id: NDArray[np.int64] = np.zeros(total, np.int64)
        self.learn: U8 = np.zeros((total, PLAYERS), np.uint8)
        self.version: I32 = np.zeros((total, PLAYERS), np.int32)
        self.ended: U8 = np.full(games, IDLE, np.uint8)
        """What the next row of each training slot shows (``exphil_rt.rollout.experience.Steps.ended``)."""
        self.reset: U8 = np.zeros(games, np.uint8)
        self._asked: NDArray[np.bool_] = np.zeros(total, bool)
        self._committed: dict[int, U8] = {
            slot: np.zeros((MAX_FRAMES, PLAYERS, ACTION_PARTS), np.uint8) for slot in range(games, total)
        }
        self._length = np.zeros(total, np.int64)

    def assign(self, slot: int, game: GameSpec) -> None:
        """Play ``game`` in ``slot``: now if it is free, else after the game in play.

        Raises:
            LoopInvalid: for a slot that does not exist, or a policy key that is not loaded.
        """
        if not 0 <= slot < self.total:
            raise LoopInvalid(f"There is no slot {slot}; this worker has {self.total}.")
        for player in game.players:
            if not self.seats.knows(player.policy):
                raise LoopInvalid(f"The policy {player.policy!r} is not loaded.", hint="Send LoadPolicy first.")
        self.waiting[slot] = game
        self._asked[slot] = True
        if not self.playing[slot] and not (slot < self.games and self.ended[slot] in (OVER, CUT)):
            self._start(slot)

    def ask(self) -> None:
        """Look for the next game of every slot that has none waiting: from ``supply``, else by one NeedGames."""
        need = [s for s in range(self.total) if self.waiting[s] is None and not self._asked[s]]
        if not need:
            return
        if self.supply is None:
            self._asked[need] = True
            self.events.append(NeedGames(slots=tuple(need)))
            return
        for slot in need:
            game = self.supply(slot)
            if game is not None:
                self.assign(slot, game)

    def void(self, slots: tuple[int, ...], error: str = "") -> None:
        """Drop the games of these slots, waiting ones too."""
        for slot in slots:
            if not 0 <= slot < self.total:
                continue
            self.waiting[slot] = None
            self._asked[slot] = False
            if self.playing[slot]:
                frames = self.lane.frames(np.array([slot], np.int32))
                players = frames.players
                self._report(
                    GameEnd(
                        slot=slot,
                        setup=setup_of(self._spec(slot)),
                        reason="void",
                        winner=None,
                        stocks=(int(players.stocks[0, 0]), int(players.stocks[0, 1])),
                        percent=(float(players.percent[0, 0]), float(players.percent[0, 1])),
                        frames=int(frames.frame[0]) - FIRST_FRAME,
                    ),
                    error,
                )
                if slot < self.games:
                    self.ended[slot] = IDLE

    def end(self, end: GameEnd) -> None:
        """A game ended in the lane; ``void`` where it was lost there."""
        if end.reason == "void":
            self._report(end, "its console was lost")
            if end.slot < self.games:
                self.ended[end.slot] = IDLE
            self._start(end.slot)
            return
        self._report(end, "")
        self.decided += 1
        if end.slot < self.games:
            self.ended[end.slot] = CUT if end.reason == "frame_limit" else OVER
        else:
            self._start(end.slot)

    def deciding(self, slots: I32, ready: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of ``slots`` ask their players: those in play that show a new frame (``ready``, of all slots), and last
        frames cut at the limit, whose value counts."""
        asks = self.playing & ready
        asks[: self.games] |= self.ended == CUT
        return asks[slots]

    def shown(self, ready: NDArray[np.bool_]) -> U8:
        """What the next row of each training slot shows, where some games in play may have no new frame: nothing."""
        absent = (self.ended == IN_PLAY) & ~ready[: self.games]
        return np.where(absent, np.uint8(IDLE), self.ended) if absent.any() else self.ended

    def row_written(self, shown: U8) -> list[int]:
        """The training slots' row was used: first rows are no longer first, and after last frames games start.

        Args:
            shown: as :meth:`shown` said. A game in play that is not in the row begins afresh with its next one.

        Returns:
            Slots whose players have to forget what they saw.
        """
        absent = shown != self.ended
        broken = absent & (self.reset == 0)
        self.reset[:] = absent
        for slot in np.flatnonzero(self.ended != IN_PLAY):
            self.ended[slot] = IDLE
            self._start(int(slot))
        return [int(slot) for slot in np.flatnonzero(broken)]

    def record(self, slots: I32, applied: U8) -> None:
        """Keep the actions ``[S, 2, 13]`` that are committed next, for slots that are recorded."""
        for slot, action in zip(slots, applied, strict=True):
            if self.records and slot >= self.games:
                self._committed[int(slot)][self._length[slot]] = action
        self._length[slots] += 1

    def set_current(self, update: int) -> None:
        """From now on ``current`` has the weights of this update."""
        for slot, spec in enumerate(self.specs):
            for port in range(PLAYERS):
                if spec is not None and spec.players[port].policy == CURRENT:
                    self.version[slot, port] = update

    def reseat(self, slot: int, port: int, *, policy: str = "", label: str = "", version: int = 0) -> None:
        """Another policy decides for a player of the game in play: nobody learns from that player any more.

        Args:
            policy: key that the engine plays there now; empty: as before.
            label: shown name; empty: as before.
            version: stamp of its decisions.
        """
        spec = self._spec(slot)
        old = spec.players[port]
        new = replace(old, policy=policy or old.policy, label=label or old.label, learn=False)
        players = (new, spec.players[1]) if port == 0 else (spec.players[0], new)
        self.specs[slot] = replace(spec, players=players)
        self.learn[slot, port] = 0
        self.version[slot, port] = version

    def uses(self, key: str) -> bool:
        """Whether a game in play or waiting names this policy."""
        return any(
            player.policy == key for spec in (*self.specs, *self.waiting) if spec is not None for player in spec.players
        )

    def _spec(self, slot: int) -> GameSpec:
        spec = self.specs[slot]
        assert spec is not None
        return spec

    def _start(self, slot: int) -> None:
        game = self.waiting[slot]
        if game is None:
            return
        self.waiting[slot] = None
        self._asked[slot] = False
        try:
            self.lane.start(slot, setup_of(game))
        except ExphilError as error:
            if self.supply is not None:
                raise
            self.events.append(refused(slot, game, str(error)))
            return
        self.specs[slot] = game
        self.seats.seat(slot, game)
        self.playing[slot] = True
        self.game_id[slot] = game.game_id
        self._length[slot] = 0
        for port, player in enumerate(game.players):
            self.learn[slot, port] = player.learn and player.policy == CURRENT
            self.version[slot, port] = self.seats.version(player.policy)
        if slot < self.games:
            self.ended[slot] = IN_PLAY
            self.reset[slot] = 1

    def _report(self, end: GameEnd, error: str) -> None:
        slot = end.slot
        game = self._spec(slot)
        self.specs[slot] = None
        self.playing[slot] = False
        recording, digest = b"", ""
        if self.records and slot >= self.games and end.reason != "void":
            actions = self._committed[slot][: self._length[slot]]
            digest = digest_of(actions)
            recording = pack(game, self.lane.physics, actions, self.seats.codec)
        self.events.append(
            GameEnded(
                slot=slot,
                game=game,
                reason=end.reason,
                winner=end.winner,
                stocks=end.stocks,
                percent=end.percent,
                frames=end.frames,
                versions=(int(self.version[slot, 0]), int(self.version[slot, 1])),
                physics=self.lane.physics,
                late=self.seats.late(slot),
                digest=digest,
                recording=recording,
                error=error,
            )
        )


def refused(slot: int, game: GameSpec, error: str) -> GameEnded:
    """A game that never began."""
    return GameEnded(
        slot=slot, game=game, reason="void", winner=None, stocks=(0, 0), percent=(0.0, 0.0), frames=0, error=error
    )
