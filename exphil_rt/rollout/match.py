"""Head-to-head matches in the embedded game, without a daemon: a fixed set of games, ports swapped, draws half."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final, Protocol

import msgspec
import numpy as np

from exphil_rt.errors import ExphilError
from exphil_rt.game import ids
from exphil_rt.game.frames import Frames
from exphil_rt.inference import Engine
from exphil_rt.inference.player import EngineKind
from exphil_rt.league.elo import elo_difference
from exphil_rt.messages.rollout import RANDOM, GameEnded, GameSpec, PlayerSpec
from exphil_rt.policy.bundle import load_policy
from exphil_rt.policy.config import PolicyConfig
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.policy.policy import Policy
from exphil_rt.rollout.loop import RolloutLoop
from exphil_rt.sim import EmbeddedLane
from exphil_rt.sim.cpu import level_of

SLOTS: Final = 32
"""Games that run at a time."""


class MatchInvalid(ExphilError):
    """A match that cannot be played."""

    exit_code = 2


class Watch(Protocol):
    """Sees a match as it is played."""

    def see(self, frames: Frames) -> None:
        """The frames ``[S]`` of all slots, after each step."""

    def end(self, event: GameEnded) -> None:
        """A game is over."""


class MatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a match, from ``a``'s side."""

    a: str
    b: str
    games: int
    wins: int
    draws: int
    losses: int
    score: float
    """Share of the points, draws half."""
    elo: float
    """Elo difference on the 400 scale, and its 95 % interval (Wilson)."""
    elo_low: float
    elo_high: float
    by_stocks: int
    """Games that were decided by the last stock."""
    stocks_taken: float
    """Stocks that ``a`` took a game, and ``stocks_lost``."""
    stocks_lost: float
    frames: int
    seconds: float
    seed: int
    physics: str
    temperature: float = 1.0
    """At which ``a`` sampled."""


def play_match(
    a: str | Policy | PlayablePolicy,
    b: str | Policy | PlayablePolicy,
    games: int,
    *,
    characters: Sequence[str] = ("fox",),
    stages: Sequence[str] = ("final destination",),
    stocks: int = 4,
    max_frames: int = 3600,
    seed: int = 1,
    engine: EngineKind = "torch",
    temperature: float | None = None,
    progress: Callable[[int, int, int, int], None] | None = None,
    watch: Watch | None = None,
) -> MatchResult:
    """Play ``games`` games between two policies.

    Args:
        a: a policy or a reference to one (``NAME@vN``, a path, ``random``, or ``cpu1`` to ``cpu9``).
        b: its opponent.
        games: an even number; half of them with ports swapped.
        characters: names both sides play in turn; a policy that was trained with characters of its own plays those.
        stages: names of the stages, in turn.
        stocks: of each side.
        max_frames: frame limit of a game; then more stocks win, then lower percent.
        seed: key of all random draws.
        engine: what runs the policies.
        temperature: at which ``a`` samples; by default its manifest's.
        progress: told (games done, wins, draws, losses) after each game.
        watch: sees every frame and end.

    Raises:
        MatchInvalid: for an odd count of games, or policies whose actions are of different codecs; also what loading
            the policies and starting the games may raise.
    """
    if games < 2 or games % 2:
        raise MatchInvalid(f"A match has an even number of games, not {games}.", hint="Half of them swap the ports.")
    if not characters or not stages:
        raise MatchInvalid("A match needs at least one character and one stage.")
    begin = time.perf_counter()
    sides = [_side(ref, key, seed) for ref, key in ((a, "a"), (b, "b"))]
    _check_codecs(sides)
    if temperature is not None:
        sides[0] = msgspec.structs.replace(sides[0], temperature=temperature)
    everyone = [int(ids.character(name)) for name in characters]
    fighters = [side.characters or everyone for side in sides]
    grounds = [int(ids.stage(name)) for name in stages]
    specs = _schedule(sides, fighters, grounds, games, seed, stocks, max_frames)
    slots = min(games, SLOTS)
    lane = EmbeddedLane(slots)
    try:
        return _play(lane, slots, specs, sides, seed, begin, engine, progress, watch)
    finally:
        lane.close()


def _check_codecs(sides: list[_Side]) -> None:
    """One engine plays the match, and its delay queues and the recordings hold actions of one codec."""
    codecs = {side.label: side.policy.config.codec for side in sides if side.policy is not None}
    if len(set(codecs.values())) > 1:
        (one, mine), (other, theirs) = codecs.items()
        raise MatchInvalid(
            f"{one} and {other} cannot meet: their actions are of different codecs ({mine.describe()}; "
            f"{theirs.describe()}).",
            hint="Measure each against `random` and `cpu1` to `cpu9` instead (`exphil-rt eval play`).",
        )


