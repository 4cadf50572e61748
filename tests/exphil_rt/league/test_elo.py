"""Elo: what a game moves, what it never moves, and how sure a score makes one."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exphil_rt.league import elo
from exphil_rt.league.elo import Standing, elo_difference, expected, score_interval, update

ratings = st.floats(min_value=-5000, max_value=5000)
scores = st.sampled_from([0.0, 0.5, 1.0])
games = st.integers(min_value=0, max_value=500)
counts = st.integers(min_value=0, max_value=2000)


def standing(policy: str, rating: float = 1000.0, played: int = 0, *, anchor: bool = False) -> Standing:
    return Standing(policy=policy, elo=rating, games=played, anchor=anchor)


def test_four_hundred_points_are_ten_to_one():
    assert expected(1400, 1000) == pytest.approx(10 / 11)
    assert expected(1000, 1000) == 0.5
    assert expected(-1e300, 1e300) == pytest.approx(0.0)


@given(ratings, ratings)
def test_expected_scores_add_up_to_one(one, other):
    assert expected(one, other) + expected(other, one) == pytest.approx(1.0)


@pytest.mark.parametrize(("played", "k"), [(0, 40), (29, 40), (30, 32), (99, 32), (100, 24), (10_000, 24)])
def test_k_falls_with_games_played(played, k):
    won, lost = update(standing("a", played=played), standing("b", played=played), 1.0)
    assert won.elo - 1000 == pytest.approx(k / 2)
    assert 1000 - lost.elo == pytest.approx(k / 2)


@given(ratings, ratings, scores, st.sampled_from([0, 50, 500]))
def test_points_are_conserved_between_two_of_the_same_k(one, other, score, played):
    first, second = update(standing("a", one, played), standing("b", other, played), score)
    assert first.elo + second.elo == pytest.approx(one + other)


@given(ratings, ratings, scores, games, games)
def test_both_sides_count_the_game_and_move_towards_the_result(one, other, score, played, also_played):
    before = standing("a", one, played), standing("b", other, also_played)
    first, second = update(*before, score)
    assert (first.games, second.games) == (played + 1, also_played + 1)
    assert first.wins + first.losses + first.draws == 1
    assert (first.wins, first.losses, first.draws) == (second.losses, second.wins, second.draws)
    if score == 1.0:
        assert first.elo >= one
        assert second.elo <= other
    assert abs(first.elo - one) <= 40
    turned = update(before[1], before[0], 1.0 - score)
    assert (turned[0].elo, turned[1].elo) == pytest.approx((second.elo, first.elo))


@given(ratings, ratings, scores, games)
def test_an_anchor_never_moves_and_moves_the_other_as_ever(one, other, score, played):
    fixed, moved = update(standing("random", one, anchor=True), standing("b", other, played), score)
    assert fixed.elo == one
    assert fixed.games == 1
    assert moved.elo == update(standing("free", one), standing("b", other, played), score)[1].elo


def test_a_policy_is_not_rated_against_itself():
    with pytest.raises(ValueError, match="a@v1 cannot be rated against itself"):
        update(standing("a@v1"), standing("a@v1"), 1.0)


@pytest.mark.parametrize("score", [0.3, 2.0, -1.0, math.nan])
def test_a_score_is_a_win_a_draw_or_a_loss(score):
    with pytest.raises(ValueError, match=r"scores 0, 0\.5 or 1"):
        update(standing("a"), standing("b"), score)


def test_the_running_elo_finds_the_strength_within_its_error_bar():
    """Against a fixed anchor a player of +200 ends near 1200; its error bar covers it in about 95 of 100 leagues."""
    chance = random.Random(5)
    covered = 0
    for _ in range(200):
        anchor, player = standing("random", anchor=True), standing("p")
        for _ in range(300):
            player, anchor = update(player, anchor, float(chance.random() < expected(1200, 1000)))
        covered += abs(player.elo - 1200) <= elo.error_bar(player)
    assert covered >= 185


def test_error_bars_narrow_with_games_to_what_k_leaves_and_an_anchor_has_none():
    bars = [elo.error_bar(standing("a", played=played)) for played in (0, 1, 10, 30, 100, 10_000)]
    assert bars == sorted(bars, reverse=True)
    assert bars[2] == pytest.approx(1.96 * 2 * 400 / math.log(10) / math.sqrt(10), rel=1e-3)
    assert bars[-1] == pytest.approx(1.96 * math.sqrt(24 * 400 / math.log(10) / 2), rel=1e-3)
    assert elo.error_bar(standing("a", anchor=True)) == 0.0


def test_the_wilson_interval_is_the_published_one():
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3: 81/263, 15/148, 0/20 and 1/29.
    for wins, total, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        assert score_interval(wins, 0, total - wins) == pytest.approx((low, high), abs=5e-5)


@given(counts, counts, counts)
def test_the_interval_holds_the_score_and_turns_with_the_sides(wins, draws, losses):
    low, high = score_interval(wins, draws, losses)
    assert 0.0 <= low <= high <= 1.0
    turned = score_interval(losses, draws, wins)
    assert (1.0 - turned[1], 1.0 - turned[0]) == pytest.approx((low, high))
    if total := wins + draws + losses:
        score = (wins + draws / 2) / total
        assert low <= score <= high
        more = score_interval(wins * 4, draws * 4, losses * 4)
        assert more[1] - more[0] <= high - low + 1e-12
        difference = elo_difference(wins, draws, losses)
        assert difference.low <= difference.estimate <= difference.high
    else:
        assert (low, high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_nineteen_times_of_twenty():
    chance = random.Random(3)
    covered = 0
    for _ in range(1000):
        wins = sum(chance.random() < 0.76 for _ in range(400))
        difference = elo_difference(wins, 0, 400 - wins)
        covered += difference.low <= 400 * math.log10(0.76 / 0.24) <= difference.high
    assert 930 <= covered <= 970


def test_a_difference_in_elo_points():
    even = elo_difference(150, 100, 150)
    assert even.estimate == 0.0
    assert even.low == pytest.approx(-even.high)
    assert elo_difference(304, 0, 96).estimate == pytest.approx(200.2, abs=0.1)
    sweep = elo_difference(400, 0, 0)
    assert sweep.estimate == sweep.high == math.inf
    assert 700 < sweep.low < 850
    assert elo_difference(0, 0, 5).estimate == -math.inf


@pytest.mark.parametrize("counted", [(0, 0, 0), (-1, 3, 3)])
def test_no_games_make_no_difference(counted):
    with pytest.raises(ValueError, match="no games to compare"):
        elo_difference(*counted)


@given(counts, counts, counts, ratings)
def test_a_calibrated_rating_is_finite_and_follows_the_score(wins, draws, losses, anchor):
    rating = elo.calibrated(anchor, wins, draws, losses)
    assert math.isfinite(rating)
    assert (rating > anchor) == (wins > losses) or rating == pytest.approx(anchor)
    assert elo.calibrated(1000.0, 0, 0, 0) == 1000.0
