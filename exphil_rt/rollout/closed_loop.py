"""How a policy plays, measured in closed loop: games of the embedded game, counted frame by frame into a report card.

What a policy predicts of recorded play says nothing about this: a clone that is right nine times in ten may walk off
the stage the tenth. The games themselves are ``match``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exphil_rt.game.frames import FIRST_FRAME, Frames
from exphil_rt.league.elo import score_interval
from exphil_rt.messages.rollout import GameEnded
from exphil_rt.policy.pack import REPORT_FILE
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.replays.quality import FRAMES_PER_SECOND, SD_UNTOUCHED_S
from exphil_rt.rollout.export import export_recording
from exphil_rt.rollout.match import SLOTS, play_match
from exphil_rt.rollout.recording import unpack
from exphil_rt.sim import PHYSICS, EmbeddedLane
from exphil_rt.store.files import write_whole

TEMPERATURES: Final = (1.0, 0.8, 0.6)
"""Tried for a new clone. Argmax is not among them: it stands still, or walks on over the edge."""
PICKED_AGAINST: Final = "cpu3"
_MINUTE: Final = 60 * FRAMES_PER_SECOND
_ALIVE_STEPS: Final = 30


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some games, from the policy's side; rates are a minute of play."""

    opponent: str
    temperature: float
    games: int
    wins: int
    draws: int
    losses: int
    win_rate: float
    """Share of the points, draws half, with its 95 % interval (Wilson)."""
    win_rate_low: float
    win_rate_high: float
    minutes: float
    self_destructs: float
    """Stocks lost six seconds and longer after the last hit taken."""
    damage_dealt: float
    """Percent."""
    damage_taken: float
    stocks_taken: float
    stocks_lost: float

    @property
    def damage_a_life(self) -> float:
        """Percent dealt for each life spent: every stock lost, and the one that a game ends with."""
        return self.damage_dealt * self.minutes / (self.stocks_lost * self.minutes + self.games)

    @property
    def line(self) -> str:
        """For people."""
        return (
            f"  {self.games} games against {self.opponent} at temperature {self.temperature:g}: "
            f"{self.win_rate:.0%} of the points, {self.damage_a_life:.0f}% dealt a life, "
            f"{self.self_destructs:.2f} self-destructs a minute"
        )


def best_of(tried: Sequence[Played]) -> Played:
    """Whoever plays best among the same policy's temperatures, as a player would say.

    Points decide where they can: what is clearly worse (its 95 % interval ends below that of the most points) is out.
    A weak clone loses all its games at every temperature, so that points say nothing; then counts what it makes of a
    life, the percent that it deals for each stock. Standing still deals none, walking off the stage spends the life,
    and what the opponent throws away counts for neither. A tie goes to whoever deals more, then to the temperature
    tried first.
    """
    most = max(tried, key=lambda played: played.win_rate)
    able = [played for played in tried if played.win_rate_high >= most.win_rate_low]
    return max(able, key=lambda played: (played.damage_a_life, played.damage_dealt))


class ReportCard(msgspec.Struct, frozen=True, kw_only=True):
    """How a policy plays; ``report_card.json`` in its bundle."""

    policy: str
    temperature: float
    delay: int
    physics: str
    seed: int
    stocks: int
    max_frames: int
    played: tuple[Played, ...]
    """By opponent, at that temperature."""
    tried: tuple[Played, ...] = ()
    """The games by which the temperature was picked."""


class _Game(msgspec.Struct, frozen=True):
    merit: float
    recording: bytes