def _schedule(
    sides: list[_Side],
    fighters: list[list[int]],
    grounds: list[int],
    games: int,
    seed: int,
    stocks: int,
    max_frames: int,
) -> list[GameSpec]:
    """The games: fair in blocks, and spread over characters and stages however few they are.

    Every pairing of characters is played with ports swapped; where both sides may play the same characters, the
    other way round, too. Pairings come in an order shuffled by the seed, stages in turn.
    """
    mirrored = set(fighters[0]) == set(fighters[1])
    pairings = sorted(set(product(*fighters)))
    specs: list[GameSpec] = []
    turn = 0
    while len(specs) < games:
        order = pairings.copy()
        random.Random(f"{seed}/{turn}").shuffle(order)
        for place, (mine, theirs) in enumerate(order):
            stage = grounds[(turn + place) % len(grounds)]
            for x, y in [(mine, theirs), (theirs, mine)] if mirrored and mine != theirs else [(mine, theirs)]:
                for port in (0, 1):  # of a
                    players = PlayerSpec(policy=sides[port].key), PlayerSpec(policy=sides[1 - port].key)
                    specs.append(
                        GameSpec(
                            game_id=len(specs),
                            kind="rated",
                            stage=stage,
                            characters=(y, x) if port else (x, y),
                            players=players,
                            seed=seed,
                            stocks=stocks,
                            max_frames=max_frames,
                        )
                    )
        turn += 1
    return specs[:games]


class _Side(msgspec.Struct, frozen=True):
    key: str
    label: str
    policy: Policy | None
    temperature: float
    characters: list[int]


def _side(ref: str | Policy | PlayablePolicy, key: str, seed: int) -> _Side:
    if isinstance(ref, Policy):
        return _Side(key, key, ref, 1.0, [])
    if isinstance(ref, str) and level_of(ref):
        return _Side(ref, ref, None, 1.0, [])
    loaded = load_policy(ref, seed=seed) if isinstance(ref, str) else ref
    if loaded.policy is None:
        return _Side(RANDOM, RANDOM, None, 1.0, [])
    manifest = loaded.manifest
    own = list(manifest.characters) if manifest else []
    return _Side(
        key,
        manifest.ref if manifest else key if not isinstance(ref, str) else ref,
        loaded.policy,
        loaded.temperature,
        own,
    )


def _play(
    lane: EmbeddedLane,
    slots: int,
    specs: list[GameSpec],
    sides: list[_Side],
    seed: int,
    begin: float,
    engine: EngineKind,
    progress: Callable[[int, int, int, int], None] | None,
    watch: Watch | None,
) -> MatchResult:
    nets = [side.policy for side in sides if side.policy is not None]
    base = max(nets, key=lambda net: net.config.dmax) if nets else Policy(PolicyConfig())
    todo = iter(specs)
    loop = RolloutLoop(
        lane,
        Engine(2 * slots, kind=engine),
        base,
        games=0,
        rated=slots,
        seed=seed,
        supply=lambda slot: next(todo, None),
        sample_hz=0.0,
    )
    for side in sides:
        if side.policy is not None:
            loop.seats.load(side.key, side.policy, temperature=side.temperature)
    every = np.arange(slots, dtype=np.int32)
    wins = draws = losses = by_stocks = frames = taken = lost = done = 0
    while done < len(specs):
        if not loop.tick() and not loop.events:
            raise MatchInvalid("The match stopped before its last game.")
        while loop.events:
            event = loop.events.popleft()
            if not isinstance(event, GameEnded):
                continue
            if event.reason == "void":
                raise MatchInvalid(event.error or "A game of the match was dropped.")
            if watch is not None:
                watch.end(event)
            done += 1
            mine = event.game.game_id % 2  # a's port
            wins += event.winner == mine
            losses += event.winner == 1 - mine
            draws += event.winner is None
            by_stocks += event.reason == "stocks"
            frames += event.frames
            taken += event.game.stocks - event.stocks[1 - mine]
            lost += event.game.stocks - event.stocks[mine]
            if progress is not None:
                progress(done, wins, draws, losses)
        if watch is not None:
            watch.see(lane.frames(every))
    difference = elo_difference(wins, draws, losses)
    return MatchResult(
        a=sides[0].label,
        b=sides[1].label,
        games=done,
        wins=wins,
        draws=draws,
        losses=losses,
        score=(wins + 0.5 * draws) / done,
        elo=difference.estimate,
        elo_low=difference.low,
        elo_high=difference.high,
        by_stocks=by_stocks,
        stocks_taken=taken / done,
        stocks_lost=lost / done,
        frames=frames,
        seconds=time.perf_counter() - begin,
        seed=seed,
        physics=lane.physics,
        temperature=sides[0].temperature,
    )
