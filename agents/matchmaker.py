"""Matchmaker: chooses every game and keeps the ratings. The rules stand in ``exphil_rt.league``.

Training games are unrated; rated ones are between two frozen versions. A match and both its ratings are committed
before anybody sees them.
"""

from __future__ import annotations

import random
import time
from typing import Any, Final

import anyio
import anyio.to_thread
import msgspec

from agents.again import ask_again
from agents.context import LEAGUE_FILE, SelfPlayContext
from agents.notes import note
from agents.ratings import ranked, rating_of, table_of
from exphil_rt.actor import GenServer, NoProc, handle_cast
from exphil_rt.errors import ExphilError
from exphil_rt.league.elo import START
from exphil_rt.league.pairing import Entrant, Pairing, next_match
from exphil_rt.league.table import Table
from exphil_rt.messages.experience import SlotReady
from exphil_rt.messages.league import (
    GameOver,
    GamePlanned,
    GetPopulation,
    GetRosters,
    LeagueSnapshot,
    Opponents,
    PlanGames,
    PolicyFile,
    Population,
    RunnerUp,
    SampleOpponents,
    SaveLeague,
    SlotNeed,
)
from exphil_rt.messages.rollout import CURRENT, RANDOM, GameEnded, GameSpec, PlayerSpec
from exphil_rt.messages.rows import Match
from exphil_rt.messages.run import NewestVersion, Progress, RatingsChanged, SayAgain
from exphil_rt.messages.store import (
    CommitMatch,
    CommitRatings,
    Committed,
    LeagueRows,
    LoadLeague,
    ReserveGames,
)
from exphil_rt.messages.telemetry import GameKind
from exphil_rt.store.files import write_whole

EXHIBITION_FRAMES: Final = 10_800
"""Three minutes: long enough to see how they play, short enough to see others."""
NEVER: Final = 2**62
"""Deterministic runs count game ids for themselves: nothing is reserved, the same game has the same id again."""
CALL_S: Final = 30.0
"""A commit may wait for a slow disk."""
RETRY_S: Final = 2.0
GONE_S: Final = 0.05
"""Between two tries to reach a neighbour that is being restarted."""
RESERVE: Final = 256
"""Game ids that are reserved at a time."""


class NoGameIds(Exception):
    """The store could not reserve game ids: the disk is full."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A game that runs or waits."""

    runner: str
    slot: int
    kind: GameKind
    policies: tuple[str, str]


class LeagueState(msgspec.Struct, kw_only=True):
    """Ratings, and the games in play."""

    physics: str = ""
    table: Table = msgspec.field(default_factory=Table)
    plans: dict[int, Plan] = {}
    """By game id."""
    idle: list[tuple[str, SlotNeed]] = []
    """Rated slots that wait for somebody to rate."""
    next_id: int = 0
    last_id: int = 0
    first: str = ""
    newest: str = ""
    frames: int = 0


