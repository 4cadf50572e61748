"""Two policies head to head in the embedded game, in this process: no daemon, no learning, nothing stored.

Games come in blocks that are fair: ports are swapped, and where both sides may play the same characters, each
pairing of characters is played both ways round.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game.ids import Stage
from exphil_rt.game.ids import character as character_of
from exphil_rt.game.ids import stage as stage_of
from exphil_rt.game.lane import GameEnd, Lane
from exphil_rt.inference import Engine
from exphil_rt.league.elo import elo_difference
from exphil_rt.messages.rollout import RANDOM, GameSpec, PlayerSpec
from exphil_rt.policy.bundle import PlayablePolicy, load_policy
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.recording import setup_of
from exphil_rt.rollout.seats import Seats

MAX_SLOTS: Final = 32
"""Games at a time."""


class MatchInvalid(ExphilError):
    """A match that cannot be played."""

    exit_code = 2


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a match, seen from ``a``."""

    a: str
    b: str
    games: int
    wins: int
    draws: int
    losses: int
    score: float
    """Wins and half of the draws, by games."""
    elo: float
    """Elo difference; infinite (null in JSON) where one side won all."""
    elo_low: float
    elo_high: float
    """Its 95 % interval."""
    frames: int
    """Game frames played."""
    seconds: float
    by_stocks: int
    """Games that were decided by the last stock."""
    physics: str
    seed: int


Progress = Callable[[int, int, int, int], None]
"""Games played, wins, draws, losses of ``a``."""


def play_match(
    a: str,
    b: str,
    games: int,
    *,
    characters: Sequence[str] = ("fox", "marth"),
    stages: Sequence[str] = ("final_destination", "battlefield"),
    stocks: int = 4,
    max_frames: int = 3600,
    seed: int = 1,
    home: str | Path | None = None,
    progress: Progress | None = None,
    lane: Lane | None = None,
) -> MatchResult:
    """Play ``a`` against ``b``.

    Args:
        a, b: references of policies, or ``random``.
        games: an even number, half of them with ports swapped.
        characters: what both may play; a policy that names characters of its own plays those.
        stages: stages, in turn.
        stocks: 1..99.
        max_frames: frame limit of a game; then more stocks win, then lower percent.
        seed: key of every random draw; equal seeds give equal matches on one machine.
        home: where policies lie.
        progress: called after every game.
        lane: where to play; the embedded game by default.

    Raises:
        MatchInvalid: an odd number of games, no stage or character, or a policy that gives NaN.
        PolicyRefInvalid, PolicyNotFound, BundleInvalid, PolicyIncompatible: of ``load_policy``.
    """
    if games < 2 or games % 2:
        raise MatchInvalid(f"{games} games cannot be played with ports swapped.", hint="Give an even number from 2.")
    if not characters or not stages:
        raise MatchInvalid("A match needs at least one character and one stage.")
    sides = load_policy(a, home), load_policy(b, home)
    common = tuple(int(character_of(name)) for name in characters)
    schedule = itertools.islice(
        _schedule(
            [side.manifest.characters or common if side.manifest else common for side in sides],
            [stage_of(name) for name in stages],
            seed,
            stocks,
            max_frames,
        ),
        games,
    )
    slots = min(games, MAX_SLOTS) if lane is None else min(games, lane.num_slots)
    own = lane is None
    if lane is None:
        from exphil_rt.sim import EmbeddedLane

        lane = EmbeddedLane(slots)
    try:
        tally = _Tally(progress)
        _play(lane, _seats(sides, slots, seed), schedule, slots, tally)
    finally:
        if own:
            lane.close()
    return tally.result(_label(a, sides[0]), _label(b, sides[1]), lane.physics, seed)


def _label(ref: str, side: PlayablePolicy) -> str:
    return side.manifest.ref if side.manifest else ref


