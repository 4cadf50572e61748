"""Pairing: who is rated next, on which port."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exphil_rt.league.pairing import Entrant, Pairing, next_match


def entrants(*elos: float) -> list[Entrant]:
    return [Entrant(policy=f"p@v{n}", elo=elo) for n, elo in enumerate(elos, 1)]


RANDOM = Entrant(policy="random", elo=1000, anchor=True)


def season(players: list[Entrant], count: int, **how) -> tuple[list[Pairing], Counter[tuple[str, str]]]:
    played: Counter[tuple[str, str]] = Counter()
    games = []
    for _ in range(count):
        game = next_match(players, played, **{"band": 100.0, **how})
        assert game is not None
        played[game] += 1
        games.append(game)
    return games, played


def test_random_and_the_first_version_are_calibrated_first_with_ports_swapped():
    players = [RANDOM, *entrants(1000, 1000)]
    games, played = season(
        players, 12, first_version="p@v1", calibration=("random", "p@v1"), calibration_games=8, anchor_games=2
    )
    assert set(games[:8]) == {("random", "p@v1"), ("p@v1", "random")}
    assert played["random", "p@v1"] == played["p@v1", "random"] == 4
    assert set(games[8:10]) == {("p@v2", "p@v1"), ("p@v1", "p@v2")}


def test_the_newest_meets_the_first_version_outside_its_band():
    games, _ = season(entrants(1000, 1900, 2000), 2, first_version="p@v1", anchor_games=2)
    assert games == [("p@v3", "p@v1"), ("p@v1", "p@v3")]


def test_games_in_play_count_so_that_two_at_once_are_both_sides_of_one_pairing():
    played: Counter[tuple[str, str]] = Counter()
    first = next_match(entrants(1000, 1010), played, band=100)
    assert first is not None
    played[first] += 1
    assert next_match(entrants(1000, 1010), played, band=100) == first[::-1]


def test_whoever_has_fewest_games_is_next_and_meets_the_nearest_in_its_band():
    players = entrants(1000, 1050, 1090, 1500)
    played = {("p@v1", "p@v2"): 1, ("p@v2", "p@v1"): 1, ("p@v2", "p@v4"): 1, ("p@v4", "p@v2"): 1}
    assert next_match(players, played, band=100) == ("p@v3", "p@v2")
    assert next_match(players, played, band=30) == ("p@v3", "p@v2"), "with nobody in the band, the nearest"


def test_one_out_of_everybodys_band_meets_the_nearest():
    players = entrants(1000, 1010, 1900)
    games, _ = season(players, 20)
    assert ("p@v3", "p@v2") in games
    assert ("p@v3", "p@v1") not in games


def test_there_is_nothing_to_rate_with_one_entrant_or_with_anchors_only():
    fixed = Entrant(policy="p@v1", elo=1200, anchor=True)
    assert next_match([], {}, band=100) is None
    assert next_match(entrants(1000), {}, band=100) is None
    assert next_match([RANDOM, fixed], {}, band=100) is None


def test_those_who_left_are_not_paired_for_their_return_game():
    assert next_match(entrants(1000, 1000), {("gone", "p@v1"): 1}, band=100) == ("p@v2", "p@v1")


def test_an_entrant_stands_there_once():
    with pytest.raises(ValueError, match="twice"):
        next_match([RANDOM, RANDOM], {}, band=100)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(min_value=500, max_value=2500), min_size=2, max_size=8),
    st.integers(min_value=1, max_value=80),
    st.floats(min_value=1, max_value=1000),
)
def test_ports_stay_balanced_and_nobody_is_forgotten(elos, count, band):
    players = [RANDOM, *entrants(*elos)]
    games, played = season(
        players, count, band=band, first_version="p@v1", calibration=("random", "p@v1"), calibration_games=4
    )
    assert all(one != other for one, other in games)
    tilt = {frozenset(pair): abs(played[pair] - played[pair[::-1]]) for pair in played}
    assert sum(tilt.values()) <= 1
    if count >= 6 + 4 * len(players):
        assert {name for game in games for name in game} >= {entrant.policy for entrant in players[1:]}


def test_in_one_band_everybody_meets_everybody():
    games, _ = season(entrants(1000, 1001, 1002, 1003, 1004), 40)
    assert len({frozenset(game) for game in games}) == 10
