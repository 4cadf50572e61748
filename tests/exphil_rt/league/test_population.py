"""Population: which past versions stay, and who is trained against."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.league.population import (
    CURRENT,
    SEATS,
    UNIFORMS,
    Roster,
    Shares,
    Snapshot,
    assign,
    draw_past,
    keep,
)

DEFAULT = Shares(0.5, 0.35, 0.15)


def snapshots(*frames: int) -> list[Snapshot]:
    return [Snapshot(policy=f"p@v{n}", frames=at) for n, at in enumerate(frames, 1)]


def grown(count: int, cap: int, best: int = 1) -> list[Snapshot]:
    """What stays of versions that join one after another."""
    kept: list[Snapshot] = []
    for n in range(1, count + 1):
        kept = keep([*kept, Snapshot(policy=f"p@v{n}", frames=n * 1000)], cap, [f"p@v{best}"] if best <= n else [])
    return kept


def test_below_the_cap_all_stay():
    few = snapshots(1, 2, 3)
    assert keep(few, 3) == few
    assert keep([], 3) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 120), st.integers(3, 20), st.integers(1, 120))
def test_first_newest_and_best_stay_and_the_order_too(count, cap, best):
    names = [snapshot.policy for snapshot in grown(count, cap, best)]
    assert len(names) == min(count, cap)
    assert names[0] == "p@v1"
    assert names[-1] == f"p@v{count}"
    assert best > count or f"p@v{best}" in names
    assert names == sorted(names, key=lambda name: int(name.partition("@v")[2]))


def test_what_stays_is_spread_evenly_over_the_run():
    frames = [snapshot.frames for snapshot in grown(500, 20)]
    gaps = [after - before for before, after in itertools.pairwise(frames)]
    assert max(gaps) <= 4 * (500_000 / 19)
    assert sum(gap <= 500_000 / 19 / 4 for gap in gaps) <= 4, "few crowd at the new end"


def test_the_closest_neighbours_are_thinned_first():
    assert [s.frames for s in keep(snapshots(0, 100, 110, 120, 300), 4)] == [0, 100, 120, 300]


def test_a_cap_too_small_for_what_must_stay_is_an_error():
    with pytest.raises(ValueError, match="3 snapshots must stay and only 2 may"):
        keep(snapshots(1, 2, 3), 2, ["p@v2"])


def test_historical_draws_favour_the_newer_half():
    history = [f"p@v{n}" for n in range(1, 11)]
    chance = random.Random(1)
    drawn = Counter(
        draw_past(history, Shares(0, 1, 0), chance.random(), chance.random(), chance.random()) for _ in range(4000)
    )
    newer = sum(count for name, count in drawn.items() if int(name.partition("@v")[2]) > 5)
    assert newer / 4000 == pytest.approx(0.7 + 0.3 / 2, abs=0.02)
    even = Counter(
        draw_past(history, Shares(0, 0, 1), chance.random(), chance.random(), chance.random()) for _ in range(4000)
    )
    assert all(count / 4000 == pytest.approx(0.1, abs=0.025) for count in even.values())


def test_the_largest_uniform_number_still_names_somebody():
    almost = 1.0 - 2**-53
    assert draw_past(["a", "b", "c"], DEFAULT, almost, almost, almost) == "c"
    opponent, _ = assign(Roster(), ["a"], DEFAULT, {}, [almost] * UNIFORMS, rotate=4)
    assert opponent == "a"


def test_without_a_history_the_policy_plays_itself():
    assert assign(Roster(), [], Shares(0, 1, 1), {}, [0.9] * UNIFORMS, rotate=4)[0] == CURRENT


def test_too_few_uniform_numbers_are_refused():
    with pytest.raises(ValueError, match=f"{UNIFORMS} uniform numbers"):
        assign(Roster(), ["a"], DEFAULT, {}, [0.1], rotate=4)


class World:
    """Games of one worker: ``lanes`` at a time, ending in a drawn order."""

    def __init__(self, lanes: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lanes: list[str] = [""] * lanes
        self.roster = Roster()
        self.met: Counter[str] = Counter()
        self.history: list[str] = []

    def in_play(self) -> Counter[str]:
        return Counter(name for name in self.lanes if name not in ("", CURRENT))

    def play(self, shares: Shares, rotate: int) -> None:
        lane = self.chance.randrange(len(self.lanes))
        self.lanes[lane] = ""
        uniforms = [self.chance.random() for _ in range(UNIFORMS)]
        opponent, self.roster = assign(self.roster, self.history, shares, self.in_play(), uniforms, rotate=rotate)
        self.lanes[lane] = opponent
        self.met[opponent] += 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 32), st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 25))
def test_never_more_than_three_frozen_opponents_are_in_play(lanes, seed, rotate, versions):
    world = World(lanes, seed)
    for n in range(1, versions + 1):
        world.history = [*world.history, f"p@v{n}"][-6:]  # the oldest leave, also while they play
        for _ in range(30):
            world.play(DEFAULT, rotate)
            assert len(world.in_play()) <= SEATS
            assert len(world.roster.seats) <= SEATS
            assert len(set(world.roster.seats)) == len(world.roster.seats)


def test_shares_hold_and_every_past_version_has_its_turn():
    world = World(16, 7)
    world.history = [f"p@v{n}" for n in range(1, 21)]
    for _ in range(20_000):
        world.play(DEFAULT, 16)
    assert world.met[CURRENT] / 20_000 == pytest.approx(0.5, abs=0.03)
    assert set(world.met) == {CURRENT, *world.history}
    newer = sum(world.met[name] for name in world.history[10:]) / (20_000 - world.met[CURRENT])
    assert newer > 0.55


def test_a_version_that_left_the_history_gets_no_new_game():
    world = World(8, 2)
    world.history = ["a", "b", "c"]
    for _ in range(50):
        world.play(Shares(0, 0, 1), 10)
    world.history = ["b", "c", "d"]
    world.met.clear()
    for _ in range(200):
        world.play(Shares(0, 0, 1), 10)
    assert set(world.met) == {"b", "c", "d"}


def test_the_same_numbers_give_the_same_opponent():
    one, other = World(8, 11), World(8, 11)
    for world in (one, other):
        world.history = [f"p@v{n}" for n in range(1, 9)]
        for _ in range(300):
            world.play(DEFAULT, 12)
    assert one.met == other.met
    assert one.roster == other.roster
