"""A match's tree, and the actors in it that hold no process: what is counted, when it ends, and why."""

from __future__ import annotations

from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from agents.frame_reader import ENOUGH, FrameReader
from agents.match_context import MatchContext
from agents.match_manager import PATIENCE, MatchManager
from exphil_rt.actor import (
    ChildSpec,
    From,
    GenServer,
    Supervisor,
    SupFlags,
    check_childspecs,
    handle_call,
    terminate_child,
)
from exphil_rt.config import load_config
from exphil_rt.control.server import Hub
from exphil_rt.control.wire import Done, Refused
from exphil_rt.dolphin.match import MatchPlan
from exphil_rt.dolphin.plan import plan_delay
from exphil_rt.messages.brain import BrainArgs, BrainSeat
from exphil_rt.messages.dolphin import ConsoleArgs, ConsoleGameEnded, ConsoleStats, Seat, StopConsole
from exphil_rt.messages.match import (
    ConsolePlays,
    ConsoleUp,
    GetMatch,
    MatchFault,
    MatchOver,
    MatchReading,
    SeatTaken,
)
from exphil_rt.messages.run import CheckpointRun, Flush, PauseRun, Phase, RatingsChanged, StopRun
from exphil_rt.messages.store import AllWritten, CommitMatch, Committed, LeagueRows, LoadLeague, PutProgress
from exphil_rt.testing.trees import start_tree
from supervisors.match_tree import match_tree

PLAN = MatchPlan(
    brain=BrainArgs(seats=(BrainSeat(port=0, policy="random", delay=18),)),
    console=ConsoleArgs(
        executable="/none", temporary="/none/console", seats=(Seat(port=1, who="bot"), Seat(port=2, who="cpu", level=3))
    ),
    players=("random", "cpu3"),
    plans=(plan_delay(18),),
)


class Nothing(msgspec.Struct):
    """State of an ear."""


class Ear(GenServer[Nothing]):
    """Stands where another actor would, and keeps what it is told."""

    async def init(self, args):
        self.heard = args
        return Nothing()

    @handle_call
    async def ask(self, message: Flush | AllWritten | LoadLeague | CommitMatch, sender: From) -> object:
        self.heard.append(message)
        return {LoadLeague: LeagueRows(ratings=(), played={}), CommitMatch: Committed(done=True)}.get(type(message))

    async def handle_info(self, message):
        self.heard.append(message)


class Match(Supervisor):
    """Where the match would be."""

    def init(self, args):
        return SupFlags(), []


def context(tmp_path, finished, plan=PLAN):
    return MatchContext(
        run=None, home=None, config=load_config(env={}, overrides={"play.policy": "random"}).config, hub=Hub(),
        socket=tmp_path / "s", policy_name="", run_id="1", origin="random against cpu3", delay=18, games=1,
        finish=finished.append, plan=plan, physics="sim", leftovers=None,
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path):
    """The manager and the frame reader, with ears about them."""

    @asynccontextmanager
    async def open_desk(plan=PLAN):
        heard = {name: [] for name in ("telemetry", "store", "console")}
        finished = []
        shared = context(tmp_path, finished, plan)
        children = [ChildSpec(id=name, name=name, start=Ear, args=ear) for name, ear in heard.items()]
        children += [
            ChildSpec(id="match", name="match", start=Match, restart="temporary"),
            ChildSpec(id="run_manager", name="run_manager", start=MatchManager, args=shared),
            ChildSpec(id="frame_reader", name="frame_reader", start=FrameReader, args=shared),
        ]
        async with start_tree(*children, flags=SupFlags(intensity=0)) as tree:
            tree.heard, tree.finished = heard, finished
            await trio.sleep(1.0)
            yield tree

    return open_desk


def of(heard, kind):
    return [message for message in heard if isinstance(message, kind)]


def ended(reason="stocks", **more):
    fields = {"frames": 600, "stocks": (2, 0), "percents": (10.0, 0.0), "winner": 0} | more
    return ConsoleGameEnded(game_id=1, reason=reason, **fields)


def test_the_tree_is_sound_and_the_console_comes_last(tmp_path):
    order = []

    def look(spec):
        order.append(spec.id)
        if issubclass(spec.start, Supervisor):
            flags, children = spec.start().init(spec.args)
            check_childspecs(children, flags.auto_shutdown)
            for child in children:
                look(child)

    look(match_tree(context(tmp_path, [])))
    assert order[:3] == ["root", "store", "desk"]
    assert order[-4:] == ["match", "dolphin_agent", "frame_reader", "console"]


@pytest.mark.trio
async def test_games_are_counted_and_the_consoles_own_end_ends_the_match(desk, autojump_clock):
    async with desk() as tree:
        runtime = tree.runtime
        assert of(tree.heard["telemetry"], Phase)[-1].state == "running"
        for message in (ended(), ended("fault", frames=90, winner=None), SeatTaken(player=0, path="/new")):
            runtime.cast("run_manager", message)
        so_far = await runtime.call("run_manager", GetMatch(starting=True))
        assert (so_far.games, so_far.starts, so_far.policies) == (1, 1, {0: "/new"})
        runtime.cast("run_manager", MatchOver())
        await runtime.call("run_manager", GetMatch())
        await terminate_child("sup", "match")
        await trio.sleep(1.0)
        assert tree.finished == ["games"]
        assert of(tree.heard["telemetry"], Phase)[-1].state == "ended"
        assert of(tree.heard["store"], PutProgress)[-1] == PutProgress(frames=690, generation=0, ended="games")


