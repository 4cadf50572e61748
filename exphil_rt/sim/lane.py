"""EmbeddedLane: the embedded game behind the Lane protocol.

A plain object without a loop: frames are written into memory of its own, controllers are read from it, and one compiled
call steps all committed games. numba is loaded when the first lane is built, not by importing this module.
"""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from exphil_rt.errors import ExphilError
from exphil_rt.game.frames import I32, Controllers, Frames
from exphil_rt.game.ids import Character, character_name, stage_name
from exphil_rt.game.lane import EndReason, GameEnd, GameSetup
from exphil_rt.sim.crew import Crew
from exphil_rt.sim.framedata import NUM_STATES
from exphil_rt.sim.state import END_LIMIT, END_STOCKS, END_TIMER, ENDED, FIGHTERS, JIT, RUNNING, SAVED, new_games

PHYSICS: Final = "sim-7"
"""Version of the embedded game's rules."""

STAGES: Final = (32, 31, 8, 28, 3, 2)
"""Slippi ids of the stages: Final Destination, Battlefield, Yoshi's Story, Dream Land, Pokemon Stadium, Fountain of
Dreams."""

PART: Final = 16
"""Games that a thread takes at a time, some 10 us of work a frame: with 8 or 32 two threads gain less."""

PATIENCE: Final = 20_000
"""Looks, some 100 us of them, at whether the others are done, or for the next commit, before a thread sleeps."""

_REASONS: Final[dict[int, EndReason]] = {END_STOCKS: "stocks", END_TIMER: "timer", END_LIMIT: "frame_limit"}


class SetupRefused(ExphilError):
    """A game that the embedded game cannot play."""

    exit_code = 2


class LaneMisuse(ExphilError):
    """A slot that does not exist, is not running, or whose inputs are for another frame."""


