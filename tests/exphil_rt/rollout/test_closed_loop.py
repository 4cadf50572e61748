"""Report cards: what is counted as games go by is what their recordings show, and a card says who played."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from rollout_parts import small_policy

from exphil_rt.league.elo import score_interval
from exphil_rt.policy.bundle import Manifest
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.replays import read_replay
from exphil_rt.replays.quality import side_quality
from exphil_rt.rollout.closed_loop import Played, ReportCard, best_of, grade, play, write_median
from exphil_rt.rollout.recording import replay, unpack
from exphil_rt.sim import EmbeddedLane


@pytest.fixture(scope="module")
def player():
    policy = small_policy("mlp")
    return PlayablePolicy(policy, Manifest(name="someone", version=1, config=policy.config))


def test_the_tally_is_what_the_recordings_show(player):
    """Against random play, which falls off by itself and hits now and then."""
    played, tally = play(player, "random", 6, stocks=2, max_frames=1500, stages=("yoshis_story",), seed=3)
    lane = EmbeddedLane(1)
    taken, destroyed, lost, total = np.zeros(2), np.zeros(2), np.zeros(2), 0
    for game in tally.games:
        recording = unpack(game.recording)
        frames, _ = replay(recording, lane)
        mine = recording.game.game_id % 2
        percent, stocks = frames.players.percent, frames.players.stocks.astype(int)
        for place, port in enumerate((mine, 1 - mine)):
            gone = np.diff(stocks[:, port]) < 0
            rise = np.maximum(np.diff(percent[:, port]), 0)
            taken[place] += rise[~gone].sum()
            destroyed[place] += side_quality(frames, port).self_destructs
            lost[place] += gone.sum()
        total += len(frames.frame) - 1
    lane.close()
    assert len(tally.games) == played.games == 6
    assert abs(tally.frames - total) <= 6
    np.testing.assert_allclose(tally.taken, taken, atol=1e-3)
    assert tally.lost.tolist() == lost.tolist()
    assert tally.destroyed.tolist() == destroyed.tolist()
    assert tally.destroyed.sum() > 0
    assert played.self_destructs == pytest.approx(tally.destroyed[0] / played.minutes)
    assert played.wins + played.draws + played.losses == 6
    assert played.win_rate_low <= played.win_rate <= played.win_rate_high


def test_a_card_picks_the_temperature_and_keeps_the_game_in_the_middle(player, tmp_path):
    told, alive = [], []
    card, recording = grade(
        player,
        opponents=("random", "cpu3"),
        games=2,
        temperatures=(1.0, 0.5),
        max_frames=300,
        stages=("battlefield",),
        on_played=told.append,
        alive=lambda: alive.append(len(told)),
    )
    assert min(alive.count(part) for part in range(3)) >= 8, "who waits hears long before a game is over"
    assert [(p.opponent, p.temperature) for p in card.tried] == [("cpu3", 1.0), ("cpu3", 0.5)]
    best = best_of(card.tried)
    assert card.temperature == best.temperature
    assert [p.opponent for p in card.played] == ["random", "cpu3"]
    assert card.played[1] == best, "games that were played already are not played again"
    assert len(told) == 3
    assert card.policy == "someone@v1"
    assert msgspec.json.decode(msgspec.json.encode(card), type=ReportCard) == card
    raw, slp = write_median(recording, tmp_path)
    assert unpack(raw.read_bytes()).frames in (299, 300)
    assert len(read_replay(slp, rollback="last").frames.frame) >= 299


def tried(
    temperature: float, wins: int = 0, *, dealt: float = 0.0, lost: float = 0.0, destroyed: float = 0.0
) -> Played:
    """Sixteen games of a minute; rates a minute."""
    low, high = score_interval(wins, 0, 16 - wins)
    return Played(
        opponent="cpu3", temperature=temperature, games=16, wins=wins, draws=0, losses=16 - wins, win_rate=wins / 16,
        win_rate_low=low, win_rate_high=high, minutes=16.0, self_destructs=destroyed, damage_dealt=dealt,
        damage_taken=60.0, stocks_taken=0.2, stocks_lost=lost,
    )  # fmt: skip


def test_who_stands_still_is_never_picked_for_it():
    """All lose every game: the one that fights is better than the one that only lives longer."""
    stands, fights = tried(0.6, dealt=0.0, lost=1.0), tried(1.0, dealt=40.0, lost=3.0, destroyed=2.0)
    assert best_of([stands, fights]) is best_of([fights, stands]) is fights
    assert best_of([tried(1.0, dealt=40.0, lost=7.0), tried(0.8, dealt=30.0, lost=2.0)]).temperature == 0.8, "of a life"
    still = [tried(1.0, lost=3.0), tried(0.8, lost=2.0), tried(0.6)]
    assert best_of(still) is still[0], "who deals nothing at any temperature samples as it learned"


def test_points_decide_where_they_can():
    """Twelve of sixteen against two of sixteen is no chance; eight against six may be."""
    wins, brawls = tried(0.8, 12, dealt=20.0, lost=1.0), tried(1.0, 2, dealt=60.0, lost=1.0)
    assert best_of([brawls, wins]) is wins
    near = tried(0.6, 8, dealt=20.0, lost=1.0), tried(1.0, 6, dealt=60.0, lost=1.0)
    assert best_of(near) is near[1]


def test_of_two_that_make_as_much_of_a_life_the_one_that_deals_more_is_picked():
    calm, lively = tried(1.0, dealt=20.0, lost=1.0), tried(0.8, dealt=40.0, lost=3.0)
    assert calm.damage_a_life == lively.damage_a_life == 10.0
    assert best_of([calm, lively]) is lively