def _schedule(
    characters: Sequence[Sequence[int]], stages: Sequence[Stage], seed: int, stocks: int, max_frames: int
) -> Iterator[GameSpec]:
    """Games without end. ``a`` has port 0 in the even ones; the policy keys are ``a`` and ``b``."""
    pairs = sorted(itertools.product(*characters))
    ids = itertools.count()
    mirrored = set(characters[0]) == set(characters[1])
    for turn in itertools.count():
        order = pairs.copy()
        random.Random(f"{seed}/{turn}").shuffle(order)
        for place, (mine, theirs) in enumerate(order):
            stage = int(stages[(turn + place) % len(stages)])
            for x, y in ((mine, theirs), (theirs, mine)) if mirrored and mine != theirs else ((mine, theirs),):
                for players, fighters in ((("a", "b"), (x, y)), (("b", "a"), (y, x))):
                    yield GameSpec(
                        game_id=next(ids),
                        kind="rated",
                        stage=stage,
                        characters=fighters,
                        players=(PlayerSpec(policy=players[0]), PlayerSpec(policy=players[1])),
                        seed=seed,
                        stocks=stocks,
                        max_frames=max_frames,
                    )


def _seats(sides: tuple[PlayablePolicy, PlayablePolicy], slots: int, seed: int) -> Seats:
    policies = [side.policy for side in sides if side.policy is not None]
    # Seats are laid out after one policy, which in a match of random against random is nobody's.
    layout = max(policies, key=lambda policy: policy.config.dmax, default=None) or Policy(PolicyConfig())
    seats = Seats(Engine(2 * slots), layout, slots, seed=seed)
    for key, side in zip("ab", sides, strict=True):
        if side.policy is not None:
            seats.load(key, side.policy, temperature=side.temperature)
    return seats


def _play(lane: Lane, seats: Seats, schedule: Iterator[GameSpec], slots: int, tally: _Tally) -> None:
    playing: dict[int, GameSpec] = {}
    ids = np.zeros(slots, np.int64)

    def start(slot: int) -> None:
        game = next(schedule, None)
        if game is None:
            return
        playing[slot] = game
        ids[slot] = game.game_id
        lane.start(slot, setup_of(game))
        seats.seat(slot, _known(game, seats))

    for slot in range(slots):
        start(slot)
    while playing:
        ready = lane.ready()
        frames = lane.frames(ready)
        decided = seats.decide(ready, frames, ids[ready])
        for fault in decided.faults.values():
            raise MatchInvalid(fault)
        lane.commit(ready, decided.controllers, frames.frame + 1)
        for end in lane.ended():
            tally.add(playing.pop(end.slot), end)
            start(end.slot)


def _known(game: GameSpec, seats: Seats) -> GameSpec:
    """The game with ``random`` for a side that has no network."""
    first, second = (player if seats.knows(player.policy) else PlayerSpec(policy=RANDOM) for player in game.players)
    return msgspec.structs.replace(game, players=(first, second))


class _Tally:
    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._started = time.perf_counter()
        self.wins = self.draws = self.losses = self.frames = self.by_stocks = 0

    def add(self, game: GameSpec, end: GameEnd) -> None:
        if end.winner is None:
            self.draws += 1
        elif game.players[end.winner].policy == "a":
            self.wins += 1
        else:
            self.losses += 1
        self.frames += end.frames
        self.by_stocks += end.reason == "stocks"
        if self._progress is not None:
            self._progress(self.wins + self.draws + self.losses, self.wins, self.draws, self.losses)

    def result(self, a: str, b: str, physics: str, seed: int) -> MatchResult:
        games = self.wins + self.draws + self.losses
        elo = elo_difference(self.wins, self.draws, self.losses)
        return MatchResult(
            a=a,
            b=b,
            games=games,
            wins=self.wins,
            draws=self.draws,
            losses=self.losses,
            score=(self.wins + 0.5 * self.draws) / games,
            elo=elo.estimate,
            elo_low=elo.low,
            elo_high=elo.high,
            frames=self.frames,
            seconds=time.perf_counter() - self._started,
            by_stocks=self.by_stocks,
            physics=physics,
            seed=seed,
        )