class Matchmaker(GenServer[LeagueState]):
    """The one who decides who plays whom."""

    async def init(self, args: SelfPlayContext) -> LeagueState:
        """Ratings are read when the first runner says which physics it plays."""
        self.context = args
        state = LeagueState()
        with args.run.reader() as database:
            state.frames = database.progress().frames
        if args.going_on is not None:
            league = args.going_on.league
            state.next_id, state.last_id = league.next_game_id, NEVER
            state.plans = {
                game_id: Plan(runner=runner, slot=slot, kind="training", policies=policies)
                for game_id, (runner, slot, policies) in league.in_play.items()
            }
        elif args.deterministic:
            state.last_id = NEVER
        ask_again(self, *args.runners)
        return state

    # Who plays -------------------------------------------------------------------------------------------------------

    @handle_cast
    async def on_runner(self, message: RunnerUp) -> None:
        """A fresh worker process: what the old one played is void."""
        state = self.state
        if self.context.going_on is None:
            state.plans = {g: plan for g, plan in state.plans.items() if plan.runner != message.runner}
        state.idle = [(runner, need) for runner, need in state.idle if runner != message.runner]
        await self._load(message.physics)

    async def _load(self, physics: str) -> None:
        """Take up what the league knew of this physics."""
        state = self.state
        if state.physics == physics:
            return
        rows: LeagueRows = await self.call("store", LoadLeague(physics=physics), timeout=CALL_S)
        state.physics = physics
        state.table = table_of(rows)
        self._publish(await self._population())

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """Who shows the table was restarted."""
        if self.state.physics:
            self._publish(await self._population())

    @handle_cast
    async def on_progress(self, message: Progress) -> None:
        """Matches are stamped with the run's frames."""
        self.state.frames = message.frames

    @handle_cast
    async def on_plan(self, message: PlanGames) -> None:
        """Choose the next game of each slot; where that cannot be done now, again soon."""
        try:
            await self._plan_games(message)
        except NoGameIds:
            self.send_after(RETRY_S, message)

    async def _plan_games(self, message: PlanGames) -> None:
        kinds: dict[GameKind, list[SlotNeed]] = {"training": [], "rated": [], "exhibition": []}
        for need in message.needs:
            kinds[need.kind].append(need)
        if kinds["training"]:
            await self._plan_training(message.runner, kinds["training"])
        for need in kinds["exhibition"]:
            await self._plan_exhibition(message.runner, need)
        for need in kinds["rated"]:
            await self._plan_rated(message.runner, need)

    @handle_cast
    async def on_version(self, message: NewestVersion) -> None:
        """There is somebody new to rate."""
        self.state.newest = message.key
        waiting, self.state.idle = self.state.idle, []
        for runner, need in waiting:
            await self.on_plan(PlanGames(runner=runner, needs=(need,)))

    async def _plan_training(self, runner: str, needs: list[SlotNeed]) -> None:
        ids = [await self._game_id() for _ in needs]
        scripted = {game_id: level for game_id in ids if (level := self._scripted_level(game_id))}
        in_play: dict[str, int] = {}
        for plan in self.state.plans.values():
            if plan.runner == runner and plan.kind == "training":
                for policy in plan.policies:
                    if policy != CURRENT:
                        in_play[policy] = in_play.get(policy, 0) + 1
        asked = tuple(game_id for game_id in ids if game_id not in scripted)
        answer: Opponents = await self._again_while_gone(
            "population_manager",
            SampleOpponents(runner=runner, game_ids=asked, in_play=in_play),
        )
        chosen = dict(zip(asked, answer.chosen, strict=True))
        name = self.context.policy_name
        for need, game_id in zip(needs, ids, strict=True):
            learner = PlayerSpec(policy=CURRENT, label=name, learn=True)
            opponent = chosen.get(game_id)
            other = learner if opponent is None else PlayerSpec(policy=opponent.key, label=opponent.key)
            if game_id in scripted:
                other = PlayerSpec(policy=f"cpu{scripted[game_id]}")
            draw = self._draw("sides", game_id)
            players = (learner, other) if draw.random() < 0.5 else (other, learner)
            files = () if opponent is None else (opponent,)
            fighters, stage = self._fighters(draw)
            self._plan(runner, need, self._game(game_id, "training", stage, fighters, players), files)

    def _scripted_level(self, game_id: int) -> int:
        """The level of the scripted opponent of a training game; 0 where it has another one."""
        league, draw = self.context.config.league, self._draw("scripted", game_id)
        return draw.randint(1, league.scripted_level) if draw.random() < league.scripted else 0

    async def _plan_exhibition(self, runner: str, need: SlotNeed) -> None:
        game_id = await self._game_id()
        draw = self._draw("exhibition", game_id)
        members = (await self._population()).members
        opponent = draw.choice(members) if members else None
        players = (
            PlayerSpec(policy=CURRENT, label=self.context.policy_name),
            PlayerSpec(policy=opponent.key, label=opponent.key) if opponent else PlayerSpec(policy=RANDOM),
        )
        fighters, stage = self._fighters(draw)
        game = self._game(game_id, "exhibition", stage, fighters, players)
        self._plan(runner, need, game, (opponent,) if opponent else ())

    async def _plan_rated(self, runner: str, need: SlotNeed) -> None:
        state, league = self.state, self.context.config.league
        if not state.physics:
            return  # restarted: the runner asks again once it has said which physics it plays
        population = await self._population()
        files = {member.key: member for member in population.members}
        entrants = [Entrant(policy=RANDOM, elo=START, anchor=True)]
        for member in population.members:
            standing = state.table.standing_of(member.key, _keys(population))
            entrants.append(Entrant(policy=member.key, elo=standing.elo, anchor=standing.anchor))
        played = {pair: sum(counts) for pair, counts in state.table.played.items()}
        for plan in state.plans.values():
            if plan.kind == "rated":
                played[plan.policies] = played.get(plan.policies, 0) + 1
        first = population.first.key if population.first else ""
        pairing = next_match(
            entrants,
            played,
            band=league.elo_band,
            first_version=first,
            calibration=(RANDOM, first) if first else None,
            calibration_games=league.calibration_games,
            anchor_games=league.anchor_games,
        )
        if pairing is None:
            state.idle.append((runner, need))
            return
        game_id = await self._game_id()
        game = self._rated_game(game_id, pairing, sum(played.get(p, 0) for p in (pairing, pairing[::-1])))
        self._plan(runner, need, game, tuple(files[key] for key in pairing if key in files))

    def _rated_game(self, game_id: int, pairing: Pairing, met: int) -> GameSpec:
        """Both games of a pair (ports swapped) have the same fighters on the same ports, on the same stage."""
        draw = random.Random(f"rated:{self.context.config.run.seed}:{sorted(pairing)}:{met // 2}")
        fighters, stage = self._fighters(draw)
        players = (PlayerSpec(policy=pairing.first), PlayerSpec(policy=pairing.second))
        return self._game(game_id, "rated", stage, fighters, players)

    def _game(
        self,
        game_id: int,
        kind: GameKind,
        stage: int,
        characters: tuple[int, int],
        players: tuple[PlayerSpec, PlayerSpec],
    ) -> GameSpec:
        run = self.context.config.run
        return GameSpec(
            game_id=game_id,
            kind=kind,
            stage=stage,
            characters=characters,
            players=players,
            seed=run.seed,
            stocks=run.stocks,
            max_frames=EXHIBITION_FRAMES if kind == "exhibition" else run.max_episode_frames,
        )

    def _plan(self, runner: str, need: SlotNeed, game: GameSpec, files: tuple[PolicyFile, ...]) -> None:
        plans = self.state.plans
        earlier = [game_id for game_id, plan in plans.items() if plan.runner == runner and plan.slot == need.slot]
        for game_id in earlier[:-1]:  # a slot has one game in play; others were never begun
            del plans[game_id]
        plans[game.game_id] = Plan(
            runner=runner,
            slot=need.slot,
            kind=need.kind,
            policies=(game.players[0].policy, game.players[1].policy),
        )
        planned = GamePlanned(runner=runner, slot=need.slot, game=game, policies=files)
        self.cast("inference_worker", planned)

    def _draw(self, what: str, game_id: int) -> random.Random:
        return random.Random(f"{what}:{self.context.config.run.seed}:{game_id}")

    def _fighters(self, draw: random.Random) -> tuple[tuple[int, int], int]:
        characters = self.context.characters
        return (draw.choice(characters), draw.choice(characters)), draw.choice(self.context.stages)

    async def _game_id(self) -> int:
        state = self.state
        if state.next_id >= state.last_id:
            first: int | None = await self.call("store", ReserveGames(count=RESERVE), timeout=CALL_S)
            if first is None:
                raise NoGameIds
            state.next_id, state.last_id = first, first + RESERVE
        state.next_id += 1
        return state.next_id - 1

    async def _population(self) -> Population:
        population: Population = await self._again_while_gone("population_manager", GetPopulation())
        self.state.first = population.first.key if population.first else ""
        self.state.newest = population.newest.key if population.newest else ""
        return population

    async def _again_while_gone(self, name: str, message: object) -> Any:
        """Call a neighbour that may be restarted at this very moment."""
        with anyio.fail_after(CALL_S):
            while True:
                try:
                    return await self.call(name, message, timeout=CALL_S)
                except NoProc:
                    await anyio.sleep(GONE_S)

    # Deterministic runs ----------------------------------------------------------------------------------------------

    @handle_cast
    async def on_full(self, message: SlotReady) -> None:
        """Every game that was asked for before is planned: the learner may go on."""
        self.cast("experience", message)

    @handle_cast
    async def on_save(self, message: SaveLeague) -> None:
        """Keep what the coming games depend on, then let them begin."""
        snapshot: LeagueSnapshot = await self.call("population_manager", GetRosters())
        snapshot = msgspec.structs.replace(
            snapshot,
            next_game_id=self.state.next_id,
            in_play={g: (plan.runner, plan.slot, plan.policies) for g, plan in self.state.plans.items()},
        )
        path = self.context.run.learner / f"gen-{message.weights.saved:06d}" / LEAGUE_FILE
        try:
            await anyio.to_thread.run_sync(write_whole, path, msgspec.json.encode(snapshot))
        except ExphilError as error:
            note(self, "error", "league_not_saved", str(error))
        self.cast("inference_worker", message.weights)

    # Who won ---------------------------------------------------------------------------------------------------------

    @handle_cast
    async def on_over(self, message: GameOver) -> None:
        """Rate what is rated, and have it recorded."""
        ended = message.ended
        plan = self.state.plans.pop(ended.game.game_id, None)
        if ended.reason == "void":
            if plan is not None and ended.frames == 0 and ended.error:  # it never began, and the worker waits for one
                need = SlotNeed(slot=plan.slot, kind=plan.kind)
                self.send_after(RETRY_S, PlanGames(runner=plan.runner, needs=(need,)))
            return
        if ended.game.kind == "rated":
            await self._rate(ended)
        elif ended.game.kind == "exhibition":
            self.cast("recorder", message)

    async def _rate(self, ended: GameEnded) -> None:
        state = self.state
        await self._load(ended.physics)
        population = await self._population()
        pair = (ended.game.players[0].policy, ended.game.players[1].policy)
        score = 0.5 if ended.winner is None else 1.0 - ended.winner
        after = state.table.after(
            pair,
            score,
            versions=_keys(population),
            first=state.first,
            anchor_games=self.context.config.league.anchor_games,
        )
        recording = f"rated/{ended.game.game_id}.rec" if ended.recording else ""
        match = Match(
            game_id=ended.game.game_id,
            time_ns=time.time_ns(),
            run_frames=state.frames,
            policies=pair,
            characters=ended.game.characters,
            stage=ended.game.stage,
            score=score,
            reason="frame_limit" if ended.reason == "void" else ended.reason,
            stocks=ended.stocks,
            percent=ended.percent,
            frames=ended.frames,
            physics=ended.physics,
            recording=recording,
        )
        ratings = tuple(rating_of(standing, state.physics) for standing in after)
        committed: Committed = await self.call("store", CommitMatch(match=match, ratings=ratings), timeout=CALL_S)
        if not committed.done:
            return
        state.table.record(pair, score, after)
        if recording:
            self.cast("recorder", GameOver(runner="", ended=ended))
        await self._fix_first()
        self._publish(population)

    async def _fix_first(self) -> None:
        """The run's first version becomes an anchor once it has played its calibration games against random."""
        state = self.state
        fixed = state.table.calibrated_first(state.first, RANDOM, self.context.config.league.calibration_games)
        if fixed is None:
            return
        committed: Committed = await self.call(
            "store", CommitRatings(ratings=(rating_of(fixed, state.physics),)), timeout=CALL_S
        )
        if committed.done:
            state.table.standings[fixed.policy] = fixed
            note(self, "info", "anchor_fixed", f"{fixed.policy} is fixed at {fixed.elo:.0f} Elo (random is 1000).")

    def _publish(self, population: Population) -> None:
        state, first = self.state, population.first
        win_rate = None
        if population.newest and first and population.newest != first:
            win_rate = state.table.win_rate(_keys(population), first.key)
        changed = RatingsChanged(
            ratings=ranked(state.table, state.physics), matches=state.table.matches, win_rate_vs_first=win_rate
        )
        for name in ("telemetry", "population_manager"):
            self.cast(name, changed)


def _keys(population: Population) -> list[str]:
    """Versions of the population, oldest first."""
    return [member.key for member in population.members]
