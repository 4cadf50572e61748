"""PopulationManager: the frozen versions that the learner meets, and who joins and leaves them.

The rules stand in ``exphil_rt.league.population``; who plays rated games is the matchmaker's matter.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from agents.context import SelfPlayContext
from agents.notes import note
from exphil_rt.actor import From, GenServer, handle_call, handle_cast
from exphil_rt.league.population import CURRENT, UNIFORMS, Roster, Shares, Snapshot, assign, keep
from exphil_rt.messages.league import (
    GetPopulation,
    GetRosters,
    LeagueSnapshot,
    Opponents,
    PolicyBroken,
    PolicyFile,
    Population,
    SampleOpponents,
    VersionPublished,
)
from exphil_rt.messages.rows import PolicyRow
from exphil_rt.messages.run import NewestVersion, RatingsChanged, SayAgain
from exphil_rt.messages.store import CommitPolicy, Committed, KeepBudget, LoadPolicies, PolicyRows
from exphil_rt.store.files import folder_bytes

ROTATE: Final = 32
"""Training games between two changes of a frozen opponent."""


class PopulationState(msgspec.Struct, kw_only=True):
    """Who is in the population."""

    members: list[Snapshot] = []
    """Oldest first."""
    files: dict[str, PolicyFile] = {}
    rosters: dict[str, Roster] = {}
    """Frozen opponents in play, by runner."""
    best: str = ""
    """The version with the highest Elo."""
    promoted: list[str] = []


class PopulationManager(GenServer[PopulationState]):
    """The keeper of past versions."""

    async def init(self, args: SelfPlayContext) -> PopulationState:
        """Take the committed versions up again."""
        self.context = args
        settings = args.config.league
        self.shares = Shares(current=settings.current, historical=settings.historical, uniform=settings.uniform)
        state = PopulationState()
        if args.going_on is not None:
            self._take_up(state, args.going_on.league)
            return state
        known: PolicyRows = await self.call("store", LoadPolicies(), timeout=30.0)
        own = [row for row in known.rows if row.name == args.policy_name]
        if args.deterministic:
            own = [row for row in own if row.version == 1]
        state.best = known.best
        state.promoted = [row.ref for row in own if row.promoted]
        members = self._resumed(own, known.population, state)
        on_disk = {row.ref: row for row in own if not row.pruned}
        state.members = [member for member in members if member.policy in on_disk]
        for ref, row in on_disk.items():
            state.files[ref] = PolicyFile(key=ref, path=str(args.home.policies / ref), version=row.version)
        if state.members:
            self._tell(state)
        return state

    def _resumed(self, rows: list[PolicyRow], population: tuple[str, ...], state: PopulationState) -> list[Snapshot]:
        """The population as it was kept last, and then each version that joined after that."""
        place = {row.ref: number for number, row in enumerate(rows)}
        kept = [ref for ref in population if ref in place]
        members = [Snapshot(policy=ref, frames=rows[place[ref]].frames) for ref in kept]
        for row in rows[place[kept[-1]] + 1 if kept else 0 :]:
            members = self._keep([*members, Snapshot(policy=row.ref, frames=row.frames)], state)
        return members

    @handle_cast
    async def on_published(self, message: VersionPublished) -> None:
        """Commit the version, then let it be seen."""
        key = f"{message.name}@v{message.version}"
        parent = self.state.members[-1].policy if self.state.members else ""
        row = PolicyRow(
            ref=key,
            name=message.name,
            version=message.version,
            parent=parent,
            frames=message.frames,
            generation=message.learner_generation,
            created_ns=time.time_ns(),
            bytes=await anyio.to_thread.run_sync(folder_bytes, Path(message.path)),
        )
        committed: Committed = await self.call("store", CommitPolicy(row=row), timeout=30.0)
        if not committed.done:
            note(self, "error", "policy_lost", f"{key} was not committed: {committed.problem}")
            return
        if key not in self.state.files:
            self.state.files[key] = PolicyFile(key=key, path=message.path, version=message.version)
            self.state.members.append(Snapshot(policy=key, frames=message.frames))
        self.state.members = self._keep(self.state.members, self.state)
        stay = tuple(member.policy for member in self.state.members)
        self._tell(self.state)
        note(self, "info", "policy_published", f"{key} joined the population at {message.frames:,} frames.")
        self.cast("store", KeepBudget(population=stay, best=self.state.best))

    @handle_cast
    async def on_ratings(self, message: RatingsChanged) -> None:
        """Who is best stays."""
        own = [rating for rating in message.ratings if rating.policy in self.state.files]
        if own:
            self.state.best = max(own, key=lambda rating: rating.elo).policy

    @handle_cast
    async def on_broken(self, message: PolicyBroken) -> None:
        """Nobody meets a version that cannot be loaded."""
        self.state.members = [member for member in self.state.members if member.policy != message.key]

    @handle_cast
    async def on_again(self, message: SayAgain) -> None:
        """Who shows the newest version was restarted."""
        if self.state.members:
            self.cast(message.to, self._newest(self.state))

    @handle_call
    async def on_sample(self, message: SampleOpponents, sender: From) -> Opponents:
        """An opponent for each training game, drawn by the game's own key."""
        history = [member.policy for member in self.state.members]
        in_play = dict(message.in_play)
        chosen: list[PolicyFile | None] = []
        for game_id in message.game_ids:
            draw = random.Random(f"opponent:{self.context.config.run.seed}:{game_id}")
            roster = self.state.rosters.get(message.runner, Roster())
            uniforms = [draw.random() for _ in range(UNIFORMS)]
            opponent, roster = assign(roster, history, self.shares, in_play, uniforms, rotate=ROTATE)
            self.state.rosters[message.runner] = roster
            if opponent == CURRENT:
                chosen.append(None)
            else:
                in_play[opponent] = in_play.get(opponent, 0) + 1
                chosen.append(self.state.files[opponent])
        return Opponents(chosen=tuple(chosen))

    @handle_call
    async def on_rosters(self, message: GetRosters, sender: From) -> LeagueSnapshot:
        """What a deterministic run keeps of the population."""
        state = self.state
        return LeagueSnapshot(
            next_game_id=0,
            in_play={},
            members=tuple((member.policy, member.frames) for member in state.members),
            versions=max((file.version for file in state.files.values()), default=0),
            rosters={name: (r.seats, r.retiring, r.assigned) for name, r in state.rosters.items()},
        )

    def _take_up(self, state: PopulationState, league: LeagueSnapshot) -> None:
        """Go on from a snapshot: versions that were published after it are published again, the same bit for bit."""
        for key, frames in league.members:
            state.members.append(Snapshot(policy=key, frames=frames))
            version = int(key.rpartition("@v")[2])
            state.files[key] = PolicyFile(key=key, path=str(self.context.home.policies / key), version=version)
        state.rosters = {
            name: Roster(seats=seats, retiring=retiring, assigned=assigned)
            for name, (seats, retiring, assigned) in league.rosters.items()
        }
        self._tell(state)

    @handle_call
    async def on_get(self, message: GetPopulation, sender: From) -> Population:
        """Who is there."""
        return self._population(self.state)

    def _population(self, state: PopulationState) -> Population:
        members = tuple(state.files[member.policy] for member in state.members)
        first = min(members, key=lambda m: m.version, default=None)
        return Population(members=members, first=first, newest=members[-1] if members else None)

    def _tell(self, state: PopulationState) -> None:
        for name in ("telemetry", "matchmaker"):
            if self.runtime.whereis(name) is not None:  # the matchmaker starts later, and asks
                self.cast(name, self._newest(state))

    def _newest(self, state: PopulationState) -> NewestVersion:
        return NewestVersion(key=state.members[-1].policy, population=len(state.members))

    def _keep(self, members: list[Snapshot], state: PopulationState) -> list[Snapshot]:
        """First, newest, best and promoted versions stay, as far as there is room for them."""
        cap = self.context.config.league.history
        ends = {member.policy for member in (*members[:1], *members[-1:])}
        there = {member.policy for member in members}
        protected = [p for p in dict.fromkeys((state.best, *state.promoted)) if p in there and p not in ends]
        return keep(members, cap, protected[: cap - len(ends)])
