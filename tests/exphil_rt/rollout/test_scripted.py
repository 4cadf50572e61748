"""Scripted opponents where policies are named: seats, matches, players, recordings, resumed runs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from rollout_parts import ITSELF, game, small_policy

from exphil_rt.game.frames import Controllers
from exphil_rt.game.lane import GameSetup
from exphil_rt.messages.rollout import GameEnded, PlayerSpec
from exphil_rt.policy.ref import PolicyNotFound
from exphil_rt.rollout.match import play_match
from exphil_rt.rollout.player import load_player
from exphil_rt.rollout.recording import replay, unpack
from exphil_rt.rollout.seats import SeatInvalid
from exphil_rt.sim import EmbeddedLane
from exphil_rt.sim.cpu import LEVELS

CPUS = PlayerSpec(policy="cpu9"), PlayerSpec(policy="cpu2")


def test_a_loop_seats_them_and_its_recordings_replay_to_the_same_end(make_loop):
    numbers = itertools.count(1)
    loop = make_loop(games=0, rated=2, supply=lambda slot: game(next(numbers), CPUS, kind="rated", max_frames=900))
    ended = []
    while len(ended) < 2:
        assert loop.tick()
        ended += [event for event in loop.events if isinstance(event, GameEnded)]
        loop.events.clear()
    lane = EmbeddedLane(1)
    for event in ended:
        assert event.late == 0
        frames, end = replay(unpack(event.recording), lane)
        assert end is not None
        assert (end.stocks, end.percent, end.frames) == (event.stocks, event.percent, event.frames)
        assert frames.players.percent[:, 1].max() > 0, "cpu9 hit"
    lane.close()


def test_their_names_cannot_be_given_to_a_policy(make_loop):
    loop = make_loop()
    with pytest.raises(SeatInvalid, match="'cpu3' is reserved"):
        loop.seats.load("cpu3", small_policy())
    assert loop.seats.knows("cpu3")
    assert not loop.seats.knows("cpu0")


def test_a_policy_learns_beside_one_and_the_opponent_takes_its_time(make_loop):
    loop = make_loop(
        small_policy(delay=2), games=2, steps=200, supply=lambda slot: game(slot, (ITSELF, PlayerSpec(policy="cpu5")))
    )
    rollout = loop.collect()
    actions = rollout.steps.arrays()["actions"]
    assert len(np.unique(actions[:, :, 1].reshape(-1, 13), axis=0)) > 1
    assert loop.seats.total_late == 0


def test_a_match_between_levels_and_against_a_policy():
    strong = play_match("cpu9", "cpu1", 4, stocks=1, max_frames=1200)
    assert (strong.a, strong.b, strong.score) == ("cpu9", "cpu1", 1.0)
    learned = play_match(small_policy(), "cpu8", 2, max_frames=1200)
    assert learned.losses == 2


def test_players_by_name():
    lane = EmbeddedLane(2)
    for slot in (0, 1):
        lane.start(slot, GameSetup(game_id=slot, stage=32, characters=(1, 2), max_frames=300))
    everyone = np.arange(2, dtype=np.int32)
    mine, other = load_player("cpu4", seed=1), load_player("random", seed=2)
    alone = load_player("cpu4", seed=1)
    assert (mine.label, other.label) == ("cpu4", "random")
    while len(lane.ready()):
        frames = lane.frames(everyone)
        pads = Controllers.allocate((2, 2))
        pads.assign((slice(None), 0), mine.act(frames, 0))
        pads.assign((slice(None), 1), other.act(frames, 1))
        one = alone.act(frames[0], 0)
        assert one.buttons.shape == ()
        assert all(np.array_equal(values, pads.arrays()[name][0, 0]) for name, values in one.arrays().items())
        lane.commit(everyone, pads, frames.frame + 1)
        lane.ended()
    lane.close()
    with pytest.raises(PolicyNotFound):
        load_player("nobody-has-this-name")


@pytest.mark.slow
@pytest.mark.parametrize("low", LEVELS[:-1])
def test_each_level_is_stronger_than_the_one_below(low):
    result = play_match(f"cpu{low + 1}", f"cpu{low}", 64, characters=("fox", "marth", "sheik"), max_frames=7200)
    assert result.elo_low > 0, "the 95 % interval of the Elo difference"