@pytest.mark.trio
async def test_a_match_that_was_given_up_ends_with_its_last_fault(desk, autojump_clock):
    async with desk() as tree:
        tree.runtime.cast("run_manager", MatchFault(text="Dolphin ended (signal SIGSEGV)."))
        await tree.runtime.call("run_manager", GetMatch())
        await terminate_child("sup", "match")
        await trio.sleep(1.0)
        assert tree.finished == ["failed: Dolphin ended (signal SIGSEGV)"]
        assert of(tree.heard["telemetry"], Phase)[-1].state == "failed"


@pytest.mark.trio
async def test_starts_that_come_to_nothing_are_counted_and_one_that_plays_forgives_them(desk, autojump_clock):
    async with desk() as tree:
        runtime = tree.runtime
        runtime.cast("run_manager", MatchFault(text="No pipe was opened."))
        for _ in range(PATIENCE):
            await runtime.call("run_manager", GetMatch(starting=True))
        runtime.cast("run_manager", ConsolePlays())
        for _ in range(PATIENCE):
            await runtime.call("run_manager", GetMatch(starting=True))
        await trio.sleep(1.0)
        assert not tree.finished
        await runtime.call("run_manager", GetMatch(starting=True))
        await trio.sleep(1.0)
        assert tree.finished == ["failed: No pipe was opened (5 starts in a row came to nothing)"]


@pytest.mark.trio
async def test_a_person_may_stop_it_and_nothing_else(desk, autojump_clock):
    async with desk() as tree:
        runtime = tree.runtime
        assert isinstance(await runtime.call("run_manager", PauseRun(author="tui")), Refused)
        assert isinstance(await runtime.call("run_manager", CheckpointRun(author="tui")), Refused)
        assert isinstance(await runtime.call("run_manager", StopRun(author="cli")), Done)
        await trio.sleep(1.0)
        assert of(tree.heard["console"], StopConsole)
        assert not tree.finished  # the console ends its game first
        await trio.sleep(10.0)
        assert tree.finished == ["stopped"]  # unless it does not


@pytest.mark.trio
async def test_counters_are_added_up_over_the_starts_of_the_console(desk, autojump_clock):
    def stats(frames, late):
        return ConsoleStats(
            game_id=1, frame=frames, fps=60.0, games=0, frames=frames, late=late, versions=("new@v2",),
            latency_us={"flush": (800.0, 2000.0)},
        )  # fmt: skip

    async with desk() as tree:
        for message in (ConsoleUp(1), stats(ENOUGH, 2), ConsoleUp(2), stats(30, 1), ended(winner=1)):
            tree.runtime.cast("frame_reader", message)
            await trio.sleep(1.0)
        shown = of(tree.heard["telemetry"], MatchReading)[-1].status
        assert (shown.starts, shown.frames, shown.late, shown.games) == (2, ENOUGH + 30, 3, 1)
        assert shown.score == (0, 0, 1)
        assert shown.players == ("new@v2", "cpu3")
        assert shown.plan == ("delay 18 = 2 console + 16 headroom",)
        assert (shown.latency[0].phase, shown.latency[0].p99_us) == ("flush", 2000.0)
        so_far = await tree.runtime.call("run_manager", GetMatch(starting=True))
        assert so_far.starts == 1


async def commits(tree, *games):
    """The rows and ratings that games of these ends come to."""
    for game in games:
        tree.runtime.cast("run_manager", game)
    await tree.runtime.call("run_manager", GetMatch())
    return of(tree.heard["store"], CommitMatch)


@pytest.mark.trio
async def test_games_against_others_than_policies_are_kept_and_rate_nobody(desk, autojump_clock):
    who = {"players": ("old@v1", "cpu3"), "characters": (1, 18), "stage": 32}
    async with desk() as tree:
        won, left = await commits(
            tree, ended(**who), ended("fault", **who), ended("no_contest", winner=None, **who), ended("stopped", **who)
        )
        assert (won.match.policies, won.match.score, won.match.kind) == (("old@v1", "cpu3"), 1.0, "match")
        assert (won.match.characters, won.match.stage, won.match.physics) == ((1, 18), 32, "sim")
        assert (left.match.reason, left.match.score) == ("no_contest", 0.5)
        assert won.ratings == left.ratings == ()


@pytest.mark.trio
async def test_two_policies_are_rated_unless_one_was_swapped_in_or_left(desk, autojump_clock):
    bots = (Seat(port=1, who="bot"), Seat(port=2, who="bot"))
    both = msgspec.structs.replace(PLAN, console=msgspec.structs.replace(PLAN.console, seats=bots))
    who = {"players": ("old@v1", "new@v2")}
    async with desk(both) as tree:
        first, again, *others = await commits(
            tree, ended(**who), ended(winner=1, **who), ended(swapped=True, **who),
            ended("no_contest", winner=None, **who), ended(players=("old@v1", "old@v1")),
        )  # fmt: skip
        assert first.match.kind == again.match.kind == "rated"
        assert [(r.policy, r.wins, r.losses, r.physics) for r in first.ratings] == [
            ("old@v1", 1, 0, "sim"), ("new@v2", 0, 1, "sim"),
        ]  # fmt: skip
        assert first.ratings[0].elo > 1000 > first.ratings[1].elo
        assert [(r.wins, r.losses) for r in again.ratings] == [(1, 1), (1, 1)]
        assert [(one.match.kind, one.ratings) for one in others] == [("match", ())] * 3
        shown = of(tree.heard["telemetry"], RatingsChanged)[-1]
        assert {rating.policy for rating in shown.ratings} == {"old@v1", "new@v2", "random"}
