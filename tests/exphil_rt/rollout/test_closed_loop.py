"""Report cards: what is counted as games go by is what their recordings show, and a card says who played."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from rollout_parts import small_policy

from exphil_rt.policy.bundle import Manifest
from exphil_rt.policy.playable import PlayablePolicy
from exphil_rt.replays import read_replay
from exphil_rt.replays.quality import side_quality
from exphil_rt.rollout.closed_loop import ReportCard, grade, play, write_median
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
    told = []
    card, recording = grade(
        player,
        opponents=("random", "cpu3"),
        games=2,
        temperatures=(1.0, 0.5),
        max_frames=300,
        stages=("battlefield",),
        on_played=told.append,
    )
    assert [(p.opponent, p.temperature) for p in card.tried] == [("cpu3", 1.0), ("cpu3", 0.5)]
    best = max(card.tried, key=lambda p: p.merit)
    assert card.temperature == best.temperature
    assert [p.opponent for p in card.played] == ["random", "cpu3"]
    assert card.played[1] == best, "games that were played already are not played again"
    assert len(told) == 3
    assert card.policy == "someone@v1"
    assert msgspec.json.decode(msgspec.json.encode(card), type=ReportCard) == card
    raw, slp = write_median(recording, tmp_path)
    assert unpack(raw.read_bytes()).frames in (299, 300)
    assert len(read_replay(slp, rollback="last").frames.frame) >= 299