class EmbeddedLane:
    """Games of the embedded (approximate) Melee.

    Args:
        num_slots: how many games at most run at a time.
        threads: threads that share the games of a commit; results do not depend on it.

    Raises:
        CacheUnwritable: when compiled code cannot be kept.
        FrameDataMissing: when libmelee's frame data is not installed.
    """

    physics: str = PHYSICS
    pads: Controllers
    """Inputs ``[num_slots, 2]`` of the next frame; :meth:`commit` writes them."""

    def __init__(self, num_slots: int, threads: int = 1) -> None:
        if num_slots < 1 or threads < 1:
            raise LaneMisuse(f"A lane needs at least one slot and one thread, not {num_slots} and {threads}.")
        from exphil_rt.sim import kernel

        self.num_slots = num_slots
        self._kernel = kernel.load()
        self._threads = min(threads, -(-num_slots // PART)) if JIT else 1  # no more than can have a part
        self._tables = [self._kernel.tables, *(self._kernel.tables.copy() for _ in range(self._threads - 1))]
        self._crew = Crew(self._threads - 1) if self._threads > 1 else None
        self._turn, self._turns = 0, np.zeros(1, np.int64)
        self.games, self.fighters = new_games(num_slots)
        self.players, self.followers = self.fighters[0], self.fighters[1]
        self._setups: list[GameSetup | None] = [None] * num_slots
        self._frames_memory = np.zeros(Frames.nbytes((num_slots,)), np.uint8)
        self._pads_memory = np.zeros(Controllers.nbytes((num_slots, 2)), np.uint8)
        self._frames = Frames.over(memoryview(cast("Any", self._frames_memory)), (num_slots,))
        self.pads = Controllers.over(memoryview(cast("Any", self._pads_memory)), (num_slots, 2))
        self._frame_places = self._kernel.frame_places(num_slots)
        self._pad_places = self._kernel.pad_places(num_slots)
        self._all = np.arange(num_slots, dtype=np.int32)
        self._ended: list[GameEnd] = []
        self._ready: I32 | None = None
        self._characters = np.zeros(2, np.int32)

    @property
    def tables(self) -> Any:
        """The record of all tables (``sim.tables.load``)."""
        return self._kernel.tables[0]

    def start(self, slot: int, setup: GameSetup) -> None:
        """Begin a new game in ``slot``; frame -123 is ready at once.

        Raises:
            SetupRefused: for a stage or fighter that the embedded game does not have, or numbers out of range.
        """
        self._check_slot(slot)
        row = self._kernel.stage_rows.get(setup.stage)
        if row is None or setup.stage not in STAGES:
            known = ", ".join(stage_name(s) for s in STAGES)
            raise SetupRefused(f"The embedded game has no {stage_name(setup.stage)}.", hint=f"It has {known}.")
        for who in setup.characters:
            if who not in self._kernel.characters:
                hint = "Play Popo: Nana follows him." if who == Character.NANA else ""
                raise SetupRefused(f"The embedded game has no fighter {character_name(who)}.", hint=hint)
        if not 1 <= setup.stocks <= 99 or setup.timer_frames < 1 or setup.max_frames < 0:
            raise SetupRefused(
                f"A game of {setup.stocks} stocks, {setup.timer_frames} timer frames and a limit of"
                f" {setup.max_frames} frames cannot be played.",
                hint="Give 1 to 99 stocks, a timer above 0 and a limit of 0 (none) or more.",
            )
        for number in (setup.seed, setup.game_id):
            if not -(2**63) <= number < 2**63:
                raise SetupRefused(f"Seed or game id {number} does not fit in 64 bits.")
        self.games[slot] = 0
        game = self.games[slot]
        self.fighters[:, slot] = 0
        game["seed"], game["game_id"] = setup.seed, setup.game_id
        game["stocks"], game["timer_frames"], game["max_frames"] = setup.stocks, setup.timer_frames, setup.max_frames
        self._characters[:] = setup.characters
        self._setups[slot] = setup
        self._kernel.begin(
            self.games, self.fighters, slot, self._tables[0], row, self._characters, self._frame_places,
            self._frames_memory,
        )  # fmt: skip
        self._ready = None

    def ready(self) -> I32:
        """Slots ``[S]`` with a running game, ascending."""
        if self._ready is None:
            self._ready = np.flatnonzero(self.games["status"] == RUNNING).astype(np.int32)
        return self._ready

    def frames(self, slots: I32) -> Frames:
        """The latest frame of each of ``slots``, leading shape ``[S]``: views for all slots, else copies."""
        if len(slots) == self.num_slots and np.array_equal(slots, self._all):
            return self._frames
        return self._frames[np.asarray(slots)]

    def commit(self, slots: I32, controllers: Controllers, due_frame: I32) -> None:
        """Give both players' inputs ``[S, 2]`` for frame ``due_frame`` ``[S]`` and run that frame.

        Raises:
            LaneMisuse: for a slot without a running game, a slot twice, or another frame than the next one.
        """
        slots = np.ascontiguousarray(slots, np.int32)
        self._check_commit(slots, due_frame)
        everything = len(slots) == self.num_slots and np.array_equal(slots, self._all)
        self.pads.assign(slice(None) if everything else slots, controllers)
        if self.step(slots):
            self._collect(slots)

    def ended(self) -> list[GameEnd]:
        """Games that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """End the lane's threads. Safe to call twice."""
        if self._crew is not None:
            self._crew.close()
            self._crew = None

    def save(self, slot: int) -> NDArray[Any]:
        """The whole state of a slot's game, a SAVED record; :meth:`restore` continues it bit for bit."""
        self._check_slot(slot)
        saved = np.zeros((), SAVED)
        saved["game"] = self.games[slot]
        saved["players"] = self.players[slot]
        saved["followers"] = self.followers[slot]
        return saved

    def restore(self, slot: int, saved: NDArray[Any], setup: GameSetup | None = None) -> None:
        """Put a saved game into ``slot``; ``setup`` is what its end will be reported with (default: as saved).

        Raises:
            LaneMisuse: when ``saved`` is no saved game.
        """
        self._check_slot(slot)
        if getattr(saved, "dtype", None) != SAVED or saved.shape != ():
            raise LaneMisuse(f"What was given for slot {slot} is no saved game of {PHYSICS}.")
        stage, who = int(saved["game"]["stage"]), saved["players"]["character"]
        every = np.concatenate([saved["players"], saved["followers"]])
        state, line = every["state"], every["line"]
        whole = 0 <= stage < len(self._kernel.stage_rows) and all(one in self._kernel.characters for one in who)
        whole &= bool(np.isin(saved["followers"]["character"], (0, Character.NANA)).all())
        whole &= int(saved["game"]["fighters"]) in (2, FIGHTERS)
        whole &= bool(((every["held"] >= 0) & (every["held"] <= FIGHTERS)).all())
        lines = len(self._kernel.tables[0]["lines"])
        grounded = (every["airborne"] == 0) & (every["exists"] != 0)
        if not (whole and (state >= 0).all() and (state < NUM_STATES).all() and (line < lines).all()
                and (line >= -1).all() and (line[grounded] >= 0).all()):  # fmt: skip
            raise LaneMisuse(f"The saved game for slot {slot} is damaged.")
        self.games[slot] = saved["game"]
        self.players[slot] = saved["players"]
        self.followers[slot] = saved["followers"]
        self._setups[slot] = setup or self._setup_of(saved)
        self._kernel.show(self.games, self.fighters, slot, self._tables[0], self._frame_places, self._frames_memory)
        self._ready = None

    def copy(self, source: int, target: int) -> None:
        """Copy the game of slot ``source`` into ``target``."""
        self.restore(target, self.save(source), self._setups[source])

    def step(self, slots: NDArray[np.int32], times: int = 1, watch: bool = True) -> int:
        """Run ``times`` frames of ``slots`` with what lies in ``pads``, without any check.

        Returns:
            How many games ended; their ends are not reported.
        """
        parts = -(-len(slots) // PART)
        if self._crew is None or parts < 2:
            return int(
                self._kernel.step_slots(
                    self.games, self.fighters, slots, 0, len(slots), self._tables[0], self._pad_places,
                    self._pads_memory, self._frame_places, self._frames_memory, times, 1 if watch else 0,
                    self._kernel.special,
                )
            )  # fmt: skip
        taken = np.zeros(2 + self._threads, np.int64)  # of this call alone: who wakes late finds nothing left
        turn = self._turn = self._turn + 1

        def share(thread: int) -> bool:
            return bool(
                self._kernel.share_slots(
                    taken, self._turns, turn, PATIENCE, thread, self.games, self.fighters, slots, PART,
                    self._tables[thread], self._pad_places, self._pads_memory, self._frame_places,
                    self._frames_memory, times, 1 if watch else 0, self._kernel.special,
                )
            )  # fmt: skip

        self._crew.work(share)
        return int(taken[1])

    def _collect(self, slots: NDArray[np.int32]) -> None:
        self._ready = None
        for slot in slots[self.games["status"][slots] == ENDED].tolist():
            game, players, setup = self.games[slot], self.players[slot], self._setups[slot]
            assert setup is not None
            game["status"] = 0
            winner = int(game["winner"])
            stocks, percent = players["stocks"].tolist(), players["percent"].tolist()
            self._ended.append(
                GameEnd(
                    slot=slot,
                    setup=setup,
                    reason=_REASONS[int(game["reason"])],
                    winner=None if winner < 0 else winner,
                    stocks=(max(stocks[0], 0), max(stocks[1], 0)),
                    percent=(percent[0], percent[1]),
                    frames=int(game["frame"]) + 124,
                )
            )

    def _check_slot(self, slot: int) -> None:
        if not 0 <= slot < self.num_slots:
            raise LaneMisuse(f"Slot {slot} does not exist in a lane of {self.num_slots}.")

    def _check_commit(self, slots: NDArray[np.int32], due_frame: I32) -> None:
        if len(slots) and not (int(slots.min()) >= 0 and int(slots.max()) < self.num_slots):
            raise LaneMisuse(f"Slots {slots.min()} to {slots.max()} do not all exist in a lane of {self.num_slots}.")
        if len(slots) > 1 and not bool((np.diff(slots) > 0).all()) and len(np.unique(slots)) != len(slots):
            raise LaneMisuse("A slot was committed twice in one call.")
        if not bool((self.games["status"][slots] == RUNNING).all()):
            idle = slots[self.games["status"][slots] != RUNNING]
            raise LaneMisuse(f"Slot {idle[0]} has no running game.", hint="Commit only slots that ready() names.")
        wanted = self.games["frame"][slots] + 1
        if not np.array_equal(wanted, due_frame):
            n = int(np.flatnonzero(wanted != np.asarray(due_frame))[0])
            raise LaneMisuse(f"Slot {slots[n]} waits for inputs of frame {wanted[n]}, not {due_frame[n]}.")

    @staticmethod
    def _setup_of(saved: NDArray[Any]) -> GameSetup:
        game, characters = saved["game"], saved["players"]["character"].tolist()
        return GameSetup(
            game_id=int(game["game_id"]),
            stage=int(game["stage_id"]),
            characters=(characters[0], characters[1]),
            seed=int(game["seed"]),
            stocks=int(game["stocks"]),
            timer_frames=int(game["timer_frames"]),
            max_frames=int(game["max_frames"]),
        )
