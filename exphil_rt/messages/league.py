"""The edges between game runner, matchmaker, population manager, inference worker and recorder, all in the daemon.

They are casts along one way (runner -> matchmaker -> inference worker -> runner), so that nobody waits for anybody.
"""

from __future__ import annotations

import msgspec

from exphil_rt.messages.experience import CurrentWeights
from exphil_rt.messages.rollout import GameEnded, GameSpec
from exphil_rt.messages.telemetry import GameKind


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, tag="policy_file"):
    """A frozen policy: the key that engines know it by, and where its bundle lies."""

    key: str
    """``NAME@vN``; also its display name."""
    path: str
    version: int


class SlotNeed(msgspec.Struct, frozen=True, kw_only=True, tag="slot_need"):
    """A lane slot without a waiting game."""

    slot: int
    kind: GameKind


class PlanGames(msgspec.Struct, frozen=True, kw_only=True, tag="plan_games"):
    """Runner to matchmaker: choose the next game of these slots."""

    runner: str
    needs: tuple[SlotNeed, ...]


class GamePlanned(msgspec.Struct, frozen=True, kw_only=True, tag="game_planned"):
    """Matchmaker to inference worker: this game in this slot; ``policies`` are the frozen ones it names."""

    runner: str
    slot: int
    game: GameSpec
    policies: tuple[PolicyFile, ...]


class GameOver(msgspec.Struct, frozen=True, kw_only=True, tag="game_over"):
    """Runner to inference worker and matchmaker, and on to the recorder: a game ended."""

    runner: str
    ended: GameEnded


class RunnerUp(msgspec.Struct, frozen=True, kw_only=True, tag="runner_up"):
    """Runner to whoever serves it: a fresh worker process that knows no game and no frozen policy, or it still runs."""

    runner: str
    physics: str
    fresh: bool = True
    """False where it answers SayAgain."""
    held: dict[int, int] = {}
    """Generation by experience slot that the process may still fill."""


class VersionPublished(msgspec.Struct, frozen=True, kw_only=True, tag="version_published"):
    """Trainer to population manager: a bundle of this run lies whole at ``path``."""

    name: str
    version: int
    path: str
    update: int
    frames: int
    learner_generation: int


class GetRosters(msgspec.Struct, frozen=True, tag="get_rosters"):
    """Call to the population manager: members, versions and rosters of a LeagueSnapshot, the rest of it empty."""


class PolicyBroken(msgspec.Struct, frozen=True, kw_only=True, tag="policy_broken"):
    """Inference worker to population manager: this version cannot be loaded."""

    key: str


class SampleOpponents(msgspec.Struct, frozen=True, kw_only=True, tag="sample_opponents"):
    """Call to the population manager: an opponent of the learner for each of these training games."""

    runner: str
    game_ids: tuple[int, ...]
    in_play: dict[str, int]
    """Training games by frozen policy that run or wait in that runner."""


class Opponents(msgspec.Struct, frozen=True, kw_only=True, tag="opponents"):
    """Answer: for each game the frozen opponent, or None for ``current``."""

    chosen: tuple[PolicyFile | None, ...]


class SaveLeague(msgspec.Struct, frozen=True, kw_only=True, tag="save_league"):
    """Trainer to matchmaker, in deterministic runs: keep what the coming games depend on beside this generation, then
    pass the weights on.
    """

    weights: CurrentWeights


class LeagueSnapshot(msgspec.Struct, frozen=True, kw_only=True, tag="league_snapshot"):
    """What a deterministic run's coming training games depend on, besides the loop's and the learner's state."""

    next_game_id: int
    in_play: dict[int, tuple[str, int, tuple[str, str]]]
    """Game id -> (runner, slot, policies) of the training games that run or wait."""
    members: tuple[tuple[str, int], ...]
    """(key, frames) of the population, oldest first."""
    versions: int
    """Newest published version."""
    rosters: dict[str, tuple[tuple[str, ...], str, int]]
    """By runner: seats, the retiring one, games since the last change (``league.population.Roster``)."""


class GetPopulation(msgspec.Struct, frozen=True, tag="get_population"):
    """Call to the population manager."""


class Population(msgspec.Struct, frozen=True, kw_only=True, tag="population"):
    """Frozen versions in the population, oldest first, and the run's first and newest version."""

    members: tuple[PolicyFile, ...]
    first: PolicyFile | None = None
    newest: PolicyFile | None = None
