"""RolloutLoop: lanes, the engine that serves them, the delay queues between them, and the experience they leave.

A plain object without a process, a socket or an actor: ``tick`` steps every game that may step by one frame. Slots
``0..games-1`` train, the next ``rated`` play rated games, the last one the exhibition. What happens comes out of
``events`` as the messages of ``exphil_rt.messages.rollout``; which games are played is said by ``table.assign``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import U8, Frames
from exphil_rt.game.lane import Lane
from exphil_rt.inference import Engine
from exphil_rt.messages.rollout import (
    ExhibitionFrame,
    FromRollout,
    GameSpec,
    LoopStats,
    PolicyFault,
    Samples,
    SlotFilled,
    SwapPolicy,
)
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.collector import Collector, Filled
from exphil_rt.rollout.experience import IDLE, IN_PLAY, Rollout, RolloutShape
from exphil_rt.rollout.past import Past
from exphil_rt.rollout.samples import sample
from exphil_rt.rollout.seats import Decided, Seats
from exphil_rt.rollout.swaps import SwapRefused, Swaps
from exphil_rt.rollout.table import GameTable, LoopInvalid

_MAX_SAMPLES: Final = 64
"""Games in one Samples message."""
_MAX_LAG_S: Final = 0.25
"""How far the exhibition may fall behind before it gives up catching up."""


class RolloutLoop:
    """Steps games and collects experience.

    Args:
        lane: at least ``games + rated + exhibition`` slots.
        engine: runs the policies.
        policy: plays as ``current``; its schema, codec and delay are the experience's.
        games: training slots, N.
        rated: slots for rated games.
        exhibition: whether one more slot is paced at ``exhibition_hz`` by ``clock``.
        steps: T of an experience slot; 0: nothing is collected.
        seed: key of the players' random draws.
        update: learner updates behind ``policy``.
        dmax: largest delay of a policy that may be loaded; None: that of ``policy``.
        deterministic: training games run in passes of their own and wait for one another, so that other games and
            the moment at which games are assigned cannot change a bit of them.
        records: whether rated and exhibition games are recorded, as they can be played again from their inputs.
        supply: asked for the next game of a slot; without it NeedGames is put out and ``table.assign`` is awaited.
        exhibition_hz: game frames a second of the exhibition.
        sample_hz: samples a second of the other games; 0: none.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        lane: Lane,
        engine: Engine,
        policy: Policy,
        *,
        games: int,
        rated: int = 0,
        exhibition: bool = False,
        steps: int = 0,
        seed: int = 0,
        update: int = 0,
        dmax: int | None = None,
        deterministic: bool = False,
        records: bool = True,
        supply: Callable[[int], GameSpec | None] | None = None,
        exhibition_hz: float = 60.0,
        sample_hz: float = 10.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        total = games + rated + int(exhibition)
        if total > lane.num_slots:
            raise LoopInvalid(f"{total} slots are wanted of a lane that has {lane.num_slots}.")
        self.games = games
        self.total = total
        self.paused = False
        self.held = False
        """Training games wait (for the next weights, in lockstep); others play on."""
        self.update = update
        self.events: deque[FromRollout] = deque()
        self.lane = lane
        self.seats = Seats(engine, policy, total, seed=seed, update=update, dmax=dmax)
        self.table = GameTable(lane, self.seats, games, total, self.events, supply, records)
        self.shape = RolloutShape(steps, games, self.seats.dmax, self.seats.state_size)
        self.collector = Collector(self.shape) if steps and games else None
        self._swaps = Swaps(self.seats, self.table, self.events, clock)
        # Nobody is swapped in a deterministic run, and so there is nobody to show the past to.
        self._past = {} if deterministic else {"training": Past(games), "exhibition": Past(1)}
        self._exhibition = total - 1 if exhibition else -1
        self._deterministic = deterministic
        self._training = np.arange(games, dtype=np.int32)
        self._all = np.arange(total, dtype=np.int32)
        self._ready_slots: NDArray[np.int32] | None = None
        self._ready = np.zeros(total, bool)
        self._own: tuple[memoryview, ...] = ()
        self._lent: Filled | None = None
        self._clock = clock
        self._started = clock()
        self._period = 1.0 / exhibition_hz
        self._next_exhibition = self._started
        self._sample_period = 1.0 / sample_hz if sample_hz else float("inf")
        self._next_sample = self._started + (0.0 if sample_hz else float("inf"))
        self._spent = {"game": 0.0, "inference": 0.0, "waiting": 0.0}
        self._frames = {"training": 0, "other": 0}

    # Stepping ---------------------------------------------------------------------------------------------------

    def tick(self) -> bool:
        """Step every game that may step by one frame.

        Returns:
            False where nothing could step: all wait for an experience slot, a game, the clock, or for a pause to end.
        """
        if self.paused:
            return False
        self.table.ask()
        self._look()
        training = self._training_may_step()
        others = self._others()
        if training and not self._deterministic:
            self._step(np.concatenate([self._training, others]), training=True)
            return True
        if training:
            self._step(self._training, training=True)
        if others.size:
            self._step(others, training=False)
        return training or bool(others.size)

    def _look(self) -> None:
        """See which games show a new frame, and which ended where they are played."""
        ready = self.lane.ready()
        for end in self.lane.ended():
            self.table.end(end)
        if ready is not self._ready_slots:  # the embedded lane gives the same array until a game begins or ends
            self._ready_slots = ready
            self._ready[:] = False
            self._ready[ready[ready < self.total]] = True

    def until_exhibition(self) -> float:
        """Seconds until the exhibition's next frame is due; infinity where no exhibition is in play."""
        shown = self._exhibition >= 0 and self.table.playing[self._exhibition] and self._ready[self._exhibition]
        if not shown or self.paused:
            return float("inf")
        return max(0.0, self._next_exhibition - self._clock())

    def waited(self, seconds: float) -> None:
        """Count seconds that whoever calls ``tick`` waited outside of it."""
        self._spent["waiting"] += seconds

    def set_current(self, update: int) -> None:
        """The weights of ``current`` (which the caller changed in place) are now those of ``update``."""
        self.update = update
        self.seats.refresh(update)
        self.table.set_current(update)

    def swap(self, asked: SwapPolicy, policy: Policy, temperature: float = 1.0, load_ms: float = 0.0) -> None:
        """Put ``policy`` into the place of an agent in play; SwapTold says how it goes.

        Raises:
            SwapRefused: where that cannot even begin.
        """
        if not self._past:
            raise SwapRefused("The players of a deterministic run are fixed.")
        exhibition = asked.slot == self._exhibition
        if not exhibition and not 0 <= asked.slot < self.games:
            known = 0 <= asked.slot < self.total
            raise SwapRefused(
                "The players of a rated game are fixed." if known else f"There is no slot {asked.slot}.",
                hint="Swap an agent of a training game or of the exhibition.",
            )
        past = self._past["exhibition" if exhibition else "training"]
        self._swaps.begin(asked, policy, temperature, past, 0 if exhibition else asked.slot, load_ms)

    def _remember(
        self, slots: NDArray[np.int32], frames: Frames, live: NDArray[np.int32], applied: U8, *, training: bool
    ) -> None:
        """Keep what was seen and done: who is swapped in is shown it. A game that did not step breaks its past off."""
        if not self._past:
            return
        if training and self.games:
            count = int(np.searchsorted(live, self.games))
            done = np.zeros((self.games, *applied.shape[1:]), np.uint8)
            done[live[:count]] = applied[:count]
            self._past["training"].write(frames if len(slots) == self.games else frames[: self.games], done)
        if slots[-1] == self._exhibition and live.size and live[-1] == self._exhibition:
            self._past["exhibition"].write(frames[len(slots) - 1 :], applied[-1:])

    def _training_may_step(self) -> bool:
        if not self.games or self.held or (self.collector is not None and not self.collector.ready):
            return False
        table, count = self.table, self.games
        if self._deterministic:
            return bool((table.playing[:count] | (table.ended != IDLE)).all())
        last = (table.ended != IN_PLAY) & (table.ended != IDLE)
        return bool(((table.playing & self._ready)[:count] | last).any())

    def _others(self) -> NDArray[np.int32]:
        playing = (self.table.playing & self._ready)[self.games :]
        others = np.flatnonzero(playing).astype(np.int32) + np.int32(self.games)
        if self._exhibition >= 0 and playing[-1]:
            now = self._clock()
            if now < self._next_exhibition:
                return others[:-1]
            if now - self._next_exhibition > _MAX_LAG_S:
                self._next_exhibition = now
            self._next_exhibition += self._period
        return others

    def _step(self, slots: NDArray[np.int32], *, training: bool) -> None:
        table, collector = self.table, self.collector
        deciding = table.deciding(slots, self._ready)
        live = slots[deciding]
        begin = self._clock()
        # The first k slots are a slice of all of them: views of the lane's own memory, where other choices are copies.
        first = int(slots[-1]) + 1 == len(slots)
        frames = self.lane.frames(self._all)[: len(slots)] if first else self.lane.frames(slots)
        shown = frames if len(live) == len(slots) else frames[np.flatnonzero(deciding)]
        read = self._clock()
        state = self.seats.state(self.games) if training and collector is not None and collector.opens else None
        decided = self.seats.decide(live, shown, table.game_id[live])
        thought = self._clock()
        playing, due = table.playing[slots], shown.frame + 1
        applied, controllers = decided.applied, decided.controllers
        self._show(slots, frames, thought)
        self._remember(slots, frames, live, applied, training=training)
        if training:
            in_row = table.shown(self._ready)
            if collector is not None:
                self._collect(frames, slots, live, decided, state, in_row)
            for slot in table.row_written(in_row):
                self.seats.forget(slot)
        stepping = playing[deciding]
        if not stepping.all():
            live, due, applied, controllers = live[stepping], due[stepping], applied[stepping], controllers[stepping]
        table.record(live, applied)
        commit = self._clock()
        if live.size:
            self.lane.commit(live, controllers, due)
        ended = self.lane.ended()
        stepped = self._clock()
        for end in ended:
            table.end(end)
        self._swaps.look()
        if decided.faults:
            self._fault(decided)
        trained = int(np.searchsorted(live, self.games))
        self._frames["training"] += trained
        self._frames["other"] += len(live) - trained
        self._spent["game"] += (read - begin) + (stepped - commit)
        self._spent["inference"] += thought - read

    def _fault(self, decided: Decided) -> None:
        for key, text in decided.faults.items():
            slots = tuple(
                s
                for s, spec in enumerate(self.table.specs)
                if spec is not None and any(player.policy == key for player in spec.players)
            )
            self.table.void(slots, text)
            self.events.append(PolicyFault(key=key, version=self.seats.version(key), text=text, slots=slots))

    # Experience -------------------------------------------------------------------------------------------------

    def collect(self) -> Rollout:
        """Step until a rollout is whole, in memory of the loop's own: for loops without a daemon.

        The rollout stays valid until the next call.

        Raises:
            LoopInvalid: where nothing is collected, or no game can step.
        """
        collector = self.collector
        if collector is None:
            raise LoopInvalid("This loop collects nothing.", hint="Give it steps and games.")
        self.prepare_own()
        if self._lent is not None:
            collector.give(*self._lent.slot)
            self._lent = None
        while not collector.filled:
            if not self.tick():
                raise LoopInvalid("No game can step.", hint="Assign games, or give the loop a supply of them.")
        self._lent = collector.filled.popleft()
        return self._lent.rollout

    def prepare_own(self) -> None:
        """Give the collector slots in memory of the loop's own, once; ``collect`` does it by itself."""
        if self.collector is not None and not self._own:
            self._own = tuple(memoryview(bytearray(self.shape.nbytes)) for _ in range(2))
            for slot, buffer in enumerate(self._own):
                self.collector.give(slot, 0, buffer)

    def _collect(
        self,
        frames: Frames,
        slots: NDArray[np.int32],
        live: NDArray[np.int32],
        decided: Decided,
        state: NDArray[np.float32] | None,
        in_row: U8,
    ) -> None:
        games, table, collector = self.games, self.table, self.collector
        assert collector is not None
        count = int(np.searchsorted(live, games))
        mine = live[:count]

        def spread(values: NDArray[Any]) -> NDArray[Any]:
            if count == games:
                return values[:games]
            full = np.zeros((games, *values.shape[1:]), values.dtype)
            full[mine] = values[:count]
            return full

        collector.write(
            frames=frames if len(slots) == games else frames[:games],
            game_id=table.game_id[:games],
            ended=in_row,
            reset=table.reset * (in_row != IDLE),
            learn=table.learn[:games] * (in_row == IN_PLAY)[:, None],
            version=table.version[:games],
            actions=spread(decided.actions),
            logp=spread(decided.logp),
            value=spread(decided.value),
            committed=spread(decided.committed),
            mask=spread(decided.mask),
            state=state,
        )
        while self._own == () and collector.filled:
            filled = collector.filled.popleft()
            self.events.append(
                SlotFilled(
                    slot=filled.slot.slot,
                    generation=filled.slot.generation,
                    frames=filled.frames,
                    learnable=filled.learnable,
                    update=filled.update,
                )
            )

    # What people see --------------------------------------------------------------------------------------------

    def stats(self) -> LoopStats:
        """Counters since the loop was made."""
        wall = self._clock() - self._started
        spent = self._spent
        return LoopStats(
            wall_s=wall,
            game_s=spent["game"],
            inference_s=spent["inference"],
            waiting_s=spent["waiting"],
            other_s=max(0.0, wall - sum(spent.values())),
            training_frames=self._frames["training"],
            other_frames=self._frames["other"],
            games=self.table.decided,
            late=self.seats.total_late,
        )

    def _show(self, slots: NDArray[np.int32], frames: Frames, now: float) -> None:
        specs = self.table.specs
        if slots[-1] == self._exhibition:
            spec = specs[self._exhibition]
            if spec is not None:
                self.events.append(ExhibitionFrame(sample=sample(self._exhibition, spec, frames, len(slots) - 1)))
        if now >= self._next_sample:
            self._next_sample = now + self._sample_period
            shown = []
            for index, slot in enumerate(slots[:_MAX_SAMPLES].tolist()):
                spec = specs[slot]
                if spec is not None and slot != self._exhibition and self._ready[slot]:
                    shown.append(sample(slot, spec, frames, index))
            self.events.append(Samples(games=tuple(shown)))
