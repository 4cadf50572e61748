"""Brain: the policies of one console, and the frames that wait for their decisions.

A plain object: whoever holds the link gives it what is asked and sends what it answers (``brain_main``). What decides
for one port is ``decider``'s.
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from exphil_rt.dolphin.decider import Decider
from exphil_rt.dolphin.figures import spread
from exphil_rt.dolphin.link import SWAPPED, Answer, Ask, Ready
from exphil_rt.dolphin.own_time import OwnClock
from exphil_rt.dolphin.plan import check_speed
from exphil_rt.game.frames import Frames
from exphil_rt.messages.brain import BrainArgs, BrainSeat, BrainStats
from exphil_rt.messages.rollout import RANDOM, SwapTold
from exphil_rt.policy.bundle import load_bundle

MAX_WAITING: Final = 60
"""Frames that may wait for a seat: a second. Who is further behind lets them go, or it would play the past for good."""
_COUNTED: Final = 512
"""Calls that the latency figures are of."""


class Brain:
    """The policies of a console, and the frames that wait for them.

    Raises:
        BundleInvalid, PolicyIncompatible: for what cannot be loaded.
    """

    def __init__(self, args: BrainArgs) -> None:
        self.args = args
        self.seats = {seat.port: seat for seat in args.seats}
        self._clock = OwnClock()
        self.deciders: dict[int, Decider] = {}
        for seat in args.seats:
            policy, manifest = (None, None) if seat.policy == RANDOM else load_bundle(seat.policy)
            self.deciders[seat.port] = Decider(
                seat.port,
                seat.delay,
                policy,
                manifest,
                kind=args.engine,
                temperature=args.temperature,
                seed=args.seed,
                clock=self._clock,
            )
        self.most_waiting = 0
        self.skipped = 0
        """Frames that were let go."""
        self._waiting: dict[int, list[Ask]] = {seat.port: [] for seat in args.seats}
        self._spoke: dict[int, str] = {seat.port: "" for seat in args.seats}
        self._calls = np.zeros(_COUNTED)
        self._call_count = 0

    def warm_up(self) -> tuple[float, ...]:
        """Milliseconds of a call, by seat.

        Raises:
            PolicyTooSlow: for one that cannot keep up.
        """
        costs = {port: decider.warm_up(self.seats[port].batch_steps) for port, decider in self.deciders.items()}
        for port, seconds in costs.items():
            check_speed(self.deciders[port].key, seconds, self.seats[port].batch_steps, force=self.args.force)
        return tuple(seconds * 1e3 for seconds in costs.values())

    def close(self) -> None:
        """Give back what it holds."""
        self._clock.close()

    def ready(self) -> list[Ready]:
        """What a console that has just come is told."""
        return [self._ready(seat, self.deciders[seat.port]) for seat in self.args.seats]

    def take(self, ask: Ask) -> None:
        """A console wants a decision."""
        if (asks := self._waiting.get(ask.player)) is None:
            return
        asks.append(ask)
        if len(asks) > MAX_WAITING:
            gone = len(asks) - self.seats[ask.player].batch_steps
            self.skipped += gone
            del asks[:gone]

    @property
    def waiting(self) -> bool:
        """Whether a frame waits for its decision."""
        return any(self._waiting.values())

    def forget(self) -> None:
        """The console is gone, and nobody wants what it asked for."""
        for asks in self._waiting.values():
            asks.clear()

    def decide(self) -> list[Answer]:
        """One call for each seat that is waited for: up to ``batch_steps`` frames of one game.

        Where several steps a call are allowed and more wait than that, it takes up to twice as many: most of a slow
        call's cost is the call's, so who was held up catches up in place of staying late.
        """
        answers: list[Answer] = []
        for player, asks in self._waiting.items():
            self.most_waiting = max(self.most_waiting, len(asks))
            if asks:
                count = self._run_length(player)
                some, asks[:] = asks[:count], asks[count:]
                answers += self._call(player, some)
        return answers

    def told(self) -> list[SwapTold]:
        """What became of swaps since the last call."""
        found: list[SwapTold] = []
        for decider in self.deciders.values():
            found += decider.told
            decider.told.clear()
        return found

    def stats(self) -> BrainStats:
        """Figures of the last second (``most_waiting``) and of the last calls."""
        calls = self._calls[: min(self._call_count, _COUNTED)]
        p50, p99 = spread(calls.tolist()) if calls.size else (0.0, 0.0)
        found = BrainStats(
            policies=tuple(decider.key for decider in self.deciders.values()),
            decisions=sum(decider.decisions for decider in self.deciders.values()),
            waiting=self.most_waiting,
            skipped=self.skipped,
            call_p50_us=int(p50 * 1e6),
            call_p99_us=int(p99 * 1e6),
        )
        self.most_waiting = 0
        return found

    def _run_length(self, player: int) -> int:
        asks, most = self._waiting[player], self.seats[player].batch_steps
        if 1 < most < len(asks):
            most *= 2
        epoch = asks[0].epoch
        return next((n for n, ask in enumerate(asks[:most]) if ask.epoch != epoch), min(len(asks), most))

    def _call(self, player: int, asks: list[Ask]) -> list[Answer]:
        decider = self.deciders[player]
        begin = time.perf_counter()
        decided = decider.decide(
            asks[0].epoch,
            asks[0].game_id,
            _together([ask.state for ask in asks]),
            np.stack([ask.committed for ask in asks]),
            np.stack([ask.mask for ask in asks]),
        )
        took = time.perf_counter() - begin
        self._calls[self._call_count % _COUNTED] = took
        self._call_count += 1
        answers = []
        for ask, action, key in zip(asks, decided.actions, decided.keys, strict=True):
            before, self._spoke[player] = self._spoke[player], key
            answers.append(
                Answer(
                    player=player,
                    epoch=ask.epoch,
                    frame=ask.frame,
                    due=ask.frame + decider.delay + 1,
                    action=action,
                    version=key,
                    took_us=int(took * 1e6),
                    flags=SWAPPED if before not in ("", key) else 0,
                )
            )
        return answers

    def _ready(self, seat: BrainSeat, decider: Decider) -> Ready:
        return Ready(
            player=seat.port,
            delay=seat.delay,
            dmax=seat.delay,
            batch_steps=seat.batch_steps,
            codec=decider.codec,
            version=decider.key,
        )


def _together(states: list[Frames]) -> Frames:
    """Frames ``[T]`` of T frames ``[1]``."""
    if len(states) == 1:
        return states[0]
    frames = Frames.allocate((len(states),))
    for index, state in enumerate(states):
        frames.assign(slice(index, index + 1), state)
    return frames