class Tally:
    """Counts games as they are played: damage and self-destructs of each side, slot by slot.

    Args:
        slots: games at a time.
        alive: called every half second of play: all games may end at once, minutes after they began.
    """

    def __init__(self, slots: int, alive: Callable[[], None] | None = None) -> None:
        shape = (slots, 2)
        self._alive, self._steps = alive, 0
        self._frame = np.full(slots, FIRST_FRAME, np.int64)
        self._percent, self._stocks = np.zeros(shape, np.float64), np.zeros(shape, np.int64)
        self._hit = np.full(shape, -(10**9), np.int64)
        self._taken, self._destroyed = np.zeros(shape), np.zeros(shape, np.int64)
        self.frames = 0
        self.taken, self.destroyed, self.lost = np.zeros(2), np.zeros(2, np.int64), np.zeros(2, np.int64)
        """Of all games: percent taken, self-destructs and stocks lost, by side (the policy's first)."""
        self.games: list[_Game] = []

    def see(self, frames: Frames) -> None:
        """The frames ``[S]`` of all slots, after each step."""
        if self._alive is not None and self._steps % _ALIVE_STEPS == 0:
            self._alive()
        self._steps += 1
        now = frames.frame.astype(np.int64)
        fresh = now == FIRST_FRAME
        percent, stocks = frames.players.percent, frames.players.stocks
        if fresh.any():
            self._hit[fresh] = -(10**9)
            self._taken[fresh], self._destroyed[fresh] = 0.0, 0
            self._percent[fresh], self._stocks[fresh] = percent[fresh], stocks[fresh]
        self._count(slice(None), now, percent, stocks)

    def _count(self, rows: Any, now: NDArray[np.int64], percent: NDArray[Any], stocks: NDArray[Any]) -> None:
        rise = np.maximum(percent - self._percent[rows], 0.0)
        stocks = stocks.astype(np.int64)
        self._hit[rows] = np.where(rise > 0, now[:, None], self._hit[rows])
        gone = stocks < self._stocks[rows]
        alone = now[:, None] - self._hit[rows] >= SD_UNTOUCHED_S * FRAMES_PER_SECOND
        self._taken[rows] += np.where(gone, 0.0, rise)
        self._destroyed[rows] += gone & alone
        self._frame[rows] = now
        self._percent[rows], self._stocks[rows] = percent, stocks

    def end(self, event: GameEnded) -> None:
        """A game is over; its last frame was not seen."""
        row, mine = np.array([event.slot]), event.game.game_id % 2
        self._count(row, self._frame[row] + 1, np.array([event.percent]), np.array([event.stocks]))
        order = [mine, 1 - mine]
        taken, destroyed = self._taken[event.slot, order], self._destroyed[event.slot, order]
        lost = event.game.stocks - np.array(event.stocks)[order]
        self.frames += event.frames
        self.taken += taken
        self.destroyed += destroyed
        self.lost += lost
        merit = float(lost[1] - lost[0] + 0.01 * (taken[1] - taken[0]))
        self.games.append(_Game(merit, event.recording))

    def median(self) -> bytes:
        """The recording of the game in the middle; empty where it has none."""
        ranked = sorted(self.games, key=lambda game: game.merit)
        return ranked[len(ranked) // 2].recording if ranked else b""


def play(
    policy: str | PlayablePolicy,
    opponent: str | PlayablePolicy,
    games: int,
    *,
    temperature: float | None = None,
    characters: Sequence[str] = ("fox",),
    stages: Sequence[str] = ("final destination", "battlefield"),
    stocks: int = 4,
    max_frames: int = 3600,
    seed: int = 1,
    progress: Callable[[int, int, int, int], None] | None = None,
    alive: Callable[[], None] | None = None,
) -> tuple[Played, Tally]:
    """Play ``games`` games and count; arguments as of ``match.play_match`` and :class:`Tally`."""
    tally = Tally(min(games, SLOTS), alive)
    result = play_match(
        policy,
        opponent,
        games,
        temperature=temperature,
        characters=characters,
        stages=stages,
        stocks=stocks,
        max_frames=max_frames,
        seed=seed,
        progress=progress,
        watch=tally,
    )
    minutes = tally.frames / _MINUTE
    low, high = score_interval(result.wins, result.draws, result.losses)
    return (
        Played(
            opponent=result.b,
            temperature=result.temperature,
            games=result.games,
            wins=result.wins,
            draws=result.draws,
            losses=result.losses,
            win_rate=result.score,
            win_rate_low=low,
            win_rate_high=high,
            minutes=minutes,
            self_destructs=float(tally.destroyed[0]) / minutes,
            damage_dealt=float(tally.taken[1]) / minutes,
            damage_taken=float(tally.taken[0]) / minutes,
            stocks_taken=float(tally.lost[1]) / minutes,
            stocks_lost=float(tally.lost[0]) / minutes,
        ),
        tally,
    )


def grade(
    policy: str | PlayablePolicy,
    *,
    opponents: Sequence[str] = ("random", "cpu3"),
    games: int = 64,
    temperatures: Sequence[float] = (),
    max_frames: int = 3600,
    stocks: int = 4,
    seed: int = 1,
    on_played: Callable[[Played], None] = lambda played: None,
    **options: Any,
) -> tuple[ReportCard, bytes]:
    """A policy's report card, and the recording of the game in the middle of all.

    Args:
        policy: who plays.
        opponents: against whom.
        games: against each, an even number.
        temperatures: where given, each is tried against ``cpu3`` and the ``best_of`` them is kept.
        max_frames: frame limit of a game.
        stocks: of each side.
        seed: key of every random draw.
        on_played: told what came of each opponent.
        options: ``characters``, ``stages``, ``progress`` and ``alive`` as of :func:`play`.
    """
    shared = {"max_frames": max_frames, "stocks": stocks, "seed": seed, **options}
    tried: list[Played] = []
    tallies: dict[tuple[str, float], tuple[Played, Tally]] = {}
    for temperature in temperatures:
        found = play(policy, PICKED_AGAINST, games, temperature=temperature, **shared)
        tallies[PICKED_AGAINST, temperature] = found
        tried.append(found[0])
        on_played(found[0])
    best = best_of(tried).temperature if tried else None
    played: list[Played] = []
    everything = Tally(1)
    for opponent in opponents:
        done = tallies.get((opponent, best)) if best is not None else None
        if done is None:
            done = play(policy, opponent, games, temperature=best, **shared)
            on_played(done[0])
        played.append(done[0])
        everything.games += done[1].games
    manifest = policy.manifest if isinstance(policy, PlayablePolicy) else None
    card = ReportCard(
        policy=manifest.ref if manifest else str(policy),
        temperature=played[0].temperature if played else (best or 1.0),
        delay=manifest.delay if manifest else 0,
        physics=PHYSICS,
        seed=seed,
        stocks=stocks,
        max_frames=max_frames,
        played=tuple(played),
        tried=tuple(tried),
    )
    return card, everything.median()


def write_median(recording: bytes, folder: Path) -> tuple[Path, ...]:
    """Keep a game as ``median_game.rec`` and, played again, as ``median_game.slp``."""
    if not recording:
        return ()
    raw, slp = folder / "median_game.rec", folder / "median_game.slp"
    write_whole(raw, recording)
    lane = EmbeddedLane(1)
    try:
        export_recording(unpack(recording), slp, lane)
    finally:
        lane.close()
    return raw, slp


def keep_card(card: ReportCard, recording: bytes, folder: Path) -> None:
    """Write a card and the game in the middle into a folder, beside a bundle's own files or elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    write_median(recording, folder)
    write_whole(folder / REPORT_FILE, msgspec.json.format(msgspec.json.encode(card), indent=1))
